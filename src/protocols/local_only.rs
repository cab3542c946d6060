//! `local_only`: the worker answers alone, in one call. Nothing leaves this machine.

use std::sync::Arc;

use super::one_call::OneCall;
use super::{Answer, Assignment, ProtocolError, Transcript};
use crate::chat::{Image, Message};
use crate::events::Purpose;
use crate::job::JobRole;
use crate::prompts;

/// One run of the protocol.
pub(crate) struct LocalOnly<'a> {
    /// The question, the documents and the worker.
    pub assignment: Assignment<'a>,
    /// Pictures that the worker sees.
    pub images: &'a [Arc<Image>],
}

impl<'a> LocalOnly<'a> {
    fn call(&'a self) -> OneCall<'a> {
        let (role, prompt) = (JobRole::Worker, &prompts::LOCAL_ONLY);
        OneCall { assignment: &self.assignment, role, prompt, images: self.images }
    }

    /// What the worker reads.
    pub(crate) fn worker_prompt(&self) -> Message {
        self.call().message()
    }

    /// Asks the worker.
    pub(crate) async fn run(&self, transcript: &Transcript) -> Result<Answer, ProtocolError> {
        transcript.begin_round(1, 1);
        let reading = self.call().ask(Purpose::Answer, 0, transcript).await?;
        transcript.cited(reading.cited);
        Ok(Answer::alone(JobRole::Worker, reading.answer, transcript))
    }
}
