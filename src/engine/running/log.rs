//! The conversation log of a job: what it says, and its file.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::{JobRun, VERSION};
use crate::chat::secrets::Redactor;
use crate::engine::conversation_log;
use crate::engine::result::{ConversationLog, FailedLog, LoggedUsage, Timing};
use crate::error::{Failure, Spent};
use crate::events::EventKind;
use crate::job::{Job, Protocol};
use crate::protocols::{Answer, Notes};
use crate::sync::beside_runtime;

/// How long the folder of a log may take to answer, which may be on a network mount.
const LOG_WAIT: Duration = Duration::from_secs(30);
/// The same when the job is to end at once.
const LAST_LOG_WAIT: Duration = Duration::from_secs(2);

impl JobRun {
    /// Warns if the log can't be written, before anything is paid.
    pub(super) async fn check_log(&self) {
        let (dir, name) = (self.job.log_dir.clone(), self.job.log_name.clone());
        let check = beside_runtime(move || conversation_log::check(&dir, name.as_deref()));
        let check = timeout(LAST_LOG_WAIT, check).await;
        if let Err(error) = check.unwrap_or_else(|_| Err(no_answer(LAST_LOG_WAIT))) {
            self.warn_of_log(&error);
        }
    }

    pub(super) fn log(
        &self,
        outcome: &Result<Answer, Failure>,
        notes: &Notes,
        spent: Spent,
        timing: Timing,
    ) -> ConversationLog {
        let protocol = self.protocol();
        let (context, doc_metadata) = match protocol {
            Protocol::Minions(_) | Protocol::Auto(_) => (None, Some(self.job.doc_metadata.clone())),
            Protocol::Minion(_) | Protocol::RemoteOnly | Protocol::LocalOnly { .. } => {
                (Some(Arc::clone(&self.job.context)), None)
            }
        };
        ConversationLog {
            task: self.job.task.clone(),
            standalone_task: self.turn.get().and_then(|turn| turn.standalone_task.clone()),
            context,
            doc_metadata,
            conversation: notes.conversation.clone(),
            generated_final_answer: outcome
                .as_ref()
                .map_or_else(|_| String::new(), |answer| answer.text.clone()),
            usage: LoggedUsage { remote: spent.remote, local: spent.local },
            timing,
            protocol: protocol.name(),
            local_client: self.local_client.clone(),
            remote_client: self.remote_client.clone(),
            minions_version: VERSION,
            // A failed job has no result to hold these.
            failed: outcome.as_ref().err().map(|failure| FailedLog {
                error: failure.to_string(),
                worker_messages: notes.worker.clone(),
                meta: notes.rounds.clone(),
                egress: self.ledger.report(),
            }),
        }
    }

    /// Writes the log and gives its path. If that fails, or its folder does not answer for `wait`, a warning is given and
    /// the job keeps its answer.
    pub(super) async fn write_log(
        &self,
        text: io::Result<Vec<u8>>,
        redactor: &Redactor,
        wait: Duration,
    ) -> Option<String> {
        let Job { log_dir, log_name, task, .. } = &self.job;
        let (dir, name, task) = (log_dir.clone(), log_name.clone(), task.clone());
        let cleaner = redactor.clone();
        let write = move || conversation_log::write(&dir, name.as_deref(), &task, text?, &cleaner);
        match timeout(wait, beside_runtime(write)).await.unwrap_or_else(|_| Err(no_answer(wait))) {
            Ok(path) => Some(path.to_string_lossy().into_owned()),
            Err(error) => {
                self.warn_of_log(&error);
                None
            }
        }
    }

    /// How long the log may take: less where the job has no time left.
    pub(super) fn log_wait(&self, outcome: &Result<Answer, Failure>) -> Duration {
        let left = self.job.budget.deadline.map(|limit| limit.saturating_sub(self.started.elapsed()));
        let is_ended = outcome.as_ref().is_err_and(|failure| failure.kind.is_from_outside());
        LAST_LOG_WAIT + if is_ended { Duration::ZERO } else { left.unwrap_or(LOG_WAIT).min(LOG_WAIT) }
    }

    /// Tells once that the job's log cannot be written.
    fn warn_of_log(&self, error: &io::Error) {
        let (dir, words) = (self.job.log_dir.display(), crate::words::of_io(error));
        let what = format!("no conversation log: {dir} can't be written: {words}");
        if self.lost_log.set(()).is_ok() {
            tracing::warn!("{what}");
            self.events.emit(|| EventKind::Warning { text: what });
        }
    }
}

/// The folder of a log, which may be on a network mount, is not there for us.
fn no_answer(wait: Duration) -> io::Error {
    io::Error::other(format!("it did not answer within {} s", wait.as_secs()))
}
