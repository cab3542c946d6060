//! The values that cross the border between the supervisor's code and us, by the names it uses.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One question to the worker about one chunk of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobManifest {
    /// The text that the worker reads, shared by all manifests that have it.
    pub chunk: Arc<str>,
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
    /// Samples that gave this answer.
    pub agreed: u32,
    /// Samples that could be read.
    pub samples: u32,
    /// The documents have what it cites.
    #[serde(skip)]
    pub confirmed: bool,
}

/// Numbers the manifests: equal chunks share a `chunk_id`, equal tasks a `task_id` (both in order of first
/// use), and `job_id` is the position.
pub fn set_ids(manifests: &mut [JobManifest]) {
    let (mut chunks, mut tasks) = (HashMap::new(), HashMap::new());
    for (job, manifest) in (0..).zip(manifests) {
        let JobManifest { chunk, task, chunk_id, task_id, job_id, .. } = manifest;
        *chunk_id = Some(number(&mut chunks, chunk));
        *task_id = Some(number(&mut tasks, task));
        *job_id = Some(job);
    }
}

fn number<'a>(seen: &mut HashMap<&'a str, u64>, text: &'a str) -> u64 {
    let next = seen.len() as u64;
    *seen.entry(text).or_insert(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_equality_of_text_and_position() {
        let manifest = |chunk: &str, task: &str| JobManifest {
            chunk: chunk.into(),
            task: task.into(),
            chunk_id: Some(99),
            ..JobManifest::default()
        };
        let mut manifests = [
            manifest("a", "x"),
            manifest("a", "y"),
            manifest("b", "x"),
            manifest("", "y"),
            manifest("a", "x"),
        ];
        set_ids(&mut manifests);
        let ids = manifests.map(|m| (m.chunk_id.unwrap(), m.task_id.unwrap(), m.job_id.unwrap()));
        assert_eq!(ids, [(0, 0, 0), (0, 1, 1), (1, 0, 2), (2, 1, 3), (0, 0, 4)]);
        set_ids(&mut []);
    }
}
