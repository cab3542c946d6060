//! `{success, result, error}`: how a job ended, as one JSON value.

use serde::Serialize;

use crate::error::{Exit, Failure};

/// How a job ended: these three keys, no more. `T` is what an answered job gives.
#[derive(Clone, Debug, Serialize)]
pub struct Envelope<T> {
    /// Whether there is a result.
    pub success: bool,
    /// The result, if there is one.
    pub result: Option<T>,
    /// Why there is none, with what to do next.
    pub error: Option<String>,
    #[serde(skip)]
    exit: Exit,
}

impl<T> Envelope<T> {
    /// The exit code that goes with it.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

impl<T> From<Result<T, Failure>> for Envelope<T> {
    fn from(outcome: Result<T, Failure>) -> Self {
        match outcome {
            Ok(result) => Self { success: true, result: Some(result), error: None, exit: Exit::Success },
            Err(failure) => Self {
                success: false,
                result: None,
                error: Some(failure.to_string()),
                exit: failure.kind.exit(),
            },
        }
    }
}
