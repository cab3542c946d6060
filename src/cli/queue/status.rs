//! `minions status`: how far a queue is.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use minions::error::{Exit, Failure};
use minions::words::{self, count};
use minions_queue::{Address, Budget, Counts, Queue, Tally, Worker};
use serde_json::json;

use super::budget;
use super::failure;
use super::options::StatusOptions;

/// `minions status`.
pub(super) async fn status(options: StatusOptions, address: Address) -> Result<Exit, Failure> {
    let queue = Queue::open(address.clone()).await.map_err(failure)?;
    let counts = queue.counts().await.map_err(failure)?;
    let tally = queue.tally().await.map_err(failure)?;
    let workers = queue.workers().await.map_err(failure)?;
    let budget = queue.budget().await.map_err(failure)?;
    let state = State { counts, tally, workers, budget };
    let text = match () {
        () if options.json => state.json(&address),
        () if options.metrics => state.metrics(&address),
        () => state.text(&address),
    };
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::system(format!("stdout can't be written to: {}", words::of_io(&error))))?;
    Ok(Exit::Success)
}

/// How far a queue is.
struct State {
    counts: Counts,
    tally: Tally,
    workers: Vec<Worker>,
    budget: Option<Budget>,
}

impl State {
    /// Jobs in a second, of all workers.
    fn pace(&self) -> f64 {
        self.workers.iter().map(pace).sum()
    }

    /// Seconds until all is done, if jobs are being done.
    fn time_left(&self) -> Option<f64> {
        let left = self.counts.jobs.saturating_sub(self.counts.ended);
        let pace = self.pace();
        (pace > 0.0).then(|| left as f64 / pace)
    }

    fn text(&self, address: &Address) -> String {
        let Counts { jobs, waiting, running, .. } = self.counts;
        let Tally { succeeded, failed, usd, tokens } = self.tally;
        let mut text = format!(
            "{address}: {}\nwaiting {waiting}, running {running}, done {succeeded}, failed {failed}\n{tokens} remote tokens",
            count(usize::try_from(jobs).unwrap_or(usize::MAX), "job")
        );
        if let Some(usd) = usd {
            let _ = write!(text, ", ${usd:.4}");
        }
        if let Some(seconds) = self.time_left().filter(|_| jobs > self.counts.ended) {
            let _ = write!(text, "; {:.1} jobs/s, {:.0} s left", self.pace(), seconds);
        }
        text.push('\n');
        if let Some(told) = budget::told(self.budget.as_ref()) {
            let _ = writeln!(text, "budget: {told}");
        }
        for worker in &self.workers {
            let Worker { name, slots, running, done, failed, .. } = worker;
            let _ = writeln!(
                text,
                "worker {name}: {running} of {slots} slots, {done} done, {failed} failed, {:.1} jobs/s",
                pace(worker)
            );
        }
        if self.workers.is_empty() {
            text.push_str("no worker\n");
        }
        text
    }

    fn json(&self, address: &Address) -> String {
        let Counts { jobs, waiting, running, .. } = self.counts;
        let Tally { succeeded, failed, usd, tokens } = self.tally;
        let workers = &self.workers;
        let budget = self.budget.as_ref().map(|budget| {
            let (tokens, usd) = budget.left();
            json!({
                "usd": budget.limits.usd, "usd_left": usd, "remote_tokens": budget.limits.tokens,
                "remote_tokens_left": tokens, "requests_per_minute": budget.limits.requests_per_minute,
                "is_used_up": budget.is_used_up,
            })
        });
        let state = json!({
            "queue": address.to_string(), "jobs": jobs, "waiting": waiting, "running": running, "done": succeeded,
            "failed": failed, "usd": usd, "remote_tokens": tokens, "jobs_per_second": self.pace(),
            "seconds_left": self.time_left(), "budget": budget, "workers": workers,
        });
        format!("{state:#}\n")
    }

    fn metrics(&self, address: &Address) -> String {
        let Counts { jobs, waiting, running, .. } = self.counts;
        let Tally { succeeded, failed, usd, tokens } = self.tally;
        let queue = json!(address.to_string());
        let mut text = String::new();
        let mut gauge = |name: &str, help: &str, value: f64| {
            let _ = write!(
                text,
                "# HELP minions_queue_{name} {help}\n# TYPE minions_queue_{name} gauge\nminions_queue_{name}{{queue={queue}}} {value}\n"
            );
        };
        gauge("jobs", "Jobs that were submitted.", jobs as f64);
        gauge("jobs_waiting", "Jobs that no worker has.", waiting as f64);
        gauge("jobs_running", "Jobs that workers have.", running as f64);
        gauge("jobs_done", "Jobs with an answer.", succeeded as f64);
        gauge("jobs_failed", "Jobs without an answer.", failed as f64);
        gauge("workers", "Workers that have told of themselves of late.", self.workers.len() as f64);
        gauge("jobs_per_second", "The pace of all workers.", self.pace());
        gauge("remote_tokens", "Remote tokens of all results.", tokens as f64);
        if let Some(usd) = usd {
            gauge("usd", "Dollars of all results.", usd);
        }
        let (tokens, usd) = self.budget.as_ref().map(Budget::left).unwrap_or_default();
        if let Some(usd) = usd {
            gauge("usd_left", "Dollars that all workers may still spend.", usd);
        }
        if let Some(tokens) = tokens {
            gauge("remote_tokens_left", "Remote tokens that all workers may still spend.", tokens as f64);
        }
        text
    }
}

fn pace(worker: &Worker) -> f64 {
    (worker.done + worker.failed) as f64 / worker.seconds.max(1.0)
}
