//! How far the batch is, on stderr: a bar on a terminal, else a line every few seconds.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use minions::events::{Event, EventKind, EventListener, WorkerJob};
use minions::job::JobRole;

use super::feed::Total;
use super::json_splitter::JsonSplitter;
use super::report::Report;
use super::shard::Shard;
use crate::cli::progress::{draw, speed, time_left};
use crate::cli::readings::Readings;
use crate::cli::screen::{Terminal, erase_line};
use crate::cli::sync::lock;
use minions::words::count;

/// Time between two lines, where something has ended meanwhile.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Time between two lines, where nothing has.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// Jobs that have to end before their pace says something.
const ENOUGH: u64 = 3;

/// Counts what the events of all jobs tell, and shows it.
pub(super) struct BatchProgress {
    is_terminal: bool,
    /// Jobs of the input; 0 as long as that is not known.
    total: AtomicUsize,
    counts: Mutex<Counts>,
    /// The prompts that models are reading.
    readings: Mutex<Readings>,
    told: Mutex<Told>,
}

/// What the workers of all jobs did.
#[derive(Default)]
struct Counts {
    worker_calls: u64,
    /// The last one of each job under way. Its reply may begin anew.
    last_calls: HashMap<Arc<str>, u64>,
    /// Tokens that they wrote.
    tokens: u64,
    /// The tokens of each job under way, which are in the sum already.
    of_jobs: HashMap<Arc<str>, u64>,
}

impl Counts {
    /// The worker of the event's job has written `tokens` so far.
    fn written(&mut self, event: &Event, tokens: u64) {
        let Some(job) = &event.job else { return };
        let known = self.of_jobs.entry(Arc::clone(job)).or_default();
        self.tokens = self.tokens.saturating_add(tokens.saturating_sub(*known));
        *known = tokens.max(*known);
    }

    /// The worker of the event's job is asked.
    fn called(&mut self, event: &Event, call: u64) {
        let Some(job) = &event.job else { return };
        if self.last_calls.insert(Arc::clone(job), call) != Some(call) {
            self.worker_calls += 1;
        }
    }

    fn end(&mut self, event: &Event) {
        if let Some(job) = &event.job {
            self.last_calls.remove(job);
            self.of_jobs.remove(job);
        }
    }
}

struct Told {
    at: Instant,
    ended: u64,
    has_bar: bool,
}

impl BatchProgress {
    /// The jobs of a file that belong to `shard` are counted beside the batch. Nothing is drawn if it `is_quiet`.
    pub(super) fn new(total: Total, shard: Shard, is_quiet: bool) -> Arc<Self> {
        let told = Told { at: Instant::now(), ended: 0, has_bar: false };
        let progress = Arc::new(Self {
            is_terminal: Terminal::of(&io::stderr()).can_redraw && !is_quiet,
            total: AtomicUsize::new(0),
            counts: Mutex::default(),
            readings: Mutex::default(),
            told: Mutex::new(told),
        });
        match total {
            Total::In(path) if progress.is_terminal => {
                let progress = Arc::clone(&progress);
                tokio::task::spawn_blocking(move || {
                    progress.total.store(jobs_of(&path, shard).unwrap_or_default(), Relaxed);
                });
            }
            Total::Known(jobs) => progress.total.store(jobs, Relaxed),
            Total::In(_) | Total::Unknown => {}
        }
        progress
    }

    /// Shows how far it is, if it is time.
    pub(super) fn tell(&self, report: &Report, running: usize, skipped: u64) {
        let told = &mut *lock(&self.told);
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
        let mut line = format!("{} ended", count(ended, "job"));
        for (number, what) in [(failed, "failed"), (report.stopped(), "stopped"), (skipped, "skipped")] {
            if number > 0 {
                line += &format!(", {number} {what}");
            }
        }
        line += &format!("; {running} running");
        line += &self.reading();
        if ended >= ENOUGH {
            line += &format!(", {:.1} jobs a second", ended as f64 / report.elapsed().as_secs_f64());
        }
        tracing::info!("{line}");
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        let told = lock(&self.told);
        if told.has_bar {
            erase_line();
        }
    }

    /// How far the models are with their prompts, behind a comma.
    fn reading(&self) -> String {
        lock(&self.readings).line().map_or(String::new(), |line| format!(", {line}"))
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        lock(&self.counts)
    }

    fn line(&self, report: &Report, total: usize, running: usize, skipped: u64) -> String {
        let (ended, failed) = report.ended();
        let Counts { worker_calls, tokens, .. } = *self.counts();
        let of = if total > 0 { format!(" of {total}") } else { String::new() };
        let mut line = match total {
            0 => count(ended + skipped, "job"),
            _ => format!("{}{of} jobs", ended + skipped),
        };
        if failed > 0 {
            line += &format!(" ({failed} failed)");
        }
        line += &format!(", {running} running, {}", count(worker_calls, "worker call"));
        line += &self.reading();
        if let Some(speed) = speed(tokens, report.elapsed()) {
            line += &format!(", {speed}");
        }
        if let Some(dollars) = report.dollars() {
            line += &format!(", ${dollars:.4}");
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
        lock(&self.readings).take(event);
        // Lines tell of no calls.
        if !self.is_terminal {
            return;
        }
        match &event.kind {
            EventKind::Call { side: JobRole::Worker, call, .. } => self.counts().called(event, *call),
            EventKind::WorkerJob(WorkerJob { worker_tokens: Some(tokens), .. }) => {
                self.counts().written(event, *tokens);
            }
            EventKind::Usage { local, .. } => self.counts().written(event, local.completion_tokens),
            EventKind::Finished { .. } => self.counts().end(event),
            _ => {}
        }
    }

    fn wants_details(&self) -> bool {
        false
    }
}

/// The jobs of a file that belong to `shard`.
fn jobs_of(path: &Path, shard: Shard) -> io::Result<usize> {
    let mut pieces = JsonSplitter::new(BufReader::with_capacity(1 << 16, File::open(path)?));
    let (mut number, mut own) = (0, 0);
    while pieces.next()?.is_some() {
        own += usize::from(shard.has(number));
        number += 1;
    }
    Ok(own)
}
