//! Words of an answer: made plain, looked up, and whether they are denied.

use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Words before a phrase that may deny it.
const REACH: usize = 5;

static DENIES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\b(?:not|never|without|except|excluding|unlike|neither|nor|instead of|rather than|other than)\b|n't\b")
        .ok()
});
/// `not only Brest`, `no more than 12`: nothing is denied.
static AFFIRMS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"\b(?:no|not|never|n't)\s+(?:only|just|merely|more|less|fewer|later|earlier|longer|greater|until|exceed\w*|to exceed|before|be more)\b",
    )
    .ok()
});

/// `text` in small letters, without accents, marks of Markdown and typographic signs. Its length may differ.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.nfkd().filter(|c| !is_combining_mark(*c)) {
        match c {
            '‘' | '’' | 'ʼ' | '′' => plain.push('\''),
            '“' | '”' | '„' | '«' | '»' => plain.push('"'),
            '‐'..='―' | '−' => plain.push('-'),
            '*' | '`' | '\u{ad}' | '\u{200b}' => {}
            '\n' => plain.push('\n'),
            c if c.is_whitespace() => plain.push(' '),
            c => plain.extend(c.to_lowercase()),
        }
    }
    plain
}

/// A word of a plain text: where it begins and ends.
type Span = (usize, usize);

/// The runs of letters and digits of a plain text.
pub(crate) fn words(plain: &str) -> Vec<Span> {
    let mut words = Vec::new();
    let mut begin = None;
    for (at, c) in plain.char_indices() {
        match (c.is_alphanumeric(), begin) {
            (true, None) => begin = Some(at),
            (false, Some(from)) => {
                words.push((from, at));
                begin = None;
            }
            _ => {}
        }
    }
    words.extend(begin.map(|from| (from, plain.len())));
    words
}

/// Where a phrase stands in a plain text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub start: usize,
    pub end: usize,
    /// The words before it say that it is not so.
    pub is_denied: bool,
}

/// Where `phrase` stands in `plain`, word by word, whatever signs are between the words. A number is not found within a
/// longer one.
pub(crate) fn find(plain: &str, phrase: &str) -> Vec<Place> {
    let wanted_text = self::plain(phrase);
    let wanted: Vec<&str> = words(&wanted_text).into_iter().map(|(a, b)| &wanted_text[a..b]).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let spans = words(plain);
    let fits = |window: &&[Span]| {
        window.iter().zip(&wanted).all(|((a, b), word)| plain[*a..*b] == **word)
            && window.first().zip(window.last()).is_some_and(|(first, last)| is_whole(plain, first.0, last.1))
    };
    let place = |window: &[Span]| {
        let (start, end) = (window[0].0, window[window.len() - 1].1);
        Place { start, end, is_denied: is_denied(plain, start) }
    };
    spans.windows(wanted.len()).filter(fits).map(place).collect()
}

/// Whether what stands from `start` to `end` is no part of a longer number or name.
fn is_whole(plain: &str, start: usize, end: usize) -> bool {
    let joins = |own: char, sign: char, beyond: char| {
        sign == '_' && beyond.is_alphanumeric()
            || own.is_ascii_digit() && ".,:".contains(sign) && beyond.is_ascii_digit()
    };
    let mut before = plain[..start].chars().rev();
    let mut after = plain[end..].chars();
    let first = plain[start..].chars().next().unwrap_or(' ');
    let last = plain[..end].chars().next_back().unwrap_or(' ');
    let is_joined_before =
        before.next().zip(before.next()).is_some_and(|(sign, far)| joins(first, sign, far));
    let is_joined_after = after.next().zip(after.next()).is_some_and(|(sign, far)| joins(last, sign, far));
    !is_joined_before && !is_joined_after
}

/// Whether the words just before `at` deny what stands there: `not Brest`, `rather than Brest`.
pub(crate) fn is_denied(plain: &str, at: usize) -> bool {
    let before = &plain[..at];
    let clause = before.rfind(['.', ';', ':', '!', '?', ',', '\n', '(']).map_or(0, |end| end + 1);
    let clause = before[clause..].rsplit_once(" but ").map_or(&before[clause..], |(_, rest)| rest);
    let spans = words(clause);
    let from = spans.len().checked_sub(REACH).map_or(0, |first| spans[first].0);
    let near = clause[from..].trim_end();
    let is = |regex: &Option<Regex>, text: &str| regex.as_ref().is_some_and(|regex| regex.is_match(text));
    // What follows the phrase may be the second word of `not only`.
    is(&DENIES, near) && !is(&AFFIRMS, near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_found_word_by_word() {
        for (text, phrase, is_there) in [
            ("The **Aurora**, off Brest.", "aurora", true),
            ("The Auroras", "aurora", false),
            ("in Zürich", "Zurich", true),
            ("retry_max = 5", "retry_max", true),
            ("retry_max_wait = 5", "retry_max", false),
            ("Version 1.2.3", "1.2", false),
            ("Version 1.2.", "1.2", true),
            ("1,250 pages", "250", false),
            ("December 24th, 1799", "24", false),
            ("the “low-density” part", "low density", true),
            ("", "x", false),
        ] {
            assert_eq!(!find(&plain(text), phrase).is_empty(), is_there, "{text} / {phrase}");
        }
    }

    #[test]
    fn denials_are_seen() {
        for (text, is_denied) in [
            ("It is not Brest", true),
            ("It isn't Brest", true),
            ("Lorient rather than Brest", true),
            ("not in the harbour of Brest", true),
            ("Not Lorient, Brest", false),
            ("not Lorient but Brest", false),
            ("not only Brest", false),
            ("The text does not say much; Brest", false),
        ] {
            let plain = plain(text);
            assert_eq!(find(&plain, "Brest")[0].is_denied, is_denied, "{text}");
        }
    }
}
