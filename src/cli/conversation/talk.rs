//! What a conversation knows: files, models, its session, the last answer; and what its commands do.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use minions::Cited;
use minions::answer::ranked;
use minions::chat::secrets::Redactor;
use minions::config::Environment;
use minions::documents::Document;
use minions::engine::Engine;
use minions::error::{Failure, FailureKind};
use minions::job::ProtocolKind;
use minions::sessions::{Contents, DocumentRecord};
use minions::settings::Settings;
use minions::words::count;
use serde_json::Value;

use super::command::{self, Command};
use super::export;
use super::files::{Added, Files};
use super::last::{Last, last_question};
use super::page::page;
use super::place::Place;
use super::tell;
use crate::cli::ask::{self, Answered, AskArgs, AskOptions, Models, Piped, Task, Words, session};
use crate::cli::columns::cut;
use crate::cli::screen::{self, Cite, Cost, Terminal, clean, columns, sources};

/// What follows a command.
pub(super) enum Next {
    Prompt,
    Ask(String),
    /// The worker is asked again, too, whatever its memo knows.
    AskAgain(String),
}

/// A conversation.
pub(super) struct Talk {
    options: AskOptions,
    settings: Settings,
    models: Models,
    files: Files,
    place: Place,
    /// What was said before this conversation began.
    before: Option<Contents>,
    /// Turns of the session.
    turns: usize,
    last: Option<Last>,
    /// Of the questions since then.
    spent: Cost,
    is_quiet: bool,
    is_dry: bool,
}

impl Talk {
    /// Begins one, or goes on with the session that `args` name.
    ///
    /// # Errors
    /// Settings, models, files or a session that can't be used.
    pub(super) fn begin(args: AskArgs, environment: &Environment) -> Result<Self, Failure> {
        let AskArgs { words, mut options, each } = args;
        let words = Words::of(words, options.context.clone())?;
        let mut files = Files::named(&words.files)?;
        let settings = ask::settings(environment)?;
        let models = Models::of(&options, &settings, each.dry_run)?;
        let place = Place::find(&mut options, environment)?;
        let before = place.contents()?;
        if let Some(contents) = before.as_ref().filter(|_| words.files.is_empty()) {
            files = Files::of_session(session::files(contents, &ask::here()?));
        }
        let turns = before.as_ref().map_or(0, Contents::len);
        let last = before.as_ref().and_then(last_question);
        let (is_quiet, is_dry) = (each.quiet, each.dry_run);
        Ok(Self {
            options,
            settings,
            models,
            files,
            place,
            before,
            turns,
            last,
            spent: Cost::default(),
            is_quiet,
            is_dry,
        })
    }

    /// What somebody should know before the first question.
    pub(super) fn warnings(&self) -> Vec<String> {
        let texts = self.before.as_ref().filter(|_| self.files.paths().is_empty());
        let texts = texts.and_then(|contents| session::lost_texts(&self.place.session, contents));
        let texts = texts.map(|texts| format!("{texts}: questions are asked without it; /add names files"));
        let lost = self
            .files
            .lost()
            .into_iter()
            .map(|file| format!("{file} is not there any more: /drop takes it away"));
        self.place.warning().into_iter().chain(texts).chain(lost).collect()
    }

    /// The environment that jobs run with.
    pub(super) fn environment(&self) -> Environment {
        self.settings.environment()
    }

    /// What is said before the first prompt.
    pub(super) fn greeting(&self) -> String {
        let files = match self.files.paths() {
            [] => "no files yet: /add FILE".to_owned(),
            [file] => file.display().to_string(),
            files => count(files.len(), "file"),
        };
        let going_on = match self.turns {
            0 => String::new(),
            turns => format!("{}, {} so far · ", self.place.session, count(turns, "question")),
        };
        clean(&format!("{going_on}{files} · {} · /help", self.pair()))
    }

    fn pair(&self) -> String {
        format!("{} and {}", self.models.local, self.models.remote)
    }

    /// `question` as a job.
    ///
    /// # Errors
    /// A file whose name is no text.
    pub(super) fn job(&self, question: &str) -> Result<Value, Failure> {
        let Self { options, models, files, place, .. } = self;
        let (files, session) = (files.paths(), Some(&place.session));
        Task { question, files, piped: &Piped::default(), options, models, session }.job()
    }

    /// `question` has its answer.
    pub(super) fn answered(&mut self, question: String, job: Value, answered: Answered, redactor: &Redactor) {
        let result = answered.result;
        if !self.is_quiet {
            let below = ask::below(&result, self.options.cite.unwrap_or_default(), "/sources shows them");
            // A closed stderr is no reason to fail.
            let _ = screen::start_line(&redactor.clean(&below));
        }
        self.spent.add(Cost::of(&result));
        let contents = self.now();
        let number = result.session.as_ref().filter(|turn| turn.stored).map(|turn| turn.turn);
        let turn = contents.as_ref().zip(number).and_then(|(contents, number)| contents.mark(number));
        let sources = ranked(result.evidence.as_deref().unwrap_or_default(), &result.final_answer);
        let documents = contents.map(|contents| contents.documents).unwrap_or_default();
        let left = result.spent.left;
        self.last = Some(Last { question, job, turn, result: Some(result), sources, documents, left });
    }

    /// `question` has no answer.
    pub(super) fn failed(&mut self, question: String, job: Value, failure: &Failure) {
        let cost = Cost::from(*failure.spent);
        self.spent.add(cost);
        let before = self.turns;
        let turn = self.now().and_then(|contents| {
            let marks = (before + 1..=contents.len()).rev().filter_map(|number| contents.mark(number));
            marks.into_iter().find(|turn| turn.query == question)
        });
        match failure.kind {
            FailureKind::Cancelled => tell::line("stopped; /retry asks again"),
            _ => {
                tell::failure(failure);
                if !self.is_quiet {
                    ask::tell_cost(cost);
                }
            }
        }
        let left = failure.spent.left;
        let (sources, documents) = (Vec::new(), Vec::new());
        self.last = Some(Last { question, job, turn, result: None, sources, documents, left });
    }

    /// What the session says now.
    fn now(&mut self) -> Option<Contents> {
        let contents = self.place.contents().ok().flatten();
        self.turns = contents.as_ref().map_or(0, Contents::len);
        contents
    }

    /// Does what a command says.
    ///
    /// # Errors
    /// What it can't do, and why.
    pub(super) async fn obey(
        &mut self,
        command: Command,
        words: &[String],
        engine: &Engine,
    ) -> Result<Next, Failure> {
        command.check(words)?;
        let terminal = Terminal::of(&std::io::stdout());
        let columns = columns(std::io::stdout());
        match command {
            Command::Add => {
                let words: Vec<PathBuf> = words.iter().map(PathBuf::from).collect();
                let Added { known, lost } = self.files.add(&words);
                known.iter().for_each(|known| tell::line(&clean(known)));
                tell::line(&self.files.list());
                if let Some(lost) = lost {
                    return Err(lost);
                }
            }
            Command::Drop => {
                self.files.drop(words)?;
                tell::line(&self.files.list());
            }
            Command::Files => tell::line(&self.files.list()),
            Command::Sources => {
                let shown = sources(self.last_answer()?.sources, Cite::Full, terminal, columns, "");
                tell::line(if shown.is_empty() {
                    "the last answer quotes nothing; the protocol minions does"
                } else {
                    &shown
                });
            }
            Command::Open => tell::line(&self.open(words, engine, terminal).await?),
            Command::Model => {
                self.choose(words)?;
                tell::line(&format!("{} reads, {} answers", self.models.local, self.models.remote));
            }
            Command::Protocol => self.protocol(words)?,
            Command::Rounds => self.rounds(words)?,
            Command::Cost => tell::line(&format!("in this conversation: {}", self.cost().line())),
            Command::Egress => {
                let Last { result, left, job, documents: then, .. } = self.last()?;
                // Documents that can't be read now are told by their numbers.
                let now = if result.is_some() { self.read(job, engine).await.ok() } else { None };
                let document = |at: usize| {
                    let (now, then) = (now.as_ref()?.get(at)?, then.get(at)?);
                    (*then == DocumentRecord::of(now)).then_some(now)
                };
                tell::line(&clean(&export::egress(*left, result.as_ref(), document)));
            }
            Command::Retry => {
                let question = self.last()?.question.clone();
                self.undo()?;
                return Ok(Next::AskAgain(question));
            }
            Command::Save => {
                self.place.save(&words[0], self.turns)?;
                let session = &self.place.session;
                tell::line(&format!("kept: minions ask --session {session} goes on with it"));
            }
            Command::Export => {
                let (file, contents) = (&words[0], self.place.contents()?);
                let last = self.last()?;
                export::write(&last.job, last.turn.as_ref(), contents.as_ref(), Path::new(file))?;
                let file = clean(file);
                tell::line(&format!("{file} is the last question as a job: minions {file}"));
            }
            Command::Undo => {
                let question = self.last()?.question.clone();
                self.undo()?;
                self.last = self.place.contents()?.as_ref().and_then(last_question);
                tell::line(&clean(&format!("forgotten: {}", cut(&question, 60))));
            }
            Command::Help => tell::line(&command::help(columns)),
        }
        Ok(Next::Prompt)
    }

    fn last(&self) -> Result<&Last, Failure> {
        self.last.as_ref().ok_or_else(|| Failure::input("nothing was asked yet"))
    }

    fn last_answer(&self) -> Result<Answer<'_>, Failure> {
        let last = self.last()?;
        match &last.result {
            Some(_) => Ok(Answer { sources: &last.sources, job: &last.job, documents: &last.documents }),
            None => Err(Failure::input("the last question has no answer here").hint("/retry asks it again")),
        }
    }

    /// What was spent, with what was spent in the session before.
    fn cost(&self) -> Cost {
        let mut cost = self.spent;
        self.before.iter().flat_map(Contents::usage).for_each(|usage| cost.add(Cost::from(usage)));
        cost
    }

    /// The documents of `job`, as they are now.
    async fn read(&self, job: &Value, engine: &Engine) -> Result<Arc<[Document]>, Failure> {
        engine.documents(engine.job(job.clone())?).await
    }

    async fn open(&self, words: &[String], engine: &Engine, terminal: Terminal) -> Result<String, Failure> {
        let Answer { sources, job, documents: then } = self.last_answer()?;
        let number: Option<usize> = words[0].trim_matches(['[', ']']).parse().ok();
        let cited = number.and_then(|number| sources.get(number.checked_sub(1)?));
        let cited = cited.ok_or_else(|| {
            Failure::input(format!("there is no source {}", words[0]))
                .hint("/sources lists them with their numbers")
        })?;
        let Some(at) = cited.evidence.document else {
            return Err(Failure::input(format!("the words of source {} stand in no document", words[0])));
        };
        let documents = self.read(job, engine).await?;
        let name = cited.source.as_deref();
        let is_same = |document: &&Document| name.is_some() && document.name.as_deref() == name;
        let document = documents.get(at).filter(is_same).or_else(|| documents.iter().find(is_same));
        let changed = |how: &str| {
            let name = name.unwrap_or("that document");
            Failure::input(format!("{name} {how} since the answer, which quotes what it said then"))
                .hint("/sources shows the quotes; /retry asks again")
        };
        let document = document.ok_or_else(|| changed("is gone"))?;
        let known = then.get(at).filter(|then| then.name == document.name);
        if known.is_some_and(|then| *then != DocumentRecord::of(document)) {
            return Err(changed("has changed"));
        }
        Ok(page(document, cited, terminal))
    }

    fn choose(&mut self, words: &[String]) -> Result<(), Failure> {
        let mut options = self.options.clone();
        match words {
            [] => return Ok(()),
            [side, model] if side == "local" => options.local = Some(model.clone()),
            [side, model] if side == "remote" => options.remote = Some(model.clone()),
            [pair] if self.settings.aliases().contains(&pair.as_str()) => {
                (options.local, options.remote, options.pair) = (None, None, Some(pair.clone()));
            }
            [other, ..] => {
                return Err(Failure::input(format!("/model can't take {other}"))
                    .hint("/model remote openai/gpt-4o, /model local ollama/llama3.2, or the name of a pair in the settings"));
            }
        }
        self.models = Models::of(&options, &self.settings, self.is_dry)?;
        self.options = options;
        Ok(())
    }

    fn protocol(&mut self, words: &[String]) -> Result<(), Failure> {
        let names = ProtocolKind::ALL.map(ProtocolKind::name);
        if let [name] = words {
            let known = names.contains(&name.as_str());
            if !known {
                return Err(Failure::input(format!("there is no protocol {name}"))
                    .hint(format!("there are {}", names.join(", "))));
            }
            self.options.protocol = Some(name.clone());
        }
        let usual = ask::usual_protocol(!self.files.paths().is_empty()).name();
        tell::line(self.options.protocol.as_deref().unwrap_or(usual));
        Ok(())
    }

    fn rounds(&mut self, words: &[String]) -> Result<(), Failure> {
        if let [number] = words {
            let rounds = number.parse().ok().filter(|rounds| (1..=1000).contains(rounds));
            let wrong =
                || Failure::input(format!("{number} rounds can't be")).hint("/rounds 5; from 1 to 1000");
            self.options.rounds = Some(rounds.ok_or_else(wrong)?);
        }
        tell::line(&count(u64::from(self.options.rounds.unwrap_or(ask::ROUNDS)), "round"));
        Ok(())
    }

    /// Takes the last turn back.
    fn undo(&mut self) -> Result<(), Failure> {
        if let Some(turn) = &self.last()?.turn {
            self.place.undo(turn)?;
            self.turns -= 1;
        }
        self.last = None;
        Ok(())
    }
}

/// The last answer, as commands look at it.
struct Answer<'a> {
    sources: &'a [Cited],
    job: &'a Value,
    documents: &'a [DocumentRecord],
}
