//! From the work that the command line names to its envelope, or its lines.

use std::sync::Arc;

use minions::engine::{CancelToken, JobResult, RunLimits};
use minions::error::{Exit, Failure};
use minions::job;

use super::batch::{self, BatchOptions};
use super::events_file::{EventsEnd, EventsFile};
use super::input::{Found, Source};
use super::program::Program;
use super::progress::JobProgress;

/// What there is to do.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    /// What stdin or a file holds: one job, or a batch.
    Look(Source),
    /// The one job in a file.
    One(Source),
    /// A batch.
    Batch(Source, Box<BatchOptions>),
}

impl Work {
    fn source(&self) -> &Source {
        match self {
            Self::Look(source) | Self::One(source) | Self::Batch(source, _) => source,
        }
    }
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum RunOutcome {
    /// One job's result.
    Result(Box<JobResult>),
    /// A batch, whose lines are written.
    Lines(Exit),
}

impl Program {
    /// Does `work` to its end, a signal or a deadline.
    pub(crate) async fn run(self, work: Work) -> Result<RunOutcome, Failure> {
        let events = self.options.events.as_ref().map(EventsFile::open).transpose()?;
        let (events, end): (Option<Arc<EventsFile>>, Option<EventsEnd>) = events.unzip();
        let outcome = self.run_with(work, events).await;
        if let Some(end) = end {
            end.wait();
        }
        outcome
    }

    async fn run_with(self, work: Work, events: Option<Arc<EventsFile>>) -> Result<RunOutcome, Failure> {
        let mut interrupt = self.interrupt.clone();
        let source = work.source().clone();
        // Reading and parsing 100 MB takes its time: off the thread that hears signals.
        let found = tokio::task::spawn_blocking(move || match work {
            Work::Look(source) => source.look(),
            Work::One(source) => source.one(),
            Work::Batch(source, options) => Ok(Found::Many(source.pieces()?, options)),
        });
        let found = tokio::select! {
            found = found => found.unwrap_or_else(|error| Err(error.into()))?,
            stopped = interrupt.heard() => return Err(stopped),
        };
        match found {
            Found::One(bytes, first_line) => {
                let result = self.one(bytes, first_line, events).await?;
                Ok(RunOutcome::Result(Box::new(result)))
            }
            Found::Many(pieces, options) => {
                batch::run(self, &source, pieces, *options, events).await.map(RunOutcome::Lines)
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
        let job = tokio::task::spawn_blocking(move || {
            let mut job = reader.job(job::bare(job::value(&bytes, first_line)?)?)?;
            job.is_slim |= is_slim;
            Ok::<_, Failure>(job)
        });
        let job = tokio::select! {
            job = job => job.unwrap_or_else(|error| Err(error.into()))?,
            stopped = interrupt.heard() => return Err(stopped),
        };
        let mut listeners = self.listeners(events);
        if !self.options.quiet {
            let progress = JobProgress::new();
            tokio::spawn(Arc::clone(&progress).beat());
            listeners.push(progress);
        }
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
