//! Why a job is unusable.

use crate::error::Failure;

/// Why a job is unusable.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Nothing but white space.
    #[error("the job is empty: stdin held no JSON value")]
    Empty,
    /// Bytes that are not UTF-8 text.
    #[error("the job is not UTF-8 text: bad byte 0x{byte:02x} at line {line} column {column}")]
    NotUtf8 {
        /// The byte.
        byte: u8,
        /// From 1.
        line: usize,
        /// In bytes, from 1.
        column: usize,
    },
    /// Not JSON.
    #[error("the job is not valid JSON: {problem}")]
    Syntax {
        /// The parser's words, with line and column.
        problem: String,
        /// The input ended too early.
        truncated: bool,
    },
    /// More than one value.
    #[error("the job ends at line {line}, but more follows")]
    Trailing {
        /// From 1.
        line: usize,
    },
    /// A key that one object has twice.
    #[error("the key `{place}` stands twice")]
    Twice {
        /// The key with its path.
        place: String,
    },
    /// A key that does not exist.
    #[error("unknown key `{place}`")]
    UnknownKey {
        /// The key with its path.
        place: String,
        /// The keys that exist there.
        known: String,
        /// The key that was probably meant.
        nearest: Option<String>,
    },
    /// A key that exists in another place.
    #[error("`{place}` stands in the wrong place")]
    Misplaced {
        /// The key with its path.
        place: String,
        /// The key with the path that it should have.
        right: String,
    },
    /// A key that has no effect for this client type.
    #[error("`{place}` has no effect: the client type {provider} has no such option")]
    NoEffect {
        /// The key with its path.
        place: String,
        /// The client type.
        provider: &'static str,
        /// The client types that have it.
        owners: String,
    },
    /// An unknown name.
    #[error("`{place}`: unknown {what} `{name}`")]
    UnknownName {
        /// The key with its path.
        place: String,
        /// What it names.
        what: &'static str,
        /// The unknown name.
        name: String,
        /// The names that exist.
        known: String,
        /// The name that was probably meant.
        nearest: Option<String>,
    },
    /// A client type of the original that does not exist here.
    #[error("`{place}`: there is no client type `{name}`")]
    NoClient {
        /// The key with its path.
        place: String,
        /// The type.
        name: String,
        /// Why, and what to do instead.
        why: &'static str,
    },
    /// A value of the wrong type.
    #[error("`{place}` must be {wanted}, not {got}")]
    WrongType {
        /// The key with its path.
        place: String,
        /// The right type.
        wanted: &'static str,
        /// What was there.
        got: &'static str,
    },
    /// A value out of range or of the wrong form.
    #[error("`{place}` {problem}")]
    BadValue {
        /// The key with its path.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A value that has to be there.
    #[error("`{place}` is missing: {remedy}")]
    Missing {
        /// The key with its path.
        place: &'static str,
        /// What to write there.
        remedy: &'static str,
    },
    /// A part of the job format that this version does not support.
    #[error("`{place}` is not supported by this version")]
    Unsupported {
        /// The key with its path.
        place: String,
        /// What to do instead.
        instead: &'static str,
    },
}

impl From<JobError> for Failure {
    fn from(error: JobError) -> Self {
        let failure = Self::input(error.to_string());
        match error {
            JobError::Empty => {
                failure.hint("pipe a job in, `minions < job.json`; in Docker use `docker run -i`")
            }
            JobError::NotUtf8 { .. } => failure.hint("save the job as UTF-8"),
            JobError::Syntax { truncated: true, .. } => {
                failure.hint("the input ends before the job does; was it cut off on its way?")
            }
            JobError::Syntax { .. } => failure.hint("check the job with `python3 -m json.tool < job.json`"),
            JobError::Trailing { .. } => {
                failure.hint("one JSON value is one job; several are a batch, `minions batch --input FILE`")
            }
            JobError::Twice { .. } => failure.hint("one of the two would count in silence: leave one out"),
            JobError::Misplaced { right, .. } => failure.hint(format!("write it as `{right}`")),
            JobError::NoEffect { owners, .. } => {
                failure.hint(format!("leave it out; it is an option of {owners}"))
            }
            JobError::UnknownKey { nearest: Some(name), .. }
            | JobError::UnknownName { nearest: Some(name), .. } => {
                failure.hint(format!("did you mean `{name}`?"))
            }
            JobError::UnknownKey { known, .. } if known.is_empty() => {
                failure.hint("no keys are known here; leave it out")
            }
            JobError::UnknownKey { known, .. } => failure.hint(format!("known here: {known}")),
            JobError::UnknownName { known, .. } => failure.hint(format!("one of {known}")),
            JobError::NoClient { why, .. } => failure.hint(why),
            JobError::Unsupported { instead, .. } => failure.hint(instead),
            JobError::WrongType { .. } | JobError::BadValue { .. } | JobError::Missing { .. } => failure,
        }
    }
}
