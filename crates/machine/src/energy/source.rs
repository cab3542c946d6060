//! One source of energy: a counter or a power, read from time to time.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::super::cards::CardEnergy;

/// Joules of a millionth, and of a thousandth.
const MICRO: f64 = 1e-6;
const MILLI: f64 = 1e-3;

/// What tells.
pub(super) enum Kind {
    /// A file with microjoules, which begins anew after `range`.
    Counter { path: PathBuf, range: Option<u64> },
    /// A file with microwatts.
    Power { path: PathBuf },
    /// A card with millijoules.
    Card(Box<dyn CardEnergy>),
}

/// A source that can be read.
pub(super) struct Source {
    pub(super) name: String,
    kind: Kind,
    /// What it told last, and when.
    last: u64,
    at: Instant,
    joules: f64,
}

impl Source {
    /// # Errors
    /// Why it can't be read.
    pub(super) fn begin(name: String, kind: Kind, now: Instant) -> Result<Self, String> {
        let last = value(&kind)?;
        Ok(Self { name, kind, last, at: now, joules: 0.0 })
    }

    pub(super) fn is_power(&self) -> bool {
        matches!(self.kind, Kind::Power { .. })
    }

    pub(super) fn joules(&self) -> f64 {
        self.joules
    }

    /// Adds what was taken since it was read last.
    pub(super) fn read(&mut self, now: Instant) {
        let Ok(value) = value(&self.kind) else { return };
        self.joules += match &self.kind {
            Kind::Power { .. } => {
                let watts = (self.last as f64).midpoint(value as f64) * MICRO;
                watts * now.duration_since(self.at).as_secs_f64()
            }
            Kind::Counter { range, .. } => since(self.last, value, *range) as f64 * MICRO,
            Kind::Card(_) => since(self.last, value, None) as f64 * MILLI,
        };
        (self.last, self.at) = (value, now);
    }
}

/// What a counter has moved by. One that begins anew without a known range was set back, so that nothing is known.
fn since(last: u64, value: u64, range: Option<u64>) -> u64 {
    match value.checked_sub(last) {
        Some(moved) => moved,
        None => range.map_or(0, |range| range.saturating_sub(last).saturating_add(value)),
    }
}

fn value(kind: &Kind) -> Result<u64, String> {
    match kind {
        Kind::Counter { path, .. } | Kind::Power { path } => number(path).map_err(|error| error.to_string()),
        Kind::Card(card) => card.millijoules(),
    }
}

fn number(path: &Path) -> io::Result<u64> {
    fs::read_to_string(path)?.trim().parse().map_err(io::Error::other)
}
