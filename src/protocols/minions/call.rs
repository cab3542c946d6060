//! One call to the worker, and what came of it.

use crate::chat::ChatError;
use crate::sandbox::JobOutput;

/// One call to make. Calls are ordered as the manifests are, and then by sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Call {
    /// The job's position among the manifests.
    pub job: usize,
    /// The sample of that job, from 0.
    pub sample: u32,
}

/// What the worker replied to one call.
#[derive(Clone, Debug)]
pub(super) struct WorkerReply {
    /// The job's position among the manifests.
    pub job: usize,
    /// The reply as the supervisor's code sees it.
    pub output: JobOutput,
    /// The reply as the worker wrote it.
    pub text: String,
    /// Whether the worker was asked once more, as the program expects an answer.
    pub asked_again: bool,
    /// Why there is no usable reply.
    pub lost: Option<Lost>,
}

/// Why a reply is lost.
#[derive(Clone, Debug)]
pub(super) enum Lost {
    /// It could not be read, twice.
    Unreadable,
    /// The call failed.
    Call(ChatError),
}

impl WorkerReply {
    /// The reply to a call that failed, or that was not made because it would have failed.
    pub(super) fn failed(job: usize, error: ChatError) -> Self {
        let explanation = format!("the worker could not be asked: {error}");
        let output = JobOutput { explanation, lost: true, ..JobOutput::default() };
        Self { job, output, text: String::new(), asked_again: false, lost: Some(Lost::Call(error)) }
    }

    /// The reply that could not be read, for the reason `problem`.
    pub(super) fn unreadable(job: usize, text: String, problem: &str) -> Self {
        let explanation = format!("the worker's reply was unusable: {problem}");
        let output = JobOutput { explanation, lost: true, ..JobOutput::default() };
        Self { job, output, text, asked_again: false, lost: Some(Lost::Unreadable) }
    }
}
