//! Raised and lowered text.

use crate::raised::Rise;

/// The raised or lowered text that was written last, as it was given.
#[derive(Default)]
pub(super) struct Small {
    rise: Rise,
    given: String,
    /// Where it stands, in bytes.
    start: usize,
    end: usize,
}

/// What is longer, in bytes, is written as it is.
const LONGEST: usize = 200;

impl Small {
    /// Writes the end of a text from `start` on as it is raised or lowered, together with such text right before it.
    pub(super) fn write(&mut self, text: &mut String, start: usize, rise: Rise) {
        let written = text.get(start..).unwrap_or_default();
        if rise == Rise::Level || written.len() > LONGEST {
            return;
        }
        let words = written.trim_start();
        let start = start + written.len() - words.len();
        if words.is_empty() {
            return;
        }
        let goes_on = self.rise == rise && self.end == start && self.given.len() <= LONGEST;
        let (start, before) = if goes_on { (self.start, self.given.as_str()) } else { (start, "") };
        let given = format!("{before}{words}");
        if let Some(small) = rise.written(&given) {
            text.truncate(start);
            text.push_str(&small);
        }
        *self = Self { rise, given, start, end: text.len() };
    }
}
