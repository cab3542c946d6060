//! Finds long parts that a text shares with the documents, in about the time that reading both takes.

use std::ops::Range;

use super::{Passage, common};

/// The shortest part that is told. Twice as long ones are found without fail, but for those that begin alike more than
/// [`ALIKE`] times, or once there were more hits than one in [`RARE`] bytes.
const LONG: usize = 2 * SPACING;
/// Bytes from one anchor of the text to the next.
const SPACING: usize = 1024;
/// Bytes of an anchor.
const WIDTH: usize = 32;
/// The most anchors of the text that are compared with one place in a document.
const ALIKE: usize = 4;
/// The number of bytes of documents for each of which one hit is looked at.
const RARE: usize = 16;
/// The factor of the rolling hash.
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
/// Bits of a hash that the filter looks at.
const FILTER: u32 = 20;

/// Parts of some kilobytes that `text` shares with `documents`, each with its byte offset in the text. They may
/// overlap.
pub(crate) fn long_passages(documents: &[impl AsRef<str>], text: &str) -> Vec<(usize, Passage)> {
    let mut anchors = Anchors::of(text);
    let mut found = Vec::new();
    for (number, document) in documents.iter().map(AsRef::as_ref).enumerate() {
        let bytes = document.as_bytes();
        let mut hits = bytes.len() / RARE + 1;
        let mut at = 0;
        while let Some(first) = bytes.get(at..).and_then(|rest| rest.first_chunk()).filter(|_| hits > 0) {
            let Some(hit) = anchors.next_hit(hash(first), bytes, at) else { break };
            hits -= 1;
            let Some((index, part)) = anchors.longest(document, hit) else {
                at = hit + 1;
                continue;
            };
            let here = anchors.places[index].1;
            at = hit + part.end - here;
            // The same part may stand in the documents many times.
            if part.len() > anchors.known[index] {
                anchors.known[index] = part.len();
                let start = hit + part.start - here;
                found.push((part.start, Passage { document: number, start, end: at }));
            }
        }
    }
    found
}

/// Some places of a text.
struct Anchors<'a> {
    text: &'a str,
    filter: Vec<u64>,
    /// The hash and the offset of each, in ascending order.
    places: Vec<(u64, usize)>,
    /// For each place, the length of the longest part that was found through it.
    known: Vec<usize>,
}

impl<'a> Anchors<'a> {
    fn of(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let starts = (0..bytes.len()).step_by(SPACING);
        let mut places: Vec<(u64, usize)> =
            starts.filter_map(|at| bytes[at..].first_chunk().map(|chunk| (hash(chunk), at))).collect();
        places.sort_unstable();
        let mut filter = vec![0; 1 << (FILTER - 6)];
        for (hash, _) in &places {
            let (word, bit) = bit(*hash);
            filter[word] |= bit;
        }
        Self { text, filter, known: vec![0; places.len()], places }
    }

    /// The first place in `bytes`, from `at` on, that may be like an anchor. `hash` is that of the bytes at `at`.
    fn next_hit(&self, mut hash: u64, bytes: &[u8], at: usize) -> Option<usize> {
        let mut pairs = bytes[at..].iter().zip(&bytes[at + WIDTH..]);
        let mut at = at;
        loop {
            let (word, bit) = bit(hash);
            if self.filter[word] & bit != 0 && !self.alike(hash).is_empty() {
                return Some(at);
            }
            let (out, next) = pairs.next()?;
            hash = hash.wrapping_sub(u64::from(*out).wrapping_mul(LAST));
            hash = hash.wrapping_mul(FACTOR).wrapping_add(u64::from(*next));
            at += 1;
        }
    }

    /// The indices of the anchors with this hash.
    fn alike(&self, hash: u64) -> Range<usize> {
        let first = self.places.partition_point(|(of_it, _)| *of_it < hash);
        let alike = self.places[first..].iter().take(ALIKE).take_while(|(of_it, _)| *of_it == hash);
        first..first + alike.count()
    }

    /// The longest part around the bytes at `at` of a document, in the text, with the index of its anchor.
    fn longest(&self, document: &str, at: usize) -> Option<(usize, Range<usize>)> {
        let hash = document.as_bytes()[at..].first_chunk().map(hash)?;
        let parts =
            self.alike(hash).map(|index| (index, part(self.text, self.places[index].1, document, at)));
        parts.max_by_key(|(_, part)| part.len()).filter(|(_, part)| part.len() >= LONG)
    }
}

/// What a text and a document have in common around these places, in the text.
fn part(text: &str, here: usize, document: &str, at: usize) -> Range<usize> {
    let (ours, theirs) = (text.as_bytes(), document.as_bytes());
    // An anchor further before would have been hit first.
    let before = ours[..here].iter().rev().zip(theirs[..at].iter().rev()).take(SPACING + WIDTH);
    let start = text.ceil_char_boundary(here - before.take_while(|(a, b)| a == b).count());
    let end = text.floor_char_boundary(here + common(&ours[here..], &theirs[at..]));
    start..end.max(start)
}

/// [`FACTOR`] to the power of `WIDTH - 1`: what the first byte has in the hash.
const LAST: u64 = {
    let (mut power, mut n) = (1_u64, 1);
    while n < WIDTH {
        power = power.wrapping_mul(FACTOR);
        n += 1;
    }
    power
};

fn hash(bytes: &[u8; WIDTH]) -> u64 {
    bytes.iter().fold(0, |hash: u64, byte| hash.wrapping_mul(FACTOR).wrapping_add(u64::from(*byte)))
}

/// The word of the filter, and its bit, for a hash.
fn bit(hash: u64) -> (usize, u64) {
    let place = hash >> (64 - FILTER);
    ((place >> 6) as usize, 1 << (place & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(document: &str, text: &str) -> Vec<(usize, usize, usize)> {
        let found = long_passages(&["", document], text);
        let told = found.into_iter().map(|(here, Passage { document: number, start, end })| {
            assert_eq!((number, &text[here..here + end - start]), (1, &document[start..end]));
            (here, start, end - start)
        });
        told.collect()
    }

    #[test]
    fn long_parts_are_found_whole() {
        let document: String = (0..20_000_u64).map(|n| format!("{} \u{e9}", n * n * 7919 % 99_991)).collect();
        for (start, length) in [(0, 9000), (3331, 5000), (40_000, 33_333), (0, document.len())] {
            let (start, end) =
                (document.ceil_char_boundary(start), document.floor_char_boundary(start + length));
            let part = &document[start..end];
            for (before, after) in [("", ""), ("x", "y"), (&*"-".repeat(777), "\u{e8}")] {
                let text = [before, part, after].concat();
                assert!(told(&document, &text).contains(&(before.len(), start, part.len())), "{start}");
            }
        }
        assert_eq!(told(&document, &document[..1000]), [], "left to the search for short ones");
        assert_eq!(told("short", "short"), []);
        assert_eq!(told(&document, ""), []);
    }

    #[test]
    fn what_repeats_itself_is_found_in_few_parts() {
        let line = "The Aurora lay off Brest. ";
        let (document, text) = (line.repeat(40_000), line.repeat(10_000));
        let found = told(&document, &text);
        assert!(found.len() < 100 && found.iter().any(|(_, _, length)| *length == text.len()), "{found:?}");
        // Only the beginning repeats itself.
        let ends: Vec<String> = (0..500).map(|n| line.repeat(90) + &n.to_string()).collect();
        assert!(told(&ends.concat(), &text).len() < 600);
    }
}
