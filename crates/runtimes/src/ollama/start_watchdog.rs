//! A job's part in starting a daemon: one job at a time looks for a daemon, starts a watchdog, and waits for its
//! report.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

use super::linger::LINGER;
use super::locks::{Held, Locks};
use super::note::{self, Note};
use super::watchdog_args::{Report, START_LIMIT, WatchdogArgs};
use super::{Host, Ollama};
use crate::{RuntimeError, RuntimeErrorKind};

/// The pause between two looks at a watchdog that begins or ends.
const LOOK: Duration = Duration::from_millis(20);

/// How many watchdogs in a row may be killed while they start the daemon.
const WATCHDOGS: usize = 3;

/// How a daemon is started where none answers.
#[derive(Debug)]
pub struct Start {
    /// Our own executable.
    pub minions: PathBuf,
    /// The `ollama` program.
    pub ollama: PathBuf,
    /// Where the daemon is to listen.
    pub host: Host,
    /// Where the lock files are: a directory of this user, the same for all jobs.
    pub locks: PathBuf,
    /// The longest time for the whole start.
    pub limit: Duration,
    /// What a watchdog passes on; the rest of the environment is the process's own.
    pub environment: Vec<(String, String)>,
    /// How long the daemon stays after its last user, if this job is the last one to come.
    pub linger: Duration,
    pub(super) user: Mutex<Option<Held>>,
}

impl Start {
    /// A start that may take two minutes, with no variables for the watchdog besides the process's own.
    pub fn new(
        minions: impl Into<PathBuf>,
        ollama: impl Into<PathBuf>,
        host: Host,
        locks: impl Into<PathBuf>,
    ) -> Self {
        Self {
            minions: minions.into(),
            ollama: ollama.into(),
            host,
            locks: locks.into(),
            limit: START_LIMIT,
            environment: Vec::new(),
            linger: LINGER,
            user: Mutex::default(),
        }
    }

    pub(super) fn locks(&self) -> Locks {
        Locks::new(&self.locks, self.host.port())
    }

    /// Says that this job uses the daemon, so that no watchdog ends it. Held until this is dropped.
    pub(super) async fn use_it(&self) -> Result<(), RuntimeError> {
        let mut user = self.user.lock().await;
        if user.is_none() {
            self.settle().await?;
            *user = Some(self.locks().join_for(self.linger).await?);
        }
        Ok(())
    }

    /// Has a daemon that waits for users ended if it runs with other settings than this job gives. One that is in use
    /// keeps them, which is told.
    async fn settle(&self) -> Result<(), RuntimeError> {
        let locks = self.locks();
        let wanted = note::settings(&self.environment, &self.host);
        let Some(note) = Note::last(&locks).filter(|note| !note.differences(&wanted).is_empty()) else {
            return Ok(());
        };
        let _turn = locks.become_starter().await?;
        let mut looks = 0;
        while locks.become_watchdog()?.is_none() {
            let is_idle = !note.persistent && locks.dismiss()?;
            // A watchdog that looks for users seems to be one for a moment, and one that ends its daemon until then.
            looks = if is_idle { 0 } else { looks + usize::from(locks.are_there_users()?) };
            if note.persistent || looks == 3 {
                tracing::warn!(
                    "the Ollama daemon for {} is in use and keeps its settings; other ones here: {}",
                    self.host,
                    note.differences(&wanted).join(", ")
                );
                return Ok(());
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// Whether no other job uses the daemon, as far as that can be told.
    pub(super) async fn is_alone(&self) -> bool {
        self.user.lock().await.as_ref().is_some_and(Held::is_alone)
    }

    /// Calls that the daemon takes at once, if a watchdog of ours has it.
    pub(super) fn slots(&self) -> Option<usize> {
        self.locks().told_slots()
    }

    /// Has a daemon started, unless one has come meanwhile.
    pub(super) async fn start(&self, ollama: &Ollama) -> Result<(), RuntimeError> {
        let _turn = self.locks().become_starter().await?;
        self.start_in_turn(ollama).await
    }

    /// The same for a job that has the turn.
    pub(super) async fn start_in_turn(&self, ollama: &Ollama) -> Result<(), RuntimeError> {
        let locks = self.locks();
        let deadline = Instant::now() + self.limit;
        let mut died = 0;
        loop {
            match ollama.look().await {
                Err(error) if error.kind == RuntimeErrorKind::Unreachable && Instant::now() < deadline => {}
                seen => return seen,
            }
            match locks.become_watchdog()? {
                // A watchdog lives and is about to start its daemon, or to start it again.
                None => sleep(LOOK).await,
                Some(free) => {
                    drop(free);
                    if self.spawn_watchdog().await? {
                        return Ok(());
                    }
                    // It was killed. The next one ends what it has left.
                    died += 1;
                    if died == WATCHDOGS {
                        return Err(failed("its watchdog ended without a report"));
                    }
                }
            }
        }
    }

    /// Whether the watchdog reports that its daemon answers; not if it ended without a report.
    async fn spawn_watchdog(&self) -> Result<bool, RuntimeError> {
        tracing::info!("starting {} for {}", self.ollama.display(), self.host);
        let mut watchdog = Command::new(&self.minions)
            .args(WatchdogArgs::words(&self.host, &self.ollama, &self.locks, false))
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // It outlives the job, and whoever reads the job's stderr waits for its end.
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|error| failed(&format!("can't start {}: {error}", self.minions.display())))?;
        let mut line = String::new();
        if let Some(stdout) = watchdog.stdout.take() {
            let mut stdout = BufReader::new(stdout);
            let read = timeout(self.limit, stdout.read_line(&mut line)).await;
            read.map_err(|_| failed("its watchdog does not report"))?
                .map_err(|error| failed(&error.to_string()))?;
        }
        match serde_json::from_str::<Report>(&line) {
            Ok(Report { error: None }) => Ok(true),
            Ok(Report { error: Some(error) }) => Err(failed(&error)),
            Err(_) => Ok(false),
        }
    }
}

pub(super) fn failed(what: &str) -> RuntimeError {
    RuntimeError::new(RuntimeErrorKind::Unreachable, format!("Ollama was not started: {what}"))
        .hint("run `ollama serve` by hand to see what is wrong, or give the address of a running one in OLLAMA_HOST")
}

/// A program by its name in the directories of `PATH`.
pub fn find_program(name: &str, path: &str) -> Option<PathBuf> {
    which::which_in_global(name, Some(path)).ok()?.next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_program_is_found_where_it_can_be_executed() {
        assert_eq!(find_program("sh", "/nowhere:/etc:/bin").as_deref(), Some(Path::new("/bin/sh")));
        assert_eq!(find_program("passwd", "/etc"), None);
        assert_eq!(find_program("sh", ""), None);
    }
}
