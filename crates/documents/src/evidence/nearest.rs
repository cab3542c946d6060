//! Finds the words of a text that are most like others.

use std::ops::Range;

use super::letters::{Letters, grams};

/// Grams that a text has more often tell nothing.
const OFTEN: usize = 64;
/// The least grams of a likely place.
const LEAST: usize = 2;
/// The least part of all grams, one in so many. The text notes about two in five of its own.
const OF_ALL: usize = 10;
/// The most bytes of the words that are shown.
const SHOWN: usize = 200;
/// The most bytes that are shown on either side of the words that are alike.
const AROUND: usize = 80;

/// The letters of `text` that have most in common with `wanted`.
pub(super) fn letters(text: &Letters, wanted: &str) -> Option<Range<usize>> {
    let mut hits = Vec::new();
    let mut all = 0;
    for (gram, _) in grams(wanted.as_bytes()) {
        let places = text.places(gram);
        all += 1;
        if places.len() <= OFTEN {
            hits.extend(places.iter().map(|place| *place as u32 as usize));
        }
    }
    hits.sort_unstable();
    hits.dedup();
    let width = wanted.len() + wanted.len() / 2;
    let (mut first, mut best, mut most) = (0, 0..0, 0);
    for last in 0..hits.len() {
        while hits[last] - hits[first] > width {
            first += 1;
        }
        if last - first + 1 > most {
            (best, most) = (first..last, last - first + 1);
        }
    }
    (most >= LEAST && most * OF_ALL >= all).then(|| {
        let start = text.text.floor_char_boundary(hits[best.start]);
        start..text.text.ceil_char_boundary((hits[best.end] + 5).min(text.text.len()))
    })
}

/// These bytes of `text` with the words around them, from the beginning of a sentence or line where that is near.
pub(super) fn with_words_around(text: &str, bytes: &Range<usize>) -> Range<usize> {
    let from = text.ceil_char_boundary(bytes.start.saturating_sub(AROUND));
    let before = &text[from..bytes.start];
    let begin = before.rfind('\n').map(|at| at + 1).max(before.rfind(". ").map(|at| at + 2));
    let start = begin.or_else(|| before.find(' ').map(|at| at + 1)).unwrap_or(0);
    let start = if from == 0 && begin.is_none() { 0 } else { from + start };
    let to =
        text.floor_char_boundary((bytes.end + AROUND).min(start.max(bytes.start) + SHOWN).max(bytes.start));
    let to = to.max(text.ceil_char_boundary(bytes.start)).min(text.len());
    let after = &text[bytes.end.min(to)..to];
    let end = [after.find('\n'), after.find(". ").map(|at| at + 1)].into_iter().flatten().min();
    let end = end.or_else(|| if to == text.len() { None } else { after.rfind(' ') });
    let range = start..bytes.end.min(to) + end.unwrap_or(after.len());
    let words = &text[range.clone()];
    let lead = words.len() - words.trim_start().len();
    range.start + lead..range.start + lead + words.trim().len()
}
