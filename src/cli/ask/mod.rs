//! `minions ask`: a question of a person about files, its answer on stdout.
//!
//! In: words of the command line, text on stdin. Out: the answer, as it comes on a terminal; sources and cost on stderr.
//! The question becomes a job in JSON and runs like any other; nothing here can do what a job can't.

mod estimate;
mod options;
mod stdin;
mod task;
mod words;

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use minions::Status;
use minions::config::Environment;
use minions::engine::{CancelToken, JobResult, RunLimits};
use minions::error::{Exit, Failure, FailureKind};
use minions::events::EventListener;
use minions::settings::Settings;

use super::events_file::EventsFile;
use super::interrupt::RunDeadline;
use super::outcome::JobOutcome;
use super::program::Program;
use super::run::RunOutcome;
use super::screen::{self, Cost, Stage, Terminal, clean, columns, ranked, sources};
use super::stdout;

pub(crate) use options::{AskArgs, AskOptions, EXAMPLES};
use task::{Models, Piped, Task};
use words::Words;

impl Program {
    /// Answers the question that `args` ask.
    ///
    /// # Errors
    /// With `--json` every failure, for the envelope; else none: failures are told on stderr.
    pub(super) async fn ask(
        self,
        args: AskArgs,
        events: Option<Arc<EventsFile>>,
    ) -> Result<RunOutcome, Failure> {
        let is_json = args.options.json;
        let told = |outcome: Result<RunOutcome, Failure>| match outcome {
            Err(failure) if !is_json => Ok(RunOutcome::Told(screen::tell(&failure))),
            other => other,
        };
        told(self.answer(args, events).await)
    }

    async fn answer(mut self, args: AskArgs, events: Option<Arc<EventsFile>>) -> Result<RunOutcome, Failure> {
        let AskArgs { words, options, .. } = args;
        let environment = self.environment.clone();
        let read = move || {
            let words = Words::of(words, options.context.clone())?;
            let settings = settings(&environment)?;
            let models = Models::of(&options, &settings)?;
            let asked = Asked::new(words, stdin::read()?)?;
            let Asked { question, files, piped } = &asked;
            let job = Task { question, files, piped, options: &options, models: &models }.job()?;
            Ok((job, asked, options, settings.environment()))
        };
        let (job, asked, options, environment) = self.beside(RunDeadline::of(None), read).await?;
        self.environment = environment;
        let engine = self.engine(false, RunLimits::default());
        let checker = engine.clone();
        let job = self.beside(RunDeadline::of(None), move || checker.job(job)).await?;
        if self.options.dry_run {
            let estimate = self.estimate(&engine, &job).await?;
            if options.json {
                return Ok(RunOutcome::Result(JobOutcome::Estimate(estimate)));
            }
            let is_written = write_answer(&self.redactor.clean(&estimate::text(&estimate)));
            return Ok(RunOutcome::Told(if is_written { Exit::Success } else { Exit::Failed }));
        }
        let is_quiet = self.options.quiet;
        let has_line = Terminal::of(&io::stderr()).can_redraw;
        let (stage, showing) = Stage::open(!options.json, !is_quiet)?;
        let mut listeners: Vec<Arc<dyn EventListener>> = vec![Arc::clone(&stage) as _];
        listeners.extend(self.listeners(events, !has_line));
        if !has_line {
            listeners.extend(self.progress());
        }
        let cancel = CancelToken::new();
        let outcome = {
            let mut running = std::pin::pin!(self.solve(&engine, job, listeners, &cancel));
            tokio::select! {
                outcome = &mut running => outcome,
                () = stdout::reader_has_gone() => {
                    cancel.cancel_because(unread());
                    running.await
                }
            }
        };
        // What was piped in has been read.
        drop(asked);
        let answer = match &outcome {
            Ok(result) => Ok(self.redactor.clean(&result.final_answer)),
            Err(failure) if failure.kind.exit() == Exit::Failed => Err("broken off"),
            Err(_) => Err("stopped"),
        };
        stage.end(answer.clone());
        showing.wait();
        let result = match outcome {
            Ok(result) => result,
            // Nobody is left to tell.
            Err(failure) if failure.kind == FailureKind::Cancelled && failure.message == UNREAD => {
                return Ok(RunOutcome::Told(Exit::Failed));
            }
            Err(failure) => return Err(failure),
        };
        if options.json {
            return Ok(RunOutcome::Result(JobOutcome::Answer(Box::new(result))));
        }
        let is_written = io::stdout().is_terminal() || write_answer(&answer.unwrap_or_default());
        if !is_quiet {
            let cite = options.cite.unwrap_or_default();
            // A closed stderr is no reason to fail.
            let _ = screen::start_line(&self.redactor.clean(&below(&result, cite)));
        }
        Ok(RunOutcome::Told(if is_written { Exit::Success } else { Exit::Failed }))
    }
}

/// The settings of the one who asks, here.
fn settings(environment: &Environment) -> Result<Settings, Failure> {
    let here = std::env::current_dir()
        .map_err(|error| Failure::system(format!("the folder that you are in can't be told: {error}")))?;
    let settings = Settings::load(environment, &here)?;
    settings.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
    Ok(settings)
}

const UNREAD: &str = "nobody reads stdout any more";

fn unread() -> Failure {
    Failure::new(FailureKind::Cancelled, UNREAD)
}

/// A question and its documents.
struct Asked {
    question: String,
    files: Vec<std::path::PathBuf>,
    piped: Piped,
}

impl Asked {
    /// What is on stdin is a document; but where files are named and no question is, it is the question.
    ///
    /// # Errors
    /// There is no question.
    fn new(words: Words, stdin: Vec<u8>) -> Result<Self, Failure> {
        let Words { question, mut files } = words;
        files.retain(|file| file.as_os_str() != "-");
        let piped = Piped::of(stdin)?;
        match (question, piped) {
            (Some(question), piped) => Ok(Self { question, files, piped }),
            (None, Piped::Text(question)) if !files.is_empty() => {
                Ok(Self { question: question.trim().to_owned(), files, piped: Piped::Nothing })
            }
            (None, piped) => {
                let shown = files.first().map_or("report.pdf".to_owned(), |file| file.display().to_string());
                let how = if piped.is_nothing() {
                    format!("minions ask \"Who signed?\" {shown}")
                } else {
                    "minions ask \"Who signed?\" < FILE".to_owned()
                };
                Err(Failure::input("there is no question").hint(format!("ask one: {how}")))
            }
        }
    }
}

/// Writes the answer where no terminal shows it. Whether it could be written; a reader that has gone has seen enough.
fn write_answer(answer: &str) -> bool {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(format!("{answer}\n").as_bytes()).and_then(|()| stdout.flush());
    if let Err(error) = &written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        screen::tell(&Failure::system(format!("the answer can't be written to stdout: {error}")));
    }
    written.is_ok()
}

/// What stands below the answer: how sound it is, its sources, its cost.
fn below(result: &JobResult, cite: screen::Cite) -> String {
    let (terminal, columns) = (Terminal::of(&io::stderr()), columns(io::stderr()));
    let mut text = String::new();
    if result.status == Status::Partial {
        text += &terminal.paint("33", "partial: some of what the answer should rest on is missing");
        text.push('\n');
    }
    let ranked = ranked(result.evidence.as_deref().unwrap_or_default(), &result.final_answer);
    text += &sources(&ranked, cite, terminal, columns);
    text += &terminal.paint("2", &clean(&Cost::of(result).line()));
    text.push('\n');
    text
}
