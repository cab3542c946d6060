//! The words of a text, and where the same words stand in another but for marks and typing errors.
//!
//! What changes the sense is never an error: a word left out or put in, another number, sign or unit, another name.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// A number with its sign and unit, or letters and digits.
static WORD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"[-+\u{2212}\u{2013}<>~$\u{20ac}\u{a3}\u{a5}]*\p{Nd}[\p{Alphabetic}\p{Nd}]*(?:[.,:/]\p{Nd}[\p{Alphabetic}\p{Nd}]*)*(?:\s?%)?|[\p{Alphabetic}\p{Nd}]+",
    )
    .expect("a fixed pattern")
});
/// The fewest letters of a word that may have a typing error.
const LONG: usize = 6;
/// For each word with an error there must be so many in all.
const WORDS_PER_ERROR: usize = 4;

/// A word and where it is.
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
            let folded = folded.replace(['\u{2212}', '\u{2013}'], "-").replace(char::is_whitespace, "");
            Word { written: found.as_str(), folded, at: found.range() }
        })
        .collect()
}

/// The bytes of the first words of `text` that are `wanted`.
pub(super) fn find(text: &[Word], wanted: &[Word]) -> Option<Range<usize>> {
    let allowed = wanted.len() / WORDS_PER_ERROR;
    let same = |words: &&[Word]| {
        let mut errors = 0;
        words.iter().zip(wanted).all(|(word, wanted)| {
            word.folded == wanted.folded
                || errors < allowed && is_typing_error(word, wanted) && {
                    errors += 1;
                    true
                }
        })
    };
    let found = text.windows(wanted.len().max(1)).find(same).filter(|_| !wanted.is_empty())?;
    Some(found.first()?.at.start..found.last()?.at.end)
}

/// One letter too many, missing, wrong or at its neighbour's place, not the first, in a long word that is no name.
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
