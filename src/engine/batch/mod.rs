//! Many jobs: one line out for each, as soon as it is done.
//!
//! In: pieces of the input, read as jobs are taken. Out: lines on stdout, progress on stderr, the exit code.
//! `pieces` cuts the stream, `lines` makes jobs of it, `output` writes; the jobs run as single ones do and share
//! a shared.

mod estimate;
pub(super) mod json_splitter;
mod lines;
mod options;
mod output;
mod report;
mod resume;
mod shard;

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tracing::Instrument;

pub use options::{BatchOptions, FailOn};
pub use shard::Shard;

use super::input::Incoming;
use super::interrupt;
use super::metered::{Pacing, TokenBudget};
use super::running::Done;
use super::shared::{RunLimits, SharedResources};
use super::{Runner, clients};
use crate::error::{Exit, Failure};
use lines::{Line, Lines};
use output::{Output, Printed};
use report::{Ended, Report};
use resume::Earlier;

/// Time between two lines of progress.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);
/// Lines that may be taken and not yet printed, for each job that may run: what `--ordered` holds back.
const UNPRINTED: usize = 4;

/// Runs the jobs of `pieces`; gives the exit code once every line is written.
pub(super) async fn run(
    runner: Arc<Runner>,
    pieces: Incoming,
    options: BatchOptions,
) -> Result<Exit, Failure> {
    let mut interrupt = runner.interrupt.clone();
    runner.verbosity.of_a_batch();
    let path = options.resume.clone();
    let reading = tokio::task::spawn_blocking(move || path.as_deref().map(Earlier::read).transpose());
    // To its end before anything is written: it may be the file that stdout appends to.
    let mut earlier = tokio::select! {
        earlier = reading => earlier.unwrap_or_else(|error| Err(super::of_panic(&error)))?.unwrap_or_default(),
        stopped = interrupt.heard() => return Err(stopped),
    };
    let before = earlier.prepare(&io::stdout()).unwrap_or_else(|error| {
        tracing::debug!("what stdout holds already is not known: {error}");
        b""
    });
    let done = std::mem::take(&mut earlier.done);
    let lines = Lines::read(Arc::clone(&runner), pieces, options.shard, done);
    let token_budget = Arc::new(TokenBudget::new(options.remote_tokens));
    let pacing = Pacing { requests: options.requests_per_minute, tokens: options.tokens_per_minute };
    let limits = RunLimits { token_budget: Arc::clone(&token_budget), pacing };
    let max_jobs = usize::from(options.max_jobs);
    let batch = Batch {
        shared: Arc::new(SharedResources::new(
            Arc::clone(&runner.surroundings),
            Some(limits),
            &runner.redactor,
        )),
        output: Output::open(runner.redactor.clone(), options.ordered, before),
        places: Arc::new(Semaphore::new(max_jobs * UNPRINTED)),
        stop: watch::Sender::new(None),
        jobs: JoinSet::new(),
        report: Report::new(),
        taken: 0,
        runner,
        options,
        lines,
        token_budget,
    };
    Ok(batch.run().await)
}

/// A batch under way.
struct Batch {
    runner: Arc<Runner>,
    options: BatchOptions,
    shared: Arc<SharedResources>,
    token_budget: Arc<TokenBudget>,
    lines: Lines,
    output: Output,
    /// For lines that are taken and not yet printed.
    places: Arc<Semaphore>,
    /// Why the jobs have to end, once they have to.
    stop: watch::Sender<Option<Failure>>,
    jobs: JoinSet<Ended>,
    report: Report,
    taken: u64,
}

/// Why no more lines are taken.
enum End {
    /// There are none.
    Input,
    /// The rest stays for a resume.
    Left(Exit),
}

impl Batch {
    async fn run(mut self) -> Exit {
        let mut again = self.runner.interrupt.clone();
        let mut interrupt = again.clone();
        let mut signal = None;
        let mut deadline = pin!(interrupt::run_deadline(self.options.deadline));
        let mut ticks = tokio::time::interval(PROGRESS_EVERY);
        let mut end = None;
        while end.is_none() || !self.jobs.is_empty() {
            let is_stopped = self.stop.borrow().is_some();
            let may_take = end.is_none() && self.jobs.len() < usize::from(self.options.max_jobs);
            tokio::select! {
                biased;
                () = again.heard_again() => {
                    // Whatever still runs is given up.
                    drop(self.jobs);
                    self.output.abandon().await;
                    return interrupt.heard().await.exit;
                }
                failure = interrupt.heard(), if signal.is_none() => {
                    tracing::warn!("stopped: running jobs get their line; a second signal ends the run at once");
                    signal = Some(failure.exit);
                    end = Some(self.stop(failure));
                }
                failure = &mut deadline, if !is_stopped => end = Some(self.stop(failure)),
                failure = self.output.broken(), if !is_stopped => {
                    tracing::error!("{failure}");
                    end = Some(self.stop(failure));
                }
                () = self.token_budget.emptied(), if end.is_none() => {
                    tracing::warn!("the run's remote tokens are used up: no more jobs are taken");
                    end = Some(End::Left(Exit::SomeFailed));
                }
                Some(ended) = self.jobs.join_next() => match ended {
                    Ok(ended) => self.report.count(&ended),
                    Err(error) => tracing::error!("{}", super::of_panic(&error)),
                },
                line = take(&self.places, &mut self.lines), if may_take => match line {
                    Some((line, place)) => self.start(line, place),
                    None => end = Some(self.end_of_input().await),
                },
                _ = ticks.tick() => self.report.progress(self.jobs.len(), self.lines.skipped()),
            }
        }
        let mut closing = pin!(self.close(end.unwrap_or(End::Input)));
        loop {
            tokio::select! {
                biased;
                () = again.heard_again() => {
                    // Nobody may take the last line.
                    let _ = tokio::time::timeout(output::LAST_LINE, closing).await;
                    return interrupt.heard().await.exit;
                }
                failure = interrupt.heard(), if signal.is_none() => signal = Some(failure.exit),
                exit = &mut closing => return signal.unwrap_or(exit),
            }
        }
    }

    /// Tells the running jobs to end.
    fn stop(&self, failure: Failure) -> End {
        let exit = failure.exit;
        self.stop.send_replace(Some(failure));
        End::Left(exit)
    }

    async fn end_of_input(&mut self) -> End {
        match self.lines.end().await {
            Ok(()) => End::Input,
            Err(failure) => {
                tracing::error!("{failure}");
                End::Left(failure.exit)
            }
        }
    }

    /// Runs a line's job, or prints what is wrong with it.
    fn start(&mut self, line: Line, place: tokio::sync::OwnedSemaphorePermit) {
        let position = self.taken;
        self.taken += 1;
        let output = self.output.lines();
        let stop = self.stop.subscribe();
        let (runner, shared) = (Arc::clone(&self.runner), Arc::clone(&self.shared));
        let is_dry = self.options.dry_run;
        let span = tracing::warn_span!("job", id = line.custom_id.as_str());
        let work = async move {
            let Line { custom_id, hash, job } = line;
            let Done { mut outcome, remote, local, dollars, savings } = match job {
                Err(failure) => Done::at_no_cost(Err(failure)),
                Ok(job) if is_dry => dry(&job, &shared),
                Ok(mut job) => {
                    job.line = Some(custom_id.clone());
                    let work = async move { runner.work(*job, shared, stopped(stop)).await };
                    let done = tokio::spawn(work.in_current_span()).await;
                    done.unwrap_or_else(|error| Done::at_no_cost(Err(super::of_panic(&error))))
                }
            };
            if let Ok(result) = &mut outcome
                && !is_dry
            {
                result["job_hash"] = hash.into();
            }
            let ended = Ended { is_failed: outcome.is_err(), remote, local, dollars, savings };
            // It fails only where nothing can be written any more.
            let _ = output.send(Printed { position, custom_id, envelope: outcome.into(), place }).await;
            ended
        };
        self.jobs.spawn(work.instrument(span));
    }

    /// Waits for the last line to be written.
    async fn close(self, end: End) -> Exit {
        let skipped = self.lines.skipped();
        let is_stopped = self.stop.borrow().is_some();
        let broken = self.output.close().await;
        self.report.summary(skipped, self.options.dry_run, self.token_budget.spent());
        match (end, broken) {
            (End::Left(exit), _) => {
                tracing::warn!("the rest of the input is left; --resume goes on with it");
                exit
            }
            (End::Input, Some(failure)) if !is_stopped => {
                tracing::error!("{failure}");
                failure.exit
            }
            (End::Input, _) => {
                if self.taken + skipped == 0 {
                    tracing::warn!("the input held no job");
                }
                self.report.exit(self.options.fail_on, skipped)
            }
        }
    }
}

/// The next line and a place for it.
async fn take(
    places: &Arc<Semaphore>,
    lines: &mut Lines,
) -> Option<(Line, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    Some((lines.next().await?, place))
}

/// Waits until the jobs have to end.
async fn stopped(mut stop: watch::Receiver<Option<Failure>>) -> Failure {
    match stop.wait_for(Option::is_some).await.map(|failure| failure.clone()) {
        Ok(Some(failure)) => failure,
        _ => std::future::pending().await,
    }
}

/// What a job would cost.
fn dry(job: &crate::job::Job, shared: &SharedResources) -> Done {
    let (result, local) = estimate::estimate(job);
    let outcome = clients::check(job, shared).map(|()| result);
    Done { local, ..Done::at_no_cost(outcome) }
}
