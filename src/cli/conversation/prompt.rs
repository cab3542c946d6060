//! The line editor: keys, completion, history of what was typed.

use std::fs::{DirBuilder, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use minions::config::Environment;
use minions::error::Failure;
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Cmd, ColorMode, Context, Editor, Helper, KeyCode, KeyEvent, Modifiers};

use super::command::COMMANDS;
use super::pasted;
use crate::cli::screen::Terminal;

/// Lines that are remembered.
const MOST_LINES: usize = 1000;
pub(super) const PROMPT: &str = "> ";

/// What came of one prompt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    Line(String),
    /// Ctrl-C.
    Interrupted,
    /// Ctrl-D, or the terminal is gone.
    End,
}

/// Reads what is typed.
pub(super) struct Prompt {
    editor: Editor<Keys, FileHistory>,
    /// Whether lines come as they are, from a terminal that can't be drawn on.
    is_plain: bool,
    history: Option<PathBuf>,
}

impl Prompt {
    /// A prompt with the lines of earlier conversations of this user.
    ///
    /// # Errors
    /// The terminal can't be used.
    pub(super) fn open(environment: &Environment, terminal: Terminal) -> Result<Self, Failure> {
        let mut editor = Editor::new().map_err(|error| unusable(&error))?;
        editor.set_helper(Some(Keys { files: FilenameCompleter::new() }));
        editor.set_auto_add_history(false);
        editor.set_history_ignore_space(true);
        editor.set_color_mode(if terminal.has_colours { ColorMode::Enabled } else { ColorMode::Disabled });
        // Neither can fail: the number is in range, and nothing is evicted yet.
        let _ = editor.set_max_history_size(MOST_LINES);
        let _ = editor.set_history_ignore_dups(true);
        editor.bind_sequence(KeyEvent(KeyCode::Enter, Modifiers::ALT), Cmd::Newline);
        let history = environment.state().map(|state| state.join("minions/history"));
        if let Some(history) = &history {
            // There is none yet, or it can't be read: then nothing is remembered.
            let _ = editor.load_history(history);
        }
        Ok(Self { editor, is_plain: !terminal.can_redraw, history })
    }

    /// Waits for a line. What is remembered of it is on the disk when this returns.
    ///
    /// # Errors
    /// The terminal can't be read.
    pub(super) fn read(&mut self) -> Result<Read, Failure> {
        match self.editor.readline(PROMPT) {
            Ok(mut line) => {
                while self.is_plain && pasted::goes_on() {
                    let Ok(more) = self.editor.readline("") else { break };
                    line = format!("{line}\n{more}");
                }
                self.remember(&line);
                Ok(Read::Line(line.replace("\\\n", "\n")))
            }
            Err(ReadlineError::Interrupted) => Ok(Read::Interrupted),
            Err(ReadlineError::Eof) => Ok(Read::End),
            Err(error) => Err(unusable(&error)),
        }
    }

    fn remember(&mut self, line: &str) {
        if !self.editor.add_history_entry(line).unwrap_or_default() {
            return;
        }
        let Some(history) = &self.history else { return };
        let made = history
            .parent()
            .is_none_or(|folder| DirBuilder::new().recursive(true).mode(0o700).create(folder).is_ok());
        // The file is the user's alone from its first byte on.
        let is_there = made && OpenOptions::new().append(true).create(true).mode(0o600).open(history).is_ok();
        if is_there && let Err(error) = self.editor.append_history(history) {
            tracing::debug!("what was typed is not remembered: {error}");
        }
    }
}

fn unusable(error: &ReadlineError) -> Failure {
    Failure::system(format!("the terminal can't be read: {error}"))
}

/// Completes commands and the names of files; a line that ends with a backslash goes on.
struct Keys {
    files: FilenameCompleter,
}

impl Completer for Keys {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        at: usize,
        context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let begun = &line[..at];
        let Some(name) = begun.strip_prefix('/') else { return Ok((at, Vec::new())) };
        if name.contains(char::is_whitespace) {
            return self.files.complete(line, at, context);
        }
        let names = COMMANDS.iter().map(|(_, known, ..)| *known).filter(|known| known.starts_with(name));
        let pair = |name: &str| Pair { display: format!("/{name}"), replacement: format!("/{name} ") };
        Ok((0, names.map(pair).collect()))
    }
}

impl Validator for Keys {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let goes_on = context.input().ends_with('\\') && !context.input().ends_with("\\\\");
        Ok(if goes_on { ValidationResult::Incomplete } else { ValidationResult::Valid(None) })
    }
}

impl Hinter for Keys {
    type Hint = String;
}

impl Highlighter for Keys {}

impl Helper for Keys {}
