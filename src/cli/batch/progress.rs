//! How far the batch is, on stderr: a bar on a terminal, else a line every few seconds.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use minions::events::{Event, EventKind, EventListener};
use minions::job::JobRole;

use super::report::Report;
use crate::cli::progress::{draw, time_left};

/// Time between two lines, where something has ended meanwhile.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Time between two lines, where nothing has.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// Counts what the events of all jobs tell, and shows it.
pub(super) struct BatchProgress {
    is_terminal: bool,
    /// Jobs of the input; 0 as long as that is not known.
    total: AtomicUsize,
    worker_calls: AtomicU64,
    told: Mutex<Told>,
}

struct Told {
    at: Instant,
    ended: u64,
    has_bar: bool,
}

impl BatchProgress {
    /// The jobs of `input`, if that is a file, are counted beside the batch.
    pub(super) fn new(input: Option<&Path>) -> Arc<Self> {
        let told = Told { at: Instant::now(), ended: 0, has_bar: false };
        let progress = Arc::new(Self {
            is_terminal: io::stderr().is_terminal(),
            total: AtomicUsize::new(0),
            worker_calls: AtomicU64::new(0),
            told: Mutex::new(told),
        });
        if let Some(path) = input.map(Path::to_owned).filter(|_| progress.is_terminal) {
            let progress = Arc::clone(&progress);
            tokio::task::spawn_blocking(move || {
                progress.total.store(lines_of(&path).unwrap_or_default(), Relaxed);
            });
        }
        progress
    }

    /// Shows how far it is, if it is time.
    pub(super) fn tell(&self, report: &Report, running: usize, skipped: u64) {
        let told = &mut *self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let (ended, failed) = report.ended();
        if self.is_terminal {
            let done = usize::try_from(ended + skipped).unwrap_or(usize::MAX);
            let total = self.total.load(Relaxed);
            draw(done, total, &self.line(report, total, running, skipped), false);
            told.has_bar = true;
            return;
        }
        let has_news = ended + skipped != told.ended;
        if told.at.elapsed() < if has_news { LINE_EVERY } else { HEARTBEAT } {
            return;
        }
        (told.at, told.ended) = (Instant::now(), ended + skipped);
        let per_second = ended as f64 / report.elapsed().as_secs_f64();
        tracing::info!(
            "{ended} jobs ended, {failed} of them failed; {skipped} skipped, {running} running, {per_second:.1} a second"
        );
    }

    /// Leaves the bar where it is.
    pub(super) fn end(&self) {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.has_bar {
            draw(1, 1, "", true);
        }
    }

    fn line(&self, report: &Report, total: usize, running: usize, skipped: u64) -> String {
        let (ended, failed) = report.ended();
        let calls = self.worker_calls.load(Relaxed);
        let of = if total > 0 { format!(" of {total}") } else { String::new() };
        let mut line = format!("{}{of} jobs", ended + skipped);
        if failed > 0 {
            line += &format!(" ({failed} failed)");
        }
        line += &format!(", {running} running, {calls} worker calls");
        let seconds = report.elapsed().as_secs_f64().max(1e-3);
        line += &format!(", {:.0} tokens/s", report.local_tokens() as f64 / seconds);
        if let Some(dollars) = report.dollars() {
            line += &format!(", ${dollars:.2}");
        }
        let left = usize::try_from(ended).ok().zip(total.checked_sub(usize::try_from(skipped).unwrap_or(0)));
        if let Some(left) = left.and_then(|(ended, total)| time_left(ended, total, report.elapsed())) {
            line += &format!(", {left} left");
        }
        line
    }
}

impl EventListener for BatchProgress {
    fn event(&self, event: &Arc<Event>) {
        if matches!(event.kind, EventKind::Call { side: JobRole::Worker, .. }) {
            self.worker_calls.fetch_add(1, Relaxed);
        }
    }

    fn wants_texts(&self) -> bool {
        false
    }
}

/// The lines of a file that are not blank: its jobs, where each is on a line.
fn lines_of(path: &Path) -> io::Result<usize> {
    let mut input = BufReader::with_capacity(1 << 16, File::open(path)?);
    let (mut lines, mut line) = (0, Vec::new());
    while input.read_until(b'\n', &mut line)? > 0 {
        lines += usize::from(!line.trim_ascii().is_empty());
        line.clear();
    }
    Ok(lines)
}
