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
}
