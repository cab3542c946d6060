//! The worker is asked first; if its answer does not hold, another protocol follows.

use super::JobRun;
use crate::engine::routing::Routing;
use crate::engine::shared::SharedResources;
use crate::error::{Failure, FailureKind};
use crate::events::{EscalationReport, EventKind};
use crate::job::{Job, Protocol};
use crate::prompts::Prompts;
use crate::protocols::Answer;
use crate::sync::lock;

impl JobRun {
    /// The protocol that gave the answer, or would have.
    pub(super) fn protocol(&self) -> &Protocol {
        self.followed.get().unwrap_or(&self.job.protocol)
    }

    /// The outcome of the worker's own answer if it holds or nothing follows; else that of the protocol that follows.
    pub(super) async fn escalated(
        &self,
        outcome: Result<Answer, Failure>,
        shared: &SharedResources,
        prompts: &Prompts,
    ) -> Result<Answer, Failure> {
        let next = lock(&self.routing).as_ref().and_then(|routing| routing.next.clone());
        let Some(next) = next else { return outcome };
        let checked = self.checked.get();
        let verdict = match (&outcome, checked) {
            (Ok(_), Some(checked)) => checked.verdict(),
            (Err(failure), _) if may_be_mended(failure) => {
                Err(format!("the worker gave none: {}", failure.message))
            }
            _ => return outcome,
        };
        let holds = verdict.is_ok();
        let reason = verdict.unwrap_or_else(|why| why);
        tracing::info!(
            "auto: {reason}{}",
            if holds { String::new() } else { format!("; {} follows", next.name()) }
        );
        self.tell_escalation(|escalation| {
            escalation.escalated = Some(!holds);
            escalation.reason = Some(reason);
            if let Some(checked) = checked {
                escalation.samples = checked.samples;
                escalation.agreed = checked.agreed;
                escalation.citations = checked.citations;
                escalation.verified = checked.verified;
            }
        });
        if holds {
            return outcome;
        }
        self.transcript.forget_evidence();
        let next = self.followed.get_or_init(|| next);
        let job = Job { protocol: next.clone(), ..self.job.clone() };
        self.attempt(&job, shared, prompts).await
    }

    fn tell_escalation(&self, change: impl FnOnce(&mut EscalationReport)) {
        let mut routing = lock(&self.routing);
        let Some(Routing { report, .. }) = &mut *routing else { return };
        if let Some(escalation) = &mut report.escalation {
            change(escalation);
        }
        let report = report.clone();
        drop(routing);
        self.events.emit(|| EventKind::Routing(report));
    }
}

/// Whether another protocol may do better where the worker failed so.
fn may_be_mended(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::Model(_) | FailureKind::Protocol | FailureKind::Runtime)
}
