//! The progress of pulls of models, told to the jobs that wait for models.

use std::sync::Mutex;

use crate::events::{EventKind, Events};
use crate::runtimes::PullProgress;
use crate::sync::lock;

/// Tells the jobs that wait for models how far pulls are.
#[derive(Default)]
pub(super) struct Pulls(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    next: u64,
    jobs: Vec<(u64, Events)>,
}

/// A job's wait for models, which ends when this is dropped.
pub(super) struct WaitsForModels<'a> {
    pulls: &'a Pulls,
    number: u64,
}

impl Pulls {
    /// Tells `events` of pulls from now on.
    pub(super) fn wait_with(&self, events: &Events) -> WaitsForModels<'_> {
        let waiting = &mut *lock(&self.0);
        waiting.next += 1;
        if events.are_on() {
            waiting.jobs.push((waiting.next, events.clone()));
        }
        WaitsForModels { pulls: self, number: waiting.next }
    }

    fn tell(&self, event: impl Fn() -> EventKind) {
        lock(&self.0).jobs.iter().for_each(|(_, events)| events.emit(&event));
    }
}

impl Drop for WaitsForModels<'_> {
    fn drop(&mut self) {
        lock(&self.pulls.0).jobs.retain(|(number, _)| *number != self.number);
    }
}

impl PullProgress for Pulls {
    fn progress(&self, model: &str, status: &str, completed: u64, total: u64) {
        self.tell(|| EventKind::Pull {
            model: model.to_owned(),
            status: status.to_owned(),
            completed,
            total,
            is_done: false,
        });
    }

    fn done(&self, model: &str) {
        self.tell(|| EventKind::Pull {
            model: model.to_owned(),
            status: String::new(),
            completed: 0,
            total: 0,
            is_done: true,
        });
    }
}
