//! What stands in the terminal's line, so that whoever writes next knows what to do about it.

use std::io::{self, Write as _};
use std::sync::{Mutex, MutexGuard};

use super::terminal::{Terminal, columns};
use super::width::cut;
use crate::cli::sync::lock;

/// What stands in the line that the cursor is in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Line {
    #[default]
    Empty,
    /// A line of progress, which anything may replace.
    Progress,
    /// Text that stays.
    Text,
}

/// Back to the beginning of the line, and all of it away.
const ERASE: &str = "\r\x1b[K";

static LINE: Mutex<Line> = Mutex::new(Line::Empty);
/// Lines that wait for the end of an answer.
static HELD: Mutex<String> = Mutex::new(String::new());

/// The line; others wait with their words as long as it is held.
pub(super) fn line() -> MutexGuard<'static, Line> {
    lock(&LINE)
}

impl Line {
    /// What has to be written before a line that stays can begin.
    pub(super) fn before_line(&mut self) -> &'static str {
        match std::mem::take(self) {
            Self::Empty => "",
            Self::Progress => ERASE,
            Self::Text => "\n",
        }
    }
}

/// Writes what has waited for the end of an answer.
pub(super) fn tell_held() {
    let held = std::mem::take(&mut *lock(&HELD));
    // A closed stderr is no reason to fail.
    let _ = io::stderr().lock().write_all(held.as_bytes());
}

/// Draws a line of progress on stderr, over the one before. It takes no more than a line of the terminal.
pub(crate) fn draw_line(text: &str) {
    let mut line = line();
    // The last column stays free: some terminals begin a line there.
    let shown = cut(text, columns(io::stderr()).saturating_sub(1));
    // A terminal that is gone is no reason to fail.
    let _ = io::stderr().lock().write_all(format!("{ERASE}{shown}").as_bytes());
    *line = Line::Progress;
}

/// Takes a line of progress away.
pub(crate) fn erase_line() {
    let mut line = line();
    if *line == Line::Progress {
        let _ = io::stderr().lock().write_all(line.before_line().as_bytes());
    }
}

/// Lets the line of progress stay; the next one begins below it.
pub(crate) fn keep_line() {
    if std::mem::take(&mut *line()) != Line::Empty {
        let _ = io::stderr().lock().write_all(b"\n");
    }
}

/// Writes `text`, whole lines, to stderr. A line of progress makes room for them, an answer that is being written is
/// interrupted; where each step is told in a line of its own, they wait for its end.
pub(crate) fn start_line(text: &str) -> io::Result<()> {
    let mut line = line();
    if *line == Line::Text && !Terminal::of(&io::stderr()).can_redraw {
        lock(&HELD).push_str(text);
        return Ok(());
    }
    let before = line.before_line();
    io::stderr().lock().write_all([before, text].concat().as_bytes())
}
