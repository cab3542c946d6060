//! How far the batch is, on stderr, and what its exit code is.

use std::time::Instant;

use super::options::FailOn;
use crate::chat::Usage;
use crate::error::Exit;

/// A line that is done.
pub(super) struct Ended {
    pub is_failed: bool,
    pub remote: Usage,
    pub local: Usage,
}

/// Counts what was done.
pub(super) struct Report {
    started: Instant,
    done: u64,
    failed: u64,
    /// Tokens.
    local: u64,
    remote: u64,
    told: u64,
}

impl Report {
    pub(super) fn new() -> Self {
        Self { started: Instant::now(), done: 0, failed: 0, local: 0, remote: 0, told: 0 }
    }

    /// Counts a line.
    pub(super) fn count(&mut self, ended: &Ended) {
        match ended.is_failed {
            false => self.done += 1,
            true => self.failed += 1,
        }
        self.local += ended.local.total_tokens;
        self.remote += ended.remote.total_tokens;
    }

    /// Tells how far it is, if that has changed.
    pub(super) fn progress(&mut self, running: usize, skipped: u64) {
        let ended = self.done + self.failed;
        if ended + skipped != self.told {
            self.told = ended + skipped;
            let (failed, per_second) = (self.failed, ended as f64 / self.started.elapsed().as_secs_f64());
            tracing::info!(
                "{ended} jobs ended, {failed} of them failed; {skipped} skipped, {running} running, {per_second:.1} a second"
            );
        }
    }

    /// Tells what came of it all.
    pub(super) fn summary(&self, skipped: u64, is_dry: bool) {
        let Self { done, failed, local, remote, .. } = self;
        let (seconds, estimated) =
            (self.started.elapsed().as_secs_f64(), if is_dry { " (estimated)" } else { "" });
        tracing::info!(
            "jobs: {done} done, {failed} failed, {skipped} skipped; tokens{estimated}: {local} local, {remote} remote; \
             {seconds:.1} s"
        );
    }

    /// The exit code of a run that came to the end of its input.
    pub(super) fn exit(&self, fail_on: FailOn, skipped: u64) -> Exit {
        let is_failed = match fail_on {
            FailOn::Any => self.failed > 0,
            FailOn::All => self.failed > 0 && self.done + skipped == 0,
            FailOn::Never => false,
        };
        if is_failed { Exit::SomeFailed } else { Exit::Success }
    }
}
