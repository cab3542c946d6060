//! Jobs of one session run one after the other, in the order of their lines.

use std::collections::HashMap;
use std::path::PathBuf;

use minions::job::SessionRef;
use minions::sessions::Name;
use tokio::sync::oneshot;

/// The newest job of each session.
#[derive(Default)]
pub(super) struct Turns(HashMap<(Option<PathBuf>, Name), oneshot::Receiver<()>>);

/// A job's place behind the job of the same session before it.
pub(super) struct Queued {
    before: Option<oneshot::Receiver<()>>,
    turn: Turn,
}

/// The turn of a job; dropping it lets the next one begin.
pub(super) struct Turn(
    #[expect(dead_code, reason = "its end is what the next job waits for")] oneshot::Sender<()>,
);

impl Turns {
    /// A place for a job of `session`.
    pub(super) fn queue(&mut self, session: &SessionRef) -> Queued {
        let (end, ended) = oneshot::channel();
        let before = self.0.insert((session.dir.clone(), session.name.clone()), ended);
        Queued { before, turn: Turn(end) }
    }
}

impl Queued {
    /// Waits until the job before has ended.
    pub(super) async fn come(self) -> Turn {
        if let Some(before) = self.before {
            // Its end is told by the loss of the sender.
            let _ = before.await;
        }
        self.turn
    }
}
