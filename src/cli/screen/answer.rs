//! An answer on a terminal, as it comes.

use minions::answer::AnswerStream;
use minions::events::EventKind;

use super::ink::Ink;

/// The answer of one job.
pub(super) struct AnswerText {
    ink: Ink,
    stream: AnswerStream,
}

impl AnswerText {
    pub(super) fn new(has_colours: bool) -> Self {
        Self { ink: Ink::new(has_colours), stream: AnswerStream::default() }
    }

    /// What an event adds to the screen.
    pub(super) fn take(&mut self, event: &EventKind) -> String {
        self.ink.push(&self.stream.take(event))
    }

    /// What is still to be shown of the answer, which is `answer`.
    pub(super) fn end(&mut self, answer: &str) -> String {
        self.ink.push(&self.stream.end(answer))
    }

    /// What is to be shown where the answer will never be whole, in a word why.
    pub(super) fn stop(&mut self, why: &str) -> String {
        if self.shown().is_empty() { String::new() } else { self.ink.push(&format!(" [{why}]")) }
    }

    /// The part of the answer that was shown.
    pub(super) fn shown(&self) -> &str {
        self.stream.told()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_not_shown() {
        assert_eq!(AnswerText::new(false).end("Ada\u{1b}[2J"), "Ada␛[2J");
        assert_eq!(AnswerText::new(false).stop("stopped"), "");
    }
}
