//! A child under way, as its parent sees it.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use monty_types::OOM_EXIT_CODE;
use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt, BufWriter};
use tokio::process::{Child as Process, ChildStderr, ChildStdin, ChildStdout};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::ChildExecutable;

/// How long the end of a child that talks no more is waited for.
const GRACE: Duration = Duration::from_millis(500);
/// Bytes of a child's stderr that are kept.
const STDERR: u64 = 16 << 10;

/// A child process with its pipes. Dropping it kills it.
pub struct Child {
    process: Process,
    /// What the child reads.
    pub input: BufWriter<ChildStdin>,
    /// What the child writes.
    pub output: ChildStdout,
    stderr: Option<JoinHandle<String>>,
    /// Keeps the thread alive that started the child.
    _executable: ChildExecutable,
}

/// How a child ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Death {
    /// It asked for more memory than it may have.
    OutOfMemory,
    /// Its CPU time ran out.
    OutOfTime,
    /// It was killed, as the kernel does where memory is short.
    Killed,
    /// It was ended from outside, by this signal.
    Ended(Signal),
    /// It calls itself too deeply.
    TooDeep,
    /// Anything else: a panic, or a fault of the processor.
    Crashed,
}

impl Child {
    /// Starts a child. Needs a tokio runtime with IO and time.
    ///
    /// # Errors
    /// If the system starts none.
    pub async fn start(executable: &ChildExecutable) -> io::Result<Self> {
        let mut process = executable.spawn().await?;
        let missing = || io::Error::other("a pipe is missing");
        let input = BufWriter::with_capacity(1 << 16, process.stdin.take().ok_or_else(missing)?);
        let output = process.stdout.take().ok_or_else(missing)?;
        let stderr = process.stderr.take().ok_or_else(missing)?;
        let stderr = Some(tokio::spawn(drain(stderr)));
        Ok(Self { process, input, output, stderr, _executable: executable.clone() })
    }

    /// Its process id, while it lives.
    pub fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Kills and reaps it, so that no zombie is left.
    pub async fn end(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill().await;
    }

    /// How a child ended that stopped talking: its status, and what it is taken for. `None` if it lives, and so broke the
    /// protocol.
    pub async fn death(&mut self) -> Option<(ExitStatus, Death)> {
        let status = timeout(GRACE, self.process.wait()).await.ok()?.ok()?;
        let words = match self.stderr.take() {
            Some(reader) => timeout(GRACE, reader).await.ok().and_then(Result::ok).unwrap_or_default(),
            None => String::new(),
        };
        tracing::debug!(%status, stderr = words, "a confined child died");
        Some((status, Death::of(status, &words)))
    }
}

impl Death {
    fn of(status: ExitStatus, words: &str) -> Self {
        let signal = status.signal().and_then(|signal| Signal::try_from(signal).ok());
        match (status.code(), signal) {
            (Some(OOM_EXIT_CODE), _) => Self::OutOfMemory,
            (_, Some(Signal::SIGXCPU)) => Self::OutOfTime,
            // A child can't send signals, and its own limits send others.
            (_, Some(Signal::SIGKILL)) => Self::Killed,
            (_, Some(signal @ (Signal::SIGTERM | Signal::SIGINT | Signal::SIGHUP | Signal::SIGQUIT))) => {
                Self::Ended(signal)
            }
            (_, Some(Signal::SIGABRT)) if words.contains("overflowed its stack") => Self::TooDeep,
            _ => Self::Crashed,
        }
    }
}

/// Reads stderr to its end, so that the child never blocks on it, and keeps the first part.
async fn drain(mut stderr: ChildStderr) -> String {
    let mut kept = Vec::new();
    let _ = (&mut stderr).take(STDERR).read_to_end(&mut kept).await;
    let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&kept).into_owned()
}
