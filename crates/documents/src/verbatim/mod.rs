//! Which parts of the documents a text has, character by character.
//!
//! Each character of a text that is one of [`SHORTEST`] or more in a row which a document has too, a letter or digit
//! among them, is told, however common it all is; and told once, at one place where a document has them. The longest
//! such parts are told whole, unless their first characters are in the text more than [`MOST`] times, or the search
//! takes more than [`STEPS`] for each byte: then they may be told in pieces, of several places.
//!
//! Nothing is kept of the documents. They are read once for each text, and not all of them: one gram in [`STRIDE`]
//! bytes, and what is around it where the text has that gram too.

mod text;

use std::iter;
use std::ops::Range;

use text::{Grams, Windows, windows};

/// The fewest characters that count: fewer are common by chance.
pub const SHORTEST: usize = 20;
/// Bytes of a gram.
const GRAM: usize = 8;
/// Bytes from one gram to the next: any [`SHORTEST`] characters hold one.
const STRIDE: usize = SHORTEST - GRAM + 1;
/// Places in the text that are compared with one in a document.
const MOST: usize = 32;
/// Comparisons of a byte for each byte of the text and the documents.
const STEPS: usize = 64;
/// Bytes of a text that are searched for at once, which takes 20 times as much memory.
const BLOCK: usize = 4 << 20;

/// Bytes of a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Passage {
    /// Its position, from 0.
    pub document: usize,
    /// The first byte; the characters are whole.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

/// The parts of `documents` that `text` has, in the order of the text.
pub fn passages(documents: &[impl AsRef<str>], text: &str) -> Vec<Passage> {
    let bytes: usize = documents.iter().map(|document| document.as_ref().len()).sum();
    let search = |block: &str| {
        let found = search(documents, block, (bytes + block.len()).saturating_mul(STEPS));
        found.into_iter().flat_map(|found| found.told()).map(|(_, passage)| passage).collect::<Vec<_>>()
    };
    blocks(text, BLOCK).flat_map(search).collect()
}

/// The text in blocks of so many bytes. They overlap, so that all that counts is in one of them.
fn blocks(text: &str, bytes: usize) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    iter::from_fn(move || {
        let text = rest?;
        let block = &text[..text.floor_char_boundary(bytes)];
        rest = (block.len() < text.len()).then(|| &text[last(block, SHORTEST - 1)..]);
        Some(block)
    })
}

/// Where the last `count` characters begin.
fn last(text: &str, count: usize) -> usize {
    text.char_indices().rev().nth(count - 1).map_or(0, |(at, _)| at)
}

/// The character before this byte.
fn before(text: &str, at: usize) -> Option<char> {
    text[..at].chars().next_back()
}

/// What a text has of the documents; `None` if that is nothing.
fn search<'a>(documents: &[impl AsRef<str>], text: &'a str, steps: usize) -> Option<Found<'a>> {
    let grams = Grams::of(text);
    let mut found = None;
    for (number, document) in documents.iter().map(AsRef::as_ref).enumerate() {
        let mut at = STRIDE - 1;
        while let Some(gram) = gram(document, at) {
            if grams.may_have(gram) {
                // The windows that hold this gram and none before it.
                let first = document.ceil_char_boundary(at + 1 - STRIDE);
                let windows = windows(&document[first..]).map(|(start, end)| first + start..first + end);
                for window in windows.take_while(|window| window.start <= at) {
                    if grams.may_have_ends_of(&document[window.clone()]) {
                        let found = found.get_or_insert_with(|| Found::nothing(text, steps));
                        found.look_up(number, document, window);
                    }
                }
            }
            at += STRIDE;
        }
    }
    found
}

/// The gram of `text` at this byte.
fn gram(text: &str, at: usize) -> Option<u64> {
    text.as_bytes().get(at..)?.first_chunk::<GRAM>().copied().map(u64::from_ne_bytes)
}

/// The parts of a text that documents have.
struct Found<'a> {
    text: &'a str,
    windows: Windows<'a>,
    /// The first one is none: it goes nowhere.
    parts: Vec<Part>,
    /// For each byte of the text that of the parts around it which goes furthest.
    furthest: Vec<u32>,
    /// That are left.
    steps: usize,
}

/// A part that is the same in a text and a document.
#[derive(Default)]
struct Part {
    document: usize,
    /// Its first byte in the document.
    at: usize,
    text: Range<usize>,
    /// It is not just a line of dashes.
    tells: bool,
}

impl<'a> Found<'a> {
    fn nothing(text: &'a str, steps: usize) -> Self {
        let furthest = vec![0; text.len()];
        Self { text, windows: Windows::of(text), parts: vec![Part::default()], furthest, steps }
    }

    /// Looks for the longest part that begins with this window of a document.
    fn look_up(&mut self, number: usize, document: &str, window: Range<usize>) {
        let Some(first) = self.windows.first(&document[window.clone()]) else { return };
        self.compare(number, document, &window, first);
        if self.windows.follow_one(first) && self.begins_before(document, window.start, first) {
            return;
        }
        let mut place = first;
        for _ in 1..MOST {
            match self.windows.next(place) {
                Some(next) if self.steps > 0 => place = next,
                _ => break,
            }
            self.compare(number, document, &window, place);
        }
    }

    /// Whether a part that has these places is also one from the character before.
    fn begins_before(&self, document: &str, at: usize, here: usize) -> bool {
        before(self.text, here).is_some_and(|char| before(document, at) == Some(char))
    }

    /// Notes the part that begins with this window, which the text has `here`, if it goes further than those known.
    fn compare(&mut self, number: usize, document: &str, window: &Range<usize>, here: usize) {
        let (theirs, ours) = (&document.as_bytes()[window.start..], &self.text.as_bytes()[here..]);
        let reach = self.parts[self.furthest[here] as usize].text.end;
        let mut same = window.len();
        self.step(1);
        if reach > 0 {
            same = reach - here;
            // The byte that it must have more comes first: most fail there.
            let is_longer = same < ours.len() && theirs.get(same) == ours.get(same);
            if self.steps == 0 || !is_longer || self.begins_before(document, window.start, here) {
                return;
            }
            self.step(same);
            if theirs[..same] != ours[..same] {
                return;
            }
        }
        if self.steps > 0 {
            same += theirs[same..].iter().zip(&ours[same..]).take_while(|(a, b)| a == b).count();
            self.step(same);
        }
        let end = self.text.floor_char_boundary(here + same);
        if end > reach {
            let tells = self.text[here..end].contains(char::is_alphanumeric);
            self.note(Part { document: number, at: window.start, text: here..end, tells });
        }
    }

    fn step(&mut self, bytes: usize) {
        self.steps = self.steps.saturating_sub(bytes);
    }

    /// Notes a part for the windows of the text that it holds.
    fn note(&mut self, part: Part) {
        let Range { start, end } = part.text;
        let windows = start..=last(&self.text[..end], SHORTEST);
        let number = self.parts.len() as u32;
        self.parts.push(part);
        for at in windows {
            // All that follow are in that part, too.
            if self.parts[self.furthest[at] as usize].text.end >= end {
                break;
            }
            self.furthest[at] = number;
        }
    }

    /// The passages that have all of it, and where in the text they begin.
    fn told(&self) -> Vec<(usize, Passage)> {
        let mut passages = Vec::new();
        let mut end = 0;
        // Overlaps with what is told, and goes furthest.
        let mut next: Option<&Part> = None;
        let mut tell = |part: &Part, end: &mut usize| {
            let told = end.saturating_sub(part.text.start);
            let (start, end_of_it) = (part.at + told, part.at + part.text.len());
            passages
                .push((part.text.start + told, Passage { document: part.document, start, end: end_of_it }));
            *end = part.text.end;
        };
        for (at, part) in self.furthest.iter().map(|part| &self.parts[*part as usize]).enumerate() {
            if at >= end
                && let Some(next) = next.take()
            {
                tell(next, &mut end);
            }
            match part.tells && part.text.end > end {
                true if at >= end => tell(part, &mut end),
                true => next = Some(part),
                false => {}
            }
        }
        if let Some(next) = next {
            tell(next, &mut end);
        }
        passages
    }
}

/// The passages in order, those that touch or overlap joined.
pub fn joined(mut passages: Vec<Passage>) -> Vec<Passage> {
    passages.sort_unstable();
    let mut joined: Vec<Passage> = Vec::new();
    for passage in passages {
        match joined.last_mut() {
            Some(last) if last.document == passage.document && passage.start <= last.end => {
                last.end = last.end.max(passage.end);
            }
            _ => joined.push(passage),
        }
    }
    joined
}

#[cfg(test)]
mod tests;
