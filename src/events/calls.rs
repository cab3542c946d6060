//! Calls to models as events.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::{EventKind, Events, Purpose};
use crate::chat::{CallObserver, ChatError};
use crate::job::JobRole;

/// Turns what a chat client tells of a call into events.
pub(crate) struct CallEvents {
    events: Events,
    side: JobRole,
    purpose: Purpose,
    /// The number of the try under way.
    call: AtomicU64,
}

impl CallEvents {
    pub(crate) fn new(events: &Events, side: JobRole, purpose: Purpose) -> Arc<Self> {
        Arc::new(Self { events: events.clone(), side, purpose, call: AtomicU64::new(0) })
    }

    /// For the request, if anybody listens.
    pub(crate) fn observer(self: &Arc<Self>) -> Option<Arc<dyn CallObserver>> {
        self.events.are_on().then(|| Arc::clone(self) as _)
    }

    /// The number of the last try.
    pub(crate) fn call(&self) -> u64 {
        self.call.load(Relaxed)
    }
}

impl CallObserver for CallEvents {
    fn begin(&self, endpoint: &str) {
        let call = self.events.next_call();
        self.call.store(call, Relaxed);
        let (side, purpose, endpoint) = (self.side, self.purpose, endpoint.to_owned());
        self.events.emit(|| EventKind::Call { call, side, purpose, endpoint });
    }

    fn delta(&self, text: &str) {
        // A fan-out's replies are short and many: each is one message. A reply to what is read ahead is none.
        if matches!(self.purpose, Purpose::WorkerJob | Purpose::Read) {
            return;
        }
        let call = self.call();
        self.events.emit_detail(|| EventKind::Delta { call, side: self.side, text: text.to_owned() });
    }

    fn failed(&self, error: &ChatError, next_try_in: Option<Duration>) {
        self.events.forget(self.call());
        let text = match next_try_in {
            Some(wait) => format!("{error}; the next try is in {:.1} s", wait.as_secs_f64()),
            None => error.to_string(),
        };
        self.events.emit(|| EventKind::Warning { text });
    }
}
