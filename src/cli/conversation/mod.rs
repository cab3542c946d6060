//! A conversation: questions one after the other, at a prompt.
//!
//! In: what is typed. Out: answers as `minions ask` shows them. Each question is a turn of a session, and a job like any
//! other; so what is said outlives the program, and whatever ends it, at most the turn under way is lost.

mod command;
mod export;
mod page;
mod prompt;
mod quiet;
mod talk;
mod tell;

use std::io;
use std::sync::Arc;

use minions::engine::{CancelToken, RunLimits};
use minions::error::{Exit, Failure, FailureKind};
use rustix::termios::tcgetattr;

use super::ask::AskArgs;
use super::events_file::EventsFile;
use super::interrupt::Interrupt;
use super::program::Program;
use super::run::RunOutcome;
use super::screen::{self, Terminal};
use command::Typed;
use prompt::{Prompt, Read};
use quiet::Quiet;
use talk::{Next, Talk};

/// How a turn ended.
enum Turn {
    Done,
    /// Ctrl-C, a second time.
    Leave,
    /// A signal ends the program.
    End(Failure),
}

impl Program {
    /// Talks until somebody leaves, or a signal ends it. Failures of turns are told, and the conversation goes on.
    pub(super) async fn converse(
        mut self,
        args: AskArgs,
        events: Option<Arc<EventsFile>>,
    ) -> Result<RunOutcome, Failure> {
        self.interrupt.stay();
        let before = tcgetattr(io::stdin()).ok();
        let outcome = self.talk(args, events).await;
        // A signal may have ended it while the prompt had the terminal.
        before.iter().for_each(quiet::set);
        Ok(RunOutcome::Told(outcome.unwrap_or_else(|failure| screen::tell(&failure))))
    }

    async fn talk(&mut self, args: AskArgs, events: Option<Arc<EventsFile>>) -> Result<Exit, Failure> {
        let terminal = Terminal::of(&io::stdout());
        let mut talk = Talk::begin(args, &self.environment)?;
        let mut prompt = Some(Prompt::open(&self.environment, terminal)?);
        self.environment = talk.environment();
        let engine = self.engine(false, RunLimits::default());
        let mut interrupt = self.interrupt.clone();
        let mut wants_to_leave = false;
        tell::line(&terminal.paint("2", &talk.greeting()));
        loop {
            let (back, read) = next_line(&mut prompt, &mut interrupt).await?;
            prompt = Some(back);
            let line = match read {
                Read::End => return Ok(Exit::Success),
                Read::Interrupted if wants_to_leave => return Ok(Exit::Success),
                Read::Interrupted => {
                    wants_to_leave = true;
                    tell::line(&terminal.paint("2", "Ctrl-C again leaves, and so does Ctrl-D"));
                    continue;
                }
                Read::Line(line) => line,
            };
            wants_to_leave = false;
            let next = match Typed::of(&line) {
                Typed::Leave => return Ok(Exit::Success),
                Typed::Nothing => Next::Prompt,
                Typed::Question(question) => Next::Ask(question),
                Typed::Unknown(name, nearest) => {
                    let meant =
                        nearest.map_or("/help lists all".to_owned(), |name| format!("did you mean /{name}?"));
                    tell::line(&format!("there is no /{name}: {meant}"));
                    Next::Prompt
                }
                Typed::Command(command, words) => {
                    talk.obey(command, &words, &engine).await.unwrap_or_else(|failure| {
                        screen::tell(&failure);
                        Next::Prompt
                    })
                }
            };
            if let Next::Ask(question) = next {
                match self.turn(&mut talk, &engine, question, events.clone(), &mut interrupt).await {
                    Turn::Done => {}
                    Turn::Leave => return Ok(Exit::Success),
                    Turn::End(failure) => return Err(failure),
                }
            }
        }
    }

    /// Answers `question`. The first Ctrl-C stops that, the second leaves.
    async fn turn(
        &self,
        talk: &mut Talk,
        engine: &minions::engine::Engine,
        question: String,
        events: Option<Arc<EventsFile>>,
        interrupt: &mut Interrupt,
    ) -> Turn {
        let job = match talk.job(&question) {
            Ok(job) => job,
            Err(failure) => {
                screen::tell(&failure);
                return Turn::Done;
            }
        };
        let cancel = CancelToken::new();
        let _quiet = Quiet::begin();
        let mut answering = std::pin::pin!(self.put(engine, job.clone(), true, events, &cancel));
        let answered = tokio::select! {
            answered = &mut answering => answered,
            () = interrupt.stopped() => {
                cancel.cancel_because(Failure::new(FailureKind::Cancelled, "stopped"));
                tokio::select! {
                    answered = &mut answering => answered,
                    () = interrupt.stopped() => return Turn::Leave,
                }
            }
        };
        match answered {
            Ok(answered) => talk.answered(question, job, answered, &self.redactor),
            Err(failure) if matches!(failure.kind, FailureKind::Terminated | FailureKind::HungUp) => {
                return Turn::End(failure);
            }
            Err(failure) => talk.failed(question, job, &failure),
        }
        Turn::Done
    }
}

/// The next line, read beside the runtime. A signal ends the wait.
async fn next_line(
    prompt: &mut Option<Prompt>,
    interrupt: &mut Interrupt,
) -> Result<(Prompt, Read), Failure> {
    let Some(mut taken) = prompt.take() else { return Err(Failure::defect("a prompt that is in use")) };
    let reading = tokio::task::spawn_blocking(move || {
        let read = taken.read();
        read.map(|read| (taken, read))
    });
    tokio::select! {
        read = reading => read.unwrap_or_else(|error| Err(error.into())),
        stopped = interrupt.heard() => Err(stopped),
    }
}
