//! `--verbose`: each step of a job as a line on stderr, told from its events.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::cli::sync::lock;
use minions::chat::Role;
use minions::events::{DocumentInfo, Event, EventKind, EventListener, Purpose};
use minions::words::count;

/// The name that `RUST_LOG` knows these lines by.
pub(crate) const TARGET: &str = "minions::cli::narrator";

/// A job of a batch, and a call's number in it.
type CallKey = (Option<Arc<str>>, u64);

/// Tells each step.
#[derive(Default)]
pub(crate) struct Narrator {
    /// When each call under way began, in the milliseconds of its job.
    began: Mutex<HashMap<CallKey, u64>>,
}

impl Narrator {
    /// One, if `--verbose` or `RUST_LOG` asks for its lines.
    pub(crate) fn if_wanted() -> Option<Arc<Self>> {
        tracing::enabled!(target: TARGET, tracing::Level::DEBUG).then(Arc::default)
    }

    /// The line of an event; `None` for what others tell of.
    fn line(&self, event: &Event) -> Option<String> {
        Some(match &event.kind {
            EventKind::Started { protocol, documents, local, remote, minions_version } => {
                let chars: usize = documents.iter().map(|DocumentInfo { chars, .. }| chars).sum();
                format!(
                    "minions {minions_version}, protocol {protocol}, {} with {}; worker: {} {}, supervisor: {} {}",
                    count(documents.len(), "document"),
                    count(chars, "character"),
                    local.client_type,
                    local.model_name,
                    remote.client_type,
                    remote.model_name,
                )
            }
            EventKind::Files { documents: Some(documents), of, .. } => {
                let chars: usize = documents.iter().map(|DocumentInfo { chars, .. }| chars).sum();
                format!(
                    "{} read: {} with {}",
                    count(*of, "file"),
                    count(documents.len(), "document"),
                    count(chars, "character")
                )
            }
            EventKind::Routing(report) => match report.escalation.as_ref().and_then(|e| e.reason.as_ref()) {
                Some(reason) => format!("escalation: {reason}"),
                None => format!("protocol {}: {}", report.chosen, report.reason),
            },
            EventKind::Round { round, of } => format!("round {round} of {of}"),
            EventKind::Call { call, side, purpose, endpoint } => {
                if *purpose == Purpose::Read {
                    return Some(format!(
                        "call {call}: the {} ({endpoint}) reads the documents",
                        side.as_str()
                    ));
                }
                let key = (event.job.clone(), *call);
                // A reply may begin anew.
                if self.began().contains_key(&key) {
                    return None;
                }
                self.began().insert(key, event.t_ms);
                let purpose = match purpose {
                    Purpose::Read | Purpose::Reply => "reply",
                    Purpose::Step => "next message",
                    Purpose::Answer | Purpose::Sample => "answer",
                    Purpose::Program => "program",
                    Purpose::Synthesis => "conclusion",
                    Purpose::WorkerJob => "worker job",
                    Purpose::FollowUp => "reading of the follow-up",
                    Purpose::Transcription => "text of a page",
                    Purpose::Summary => "summary of the oldest turns",
                };
                format!("call {call}: the {} ({endpoint}) is asked for its {purpose}", side.as_str())
            }
            EventKind::Reading { call, side, read: Some(read), total, ms, is_done: true, .. }
                if read == total =>
            {
                let seconds = *ms as f64 / 1000.0;
                format!("call {call}: the {} has read {total} tokens after {seconds:.1} s", side.as_str())
            }
            EventKind::Message { call: Some(call), side, role: Role::Assistant, text } => {
                let began = self.began().remove(&(event.job.clone(), *call)).unwrap_or(event.t_ms);
                let seconds = event.t_ms.saturating_sub(began) as f64 / 1000.0;
                let length = count(text.chars().count(), "character");
                format!("call {call}: the {} answered after {seconds:.1} s with {length}", side.as_str())
            }
            EventKind::Program { round, attempt, jobs, error: None, .. } => {
                format!("round {round}, program {attempt}: {}", count(*jobs, "worker job"))
            }
            EventKind::Egress { bytes, context_chars, of_context_chars, .. } => format!(
                "a request leaves this machine: {} so far, and {context_chars} of the documents' {}",
                count(*bytes, "byte"),
                count(*of_context_chars, "character"),
            ),
            EventKind::Usage { remote, local, .. } => {
                format!("tokens: {} local, {} remote", local.total_tokens, remote.total_tokens)
            }
            EventKind::Finished { success, .. } => {
                self.began().retain(|(job, _), _| *job != event.job);
                format!("the job {}", if *success { "is done" } else { "failed" })
            }
            _ => return None,
        })
    }

    fn began(&self) -> std::sync::MutexGuard<'_, HashMap<CallKey, u64>> {
        lock(&self.began)
    }
}

impl EventListener for Narrator {
    fn event(&self, event: &Arc<Event>) {
        if let Some(line) = self.line(event) {
            match &event.job {
                Some(job) => tracing::debug!(target: TARGET, "job {job}: {line}"),
                None => tracing::debug!(target: TARGET, "{line}"),
            }
        }
    }

    fn wants_details(&self) -> bool {
        true
    }
}
