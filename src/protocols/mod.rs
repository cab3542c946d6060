//! The two ways in which a supervisor and a worker solve a job together.
//!
//! In: two clients, the job's texts and limits. Out: an answer; every step is noted in a [`Transcript`] as it
//! happens. Protocols never know which provider they talk to.

mod ask;
mod assignment;
mod error;
pub(crate) mod minion;
pub(crate) mod minions;
mod reply;
mod round;
mod server_pool;
mod side;
mod transcript;

use serde::Serialize;

use crate::documents::Document;

pub(crate) use assignment::Assignment;
pub(crate) use error::ProtocolError;
pub use round::{Round, RoundJob, RoundJobs, RoundVerdict};
pub(crate) use server_pool::{Permit, PooledServer, ServerPool};
pub(crate) use side::Side;
pub use transcript::{Cited, Entry};
pub(crate) use transcript::{Notes, Transcript};

/// What the result says when the rounds are used up.
pub(crate) const NO_ANSWER: &str = "No answer found.";

/// How a job that did not fail ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The answer, or [`NO_ANSWER`].
    pub text: String,
    /// How reliable it is.
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

/// How reliable an answer is.
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

/// The documents as one text, each below a heading with its number and name. A single one without a name has none.
pub(crate) fn joined(documents: &[Document]) -> String {
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
