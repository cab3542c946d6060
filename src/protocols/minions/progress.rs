//! How far a fan-out has come, told on stderr: a bar on a terminal, else a line every few seconds.

use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Time between two lines.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Time between two states of the bar.
const BAR_EVERY: Duration = Duration::from_millis(100);
/// Characters of the bar.
const WIDTH: usize = 24;

/// The progress of one round's worker calls.
pub(super) struct Progress {
    total: usize,
    /// Tokens that the worker had written before.
    before: u64,
    started: Instant,
    told: Instant,
    bar: bool,
}

impl Progress {
    /// `total` calls are to be made; `tokens` have been written so far.
    pub(super) fn new(total: usize, tokens: u64, bar: bool) -> Self {
        let now = Instant::now();
        Self { total, before: tokens, started: now, told: now, bar }
    }

    /// `done` calls have ended, and the worker has written `tokens`.
    pub(super) fn tell(&mut self, done: usize, tokens: u64) {
        let is_last = done == self.total;
        let every = if self.bar { BAR_EVERY } else { LINE_EVERY };
        if self.told.elapsed() < every && !is_last {
            return;
        }
        self.told = Instant::now();
        let line = line(done, self.total, tokens.saturating_sub(self.before), self.started.elapsed());
        if self.bar {
            let filled = WIDTH * done / self.total.max(1);
            let (there, missing) = ("#".repeat(filled), "-".repeat(WIDTH - filled));
            let end = if is_last { "\n" } else { "" };
            // A closed stderr is no reason to fail.
            let _ = write!(io::stderr().lock(), "\r\x1b[K[{there}{missing}] {line}{end}");
        } else {
            tracing::info!("{line}");
        }
    }
}

/// `done` of `total`, the speed, and the time left if the rest goes as fast.
fn line(done: usize, total: usize, tokens: u64, passed: Duration) -> String {
    let seconds = passed.as_secs_f64().max(1e-3);
    let mut line = format!("worker jobs: {done} of {total} done, {:.0} tokens/s", tokens as f64 / seconds);
    if done > 0 && done < total {
        let left = Duration::from_secs_f64(seconds * (total - done) as f64 / done as f64).as_secs();
        line += &format!(", {}:{:02} left", left / 60, left % 60);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long() {
        let minute = Duration::from_secs(60);
        assert_eq!(line(0, 52, 0, Duration::ZERO), "worker jobs: 0 of 52 done, 0 tokens/s");
        assert_eq!(line(13, 52, 600, minute), "worker jobs: 13 of 52 done, 10 tokens/s, 3:00 left");
        assert_eq!(line(52, 52, 6000, minute), "worker jobs: 52 of 52 done, 100 tokens/s");
    }
}
