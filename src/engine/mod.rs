//! Jobs from their bytes to their results.
//!
//! In: where jobs are read from. Out: the result of one for the envelope, or why there is none; of many the exit
//! code, their lines being written. The only room that knows all the others. Whatever ends a job, its
//! conversation log is written.

mod address;
pub mod batch;
mod clients;
mod concurrency_limited;
mod conversation_log;
mod egress;
mod images;
mod input;
mod interrupt;
mod metered;
mod models;
mod options;
mod retrieval;
mod running;
mod savings;
mod servers;
mod shared;
mod tape;
mod window;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

pub use batch::{BatchOptions, FailOn};
pub use interrupt::Interrupt;
pub use options::JobOptions;

use crate::chat::secrets::Redactor;
use crate::config::{self, Environment};
use crate::error::{Exit, Failure};
use crate::job::{self, Job};
use crate::logging::Verbosity;
use crate::sandbox::SandboxProgram;
use input::{Found, Source};
use running::{Done, Running};
use shared::SharedResources;

/// What there is to do.
#[derive(Clone, Debug)]
pub enum Work {
    /// What stdin holds: one job, or a batch.
    Stdin,
    /// The one job in a file.
    File(PathBuf),
    /// A batch.
    Batch(BatchOptions),
}

/// What came of it.
#[derive(Debug)]
pub enum Ending {
    /// One job's result.
    Result(Value),
    /// A batch, whose lines are written.
    Lines(Exit),
}

/// What jobs find around them.
pub struct Surroundings {
    /// The environment's variables.
    pub environment: Environment,
    /// Our own executable, which keeps an Ollama daemon up.
    pub program: PathBuf,
    /// What the sandbox's children run.
    pub sandbox: SandboxProgram,
    /// What the command line says about every job.
    pub options: JobOptions,
}

/// What the runner is given.
pub struct Runner {
    /// What jobs find around them.
    pub surroundings: Arc<Surroundings>,
    /// Learns the jobs' credentials.
    pub redactor: Redactor,
    /// Is lowered for a batch.
    pub verbosity: Verbosity,
    /// What stops it from outside.
    pub interrupt: Interrupt,
}

impl Runner {
    /// Does `work` to its end, a signal or a deadline.
    pub async fn run(self, work: Work) -> Result<Ending, Failure> {
        let runner = Arc::new(self);
        let mut interrupt = runner.interrupt.clone();
        let source = match &work {
            Work::Stdin => Source::Stdin,
            Work::File(path) => Source::File(path.clone()),
            Work::Batch(options) => options.input.clone().map_or(Source::Stdin, Source::File),
        };
        // Reading and parsing 100 MB takes its time: off the thread that hears signals.
        let found = tokio::task::spawn_blocking(move || match work {
            Work::Stdin => source.look(),
            Work::File(_) => source.one(),
            Work::Batch(options) => Ok(Found::Many(source.pieces()?, Box::new(options))),
        });
        let found = tokio::select! {
            found = found => found.unwrap_or_else(|error| Err(of_panic(&error)))?,
            stopped = interrupt.heard() => return Err(stopped),
        };
        match found {
            Found::One(bytes, first_line) => runner.one(bytes, first_line).await.map(Ending::Result),
            Found::Many(pieces, options) => batch::run(runner, pieces, *options).await.map(Ending::Lines),
        }
    }

    /// One job of `bytes`.
    async fn one(self: Arc<Self>, bytes: Vec<u8>, first_line: usize) -> Result<Value, Failure> {
        let mut interrupt = self.interrupt.clone();
        let runner = Arc::clone(&self);
        let job = tokio::task::spawn_blocking(move || {
            let job = job::bare(job::value(&bytes, first_line)?)?;
            runner.checked(job)
        });
        let job = tokio::select! {
            job = job => job.unwrap_or_else(|error| Err(of_panic(&error)))?,
            stopped = interrupt.heard() => return Err(stopped),
        };
        let shared = Arc::new(SharedResources::new(Arc::clone(&self.surroundings), None, &self.redactor));
        self.work(job, shared, interrupt.heard()).await.outcome
    }

    /// A bare job, checked; its credentials are learnt.
    fn checked(&self, job: Value) -> Result<Job, Failure> {
        let log_dir = self.surroundings.environment.get(config::ENV_LOG_DIR).unwrap_or(config::LOG_DIR);
        let job = job::parse(job, Path::new(log_dir))?;
        for side in [&job.local, &job.remote] {
            for secret in side.secrets() {
                self.redactor.learn(&secret);
            }
        }
        Ok(job)
    }

    /// Runs a job to its end, its deadline or `stop`.
    async fn work(
        &self,
        job: Job,
        shared: Arc<SharedResources>,
        stop: impl Future<Output = Failure>,
    ) -> Done {
        let deadline = interrupt::deadline(job.budget.deadline);
        let running = Arc::new(Running::new(job, &self.surroundings.options));
        let work = {
            let running = Arc::clone(&running);
            async move { running.solve(&shared).await }
        };
        let mut work = tokio::spawn(tracing::Instrument::in_current_span(work));
        let outcome = tokio::select! {
            done = &mut work => done.unwrap_or_else(|error| Err(of_panic(&error))),
            stopped = stop => Err(stopped),
            late = deadline => Err(late),
        };
        // Dropping the work cuts its calls off and ends its sandbox before the log is closed.
        work.abort();
        running.close(outcome, &self.redactor)
    }
}

/// A defect of ours. The panic's own words are on stderr.
fn of_panic(error: &tokio::task::JoinError) -> Failure {
    Failure::defect(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_failure_like_any_other() {
        let error = tokio::spawn(async { assert_eq!(1, 2) }).await.unwrap_err();
        let failure = of_panic(&error);
        assert_eq!(failure.exit, Exit::Failed);
        assert!(failure.to_string().contains("panicked") && failure.to_string().contains("please report"));
    }
}
