//! Why a job is unusable.

pub use super::subject::Subject;
use crate::error::Failure;

/// Why a job is unusable.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Nothing but white space.
    #[error("the {of} is empty: there was nothing to read")]
    Empty {
        /// What it was to be.
        of: Subject,
    },
    /// Bytes that are not UTF-8 text.
    #[error("the {of} is not UTF-8 text: bad byte 0x{byte:02x} at line {line} column {column}")]
    NotUtf8 {
        /// What it was to be.
        of: Subject,
        /// The byte.
        byte: u8,
        /// From 1.
        line: usize,
        /// In bytes, from 1.
        column: usize,
    },
    /// Not JSON.
    #[error("the {of} is not valid JSON: {problem}")]
    Syntax {
        /// What it was to be.
        of: Subject,
        /// What is wrong, with line and column.
        problem: String,
        /// What to do.
        hint: String,
    },
    /// Something else than JSON.
    #[error("the {of} is not valid JSON but {what}")]
    Foreign {
        /// What it was to be.
        of: Subject,
        /// What it is.
        what: String,
        /// What to do.
        hint: String,
    },
    /// Text around the one job.
    #[error("there is text {place} the {of}, at line {line}: `{text}`")]
    Stray {
        /// What it was to be.
        of: Subject,
        /// `before` or `behind`.
        place: &'static str,
        /// From 1.
        line: usize,
        /// The beginning of that line.
        text: String,
        /// What to do.
        hint: String,
    },
    /// A second job where one is read.
    #[error("a second {of} begins at line {line}")]
    SecondJob {
        /// What it was to be.
        of: Subject,
        /// From 1.
        line: usize,
    },
    /// JSON, but no object.
    #[error("the job must be a JSON object, not {got}")]
    NoObject {
        /// What it is.
        got: &'static str,
        /// A string that holds JSON.
        is_encoded: bool,
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
    /// A key that another protocol has.
    #[error("`{place}` is an option of the protocol {protocol}")]
    OtherProtocol {
        /// The key with its path.
        place: String,
        /// That protocol.
        protocol: &'static str,
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
    /// A text that only names what should stand there.
    #[error("`{place}` {what}")]
    OnlyName {
        /// The key with its path.
        place: String,
        /// What it is.
        what: String,
        /// What to do.
        hint: String,
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
            JobError::Empty { of: of @ (Subject::Question | Subject::Configuration | Subject::Chat) } => failure.hint(of.example()),
            JobError::Empty { of: Subject::Job } => {
                failure.hint("name a file, `minions job.json`, or pipe one in, `minions < job.json`; in Docker use `docker run -i`")
            }
            JobError::NotUtf8 { of, .. } => failure.hint(
                of.hint("save the {it} as UTF-8; `iconv -f latin1 -t UTF-8` does it for a text in Latin-1"),
            ),
            JobError::Syntax { hint, .. }
            | JobError::Foreign { hint, .. }
            | JobError::Stray { hint, .. }
            | JobError::OnlyName { hint, .. } => failure.hint(hint),
            JobError::NoObject { is_encoded: true, .. } => failure.hint(
                "it is JSON within a string, as it was encoded twice: `jq fromjson job.json` takes it out",
            ),
            JobError::NoObject { got: "a list", .. } => failure.hint(
                "several jobs are a batch: `minions batch jobs.json` takes a list, if it holds objects alone",
            ),
            JobError::NoObject { .. } => failure.hint(Subject::Job.example()),
            JobError::SecondJob { of: Subject::Job, .. } => {
                failure.hint("several jobs are a batch: `minions batch jobs.jsonl`")
            }
            JobError::SecondJob { of: Subject::Configuration, .. } => failure.hint("put each configuration into a file of its own"),
            JobError::SecondJob { of: Subject::Chat, .. } => failure.hint("ask each request by itself"),
            JobError::SecondJob { of: Subject::Question, .. } => failure.hint("write each question on a line of its own"),
            JobError::Twice { .. } => failure.hint("one of the two would count in silence: leave one out"),
            JobError::OtherProtocol { protocol, .. } => failure.hint(format!(
                "this job runs another one: choose with \"protocol\": {{\"type\": \"{protocol}\"}}, or leave the key out"
            )),
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
            JobError::UnknownName { what: "client type", .. } => failure.hint(
                "ollama, llama_cpp, openai or anthropic, for example: `minions providers` lists all types; the model's name \
                 belongs in model_name",
            ),
            JobError::UnknownName { known, .. } => failure.hint(format!("one of {known}")),
            JobError::NoClient { why, .. } => failure.hint(why),
            JobError::Unsupported { instead, .. } => failure.hint(instead),
            JobError::WrongType { .. } | JobError::BadValue { .. } | JobError::Missing { .. } => failure,
        }
    }
}
