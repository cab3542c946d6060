//! Words of the conversation itself, on stdout.

use std::io::{self, Write};

use minions::error::{Exit, Failure};

use crate::cli::screen::{self, Face, spoken};

/// Says on stderr what failed, and what to do here.
pub(super) fn failure(failure: &Failure) -> Exit {
    screen::tell_wrapped(&spoken(failure.clone(), Face::Conversation))
}

/// Writes a line, or several.
pub(super) fn line(text: &str) {
    words(&format!("{}\n", text.trim_end()));
}

/// Writes `text` as it is.
pub(super) fn words(text: &str) {
    let mut stdout = io::stdout().lock();
    // A terminal that is gone ends the program by a signal.
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
