//! Finds where the documents contain the words that a worker cites: the protocol confirms citations by it.
//!
//! The input is the documents, the chunks (which programs may have cut, rejoined and given a head line) and the
//! citations. The output is the place of each citation in a document. A place counts only if the chunk contains the
//! words too, since the worker has read nothing else, and only if the words are whole: "can" is not cited from
//! "cannot", nor "$1.2" from "$1.25 million".

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::OnceLock;

use memchr::memmem;
use serde::Serialize;

use super::folding::Folded;
use super::label::label;
use super::wording::{self, Word};

/// The fewest bytes of a citation: shorter words are in a chunk by chance.
const TELLING: usize = 4;
/// A citation may have one word with a typing error for each so many words.
const WORDS_PER_ERROR: usize = 4;
/// The most places that are examined before the search for a whole one ends.
const PLACES: usize = 1000;

/// The place of a citation in the documents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The index of the document, from 0.
    pub document: Option<usize>,
    /// The offset of the first character, from 0.
    pub start: Option<usize>,
    /// The offset after the last character.
    pub end: Option<usize>,
    /// Whether both the document at this place and the chunk contain the words. If not, the place is only the most
    /// probable one.
    pub verified: bool,
    /// How similar the citation and the words of the document are.
    #[serde(rename = "match")]
    pub likeness: Option<Likeness>,
}

/// How similar a citation and the words of a document are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Likeness {
    /// They are equal in every character.
    Exact,
    /// They differ in white space, case or the quotes and dots around the citation.
    Folded,
    /// They differ in punctuation, or, if the evidence is not `verified`, in a few typing errors too.
    Fuzzy,
}

/// The texts of the documents, and their folded forms once a citation needs them.
pub struct Sources<'a> {
    texts: Vec<&'a str>,
    folded: OnceLock<Vec<Folded>>,
}

/// A chunk, and what the search has found out about it so far.
pub struct Chunk<'a> {
    sources: &'a Sources<'a>,
    text: &'a str,
    folded: OnceCell<Folded>,
    words: OnceCell<Vec<Word<'a>>>,
    origin: OnceCell<Origin>,
}

/// The index of a document and a range of its bytes.
type DocumentRange = (usize, Range<usize>);

/// The origin of a chunk, or of the chunk without its first line.
enum Origin {
    /// The chunk's bytes from `skip` on equal the document's bytes from `at` on.
    Verbatim {
        document: usize,
        at: usize,
        skip: usize,
    },
    /// The same holds for the folded forms of both.
    Folded {
        document: usize,
        at: usize,
        skip: usize,
    },
    Unknown,
}

impl<'a> Sources<'a> {
    /// Prepares these documents, in the order of a job.
    pub fn new(documents: &'a [impl AsRef<str>]) -> Self {
        Self { texts: documents.iter().map(AsRef::as_ref).collect(), folded: OnceLock::new() }
    }

    /// Prepares a chunk of these documents.
    pub fn chunk(&'a self, text: &'a str) -> Chunk<'a> {
        let (folded, words, origin) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Chunk { sources: self, text, folded, words, origin }
    }

    fn folded(&self) -> &[Folded] {
        self.folded.get_or_init(|| self.texts.iter().map(|text| Folded::new(text)).collect())
    }

    fn text(&self, (document, bytes): &DocumentRange) -> &'a str {
        &self.texts[*document][bytes.clone()]
    }

    fn evidence(&self, place: DocumentRange, citation: &str, verified: bool) -> Evidence {
        let words = self.text(&place);
        let (document, bytes) = place;
        let start = self.texts[document][..bytes.start].chars().count();
        Evidence {
            document: Some(document),
            start: Some(start),
            end: Some(start + words.chars().count()),
            verified,
            likeness: Some(likeness(words, citation)),
        }
    }

    /// The first place that contains these words whole.
    fn anywhere(&self, words: &str) -> Option<DocumentRange> {
        let verbatim = |(document, text): (usize, &&'a str)| {
            let places = occurrences(text, words).take(PLACES);
            whole(text, places).map(|bytes| (document, bytes))
        };
        self.texts.iter().enumerate().find_map(verbatim).or_else(|| {
            let words = Folded::new(words);
            let words = words.text.trim();
            let mut folded = self.folded().iter().zip(&self.texts).enumerate();
            folded.find_map(|(document, (folded, text))| {
                let places = folded.find(words).take(PLACES);
                whole(text, places).map(|bytes| (document, bytes))
            })
        })
    }
}

impl Chunk<'_> {
    /// The place of `citation`; the default, without a place, if there is none.
    pub fn evidence(&self, citation: &str) -> Evidence {
        let words = unframed(citation);
        let folded = Folded::new(words);
        if folded.text.len() < TELLING || words.chars().filter(|c| c.is_alphanumeric()).count() < 2 {
            return Evidence::default();
        }
        let verbatim = occurrences(self.text, citation.trim()).chain(occurrences(self.text, words));
        let found = self
            .first(verbatim)
            .or_else(|| self.first(self.folded().find(&folded.text)))
            .map(|place| (place, true))
            .or_else(|| self.alike(words));
        let Some((place, is_same)) = found else { return Evidence::default() };
        let verified = is_same && wording::same_figures(self.sources.text(&place), words);
        self.sources.evidence(place, citation, verified)
    }

    fn folded(&self) -> &Folded {
        self.folded.get_or_init(|| Folded::new(self.text))
    }

    /// The place where at most punctuation differs, else the one with a few typing errors; the flag says which it is.
    fn alike(&self, words: &str) -> Option<(DocumentRange, bool)> {
        let text = self.words.get_or_init(|| wording::words(self.text));
        let wanted = wording::words(words);
        let (span, is_same) = wording::find(text, &wanted, wanted.len() / WORDS_PER_ERROR)?;
        Some((self.first([span].into_iter())?, is_same))
    }

    /// The place of the first of these spans that cuts no word, neither in the chunk nor in its document.
    fn first(&self, spans: impl Iterator<Item = Range<usize>>) -> Option<DocumentRange> {
        let mut spans = spans.take(PLACES).filter(|span| wording::is_whole(self.text, span)).peekable();
        spans.peek()?;
        // Without a known origin of the chunk, all equal spans lead to the same place.
        let tries = if matches!(self.origin(), Origin::Unknown) { 1 } else { PLACES };
        spans.take(tries).find_map(|span| self.place(span))
    }

    fn origin(&self) -> &Origin {
        self.origin.get_or_init(|| self.find_origin())
    }

    /// The place in a document that a span of the chunk comes from.
    fn place(&self, span: Range<usize>) -> Option<DocumentRange> {
        let at_origin = match *self.origin() {
            Origin::Verbatim { document, at, skip } if span.start >= skip => {
                Some((document, at + span.start - skip..at + span.end - skip))
            }
            Origin::Folded { document, at, skip } => {
                let folded = self.folded().position(&span);
                let inside = folded.start.checked_sub(skip);
                inside.map(|start| {
                    let bytes = at + start..at + folded.end - skip;
                    (document, self.sources.folded()[document].origin(&bytes))
                })
            }
            _ => None,
        };
        match at_origin {
            // The chunk may end in the middle of a word of the document.
            Some((document, bytes)) => {
                wording::is_whole(self.sources.texts[document], &bytes).then_some((document, bytes))
            }
            None => self.sources.anywhere(&self.text[span]),
        }
    }

    fn find_origin(&self) -> Origin {
        let second_line = self.text.find('\n').map(|end| end + 1);
        let labelled = label(self.text).map(|(_, rest)| rest).filter(|rest| second_line != Some(*rest));
        let skips = [Some(0), second_line, labelled];
        for skip in skips.into_iter().flatten() {
            let text = &self.text[skip..];
            if unframed(text).is_empty() {
                continue;
            }
            for (document, whole) in self.sources.texts.iter().enumerate() {
                if let Some(at) = memmem::find(whole.as_bytes(), text.as_bytes()) {
                    return Origin::Verbatim { document, at, skip };
                }
            }
            let from = self.folded().position(&(skip..self.text.len())).start;
            let text = &self.folded().text[from..];
            let skip = from + (text.len() - text.trim_start().len());
            for (document, whole) in self.sources.folded().iter().enumerate() {
                if let Some(at) = memmem::find(whole.text.as_bytes(), text.trim().as_bytes()) {
                    return Origin::Folded { document, at, skip };
                }
            }
        }
        Origin::Unknown
    }
}

fn likeness(text: &str, citation: &str) -> Likeness {
    match citation.trim() == text {
        true => Likeness::Exact,
        false if Folded::new(unframed(text)).text == Folded::new(unframed(citation)).text => Likeness::Folded,
        false => Likeness::Fuzzy,
    }
}

/// Whether the chunk contains these words, whole.
pub fn holds(chunk: &str, words: &str) -> bool {
    Sources::new(&[chunk]).chunk(chunk).evidence(words).verified
}

/// The first range of bytes of `text` that holds these words, whole; case, white space and the marks around them may
/// differ.
pub fn position(text: &str, words: &str) -> Option<Range<usize>> {
    let words = Folded::new(unframed(words)).text;
    if words.is_empty() {
        return None;
    }
    whole(text, Folded::new(text).find(&words).take(PLACES))
}

fn occurrences<'a>(text: &'a str, words: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
    memmem::find_iter(text.as_bytes(), words.as_bytes()).map(|at| at..at + words.len())
}

/// The first of these ranges that cuts no word.
fn whole(text: &str, mut places: impl Iterator<Item = Range<usize>>) -> Option<Range<usize>> {
    places.find(|bytes| wording::is_whole(text, bytes))
}

/// The text without the quotes, dots and spaces around it. The dot of ".5" stays.
fn unframed(text: &str) -> &str {
    let framing =
        |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '.' | '\u{2026}' | '\u{201c}' | '\u{201d}');
    let bare = text.trim_matches(framing);
    match text[..text.len() - text.trim_start_matches(framing).len()].strip_suffix('.') {
        Some(before) if bare.starts_with(char::is_numeric) => &text[before.len()..][..bare.len() + 1],
        _ => bare,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The characters of the documents at the place of the evidence.
    fn read_back(documents: &[String], evidence: &Evidence) -> String {
        let text = &documents[evidence.document.unwrap()];
        let (start, end) = (evidence.start.unwrap(), evidence.end.unwrap());
        text.chars().skip(start).take(end - start).collect()
    }

    fn owned(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn offsets_read_back_give_the_citation() {
        use Likeness::{Exact, Folded, Fuzzy};
        let documents = owned(&[
            "Café 👩\u{200D}👩 opened.\r\nThe  Aurora\r\nlay off\u{a0}BREST, in 12 fathoms.\r\n",
            "",
            "e\u{301}te\u{301} 中文文件。İstanbul’a gitti. She said “no more delays”, reportedly.",
        ]);
        // The chunk, the citation, the likeness, the document, and the words at the place.
        let rejoined = "Café 👩\u{200D}👩 opened. The  Aurora lay off BREST, in 12 fathoms.";
        let titled = "[Log 1]\nThe  Aurora\r\nlay off";
        let both = "[Log 1]\nopened. The Aurora lay off";
        let cases: &[(&str, &str, Likeness, usize, &str)] = &[
            (&documents[0], "👩\u{200D}👩 opened", Exact, 0, "👩\u{200D}👩 opened"),
            (
                &documents[0],
                "\"The aurora lay off Brest...\"",
                Folded,
                0,
                "The  Aurora\r\nlay off\u{a0}BREST",
            ),
            (rejoined, "opened. The  Aurora lay", Folded, 0, "opened.\r\nThe  Aurora\r\nlay"),
            (rejoined, "Café", Exact, 0, "Café"),
            (titled, "Aurora\r\nlay", Exact, 0, "Aurora\r\nlay"),
            (both, "THE AURORA LAY OFF", Folded, 0, "The  Aurora\r\nlay off"),
            (&documents[0], "lay off Brest in 12 fathoms", Fuzzy, 0, "lay off\u{a0}BREST, in 12 fathoms"),
            (&documents[2], "e\u{301}te\u{301}", Exact, 2, "e\u{301}te\u{301}"),
            (&documents[2], "文文件", Exact, 2, "文文件"),
            (&documents[2], "i\u{307}STANBUL’A  gitti", Folded, 2, "İstanbul’a gitti"),
            (
                &documents[2],
                "said \"no more delays\" reportedly",
                Fuzzy,
                2,
                "said “no more delays”, reportedly",
            ),
        ];
        let sources = Sources::new(&documents);
        for (chunk, citation, likeness, document, stands) in cases {
            let evidence = sources.chunk(chunk).evidence(citation);
            assert!(evidence.verified, "{citation:?}");
            assert_eq!(
                (evidence.likeness, evidence.document),
                (Some(*likeness), Some(*document)),
                "{citation:?}"
            );
            assert_eq!(read_back(&documents, &evidence), *stands, "{citation:?}");
        }
    }

    #[test]
    fn a_citation_is_placed_where_its_chunk_is_from() {
        let documents = owned(&["One. It rained.\n\nTwo.  It rained.", "Three. It rained."]);
        let sources = Sources::new(&documents);
        let start = |chunk: &str| {
            let evidence = sources.chunk(chunk).evidence("It rained");
            (evidence.document.unwrap(), evidence.start.unwrap())
        };
        assert_eq!(start("One. It rained."), (0, 5));
        assert_eq!(start("Two.  It rained."), (0, 23));
        assert_eq!(start("[Report]\nTwo. It rained."), (0, 23));
        assert_eq!(start("Three. It rained."), (1, 7));
        assert_eq!(start("altogether made up: It rained."), (0, 5));
    }

    #[test]
    fn what_is_made_up_is_never_verified() {
        let text = "The board did not approve the dividend of $1.20 in 2022, said Martin Weber, the chairman of the board.";
        let documents = owned(&[text]);
        let sources = Sources::new(&documents);
        let chunk = format!("[Report 2022]\n{text}");
        for citation in [
            "The board did approve the dividend",
            "The board did not approve the dividend of $1.30 in 2022",
            "the dividend of 1.20 in 2022, said Martin Weber",
            "the dividend of $120 in 2022, said Martin Weber",
            "in 2023, said Martin Weber, the chairman of the board",
            "said Marlin Weber, the chairman of the board",
            "The board did not improve the dividend of $1.20 in 2022",
            "the dividend did not approve the board",
            "The board resigned.",
            "Report 2022",
            "the",
            "...",
            "",
        ] {
            assert_eq!(sources.chunk(&chunk).evidence(citation), Evidence::default(), "{citation:?}");
        }
        // A document contains it, but the worker has not read it.
        assert!(!sources.chunk("Weather is fine.").evidence("did not approve the dividend").verified);
        assert!(!Sources::new(&[""; 0]).chunk(text).evidence("did not approve the dividend").verified);
    }

    #[test]
    fn two_thousand_citations_of_a_long_document() {
        let documents = [(0..)
            .map(|day| format!("Day {day}. The Aurora lay  off the port in {day} fathoms.\n"))
            .take(20_000)
            .collect::<String>()];
        let sources = Sources::new(&documents);
        let whole = sources.chunk(&documents[0]);
        for day in 0..2000 {
            let chunk = format!("[Log]\nThe Aurora lay off the port in {day} fathoms. Day {}.", day + 1);
            let evidence = sources.chunk(&chunk).evidence(&format!("the port in {day} fathoms"));
            assert_eq!(read_back(&documents, &evidence), format!("the port in {day} fathoms"));
            assert!(!whole.evidence(&format!("the port in {day} miles")).verified);
        }
    }
}
