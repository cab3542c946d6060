//! Gives `evidence` a text with white space and case folded, and the origin of each of its bytes: so it finds a citation
//! that differs from the document in these alone.

use std::ops::Range;

use memchr::memmem;

/// A text in lower case, with one space in place of each run of white space.
pub(super) struct Folded {
    pub text: String,
    /// For each byte of `text`, the offset of the original character; the last entry is the length of the original.
    from: Vec<u32>,
}

impl Folded {
    pub(super) fn new(original: &str) -> Self {
        let mut text = String::with_capacity(original.len());
        let mut from = Vec::with_capacity(original.len() + 1);
        for (at, c) in original.char_indices() {
            if c.is_whitespace() {
                if !text.ends_with(' ') {
                    text.push(' ');
                }
            } else if c.is_ascii() {
                text.push(c.to_ascii_lowercase());
            } else {
                text.extend(c.to_lowercase());
            }
            from.resize(text.len(), small(at));
        }
        from.push(small(original.len()));
        Self { text, from }
    }

    /// The ranges of the original that fold to `words`.
    pub(super) fn find<'a>(&'a self, words: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        let places = memmem::find_iter(self.text.as_bytes(), words.as_bytes());
        places.map(|at| self.origin(&(at..at + words.len())))
    }

    /// The range of the original that these folded bytes come from, without white space at the end.
    pub(super) fn origin(&self, folded: &Range<usize>) -> Range<usize> {
        let end = folded.start + self.text[folded.clone()].trim_end().len();
        let start = self.from[folded.start];
        let last = if end > folded.start { self.from[end - 1] } else { start };
        // Several folded bytes may come from one character, so this looks for the next character.
        let next = self.from[end..].iter().find(|from| **from > last || end == folded.start);
        start as usize..next.map_or(last, |next| *next) as usize
    }

    /// The folded range of these bytes of the original.
    pub(super) fn position(&self, original: &Range<usize>) -> Range<usize> {
        let of = |byte: usize| self.from.partition_point(|from| (*from as usize) < byte).min(self.text.len());
        of(original.start)..of(original.end)
    }
}

/// An offset in 32 bits. No document is as long as 4 GB.
fn small(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
