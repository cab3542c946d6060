//! `minions sessions`: the conversations that outlive the program: listed, shown, forked, removed.
//!
//! In: what is to be done. Out: text on stdout for people, or JSON; what went wrong on stderr. There is no job, so there
//! is no envelope.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use minions::config::Environment;
use minions::error::Failure;
use minions::history::TurnStatus;
use minions::sessions::{Contents, Name, SessionInfo, Sessions, TurnRecord};
use minions::words::count;
use serde_json::{Value, json};

use super::{screen, stdout};

/// Characters of a question that a list shows.
const SHOWN: usize = 60;

/// Options of `sessions`.
#[derive(Args, Clone, Debug)]
pub(crate) struct SessionsOptions {
    /// What to do; without it, list them.
    #[command(subcommand)]
    pub action: Option<Action>,
    /// As JSON, for programs.
    #[arg(long, global = true)]
    pub json: bool,
    /// The folder of sessions, in place of the user's own.
    #[arg(long, value_name = "DIR", global = true)]
    pub session_dir: Option<PathBuf>,
}

/// What can be done with sessions.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Action {
    /// List all sessions, the newest first.
    List,
    /// Show the turns of a session.
    Show {
        /// Its name.
        name: Name,
    },
    /// Begin a session with the first turns of another one: NAME@4, or NAME for all of them.
    Fork {
        /// The session, and how many of its turns.
        #[arg(value_name = "NAME[@N]", value_parser = Point::parse)]
        from: Point,
        /// The name of the new one; else a free one is taken.
        to: Option<Name>,
    },
    /// Remove sessions for good.
    Rm {
        /// Their names.
        #[arg(required = true)]
        names: Vec<Name>,
    },
}

/// A session up to a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    name: Name,
    turns: Option<usize>,
}

impl Point {
    fn parse(text: &str) -> Result<Self, String> {
        let Some((name, turns)) = text.rsplit_once('@') else {
            return Ok(Self { name: Name::new(text)?, turns: None });
        };
        let turns =
            turns.parse().map_err(|_| format!("the number of a turn follows the @, not {turns:?}"))?;
        Ok(Self { name: Name::new(name)?, turns: Some(turns) })
    }
}

/// Does it.
pub(crate) fn run(args: SessionsOptions) -> ExitCode {
    match told(args) {
        Ok(text) => stdout::print(&text),
        Err(failure) => ExitCode::from(screen::tell(&failure) as u8),
    }
}

fn told(args: SessionsOptions) -> Result<String, Failure> {
    let SessionsOptions { action, json, session_dir } = args;
    let sessions = match session_dir {
        Some(dir) => Sessions::in_folder(dir),
        None => Sessions::of(&Environment::of_process())?,
    };
    let text = |value: Value, text: String| if json { format!("{value:#}\n") } else { printable(&text) };
    Ok(match action.unwrap_or(Action::List) {
        Action::List => {
            let all = sessions.list()?;
            text(json!(all), listed(&all, &sessions))
        }
        Action::Show { name } => {
            let contents = sessions.read(&name)?;
            let turns = contents.turns(0..contents.len());
            let turns = turns.map_err(|problem| Failure::input(format!("the session {name} {problem}")))?;
            text(shown_as_json(&name, &contents, &turns), shown(&name, &contents, &turns))
        }
        Action::Fork { from, to } => {
            let to = to.unwrap_or_else(|| sessions.free_name(&from.name));
            let turns = sessions.fork(&from.name, from.turns, &to)?;
            let told = format!("{to}: {} of {}\n", count(turns, "turn"), from.name);
            text(json!({"name": to.to_string(), "turns": turns}), told)
        }
        Action::Rm { names } => {
            names.iter().try_for_each(|name| sessions.remove(name))?;
            let removed: Vec<_> = names.iter().map(Name::to_string).collect();
            let told = format!("removed: {}\n", removed.join(", "));
            text(json!({"removed": removed}), told)
        }
    })
}

fn listed(all: &[SessionInfo], sessions: &Sessions) -> String {
    if all.is_empty() {
        return format!(
            "There are no sessions in {}.\n`\"session\": \"NAME\"` in a job begins one: docs/conversations.md\n",
            sessions.folder().display()
        );
    }
    let width = all.iter().map(|info| info.name.chars().count()).max().unwrap_or_default();
    let line = |info: &SessionInfo| {
        let what = match &info.problem {
            Some(problem) => problem.clone(),
            None => info.last.as_deref().map_or(String::new(), |last| one_line(last, SHOWN)),
        };
        let day = info.changed.get(..16).unwrap_or_default().replace('T', " ");
        let line = format!("{:width$}  {:>9}  {day}  {what}", info.name, count(info.turns, "turn"));
        format!("{}\n", line.trim_end())
    };
    all.iter().map(line).collect()
}

fn shown(name: &Name, contents: &Contents, turns: &[TurnRecord]) -> String {
    let mut text = format!("{name}, {}, begun {}\n", count(turns.len(), "turn"), contents.created);
    let documents: Vec<_> =
        contents.documents.iter().filter_map(|document| document.name.as_deref()).collect();
    if !documents.is_empty() {
        let _ = writeln!(text, "documents: {}", documents.join(", "));
    }
    if let Some(summary) = contents.summary() {
        let _ = writeln!(text, "\nturns 1 to {} in short: {summary}", contents.summarised());
    }
    for (at, TurnRecord { turn, error, .. }) in turns.iter().enumerate() {
        let _ = writeln!(text, "\n[{}] {}", at + 1, turn.query);
        if let Some(understood) = &turn.standalone_task {
            let _ = writeln!(text, "    understood as: {understood}");
        }
        match turn.status() {
            TurnStatus::Failed => {
                let _ = writeln!(text, "    failed: {}", error.as_deref().unwrap_or("no answer"));
            }
            TurnStatus::Answered | TurnStatus::NoAnswer | TurnStatus::Partial => {
                let _ = writeln!(text, "{}", turn.remote_output);
            }
        }
        for quote in &turn.evidence {
            let from =
                [&quote.source, &quote.place].into_iter().flatten().cloned().collect::<Vec<_>>().join(" ");
            let _ = writeln!(text, "    {from} \"{}\"", one_line(&quote.citation, 2 * SHOWN));
        }
    }
    text
}

fn shown_as_json(name: &Name, contents: &Contents, turns: &[TurnRecord]) -> Value {
    json!({
        "name": name.to_string(),
        "created": contents.created,
        "documents": contents.documents,
        "files": contents.files,
        "summary": contents.summary(),
        "summarized_turns": contents.summarised(),
        "turns": turns,
    })
}

/// `text` without what a terminal would obey: users and models wrote it.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || ['\n', '\t'].contains(c)).collect()
}

/// The first `most` characters of `text`, on one line.
fn one_line(text: &str, most: usize) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_a_name_and_a_turn() {
        let point = |text: &str| Point::parse(text).map(|point| (point.name.to_string(), point.turns));
        assert_eq!(point("acme"), Ok(("acme".to_owned(), None)));
        assert_eq!(point("acme@4"), Ok(("acme".to_owned(), Some(4))));
        for (bad, why) in [
            ("acme@x", "the number of a turn"),
            ("acme@-1", "the number"),
            ("@4", "must be a name"),
            ("../x@1", "must be a name"),
        ] {
            assert!(point(bad).unwrap_err().contains(why), "{bad}");
        }
    }
}
