//! Runs of a text that look alike: raised, lowered or struck out.

use crate::raised::Rise;

/// How a run stands to its line, and whether it is struck out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Drawn {
    pub(crate) rise: Rise,
    pub(crate) struck: bool,
}

impl From<Rise> for Drawn {
    fn from(rise: Rise) -> Self {
        Self { rise, struck: false }
    }
}

/// What stands around a text that is struck out, as in Markdown.
pub(crate) const STRUCK: &str = "~~";
/// What divides lines and cells, which are marked each by itself.
const DIVIDERS: [&str; 3] = ["\n", "\t", " | "];

/// A text that is struck out, so that nobody takes it for valid: `~~old~~`. White space around it stays outside.
pub(crate) fn struck(text: &str) -> String {
    marked(text, &DIVIDERS)
}

fn marked(text: &str, dividers: &[&str]) -> String {
    if let Some((divider, finer)) = dividers.split_first() {
        return text.split(divider).map(|part| marked(part, finer)).collect::<Vec<_>>().join(divider);
    }
    let words = text.trim();
    // Marks in it say more than one around it would.
    if words.is_empty() || words.contains(STRUCK) {
        return text.to_owned();
    }
    let (before, _) = text.split_at(text.len() - text.trim_start().len());
    let after = &text[text.trim_end().len()..];
    format!("{before}{STRUCK}{words}{STRUCK}{after}")
}

/// A line that grows by runs, of which some are raised, lowered or struck out. Runs of a kind are one: `-` and `3` are ⁻³.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs {
    text: String,
    drawn: Drawn,
    /// Where the raised or lowered text at the end begins, and the one that is struck out, in bytes.
    risen: usize,
    struck: usize,
}

impl Runs {
    /// Appends a run.
    pub(crate) fn push(&mut self, text: &str, drawn: impl Into<Drawn>) {
        let drawn = drawn.into();
        if drawn.rise != self.drawn.rise || drawn.struck != self.drawn.struck {
            self.settle_rise();
            self.drawn.rise = drawn.rise;
        }
        if drawn.struck != self.drawn.struck {
            self.settle_struck();
            (self.drawn.struck, self.struck, self.risen) = (drawn.struck, self.text.len(), self.text.len());
        }
        self.text.push_str(text);
    }

    /// Ends what is raised, lowered or struck out: what follows is no part of it.
    pub(crate) fn settle(&mut self) {
        self.settle_rise();
        self.settle_struck();
    }

    fn settle_rise(&mut self) {
        let written = &self.text[self.risen..];
        let words = written.trim();
        let start = self.risen + written.len() - written.trim_start().len();
        if let Some(small) = std::mem::take(&mut self.drawn.rise).written(words) {
            self.text.replace_range(start..start + words.len(), &small);
        }
        self.risen = self.text.len();
    }

    fn settle_struck(&mut self) {
        if std::mem::take(&mut self.drawn.struck) {
            let written = self.text.split_off(self.struck);
            self.text += &struck(&written);
            self.risen = self.text.len();
        }
    }

    /// The text so far, its end as it was given.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The whole text.
    pub(crate) fn into_text(mut self) -> String {
        self.settle();
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Rise::{Level, Lowered, Raised};

    #[test]
    fn runs_of_a_kind_are_one() {
        for (runs, line) in [
            (&[("10", Level), ("-", Raised), ("3", Raised), (" m", Level)][..], "10⁻³ m"),
            (&[("CO", Level), ("2", Lowered), ("3", Raised)], "CO₂³"),
            (&[("1", Raised), (" See", Level)], "¹ See"),
            (&[("5", Level), (" 1 ", Raised), ("x", Level)], "5 ¹ x"),
            (&[("a", Level), ("b", Level)], "ab"),
            (&[("4", Level), ("th", Raised)], "4th"),
        ] {
            let mut text = Runs::default();
            runs.iter().for_each(|(run, rise)| text.push(run, *rise));
            assert_eq!(text.into_text(), line);
        }
    }

    #[test]
    fn what_is_struck_out_is_marked() {
        let plain = |text| (text, Level, false);
        let old = |text| (text, Level, true);
        for (runs, line) in [
            (&[plain("by "), old("March "), plain("May")][..], "by ~~March~~ May"),
            (&[old("4,1"), old("20"), plain(" 5")], "~~4,120~~ 5"),
            (&[old("10"), ("6", Raised, true), ("2", Raised, false)], "~~10⁶~~²"),
            (&[("2", Lowered, false), ("2", Lowered, true)], "₂~~₂~~"),
            (&[old("a\nb "), plain("c")], "~~a~~\n~~b~~ c"),
            (&[old(" "), plain("x"), old("")], " x"),
            (&[old("x")], "~~x~~"),
        ] {
            let mut text = Runs::default();
            runs.iter()
                .for_each(|(run, rise, struck)| text.push(run, Drawn { rise: *rise, struck: *struck }));
            assert_eq!(text.into_text(), line);
        }
        for (text, marked) in [("a | b", "~~a~~ | ~~b~~"), (" | ", " | "), ("~~a~~", "~~a~~"), ("", "")] {
            assert_eq!(struck(text), marked);
        }
    }
}
