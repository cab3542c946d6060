//! Finds the parts of the documents that a text contains verbatim.
//!
//! A part is a run of [`SHORTEST`] or more characters, with a letter or digit, that the text shares with a document.
//! For texts of letters alone a [`Scale`] of their own says how long the shortest part is.
//! Every character of such a run is reported, however common the run is, and reported once, at one place in a
//! document. The longest parts are reported whole. They may be reported in pieces, from several places, if their first
//! characters occur more than `MOST` times in the text, or more than `OFTEN` times in the documents and again in the
//! text, or if the search takes more than `STEPS` for each byte.
//!
//! The search keeps no index of the documents. It reads them once for each text, and only one gram in some
//! bytes, and the surroundings of a gram that the text contains too. Where both go on alike, it passes over the windows
//! that the text has nowhere else.

mod long;
mod scale;
mod text;

use std::iter;
use std::ops::Range;

pub(crate) use long::long_passages;
pub(crate) use scale::Scale;
use text::{Grams, Windows, windows};

/// The fewest characters of a part: texts share shorter runs by chance.
pub const SHORTEST: usize = 20;
/// Bytes of a gram.
const GRAM: usize = 8;
/// The most places in the text that are compared with one place in a document.
const MOST: usize = 32;
/// How often a window that the text has several times is looked up amid what both have in common.
const OFTEN: u8 = 64;
/// The most comparisons of bytes for each byte of the text and the documents.
const STEPS: usize = 64;
/// Bytes of a text that are searched for at once. The search takes 20 times as much memory.
const BLOCK: usize = 4 << 20;

/// A range of bytes of a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Passage {
    /// The index of the document, from 0.
    pub document: usize,
    /// The first byte, at the start of a character.
    pub start: usize,
    /// The byte after the last one, at the end of a character.
    pub end: usize,
}

/// The parts of `documents` that `text` contains, in the order of the text, each with its byte offset there.
pub fn passages<'a>(
    documents: &'a [impl AsRef<str>],
    text: &'a str,
) -> impl Iterator<Item = (usize, Passage)> + 'a {
    blocks(text, BLOCK).flat_map(move |(from, block)| {
        passages_of_block(documents, block, Scale::Characters)
            .into_iter()
            .map(move |(at, passage)| (from + at, passage))
    })
}

/// [`passages`] of a text that is not cut into blocks, on any scale.
pub(crate) fn passages_of_block(
    documents: &[impl AsRef<str>],
    block: &str,
    scale: Scale,
) -> Vec<(usize, Passage)> {
    let bytes: usize = documents.iter().map(|document| document.as_ref().len()).sum();
    let found = search(documents, block, scale, (bytes + block.len()).saturating_mul(STEPS));
    found.map_or_else(Vec::new, |found| found.told())
}

/// Cuts the text into blocks of so many bytes, each with its offset. The blocks overlap, so that each shortest part is
/// in one of them.
fn blocks(text: &str, bytes: usize) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = Some(0);
    iter::from_fn(move || {
        let from = rest?;
        let text = &text[from..];
        let block = &text[..text.floor_char_boundary(bytes)];
        let next = || from + block.ceil_char_boundary(Scale::Characters.last(block) + 1);
        rest = (block.len() < text.len()).then(next);
        Some((from, block))
    })
}

/// The character before this byte offset.
fn before(text: &str, at: usize) -> Option<char> {
    text[..at].chars().next_back()
}

/// The parts that a text shares with the documents; `None` if there are none.
fn search<'a>(documents: &[impl AsRef<str>], text: &'a str, scale: Scale, steps: usize) -> Option<Found<'a>> {
    let grams = Grams::of(text);
    let stride = scale.stride();
    let mut found = None;
    for (number, document) in documents.iter().map(AsRef::as_ref).enumerate() {
        // The windows that begin before it are done.
        let mut done = 0;
        while let Some(gram) = gram(document, done + stride - 1) {
            let first = document.ceil_char_boundary(done);
            done += stride;
            if !grams.may_have(gram) {
                continue;
            }
            // These windows contain this gram and no earlier one.
            let windows = windows(&document[first..], scale).map(|(start, end)| first + start..first + end);
            let mut next = 0;
            for window in windows.take_while(|window| window.start < done) {
                if window.start >= next && grams.may_have_ends_of(&document[window.clone()]) {
                    let found = found.get_or_insert_with(|| Found::nothing(text, scale, steps));
                    next = found.look_up(number, document, window);
                    if next > done {
                        done = next;
                        break;
                    }
                }
            }
        }
        found.iter_mut().for_each(|found| found.run = None);
    }
    found
}

/// The gram of `text` at this byte offset.
fn gram(text: &str, at: usize) -> Option<u64> {
    text.as_bytes().get(at..)?.first_chunk::<GRAM>().copied().map(u64::from_ne_bytes)
}

/// The parts of a text that the documents contain.
struct Found<'a> {
    text: &'a str,
    scale: Scale,
    windows: Windows<'a>,
    /// The parts found so far; index 0 is a placeholder that covers nothing.
    parts: Vec<Part>,
    /// For each byte, the index of the part covering it that ends last; 0 if none.
    furthest: Vec<u32>,
    /// The comparisons that are left.
    steps: usize,
    /// What the document looked at and the text have in common there.
    run: Option<Run>,
    /// The window of the document that follows on some that were not looked up.
    resumed: usize,
}

/// A run of bytes that a document and the text share.
#[derive(Clone, Copy)]
struct Run {
    /// The offset of the first byte in the document.
    at: usize,
    /// The offset of the first byte in the text.
    here: usize,
    /// Where its last window begins in the text.
    last: usize,
}

/// A part that a text and a document share.
#[derive(Default)]
struct Part {
    document: usize,
    /// The offset of the first byte in the document.
    at: usize,
    text: Range<usize>,
    /// Whether it contains a letter or a digit, and so is more than a line of dashes.
    tells: bool,
}

impl<'a> Found<'a> {
    fn nothing(text: &'a str, scale: Scale, steps: usize) -> Self {
        let furthest = vec![0; text.len()];
        let (windows, parts) = (Windows::of(text, scale), vec![Part::default()]);
        Self { text, scale, windows, parts, furthest, steps, run: None, resumed: 0 }
    }

    /// Notes the longest part that begins with this window of a document. Gives where the next window begins that may
    /// tell more.
    fn look_up(&mut self, number: usize, document: &str, window: Range<usize>) -> usize {
        let Some(first) = self.windows.first(&document[window.clone()]) else { return window.start + 1 };
        self.compare_all(number, document, &window, first);
        self.windows.ask(first);
        self.follow(number, document, window.start, first)
    }

    /// Compares a window of a document with its places in the text, of which one is `first`.
    fn compare_all(&mut self, number: usize, document: &str, window: &Range<usize>, first: usize) {
        self.compare(number, document, window, first);
        if self.windows.follow_one(first) && self.begins_before(document, window.start, first) {
            return;
        }
        let mut place = first;
        for _ in 1..MOST {
            match self.windows.next(place) {
                Some(next) if self.steps > 0 => place = next,
                _ => break,
            }
            self.compare(number, document, window, place);
        }
    }

    /// Passes over the windows of a run that tell nothing more. Gives the next one.
    fn follow(&mut self, number: usize, document: &str, at: usize, first: usize) -> usize {
        let is_in = |run: &Run| run.here + (at - run.at) <= run.last;
        let run = self.run.filter(is_in).unwrap_or_else(|| self.begin_run(number, document, at, first));
        self.run = Some(run);
        let here = run.here + (at - run.at);
        let passed = self.windows.dull(here + 1..run.last + 1);
        if passed > 0 {
            self.resumed = at + 1 + passed;
        }
        at + 1 + passed
    }

    /// Notes all that the document from `at` on and the text from `here` on have in common.
    fn begin_run(&mut self, number: usize, document: &str, at: usize, here: usize) -> Run {
        let same = common(&document.as_bytes()[at..], &self.text.as_bytes()[here..]);
        let end = self.text.floor_char_boundary(here + same);
        if end > self.reach(here) {
            self.note(number, at, here..end);
        }
        Run { at, here, last: self.scale.last(&self.text[..end]) }
    }

    /// Whether a part at these two places was looked up one character earlier.
    fn begins_before(&self, document: &str, at: usize, here: usize) -> bool {
        at != self.resumed && before(self.text, here).is_some_and(|char| before(document, at) == Some(char))
    }

    /// Notes the part that begins with this window at `here` in the text, if it ends later than the known ones.
    fn compare(&mut self, number: usize, document: &str, window: &Range<usize>, here: usize) {
        let (theirs, ours) = (&document.as_bytes()[window.start..], &self.text.as_bytes()[here..]);
        let reach = self.reach(here);
        let mut same = window.len();
        self.step(1);
        if reach > 0 {
            same = reach - here;
            // The byte after the known part is compared first, as most places differ there.
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
            same += common(&theirs[same..], &ours[same..]);
            self.step(same);
        }
        let end = self.text.floor_char_boundary(here + same);
        if end > reach {
            self.note(number, window.start, here..end);
        }
    }

    /// Where the part ends that covers this byte of the text and ends last; 0 if there is none.
    fn reach(&self, here: usize) -> usize {
        self.parts[self.furthest[here] as usize].text.end
    }

    fn step(&mut self, bytes: usize) {
        self.steps = self.steps.saturating_sub(bytes);
    }

    /// Notes a part for all windows of the text inside it.
    fn note(&mut self, document: usize, at: usize, text: Range<usize>) {
        let Range { start, end } = text;
        let tells = self.text[start..end].contains(char::is_alphanumeric);
        let windows = start..=self.scale.last(&self.text[..end]);
        let number = self.parts.len() as u32;
        self.parts.push(Part { document, at, text, tells });
        for at in windows {
            // All later windows are inside that part too.
            if self.reach(at) >= end {
                break;
            }
            self.furthest[at] = number;
        }
    }

    /// Passages that cover all parts without overlapping in the text, each with its offset in the text.
    fn told(&self) -> Vec<(usize, Passage)> {
        let mut passages = Vec::new();
        let mut end = 0;
        // The part that overlaps the last passage and ends last.
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

/// How many bytes are the same at the beginning of both.
fn common(a: &[u8], b: &[u8]) -> usize {
    let (chunks, of_b) = (a.as_chunks::<32>().0, b.as_chunks::<32>().0);
    let same = 32 * chunks.iter().zip(of_b).take_while(|(a, b)| a == b).count();
    same + a[same..].iter().zip(&b[same..]).take_while(|(a, b)| a == b).count()
}

/// Sorts the passages, and joins those that touch or overlap.
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
