//! `minions ask`: a question of a person about files, its answer on stdout.
//!
//! In: words of the command line, text on stdin. Out: the answer, as it comes on a terminal; sources and cost on stderr.
//! The question becomes a job in JSON and runs like any other; nothing here can do what a job can't.

mod estimate;
mod keys;
mod options;
pub(in crate::cli) mod session;
mod stdin;
mod task;
mod words;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use minions::Status;
use minions::answer::ranked;
use minions::config::Environment;
use minions::engine::{CancelToken, Engine, JobResult, RunLimits};
use minions::error::{Exit, Failure, FailureKind};
use minions::events::{EscalationReport, EventListener};
use minions::settings::Settings;
use serde_json::Value;

use super::events_file::EventsFile;
use super::interrupt::RunDeadline;
use super::outcome::JobOutcome;
use super::program::Program;
use super::run::RunOutcome;
use super::screen::{self, Cite, Cost, Face, Stage, Terminal, clean, columns, sources, spoken};
use super::stdout;

pub(crate) use options::{AskArgs, AskOptions, EXAMPLES};
pub(in crate::cli) use task::{Models, Piped, ROUNDS, Task, usual_protocol};
pub(in crate::cli) use words::Words;

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
        let (is_json, is_quiet) = (args.options.json, self.options.quiet);
        let answered = self.answer(args, events).await;
        match answered.map_err(|failure| spoken(failure, Face::CommandLine)) {
            Err(failure) if !is_json => {
                let exit = screen::tell(&failure);
                if !is_quiet {
                    tell_cost(Cost::from(*failure.spent));
                }
                Ok(RunOutcome::Told(exit))
            }
            other => other,
        }
    }

    async fn answer(mut self, args: AskArgs, events: Option<Arc<EventsFile>>) -> Result<RunOutcome, Failure> {
        let AskArgs { words, options, .. } = args;
        if self.options.slim && !options.json {
            return Err(slim_shows_nothing());
        }
        let (environment, is_dry) = (self.environment.clone(), self.options.dry_run);
        let read = move || {
            let words = Words::of(words, options.context.clone())?;
            let settings = settings(&environment)?;
            let models = Models::of(&options, &settings, is_dry)?;
            let session = session::named(&options, &environment)?;
            let mut asked = Asked::new(words, stdin::read()?)?;
            if asked.files.is_empty()
                && asked.piped.is_nothing()
                && let Some(session) = &session
                && let Some(contents) = session::sessions(&options, &environment)?.find(session)?
            {
                if let Some(lost) = session::lost_texts(session, &contents) {
                    return Err(Failure::input(lost).hint(format!(
                        "pipe it in again, or name files: minions ask --session {session} \"...\" FILE"
                    )));
                }
                asked.files = session::files(&contents, &here()?);
            }
            let Asked { question, files, piped } = &asked;
            let (options, session) = (&options, session.as_ref());
            let job = Task { question, files, piped, options, models: &models, session }.job()?;
            Ok((job, asked, options.clone(), settings.environment()))
        };
        let (job, asked, options, environment) = self.beside(RunDeadline::of(None), read).await?;
        self.environment = environment;
        let engine = self.engine(false, RunLimits::default());
        if self.options.dry_run {
            return self.told_costs(&engine, job, options.json).await;
        }
        let cancel = CancelToken::new();
        let answered = {
            let mut answering = std::pin::pin!(self.put(&engine, job, !options.json, events, &cancel));
            tokio::select! {
                answered = &mut answering => answered,
                () = stdout::reader_has_gone() => {
                    cancel.cancel_because(Failure::new(FailureKind::Cancelled, UNREAD));
                    answering.await
                }
            }
        };
        // What was piped in has been read.
        drop(asked);
        let Answered { result, answer } = match answered {
            // Nobody is left to tell.
            Err(failure) if failure.kind == FailureKind::Cancelled && failure.message == UNREAD => {
                return Ok(RunOutcome::Told(Exit::Failed));
            }
            answered => answered?,
        };
        if options.json {
            return Ok(RunOutcome::Result(JobOutcome::Answer(Box::new(result))));
        }
        let is_written = io::stdout().is_terminal() || write_answer(&answer);
        if !self.options.quiet {
            let text = self.redactor.clean(&below(
                &result,
                options.cite.unwrap_or_default(),
                "--cite full shows them",
            ));
            // A closed stderr is no reason to fail.
            let _ = screen::start_line(&text);
        }
        Ok(RunOutcome::Told(if is_written { Exit::Success } else { Exit::Failed }))
    }

    /// Tells what `job`, in JSON, would cost.
    pub(super) async fn told_costs(
        &self,
        engine: &Engine,
        job: Value,
        is_json: bool,
    ) -> Result<RunOutcome, Failure> {
        let checker = engine.clone();
        let job = self.beside(RunDeadline::of(None), move || checker.job(job)).await?;
        let estimate = self.estimate(engine, &job).await?;
        if is_json {
            return Ok(RunOutcome::Result(JobOutcome::Estimate(estimate)));
        }
        let is_written = write_answer(&self.redactor.clean(&estimate::text(&estimate, &self.environment)));
        Ok(RunOutcome::Told(if is_written { Exit::Success } else { Exit::Failed }))
    }

    /// Runs `job`, in JSON, and shows how far it is, and its answer as it comes if it `streams` and a terminal is there.
    ///
    /// # Errors
    /// Those of the job.
    pub(super) async fn put(
        &self,
        engine: &Engine,
        job: Value,
        streams: bool,
        events: Option<Arc<EventsFile>>,
        cancel: &CancelToken,
    ) -> Result<Answered, Failure> {
        let checker = engine.clone();
        let mut job = self.beside(RunDeadline::of(None), move || checker.job(job)).await?;
        job.is_slim |= self.options.slim;
        if let Some(address) = engine.documents_go_to(&job)? {
            tracing::warn!(
                "the documents leave this machine whole: their reader, the worker, is at {address}"
            );
        }
        let has_line = Terminal::of(&io::stderr()).can_redraw;
        let (stage, showing) = Stage::open(streams, !self.options.quiet)?;
        let mut listeners: Vec<Arc<dyn EventListener>> = vec![Arc::clone(&stage) as _];
        listeners.extend(self.listeners(events, !has_line));
        if !has_line {
            listeners.extend(self.progress());
        }
        let outcome = self.solve(engine, job, listeners, cancel).await;
        let answer = match &outcome {
            Ok(result) => Ok(self.redactor.clean(&result.final_answer)),
            Err(failure) if failure.kind.exit() == Exit::Failed => Err("broken off"),
            Err(_) => Err("stopped"),
        };
        stage.end(answer.clone());
        showing.wait();
        outcome
            .map(|result| Answered { result, answer: answer.unwrap_or_default() })
            .map_err(|failure| keys::with_remedy(failure, &self.environment))
    }
}

/// A question that has its answer.
pub(super) struct Answered {
    pub result: JobResult,
    /// The answer without any credential.
    pub answer: String,
}

/// The failure of an option that would be ignored.
pub(super) fn slim_shows_nothing() -> Failure {
    Failure::input("--slim leaves parts out of the envelope, which only --json prints")
        .hint("take --json, too, or leave --slim out")
}

/// The settings of the one who asks, here.
///
/// # Errors
/// A settings file that can't be used.
pub(super) fn settings(environment: &Environment) -> Result<Settings, Failure> {
    let settings = Settings::load(environment, &here()?)?;
    settings.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
    Ok(settings)
}

/// The folder that one works in.
///
/// # Errors
/// It is gone.
pub(super) fn here() -> Result<PathBuf, Failure> {
    std::env::current_dir()
        .map_err(|error| Failure::system(format!("the folder that you are in can't be told: {error}")))
}

const UNREAD: &str = "nobody reads stdout any more";

/// A question and its documents.
struct Asked {
    question: String,
    files: Vec<PathBuf>,
    piped: Piped,
}

impl Asked {
    /// What is on stdin and in pipes is a document; but where files are named and no question is, stdin is the question.
    ///
    /// # Errors
    /// There is no question, or nothing where a text was to come.
    fn new(words: Words, stdin: Vec<u8>) -> Result<Self, Failure> {
        let Words { question, mut files } = words;
        let before = files.len();
        files.retain(|file| !is_stdin(file));
        let piped = Piped::of(stdin)?;
        if files.len() < before && piped.is_nothing() {
            return Err(Failure::input("`-` names stdin, and nothing came on it")
                .hint("look what the command before the pipe wrote: minions would answer without its text"));
        }
        let (question, mut piped) = match (question, piped) {
            (Some(question), piped) => (question, piped),
            (None, piped) => match piped.text().filter(|_| !files.is_empty()) {
                Some(text) => (text.trim().to_owned(), Piped::default()),
                None => return Err(no_question(&files, &piped)),
            },
        };
        let (pipes, files): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| stdin::is_pipe(file));
        for (at, pipe) in pipes.iter().enumerate() {
            let name = if at == 0 { "pipe".to_owned() } else { format!("pipe {}", at + 1) };
            piped.add(&name, stdin::read_pipe(pipe)?)?;
        }
        Ok(Self { question, files, piped })
    }
}

/// Whether a word names stdin.
fn is_stdin(file: &Path) -> bool {
    ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"].iter().any(|name| file.as_os_str() == *name)
}

/// The failure of documents without a question.
fn no_question(files: &[PathBuf], piped: &Piped) -> Failure {
    let shown = files.first().map_or("report.pdf".to_owned(), |file| file.display().to_string());
    let lost: Vec<_> = files.iter().filter(|file| file.symlink_metadata().is_err()).collect();
    if let [.., last] = lost[..] {
        // The last of them may be meant as the question.
        let lost: Vec<_> = lost.iter().map(|file| file.display().to_string()).collect();
        let rest: Vec<_> =
            files.iter().filter(|file| *file != last).map(|file| file.display().to_string()).collect();
        let rest = if rest.is_empty() { "report.pdf".to_owned() } else { rest.join(" ") };
        return Failure::input(format!("there is no file {}, and no question", lost.join(", none "))).hint(format!(
            "a path counts from the folder that you are in; if {0} is the question: minions ask \"{0}\" {rest}",
            last.display()
        ));
    }
    let how = match piped.is_nothing() {
        true => format!("minions ask \"Who signed?\" {shown}"),
        false => "minions ask \"Who signed?\" < FILE".to_owned(),
    };
    Failure::input("there is no question").hint(format!("ask one: {how}"))
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

/// Whether the question stood alone already.
fn was_taken_as_it_is(result: &JobResult) -> bool {
    let own = result.conversation_history.as_ref().and_then(|history| history.turns.last());
    own.is_some_and(|turn| turn.standalone_task.is_none())
}

/// Says on stderr what was spent, if something was, where no answer has it below it.
pub(super) fn tell_cost(cost: Cost) {
    if !cost.is_nothing() {
        let line = Terminal::of(&io::stderr()).paint("2", &cost.line());
        // A closed stderr is no reason to fail.
        let _ = screen::start_line(&format!("{line}\n"));
    }
}

/// What stands below the answer, with how to see `all` sources: how a follow-up was understood and what was chosen, where
/// no log has told it; how sound the answer is, its sources, its cost.
pub(super) fn below(result: &JobResult, cite: Cite, all: &str) -> String {
    let (terminal, columns) = (Terminal::of(&io::stderr()), columns(io::stderr()));
    let mut text = String::new();
    let is_logged = tracing::enabled!(target: "minions::engine", tracing::Level::INFO);
    let question = result.standalone_task.as_ref().filter(|_| !is_logged && !was_taken_as_it_is(result));
    if let Some(question) = question {
        let question = question.split_whitespace().collect::<Vec<_>>().join(" ");
        text += &terminal.paint("2", &format!("understood as: {}", clean(&question)));
        text.push('\n');
    }
    if let Some(routing) = result.routing.as_ref().filter(|_| !is_logged) {
        let reason = |escalation: &EscalationReport| escalation.reason.clone();
        let more =
            routing.escalation.as_ref().and_then(reason).map_or(String::new(), |why| format!("; {why}"));
        text += &terminal.paint("2", &format!("auto: {}{}", clean(&routing.reason), clean(&more)));
        text.push('\n');
    }
    if result.status == Status::Partial {
        text += &terminal.paint("33", "partial: some of what the answer should rest on is missing");
        text.push('\n');
    }
    let ranked = ranked(result.evidence.as_deref().unwrap_or_default(), &result.final_answer);
    text += &sources(&ranked, cite, terminal, columns, all);
    text += &terminal.paint("2", &Cost::of(result).line());
    text.push('\n');
    text
}
