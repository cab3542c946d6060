//! What every protocol is given.

use super::side::Side;
use crate::documents::Document;
use crate::prompts::Prompts;

/// The question, the documents and the two sides that work on them.
pub(crate) struct Assignment<'a> {
    /// The side that plans, asks and answers.
    pub supervisor: &'a Side,
    /// The side that reads the documents.
    pub worker: &'a Side,
    /// The texts that the two sides are sent.
    pub prompts: &'a Prompts,
    /// The question.
    pub task: &'a str,
    /// The documents.
    pub context: &'a [Document],
    /// What the supervisor is told about the documents.
    pub doc_metadata: Option<&'a str>,
    /// The most rounds, at least 1.
    pub max_rounds: u32,
}
