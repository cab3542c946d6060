//! The worker reads the documents while the supervisor writes its first message.
//!
//! In `minion` the worker's first prompt is known from the start. Read ahead, it is cached when the first question comes,
//! and a prompt that does not fit ends the job early: before the supervisor is asked, if the server says so at once.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::fit::{Fit, Reader};
use crate::chat::Message;
use crate::documents::tokens::estimate;
use crate::error::Failure;
use crate::events::{CallEvents, Events, Purpose};
use crate::job::JobRole;
use crate::protocols::Side;

/// How long a server may take to refuse a prompt that is too long for it.
const AT_ONCE: Duration = Duration::from_millis(300);
/// A shorter prompt is not worth a call of its own, in tokens.
const WORTH_A_CALL: u64 = 512;

/// The worker's server, and what the job wants of it before the first question.
pub(super) struct ReadAhead<'a> {
    pub reader: &'a Reader,
    pub worker: &'a Side,
    pub events: &'a Events,
    /// Whether the documents are read ahead although they surely fit.
    pub is_wanted: bool,
}

/// When the worker reads the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// At its first question.
    Later,
    /// Beside the supervisor's first call.
    Beside,
    /// The same, unless it is refused at once.
    Begun,
    /// Before the supervisor is asked.
    Before,
}

impl ReadAhead<'_> {
    /// Gives what `run` does, which asks the supervisor first. `run` gets a channel that tells, once the worker may be
    /// asked, which of its servers has read `prompt`, if one has.
    ///
    /// # Errors
    /// The prompt does not fit, or the worker cannot be asked. What `run` has in flight then is given up.
    pub(super) async fn beside<T>(
        &self,
        prompt: Message,
        run: impl AsyncFnOnce(oneshot::Receiver<usize>) -> T,
    ) -> Result<T, Failure> {
        let fit = self.reader.fit(&prompt).await?;
        let when = self.when(fit, estimate(&prompt.content));
        let (read, has_read) = oneshot::channel();
        if when == When::Later {
            drop(read);
            self.worker.count(self.reader.without_doubt().await?);
            return Ok(run(has_read).await);
        }
        let mut reading = pin!(async {
            // Slots that other jobs need are not taken to read ahead.
            let permit = match when {
                When::Beside => self.worker.free_permit(self.reader.position),
                _ => Some(self.worker.permit(Some(self.reader.position)).await),
            };
            if permit.is_none() {
                drop(read);
                return Ok(());
            }
            let calls = CallEvents::new(self.events, JobRole::Worker, Purpose::Read);
            self.worker.count(self.reader.read(prompt, calls.observer()).await?);
            // Nobody listens once the answer is given.
            let _ = read.send(self.reader.position);
            Ok(())
        });
        let ended = match when {
            When::Before => Some(reading.as_mut().await),
            When::Begun => timeout(AT_ONCE, &mut reading).await.ok(),
            When::Beside | When::Later => None,
        };
        let is_read = ended.transpose()?.is_some();
        tokio::select! {
            Err(failure) = reading, if !is_read => Err(failure),
            outcome = run(has_read) => Ok(outcome),
        }
    }

    fn when(&self, fit: Fit, tokens: u64) -> When {
        match fit {
            Fit::Surely if self.reader.is_free && self.is_wanted && tokens >= WORTH_A_CALL => When::Beside,
            Fit::Surely => When::Later,
            Fit::Likely if !self.reader.is_free => When::Later,
            Fit::Likely if self.is_wanted => When::Begun,
            Fit::Likely | Fit::Hardly => When::Before,
        }
    }
}
