//! A conversation: questions one after the other, at a prompt.
//!
//! In: what is typed. Out: answers as `minions ask` shows them. Each question is a turn of a session, and a job like any
//! other; so what is said outlives the program, and whatever ends it, at most the turn under way is lost.

mod command;
mod export;
mod files;
mod last;
mod lines;
mod page;
mod pasted;
mod place;
mod prompt;
mod quiet;
mod talk;
mod tell;

use std::io;
use std::sync::Arc;

use minions::engine::{CancelToken, RunLimits};
use minions::error::{Exit, Failure, FailureKind};
use minions::job::ProtocolKind;
use rustix::termios::tcgetattr;

use super::ask::{self, AskArgs};
use super::events_file::EventsFile;
use super::interrupt::Interrupt;
use super::program::Program;
use super::run::RunOutcome;
use super::screen::{self, Terminal};
use command::Typed;
use lines::Lines;
use prompt::{PROMPT, Prompt, Read};
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
        Ok(RunOutcome::Told(outcome.unwrap_or_else(|failure| tell::failure(&failure))))
    }

    async fn talk(&mut self, args: AskArgs, events: Option<Arc<EventsFile>>) -> Result<Exit, Failure> {
        if self.options.slim {
            return Err(ask::slim_shows_nothing());
        }
        let terminal = Terminal::of(&io::stdout());
        let mut talk = Talk::begin(args, &self.environment)?;
        let mut lines = Lines::new(Prompt::open(&self.environment, terminal)?);
        self.environment = talk.environment();
        let engine = self.engine(false, RunLimits::default());
        let mut interrupt = self.interrupt.clone();
        let mut wants_to_leave = false;
        for warning in talk.warnings() {
            screen::tell_warning(&warning);
        }
        tell::line(&terminal.paint("2", &talk.greeting()));
        if self.options.dry_run {
            tell::line("a dry run: questions are estimated, and none is asked");
        }
        loop {
            let line = match lines.next(&mut interrupt).await? {
                Read::End => return Ok(Exit::Success),
                Read::Interrupted if wants_to_leave => return Ok(Exit::Success),
                Read::Interrupted => {
                    wants_to_leave = true;
                    let is_awaited = lines.are_awaited();
                    tell::words(if is_awaited { "\n" } else { "" });
                    tell::line(&terminal.paint("2", "Ctrl-C again leaves, and so does Ctrl-D"));
                    tell::words(if is_awaited { PROMPT } else { "" });
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
                        tell::failure(&failure);
                        Next::Prompt
                    })
                }
            };
            let (question, is_again) = match next {
                Next::Prompt => continue,
                Next::Ask(question) => (question, false),
                Next::AskAgain(question) => (question, true),
            };
            let asked = (question, is_again);
            match self.turn(&mut talk, &engine, asked, events.clone(), &mut interrupt).await {
                Turn::Done => {}
                Turn::Leave => return Ok(Exit::Success),
                Turn::End(failure) => return Err(failure),
            }
        }
    }

    /// Answers a question, `is_again` if without what the worker's memo knows. The first Ctrl-C stops that, the second
    /// leaves.
    async fn turn(
        &self,
        talk: &mut Talk,
        engine: &minions::engine::Engine,
        (question, is_again): (String, bool),
        events: Option<Arc<EventsFile>>,
        interrupt: &mut Interrupt,
    ) -> Turn {
        let job = match talk.job(&question) {
            Ok(job) => job,
            Err(failure) => {
                tell::failure(&failure);
                return Turn::Done;
            }
        };
        let _quiet = Quiet::begin();
        if self.options.dry_run {
            tokio::select! {
                told = self.told_costs(engine, job, false) => if let Err(failure) = told {
                    tell::failure(&failure);
                },
                () = interrupt.stopped() => {}
            }
            return Turn::Done;
        }
        let mut asked = job.clone();
        if is_again && asked["protocol"]["type"] == ProtocolKind::Minions.name() {
            asked["protocol"]["kwargs"]["renew_memo"] = true.into();
        }
        let cancel = CancelToken::new();
        let mut answering = std::pin::pin!(self.put(engine, asked, true, events, &cancel));
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
