//! What a batch reads and where its lines go.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::Receiver;

use super::line::Line;
use super::output::Sink;
use crate::cli::input::Incoming;

/// The jobs of a batch, and where its lines go.
pub(in crate::cli) struct Feed {
    pub origin: Origin,
    pub total: Total,
    pub sink: Sink,
    /// What the end of the run has stopped.
    pub stopped: Stopped,
}

/// Where jobs come from.
pub(in crate::cli) enum Origin {
    Input {
        pieces: Incoming,
        /// Where paths in the jobs begin.
        folder: Option<PathBuf>,
    },
    /// Somebody hands them over one by one.
    Handed(Receiver<Line>),
}

/// The names of the jobs that the end of the run stopped, where they have a line all the same. Clones are the same ones.
#[derive(Clone, Default)]
pub(in crate::cli) struct Stopped(Arc<Mutex<HashSet<String>>>);

impl Stopped {
    pub(super) fn add(&self, custom_id: &str) {
        self.names().insert(custom_id.to_owned());
    }

    pub(in crate::cli) fn has(&self, custom_id: &str) -> bool {
        self.names().contains(custom_id)
    }

    fn names(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many jobs there are.
pub(in crate::cli) enum Total {
    Unknown,
    /// This file has them.
    In(PathBuf),
    Known(usize),
}
