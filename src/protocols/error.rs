//! Why a protocol gave no answer.

use crate::chat::{ChatError, ChatErrorKind};
use crate::error::{Failure, FailureKind};
use crate::job::JobRole;
use crate::sandbox::SandboxError;
use crate::words::count;

/// Why a protocol gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// A call to the supervisor failed.
    #[error("{}", of_call("supervisor", .0))]
    Supervisor(ChatError),
    /// A call to the worker failed, or all of a round's.
    #[error("{}", of_call("worker", .0))]
    Worker(ChatError),
    /// The supervisor's reply stayed unusable, or that of the worker in its place.
    #[error("the {role}'s reply is unusable after {}: {problem}; it wrote: {quote}", tries_of(*.tries))]
    Unusable {
        /// Whose reply it is.
        role: JobRole,
        /// Whether the token limit cut the last one off.
        is_cut: bool,
        /// Replies asked for.
        tries: u32,
        /// What is wrong with the last one.
        problem: String,
        /// The beginning of the last reply.
        quote: String,
    },
    /// None of the supervisor's programs ran.
    #[error("none of the supervisor's {} ran; the last one went back to it with: {}", count(u64::from(*.attempts), "program"), one_line(.problem))]
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

/// The words for a failed call: it failed only if it was made.
fn of_call(side: &str, error: &ChatError) -> String {
    match error.kind {
        ChatErrorKind::Withheld => format!("the {side} was not asked: {error}"),
        ChatErrorKind::ContextTooLong => format!("the {side} can't be asked: {error}"),
        ChatErrorKind::Auth
        | ChatErrorKind::Forbidden
        | ChatErrorKind::NotFound
        | ChatErrorKind::Refused
        | ChatErrorKind::Rejected => {
            format!("the {side} refused the call: {error}")
        }
        _ => format!("the call to the {side} failed: {error}"),
    }
}

fn tries_of(tries: u32) -> String {
    if tries == 1 { "one try".to_owned() } else { format!("{tries} tries") }
}

/// `problem` for people: a traceback on one line.
pub(super) fn one_line(problem: &str) -> String {
    problem.lines().map(str::trim).collect::<Vec<_>>().join(" | ")
}

impl From<ProtocolError> for Failure {
    fn from(error: ProtocolError) -> Self {
        let hint = match &error {
            ProtocolError::Supervisor(chat) | ProtocolError::Worker(chat) => chat.hint.clone(),
            ProtocolError::Unusable { role: JobRole::Worker, is_cut: true, .. } => {
                Some("raise local_client.kwargs.max_tokens, or use a model that says less as local_client".into())
            }
            ProtocolError::Unusable { role: JobRole::Worker, .. } => Some(
                "use a stronger model as local_client; where it makes a follow-up stand alone, leave `rewrite` out, or set it to off"
                    .into(),
            ),
            ProtocolError::Unusable { is_cut: true, .. } => {
                Some("raise remote_client.kwargs.max_tokens, or use a model that says less as remote_client".into())
            }
            ProtocolError::Unusable { .. } => Some("use a stronger model as remote_client".into()),
            ProtocolError::Program { .. } => {
                Some("use a stronger model as remote_client, or the protocol minion".into())
            }
            ProtocolError::Sandbox(SandboxError::Machine(_) | SandboxError::Spawn { .. }) => Some(
                "give it more room: `ulimit -v`, `-t` and `-u`, the container's memory, or fewer jobs at once \
                 (--max-jobs); the program is not to blame"
                    .into(),
            ),
            ProtocolError::Sandbox(_) => None,
        };
        let kind = match &error {
            ProtocolError::Supervisor(chat) | ProtocolError::Worker(chat) => FailureKind::of_call(chat.kind),
            ProtocolError::Unusable { .. } | ProtocolError::Program { .. } => FailureKind::Protocol,
            ProtocolError::Sandbox(SandboxError::Machine(_) | SandboxError::Spawn { .. }) => {
                FailureKind::System
            }
            ProtocolError::Sandbox(_) => FailureKind::Sandbox,
        };
        Self { hint, ..Self::new(kind, error.to_string()).caused_by(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_call_that_was_made_has_failed() {
        let said = |kind| ProtocolError::Worker(ChatError::new(kind, "x")).to_string();
        assert_eq!(said(ChatErrorKind::Withheld), "the worker was not asked: x");
        assert_eq!(said(ChatErrorKind::ContextTooLong), "the worker can't be asked: x");
        for kind in [ChatErrorKind::Timeout, ChatErrorKind::Server, ChatErrorKind::Empty] {
            assert_eq!(said(kind), "the call to the worker failed: x");
        }
    }
}
