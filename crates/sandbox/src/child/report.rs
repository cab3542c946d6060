//! Turns the code's exceptions into messages for the author of the code.

use std::borrow::Cow;

use crate::{CodeError, SandboxLimits};

/// The interpreter's name for the supervisor's code. Frames of other names are not shown.
pub(super) const SCRIPT: &str = "<supervisor>";
/// The most characters of an exception's own message.
const MESSAGE: usize = 1000;
/// The most characters of a source line.
const LINE: usize = 200;
/// The most characters of the name of a function or a class.
const NAME: usize = 100;
/// The number of innermost frames in a message.
const FRAMES: usize = 5;
/// Bytes of printed text that are kept.
const PRINTED: usize = 1000;

/// The end of the text that the code printed.
#[derive(Default)]
pub(super) struct Printed(String);

impl Printed {
    /// Takes the text out.
    pub(super) fn take(&mut self) -> String {
        self.trim(PRINTED);
        std::mem::take(&mut self.0)
    }

    /// Adds a text.
    pub(super) fn push(&mut self, text: &str) {
        self.0.push_str(&text[text.ceil_char_boundary(text.len().saturating_sub(PRINTED))..]);
        if self.0.len() > 4 * PRINTED {
            self.trim(PRINTED);
        }
    }

    fn trim(&mut self, keep: usize) {
        let cut = self.0.ceil_char_boundary(self.0.len().saturating_sub(keep));
        self.0.drain(..cut);
    }
}

/// The supervisor's code as its author knows it.
#[derive(Debug, Default)]
pub(super) struct Script(pub String);

/// An exception that the code raised and did not catch.
pub(super) struct Raised {
    /// The name of its class.
    pub kind: String,
    /// Its own words.
    pub words: String,
    /// The lines and functions of the code that it came through, the outermost first.
    pub places: Vec<(usize, String)>,
}

impl Script {
    /// The error for an uncaught exception. `place` names what ran, where no line is known.
    pub(super) fn failure(
        &self,
        raised: &Raised,
        place: &str,
        limits: &SandboxLimits,
        printed: String,
    ) -> CodeError {
        let at = self.places(&raised.places);
        if raised.kind == "MemoryError" {
            return CodeError::Memory {
                limit: limits.memory,
                at: if at.is_empty() { place.into() } else { at },
            };
        }
        let words = clip(&raised.words, MESSAGE);
        let text = if words.is_empty() { String::new() } else { format!(": {words}") };
        let separator = if at.is_empty() { "" } else { "\n" };
        let kind = clip(&raised.kind, NAME);
        CodeError::Raised { message: format!("{at}{separator}{kind}{text}"), printed }
    }

    /// The innermost of these lines of the code, each with its source.
    pub(super) fn places(&self, lines: &[(usize, String)]) -> String {
        let shown = lines.iter().skip(lines.len().saturating_sub(FRAMES)).map(|(line, name)| {
            let name = if name == "<module>" { String::new() } else { format!(", in {}", clip(name, NAME)) };
            let text = self.0.lines().nth(line.saturating_sub(1)).unwrap_or_default();
            format!("line {line}{name}:\n    {}", clip(text.trim(), LINE))
        });
        shown.collect::<Vec<_>>().join("\n")
    }
}

fn clip(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", &text[..end]).into(),
        None => text.into(),
    }
}
