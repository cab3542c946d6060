//! What the supervisor's code may use before it is stopped.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The limits of one attempt. Each has a default that no honest code reaches.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SandboxLimits {
    /// Wall time of one call: of the module's top level, of `prepare_jobs`, of `transform_outputs`.
    pub time: Duration,
    /// Bytes that the code may hold beyond the documents themselves.
    pub memory: usize,
    /// Bytes of source.
    pub code: usize,
    /// Manifests that `prepare_jobs` may return.
    pub jobs: usize,
    /// Bytes of chunk text in all manifests together, a chunk counted as often as it is used.
    pub chunks: usize,
    /// Bytes that `transform_outputs` may return.
    pub output: usize,
    /// Python calls inside one another.
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
