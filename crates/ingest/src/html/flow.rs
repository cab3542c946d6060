//! The text as it grows: white space as a browser shows it, lines, list items.

use crate::runs::{STRUCK, struck};

/// A text with its line breaks.
#[derive(Default)]
pub(super) struct Flow {
    pub(super) text: String,
    /// How many line breaks come before the next word.
    breaks: usize,
    /// Whether a space comes before the next word.
    space: bool,
    /// What comes before the next word of a list item.
    marker: Option<String>,
    /// Where a text that is struck out has just ended, in bytes.
    struck: Option<usize>,
    /// Where the heading that is being read begins, in bytes.
    heading: Option<Option<usize>>,
}

impl Flow {
    /// Begins a new line before the next word, and with 2 an empty one before that.
    pub(super) fn break_line(&mut self, breaks: usize) {
        self.breaks = self.breaks.max(breaks);
        self.space = false;
    }

    /// A line break that the author gives. More than one after the other make one empty line.
    pub(super) fn br(&mut self) {
        self.breaks = if self.is_at_line_start() { (self.breaks + 1).min(2) } else { 1 };
        self.space = false;
    }

    pub(super) fn space(&mut self) {
        self.space = !self.is_at_line_start();
    }

    pub(super) fn mark_item(&mut self, marker: String) {
        self.marker = Some(marker);
    }

    pub(super) fn unmark_item(&mut self) {
        self.marker = None;
    }

    /// The place where the text ends now, after which nothing before it changes any more.
    pub(super) fn end(&mut self) -> usize {
        self.struck = None;
        self.text.truncate(self.text.trim_end_matches(' ').len());
        self.text.len()
    }

    /// Takes back what was written after `end`.
    pub(super) fn take_back(&mut self, end: usize) {
        self.text.truncate(end);
        self.break_line(2);
        self.marker = None;
    }

    pub(super) fn begin_heading(&mut self) {
        self.heading = Some(None);
    }

    /// Where the heading's first word stands, if it has one.
    pub(super) fn end_heading(&mut self) -> Option<usize> {
        self.heading.take().flatten()
    }

    /// Adds text. White space is one space, unless it is kept.
    pub(super) fn push(&mut self, text: &str, keep_space: bool) {
        if keep_space {
            if !text.is_empty() {
                self.settle();
                self.text.extend(text.chars().filter(|letter| !is_invisible(*letter)).map(kept));
            }
            return;
        }
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let length = rest.find(|letter| is_special(letter) || is_space(letter)).unwrap_or(rest.len());
            if length > 0 {
                self.settle();
                self.text.push_str(&rest[..length]);
                rest = &rest[length..];
                continue;
            }
            match first {
                '\u{a0}' => {
                    self.settle();
                    self.text.push(' ');
                }
                _ if is_space(first) => self.space(),
                _ => {}
            }
            rest = &rest[first.len_utf8()..];
        }
    }

    /// Adds text that is struck out: `~~old~~`. What follows in its line goes on in the same marks.
    pub(super) fn push_struck(&mut self, text: &str, keep_space: bool) {
        if keep_space {
            return self.push(&struck(text), true);
        }
        if text.chars().all(|letter| is_space(letter) || is_special(letter)) {
            return self.push(text, false);
        }
        if self.struck.take() == Some(self.text.len()) && self.breaks == 0 {
            self.text.truncate(self.text.len() - STRUCK.len());
        } else {
            if text.starts_with(is_space) {
                self.space();
            }
            self.settle();
            self.text.push_str(STRUCK);
        }
        let words = if self.text.ends_with(STRUCK) { text.trim_start_matches(is_space) } else { text };
        self.push(words, false);
        self.text.push_str(STRUCK);
        self.struck = Some(self.text.len());
    }

    /// What follows is no part of a text that was struck out.
    pub(super) fn leave_struck(&mut self) {
        self.struck = None;
    }

    fn is_at_line_start(&self) -> bool {
        self.breaks > 0 || self.text.is_empty() || self.text.ends_with('\n')
    }

    /// Writes what comes before a word.
    fn settle(&mut self) {
        if self.breaks > 0 && self.end() > 0 {
            let bytes = self.text.as_bytes();
            let there = bytes.iter().rev().take(2).take_while(|byte| **byte == b'\n').count();
            self.text.extend(std::iter::repeat_n('\n', self.breaks.saturating_sub(there)));
        }
        if self.breaks == 0 && self.space {
            self.text.push(' ');
        }
        if let Some(marker) = self.marker.take() {
            self.text.push_str(&marker);
        }
        if self.heading == Some(None) {
            self.heading = Some(Some(self.text.len()));
        }
        self.breaks = 0;
        self.space = false;
    }
}

fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

/// A character where white space is kept.
fn kept(letter: char) -> char {
    if letter == '\u{a0}' { ' ' } else { letter }
}

/// Letters that no one sees: soft hyphens, spaces without width.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{200b}' | '\u{feff}')
}

fn is_special(letter: char) -> bool {
    letter == '\u{a0}' || is_invisible(letter)
}
