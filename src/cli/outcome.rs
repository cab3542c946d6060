//! What a job gives.

use minions::engine::{JobEstimate, JobResult};
use serde::Serialize;

/// The `result` of an envelope.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum JobOutcome {
    /// The job has run.
    Answer(Box<JobResult>),
    /// With `--dry-run`: what it would cost.
    Estimate(Box<JobEstimate>),
}
