//! All events of a job, for readers that come when they can.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use super::{Event, EventKind, EventListener};
use crate::sync::lock;

/// Keeps all events of one job. Any number of [`EventReader`]s read them, each from where it wants.
#[derive(Default)]
pub struct EventLog {
    events: Mutex<Vec<Arc<Event>>>,
    changed: Notify,
}

/// Reads an [`EventLog`] to its end.
pub struct EventReader {
    log: Arc<EventLog>,
    next: usize,
}

impl EventLog {
    /// A reader of the events from number `seq` on.
    pub fn read_from(self: &Arc<Self>, seq: u64) -> EventReader {
        EventReader { log: Arc::clone(self), next: usize::try_from(seq).unwrap_or(usize::MAX) }
    }

    /// The last event so far.
    pub fn last(&self) -> Option<Arc<Event>> {
        lock(&self.events).last().cloned()
    }

    /// The events so far.
    pub fn all(&self) -> Vec<Arc<Event>> {
        lock(&self.events).clone()
    }
}

impl EventListener for EventLog {
    fn event(&self, event: &Arc<Event>) {
        lock(&self.events).push(Arc::clone(event));
        self.changed.notify_waiters();
    }
}

impl EventReader {
    /// The next event, as soon as there is one; `None` after `finished`.
    pub async fn next(&mut self) -> Option<Arc<Event>> {
        loop {
            let changed = self.log.changed.notified();
            let (event, is_finished) = {
                let events = lock(&self.log.events);
                let is_finished =
                    events.last().is_some_and(|event| matches!(event.kind, EventKind::Finished { .. }));
                (events.get(self.next).cloned(), is_finished)
            };
            if event.is_some() || is_finished {
                self.next += usize::from(event.is_some());
                return event;
            }
            changed.await;
        }
    }
}
