//! The values that the supervisor's code and the host exchange, with the code's own field names.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One task for the worker on one chunk of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobManifest {
    /// The text that the worker reads, shared by all manifests that have it.
    pub chunk: Arc<str>,
    /// What the worker is asked about the chunk.
    pub task: String,
    /// Advice on how to do the task.
    pub advice: String,
    /// The number of the chunk, equal for equal chunks. The host sets it after `prepare_jobs`.
    pub chunk_id: Option<u64>,
    /// The number of the task, equal for equal tasks. The host sets it.
    pub task_id: Option<u64>,
    /// The index in the list. The host sets it.
    pub job_id: Option<u64>,
    /// Whether the code knows that the chunk has the answer: a worker that finds none looks once more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub expected: bool,
}

/// The worker's reply.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobOutput {
    /// The worker's reasons, or what went wrong.
    pub explanation: String,
    /// The words of the chunk that prove the answer.
    pub citation: Option<String>,
    /// The answer; `None` when the chunk does not have it.
    pub answer: Option<String>,
    /// Whether the worker gave no reply that could be read, so that nothing is known of the chunk.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
}

/// A manifest with the worker's output. The code knows it as `Job`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRecord {
    /// What was asked.
    pub manifest: JobManifest,
    /// What the worker replied.
    pub output: JobOutput,
    /// The text of the reply as the worker wrote it. The code knows it as `sample`.
    #[serde(rename = "sample")]
    pub raw_reply: String,
    /// Whether the aggregate keeps this job, if the code said so.
    pub include: Option<bool>,
    /// The number of samples that gave this answer.
    pub agreed: u32,
    /// The number of samples that could be read.
    pub samples: u32,
    /// Whether both a document and the chunk contain the citation.
    #[serde(skip)]
    pub confirmed: bool,
    /// If they don't: the words of the chunk that are most like it, on one line.
    #[serde(skip)]
    pub nearest: Option<String>,
    /// The page, slide, row or line of the document where a confirmed citation begins, if that is known.
    #[serde(skip)]
    pub place: Option<String>,
}

/// What a program has put before the supervisor with `show`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// For each pattern how often it stands in the documents, and some of those places; empty if nothing was looked for.
    pub text: String,
    /// The texts that it shows and the places that its patterns found.
    pub places: usize,
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
