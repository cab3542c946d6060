//! Credentials are struck out of events, also where one comes in pieces.

use std::collections::HashMap;

use super::{EventKind, RoutingReport, WorkerJob};
use crate::chat::secrets::Redactor;

/// The ends of replies under way that could be the beginning of a credential.
#[derive(Default)]
pub(super) struct Deltas(HashMap<u64, String>);

impl Deltas {
    /// As much of `text`, behind what was held back of the call, as can be shown.
    pub(super) fn push(&mut self, call: u64, text: &str, redactor: &Redactor) -> String {
        let held = self.0.entry(call).or_default();
        held.push_str(text);
        let rest = held.split_off(redactor.safe_length(held));
        redactor.clean(&std::mem::replace(held, rest))
    }

    /// Forgets what was held back of a call.
    pub(super) fn forget(&mut self, call: u64) {
        self.0.remove(&call);
    }

    /// What was held back of a call that has ended, if anything was.
    pub(super) fn finish(&mut self, call: u64, redactor: &Redactor) -> Option<String> {
        let held = self.0.remove(&call)?;
        (!held.is_empty()).then(|| redactor.clean(&held))
    }
}

/// Strikes credentials out of all texts of `kind` but those of deltas.
pub(super) fn redact(kind: &mut EventKind, redactor: &Redactor) {
    let clean = |text: &mut String| {
        if redactor.is_in(text) {
            *text = redactor.clean(text);
        }
    };
    let clean_if_any = |text: &mut Option<String>| text.iter_mut().for_each(clean);
    match kind {
        EventKind::Started { documents, local, remote, .. } => {
            documents.iter_mut().for_each(|document| clean_if_any(&mut document.name));
            clean(&mut local.model_name);
            clean(&mut remote.model_name);
        }
        EventKind::Files { documents, .. } => {
            documents.iter_mut().flatten().for_each(|document| clean_if_any(&mut document.name));
        }
        EventKind::Pull { model, status, .. } => {
            clean(model);
            clean(status);
        }
        EventKind::Call { endpoint, .. } => clean(endpoint),
        EventKind::Message { text, .. }
        | EventKind::Warning { text }
        | EventKind::Understood { task: text } => {
            clean(text);
        }
        EventKind::Routing(RoutingReport { reason, estimates, escalation, .. }) => {
            clean(reason);
            for estimate in estimates {
                clean_if_any(&mut estimate.excluded);
            }
            escalation.iter_mut().for_each(|escalation| clean_if_any(&mut escalation.reason));
        }
        EventKind::Program { code, error, .. } => {
            clean(code);
            clean_if_any(error);
        }
        EventKind::WorkerJob(WorkerJob { task, answer, citation, source, place, .. }) => {
            [task, answer, citation, source, place].into_iter().for_each(clean_if_any);
        }
        // Its envelope is made clean.
        EventKind::Finished { failure: Some(failure), .. } => {
            clean(&mut failure.message);
            clean_if_any(&mut failure.hint);
        }
        EventKind::Round { .. }
        | EventKind::Reading { .. }
        | EventKind::Delta { .. }
        | EventKind::Egress { .. }
        | EventKind::Usage { .. }
        | EventKind::Finished { failure: None, .. } => {}
    }
}
