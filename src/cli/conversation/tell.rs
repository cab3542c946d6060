//! Words of the conversation itself, on stdout.

use std::io::{self, Write};

/// Writes a line, or several.
pub(super) fn line(text: &str) {
    let mut stdout = io::stdout().lock();
    // A terminal that is gone ends the program by a signal.
    let _ = stdout.write_all(format!("{}\n", text.trim_end()).as_bytes()).and_then(|()| stdout.flush());
}
