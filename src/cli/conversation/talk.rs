//! What a conversation knows: files, models, its session, the last answer; and what its commands do.

use std::path::{Path, PathBuf};

use minions::Cited;
use minions::chat::secrets::Redactor;
use minions::config::Environment;
use minions::engine::{Engine, JobResult};
use minions::error::{Failure, FailureKind};
use minions::job::ProtocolKind;
use minions::sessions::{Contents, Name, Sessions};
use minions::settings::Settings;
use minions::words::count;
use serde_json::Value;

use super::command::{self, Command};
use super::export;
use super::page::page;
use super::tell;
use crate::cli::ask::{self, Answered, AskArgs, AskOptions, Models, Piped, Task, Words, session};
use crate::cli::columns::cut;
use crate::cli::screen::{self, Cite, Cost, Terminal, clean, columns, ranked, sources};

/// What follows a command.
pub(super) enum Next {
    Prompt,
    Ask(String),
}

/// A conversation.
pub(super) struct Talk {
    options: AskOptions,
    settings: Settings,
    models: Models,
    files: Vec<PathBuf>,
    sessions: Sessions,
    session: Name,
    /// Whether somebody gave it its name.
    is_named: bool,
    /// Turns of the session.
    turns: usize,
    last: Option<Last>,
    spent: Cost,
}

/// The last question.
struct Last {
    question: String,
    job: Value,
    /// Whether it is a turn of the session.
    is_kept: bool,
    result: Option<JobResult>,
    sources: Vec<Cited>,
}

impl Talk {
    /// Begins one, or goes on with the session that `args` name.
    ///
    /// # Errors
    /// Settings, models or a session that can't be used.
    pub(super) fn begin(args: AskArgs, environment: &Environment) -> Result<Self, Failure> {
        let AskArgs { words, options, .. } = args;
        let Words { mut files, .. } = Words::of(words, options.context.clone())?;
        let settings = ask::settings(environment)?;
        let models = Models::of(&options, &settings)?;
        let sessions = Sessions::of(environment)?;
        let named = session::named(&options, environment)?;
        let contents = named.as_ref().map(|name| sessions.find(name)).transpose()?.flatten();
        if let Some(contents) = contents.as_ref().filter(|_| files.is_empty()) {
            files = session::files(contents, &ask::here()?);
        }
        let is_named = named.is_some();
        let session = named.map_or_else(|| free_name(&sessions), Ok)?;
        let turns = contents.as_ref().map_or(0, Contents::len);
        let last = contents.as_ref().and_then(last_question);
        Ok(Self {
            options,
            settings,
            models,
            files,
            sessions,
            session,
            is_named,
            turns,
            last,
            spent: Cost::default(),
        })
    }

    /// The environment that jobs run with.
    pub(super) fn environment(&self) -> Environment {
        self.settings.environment()
    }

    /// What is said before the first prompt.
    pub(super) fn greeting(&self) -> String {
        let files = match &self.files[..] {
            [] => "no files yet: /add FILE".to_owned(),
            [file] => file.display().to_string(),
            files => count(files.len(), "file"),
        };
        let going_on = match self.turns {
            0 => String::new(),
            turns => format!("{}, {} so far · ", self.session, count(turns, "question")),
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
        let Self { options, models, files, session, .. } = self;
        Task { question, files, piped: &Piped::Nothing, options, models, session: Some(session) }.job()
    }

    /// `question` has its answer.
    pub(super) fn answered(&mut self, question: String, job: Value, answered: Answered, redactor: &Redactor) {
        let result = answered.result;
        // A closed stderr is no reason to fail.
        let _ =
            screen::start_line(&redactor.clean(&ask::below(&result, self.options.cite.unwrap_or_default())));
        self.spent.add(Cost::of(&result));
        let sources = ranked(result.evidence.as_deref().unwrap_or_default(), &result.final_answer);
        let is_kept = self.has_grown();
        self.last = Some(Last { question, job, is_kept, result: Some(result), sources });
    }

    /// `question` has no answer.
    pub(super) fn failed(&mut self, question: String, job: Value, failure: &Failure) {
        self.spent.add(Cost::from(*failure.spent));
        let is_kept = self.has_grown();
        match failure.kind {
            FailureKind::Cancelled => tell::line("stopped; /retry asks again"),
            _ => {
                screen::tell(failure);
            }
        }
        self.last = Some(Last { question, job, is_kept, result: None, sources: Vec::new() });
    }

    /// Whether the session has got another turn.
    fn has_grown(&mut self) -> bool {
        let turns = self.sessions.find(&self.session).ok().flatten().map_or(0, |contents| contents.len());
        let has_grown = turns > self.turns;
        self.turns = turns;
        has_grown
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
        let terminal = Terminal::of(&std::io::stdout());
        let columns = columns(std::io::stdout());
        match command {
            Command::Add => self.add(words)?,
            Command::Drop => self.drop_files(words)?,
            Command::Files => tell::line(&self.list()),
            Command::Sources => {
                let shown = sources(self.last_answer()?.sources, Cite::Full, terminal, columns);
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
            Command::Cost => tell::line(&format!("in this conversation: {}", self.spent.line())),
            Command::Egress => tell::line(&clean(&export::egress(self.last_answer()?.result))),
            Command::Retry => {
                let question = self.last()?.question.clone();
                self.undo()?;
                return Ok(Next::Ask(question));
            }
            Command::Save => self.save(words)?,
            Command::Export => {
                let file = one(words, "/export job.json")?;
                let contents = self.sessions.find(&self.session)?;
                let last = self.last()?;
                export::write(&last.job, last.is_kept, contents.as_ref(), Path::new(file))?;
                tell::line(&format!(
                    "{} is the last question as a job: minions {}",
                    clean(file),
                    clean(file)
                ));
            }
            Command::Undo => {
                let question = self.last()?.question.clone();
                self.undo()?;
                self.last = self.sessions.find(&self.session)?.as_ref().and_then(last_question);
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
            Some(result) => Ok(Answer { result, sources: &last.sources, job: &last.job }),
            None => Err(Failure::input("the last question has no answer here").hint("/retry asks it again")),
        }
    }

    fn add(&mut self, words: &[String]) -> Result<(), Failure> {
        if words.is_empty() {
            return Err(Failure::input("/add needs the name of a file").hint("/add report.pdf notes/"));
        }
        if let Some(lost) = words.iter().find(|word| !Path::new(word).exists()) {
            return Err(Failure::input(format!("there is no file {lost}")).hint(
                "a path counts from the folder in which minions was started; quotes hold spaces together",
            ));
        }
        for word in words.iter().map(PathBuf::from) {
            if !self.files.contains(&word) {
                self.files.push(word);
            }
        }
        tell::line(&self.list());
        Ok(())
    }

    fn drop_files(&mut self, words: &[String]) -> Result<(), Failure> {
        let place = |word: &String| {
            let by_name = self.files.iter().position(|file| file == Path::new(word));
            let by_number = || word.parse::<usize>().ok()?.checked_sub(1).filter(|at| *at < self.files.len());
            by_name.or_else(by_number).ok_or_else(|| {
                Failure::input(format!("{word} is none of the files")).hint("/files lists them")
            })
        };
        let places = words.iter().map(place).collect::<Result<Vec<_>, _>>()?;
        if places.is_empty() {
            return Err(
                Failure::input("/drop needs the name or the number of a file").hint("/files lists them")
            );
        }
        let mut at = 0;
        self.files.retain(|_| {
            at += 1;
            !places.contains(&(at - 1))
        });
        tell::line(&self.list());
        Ok(())
    }

    fn list(&self) -> String {
        let line = |(at, file): (usize, &PathBuf)| {
            let size = match file.metadata() {
                Ok(meta) if meta.is_dir() => "folder".to_owned(),
                Ok(meta) => format!("{} kB", meta.len().div_ceil(1000)),
                Err(_) => "not there any more".to_owned(),
            };
            clean(&format!("{}  {}  {size}\n", at + 1, file.display()))
        };
        let lines: String = self.files.iter().enumerate().map(line).collect();
        if lines.is_empty() { "no files: /add FILE".to_owned() } else { lines }
    }

    async fn open(&self, words: &[String], engine: &Engine, terminal: Terminal) -> Result<String, Failure> {
        let Answer { sources, job, .. } = self.last_answer()?;
        let number: Option<usize> = one(words, "/open 1")?.trim_matches(['[', ']']).parse().ok();
        let cited = number.and_then(|number| sources.get(number.checked_sub(1)?));
        let cited = cited.ok_or_else(|| {
            Failure::input(format!("there is no source {}", words[0]))
                .hint("/sources lists them with their numbers")
        })?;
        let Some(document) = cited.evidence.document else {
            return Err(Failure::input(format!("the words of source {} stand in no document", words[0])));
        };
        let documents = engine.documents(engine.job(job.clone())?).await?;
        let document =
            documents.get(document).ok_or_else(|| Failure::input("that document is not there any more"))?;
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
        self.models = Models::of(&options, &self.settings)?;
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
        let usual = ask::usual_protocol(!self.files.is_empty()).name();
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

    fn save(&mut self, words: &[String]) -> Result<(), Failure> {
        let name = Name::new(one(words, "/save NAME")?)
            .map_err(|problem| Failure::input(format!("a name {problem}")))?;
        if self.turns > 0 {
            self.sessions.fork(&self.session, None, &name)?;
            if !self.is_named {
                self.sessions.remove(&self.session)?;
            }
        } else if self.sessions.find(&name)?.is_some() {
            return Err(
                Failure::input(format!("there is a session {name} already")).hint("take another name")
            );
        }
        (self.session, self.is_named) = (name, true);
        tell::line(&format!("kept: minions ask --session {} goes on with it", self.session));
        Ok(())
    }

    /// Takes the last turn back.
    fn undo(&mut self) -> Result<(), Failure> {
        if self.last()?.is_kept {
            self.sessions.undo(&self.session)?;
            self.turns -= 1;
        }
        self.last = None;
        Ok(())
    }
}

/// The last answer, as commands look at it.
struct Answer<'a> {
    result: &'a JobResult,
    sources: &'a [Cited],
    job: &'a Value,
}

/// The one word of a command.
fn one<'a>(words: &'a [String], usual: &str) -> Result<&'a str, Failure> {
    match words {
        [word] => Ok(word),
        _ => Err(Failure::input("the command needs one word behind it").hint(usual.to_owned())),
    }
}

/// The last question of a session that was begun before; its answer is not in memory.
fn last_question(contents: &Contents) -> Option<Last> {
    let at = contents.len().checked_sub(1)?;
    let question = contents.turns(at..at + 1).ok()?.pop()?.turn.query;
    Some(Last { question, job: Value::Null, is_kept: true, result: None, sources: Vec::new() })
}

/// A name for a conversation that nobody named: when it began.
fn free_name(sessions: &Sessions) -> Result<Name, Failure> {
    let now = jiff::Zoned::now().strftime("%Y-%m-%d-%H%M%S").to_string();
    let name = Name::new(&now).map_err(Failure::defect)?;
    let is_taken = sessions.folder().join(format!("{name}.jsonl")).exists();
    Ok(if is_taken { sessions.free_name(&name) } else { name })
}
