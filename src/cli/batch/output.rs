//! Lines on their way to stdout or into a file: written whole, one after the other, in a thread of their own.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

use minions::chat::secrets::Redactor;
use minions::envelope::Envelope;
use minions::error::{Failure, Spent};

use crate::cli::outcome::JobOutcome;
use crate::cli::{envelope, last_words};

/// Lines that wait for the one that is being written.
const WAITING: usize = 16;
/// How long a line that is being written may still take when the program has to end at once.
pub(super) const LAST_LINE: Duration = Duration::from_secs(1);

/// Where lines go.
pub(in crate::cli) enum Sink {
    Stdout(io::Stdout),
    File(File),
    /// Somebody takes them.
    Taken(Sender<Finished>),
}

/// The line of a job that has ended.
#[derive(Debug)]
pub(in crate::cli) struct Finished {
    pub custom_id: String,
    /// With its newline.
    pub line: Vec<u8>,
    pub is_success: bool,
    /// What it cost, as far as the result tells.
    pub spent: Spent,
}

impl Sink {
    /// What messages call it.
    fn name(&self) -> &'static str {
        match self {
            Self::Stdout(_) => "stdout",
            Self::File(_) => "the file of the results",
            Self::Taken(_) => "the queue",
        }
    }

    /// Its file, if it has one.
    pub(super) fn file(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Stdout(stdout) => Some(stdout.as_fd()),
            Self::File(file) => Some(file.as_fd()),
            Self::Taken(_) => None,
        }
    }
}

/// A line to print.
pub(super) struct Printed {
    /// Position among the lines of the run, from 0.
    pub position: u64,
    pub custom_id: String,
    pub envelope: Envelope<JobOutcome>,
    /// The right to hold an unprinted line; it is given back when the line is printed.
    pub permit: OwnedSemaphorePermit,
}

/// Lines that are being written.
pub(super) struct Output {
    lines: Sender<Printed>,
    /// Where they go, for messages.
    target: &'static str,
    /// Whether they go to stdout.
    pub is_stdout: bool,
    /// `None` once it has ended.
    writer: Option<JoinHandle<io::Result<()>>>,
}

impl Output {
    /// Writes to `sink`; the first line begins with `before`.
    pub(super) fn open(sink: Sink, redactor: Redactor, ordered: bool, before: &'static [u8]) -> Self {
        let (lines, printed) = channel(WAITING);
        let (target, is_stdout) = (sink.name(), matches!(sink, Sink::Stdout(_)));
        let writer = tokio::task::spawn_blocking(move || {
            Writer { sink, redactor, before, next: 0, early: BTreeMap::new() }.run(printed, ordered)
        });
        Self { lines, target, is_stdout, writer: Some(writer) }
    }

    /// Takes the lines.
    pub(super) fn lines(&self) -> Sender<Printed> {
        self.lines.clone()
    }

    /// Waits until nothing can be written any more.
    pub(super) async fn broken(&mut self) -> Failure {
        let Some(writer) = &mut self.writer else { return std::future::pending().await };
        let failure = failure(writer, self.target).await;
        self.writer = None;
        failure.unwrap_or_else(|| Failure::defect("the output ended too early"))
    }

    /// Waits until every line is written.
    pub(super) async fn close(self) -> Option<Failure> {
        drop(self.lines);
        failure(&mut self.writer?, self.target).await
    }

    /// Waits for no line but the one that is being written.
    pub(super) async fn abandon(self) {
        let _ = tokio::time::timeout(LAST_LINE, self.close()).await;
    }
}

/// The line of a job that still runs when memory ends, which is put together while there is some.
pub(super) fn out_of_memory(custom_id: &str, redactor: &Redactor) -> Vec<u8> {
    let failure = Failure::system("the memory that this process may use was used up while this job ran").hint(
        "give it more (`ulimit -v` or the container's limit), or run fewer jobs at once (--max-jobs); --resume runs it \
         again",
    );
    let envelope: Envelope<JobOutcome> = Err(failure).into();
    // It has nothing that can't be JSON.
    envelope::line(&envelope, custom_id, redactor).unwrap_or_default()
}

async fn failure(writer: &mut JoinHandle<io::Result<()>>, target: &str) -> Option<Failure> {
    match writer.await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(Failure::system(format!("{target} can't be written to: {error}"))),
        Err(error) => Some(error.into()),
    }
}

struct Writer {
    sink: Sink,
    redactor: Redactor,
    before: &'static [u8],
    /// Position of the next line.
    next: u64,
    /// Lines that are done before their turn.
    early: BTreeMap<u64, Printed>,
}

impl Writer {
    fn run(&mut self, mut lines: Receiver<Printed>, ordered: bool) -> io::Result<()> {
        while let Some(line) = lines.blocking_recv() {
            if !ordered {
                self.write(line)?;
                continue;
            }
            self.early.insert(line.position, line);
            while let Some(line) = self.early.remove(&self.next) {
                self.write(line)?;
                self.next += 1;
            }
        }
        // What is missing before these was given up.
        std::mem::take(&mut self.early).into_values().try_for_each(|line| self.write(line))
    }

    fn write(&mut self, line: Printed) -> io::Result<()> {
        let Printed { position, custom_id, envelope, permit } = line;
        let mut bytes = self.before.to_vec();
        bytes.extend(envelope::line(&envelope, &custom_id, &self.redactor)?);
        match &mut self.sink {
            Sink::Stdout(_) => last_words::write_line(position, &bytes)?,
            Sink::File(file) => file.write_all(&bytes)?,
            Sink::Taken(taker) => {
                let spent = match &envelope.result {
                    Some(JobOutcome::Answer(result)) => result.spent,
                    _ => Spent::default(),
                };
                let finished = Finished { custom_id, line: bytes, is_success: envelope.success, spent };
                let gone = || io::Error::new(io::ErrorKind::BrokenPipe, "nobody takes its lines");
                taker.blocking_send(finished).map_err(|_| gone())?;
            }
        }
        self.before = b"";
        drop(permit);
        Ok(())
    }
}
