//! The two ways in which a supervisor and a worker solve a job together.
//!
//! In: two clients, the job's texts and limits. Out: an answer; every step is noted in a [`Transcript`] as it
//! happens. This room never knows which provider it talks to.

mod ask;
pub mod minion;
pub mod minions;
mod reply;
mod server_pool;
mod side;
mod transcript;

use serde::Serialize;

use crate::chat::ChatError;
use crate::documents::Document;
use crate::error::Failure;
use crate::sandbox::SandboxError;

pub use server_pool::{Permit, PooledServer, ServerPool};
pub use side::{Side, SpendingLimits};
pub use transcript::{Cited, Entry, Transcript};

/// What the result says when the rounds are used up.
pub const NO_ANSWER: &str = "No answer found.";

/// How a job that did not fail ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The answer, or [`NO_ANSWER`].
    pub text: String,
    /// How sound it is.
    pub status: Status,
}

impl Answer {
    fn given(text: String) -> Self {
        Self { text, status: Status::Answered }
    }

    fn none() -> Self {
        Self { text: NO_ANSWER.to_owned(), status: Status::NoAnswer }
    }
}

/// How sound an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The supervisor gave it.
    Answered,
    /// The rounds were used up without one.
    NoAnswer,
    /// The supervisor gave it, but some of the worker's replies were lost on the way.
    Partial,
}

/// Why a protocol came to no end.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// A call to the supervisor failed.
    #[error("the supervisor did not answer: {0}")]
    Supervisor(ChatError),
    /// A call to the worker failed, or all of a round's.
    #[error("the worker did not answer: {0}")]
    Worker(ChatError),
    /// The supervisor's reply stayed unusable.
    #[error("the supervisor's reply is unusable after {tries} tries: {problem}; it wrote: {quote}")]
    Unusable {
        /// Replies asked for.
        tries: u32,
        /// What is wrong with the last one.
        problem: String,
        /// Its beginning.
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
    /// The next remote call would cost more than the job may.
    #[error(
        "the budget of {limit} remote tokens is used up: {spent} spent, and the next call needs about {next}"
    )]
    Budget {
        /// Tokens allowed.
        limit: u64,
        /// Tokens spent.
        spent: u64,
        /// Estimated prompt tokens of the next call.
        next: u64,
    },
    /// The same in dollars.
    #[error(
        "the budget of ${limit} is used up: ${spent:.6} spent, and the prompt of the next call costs about ${next:.6}"
    )]
    Dollars {
        /// Dollars allowed.
        limit: f64,
        /// Dollars spent.
        spent: f64,
        /// Estimated dollars for the prompt of the next call.
        next: f64,
    },
}

impl From<ProtocolError> for Failure {
    fn from(error: ProtocolError) -> Self {
        let hint = match &error {
            ProtocolError::Supervisor(chat) | ProtocolError::Worker(chat) => chat.hint.clone(),
            ProtocolError::Unusable { .. } | ProtocolError::Program { .. } => {
                Some("use a stronger model as remote_client, or the protocol minion".into())
            }
            ProtocolError::Budget { .. } => Some("raise budget.remote_tokens or lower max_rounds".into()),
            ProtocolError::Dollars { .. } => Some("raise budget.usd or lower max_rounds".into()),
            ProtocolError::Sandbox(_) => None,
        };
        Self { hint, ..Self::job(error.to_string()) }
    }
}

/// The documents as one text, each below a heading with its number and name. A single one without a name has none.
pub fn joined(documents: &[Document]) -> String {
    let headed = |(i, Document { name, text, .. }): (usize, &Document)| {
        let name = name.as_ref().map_or(String::new(), |name| format!(": {name}"));
        format!("[Document {} of {}{name}]\n{text}", i + 1, documents.len())
    };
    match documents {
        [Document { name: None, text, .. }] => text.clone(),
        many => many.iter().enumerate().map(headed).collect::<Vec<_>>().join("\n\n"),
    }
}

/// The first `limit` characters of `text`, with a mark where it was cut.
fn excerpt(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_joined_below_their_names() {
        let bare = |text: &str| Document::from(text.to_owned());
        let named = Document { name: Some("annual.pdf".to_owned()), ..bare("a") };
        let cases = [
            (vec![], ""),
            (vec![bare("a")], "a"),
            (vec![bare("a"), bare("b")], "[Document 1 of 2]\na\n\n[Document 2 of 2]\nb"),
            (vec![named.clone()], "[Document 1 of 1: annual.pdf]\na"),
            (vec![named, bare("b")], "[Document 1 of 2: annual.pdf]\na\n\n[Document 2 of 2]\nb"),
        ];
        for (documents, text) in cases {
            assert_eq!(joined(&documents), text);
        }
    }
}
