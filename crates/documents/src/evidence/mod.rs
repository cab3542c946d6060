//! Finds where the documents contain the words that a worker cites: the protocol confirms citations by it.
//!
//! The input is the documents, the chunks (which programs may have cut, rejoined and given a head line) and the
//! citations. The output is the place of each citation in a document. A place counts only if the chunk contains the
//! words too, since the worker has read nothing else, and only if the words are whole: "can" is not cited from
//! "cannot", nor "$1.2" from "$1.25 million".
//!
//! A citation is found by its letters, digits and signs alone (`atoms`, `letters`). What stands between them is compared
//! afterwards (`differences`): it may differ as people, PDFs and Markdown make it differ. A citation of several places
//! is taken apart (`parts`). For one that is not there, the words that are most like it are found (`nearest`).

mod atoms;
mod characters;
mod differences;
mod islands;
mod letters;
mod nearest;
mod parts;
#[cfg(test)]
mod quotation_tests;
mod search;
mod sources;
#[cfg(test)]
mod speed_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod writing_tests;

use std::cell::OnceCell;
use std::ops::Range;

use serde::Serialize;

use super::folding::folded;
use super::label::label;
use super::wording;
use letters::Letters;
use search::Cited;
pub use sources::Sources;

/// The fewest bytes of a citation: shorter words are in a chunk by chance.
const TELLING: usize = 4;
/// A citation may have one word with a typing error for each so many words.
const WORDS_PER_ERROR: usize = 4;
/// The most places that are examined before the search for a whole one ends.
const PLACES: usize = 1000;
/// The most places that hold, among which the one that is most like the citation is chosen.
const HELD: usize = 16;

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
    /// The places of its parts, if it has several: words with an ellipsis between them, or a list.
    #[serde(skip)]
    pub parts: Vec<Part>,
}

/// The place of one part of a citation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The index of the document, from 0.
    pub document: usize,
    /// The offset of the first character, from 0.
    pub start: usize,
    /// The offset after the last character.
    pub end: usize,
}

/// How similar a citation and the words of a document are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Likeness {
    /// They are equal in every character.
    Exact,
    /// They differ in white space, case or the quotes and dots around the citation.
    Folded,
    /// They differ in punctuation, in marks of footnotes and of Markdown, in how PDFs break words, or in what an ellipsis
    /// stands for; or, if the evidence is not `verified`, in a few typing errors.
    Fuzzy,
}

/// The words of a chunk that are most like a citation that is not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nearest {
    /// The words, at most some 200 bytes, on one line.
    pub words: String,
    /// The index of their document and the offset of their first character there, both from 0, if they are found there.
    pub at: Option<(usize, usize)>,
}

/// A chunk, and what the search has found out about it so far.
pub struct Chunk<'a> {
    sources: &'a Sources<'a>,
    text: &'a str,
    letters: OnceCell<Letters>,
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
    /// The same holds for the letters of both.
    Alike {
        document: usize,
        at: usize,
        skip: usize,
    },
    Unknown,
}

impl<'a> Chunk<'a> {
    pub(super) fn new(sources: &'a Sources<'a>, text: &'a str) -> Self {
        let (letters, origin) = (OnceCell::new(), OnceCell::new());
        Self { sources, text, letters, origin }
    }

    /// The place of `citation`; the default, without a place, if there is none.
    pub fn evidence(&self, citation: &str) -> Evidence {
        let words = unframed(citation);
        if let Some(place) = self.literal(citation.trim()) {
            return self.sources.evidence(&[place], citation, true);
        }
        if folded(words).len() < TELLING || words.chars().filter(|c| c.is_alphanumeric()).count() < 2 {
            return Evidence::default();
        }
        let found = self
            .place_of(citation)
            .map(|place| vec![place])
            .or_else(|| self.elided(words))
            .or_else(|| self.place_of(self.without_label(words)?).map(|place| vec![place]))
            .or_else(|| self.listed(words));
        match found {
            Some(places) => self.sources.evidence(&places, citation, true),
            None => {
                let alike = self.with_typing_errors(words);
                alike.map_or_else(Evidence::default, |place| self.sources.evidence(&[place], citation, false))
            }
        }
    }

    /// The words of the chunk that are most like `citation`, for one that is not verified. `None` if nothing is like it.
    pub fn nearest(&self, citation: &str) -> Option<Nearest> {
        let cited = Cited::of(unframed(citation))?;
        let letters = nearest::letters(self.letters(), &cited.letters)?;
        let span = self.letters().origin(self.text, &letters);
        let words = nearest::with_words_around(self.text, &span);
        let shown = &self.text[words.clone()];
        let place = self.at_origin(&words).or_else(|| {
            let cited = Cited::of(shown)?;
            cited.anywhere(self.sources)
        });
        let at = place.map(|(document, bytes)| (document, self.sources.chars_before(document, bytes.start)));
        let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        (!words.is_empty()).then_some(Nearest { words, at })
    }

    fn letters(&self) -> &Letters {
        self.letters.get_or_init(|| Letters::of(self.text))
    }

    /// The place of a literal such as `'B'`, which is short and whole with its quotes alone.
    fn literal(&self, citation: &str) -> Option<DocumentRange> {
        let quote = citation.chars().next().filter(|c| matches!(c, '\'' | '"' | '`'))?;
        let inside = citation.strip_prefix(quote)?.strip_suffix(quote)?;
        let is_literal = inside.contains(char::is_alphanumeric) && inside.len() < TELLING;
        let is_one = is_literal && !inside.contains([quote, ' ']);
        let at = is_one.then(|| memchr::memmem::find(self.text.as_bytes(), citation.as_bytes())).flatten()?;
        let span = at..at + citation.len();
        self.at_origin(&span).or_else(|| self.sources.verbatim(citation))
    }

    /// The place of words in one piece.
    fn place_of(&self, citation: &str) -> Option<DocumentRange> {
        let readings = Cited::readings(unframed(citation), citation.trim());
        readings.iter().find_map(|cited| self.first(cited))
    }

    /// The best place of these words that cuts no word, neither in the chunk nor in its document.
    fn first(&self, cited: &Cited) -> Option<DocumentRange> {
        let (mut best, mut held) = (None, 0);
        for at in self.letters().find(&cited.letters).take(PLACES) {
            let span = self.letters().origin(self.text, &(at..at + cited.letters.len()));
            let Some(span) = cited.held(self.text, span, self.sources) else { continue };
            let Some((document, bytes)) = self.place(&span, cited) else {
                // Without a known origin of the chunk, all equal spans lead to the same place.
                if matches!(self.origin(), Origin::Unknown) { break } else { continue }
            };
            let text = self.sources.text(document);
            let bytes = cited.framed(text, bytes);
            let likeness = likeness(&text[bytes.clone()], cited.whole);
            if best.as_ref().is_none_or(|(least, _)| likeness < *least) {
                best = Some((likeness, (document, bytes)));
            }
            held += 1;
            if likeness == Likeness::Exact || held == HELD || matches!(self.origin(), Origin::Unknown) {
                break;
            }
        }
        best.map(|(_, place)| place)
    }

    /// The places of the words around ellipses, all in one sentence, row or entry.
    fn elided(&self, words: &str) -> Option<Vec<DocumentRange>> {
        let parts = parts::around_ellipses(words);
        let parts: Vec<Cited> = parts.into_iter().map(Cited::of).collect::<Option<_>>()?;
        let (first, others) = parts.split_first().filter(|(_, others)| !others.is_empty())?;
        let starts = self.letters().find(&first.letters).take(PLACES);
        starts.into_iter().find_map(|at| {
            let span = self.letters().origin(self.text, &(at..at + first.letters.len()));
            let span = first.held_whole(self.text, span, self.sources)?;
            let spans = search::following(self.text, span, others, self.sources)?;
            let whole = spans.first()?.start..spans.last()?.end;
            let (document, bytes) = self.at_origin(&whole).or_else(|| {
                let cited = Cited::of(&self.text[whole.clone()])?;
                cited.anywhere(self.sources)
            })?;
            let text = self.sources.text(document);
            let found = search::following_first(text, bytes, &parts, self.sources)?;
            Some(found.into_iter().map(|bytes| (document, bytes)).collect())
        })
    }

    /// The places of the quotations of a list, each of which says something by itself.
    fn listed(&self, words: &str) -> Option<Vec<DocumentRange>> {
        let listed = parts::of_list(words);
        let says_all = listed.len() > 1 && listed.iter().all(|part| parts::says_something(part));
        let place = |part: &&str| {
            let places = |part: &str| {
                let one = self.place_of(part).map(|place| vec![place]);
                one.or_else(|| self.elided(part))
                    .or_else(|| self.place_of(self.without_label(part)?).map(|one| vec![one]))
            };
            places(part).or_else(|| {
                let bare = parts::without_bullet(part);
                if bare == *part { None } else { places(bare) }
            })
        };
        let places = says_all.then(|| listed.iter().map(place).collect::<Option<Vec<_>>>())??;
        Some(places.into_iter().flatten().collect())
    }

    /// The citation without the chunk's head line, which names its source.
    fn without_label<'w>(&self, words: &'w str) -> Option<&'w str> {
        let (_, end) = label(self.text)?;
        let rest = words.strip_prefix(self.text[..end].trim())?;
        Some(rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '-' | ',')))
            .filter(|rest| !rest.is_empty())
    }

    /// The place of these words where they have a few typing errors.
    fn with_typing_errors(&self, words: &str) -> Option<DocumentRange> {
        let cited = Cited::of(words)?;
        let letters = nearest::letters(self.letters(), &cited.letters)?;
        let near = self.letters().origin(self.text, &letters);
        let from = self.text.floor_char_boundary(near.start.saturating_sub(words.len() + 64));
        let to = self.text.ceil_char_boundary((near.end + words.len() + 64).min(self.text.len()));
        let wanted = wording::words(words);
        let text = wording::words(&self.text[from..to]);
        let (span, _) = wording::find(&text, &wanted, wanted.len() / WORDS_PER_ERROR)?;
        let span = from + span.start..from + span.end;
        search::is_whole(self.text, &span).then_some(())?;
        let place =
            self.at_origin(&span).or_else(|| Cited::of(&self.text[span.clone()])?.anywhere(self.sources))?;
        search::is_whole(self.sources.text(place.0), &place.1).then_some(place)
    }

    /// The place in a document that a span of the chunk with the words of `cited` comes from.
    fn place(&self, span: &Range<usize>, cited: &Cited) -> Option<DocumentRange> {
        match self.at_origin(span) {
            // The chunk may end in the middle of a word of the document.
            Some((document, bytes)) => {
                let text = self.sources.text(document);
                let is_same = matches!(self.origin(), Origin::Verbatim { .. })
                    && search::is_whole(text, &bytes)
                    && !search::is_torn(text, &bytes)
                    || cited.held(text, bytes.clone(), self.sources).as_ref() == Some(&bytes);
                is_same.then_some((document, bytes))
            }
            None => cited.anywhere(self.sources),
        }
    }

    /// The place in a document that a span of the chunk comes from, if it is known where the chunk does.
    fn at_origin(&self, span: &Range<usize>) -> Option<DocumentRange> {
        match *self.origin() {
            Origin::Verbatim { document, at, skip } if span.start >= skip => {
                Some((document, at + span.start - skip..at + span.end - skip))
            }
            Origin::Alike { document, at, skip } => {
                let letters = self.letters().position(span);
                let start = letters.start.checked_sub(skip)?;
                let letters = at + start..at + letters.end - skip;
                Some((document, self.sources.letters(document).origin(self.sources.text(document), &letters)))
            }
            _ => None,
        }
    }

    fn origin(&self) -> &Origin {
        self.origin.get_or_init(|| self.find_origin())
    }

    fn find_origin(&self) -> Origin {
        let second_line = self.text.find('\n').map(|end| end + 1);
        let labelled = label(self.text).map(|(_, rest)| rest).filter(|rest| second_line != Some(*rest));
        let skips = [Some(0), second_line, labelled];
        for skip in skips.into_iter().flatten() {
            let from = self.letters().position(&(skip..self.text.len())).start;
            let letters = &self.letters().text[from..];
            if letters.is_empty() {
                continue;
            }
            // What is an atom at the chunk's edge may be none amid the document.
            let edge = if letters.len() > 4 * search::EDGE { search::EDGE } else { 0 };
            let start = letters.ceil_char_boundary(edge);
            let probe =
                &letters[start..letters.ceil_char_boundary((start + search::PROBE).min(letters.len()))];
            let first = self.letters().origin(self.text, &(from + start..from + letters.len())).start;
            for document in 0..self.sources.len() {
                let (text, own) = (self.sources.text(document), self.sources.letters(document));
                for at in own.find(probe).take(10 * PLACES) {
                    let byte = own.origin(text, &(at..at + probe.len())).start;
                    let Some(byte) = byte.checked_sub(first - skip) else { continue };
                    if text.as_bytes()[byte..].starts_with(&self.text.as_bytes()[skip..]) {
                        return Origin::Verbatim { document, at: byte, skip };
                    }
                }
            }
            for document in 0..self.sources.len() {
                let own = self.sources.letters(document);
                let mut places = own.find(letters);
                if let Some(at) = places.next() {
                    return Origin::Alike { document, at, skip: from };
                }
            }
        }
        Origin::Unknown
    }
}

fn likeness(text: &str, citation: &str) -> Likeness {
    match citation.trim() == text {
        true => Likeness::Exact,
        false if folded(unframed(text)) == folded(unframed(citation)) => Likeness::Folded,
        false => Likeness::Fuzzy,
    }
}

/// Whether the chunk contains these words, whole.
pub fn holds(chunk: &str, words: &str) -> bool {
    Sources::new(&[chunk]).chunk(chunk).evidence(words).verified
}

/// The first range of bytes of `text` that holds these words, whole; what may differ is what may differ in a citation.
pub fn position(text: &str, words: &str) -> Option<Range<usize>> {
    let (cited, letters) = (Cited::of(unframed(words))?, Letters::of(text));
    let nothing: [&str; 0] = [];
    let sources = Sources::new(&nothing);
    letters.find(&cited.letters).take(PLACES).find_map(|at| {
        let span = letters.origin(text, &(at..at + cited.letters.len()));
        cited.held_whole(text, span, &sources)
    })
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
