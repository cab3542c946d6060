//! What a terminal can do.

use std::io::IsTerminal;
use std::os::fd::AsFd;

/// Columns where the terminal does not say.
const USUAL_COLUMNS: usize = 80;

/// What stdout or stderr can show.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Terminal {
    /// Whether somebody looks at it.
    pub is_terminal: bool,
    /// Whether a line can be drawn a second time.
    pub can_redraw: bool,
    /// Whether it may have colours: `NO_COLOR` says no, and so does a terminal that calls itself dumb.
    pub has_colours: bool,
}

impl Terminal {
    /// What there is behind `out`.
    pub(crate) fn of(out: &impl IsTerminal) -> Self {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_terminal = out.is_terminal();
        let can_redraw =
            is_terminal && is_set("TERM") && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self { is_terminal, can_redraw, has_colours: can_redraw && !is_set("NO_COLOR") }
    }

    /// `text` in the colour or weight of `sequence`, such as `1` for bold.
    pub(crate) fn paint(self, sequence: &str, text: &str) -> String {
        match self.has_colours && !text.is_empty() {
            true => format!("\x1b[{sequence}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

/// The columns that the terminal behind `out` has now.
pub(crate) fn columns(out: impl AsFd) -> usize {
    let size = rustix::termios::tcgetwinsize(out).ok();
    size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0).unwrap_or(USUAL_COLUMNS)
}
