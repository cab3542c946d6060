//! How far a job is, in one line.

use std::time::{Duration, Instant};

use minions::events::{Event, EventKind, Purpose, WorkerJob, WorkerJobState};

use unicode_width::UnicodeWidthStr;

use super::clean::in_one_line;
use super::width::cut;
use crate::cli::digits::grouped;
use crate::cli::progress::time_left;
use crate::cli::readings::{Readings, clock};

/// What takes less than this is not worth its own seconds.
const SHORT: Duration = Duration::from_secs(3);

/// Between two parts of the line.
const BETWEEN: &str = " · ";

/// Knows how far a job is.
pub(super) struct ProgressLine {
    readings: Readings,
    /// The round under way and the most there can be.
    round: Option<(u32, u32)>,
    fan_out: FanOut,
    /// What has to be done before anything is asked: files are read, models are fetched.
    first: Option<String>,
    /// What the job waits for, and since when.
    waits_for: (&'static str, Instant),
}

/// The worker jobs of a round.
struct FanOut {
    total: usize,
    ended: usize,
    running: usize,
    began: Instant,
}

impl FanOut {
    fn new(now: Instant) -> Self {
        Self { total: 0, ended: 0, running: 0, began: now }
    }
}

impl ProgressLine {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            readings: Readings::default(),
            round: None,
            fan_out: FanOut::new(now),
            first: None,
            waits_for: ("getting ready", now),
        }
    }

    pub(super) fn take(&mut self, event: &Event, now: Instant) {
        self.readings.take(event);
        match &event.kind {
            EventKind::Round { round, of } => {
                self.round = Some((*round, *of));
                self.fan_out = FanOut::new(now);
            }
            EventKind::Files { is_done: true, .. } => self.first = None,
            EventKind::Files { read, of, .. } => self.first = Some(format!("reading {read}/{of} files")),
            EventKind::Pull { is_done: true, .. } => self.first = None,
            EventKind::Pull { model, status, completed, total, .. } => {
                let model = in_one_line(model);
                self.first = Some(match (completed * 100).checked_div(*total) {
                    Some(percent) => format!(
                        "fetching {model}: {} % of {} MB",
                        percent.min(100),
                        grouped(total / 1_000_000)
                    ),
                    None => format!("fetching {model}: {}", in_one_line(status)),
                });
            }
            EventKind::Call { side, purpose, .. } if *purpose != Purpose::WorkerJob => {
                self.waits_for = (purpose.words(*side), now);
            }
            EventKind::WorkerJob(WorkerJob { state, .. }) => match state {
                WorkerJobState::Waiting => {
                    if self.fan_out.total == 0 {
                        self.fan_out.began = now;
                    }
                    self.fan_out.total += 1;
                }
                WorkerJobState::Running => self.fan_out.running += 1,
                WorkerJobState::Answered
                | WorkerJobState::None
                | WorkerJobState::Lost
                | WorkerJobState::Cancelled => {
                    self.fan_out.ended += 1;
                    self.fan_out.running = self.fan_out.running.saturating_sub(1);
                }
                WorkerJobState::Cited | WorkerJobState::Unverified => {}
            },
            _ => {}
        }
    }

    /// The line as it is `now`, for so many columns: what matters least goes first.
    pub(super) fn line(&self, now: Instant, columns: usize) -> String {
        let mut parts = self.parts(now);
        while parts.len() > 1 && parts.join(BETWEEN).width() > columns {
            // The round, then the end.
            if parts[0].starts_with("round ") {
                parts.remove(0)
            } else {
                parts.pop().unwrap_or_default()
            };
        }
        cut(&parts.join(BETWEEN), columns)
    }

    fn parts(&self, now: Instant) -> Vec<String> {
        if let Some(first) = &self.first {
            return vec![first.clone()];
        }
        let mut parts: Vec<String> =
            self.round.map(|(round, of)| format!("round {round}/{of}")).into_iter().collect();
        let FanOut { total, ended, running, began } = self.fan_out;
        let (what, since) = self.waits_for;
        if ended < total {
            parts.push(format!("reading {ended}/{total} parts"));
            if running > 1 {
                parts.push(format!("{running} at a time"));
            }
            let left = time_left(ended, total, now.saturating_duration_since(began));
            parts.extend(left.map(|left| format!("~{left} left")));
        } else if let Some(reading) = self.readings.line() {
            parts.push(reading);
        } else {
            parts.push(what.to_owned());
            let waited = now.saturating_duration_since(since);
            parts.extend((waited >= SHORT).then(|| clock(waited)));
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use minions::job::JobRole;

    fn event(kind: EventKind) -> Event {
        Event { seq: 0, t_ms: 0, job: None, kind }
    }

    fn worker_job(index: usize, state: WorkerJobState) -> Event {
        event(EventKind::WorkerJob(WorkerJob {
            round: 2,
            index,
            sample: 0,
            job_id: None,
            chunk_id: None,
            task: None,
            state,
            answer: None,
            citation: None,
            document: None,
            source: None,
            place: None,
            start: None,
            end: None,
            is_recalled: false,
            asked_again: false,
            worker_tokens: None,
            ms: None,
        }))
    }

    #[test]
    fn a_line_says_where_the_job_is() {
        let began = Instant::now();
        let after = |seconds| began + Duration::from_secs(seconds);
        let mut line = ProgressLine::new(began);
        assert_eq!(line.line(began, 80), "getting ready");
        let pull = |completed, total, is_done| {
            let (model, status) = ("llama3.2\u{1b}".to_owned(), "pulling manifest".to_owned());
            event(EventKind::Pull { model, status, completed, total, is_done })
        };
        line.take(&pull(0, 0, false), began);
        assert_eq!(line.line(began, 80), "fetching llama3.2␛: pulling manifest");
        line.take(&pull(1_000_000_000, 2_000_000_000, false), began);
        assert_eq!(line.line(began, 80), "fetching llama3.2␛: 50 % of 2,000 MB");
        line.take(&pull(0, 0, true), began);
        line.take(&event(EventKind::Round { round: 2, of: 5 }), began);
        let endpoint = String::new();
        let call =
            EventKind::Call { call: 1, side: JobRole::Supervisor, purpose: Purpose::Program, endpoint };
        line.take(&event(call), began);
        assert_eq!(line.line(after(1), 80), "round 2/5 · the supervisor plans");
        assert_eq!(line.line(after(65), 80), "round 2/5 · the supervisor plans · 1:05");
        (0..10).for_each(|index| line.take(&worker_job(index, WorkerJobState::Waiting), after(65)));
        (0..6).for_each(|index| line.take(&worker_job(index, WorkerJobState::Running), after(65)));
        (0..2).for_each(|index| line.take(&worker_job(index, WorkerJobState::Answered), after(67)));
        assert_eq!(line.line(after(75), 80), "round 2/5 · reading 2/10 parts · 4 at a time · ~0:40 left");
        assert_eq!(line.line(after(75), 45), "reading 2/10 parts · 4 at a time · ~0:40 left");
        assert_eq!(line.line(after(75), 20), "reading 2/10 parts");
        assert_eq!(line.line(after(75), 12), "reading 2...");
        (2..10).for_each(|index| line.take(&worker_job(index, WorkerJobState::None), after(80)));
        assert_eq!(line.line(after(66), 80), "round 2/5 · the supervisor plans · 1:06");
    }
}
