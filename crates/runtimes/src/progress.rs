//! How far the pull of a model or an image has come, and whether it still moves.
//!
//! Bytes count, not lines: Ollama goes on sending lines with an unchanged number while a download stands still.

use std::collections::BTreeMap;

/// Is told how far pulls have come. Several may run at the same time.
pub trait PullProgress: Send + Sync {
    /// The server reported something new about the pull of `model`, which can also be the name of an image. `status` is
    /// what the server last said it is doing, or empty. Of the layers that are known so far, `completed` of `total`
    /// bytes are there; both are 0 until the server names a layer, and `completed` falls when a pull is resumed.
    fn progress(&self, model: &str, status: &str, completed: u64, total: u64);

    /// The pull of `model` ended, whether it succeeded or not.
    fn done(&self, model: &str);
}

/// Ignores progress.
pub(super) struct NoProgress;

impl PullProgress for NoProgress {
    fn progress(&self, _model: &str, _status: &str, _completed: u64, _total: u64) {}

    fn done(&self, _model: &str) {}
}

/// One pull, over all its tries.
pub(super) struct PullTracker<'a> {
    model: &'a str,
    /// Bytes done and in all, by layer.
    layers: BTreeMap<String, (u64, u64)>,
    /// The most bytes done so far, over all tries.
    best: u64,
    status: String,
    progress: &'a dyn PullProgress,
}

impl<'a> PullTracker<'a> {
    pub(super) fn new(model: &'a str, progress: &'a dyn PullProgress) -> Self {
        Self { model, layers: BTreeMap::new(), best: 0, status: String::new(), progress }
    }

    /// Begins a new try. Gives the most bytes that any try had so far.
    pub(super) fn restart(&mut self) -> u64 {
        self.layers.clear();
        self.status.clear();
        self.best
    }

    /// Whether this try has more than `mark` bytes.
    pub(super) fn is_beyond(&self, mark: u64) -> bool {
        self.best > mark
    }

    /// Whether the next sign of progress has to come over the network. It has not once all bytes of all known layers
    /// are there: the server checks and stores them then.
    pub(super) fn is_waiting_for_network(&self) -> bool {
        self.layers.is_empty() || self.layers.values().any(|(done, total)| done < total)
    }

    /// Notes what the server says it is doing. Gives whether that is new.
    pub(super) fn status(&mut self, status: &str) -> bool {
        let is_new = status != self.status;
        if is_new {
            status.clone_into(&mut self.status);
            tracing::debug!("{}: {status}", self.model);
            self.report();
        }
        is_new
    }

    /// Notes how many bytes of a layer are there. Gives whether that number changed.
    pub(super) fn layer(&mut self, id: &str, done: u64, total: u64) -> bool {
        let before = self.layers.insert(id.to_owned(), (done, total));
        self.report();
        before.is_none_or(|(before, _)| before != done)
    }

    fn report(&mut self) {
        let layers = self.layers.values();
        let (done, total) = layers.fold((0, 0), |sum, layer| (sum.0 + layer.0, sum.1 + layer.1));
        self.best = self.best.max(done);
        self.progress.progress(self.model, &self.status, done, total);
    }
}

impl Drop for PullTracker<'_> {
    fn drop(&mut self) {
        self.progress.done(self.model);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn only_bytes_and_new_phases_are_movement() {
        let mut tracker = PullTracker::new("m", &NoProgress);
        for (id, done, moves) in
            [("a", 0, true), ("a", 0, false), ("a", 5, true), ("a", 5, false), ("b", 0, true)]
        {
            assert_eq!(tracker.layer(id, done, 10), moves, "{id} {done}");
        }
        assert!(tracker.is_waiting_for_network());
        for (status, moves) in [("verifying", true), ("verifying", false), ("writing", true)] {
            assert_eq!(tracker.status(status), moves, "{status}");
        }
    }

    #[test]
    fn a_try_that_only_repeats_what_was_there_is_no_progress() {
        let mut tracker = PullTracker::new("m", &NoProgress);
        tracker.layer("a", 60, 100);
        let mark = tracker.restart();
        tracker.layer("a", 60, 100);
        assert!(!tracker.is_beyond(mark));
        tracker.layer("a", 61, 100);
        assert!(tracker.is_beyond(mark));
    }

    #[derive(Default)]
    struct Told(Mutex<Vec<String>>);

    impl PullProgress for Told {
        fn progress(&self, model: &str, status: &str, completed: u64, total: u64) {
            self.0.lock().unwrap().push(format!("{model}: {status} {completed}/{total}"));
        }

        fn done(&self, model: &str) {
            self.0.lock().unwrap().push(format!("{model}: done"));
        }
    }

    #[test]
    fn sums_of_all_layers_and_new_phases_are_reported_and_then_the_end() {
        let told = Told::default();
        let mut tracker = PullTracker::new("m", &told);
        tracker.status("pulling");
        tracker.status("pulling");
        tracker.layer("a", 5, 10);
        tracker.layer("b", 1, 20);
        drop(tracker);
        let expected = ["m: pulling 0/0", "m: pulling 5/10", "m: pulling 6/30", "m: done"];
        assert_eq!(*told.0.lock().unwrap(), expected);
    }
}
