//! How far the fetching of a model has come, told on stderr, and whether it still moves.
//!
//! Bytes count, not lines: Ollama goes on sending lines with an unchanged number while a download stands still.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Time between two lines on stderr that report less than ten percent.
const QUIET: Duration = Duration::from_secs(10);

/// Time between two drawings of the bar.
const FRAME: Duration = Duration::from_millis(100);
/// Characters of a bar that is full.
const WIDTH: u64 = 30;

/// The progress of one model, over all tries to fetch it.
pub(super) struct Meter {
    model: String,
    /// Bytes done and in all, by layer.
    layers: BTreeMap<String, (u64, u64)>,
    /// Most bytes done so far, over all tries.
    best: u64,
    status: String,
    told: (u64, Instant),
    /// When the bar was drawn last; none where stderr is no terminal.
    bar: Option<Instant>,
}

impl Meter {
    pub(super) fn new(model: &str) -> Self {
        let now = Instant::now();
        let model = model.to_owned();
        let bar = io::stderr().is_terminal().then_some(now);
        Self { model, layers: BTreeMap::new(), best: 0, status: String::new(), told: (0, now), bar }
    }

    /// A new try begins: gives the most bytes that were there so far.
    pub(super) fn restart(&mut self) -> u64 {
        self.layers.clear();
        self.status.clear();
        self.best
    }

    /// Whether bytes have come that no earlier try had.
    pub(super) fn is_beyond(&self, mark: u64) -> bool {
        self.best > mark
    }

    /// Whether the next sign of progress has to come over the network: not once all bytes of all known layers
    /// are there and the server has gone on to check and store them.
    pub(super) fn is_waiting_for_network(&self) -> bool {
        self.layers.is_empty() || self.layers.values().any(|(done, total)| done < total)
    }

    /// The server says what it is doing. Gives whether that is something new.
    pub(super) fn status(&mut self, status: &str) -> bool {
        let is_new = status != self.status;
        if is_new {
            status.clone_into(&mut self.status);
            tracing::debug!("{}: {status}", self.model);
        }
        is_new
    }

    /// The server says how much of a layer is there. Gives whether that moved.
    pub(super) fn layer(&mut self, id: &str, done: u64, total: u64) -> bool {
        let before = self.layers.insert(id.to_owned(), (done, total));
        let sum = self.layers.values().fold((0, 0), |sum, layer| (sum.0 + layer.0, sum.1 + layer.1));
        self.best = self.best.max(sum.0);
        self.tell(sum.0, sum.1);
        before.is_none_or(|(before, _)| before != done)
    }

    fn tell(&mut self, done: u64, total: u64) {
        let percent = (done * 100).checked_div(total).unwrap_or(0).min(100);
        if let Some(drawn) = &mut self.bar {
            if drawn.elapsed() >= FRAME {
                *drawn = Instant::now();
                // The cursor goes back, so that a line of the log takes the bar's place.
                erase_and_write(&format!("{} {percent} % of {} {}\r", bar(percent), size(total), self.model));
            }
            return;
        }
        let (told, at) = self.told;
        if percent >= told + 10 || (percent > told && at.elapsed() >= QUIET) || (percent == 100 && told < 100)
        {
            self.told = (percent, Instant::now());
            tracing::info!("fetching {}: {percent} % of {}", self.model, size(total));
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if self.bar.is_some() {
            erase_and_write("");
        }
    }
}

/// A terminal that is gone is no reason to fail.
fn erase_and_write(text: &str) {
    let _ = io::stderr().lock().write_all(format!("\r\x1b[K{text}").as_bytes());
}

fn bar(percent: u64) -> String {
    let full = percent.min(100) * WIDTH / 100;
    let marks = (0..WIDTH).map(|place| if place < full { '#' } else { '.' });
    marks.collect()
}

/// Bytes as people say them.
fn size(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")];
    match units.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_as_people_say_them() {
        for (bytes, expected) in
            [(0, "0 bytes"), (999, "999 bytes"), (98_362_432, "98.3 MB"), (2_019_377_376, "2.0 GB")]
        {
            assert_eq!(size(bytes), expected);
        }
    }

    #[test]
    fn a_bar_fills_up() {
        assert_eq!(bar(0), ".".repeat(30));
        assert_eq!(bar(50), "#".repeat(15) + &".".repeat(15));
        assert_eq!(bar(100), "#".repeat(30));
    }

    #[test]
    fn only_bytes_and_new_phases_are_movement() {
        let mut meter = Meter::new("m");
        for (id, done, moves) in
            [("a", 0, true), ("a", 0, false), ("a", 5, true), ("a", 5, false), ("b", 0, true)]
        {
            assert_eq!(meter.layer(id, done, 10), moves, "{id} {done}");
        }
        assert!(meter.is_waiting_for_network());
        for (status, moves) in [("verifying", true), ("verifying", false), ("writing", true)] {
            assert_eq!(meter.status(status), moves, "{status}");
        }
    }

    #[test]
    fn a_try_that_only_repeats_what_was_there_is_no_progress() {
        let mut meter = Meter::new("m");
        meter.layer("a", 60, 100);
        let mark = meter.restart();
        meter.layer("a", 60, 100);
        assert!(!meter.is_beyond(mark));
        meter.layer("a", 61, 100);
        assert!(meter.is_beyond(mark));
    }
}
