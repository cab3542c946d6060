//! The limits of the supervisor's code.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The limits of one session. No honest code reaches the defaults.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SandboxLimits {
    /// Wall time of the module's top level, of `prepare_jobs` and of `transform_outputs`, each.
    pub time: Duration,
    /// Bytes that the code may hold beyond the documents themselves.
    pub memory: usize,
    /// Bytes of source.
    pub code: usize,
    /// The most manifests that `prepare_jobs` may return.
    pub jobs: usize,
    /// Bytes of chunk text in all manifests together, a chunk counted as often as it is used.
    pub chunks: usize,
    /// Bytes of the text that `transform_outputs` may return.
    pub output: usize,
    /// The depth of nested Python calls.
    pub recursion: usize,
}

impl Default for SandboxLimits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(4),
            memory: 1 << 30,
            code: 256 << 10,
            jobs: 2048,
            chunks: 512 << 20,
            output: 1 << 20,
            recursion: 500,
        }
    }
}
