//! Raised and lowered digits, which mean something else in the line: 2⁸ is not 28.

/// The characters that have a raised and a lowered form.
const FORMS: [(char, char, char); 18] = [
    ('0', '⁰', '₀'),
    ('1', '¹', '₁'),
    ('2', '²', '₂'),
    ('3', '³', '₃'),
    ('4', '⁴', '₄'),
    ('5', '⁵', '₅'),
    ('6', '⁶', '₆'),
    ('7', '⁷', '₇'),
    ('8', '⁸', '₈'),
    ('9', '⁹', '₉'),
    ('+', '⁺', '₊'),
    ('-', '⁻', '₋'),
    ('−', '⁻', '₋'),
    ('–', '⁻', '₋'),
    ('=', '⁼', '₌'),
    ('(', '⁽', '₍'),
    (')', '⁾', '₎'),
    ('n', 'ⁿ', 'ₙ'),
];

/// The most characters that are written in raised or lowered forms, and with a mark.
const LONGEST: usize = 12;
const LONGEST_MARKED: usize = 24;

/// How a text stands to its line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Rise {
    #[default]
    Level,
    Raised,
    Lowered,
}

impl Rise {
    /// By a distance from the line, of which the sign matters.
    pub(crate) fn by(distance: f64) -> Self {
        if distance > 0.0 {
            Self::Raised
        } else if distance < 0.0 {
            Self::Lowered
        } else {
            Self::Level
        }
    }

    /// The text as it is written so; `None` if it is written as it is.
    pub(crate) fn written(self, text: &str) -> Option<String> {
        match self {
            Self::Level => None,
            Self::Raised => superscript(text),
            Self::Lowered => subscript(text),
        }
    }
}

/// A line that grows by runs, of which some are raised or lowered. Runs of a kind are one: `-` and `3` are ⁻³.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs {
    text: String,
    rise: Rise,
    /// Where the raised or lowered text at the end begins, in bytes.
    start: usize,
}

impl Runs {
    /// Appends a run.
    pub(crate) fn push(&mut self, text: &str, rise: Rise) {
        if rise != self.rise {
            self.settle();
            (self.rise, self.start) = (rise, self.text.len());
        }
        self.text.push_str(text);
    }

    /// Ends the raised or lowered text: what follows is no part of it.
    pub(crate) fn settle(&mut self) {
        let written = &self.text[self.start..];
        let words = written.trim();
        let start = self.start + written.len() - written.trim_start().len();
        if let Some(small) = std::mem::take(&mut self.rise).written(words) {
            self.text.replace_range(start..start + words.len(), &small);
        }
        self.start = self.text.len();
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

/// A text as it is written raised: in raised forms, `10⁻³`, or behind a mark if it has digits without such forms,
/// `10^(6.5)`, or is a letter that stands for a number, `10^k`. `None` if it is written as it is: `1st`, `Ann[1]`.
pub(crate) fn superscript(text: &str) -> Option<String> {
    formed(text, |(_, raised, _)| *raised).or_else(|| marked(text))
}

/// A text as it is written lowered, in lowered forms.
pub(crate) fn subscript(text: &str) -> Option<String> {
    formed(text, |(_, _, lowered)| *lowered)
}

fn formed(text: &str, form: fn(&(char, char, char)) -> char) -> Option<String> {
    let of = |letter: char| FORMS.iter().find(|(plain, ..)| *plain == letter).map(form);
    let short = text.chars().nth(LONGEST).is_none();
    (short && text.contains(|letter: char| letter.is_ascii_digit() || letter == 'n'))
        .then(|| text.chars().map(of).collect())
        .flatten()
}

/// A raised text that would be read as part of the number before it.
fn marked(text: &str) -> Option<String> {
    if text.starts_with('[') || text.chars().nth(LONGEST_MARKED).is_some() || text.contains('^') {
        return None;
    }
    let is_negative = text.starts_with(['-', '−']) && text.contains(char::is_alphabetic);
    if let Some(variable) =
        text.chars().next().filter(|letter| text.len() == 1 && VARIABLES.contains(*letter))
    {
        return Some(format!("^{variable}"));
    }
    (is_negative || text.contains(|letter: char| letter.is_ascii_digit())).then(|| format!("^({text})"))
}

/// Letters that stand for numbers where they are raised; others end ordinals and titles.
const VARIABLES: &str = "ijkpqtxyz";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_raised_and_lowered() {
        for (text, raised) in [
            ("-12", "⁻¹²"),
            ("–3", "⁻³"),
            ("(n+1)", "⁽ⁿ⁺¹⁾"),
            ("6.5", "^(6.5)"),
            ("1,2", "^(1,2)"),
            ("1a", "^(1a)"),
            ("-x", "^(-x)"),
            ("k", "^k"),
            ("1234567890123", "^(1234567890123)"),
        ] {
            assert_eq!(superscript(text).as_deref(), Some(raised));
        }
        assert_eq!(subscript("2").as_deref(), Some("₂"));
        for text in ["", "st", "e", "[1]", "()", "TM", "*", "+", "as note 5 on the next page says"] {
            assert_eq!(superscript(text), None, "{text}");
        }
        for text in ["", "2.5", "max", "1a"] {
            assert_eq!(subscript(text), None, "{text}");
        }
    }

    #[test]
    fn runs_of_a_kind_are_one() {
        use Rise::{Level, Lowered, Raised};
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
}
