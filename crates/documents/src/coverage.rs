//! How much of the documents some chunks hold.
//!
//! Documents and chunks are compared without their white space, so that a chunk whose lines were joined is found as well.

use std::ops::Range;

use memchr::memmem;

use super::label::label;

/// The fewest bytes of a line that is looked up by itself: shorter ones stand everywhere.
const TELLING: usize = 16;
/// The most bytes of documents that are searched, about a second's work: chunks in the order of their documents need one
/// pass, but chunks in another order, or in no document, need one each.
const MOST_SEARCHED: u64 = 4 << 30;

/// The parts of some documents that chunks have held so far.
#[derive(Debug, Default)]
pub struct Held(Parts);

/// How much of the documents some chunks hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Characters of the documents in the chunks, each counted once. White space does not count.
    pub held: usize,
    /// Characters of the documents.
    pub of: usize,
    /// Whether some parts of chunks were not found in a document, so that `held` counts their own length.
    pub is_estimate: bool,
}

impl Coverage {
    /// `held` of `of` in whole percent, rounded down. `None` without documents.
    pub fn percent(self) -> Option<usize> {
        (self.of > 0).then(|| (self.held as u128 * 100 / self.of as u128) as usize)
    }
}

impl Held {
    /// How much of the documents these chunks hold, and how much they and all before them do. A chunk's label does not
    /// count. The documents are the same in each call.
    pub fn add<'a>(
        &mut self,
        documents: &[impl AsRef<str>],
        chunks: impl IntoIterator<Item = &'a str>,
    ) -> [Coverage; 2] {
        let documents: Vec<_> = documents.iter().map(|document| Squeezed::new(document.as_ref())).collect();
        let mut search = Search { documents: &documents, document: 0, at: 0, left: MOST_SEARCHED };
        let mut parts = Parts::default();
        chunks.into_iter().for_each(|chunk| search.hold(chunk, &mut parts));
        let these = parts.coverage(&documents);
        self.0.found.append(&mut parts.found);
        self.0.unknown += parts.unknown;
        [these, self.0.coverage(&documents)]
    }
}

/// A text without white space.
struct Squeezed(String);

impl Squeezed {
    fn new(text: &str) -> Self {
        Self(text.split_whitespace().collect())
    }

    fn chars(&self, bytes: &Range<usize>) -> usize {
        self.0[bytes.clone()].chars().count()
    }
}

/// Parts of the documents.
#[derive(Debug, Default)]
struct Parts {
    /// The documents' indices, with bytes of their squeezed texts.
    found: Vec<(usize, Range<usize>)>,
    /// Characters that were found nowhere.
    unknown: usize,
}

impl Parts {
    /// Joins the parts that overlap, and counts their characters.
    fn coverage(&mut self, documents: &[Squeezed]) -> Coverage {
        self.found.sort_by_key(|(document, bytes)| (*document, bytes.start));
        self.found.dedup_by(|(document, bytes), (last, joined)| {
            let is_joined = document == last && bytes.start <= joined.end;
            if is_joined {
                joined.end = joined.end.max(bytes.end);
            }
            is_joined
        });
        let found: usize = self.found.iter().map(|(document, bytes)| documents[*document].chars(bytes)).sum();
        let of = documents.iter().map(|document| document.chars(&(0..document.0.len()))).sum();
        Coverage { held: (found + self.unknown).min(of), of, is_estimate: self.unknown > 0 }
    }
}

/// The search for chunks, most of which come in the order of their documents.
struct Search<'a> {
    documents: &'a [Squeezed],
    /// Where the next chunk is looked for first: behind the beginning of the last one.
    document: usize,
    at: usize,
    /// Bytes that may still be searched.
    left: u64,
}

impl Search<'_> {
    fn hold(&mut self, chunk: &str, parts: &mut Parts) {
        let body = &chunk[label(chunk).map_or(0, |(_, rest)| rest)..];
        if let Some(found) = self.find(&Squeezed::new(body)) {
            parts.found.push(found);
            return;
        }
        for line in body.lines().map(Squeezed::new) {
            let found = if line.0.len() < TELLING { None } else { self.find(&line) };
            match found {
                Some(found) => parts.found.push(found),
                None => parts.unknown += line.chars(&(0..line.0.len())),
            }
        }
    }

    /// The first place of a text behind the last one that was found, or else before it.
    fn find(&mut self, text: &Squeezed) -> Option<(usize, Range<usize>)> {
        if text.0.is_empty() {
            return None;
        }
        let finder = memmem::Finder::new(text.0.as_bytes());
        let others = (self.document + 1..self.documents.len()).chain(0..=self.document);
        let starts = [(self.document, self.at)].into_iter().chain(others.map(|other| (other, 0)));
        for (document, from) in starts {
            let bytes =
                self.documents.get(document).and_then(|document| document.0.as_bytes().get(from..))?;
            if self.left == 0 {
                return None;
            }
            let found = finder.find(bytes);
            self.left = self.left.saturating_sub(found.unwrap_or(bytes.len()) as u64);
            if let Some(found) = found {
                let start = from + found;
                (self.document, self.at) = (document, start + 1);
                return Some((document, start..start + text.0.len()));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{chunk_by_page, chunk_by_paragraph, chunk_by_section};

    fn coverage(documents: &[&str], chunks: &[&str]) -> (usize, usize, bool) {
        let [Coverage { held, of, is_estimate }, _] = Held::default().add(documents, chunks.iter().copied());
        (held, of, is_estimate)
    }

    #[test]
    fn each_character_counts_once_wherever_it_is_held() {
        let text = "One two three.\nFour \u{e9}ight six.";
        let cases: &[(&[&str], usize, bool)] = &[
            (&[], 0, false),
            (&[text], 25, false),
            (&["One two", "two three."], 12, false),
            (&["One two", "One two"], 6, false),
            (&["three. Four  \u{e9}ight"], 15, false),
            (&["[Part 1]\nOne two"], 6, false),
            (&["[Part\n1]\nOne two"], 6, false),
            (&["", " \n", "[Part]\n "], 0, false),
            // Out of order.
            (&["\u{e9}ight six.", "One"], 12, false),
            // Made up, or put together of parts.
            (&["Seven"], 5, true),
            (&["Two lines of\nFour \u{e9}ight six."], 23, true),
            (&["made up, and longer than all that the document has to say"], 25, true),
        ];
        for (chunks, held, is_estimate) in cases {
            assert_eq!(coverage(&[text], chunks), (*held, 25, *is_estimate), "{chunks:?}");
        }
        assert_eq!(coverage(&[], &["a"]), (0, 0, true));
        assert_eq!(coverage(&["", " "], &["a"]), (0, 0, true));
    }

    #[test]
    fn equal_parts_of_documents_are_held_by_as_many_chunks() {
        let documents = ["the same. other", "the same. end"];
        assert_eq!(coverage(&documents, &["the same."]), (8, 24, false));
        assert_eq!(coverage(&documents, &["the same.", "other", "the same."]), (21, 24, false));
    }

    #[test]
    fn all_chunks_of_a_chunker_hold_all() {
        let text = "Page 1\nIt rained. It\nsnowed.\n\nA storm came.\u{c}\n2\n Fog and ice.  \n\nEnd";
        let whole = Held::default().add(&[text], [text])[0];
        let sections = chunk_by_section(text, 10, 3).unwrap();
        assert_eq!(Held::default().add(&[text], sections)[0], whole);
        for size in [12, 1500] {
            let paragraphs = chunk_by_paragraph(text, size, 1).unwrap();
            assert_eq!(
                Held::default().add(&[text], paragraphs.iter().map(String::as_str))[0],
                whole,
                "{size}"
            );
        }
        let pages = Held::default().add(&[text], chunk_by_page(text, None).unwrap())[0];
        assert_eq!((pages.held, pages.is_estimate), (whole.of - "Page12".len(), false));
    }

    #[test]
    fn rounds_add_up() {
        let documents = ["abcd efgh ijkl"];
        let mut held = Held::default();
        assert_eq!(held.add(&documents, ["abcd"]).map(|part| part.percent()), [Some(33), Some(33)]);
        assert_eq!(held.add(&documents, ["cd ef", "ijkl"]).map(|part| part.percent()), [Some(66), Some(83)]);
        assert_eq!(Coverage::default().percent(), None);
    }
}
