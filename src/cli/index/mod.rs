//! `minions index`: documents are read beforehand, so that the first question is answered as soon as a later one.

mod options;

use std::io::{self, IsTerminal, Write};

use minions::engine::{Engine, IndexReport, RunLimits};
use minions::error::{Exit, Failure};

use super::ask::{self, AskOptions, Models, Piped, Task};
use super::interrupt::RunDeadline;
use super::program::Program;
use super::run::RunOutcome;

pub(crate) use options::{EXAMPLES, IndexOptions};

impl Program {
    /// Reads the files of `options`.
    pub(super) async fn index(mut self, options: IndexOptions) -> Result<RunOutcome, Failure> {
        let environment = self.environment.clone();
        let read = move || {
            let settings = ask::settings(&environment)?;
            let IndexOptions { files, local, pair, .. } = &options;
            let options = &AskOptions { local: local.clone(), pair: pair.clone(), ..AskOptions::default() };
            // The supervisor is not called, so that its key may be missing.
            let models = &Models::of(options, &settings, true)?;
            let (question, piped) = ("read the documents", &Piped::default());
            let job = Task { question, files, piped, options, models, session: None }.job()?;
            Ok((job, settings.environment()))
        };
        let (job, environment) = self.beside(RunDeadline::of(None), read).await?;
        self.environment = environment;
        let engine = self.engine(false, RunLimits::default());
        let job = engine.job(job)?;
        let shows = !self.options.quiet && io::stderr().is_terminal();
        let told = |done: usize, all: usize| {
            if shows {
                // A closed stderr is no reason to fail.
                let end = if done == all { "\n" } else { "" };
                let _ = write!(io::stderr(), "\r{done} of {all} chunks{end}");
            }
        };
        let mut interrupt = self.interrupt.clone();
        let report = tokio::select! {
            report = engine.index(job, &told) => report?,
            stopped = interrupt.heard() => return Err(stopped),
        };
        // The engine waits for what is being written.
        drop::<Engine>(engine);
        let IndexReport { chunks, read_tokens, known_tokens } = report;
        let line = format!("{chunks} chunks: {read_tokens} tokens read, {known_tokens} known\n");
        let is_told = io::stdout().write_all(line.as_bytes()).is_ok();
        Ok(RunOutcome::Told(if is_told { Exit::Success } else { Exit::Failed }))
    }
}
