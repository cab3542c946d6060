//! What a character counts as when citations are compared.

use std::sync::LazyLock;

use regex::Regex;

/// What a character counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A letter of a script that puts spaces between words.
    Letter,
    /// A letter of a script whose words are not parted, or parted at will.
    Script,
    /// What is written onto a letter.
    Mark,
    Digit,
    /// What belongs to a number or means something by itself: a currency, `%`, `=`, the point of `1.25`, a minus.
    Sign,
    /// Raised or lowered digits, fractions, digits in circles.
    Raised,
    Space,
    /// What is not seen: soft hyphens, joiners, marks of direction.
    Hidden,
    /// Points over Arabic and Hebrew letters, and what selects a form: writers leave them out.
    Optional,
    /// Punctuation and pictures.
    Other,
}

/// The kinds of the characters up to U+FFFF.
static KINDS: LazyLock<Box<[Kind]>> = LazyLock::new(|| {
    let set = |pattern: &str| Regex::new(pattern).expect("a fixed pattern");
    // The first that fits holds.
    let kinds = [
        (set(r"\s"), Kind::Space),
        (
            set(
                r"[\u{64b}-\u{652}\u{670}\u{640}\u{591}-\u{5bd}\u{5bf}\u{5c1}\u{5c2}\u{5c4}\u{5c5}\u{5c7}\u{fe00}-\u{fe0f}]",
            ),
            Kind::Optional,
        ),
        (set(r"\p{Cf}"), Kind::Hidden),
        (
            set(
                r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}&&[\p{Alphabetic}\p{M}]]",
            ),
            Kind::Script,
        ),
        (set(r"\p{M}"), Kind::Mark),
        (set(r"\p{Alphabetic}"), Kind::Letter),
        (set(r"\p{Nd}"), Kind::Digit),
        (set(r"\p{No}"), Kind::Raised),
        (set(r"[\p{Sm}\p{Sc}%\u{2030}\u{2031}\u{66a}\u{fe6a}\u{ff05}--[|~^]]"), Kind::Sign),
    ];
    let mut letters = [0; 4];
    let kind = |code: u32| {
        let Some(c) = char::from_u32(code) else { return Kind::Other };
        let text = &*c.encode_utf8(&mut letters);
        kinds.iter().find(|(set, _)| set.is_match(text)).map_or(Kind::Other, |(_, kind)| *kind)
    };
    (0..0x1_0000).map(kind).collect()
});

pub(super) fn kind(c: char) -> Kind {
    match KINDS.get(c as usize) {
        Some(kind) => *kind,
        None if matches!(c, '\u{20000}'..='\u{3ffff}') => Kind::Script,
        None if c.is_alphabetic() => Kind::Letter,
        None => Kind::Other,
    }
}

pub(super) fn is_word(kind: Kind) -> bool {
    matches!(kind, Kind::Letter | Kind::Script | Kind::Mark | Kind::Digit)
}

/// Hyphens, dashes and the minus.
pub(super) fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{ad}' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe63}' | '\u{ff0d}')
}

/// The digit that is raised or lowered.
pub(super) fn raised_digit(c: char) -> Option<char> {
    let digit = match c {
        '\u{b9}' => 1,
        '\u{b2}' => 2,
        '\u{b3}' => 3,
        '\u{2070}'..='\u{2079}' => c as u32 - 0x2070,
        '\u{2080}'..='\u{2089}' => c as u32 - 0x2080,
        _ => return None,
    };
    char::from_digit(digit, 10)
}

/// The value of raised digits; `None` if they are others.
pub(super) fn raised(text: &str) -> Option<String> {
    text.chars().map(raised_digit).collect()
}
