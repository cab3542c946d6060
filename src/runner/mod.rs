//! One job from its bytes to its result.
//!
//! In: where the job is read from. Out: the result for the envelope, or why there is none. The only room that
//! knows all the others. Whatever ends a job, its conversation log is written.

mod clients;
mod conversation_log;
mod interrupt;
mod running;
mod window;

use std::io::{self, IsTerminal, Read};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use crate::config::{self, Environment};
use crate::error::Failure;
use crate::job::{self, Job};
use crate::secrets::Redactor;
pub use interrupt::Interrupt;
use running::Running;

/// Where a job is read from.
#[derive(Clone, Debug)]
pub enum Input {
    /// Standard input, to its end.
    Stdin,
    /// A file.
    File(PathBuf),
}

/// What the runner is given.
pub struct Runner {
    /// The environment's variables.
    pub environment: Environment,
    /// Learns the job's credentials.
    pub redactor: Redactor,
    /// Our own executable, which the sandbox starts.
    pub program: PathBuf,
    /// What stops it from outside.
    pub interrupt: Interrupt,
}

impl Runner {
    /// Reads the job and runs it to its end, a signal or its deadline.
    pub async fn run(self, input: Input) -> Result<Value, Failure> {
        let redactor = self.redactor.clone();
        let runner = Arc::new(self);
        let mut interrupt = runner.interrupt.clone();
        let job = tokio::select! {
            job = Arc::clone(&runner).read(input) => job?,
            stopped = interrupt.heard() => return Err(stopped),
        };
        let deadline = interrupt::deadline(job.budget.deadline);
        let running = Arc::new(Running::new(job));
        let mut work = tokio::spawn({
            let running = Arc::clone(&running);
            async move { running.solve(&runner).await }
        });
        let outcome = tokio::select! {
            done = &mut work => done.unwrap_or_else(|error| Err(of_panic(&error))),
            stopped = interrupt.heard() => Err(stopped),
            late = deadline => Err(late),
        };
        // Dropping the work cuts its calls off and ends its sandbox before the log is closed.
        work.abort();
        running.close(outcome, &redactor)
    }

    async fn read(self: Arc<Self>, input: Input) -> Result<Job, Failure> {
        let log_dir = PathBuf::from(self.environment.get(config::ENV_LOG_DIR).unwrap_or(config::LOG_DIR));
        // Parsing 100 MB takes its time too: both off the thread that hears signals.
        let job = tokio::task::spawn_blocking(move || Ok(job::parse(&bytes_of(input)?, &log_dir)?)).await;
        let job: Job = job.unwrap_or_else(|error| Err(of_panic(&error)))?;
        for side in [&job.local, &job.remote] {
            for secret in side.secrets() {
                self.redactor.learn(&secret);
            }
        }
        Ok(job)
    }
}

fn bytes_of(input: Input) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    match input {
        Input::Stdin => {
            let stdin = io::stdin();
            tracing::debug!("reading the job from stdin");
            if stdin.is_terminal() {
                tracing::info!("reading the job from the terminal; end it with Ctrl-D");
            }
            stdin
                .lock()
                .read_to_end(&mut bytes)
                .map_err(|error| Failure::input(format!("stdin can't be read: {error}")))?;
        }
        Input::File(path) => {
            bytes = std::fs::read(&path).map_err(|error| {
                Failure::input(format!("the job file {} can't be read: {error}", path.display()))
            })?;
        }
    }
    Ok(bytes)
}

/// A defect of ours. The panic's own words are on stderr.
fn of_panic(error: &tokio::task::JoinError) -> Failure {
    Failure::defect(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;

    #[tokio::test]
    async fn a_panic_is_a_failure_like_any_other() {
        let error = tokio::spawn(async { assert_eq!(1, 2) }).await.unwrap_err();
        let failure = of_panic(&error);
        assert_eq!(failure.exit, Exit::Failed);
        assert!(failure.to_string().contains("panicked") && failure.to_string().contains("please report"));
    }
}
