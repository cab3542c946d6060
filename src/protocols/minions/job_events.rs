//! How far the worker jobs of a round are, as events.

use std::time::Duration;

use super::call::{Call, WorkerReply};
use crate::documents::evidence::Evidence;
use crate::events::{EventKind, Events, WorkerJob, WorkerJobState};
use crate::protocols::Cited;
use crate::sandbox::JobManifest;

/// Tells how far the worker jobs of a round are.
pub(super) struct JobEvents<'a> {
    pub events: &'a Events,
    pub round: u32,
    pub manifests: &'a [JobManifest],
}

impl JobEvents<'_> {
    /// The call has no slot yet.
    pub(super) fn waiting(&self, call: Call) {
        self.tell(call, WorkerJobState::Waiting, |manifest, event| event.task = Some(manifest.task.clone()));
    }

    /// The call has a slot.
    pub(super) fn running(&self, call: Call) {
        self.tell(call, WorkerJobState::Running, |_, _| ());
    }

    /// The call ended after `took`. The worker has written `tokens` in the whole job by then.
    pub(super) fn ended(&self, call: Call, reply: &WorkerReply, took: Duration, tokens: u64) {
        let state = match (&reply.lost, &reply.output.answer) {
            (Some(_), _) => WorkerJobState::Lost,
            (None, Some(_)) => WorkerJobState::Answered,
            (None, None) => WorkerJobState::None,
        };
        self.tell(call, state, |_, event| {
            event.answer.clone_from(&reply.output.answer);
            event.asked_again = reply.asked_again;
            event.ms = u64::try_from(took.as_millis()).ok();
            event.worker_tokens = Some(tokens);
        });
    }

    /// The answer was kept from an earlier job, so no call is made.
    pub(super) fn recalled(&self, call: Call, reply: &WorkerReply, tokens: u64) {
        let state =
            if reply.output.answer.is_some() { WorkerJobState::Answered } else { WorkerJobState::None };
        self.tell(call, state, |_, event| {
            event.answer.clone_from(&reply.output.answer);
            event.ms = Some(0);
            event.worker_tokens = Some(tokens);
            event.is_recalled = true;
        });
    }

    /// The call is not made any more.
    pub(super) fn lost(&self, call: Call) {
        self.tell(call, WorkerJobState::Lost, |_, _| ());
    }

    /// The answer does not wait for the call, which ends without a reply.
    pub(super) fn cancelled(&self, call: Call) {
        self.tell(call, WorkerJobState::Cancelled, |_, _| ());
    }

    fn tell(&self, call: Call, state: WorkerJobState, fill: impl FnOnce(&JobManifest, &mut WorkerJob)) {
        self.events.emit(|| {
            let manifest = &self.manifests[call.job];
            let mut event = job_event(self.round, call, manifest, state);
            fill(manifest, &mut event);
            EventKind::WorkerJob(event)
        });
    }
}

/// The words that a worker job cites stand in a document, or do not.
pub(super) fn cited(events: &Events, job: usize, manifest: &JobManifest, cited: &Cited) {
    events.emit(|| {
        let state = if cited.evidence.verified { WorkerJobState::Cited } else { WorkerJobState::Unverified };
        let Evidence { document, start, end, .. } = cited.evidence;
        let call = Call { job, sample: 0 };
        EventKind::WorkerJob(WorkerJob {
            citation: Some(cited.citation.clone()),
            document,
            start,
            end,
            source: cited.source.clone(),
            place: cited.place.clone(),
            ..job_event(cited.round, call, manifest, state)
        })
    });
}

fn job_event(round: u32, call: Call, manifest: &JobManifest, state: WorkerJobState) -> WorkerJob {
    WorkerJob {
        round,
        index: call.job,
        sample: call.sample,
        job_id: manifest.job_id,
        chunk_id: manifest.chunk_id,
        task: None,
        state,
        answer: None,
        citation: None,
        document: None,
        start: None,
        end: None,
        source: None,
        place: None,
        worker_tokens: None,
        is_recalled: false,
        asked_again: false,
        ms: None,
    }
}
