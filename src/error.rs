//! What failed, what to do next, and the exit code: one mapping for all rooms.

use std::fmt;

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
    /// SIGINT.
    Interrupted = 130,
    /// SIGTERM.
    Terminated = 143,
}

/// Why a job has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What failed, and where.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The exit code.
    pub exit: Exit,
}

impl Failure {
    /// The job failed.
    pub fn job(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, exit: Exit::Failed }
    }

    /// The input is unusable.
    pub fn input(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, exit: Exit::Input }
    }

    /// minions itself is at fault.
    pub fn defect(what: impl fmt::Display) -> Self {
        Self::job(format!("minions itself failed: {what}"))
            .hint("this is a defect of minions; please report it with the lines on stderr")
    }

    /// Adds what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, ". Hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

impl From<crate::chat::ChatError> for Failure {
    fn from(error: crate::chat::ChatError) -> Self {
        Self { message: error.message, hint: error.hint, exit: Exit::Failed }
    }
}

impl From<crate::runtimes::RuntimeError> for Failure {
    fn from(error: crate::runtimes::RuntimeError) -> Self {
        Self { message: error.message, hint: error.hint, exit: Exit::Failed }
    }
}
