//! Gives `evidence` the words of a text, and a search for the same words that tolerates punctuation and typing errors.
//!
//! A change of the sense is never tolerated: a word left out or put in, another number, sign, unit or name, or a
//! part of a word or a number.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// A letter of a script that puts spaces between words.
const LETTER: &str =
    r"[\p{Alphabetic}\p{M}--[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]]";
/// A number in brackets, the accountants' notation for a negative number.
const LOSS: &str = r"\(\p{Sc}?\p{Nd}[\p{Nd}.,]*\s?%?\)";

/// A word: a number with sign and unit, letters and digits, a letter of a script without spaces, a sign, a fraction.
static WORD: LazyLock<Regex> = LazyLock::new(|| {
    let number = format!(
        r"[-+\u{{2212}}\u{{2013}}]*\.?\p{{Nd}}(?:{LETTER}|[\p{{Nd}}\p{{No}}])*(?:[.,:/]\p{{Nd}}(?:{LETTER}|[\p{{Nd}}\p{{No}}])*)*(?:\s?%)?"
    );
    let letters = format!(r"(?:{LETTER}|\p{{Nd}})+(?:['\u{{2019}}]{LETTER}+)*");
    pattern(&[LOSS, &number, &letters, r"\p{Alphabetic}", r"[\p{Sm}\p{Sc}\p{No}--[|~^]]"])
});
/// An expression whose parts mean something else: `cannot`, `non-profit`, `-1,200.50 %`, `US$5 million`.
static WHOLE: LazyLock<Regex> = LazyLock::new(|| {
    let digits = format!(r"\p{{Nd}}(?:{LETTER}|[\p{{Nd}}\p{{No}}])*");
    let number = format!(
        r"(?:[-+\u{{2212}}\u{{2013}}\u{{b1}}~\u{{2248}}<>\u{{2264}}\u{{2265}}.,]|[A-Z]{{0,3}}\p{{Sc}}\s?)*{digits}(?:[.,:/'\u{{2019}}^\u{{a0}}\u{{2009}}\u{{202f}}]{digits})*(?:[-\u{{2010}}\u{{2011}}]{LETTER}+)*[十百千万萬亿億兆]*(?:\s?(?:[%\u{{66a}}\u{{ff05}}\u{{2030}}\u{{2031}}\u{{2032}}\u{{2033}}\u{{b0}}\p{{Sc}}]|(?i:per\s?cent|hundred|thousand|million|billion|trillion|bn|mn)\b))?"
    );
    let letters =
        format!(r"(?:{LETTER}|\p{{Nd}})+(?:[-\u{{2010}}\u{{2011}}'\u{{2019}}](?:{LETTER}|\p{{Nd}})+)*");
    pattern(&[LOSS, &number, &letters])
});
/// The bytes around a cut that decide whether it is inside a word.
const NEAR: usize = 80;
/// The fewest letters of a word that may have a typing error.
const LONG: usize = 6;

/// A word and its range of bytes.
pub(super) struct Word<'a> {
    written: &'a str,
    folded: String,
    at: Range<usize>,
}

/// The words of `text`.
pub(super) fn words(text: &str) -> Vec<Word<'_>> {
    WORD.find_iter(text)
        .map(|found| {
            let folded = found.as_str().to_lowercase();
            Word { written: found.as_str(), folded: plain(&folded), at: found.range() }
        })
        .collect()
}

fn pattern(kinds: &[&str]) -> Regex {
    Regex::new(&kinds.join("|")).expect("a fixed pattern")
}

/// The word without differences that come from keyboards alone.
fn plain(word: &str) -> String {
    let word = word.replace(['\u{2212}', '\u{2013}'], "-").replace('\u{2019}', "'");
    word.replace(char::is_whitespace, "")
}

/// Whether neither end of this range cuts a word or a number of `text`. `may_begin` says of a start within an expression
/// that it is none of a part.
pub(super) fn is_whole(text: &str, bytes: &Range<usize>, may_begin: impl Fn(usize) -> bool) -> bool {
    let is_cut = |at: usize| {
        let from = text.floor_char_boundary(at.saturating_sub(NEAR));
        let near = &text[from..text.ceil_char_boundary(at + NEAR)];
        WHOLE.find_iter(near).any(|word| (word.start() + 1..word.end()).contains(&(at - from)))
    };
    (!is_cut(bytes.start) || may_begin(bytes.start)) && !is_cut(bytes.end)
}

/// Finds the `wanted` words in `text`: the first place without a typing error, else the first with at most `allowed`.
/// Gives its range of bytes, and whether it has no typing error.
pub(super) fn find(text: &[Word], wanted: &[Word], allowed: usize) -> Option<(Range<usize>, bool)> {
    let errors = |words: &[Word]| {
        let mut errors = 0;
        let same = words.iter().zip(wanted).all(|(word, wanted)| {
            word.folded == wanted.folded
                || errors < allowed && is_typing_error(word, wanted) && {
                    errors += 1;
                    true
                }
        });
        same.then_some(errors)
    };
    let bytes = |words: &[Word]| Some(words.first()?.at.start..words.last()?.at.end);
    let mut alike = None;
    for words in text.windows(wanted.len().max(1)).filter(|_| !wanted.is_empty()) {
        match errors(words) {
            Some(0) => return Some((bytes(words)?, true)),
            Some(_) if alike.is_none() => alike = Some((bytes(words)?, false)),
            _ => {}
        }
    }
    alike
}

/// Whether two long words, not names, differ by one letter after the first: one more, missing, wrong or swapped.
fn is_typing_error(word: &Word, wanted: &Word) -> bool {
    let may_err = |word: &Word| {
        word.folded.len() >= LONG
            && word.written.starts_with(char::is_lowercase)
            && !word.written.contains(char::is_numeric)
    };
    word.folded.len().abs_diff(wanted.folded.len()) <= 4
        && word.folded.chars().next() == wanted.folded.chars().next()
        && may_err(word)
        && may_err(wanted)
        && strsim::osa_distance(&word.folded, &wanted.folded) == 1
}
