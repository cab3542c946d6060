//! The watchdog: a process of minions that starts one Ollama daemon, restarts it when it ends, and ends it with its
//! last user.
//!
//! A daemon must outlive the job that started it as long as another job uses it, its pipes must be read all that
//! time, and it must not outlive them all, however they end. So no job owns it. Three locks, which the kernel
//! releases with their process, say who is there: `starter` (one job looks and starts), `watchdog` (a watchdog lives)
//! and `users` (shared by the jobs; the watchdog gets it when the last one is gone). A fourth, `slots`, holds the number
//! of calls that the daemon takes at once, for the jobs to read.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout_at};

use super::locks::{Held, Locks};
use super::{Host, Ollama};
use crate::process::Supervised;
use crate::{Runtime, RuntimeError, RuntimeErrorKind, Timeouts, window};

/// The variable that gives the daemon its number of slots.
const PARALLEL: &str = "OLLAMA_NUM_PARALLEL";
/// The pause between two looks at a daemon whose port is not open yet.
const LOOK: Duration = Duration::from_millis(10);
/// A daemon that has run for this long is started again at once.
const STEADY: Duration = Duration::from_secs(10);
/// The pause after a failed start doubles from the shortest to the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How a daemon is run.
#[derive(Clone, Debug)]
pub struct Watchdog {
    /// The `ollama` program.
    pub program: PathBuf,
    /// Where it is to listen.
    pub host: Host,
    /// Its whole environment, see [`environment`].
    pub environment: Vec<(String, String)>,
    /// Whether to go on after a failed start, as in a container that hosts the daemon.
    pub persistent: bool,
    /// The longest time for a start.
    pub start: Duration,
    /// The time from SIGTERM to SIGKILL.
    pub grace: Duration,
}

impl Watchdog {
    /// Runs a daemon, and starts it again when it ends, until `end` comes; gives what `end` gave once the daemon has
    /// ended. `report` hears once how the first start went. Without `persistent` a failed first start is the end. Gives
    /// `None` if another watchdog has this daemon.
    pub async fn run<T>(
        &self,
        locks: &Locks,
        report: impl FnOnce(Result<(), &RuntimeError>),
        end: impl Future<Output = T>,
    ) -> Result<Option<T>, RuntimeError> {
        let Some(_held) = locks.become_watchdog()? else {
            report(Ok(()));
            return Ok(None);
        };
        tokio::pin!(end);
        let mut report = Some(report);
        let mut pause = Duration::ZERO;
        loop {
            let begun = Instant::now();
            let mut child = self.spawn();
            let error = tokio::select! {
                error = self.tend(locks, &mut child, &mut report) => error,
                last = &mut end => {
                    if let Ok(child) = child {
                        child.stop(self.grace).await;
                    }
                    return Ok(Some(last));
                }
            };
            if let Ok(child) = child {
                child.stop(self.grace).await;
            }
            if let Some(report) = report.take() {
                report(Err(&error));
                if !self.persistent {
                    return Err(error);
                }
            }
            pause = if begun.elapsed() >= STEADY { Duration::ZERO } else { pause };
            tracing::warn!("{error}; starting it again");
            tokio::select! {
                () = sleep(pause) => {}
                last = &mut end => return Ok(Some(last)),
            }
            pause = (pause * 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        }
    }

    /// Tells jobs how many calls the daemon takes at once. Jobs are told nothing if the user's own setting is not a
    /// positive number.
    async fn tell_slots(&self, locks: &Locks) -> Option<Held> {
        let (_, value) = self.environment.iter().find(|(name, _)| name == PARALLEL)?;
        let slots = value.parse().ok().filter(|&slots| slots > 0)?;
        let told = locks.tell_slots(slots).await;
        told.inspect_err(|error| tracing::warn!("jobs are not told the daemon's slots: {error}")).ok()
    }

    fn spawn(&self) -> io::Result<Supervised> {
        let mut command = Command::new(&self.program);
        command.arg("serve").env_clear().envs(self.environment.iter().cloned());
        Supervised::spawn(command, "ollama")
    }

    /// Follows a daemon from its start to its end. Gives why it ended.
    async fn tend(
        &self,
        locks: &Locks,
        child: &mut io::Result<Supervised>,
        report: &mut Option<impl FnOnce(Result<(), &RuntimeError>)>,
    ) -> RuntimeError {
        let child = match child {
            Ok(child) => child,
            Err(error) => {
                return self.failed(&format!("can't be started as {}: {error}", self.program.display()));
            }
        };
        // Jobs are told only while our child lives: after it another daemon may have the port, with slots of its own.
        let _told = self.tell_slots(locks).await;
        if let Err(error) = self.ready(child).await {
            return error;
        }
        tracing::info!("Ollama answers at {}", self.host.client_url());
        if let Some(report) = report.take() {
            report(Ok(()));
        }
        self.death(child).await
    }

    /// Waits until the daemon answers while our child lives: another one at its port would answer, too.
    async fn ready(&self, child: &mut Supervised) -> Result<(), RuntimeError> {
        let ollama = Ollama::new(
            self.host.client_url(),
            None,
            Timeouts { answer: self.start, ..Timeouts::default() },
        )?;
        let deadline = Instant::now() + self.start;
        loop {
            let answer = tokio::select! {
                error = self.death(child) => return Err(error),
                answer = timeout_at(deadline, ollama.ensure_ready()) => answer,
            };
            match answer {
                Ok(Ok(())) if child.is_alive() => return Ok(()),
                Ok(Err(error)) if error.kind != RuntimeErrorKind::Unreachable => return Err(error),
                Ok(_) if Instant::now() < deadline => sleep(LOOK).await,
                _ => {
                    let words = child.last_words();
                    let what = format!("does not answer within {} s: {words}", self.start.as_secs_f64());
                    return Err(self.failed(&what));
                }
            }
        }
    }

    async fn death(&self, child: &mut Supervised) -> RuntimeError {
        let status = child.ended().await;
        let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        self.failed(&format!("ended ({how}): {}", child.last_words()))
    }

    fn failed(&self, what: &str) -> RuntimeError {
        let message = format!("the Ollama daemon for {} {what}", self.host);
        RuntimeError::new(RuntimeErrorKind::Unreachable, message)
            .hint("run `ollama serve` by hand to see what is wrong")
    }
}

/// The daemon's environment: the given one without credentials, and where the user has not said otherwise
/// settings for many calls at once to one model.
pub fn environment(
    given: impl IntoIterator<Item = (String, String)>,
    host: &Host,
    slots: usize,
) -> Vec<(String, String)> {
    let is_credential =
        |name: &str| ["_KEY", "_TOKEN", "_SECRET", "_PASSWORD"].iter().any(|end| name.ends_with(end));
    let mut environment: Vec<_> =
        given.into_iter().filter(|(name, _)| !is_credential(name) && name != "OLLAMA_HOST").collect();
    let ours = [
        // The daemon takes so many calls at once; each slot has a whole window.
        (PARALLEL, slots.to_string()),
        // Calls that name no window get ours, so that the model is not loaded anew.
        ("OLLAMA_CONTEXT_LENGTH", window::DEFAULT.to_string()),
        ("OLLAMA_KEEP_ALIVE", "30m".to_owned()),
        // Nothing is asked of, or sent to, Ollama's own machines.
        ("OLLAMA_NO_CLOUD", "1".to_owned()),
        // llama.cpp keeps up to 8 GiB of old prompts by default. Ours share a prefix, which a slot keeps itself.
        ("LLAMA_ARG_CACHE_RAM", "0".to_owned()),
    ];
    for (name, value) in ours {
        if !environment.iter().any(|(known, _)| known == name) {
            environment.push((name.to_owned(), value));
        }
    }
    environment.push(("OLLAMA_HOST".to_owned(), host.to_string()));
    environment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemon_gets_our_settings_unless_the_user_has_set_them_and_no_credential() {
        let given = [
            ("PATH", "/bin"),
            ("OPENAI_API_KEY", "sk-secret"),
            ("OLLAMA_NUM_PARALLEL", "9"),
            ("OLLAMA_HOST", "x"),
        ];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment = environment(given, &Host::read("0.0.0.0").unwrap(), 4);
        let get = |name: &str| {
            let all: Vec<_> = environment.iter().filter(|(known, _)| known == name).collect();
            assert!(all.len() < 2, "{all:?}");
            all.first().map(|(_, value)| value.as_str())
        };
        assert_eq!(get("PATH"), Some("/bin"));
        assert_eq!(get("OPENAI_API_KEY"), None);
        assert_eq!(get("OLLAMA_NUM_PARALLEL"), Some("9"));
        assert_eq!(get("OLLAMA_HOST"), Some("0.0.0.0:11434"));
        assert_eq!(get("LLAMA_ARG_CACHE_RAM"), Some("0"));
    }
}
