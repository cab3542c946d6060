//! Counts how the jobs of a batch ended and what they cost. Gives the sum on stderr, and the exit code.

use std::time::{Duration, Instant};

use super::options::FailOn;
use crate::cli::outcome::JobOutcome;
use minions::chat::Usage;
use minions::engine::{EnergyReport, SavingsReport};
use minions::error::{Exit, Failure, FailureKind as Kind, Spent};

/// So many of the jobs that failed are named at the end.
const NAMED: usize = 8;

/// How one job ended, and what it cost.
pub(super) struct Ended {
    /// The job's custom_id, if it failed.
    failed: Option<String>,
    /// The end of the run ended it.
    pub is_stopped: bool,
    spent: Spent,
    /// Remote tokens, and dollars if the job has prices.
    saved: Option<(i64, Option<f64>)>,
}

impl Ended {
    /// `is_stopping`: whether the run ends all jobs.
    pub(super) fn of(custom_id: &str, outcome: &Result<JobOutcome, Failure>, is_stopping: bool) -> Self {
        let saved = |savings: &SavingsReport| (savings.saved_tokens, savings.usd.map(|usd| usd.saved));
        match outcome {
            Ok(JobOutcome::Answer(result)) => Self {
                failed: None,
                is_stopped: false,
                spent: result.spent,
                saved: result.savings.as_ref().map(saved),
            },
            Ok(JobOutcome::Estimate(estimate)) => {
                let local = Usage::of_call(estimate.local_tokens, 0, 0);
                Self {
                    failed: None,
                    is_stopped: false,
                    spent: Spent { local, ..Spent::default() },
                    saved: None,
                }
            }
            Err(failure) => {
                let is_end = matches!(
                    failure.kind,
                    Kind::Cancelled | Kind::Terminated | Kind::HungUp | Kind::Deadline | Kind::System
                );
                let is_stopped = is_stopping && is_end;
                let failed = (!is_stopped).then(|| custom_id.to_owned());
                Self { failed, is_stopped, spent: *failure.spent, saved: None }
            }
        }
    }
}

/// The counts of the jobs that have ended.
pub(super) struct Report {
    started: Instant,
    done: u64,
    failed: u64,
    /// The custom_ids of the first jobs that failed.
    first_failed: Vec<String>,
    stopped: u64,
    /// The tokens that the workers have spent.
    local: u64,
    /// The tokens that the supervisors have spent.
    remote: u64,
    /// The remote tokens saved.
    saved: i64,
    /// The dollars spent and saved by jobs that have prices.
    dollars: Option<(f64, f64)>,
}

/// What the machine took while the batch ran: of its jobs at the same time the counters tell nothing.
pub(super) fn energy(told: &EnergyReport) -> String {
    let number = |value: Option<f64>| value.unwrap_or_default();
    let sources: Vec<_> =
        told.sources.iter().map(|source| format!("{} {:.0} J", source.name, source.joules)).collect();
    format!(
        "energy by the counters of this machine: {:.0} J ({:.3} Wh, {:.1} W), {:.0} J of it if it had been idle; {}",
        number(told.joules),
        number(told.watt_hours),
        number(told.average_watts),
        number(told.idle_joules),
        sources.join(", ")
    )
}

impl Report {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            done: 0,
            failed: 0,
            first_failed: Vec::new(),
            stopped: 0,
            local: 0,
            remote: 0,
            saved: 0,
            dollars: None,
        }
    }

    /// Counts one job.
    pub(super) fn count(&mut self, ended: Ended) {
        match ended.failed {
            _ if ended.is_stopped => self.stopped += 1,
            Some(custom_id) => {
                self.failed += 1;
                if self.first_failed.len() < NAMED {
                    self.first_failed.push(custom_id);
                }
            }
            None => self.done += 1,
        }
        self.local += ended.spent.local.total_tokens;
        self.remote += ended.spent.remote.total_tokens;
        self.saved += ended.saved.map_or(0, |(tokens, _)| tokens);
        if let Some(spent) = ended.spent.usd {
            let saved = ended.saved.and_then(|(_, dollars)| dollars).unwrap_or_default();
            let so_far = self.dollars.unwrap_or_default();
            self.dollars = Some((so_far.0 + spent, so_far.1 + saved));
        }
    }

    /// The number of jobs that have ended, and of those that failed.
    pub(super) fn ended(&self) -> (u64, u64) {
        (self.done + self.failed + self.stopped, self.failed)
    }

    /// The number of jobs that the end of the run ended.
    pub(super) fn stopped(&self) -> u64 {
        self.stopped
    }

    /// The dollars spent by jobs that have prices.
    pub(super) fn dollars(&self) -> Option<f64> {
        self.dollars.map(|(spent, _)| spent)
    }

    /// The time since the batch began.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Logs the sum of the batch. `spent` is the number of remote tokens that the engine has counted: it includes those of
    /// calls that were cut off, which no job's result has.
    pub(super) fn summary(&self, skipped: u64, is_dry: bool, spent: u64) {
        let Self { done, failed, stopped, local, saved, .. } = self;
        let remote = self.remote.max(spent);
        let seconds = self.started.elapsed().as_secs_f64();
        let tokens = match is_dry {
            true => format!("tokens (estimated): {local} local"),
            false if *saved < 0 => format!(
                "tokens: {local} local, {remote} remote, {} more than sending the documents would take",
                saved.unsigned_abs()
            ),
            false => format!("tokens: {local} local, {remote} remote, {saved} remote ones saved"),
        };
        let dollars = self.dollars.map(|(spent, saved)| format!("${spent:.4} spent, ${saved:.4} saved; "));
        let dollars = dollars.unwrap_or_default();
        let stopped = if *stopped > 0 { format!(" {stopped} stopped,") } else { String::new() };
        tracing::info!(
            "jobs: {done} done, {failed} failed,{stopped} {skipped} skipped; {tokens}; {dollars}{seconds:.1} s"
        );
        if !self.first_failed.is_empty() {
            let more = *failed - self.first_failed.len() as u64;
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            tracing::warn!("failed: {}{more}; their lines say why", self.first_failed.join(", "));
        }
    }

    /// The exit code of a run that came to the end of its input.
    pub(super) fn exit(&self, fail_on: FailOn, skipped: u64) -> Exit {
        let is_failed = match fail_on {
            FailOn::Any => self.failed + self.stopped > 0,
            FailOn::All => self.failed + self.stopped > 0 && self.done + skipped == 0,
            FailOn::Never => false,
        };
        if is_failed { Exit::SomeFailed } else { Exit::Success }
    }
}
