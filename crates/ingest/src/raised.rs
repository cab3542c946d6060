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

/// The most characters that are raised or lowered.
const LONGEST: usize = 12;

/// A text as it is written raised; `None` if one of its characters has no such form, or it has no digit or is long.
pub(crate) fn superscript(text: &str) -> Option<String> {
    formed(text, |(_, raised, _)| *raised)
}

/// A text as it is written lowered.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_raised_and_lowered() {
        assert_eq!(superscript("-12").as_deref(), Some("⁻¹²"));
        assert_eq!(superscript("–3").as_deref(), Some("⁻³"));
        assert_eq!(superscript("(n+1)").as_deref(), Some("⁽ⁿ⁺¹⁾"));
        assert_eq!(subscript("2").as_deref(), Some("₂"));
        for text in ["", "st", "1a", "[1]", "()", "1234567890123"] {
            assert_eq!(superscript(text), None, "{text}");
        }
    }
}
