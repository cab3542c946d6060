//! The ways in which a supervisor and a worker solve a job, together or alone.
//!
//! In: two clients, the job's texts and limits. Out: an answer; every step is noted in a [`Transcript`] as it
//! happens. Protocols never know which provider they talk to.

mod ask;
mod assignment;
mod error;
mod follow_up;
pub(crate) mod local_only;
pub(crate) mod minion;
pub(crate) mod minions;
mod one_call;
pub(crate) mod remote_only;
mod reply;
mod round;
mod server_pool;
mod side;
mod transcript;

use serde::Serialize;

use crate::documents::Document;
use crate::job::{JobRole, Protocol};

pub(crate) use assignment::Assignment;
pub(crate) use error::ProtocolError;
pub(crate) use follow_up::{FollowUp, Understood};
pub(crate) use reply::CUT;
pub use round::{Round, RoundJob, RoundJobs, RoundVerdict};
pub(crate) use server_pool::{Permit, PooledServer, ServerPool};
pub(crate) use side::Side;
pub use transcript::{Cited, CitedPart, Entry};
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
    /// The supervisor's answer. It is partial if something `is_missing` that it should rest on, or if the token limit
    /// cut the answer itself off.
    fn given(text: String, is_missing: bool, transcript: &Transcript) -> Self {
        Self::of(JobRole::Supervisor, text, is_missing, transcript)
    }

    /// The answer of a side that was asked alone, if it has one. It is partial if the documents have nothing that the
    /// side cites, which is told unless the answer is checked later on.
    fn alone(role: JobRole, answer: Option<String>, is_checked: bool, transcript: &Transcript) -> Self {
        let Some(text) = answer else { return Self::none() };
        let is_proved = transcript.has_proof();
        if !is_proved && !is_checked {
            transcript.warn(format!("the documents have none of the words that the {role} cites"));
        }
        Self::of(role, text, !is_proved, transcript)
    }

    fn of(role: JobRole, text: String, is_missing: bool, transcript: &Transcript) -> Self {
        let is_looped = text.ends_with(reply::LOOPED);
        let is_cut = text.ends_with(reply::CUT) || is_looped;
        if is_cut && !is_looped {
            let client = if role == JobRole::Supervisor { "remote_client" } else { "local_client" };
            transcript.warn(format!(
                "the final answer was cut off by the token limit: raise {client}.kwargs.max_tokens"
            ));
        }
        let status = if is_missing || is_cut { Status::Partial } else { Status::Answered };
        Self { text, status }
    }

    fn none() -> Self {
        Self { text: NO_ANSWER.to_owned(), status: Status::NoAnswer }
    }
}

/// How reliable an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The supervisor gave it, or the worker in its place.
    Answered,
    /// The rounds were used up without one.
    NoAnswer,
    /// The supervisor gave it, but it is not whole, or some of what it should rest on is missing: replies of the
    /// worker were lost or cut off, or the documents have nothing that the worker cites.
    Partial,
}

impl Status {
    /// The same of an answer for which a part of the documents could not be read.
    pub(crate) fn without_a_part(self) -> Self {
        match self {
            Self::Answered | Self::Partial => Self::Partial,
            Self::NoAnswer => Self::NoAnswer,
        }
    }
}

/// The names of documents that the supervisor is told.
pub(crate) fn told_names<'a>(
    protocol: &Protocol,
    documents: &'a [Document],
) -> impl Iterator<Item = &'a str> {
    let told = match protocol {
        Protocol::Minions(_) => minions::listed(documents),
        Protocol::RemoteOnly => documents,
        Protocol::Minion(_) | Protocol::LocalOnly { .. } | Protocol::Auto(_) => &[],
    };
    told.iter().filter_map(Document::told_name)
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
