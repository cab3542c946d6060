//! Why there is no endpoint. Messages name the server and never carry a credential.

use super::Need;
use super::words::short;

/// Why there is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RuntimeError {
    /// The kind, for those who react to it.
    pub kind: RuntimeErrorKind,
    /// What failed, at which server, with the server's own words.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeErrorKind {
    /// Nothing answers, or it stopped answering.
    Unreachable,
    /// This machine lacks what starting a server needs.
    CannotStart,
    /// The server does not have the model, and no library that it asked has it either.
    ModelMissing,
    /// The model exists but could not be fetched.
    PullFailed,
    /// The job needs a longer context than the model was trained for.
    ContextTooLong,
    /// There is not enough memory for the model, with the least that the job can take.
    OutOfMemory,
    /// The server answers and refuses, or is not what it should be.
    Rejected,
}

impl RuntimeError {
    pub(super) fn new(kind: RuntimeErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// This hint, unless the error has one already.
    pub(super) fn or_hint(self, hint: &str) -> Self {
        if self.hint.is_some() { self } else { self.hint(hint) }
    }

    /// The server at `place` answered, but not with what was asked for.
    pub(super) fn rejected(place: &str, what: &str, words: &str) -> Self {
        let words = short(words);
        let colon = if words.is_empty() { "" } else { ": " };
        Self::new(RuntimeErrorKind::Rejected, format!("{place} {what}{colon}{words}"))
    }

    /// Not even the least that the job can take fits into a window.
    pub(super) fn too_long(need: &Need, window: u32) -> Self {
        let (model, least) = (&need.model, need.at_least);
        let message = format!(
            "the context is too long for {model}: {least} tokens or more, and its window is {window} tokens; the server \
             would refuse or cut the prompt"
        );
        Self::new(RuntimeErrorKind::ContextTooLong, message).hint(
            "use the protocol \"minions\", which cuts documents into chunks, or a model with a longer window (a \
             larger num_ctx, if the job sets one)",
        )
    }
}
