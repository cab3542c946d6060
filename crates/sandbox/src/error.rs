//! The errors of the sandbox: those that other code would mend, and all others.

use std::{io, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

/// Why a sandbox call gave no result.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The code is to blame: its author gets the message and may try again.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// The child process could not be started.
    #[error("cannot start the sandbox process {}: {source}", executable.display())]
    Spawn {
        /// The executable that was tried.
        executable: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The machine is to blame: it has no room for the child, or killed it. Other code would fare no better.
    #[error("the machine can't run it: {0}")]
    Machine(String),
    /// The child could not confine itself, or broke the protocol.
    #[error("the sandbox process failed: {0}")]
    Broken(String),
}

/// What the supervisor's code did wrong, in words for its author.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum CodeError {
    /// The code raised an exception, or is not valid Python.
    #[error("{message}{}", printed_note(.printed))]
    Raised {
        /// The line and source of the code, and the exception, as Python shows them.
        message: String,
        /// The end of what it printed.
        printed: String,
    },
    /// The code lacks a function that it must define.
    #[error("the code defines no function `{0}`")]
    Missing(String),
    /// The code ran too long.
    #[error("the code ran longer than {limit:?} and was stopped{}", at_note(.at))]
    Timeout {
        /// The limit.
        limit: Duration,
        /// The place in the code, if the interpreter knows it.
        at: String,
    },
    /// The code asked for too much memory.
    #[error("the code used more than {} MB of memory and was stopped{}", .limit >> 20, at_note(.at))]
    Memory {
        /// The limit in bytes.
        limit: usize,
        /// The place in the code, if the interpreter knows it.
        at: String,
    },
    /// A text is longer than allowed.
    #[error("{what} is {got} bytes long; at most {max} are allowed")]
    TooLarge {
        /// Which text.
        what: String,
        /// Its size in bytes.
        got: usize,
        /// The limit.
        max: usize,
    },
    /// `prepare_jobs` returned too many manifests.
    #[error("prepare_jobs made {} jobs; at most {max} are allowed: use larger chunks or fewer tasks", at_least(*got, *max))]
    TooManyJobs {
        /// Their number; `max + 1` if counting stopped there.
        got: usize,
        /// The limit.
        max: usize,
    },
    /// The interpreter crashed.
    #[error("the Python interpreter crashed ({why}); write it in a simpler way{}", at_note(.at))]
    Crashed {
        /// What is known of its end.
        why: String,
        /// The place in the code, if the interpreter knows it.
        at: String,
    },
}

fn printed_note(printed: &str) -> String {
    if printed.is_empty() { String::new() } else { format!("\nPrinted before that:\n{printed}") }
}

fn at_note(at: &str) -> String {
    match at {
        "" => String::new(),
        // A line of source starts with its number.
        at if at.starts_with("line ") => format!(":\n{at}"),
        at => format!(" {at}"),
    }
}

fn at_least(got: usize, max: usize) -> String {
    if got == max + 1 { format!("more than {max}") } else { got.to_string() }
}
