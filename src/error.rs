//! Why a job has no answer: the kind, the words, the remedy. Exit codes are derived from the kind here, and nowhere else.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::chat::{ChatError, ChatErrorKind, Usage};
use crate::runtimes::RuntimeError;

/// The program's exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The job has its answer.
    Success = 0,
    /// The job failed.
    Failed = 1,
    /// The input or the command line is unusable.
    Input = 2,
    /// A batch: some of its lines failed.
    SomeFailed = 3,
    /// The deadline passed.
    Deadline = 124,
    /// SIGHUP.
    HungUp = 129,
    /// SIGINT, or the caller's cancel.
    Interrupted = 130,
    /// SIGTERM.
    Terminated = 143,
}

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The job, or the command line, is unusable as it is. Nothing was sent.
    Input,
    /// A call to a model failed.
    Model(ChatErrorKind),
    /// A model server could not be found, started or made ready.
    Runtime,
    /// The job may spend, or send out, no more.
    Budget,
    /// The supervisor's replies or programs stayed unusable.
    Protocol,
    /// The sandbox itself failed.
    Sandbox,
    /// A replay lacks an exchange.
    Replay,
    /// The deadline passed.
    Deadline,
    /// The caller cancelled the job, or SIGINT did.
    Cancelled,
    /// SIGTERM ended the job.
    Terminated,
    /// SIGHUP, or the end of whoever started it, ended the job.
    HungUp,
    /// A file, a pipe or another part of the system failed.
    System,
    /// minions itself is at fault.
    Defect,
}

impl FailureKind {
    /// The kind of a job's failure when a call failed for this reason.
    pub(crate) fn of_call(kind: ChatErrorKind) -> Self {
        match kind {
            ChatErrorKind::Withheld => Self::Budget,
            kind => Self::Model(kind),
        }
    }

    /// Whether the job was ended by its caller, a signal or a deadline.
    pub(crate) fn is_from_outside(self) -> bool {
        matches!(self, Self::Deadline | Self::Cancelled | Self::Terminated | Self::HungUp)
    }

    /// The exit code of a program whose job failed so.
    pub fn exit(self) -> Exit {
        match self {
            Self::Input => Exit::Input,
            Self::Deadline => Exit::Deadline,
            Self::Cancelled => Exit::Interrupted,
            Self::Terminated => Exit::Terminated,
            Self::HungUp => Exit::HungUp,
            Self::Model(_)
            | Self::Runtime
            | Self::Budget
            | Self::Protocol
            | Self::Sandbox
            | Self::Replay
            | Self::System
            | Self::Defect => Exit::Failed,
        }
    }
}

/// What a job's calls have cost so far, in tokens and, if the job has prices, in dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// Tokens of the supervisor's calls.
    pub remote: Usage,
    /// Tokens of the worker's calls and of embeddings.
    pub local: Usage,
    /// Dollars for `remote`.
    pub usd: Option<f64>,
    /// What had left this machine.
    pub left: Left,
}

/// What left this machine, in sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Bytes of all request bodies.
    pub bytes: usize,
    /// Bytes of them that are not the job's own words.
    pub other_bytes: usize,
    /// Characters of the documents that were recognised in them, each counted once.
    pub context_chars: usize,
    /// Characters of the documents.
    pub of_context_chars: usize,
}

/// Why a job has no answer.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What kind of thing went wrong.
    pub kind: FailureKind,
    /// What failed, and where.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The error below, where there is one.
    pub source: Option<Arc<dyn Error + Send + Sync>>,
    /// What the job had cost by then.
    pub spent: Box<Spent>,
}

impl Failure {
    /// A failure of this kind.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, source: None, spent: Box::default() }
    }

    /// The input is unusable.
    pub fn input(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Input, message)
    }

    /// A part of the system failed.
    pub fn system(message: impl Into<String>) -> Self {
        Self::new(FailureKind::System, message)
    }

    /// minions itself is at fault.
    pub fn defect(what: impl fmt::Display) -> Self {
        Self::new(FailureKind::Defect, format!("minions itself failed: {what}"))
            .hint("this is a defect of minions; please report it with the lines on stderr")
    }

    /// A thread could not be started.
    pub fn no_thread(error: impl fmt::Display) -> Self {
        Self::system(format!("this machine lets the program start no more threads: {error}")).hint(
            "raise the limit of processes (`ulimit -u`, or the container's), or of memory (`ulimit -v`)",
        )
    }

    /// What is told after a panic, whose own words are on stderr.
    pub fn of_panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
        Self::of_panic_text(text).unwrap_or_else(|| Self::defect("a panic, whose words are on stderr"))
    }

    /// The runtime and the standard library panic where the machine has no thread left.
    fn of_panic_text(text: &str) -> Option<Self> {
        (text.contains("spawn") && text.contains("thread")).then(|| Self::no_thread(text))
    }

    /// Adds what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the error below.
    pub fn caused_by(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hint {
            // The words of a server, and a quote, may end with a full stop of their own.
            // The mark of a text that was cut off stays: what a cut has left of a credential is known by it.
            Some(hint) if self.message.ends_with("...") => write!(f, "{} Hint: {hint}", self.message),
            Some(hint) => write!(f, "{}. Hint: {hint}", self.message.trim_end_matches('.')),
            None => f.write_str(&self.message),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// A task of ours that panicked. The panic's own words are the subscriber's.
impl From<tokio::task::JoinError> for Failure {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::of_panic_text(&error.to_string()).unwrap_or_else(|| Self::defect(error))
    }
}

impl From<ChatError> for Failure {
    fn from(error: ChatError) -> Self {
        let kind = FailureKind::of_call(error.kind);
        Self { hint: error.hint.clone(), ..Self::new(kind, error.message.clone()).caused_by(error) }
    }
}

impl From<RuntimeError> for Failure {
    fn from(error: RuntimeError) -> Self {
        Self {
            hint: error.hint.clone(),
            ..Self::new(FailureKind::Runtime, error.message.clone()).caused_by(error)
        }
    }
}
