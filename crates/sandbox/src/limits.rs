//! The limits of the supervisor's code.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How often all documents may be cut into other chunks.
const CUTS: usize = 4;
/// Bytes of chunks beside those of the documents.
const OWN_CHUNKS: usize = 16 << 20;
/// The time for a search of all documents, for each megabyte of them.
const TIME_PER_MB: Duration = Duration::from_millis(50);

/// The limits of one session. No honest code reaches the defaults.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SandboxLimits {
    /// Wall time of the module's top level, of `prepare_jobs` and of `transform_outputs`, each. A session has what
    /// [`Self::for_documents`] gives.
    pub time: Duration,
    /// Bytes that the code may hold beyond the documents themselves.
    pub memory: usize,
    /// Bytes of source.
    pub code: usize,
    /// The most manifests that `prepare_jobs` may return.
    pub jobs: usize,
    /// Bytes of chunk text in all manifests together, a chunk counted as often as it is used.
    pub chunks: usize,
    /// Bytes of the distinct chunks together, which the parent holds: chunks come from the documents. A session has no
    /// more than [`Self::for_documents`] gives.
    pub distinct_chunks: usize,
    /// Bytes of the tasks and the advice in all manifests together.
    pub instructions: usize,
    /// Bytes of the text that `transform_outputs` may return.
    pub output: usize,
    /// The depth of nested Python calls.
    pub recursion: usize,
}

impl Default for SandboxLimits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(8),
            memory: 1 << 30,
            code: 256 << 10,
            jobs: 2048,
            chunks: 512 << 20,
            distinct_chunks: 512 << 20,
            instructions: 8 << 20,
            output: 1 << 20,
            recursion: 1000,
        }
    }
}

impl SandboxLimits {
    /// The same, with what documents of so many bytes need: more time, and room for chunks: several ways to cut them,
    /// with overlaps, and heads of the code's own.
    pub(crate) fn for_documents(&self, bytes: usize) -> Self {
        let room = bytes.saturating_mul(CUTS).saturating_add(OWN_CHUNKS);
        let time = self.time + TIME_PER_MB * megabytes(bytes);
        Self { time, distinct_chunks: self.distinct_chunks.min(room), ..self.clone() }
    }
}

/// Whole megabytes.
pub(crate) fn megabytes(bytes: usize) -> u32 {
    u32::try_from(bytes >> 20).unwrap_or(u32::MAX)
}
