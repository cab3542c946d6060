//! A child process in a process group of its own: both pipes are drained, its last words are kept, and the whole group
//! ends with it.

use std::collections::VecDeque;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::words::short;

/// Lines of stderr that are kept for an error message.
const LAST_WORDS: usize = 100;
/// How long the pipe of a child that has ended is still read.
const LISTEN_ON: Duration = Duration::from_millis(500);

type Words = Arc<Mutex<VecDeque<String>>>;

/// A running child. Dropping it kills its whole group.
pub(super) struct Supervised {
    child: Child,
    group: Pid,
    words: Words,
    listener: Option<JoinHandle<()>>,
}

impl Supervised {
    /// Starts the command without stdin. What it writes goes to the debug log under `name`.
    pub(super) fn spawn(mut command: Command, name: &'static str) -> io::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn()?;
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        let group = Pid::from_raw(id.ok_or_else(|| io::Error::other("the child is gone already"))?);
        let words = Words::default();
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(drain(stdout, name, None));
        }
        let stderr = child.stderr.take();
        let listener = stderr.map(|stderr| tokio::spawn(drain(stderr, name, Some(Arc::clone(&words)))));
        Ok(Self { child, group, words, listener })
    }

    /// The number of the child's process.
    pub(super) fn id(&self) -> i32 {
        self.group.as_raw()
    }

    /// Waits for the child's end and its last words. Its descendants are ended as well: an Ollama
    /// daemon that is killed leaves a runner that holds its memory.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        self.kill_group();
        if let Some(listener) = self.listener.take() {
            // A descendant that left the group can still hold the pipe open.
            let _ = timeout(LISTEN_ON, listener).await;
        }
        status
    }

    /// Whether it has not ended yet.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// SIGTERM to the child, and after `grace` SIGKILL to all of its group.
    pub(super) async fn stop(mut self, grace: Duration) {
        if self.is_alive() {
            // Only the leader gets SIGTERM: it ends its descendants in its own order.
            let _ = kill(self.group, Signal::SIGTERM);
            let _ = timeout(grace, self.child.wait()).await;
        }
        self.kill_group();
        let _ = self.child.wait().await;
    }

    /// What the end of its stderr tells.
    pub(super) fn last_words(&self) -> String {
        short(&lock(&self.words).iter().map(String::as_str).collect::<Vec<_>>().join("\n"))
    }

    fn kill_group(&self) {
        // This fails if the group has ended already.
        let _ = killpg(self.group, Signal::SIGKILL);
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.kill_group();
    }
}

/// The value behind `mutex`, also after a thread panicked while it held the lock.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads a pipe to its end, because a child whose pipe is full blocks.
async fn drain(pipe: impl AsyncRead + Unpin, name: &'static str, words: Option<Words>) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    while pipe.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        line.clear();
        tracing::debug!("{name}: {text}");
        if let Some(words) = &words {
            let mut words = lock(words);
            words.push_back(text);
            if words.len() > LAST_WORDS {
                words.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Supervised {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Supervised::spawn(command, "test").unwrap()
    }

    /// Whether a process that is not a zombie has this id.
    fn is_running(id: &str) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
        !status.is_empty() && !status.contains(") Z ")
    }

    async fn eventually(what: impl Fn() -> bool) {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn a_child_that_writes_much_ends_and_its_last_words_are_kept() {
        let mut child = shell("seq 200000; seq 200000 >&2; echo at last >&2; exit 3");
        assert_eq!(child.ended().await.unwrap().code(), Some(3));
        assert!(child.last_words().ends_with("199999 200000 at last"), "{}", child.last_words());
        assert!(child.last_words().len() < 450, "{}", child.last_words());
    }

    #[tokio::test]
    async fn nothing_of_the_group_is_left_however_the_child_ends() {
        let folder = tempfile::tempdir().unwrap();
        for (n, end) in ["exit 0", "kill -9 $$", "trap '' TERM; wait"].into_iter().enumerate() {
            let note = folder.path().join(n.to_string());
            let script = format!("sleep 1000 & echo $! > {0}.part; mv {0}.part {0}; {end}", note.display());
            let mut child = shell(&script);
            eventually(|| note.exists()).await;
            let orphan = std::fs::read_to_string(&note).unwrap();
            if end.contains("wait") {
                child.stop(Duration::from_millis(100)).await;
            } else {
                child.ended().await.unwrap();
            }
            eventually(|| !is_running(&orphan)).await;
        }
    }
}
