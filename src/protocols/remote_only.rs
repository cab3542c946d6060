//! `remote_only`: the supervisor reads the documents itself, in one call. They leave this machine.

use std::sync::Arc;

use super::one_call::OneCall;
use super::{Answer, Assignment, ProtocolError, Transcript};
use crate::chat::Image;
use crate::events::Purpose;
use crate::job::JobRole;
use crate::prompts;

/// One run of the protocol.
pub(crate) struct RemoteOnly<'a> {
    /// The question, the documents and the supervisor.
    pub assignment: Assignment<'a>,
    /// Pictures that the supervisor sees.
    pub images: &'a [Arc<Image>],
}

impl RemoteOnly<'_> {
    /// Asks the supervisor.
    pub(crate) async fn run(&self, transcript: &Transcript) -> Result<Answer, ProtocolError> {
        let (role, prompt) = (JobRole::Supervisor, &prompts::REMOTE_ONLY);
        let call = OneCall { assignment: &self.assignment, role, prompt, images: self.images };
        transcript.begin_round(1, 1);
        let reading = call.ask(Purpose::Answer, 0, transcript).await?;
        transcript.cited(reading.cited);
        Ok(Answer::alone(role, reading.answer, transcript))
    }
}
