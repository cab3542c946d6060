//! What a round of `minions` did, in the field names of the envelope.

use serde::Serialize;

use crate::sandbox::{JobManifest, JobOutput, JobRecord};

/// What a round of `minions` did.
#[derive(Clone, Debug, Serialize)]
pub struct Round {
    /// From 1.
    pub round: u32,
    /// The program that ran, in Python.
    pub program: String,
    /// Why the programs before it failed.
    pub failed_programs: Vec<String>,
    /// The worker's side.
    pub local: RoundJobs,
    /// The supervisor's side.
    pub remote: RoundVerdict,
}

/// The worker jobs of a round.
#[derive(Clone, Debug, Serialize)]
pub struct RoundJobs {
    /// In the order of the program's manifests.
    pub jobs: Vec<RoundJob>,
}

/// A worker job of a round.
#[derive(Clone, Debug, Serialize)]
pub struct RoundJob {
    /// What was asked. The length of the chunk stands in place of its text.
    pub manifest: JobManifest,
    /// What the worker replied.
    pub output: JobOutput,
    /// Whether the program wants it among the answers, if it says so.
    pub include: Option<bool>,
    /// Samples that gave this answer.
    pub agreed: u32,
    /// Samples that gave any.
    pub samples: u32,
}

/// What the supervisor read and decided at the end of a round.
#[derive(Clone, Debug, Serialize)]
pub struct RoundVerdict {
    /// The text that the program made of the answers.
    pub answers: String,
    /// Why that text is a plain list, or what it leaves out.
    pub aggregate_error: Option<String>,
    /// The supervisor's reasons.
    pub explanation: Option<String>,
    /// What it wants to know in the next round.
    pub feedback: Option<String>,
    /// Its notes for the next round.
    pub scratchpad: Option<String>,
}

impl RoundJob {
    /// The job with its manifest as logs show it.
    pub(super) fn new(job: &JobRecord, logged: &JobManifest) -> Self {
        let &JobRecord { include, agreed, samples, .. } = job;
        Self { manifest: logged.clone(), output: job.output.clone(), include, agreed, samples }
    }
}
