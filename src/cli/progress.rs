//! Progress on stderr, drawn from events: a bar on a terminal, else a line every few seconds.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::readings::{Readings, clock};
use super::screen::{Terminal, draw_line, erase_line, keep_line};
use crate::cli::sync::lock;
use minions::events::{Event, EventKind, EventListener, WorkerJob, WorkerJobState};

/// Time between two lines.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Time between two states of a bar.
const BAR_EVERY: Duration = Duration::from_millis(100);
/// The longest time without a word.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// What takes less time than this shows no pace.
const SHORTEST: Duration = Duration::from_secs(2);
/// Characters of a bar.
const WIDTH: usize = 24;

/// Shows how far a single job is.
pub(crate) struct JobProgress {
    is_terminal: bool,
    state: Mutex<State>,
}

struct State {
    /// The worker jobs of the round under way.
    fan_out: Option<RoundProgress>,
    /// The prompts that models are reading.
    readings: Readings,
    /// Whether a line of these is on the terminal.
    is_drawn: bool,
    /// Tokens that the worker has written in the whole job.
    tokens: u64,
    /// What the job waits for, where no worker jobs run, and since when.
    waits_for: (String, Instant),
    told: Instant,
    is_finished: bool,
}

/// How many worker jobs of a round have ended.
#[derive(Clone, Copy)]
struct RoundProgress {
    total: usize,
    ended: usize,
    /// Tokens that the worker had written before.
    tokens_before: u64,
    began: Instant,
}

impl JobProgress {
    pub(crate) fn new() -> Arc<Self> {
        let state = Mutex::new(State::new(Instant::now()));
        Arc::new(Self { is_terminal: Terminal::of(&io::stderr()).can_redraw, state })
    }

    /// Says from time to time that the job goes on, until it ends.
    pub(crate) async fn beat(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LINE_EVERY).await;
            let state = &mut *self.state();
            if state.is_finished {
                return;
            }
            if let Some(line) = state.beat(Instant::now()) {
                tracing::info!("{line}");
            }
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl EventListener for JobProgress {
    fn event(&self, event: &Arc<Event>) {
        self.state().take(event, self.is_terminal);
    }

    fn wants_details(&self) -> bool {
        false
    }
}

impl State {
    fn new(now: Instant) -> Self {
        let waits_for = ("the models to be ready".to_owned(), now);
        let readings = Readings::default();
        Self { fan_out: None, readings, is_drawn: false, tokens: 0, waits_for, told: now, is_finished: false }
    }

    fn take(&mut self, event: &Event, is_terminal: bool) {
        if self.readings.take(event) {
            self.tell(is_terminal);
        }
        match &event.kind {
            EventKind::Call { side, endpoint, .. } => {
                self.waits_for = (format!("the {} ({endpoint})", side.as_str()), Instant::now());
            }
            EventKind::WorkerJob(WorkerJob { state: WorkerJobState::Waiting, .. }) => {
                let tokens_before = self.tokens;
                let new = || RoundProgress { total: 0, ended: 0, tokens_before, began: Instant::now() };
                self.fan_out.get_or_insert_with(new).total += 1;
            }
            EventKind::WorkerJob(WorkerJob {
                state:
                    WorkerJobState::Answered
                    | WorkerJobState::None
                    | WorkerJobState::Lost
                    | WorkerJobState::Cancelled,
                worker_tokens,
                ..
            }) => {
                self.tokens = worker_tokens.unwrap_or(self.tokens);
                if let Some(fan_out) = &mut self.fan_out {
                    fan_out.ended += 1;
                }
                self.tell(is_terminal);
            }
            EventKind::Files { read, of, is_done, .. } => {
                self.tell_of_files(*read, *of, *is_done, is_terminal)
            }
            EventKind::Round { .. } => self.fan_out = None,
            EventKind::Finished { .. } => {
                self.is_finished = true;
                self.take_reading_away();
            }
            _ => {}
        }
    }

    /// How many files are read.
    fn tell_of_files(&mut self, read: usize, of: usize, is_done: bool, is_terminal: bool) {
        if is_done {
            self.waits_for = ("the models to be ready".to_owned(), Instant::now());
            return self.take_reading_away();
        }
        let line = format!("reading files, {read} of {of}");
        if self.is_due(is_terminal) {
            self.told = Instant::now();
            self.is_drawn = is_terminal;
            if is_terminal {
                draw(read, of, &line, false);
            } else {
                tracing::info!("{line}");
            }
        }
        self.waits_for = (line, Instant::now());
    }

    /// What to show of prompts that are read, where no worker jobs run.
    fn tell_of_reading(&mut self, is_terminal: bool) {
        let Some(((read, total), line)) = self.readings.tokens().zip(self.readings.line()) else {
            return self.take_reading_away();
        };
        if self.is_due(is_terminal) {
            self.told = Instant::now();
            self.is_drawn = is_terminal;
            if is_terminal {
                let share = |tokens: u64| usize::try_from(tokens).unwrap_or(usize::MAX);
                draw(share(read), share(total), &line, false);
            } else {
                tracing::info!("{line}");
            }
        }
    }

    fn take_reading_away(&mut self) {
        if std::mem::take(&mut self.is_drawn) {
            erase_line();
        }
    }

    fn is_due(&self, is_terminal: bool) -> bool {
        self.told.elapsed() >= if is_terminal { BAR_EVERY } else { LINE_EVERY }
    }

    fn tell(&mut self, is_terminal: bool) {
        let Some(RoundProgress { total, ended, tokens_before, began }) = self.fan_out else {
            return self.tell_of_reading(is_terminal);
        };
        let is_last = ended == total;
        if !is_last && !self.is_due(is_terminal) {
            return;
        }
        self.told = Instant::now();
        let mut line = line(ended, total, self.tokens.saturating_sub(tokens_before), began.elapsed());
        if let Some(reading) = self.readings.line().filter(|_| !is_last) {
            line += &format!("; {reading}");
        }
        if is_terminal {
            draw(ended, total, &line, is_last)
        } else {
            tracing::info!("{line}")
        }
        if is_last {
            self.fan_out = None;
        }
    }

    /// What to say `now`, if nothing was said for long.
    fn beat(&mut self, now: Instant) -> Option<String> {
        if now.saturating_duration_since(self.told) < HEARTBEAT {
            return None;
        }
        let (what, since) = &self.waits_for;
        self.told = now;
        Some(match &self.fan_out {
            Some(RoundProgress { total, ended, .. }) => {
                format!("worker jobs: {ended} of {total} done, still at it")
            }
            None => format!("waiting for {what} for {} s", now.saturating_duration_since(*since).as_secs()),
        })
    }
}

/// A bar with `line` behind it, over the one before.
pub(crate) fn draw(done: usize, total: usize, line: &str, is_last: bool) {
    let filled = WIDTH * done.min(total) / total.max(1);
    let (there, missing) = ("#".repeat(filled), "-".repeat(WIDTH - filled));
    draw_line(&format!("[{there}{missing}] {line}"));
    if is_last {
        keep_line();
    }
}

/// `done` of `total`, the speed, and the time left if the rest goes as fast.
fn line(done: usize, total: usize, tokens: u64, passed: Duration) -> String {
    let mut line = format!("worker jobs: {done} of {total} done");
    for part in [speed(tokens, passed), time_left(done, total, passed).map(|left| format!("{left} left"))] {
        line += &part.map_or(String::new(), |part| format!(", {part}"));
    }
    line
}

/// Tokens a second; nothing as long as it says nothing.
pub(crate) fn speed(tokens: u64, passed: Duration) -> Option<String> {
    let is_known = passed >= SHORTEST;
    is_known.then(|| format!("{:.0} tokens/s", tokens as f64 / passed.as_secs_f64()))
}

/// Minutes and seconds until the end, if the rest goes as fast; nothing as long as that is a guess, and at the end.
pub(crate) fn time_left(done: usize, total: usize, passed: Duration) -> Option<String> {
    // The first ones wait for the model to be loaded, and those of one wave end together.
    if done < 2 || done >= total || passed < SHORTEST {
        return None;
    }
    let left = passed.as_secs_f64() * (total - done) as f64 / done as f64;
    Some(clock(Duration::from_secs_f64(left)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use minions::events::Purpose;
    use minions::job::JobRole;

    #[test]
    fn a_long_silence_is_broken() {
        let began = Instant::now();
        let mut state = State::new(began);
        let later = |seconds| began + Duration::from_secs(seconds);
        assert_eq!(state.beat(later(19)), None);
        assert_eq!(state.beat(later(20)).unwrap(), "waiting for the models to be ready for 20 s");
        let endpoint = "openai at http://h".to_owned();
        let call = EventKind::Call { call: 1, side: JobRole::Supervisor, purpose: Purpose::Step, endpoint };
        state.take(&Event { seq: 0, t_ms: 0, job: None, kind: call }, false);
        assert_eq!(state.beat(later(39)), None, "not again at once");
        let line = state.beat(later(46)).unwrap();
        assert!(line.starts_with("waiting for the supervisor (openai at http://h) for 4"), "{line}");
    }

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long() {
        let minute = Duration::from_secs(60);
        assert_eq!(line(0, 52, 0, Duration::ZERO), "worker jobs: 0 of 52 done");
        assert_eq!(line(1, 4, 600, minute), "worker jobs: 1 of 4 done, 10 tokens/s");
        assert_eq!(line(3, 4, 600, Duration::from_millis(4)), "worker jobs: 3 of 4 done");
        assert_eq!(line(13, 52, 600, minute), "worker jobs: 13 of 52 done, 10 tokens/s, 3:00 left");
        assert_eq!(line(52, 52, 6000, minute), "worker jobs: 52 of 52 done, 100 tokens/s");
    }
}
