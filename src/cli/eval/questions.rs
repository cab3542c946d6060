//! The file of questions: each with its line.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use minions::error::{Failure, FailureKind};
use minions::evaluation::Question;
use minions::job::{self, Subject};
use minions::words;

use crate::cli::batch::json_splitter::JsonSplitter;

/// What questions have that jobs have in their `call_params`.
const OF_QUESTIONS: [&str; 3] = ["task", "context", "doc_metadata"];

/// A question and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub question: Question,
    /// `questions.jsonl:3`
    pub place: String,
}

/// The questions of a file, or of stdin.
///
/// # Errors
/// The file can't be read, or a question can't be used: with its line and the remedy.
pub(super) fn read(path: &Path, limit: Option<u32>) -> Result<Vec<Asked>, Failure> {
    let name = if path.as_os_str() == "-" { "stdin".to_owned() } else { path.display().to_string() };
    let bytes = bytes(path).map_err(|error| {
        Failure::input(format!("the questions {name} can't be read: {}", words::of_io(&error)))
            .hint("name a file with a question a line; `minions eval --help` shows one")
    })?;
    let mut pieces = JsonSplitter::new(Cursor::new(bytes));
    let (mut asked, mut lines) = (Vec::<Asked>::new(), HashMap::new());
    while let Some(piece) = pieces.next().map_err(|error| Failure::system(format!("{name}: {error}")))? {
        let place = format!("{name}:{}", piece.line);
        let value = job::value_of(Subject::Question, &piece.bytes, piece.line).map_err(|error| {
            let failure = Failure::from(error);
            Failure { message: format!("{place}: {}", failure.message), ..failure }
        })?;
        let question = Question::parse(&value).map_err(|problem| {
            let id = value["id"].as_str().map(|id| format!(" ({id})")).unwrap_or_default();
            Failure::input(format!("{place}{id}: {problem}")).hint(problem.hint)
        })?;
        if let Some(earlier) = lines.insert(question.id.clone(), piece.line) {
            let problem = format!("{place}: the id {:?} is that of line {earlier}", question.id);
            return Err(Failure::input(problem).hint("each question needs an id of its own"));
        }
        asked.push(Asked { question, place });
    }
    if asked.is_empty() {
        return Err(Failure::input(format!("{name} holds no question")).hint(Subject::Question.example()));
    }
    // All are checked, whatever the limit.
    asked.truncate(limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX)));
    Ok(asked)
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    if path.as_os_str() != "-" {
        return fs::read(path);
    }
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Where the paths in a file of questions begin.
pub(super) fn folder(path: &Path) -> Option<PathBuf> {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).map(Path::to_owned)
}

/// Says of a job's failure which question it is about.
pub(super) fn placed(asked: &Asked, configuration: &str, failure: Failure) -> Failure {
    let own = OF_QUESTIONS.iter().fold(failure.message, |message, key| {
        message.replace(&format!("`call_params.{key}"), &format!("`{key}"))
    });
    let message = format!("{} ({}), configuration {configuration}: {own}", asked.place, asked.question.id);
    Failure { message, kind: FailureKind::Input, ..failure }
}
