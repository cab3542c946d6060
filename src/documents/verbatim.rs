//! Which parts of the documents a text has, character by character.
//!
//! Every part of [`SHORTEST`] characters holds one of the grams that are indexed, so none is missed. A part that
//! the documents have more than once is told at one of its places.

use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::RandomState;

/// The fewest characters that count: fewer are common by chance.
pub const SHORTEST: usize = 20;
/// Bytes of a gram.
const GRAM: usize = 8;
/// Bytes from one gram to the next.
const STEP: usize = SHORTEST - GRAM + 1;
/// Places that are known of a gram.
const MOST: usize = 16;

/// Grams of documents and where they are. Every byte of a text that leaves is looked up, hence the quick hash.
pub struct Verbatim(HashMap<u64, Vec<Place>, RandomState>);

#[derive(Clone, Copy)]
struct Place {
    document: usize,
    at: usize,
}

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

/// A part that is the same in a text and a document.
struct Common {
    place: Place,
    text: Range<usize>,
}

impl Verbatim {
    /// An index of these documents.
    pub fn new(documents: &[String]) -> Self {
        let mut grams = HashMap::<u64, Vec<Place>, RandomState>::default();
        for (document, text) in documents.iter().enumerate() {
            for at in (0..text.len()).step_by(STEP) {
                let Some(gram) = gram(text, at) else { break };
                let places = grams.entry(gram).or_default();
                if places.len() < MOST {
                    places.push(Place { document, at });
                }
            }
        }
        Self(grams)
    }

    /// The parts of `documents` that `text` has, in the order of the text.
    pub fn passages(&self, documents: &[String], text: &str) -> Vec<Passage> {
        let mut passages = Vec::new();
        let mut last = Common { place: Place { document: 0, at: 0 }, text: 0..0 };
        let mut at = 0;
        while let Some(gram) = gram(text, at) {
            let places = self.0.get(&gram).into_iter().flatten();
            let parts = places
                .filter(|place| !last.covers(**place, at))
                .map(|place| Common::around(*place, at, documents, text));
            let longest = parts.max_by_key(|part| part.text.len());
            at += 1;
            if let Some(part) =
                longest.filter(|part| part.text.end > last.text.end && tells(&text[part.text.clone()]))
            {
                let start = part.place.at;
                passages.push(Passage { document: part.place.document, start, end: start + part.text.len() });
                // The next part may overlap with this one by chance.
                at = at.max(part.text.end.saturating_sub(SHORTEST));
                last = part;
            }
        }
        passages
    }
}

impl Common {
    /// The longest part around a byte of `text` that is the one at `place`.
    fn around(place: Place, at: usize, documents: &[String], text: &str) -> Self {
        let (document, bytes) = (documents[place.document].as_bytes(), text.as_bytes());
        let same = |(a, b): &(&u8, &u8)| a == b;
        let before = document[..place.at].iter().rev().zip(bytes[..at].iter().rev()).take_while(same).count();
        let after = document[place.at..].iter().zip(&bytes[at..]).take_while(same).count();
        let start = (at - before..).find(|byte| text.is_char_boundary(*byte)).unwrap_or(at);
        let end = text.floor_char_boundary(at + after).max(start);
        let place = Place { at: place.at + start - at, ..place };
        Self { place, text: start..end }
    }

    /// Whether the gram of the text `at` its byte, found at `place`, belongs to this part.
    fn covers(&self, place: Place, at: usize) -> bool {
        self.text.contains(&at)
            && place.document == self.place.document
            && place.at + self.text.start == at + self.place.at
    }
}

/// The gram of `text` at this byte.
fn gram(text: &str, at: usize) -> Option<u64> {
    text.as_bytes().get(at..)?.first_chunk::<GRAM>().copied().map(u64::from_ne_bytes)
}

/// Enough characters, and not just a line of dashes.
fn tells(part: &str) -> bool {
    part.chars().count() >= SHORTEST && part.contains(char::is_alphanumeric)
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
mod tests {
    use super::*;

    fn found(documents: &[&str], text: &str) -> Vec<(usize, String)> {
        let documents: Vec<String> = documents.iter().map(|text| (*text).to_owned()).collect();
        let passages = joined(Verbatim::new(&documents).passages(&documents, text));
        passages.into_iter().map(|p| (p.document, documents[p.document][p.start..p.end].to_owned())).collect()
    }

    #[test]
    fn every_part_of_twenty_characters_is_found_whole() {
        let document: String = (0..500).map(|n| format!("{n}, ")).collect();
        for start in 0..200 {
            for length in [20, 21, 33, 100] {
                let part = &document[start..start + length];
                assert_eq!(found(&["", &document], &format!("#{part}#")), [(1, part.to_owned())]);
            }
            assert_eq!(found(&[&document], &format!("#{}#", &document[start..start + 19])), []);
        }
    }

    #[test]
    fn characters_count_and_stay_whole() {
        let document = "Ж 日本語の文書はここにあります。とても長い文です。👩👩 end";
        assert_eq!(
            found(&[document], "日本語の文書はここにあります。とても長い文です。"),
            [(0, document[3..].split('👩').next().unwrap().to_owned())]
        );
        assert_eq!(found(&[document], "日本語の文書はここにあ"), [], "eleven characters");
        // Two characters that begin with the same bytes.
        let (this, other) = ("twenty characters, it is: é", "twenty characters, it is: è");
        assert_eq!(found(&[this], other), [(0, "twenty characters, it is: ".to_owned())]);
        assert_eq!(found(&[&"-".repeat(90)], &"-".repeat(90)), []);
    }

    #[test]
    fn parts_that_follow_each_other_are_told_apart() {
        let documents = [
            "The Aurora lay off the port of Brest in May.",
            "In June the Aurora lay in the harbour of Lorient.",
        ];
        let text = "The Aurora lay off the port of Brest in MayIn June the Aurora lay in the harbour.";
        let expected = [
            (0, "The Aurora lay off the port of Brest in May".to_owned()),
            (1, "In June the Aurora lay in the harbour".to_owned()),
        ];
        assert_eq!(found(&documents, text), expected);
        // Sent twice, it has left once.
        assert_eq!(found(&documents, &text.repeat(2)), expected);
    }

    #[test]
    fn long_and_repetitive_documents_are_no_burden() {
        let document = "lorem ipsum ".repeat(90_000);
        let passages = found(&[&document], &document[..200_000]);
        assert_eq!(passages.iter().map(|(_, text)| text.len()).sum::<usize>(), 200_000);
        assert_eq!(found(&[&document], &"lorem ipsam ".repeat(20_000)), []);
    }
}
