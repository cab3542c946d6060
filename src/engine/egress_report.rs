//! The report of a job's egress, as the result shows it.

use serde::Serialize;

use crate::error::Left;
use crate::job::JobRole;

/// The calls and passages that left this machine, in the envelope's field names.
#[derive(Clone, Debug, Serialize)]
pub struct EgressReport {
    /// Each remote call, failed tries included. `None` in a slim result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<Vec<EgressCall>>,
    /// Bytes of all request bodies that left.
    pub bytes: usize,
    /// Bytes of them that are not the job's own words, whatever they look like.
    pub other_bytes: usize,
    /// Characters of the documents that were recognised in what left, each counted once.
    pub context_chars: usize,
    /// Characters of the documents.
    pub of_context_chars: usize,
    /// The passages of the documents that left. `None` in a slim result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passages: Option<Vec<EgressPassage>>,
}

/// One remote call.
#[derive(Clone, Debug, Serialize)]
pub struct EgressCall {
    /// `supervisor`, `worker` or `embedding`.
    pub side: JobRole,
    /// The model server, as messages name it.
    pub endpoint: String,
    /// Bytes of the request's body; 0 if there was no connection.
    pub bytes: usize,
    /// Bytes of the body that are not the job's own words.
    pub other_bytes: usize,
    /// SHA-256 of the body as it was sent, in hexadecimal.
    pub sha256: Option<String>,
    /// Characters of the documents that the call carried.
    pub context_chars: usize,
    /// Tokens of the prompt; an estimate where the call was cut off.
    pub prompt_tokens: u64,
    /// Tokens of the reply.
    pub completion_tokens: u64,
    /// Why the call failed; `None` if it did not.
    pub error: Option<String>,
}

/// A part of a document that left, in characters from 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EgressPassage {
    /// The document, from 0.
    pub document: usize,
    /// Its first character.
    pub start: usize,
    /// The character behind its last one.
    pub end: usize,
    /// The document's name, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl From<&EgressReport> for Left {
    fn from(report: &EgressReport) -> Self {
        let EgressReport { bytes, other_bytes, context_chars, of_context_chars, .. } = *report;
        Self { bytes, other_bytes, context_chars, of_context_chars }
    }
}

impl EgressReport {
    /// The report without the single calls and passages.
    pub(super) fn slim(self) -> Self {
        Self { calls: None, passages: None, ..self }
    }
}
