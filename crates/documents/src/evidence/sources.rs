//! The documents in which citations are looked for.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use regex::Regex;

use super::letters::Letters;
use super::parts::ELIDED;
use super::{Chunk, DocumentRange, Evidence, Part, likeness};
use crate::document::{Document, Place};

/// Bytes from one noted offset to the next.
const STEP: usize = 4096;

/// A line that begins with the mark of a footnote.
static NOTE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?m)^[ \t]*(?:\((\d{1,2})\)|\[\^?(\d{1,3})\]:?|(\d{1,2})|([\u{b9}\u{b2}\u{b3}\u{2070}-\u{2079}]+))[ \t]*\p{L}")
        .expect("a fixed pattern")
});

/// The texts of the documents, and what the search has found out about them so far.
pub struct Sources<'a> {
    texts: Vec<&'a str>,
    letters: Vec<OnceLock<Letters>>,
    offsets: Vec<OnceLock<Offsets>>,
    notes: OnceLock<HashSet<String>>,
}

/// The characters and lines before every so many bytes of a text.
struct Offsets(Vec<(u32, u32)>);

impl Offsets {
    fn of(text: &str) -> Self {
        let (mut chars, mut lines) = (0, 0);
        let noted = text.as_bytes().chunks(STEP).map(|block| {
            let here = (chars, lines);
            chars += chars_in(block);
            lines += lines_in(block);
            here
        });
        let mut noted: Vec<_> = noted.collect();
        noted.push((chars, lines));
        Self(noted)
    }

    /// The characters and the line breaks before a byte.
    fn before(&self, text: &str, byte: usize) -> (u32, u32) {
        let block = byte / STEP;
        let (chars, lines) = self.0[block];
        let rest = &text.as_bytes()[block * STEP..byte];
        (chars + chars_in(rest), lines + lines_in(rest))
    }

    /// The byte of a character.
    fn byte_of(&self, text: &str, char: usize) -> usize {
        let block = self.0.partition_point(|(chars, _)| (*chars as usize) <= char) - 1;
        let from = text.ceil_char_boundary(block * STEP);
        let left = char - self.0[block].0 as usize;
        text[from..].char_indices().nth(left).map_or(text.len(), |(at, _)| from + at)
    }
}

fn chars_in(bytes: &[u8]) -> u32 {
    bytes.iter().map(|byte| u32::from(byte & 0xc0 != 0x80)).sum()
}

fn lines_in(bytes: &[u8]) -> u32 {
    bytes.iter().map(|byte| u32::from(*byte == b'\n')).sum()
}

impl<'a> Sources<'a> {
    /// Prepares these documents, in the order of a job.
    pub fn new(documents: &'a [impl AsRef<str>]) -> Self {
        let texts: Vec<&str> = documents.iter().map(AsRef::as_ref).collect();
        let letters = texts.iter().map(|_| OnceLock::new()).collect();
        let offsets = texts.iter().map(|_| OnceLock::new()).collect();
        Self { texts, letters, offsets, notes: OnceLock::new() }
    }

    /// Prepares a chunk of these documents.
    pub fn chunk(&'a self, text: &'a str) -> Chunk<'a> {
        Chunk::new(self, text)
    }

    /// The place, as a reader would cite it, of the character at `offset` in `document`, which is the one at this index.
    pub fn place(&self, index: usize, document: &Document, offset: usize) -> Option<Place> {
        let (text, offsets) = (self.texts[index], self.offsets(index));
        let line_of = |char: usize| offsets.before(text, offsets.byte_of(text, char)).1;
        document.place_with(offset, |from, to| line_of(to).saturating_sub(line_of(from)))
    }

    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(super) fn text(&self, document: usize) -> &'a str {
        self.texts[document]
    }

    pub(super) fn letters(&self, document: usize) -> &Letters {
        self.letters[document].get_or_init(|| Letters::of(self.texts[document]))
    }

    fn offsets(&self, document: usize) -> &Offsets {
        self.offsets[document].get_or_init(|| Offsets::of(self.texts[document]))
    }

    /// The characters of a document before a byte.
    pub(super) fn chars_before(&self, document: usize, byte: usize) -> usize {
        self.offsets(document).before(self.texts[document], byte).0 as usize
    }

    /// Whether a document has a footnote of this number.
    pub(super) fn has_note(&self, number: &str) -> bool {
        let notes = self.notes.get_or_init(|| {
            let texts = self.texts.iter().flat_map(|text| NOTE.captures_iter(text));
            let number = |note: regex::Captures| {
                let mark = note.iter().skip(1).flatten().next()?.as_str();
                Some(super::characters::raised(mark).unwrap_or_else(|| mark.to_owned()))
            };
            texts.filter_map(number).collect()
        });
        notes.contains(number)
    }

    /// The first place that contains these words to the letter.
    pub(super) fn verbatim(&self, words: &str) -> Option<DocumentRange> {
        self.texts.iter().enumerate().find_map(|(document, text)| {
            let at = memchr::memmem::find(text.as_bytes(), words.as_bytes())?;
            Some((document, at..at + words.len()))
        })
    }

    pub(super) fn evidence(&self, places: &[DocumentRange], citation: &str, verified: bool) -> Evidence {
        let part = |(document, bytes): &DocumentRange| {
            let Range { start, end } = bytes;
            let of = |byte: &usize| self.chars_before(*document, *byte);
            Part { document: *document, start: of(start), end: of(end) }
        };
        let mut parts: Vec<Part> = places.iter().map(part).collect();
        let Some(Part { document, start, mut end }) = parts.first().cloned() else {
            return Evidence::default();
        };
        let likeness = match places {
            [(document, bytes)] => {
                parts.clear();
                likeness(&self.texts[*document][bytes.clone()], citation)
            }
            _ => super::Likeness::Fuzzy,
        };
        // Parts that follow each other closely span what is between them.
        let follows = |two: &[Part]| {
            two[0].document == two[1].document && (two[0].end..=two[0].end + ELIDED).contains(&two[1].start)
        };
        if parts.windows(2).all(follows) {
            end = parts.last().map_or(end, |last| last.end);
        }
        Evidence {
            document: Some(document),
            start: Some(start),
            end: Some(end),
            verified,
            likeness: Some(likeness),
            parts,
        }
    }
}
