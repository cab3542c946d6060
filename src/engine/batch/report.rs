//! How far the batch is, on stderr, and what its exit code is.

use std::time::Instant;

use super::options::FailOn;
use crate::chat::Usage;
use crate::engine::savings::Savings;
use crate::error::Exit;

/// A line that is done.
pub(super) struct Ended {
    pub is_failed: bool,
    pub remote: Usage,
    pub local: Usage,
    pub dollars: Option<f64>,
    pub savings: Option<Savings>,
}

/// Counts what was done.
pub(super) struct Report {
    started: Instant,
    done: u64,
    failed: u64,
    /// Tokens.
    local: u64,
    remote: u64,
    /// Remote tokens.
    saved: i64,
    /// Spent and saved, by jobs that have prices.
    dollars: Option<(f64, f64)>,
    told: u64,
}

impl Report {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            done: 0,
            failed: 0,
            local: 0,
            remote: 0,
            saved: 0,
            dollars: None,
            told: 0,
        }
    }

    /// Counts a line.
    pub(super) fn count(&mut self, ended: &Ended) {
        match ended.is_failed {
            false => self.done += 1,
            true => self.failed += 1,
        }
        self.local += ended.local.total_tokens;
        self.remote += ended.remote.total_tokens;
        self.saved += ended.savings.as_ref().map_or(0, Savings::tokens);
        if let Some(spent) = ended.dollars {
            let saved = ended.savings.as_ref().and_then(Savings::dollars).unwrap_or_default();
            let so_far = self.dollars.unwrap_or_default();
            self.dollars = Some((so_far.0 + spent, so_far.1 + saved));
        }
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

    /// Tells what came of it all. The token_budget has also `spent` what no job was told of: on calls that were cut off.
    pub(super) fn summary(&self, skipped: u64, is_dry: bool, spent: u64) {
        let Self { done, failed, local, saved, .. } = self;
        let remote = self.remote.max(spent);
        let seconds = self.started.elapsed().as_secs_f64();
        let tokens = match is_dry {
            true => format!("tokens (estimated): {local} local"),
            false => format!("tokens: {local} local, {remote} remote, {saved} remote ones saved"),
        };
        let dollars = self.dollars.map(|(spent, saved)| format!("${spent:.4} spent, ${saved:.4} saved; "));
        let dollars = dollars.unwrap_or_default();
        tracing::info!(
            "jobs: {done} done, {failed} failed, {skipped} skipped; {tokens}; {dollars}{seconds:.1} s"
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
