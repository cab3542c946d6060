//! Failures, in words for people.

use std::io::{self, IsTerminal};

use minions::error::{Exit, Failure};

use super::clean::clean;
use super::cursor::start_line;
use super::terminal::columns;
use super::width::wrapped;

/// Says on stderr, in words for people, why there is no answer; gives the exit code.
pub(crate) fn tell(failure: &Failure) -> Exit {
    // A closed stderr is no reason to fail: the exit code tells.
    let _ = start_line(&in_words(failure));
    failure.kind.exit()
}

/// Says the same to a terminal in lines that end between words, where no command for a shell is pasted.
pub(crate) fn tell_wrapped(failure: &Failure) -> Exit {
    let stderr = io::stderr();
    if !stderr.is_terminal() {
        return tell(failure);
    }
    let columns = columns(stderr);
    let text = in_words(failure);
    let lines = text.lines().flat_map(|line| wrapped(line, columns)).map(|line| line + "\n");
    let _ = start_line(&lines.collect::<String>());
    failure.kind.exit()
}

/// Says on stderr what is to be known, and is no failure.
pub(crate) fn tell_warning(warning: &str) {
    let _ = start_line(&clean(&format!("warning: {warning}\n")));
}

/// What failed and what to do, a line each. Words of models and servers in it do nothing to a terminal.
pub(crate) fn in_words(Failure { message, hint, .. }: &Failure) -> String {
    let hint = hint.as_deref().map_or(String::new(), |hint| format!("hint: {hint}\n"));
    clean(&format!("error: {message}\n{hint}"))
}
