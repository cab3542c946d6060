//! The values that cross the border between the supervisor's code and us, by the names it uses.

use serde::{Deserialize, Serialize};

/// One question to the worker about one chunk of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobManifest {
    /// The text that the worker reads.
    pub chunk: String,
    /// What it is asked.
    pub task: String,
    /// How to go about it.
    pub advice: String,
    /// Equal for equal chunks; set by the host after `prepare_jobs`.
    pub chunk_id: Option<u64>,
    /// Equal for equal tasks; set by the host.
    pub task_id: Option<u64>,
    /// Position in the list; set by the host.
    pub job_id: Option<u64>,
}

/// What the worker replied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobOutput {
    /// Why, or what went wrong.
    pub explanation: String,
    /// The words of the chunk that prove the answer.
    pub citation: Option<String>,
    /// The answer; `None` when the chunk does not have it.
    pub answer: Option<String>,
}

/// A question with its reply.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The question.
    pub manifest: JobManifest,
    /// The reply.
    pub output: JobOutput,
    /// The raw text of the reply.
    pub sample: String,
    /// Set by the supervisor's code: keep this job in the aggregate.
    pub include: Option<bool>,
}
