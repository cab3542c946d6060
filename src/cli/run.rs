//! From the work that the command line names to its envelope, or its lines.

use std::path::PathBuf;
use std::sync::Arc;

use minions::engine::{CancelToken, JobResult, RunLimits};
use minions::error::{Exit, Failure};
use minions::job;

use super::batch::{self, BatchOptions};
use super::events_file::{EventsEnd, EventsFile};
use super::input::{Found, Source};
use super::interrupt::{self, RunDeadline};
use super::program::Program;
use super::progress::JobProgress;
use super::pull_bar::PullBar;

/// What there is to do.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    /// What stdin holds: one job, or a batch.
    Stdin,
    /// The one job in a file.
    File(PathBuf),
    /// A batch.
    Batch(Box<BatchOptions>),
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum RunOutcome {
    /// One job's result.
    Result(Box<JobResult>),
    /// What there is to say is said: the lines of a batch, or on stderr why there are none.
    Told(Exit),
}

impl Program {
    /// Does `work` to its end, a signal or a deadline.
    pub(crate) async fn run(self, work: Work) -> Result<RunOutcome, Failure> {
        let deadline = RunDeadline::of(match &work {
            Work::Batch(options) => options.deadline,
            Work::Stdin | Work::File(_) => None,
        });
        let target = self.options.events.clone();
        let events = self.beside(deadline, move || target.as_ref().map(EventsFile::open).transpose()).await?;
        let (events, end): (Option<Arc<EventsFile>>, Option<EventsEnd>) = events.unzip();
        let outcome = self.run_with(work, deadline, events).await;
        if let Some(end) = end {
            end.wait();
        }
        outcome
    }

    /// What `work` gives, which may take its time: a FIFO may have no writer yet, 100 MB take a while to read.
    async fn beside<T: Send + 'static>(
        &self,
        deadline: RunDeadline,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let mut interrupt = self.interrupt.clone();
        tokio::select! {
            done = tokio::task::spawn_blocking(work) => done.unwrap_or_else(|error| Err(error.into())),
            stopped = interrupt.heard() => Err(stopped),
            late = deadline.passed() => Err(late),
        }
    }

    async fn run_with(
        self,
        work: Work,
        deadline: RunDeadline,
        events: Option<Arc<EventsFile>>,
    ) -> Result<RunOutcome, Failure> {
        let source = match &work {
            Work::Stdin => Source::Stdin,
            Work::File(path) => Source::File(path.clone()),
            Work::Batch(options) => options.input.clone().map_or(Source::Stdin, Source::File),
        };
        let find = move || match work {
            Work::Stdin => source.look(),
            Work::File(_) => source.one(),
            Work::Batch(options) => Ok(Found::Many(source.pieces()?, options)),
        };
        let found = self.beside(deadline, find).await?;
        match found {
            Found::One(bytes, first_line) => {
                let result = self.one(bytes, first_line, events).await?;
                Ok(RunOutcome::Result(Box::new(result)))
            }
            Found::Many(pieces, options) => {
                let exit = batch::run(self, pieces, *options, deadline, events).await;
                Ok(RunOutcome::Told(exit.unwrap_or_else(|failure| {
                    tracing::error!("{failure}");
                    failure.kind.exit()
                })))
            }
        }
    }

    /// One job of `bytes`.
    async fn one(
        self,
        bytes: Vec<u8>,
        first_line: usize,
        events: Option<Arc<EventsFile>>,
    ) -> Result<JobResult, Failure> {
        let mut interrupt = self.interrupt.clone();
        let engine = self.engine(false, RunLimits::default());
        let reader = engine.clone();
        let is_slim = self.options.slim;
        let parse = move || {
            let mut job = reader.job(job::bare(job::value(&bytes, first_line)?)?)?;
            job.is_slim |= is_slim;
            Ok(job)
        };
        let job = self.beside(RunDeadline::of(None), parse).await?;
        if let Some(deadline) = job.budget.deadline {
            interrupt::end_after_deadline(deadline);
        }
        let progress = JobProgress::new();
        tokio::spawn(Arc::clone(&progress).beat());
        let events = events.into_iter().map(|events| events as _);
        let listeners = events.chain([progress as _, Arc::new(PullBar::default()) as _]).collect();
        let cancel = CancelToken::new();
        let mut running = std::pin::pin!(engine.run(job, engine.events(listeners, None), &cancel));
        tokio::select! {
            result = &mut running => result,
            stopped = interrupt.heard() => {
                cancel.cancel_because(stopped);
                running.await
            }
        }
    }
}
