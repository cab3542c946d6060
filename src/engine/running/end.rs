//! The end of a job: its turn goes into the session, and what it gave becomes the result.

use std::io;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::{JobRun, VERSION};
use crate::chat::secrets::Redactor;
use crate::engine::result::{ConversationLog, EvidenceSummary, JobResult, Timing};
use crate::engine::savings::SavingsReport;
use crate::engine::turn::SessionReport;
use crate::engine::{file_report, session_turn, turn};
use crate::error::{Failure, FailureKind, Spent};
use crate::events::EventKind;
use crate::job::Protocol;
use crate::protocols::{Answer, Notes};
use crate::sessions::TurnRecord;
use crate::sync::lock;

/// A job that has ended.
pub(in crate::engine) struct ClosedJob {
    outcome: Result<Answer, Failure>,
    notes: Notes,
    spent: Spent,
    timing: Timing,
    log: ConversationLog,
    /// `None` if the log can't be written.
    log_file: Option<String>,
    /// What the next turn of the conversation is given; `None` of a job that stands for itself.
    turn: Option<TurnRecord>,
    session: Option<SessionReport>,
}

impl JobRun {
    /// Writes the conversation log. What takes long is done beside the runtime, with one thread at a time: there may be
    /// no other.
    pub(in crate::engine) async fn close(
        self: &Arc<Self>,
        outcome: Result<Answer, Failure>,
        redactor: &Redactor,
    ) -> Result<ClosedJob, Failure> {
        let (run, cleaner) = (Arc::clone(self), redactor.clone());
        let ended = spawn_blocking(move || {
            let notes = run.transcript.take();
            let (spent, timing) = (run.spent(), run.timing());
            let log = run.log(&outcome, &notes, spent, timing);
            let text = cleaner.clean_json_pretty(&log).map_err(io::Error::from);
            let turn = run
                .job
                .conversation
                .is_some()
                .then(|| turn::record(&run.job.task, run.turn.get(), &outcome, &notes, spent));
            (ClosedJob { outcome, notes, spent, timing, log, log_file: None, turn, session: None }, text)
        });
        let (mut closed, text) = ended.await?;
        closed.session = self.store_turn(&closed, redactor).await;
        closed.log_file = self.write_log(text, redactor, self.log_wait(&closed.outcome)).await;
        Ok(closed)
    }

    /// Adds the turn to the session, if the job has one. If that fails, a warning is given and the job keeps its answer.
    /// A job that was refused before it began is no turn.
    async fn store_turn(&self, closed: &ClosedJob, redactor: &Redactor) -> Option<SessionReport> {
        let session = self.job.session()?;
        if closed.outcome.as_ref().is_err_and(|failure| failure.kind == FailureKind::Input) {
            drop(lock(&self.session).take());
            return None;
        }
        let turn = closed.turn.as_ref()?;
        let clean = redactor.clean_json(turn).and_then(|json| serde_json::from_slice(&json));
        let (turn, stored) = session_turn::end(&self.session, clean.unwrap_or_else(|_| turn.clone())).await?;
        if let Err(failure) = &stored {
            self.transcript.warn(format!("this turn is not in the session: {failure}"));
        }
        Some(SessionReport { name: session.name.to_string(), turn, stored: stored.is_ok() })
    }

    /// The result of a job whose log is written.
    pub(in crate::engine) fn result(&self, closed: ClosedJob) -> Result<JobResult, Failure> {
        let ClosedJob { outcome, notes, spent, timing, log, log_file, turn, session } = closed;
        let savings = outcome
            .as_ref()
            .ok()
            .zip(self.texts.get())
            .map(|(answer, texts)| SavingsReport::new(&self.job, texts, &answer.text, spent.remote));
        self.events.emit(|| EventKind::Usage {
            remote: spent.remote,
            local: spent.local,
            usd: spent.usd,
            remote_only_usd: savings.as_ref().and_then(|savings| savings.usd).map(|usd| usd.remote_only),
        });
        let answer = outcome.map_err(|failure| Failure { spent: Box::new(spent), ..failure })?;
        let has_lost = file_report::has_lost(&self.files, &self.folders);
        let (has_rounds, has_evidence) = match self.protocol() {
            Protocol::Minion(_) | Protocol::Auto(_) => (false, false),
            Protocol::Minions(_) => (true, true),
            Protocol::RemoteOnly | Protocol::LocalOnly { .. } => (false, true),
        };
        let state = self.turn.get();
        let conversation_history = state.zip(turn).map(|(state, record)| {
            let mut history = state.history.clone();
            history.push(record.turn);
            history
        });
        let result = JobResult {
            final_answer: answer.text,
            status: if has_lost { answer.status.without_a_part() } else { answer.status },
            standalone_task: state.and_then(|state| state.standalone_task.clone()),
            history: state.map(|state| state.report),
            conversation_history,
            memo: self.memo.get().map(|memo| memo.report()),
            session,
            routing: lock(&self.routing).as_ref().map(|routing| routing.report.clone()),
            supervisor_messages: Some(notes.supervisor),
            worker_messages: Some(notes.worker),
            remote_usage: spent.remote,
            local_usage: spent.local,
            log_file,
            conversation_log: Some(log),
            timing,
            energy: self.energy.get().cloned(),
            egress: self.ledger.report(),
            savings,
            evidence_summary: has_evidence.then(|| EvidenceSummary {
                citations: notes.evidence.len(),
                verified: notes.evidence.iter().filter(|cited| cited.evidence.verified).count(),
            }),
            meta: has_rounds.then_some(notes.rounds),
            evidence: has_evidence.then_some(notes.evidence),
            files: (!self.files.is_empty()).then(|| self.files.clone()),
            folders: self.folders.clone(),
            metadata: self.job.metadata.clone(),
            job_hash: self.job.hash.clone(),
            rounds: notes.begun,
            local_client: self.local_client.clone(),
            remote_client: self.remote_client.clone(),
            minions_version: VERSION,
            spent,
        };
        Ok(if self.job.is_slim { result.slim() } else { result })
    }
}
