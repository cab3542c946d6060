//! What happens in a job, as it happens: one ordered, gapless, redacted stream for any number of listeners.
//!
//! In: the engine and the protocols emit an [`EventKind`] at each step. Out: an [`Event`] with its number and time to
//! every [`EventListener`]. The last one is always [`EventKind::Finished`], whatever ends the job. Without listeners
//! nothing is built and nothing is copied.

mod calls;
mod kind;
mod log;
mod redaction;
mod routing;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde::Serialize;

use crate::chat::secrets::Redactor;
use crate::sync::lock;

pub(crate) use calls::CallEvents;
pub use kind::{DocumentInfo, EventKind, ModelInfo, Purpose, WorkerJob, WorkerJobState};
pub use log::{EventLog, EventReader};
use redaction::{Deltas, redact};
pub use routing::{EscalationReport, ProtocolEstimate, RoutingReport};

/// Something that happened in a job.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// Its number in the job, from 0, without gaps.
    pub seq: u64,
    /// Milliseconds since the job began.
    pub t_ms: u64,
    /// The job's name in a batch, or the one that the caller gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<Arc<str>>,
    /// What happened; its `type` and its own fields.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// Hears the events of jobs.
pub trait EventListener: Send + Sync {
    /// Takes an event. The events of a job come one after the other, in order; the job waits meanwhile, so this must
    /// not block. A listener that panics hears no more of the job.
    fn event(&self, event: &Arc<Event>);

    /// Whether it wants what takes time to tell: what models are told and say, what left, the result. Without it there
    /// are no `delta`, `message`, `program` and `egress` events unless another listener wants them, and `finished`
    /// carries no envelope. It is asked when a job begins.
    fn wants_details(&self) -> bool {
        true
    }
}

/// Where the events of one job go. Clones share their listeners and numbers.
#[derive(Clone, Default)]
pub struct Events(Option<Arc<Stream>>);

struct Stream {
    job: Option<Arc<str>>,
    listeners: Vec<Arc<dyn EventListener>>,
    wants_details: bool,
    redactor: Redactor,
    began: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next_seq: u64,
    next_call: u64,
    is_finished: bool,
    deltas: Deltas,
    /// For each listener, whether it has panicked.
    panicked: Vec<bool>,
}

impl Events {
    /// Nobody listens.
    pub fn off() -> Self {
        Self(None)
    }

    /// Events for `listeners`, without any credential that `redactor` knows by then. `job` names the job in each event.
    pub fn new(listeners: Vec<Arc<dyn EventListener>>, job: Option<&str>, redactor: &Redactor) -> Self {
        if listeners.is_empty() {
            return Self::off();
        }
        Self(Some(Arc::new(Stream {
            job: job.map(|job| redactor.clean(job).into()),
            wants_details: listeners.iter().any(|listener| listener.wants_details()),
            listeners,
            redactor: redactor.clone(),
            began: Instant::now(),
            state: Mutex::default(),
        })))
    }

    /// Whether anybody listens.
    pub fn are_on(&self) -> bool {
        self.0.is_some()
    }

    /// Whether anybody wants what takes time to tell.
    pub fn have_details(&self) -> bool {
        self.0.as_ref().is_some_and(|stream| stream.wants_details)
    }

    /// Emits what `kind` makes, if anybody listens.
    pub(crate) fn emit(&self, kind: impl FnOnce() -> EventKind) {
        if let Some(stream) = &self.0 {
            stream.emit(kind());
        }
    }

    /// Emits what `kind` makes, if anybody wants what takes time to tell.
    pub(crate) fn emit_detail(&self, kind: impl FnOnce() -> EventKind) {
        if let Some(stream) = self.0.as_ref().filter(|stream| stream.wants_details) {
            stream.emit(kind());
        }
    }

    /// A number for a call to a model, unlike that of any other call of the job.
    pub(crate) fn next_call(&self) -> u64 {
        let Some(stream) = &self.0 else { return 0 };
        let state = &mut *lock(&stream.state);
        state.next_call += 1;
        state.next_call
    }

    /// Forgets what was held back of a call that failed.
    pub(crate) fn forget(&self, call: u64) {
        if let Some(stream) = &self.0 {
            lock(&stream.state).deltas.forget(call);
        }
    }
}

impl Stream {
    fn emit(&self, mut kind: EventKind) {
        let state = &mut *lock(&self.state);
        if state.is_finished {
            return;
        }
        match &mut kind {
            EventKind::Delta { call, text, .. } => {
                *text = state.deltas.push(*call, text, &self.redactor);
                if text.is_empty() {
                    return;
                }
            }
            EventKind::Message { call: Some(call), side, .. } => {
                // The end of a reply that could have been the beginning of a credential.
                if let Some(text) = state.deltas.finish(*call, &self.redactor) {
                    self.tell(state, EventKind::Delta { call: *call, side: *side, text });
                }
            }
            _ => {}
        }
        redact(&mut kind, &self.redactor);
        state.is_finished = matches!(kind, EventKind::Finished { .. });
        self.tell(state, kind);
    }

    fn tell(&self, state: &mut State, kind: EventKind) {
        let event = Arc::new(Event {
            seq: state.next_seq,
            t_ms: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            job: self.job.clone(),
            kind,
        });
        state.next_seq += 1;
        state.panicked.resize(self.listeners.len(), false);
        for (listener, has_panicked) in self.listeners.iter().zip(&mut state.panicked) {
            if !*has_panicked {
                // The job must not pay for it.
                *has_panicked = catch_unwind(AssertUnwindSafe(|| listener.event(&event))).is_err();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failure;
    use crate::job::JobRole;

    fn delta(call: u64, text: &str) -> EventKind {
        EventKind::Delta { call, side: JobRole::Supervisor, text: text.to_owned() }
    }

    #[test]
    fn events_are_numbered_and_end_with_finished() {
        let log = Arc::new(EventLog::default());
        let events = Events::new(vec![Arc::clone(&log) as _], Some("a"), &Redactor::default());
        events.emit(|| EventKind::Round { round: 1, of: 2 });
        events.emit(|| EventKind::Finished { success: true, kind: None, envelope: None, failure: None });
        events.emit(|| EventKind::Warning { text: "too late".to_owned() });
        let shown: Vec<_> = log.all().iter().map(|event| (event.seq, event.job.clone())).collect();
        assert_eq!(shown, [(0, Some("a".into())), (1, Some("a".into()))]);
    }

    #[test]
    fn a_failure_is_told_without_credentials() {
        let redactor = Redactor::default();
        redactor.learn("sk-12345678");
        let log = Arc::new(EventLog::default());
        let failure = Failure::system("sk-12345678 is refused").hint("renew sk-12345678");
        Events::new(vec![Arc::clone(&log) as _], None, &redactor).emit(|| EventKind::Finished {
            success: false,
            kind: Some(failure.kind),
            envelope: None,
            failure: Some(Box::new(failure)),
        });
        let told = format!("{:?}", log.last().unwrap().kind);
        assert!(told.contains("is refused") && !told.contains("sk-12345678"), "{told}");
    }

    #[test]
    fn a_credential_that_comes_in_pieces_never_shows() {
        let redactor = Redactor::default();
        redactor.learn("sk-12345678");
        let log = Arc::new(EventLog::default());
        let events = Events::new(vec![Arc::clone(&log) as _], None, &redactor);
        let text = "the key is sk-12345678, not sk-1234567";
        for piece in text.as_bytes().chunks(3) {
            events.emit_detail(|| delta(1, std::str::from_utf8(piece).unwrap()));
        }
        events.emit_detail(|| EventKind::Message {
            call: Some(1),
            side: JobRole::Supervisor,
            role: crate::chat::Role::Assistant,
            text: text.to_owned(),
        });
        let all = log.all();
        let mut streamed = String::new();
        for event in &all {
            match &event.kind {
                EventKind::Delta { text, .. } => streamed += text,
                EventKind::Message { text, .. } => assert_eq!(streamed, *text),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(streamed, "the key is [redacted], not sk-1234567");
    }
}
