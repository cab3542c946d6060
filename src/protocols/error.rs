//! Why a protocol gave no answer.

use crate::chat::{ChatError, ChatErrorKind};
use crate::error::{Failure, FailureKind};
use crate::sandbox::SandboxError;

/// Why a protocol gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// A call to the supervisor failed.
    #[error("{}: {}", outcome(.0.kind, "supervisor"), .0)]
    Supervisor(ChatError),
    /// A call to the worker failed, or all of a round's.
    #[error("{}: {}", outcome(.0.kind, "worker"), .0)]
    Worker(ChatError),
    /// The supervisor's reply stayed unusable.
    #[error("the supervisor's reply is unusable after {tries} tries: {problem}; it wrote: {quote}")]
    Unusable {
        /// Replies asked for.
        tries: u32,
        /// What is wrong with the last one.
        problem: String,
        /// The beginning of the last reply.
        quote: String,
    },
    /// None of the supervisor's programs ran.
    #[error("none of the supervisor's {attempts} programs ran; the last one failed so: {problem}")]
    Program {
        /// Programs tried.
        attempts: u32,
        /// Why the last one failed.
        problem: String,
    },
    /// The sandbox itself failed.
    #[error("the sandbox for the supervisor's program failed: {0}")]
    Sandbox(SandboxError),
}

/// What became of a call that ended with an error of this kind. Only who was asked can leave out the answer.
fn outcome(kind: ChatErrorKind, side: &str) -> String {
    match kind {
        ChatErrorKind::Withheld => format!("the {side} was not asked"),
        ChatErrorKind::ContextTooLong => format!("the {side} cannot read as much"),
        ChatErrorKind::Auth | ChatErrorKind::NotFound | ChatErrorKind::Rejected => {
            format!("the {side} refused the call")
        }
        _ => format!("the {side} did not answer"),
    }
}

impl From<ProtocolError> for Failure {
    fn from(error: ProtocolError) -> Self {
        let hint = match &error {
            ProtocolError::Supervisor(chat) | ProtocolError::Worker(chat) => chat.hint.clone(),
            ProtocolError::Unusable { .. } | ProtocolError::Program { .. } => {
                Some("use a stronger model as remote_client, or the protocol minion".into())
            }
            ProtocolError::Sandbox(_) => None,
        };
        let kind = match &error {
            ProtocolError::Supervisor(chat) | ProtocolError::Worker(chat) => FailureKind::of_call(chat.kind),
            ProtocolError::Unusable { .. } | ProtocolError::Program { .. } => FailureKind::Protocol,
            ProtocolError::Sandbox(_) => FailureKind::Sandbox,
        };
        Self { hint, ..Self::new(kind, error.to_string()).caused_by(error) }
    }
}
