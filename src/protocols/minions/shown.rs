//! What a program shows of the documents without a worker's citation is evidence as well.

use crate::documents::Document;
use crate::documents::evidence::{Evidence, Likeness, Sources};
use crate::documents::verbatim::{Passage, SHORTEST, passages};
use crate::protocols::Cited;

/// The most passages of a round, and the most that are looked at.
const MOST: usize = 50;
const LOOKED_AT: usize = 500;
/// The most characters of a passage.
const LONGEST: usize = 300;

/// The passages of the documents that `text` has word for word, in its order, but for those that `known` citations hold.
pub(super) fn cited(
    round: u32,
    text: &str,
    sources: &Sources,
    documents: &[Document],
    known: &[Cited],
) -> Vec<Cited> {
    let mut cited: Vec<Cited> = Vec::new();
    for (_, passage) in passages(documents, text).take(LOOKED_AT) {
        let document = &documents[passage.document];
        let Some(words) = whole_words(&document.text, &passage) else { continue };
        let start = document.text[..passage.start].chars().count()
            + document.text[passage.start..words.start].chars().count();
        let citation = document.text[words].to_owned();
        let evidence = Evidence {
            document: Some(passage.document),
            start: Some(start),
            end: Some(start + citation.chars().count()),
            verified: true,
            likeness: Some(Likeness::Exact),
            parts: Vec::new(),
        };
        if known.iter().chain(&cited).any(|other| overlap(&other.evidence, &evidence)) {
            continue;
        }
        cited.push(Cited { round, is_shown: true, ..Cited::of(citation, evidence, sources, documents) });
        if cited.len() == MOST {
            break;
        }
    }
    cited
}

/// The bytes of the passage's whole words, if they are long enough.
fn whole_words(text: &str, passage: &Passage) -> Option<std::ops::Range<usize>> {
    let is_part = |c: char| c.is_alphanumeric();
    let (mut start, mut end) = (passage.start, passage.end);
    if text[..start].ends_with(is_part) {
        start += text[start..end].find(|c| !is_part(c))?;
    }
    if let Some((longest, _)) = text[start..end].char_indices().nth(LONGEST) {
        end = start + longest;
    }
    if text[end..].starts_with(is_part) {
        end = start + text[start..end].rfind(|c| !is_part(c))?;
    }
    let words = &text[start..end];
    let trimmed = words.trim();
    let start = start + (words.len() - words.trim_start().len());
    (trimmed.chars().count() >= SHORTEST).then_some(start..start + trimmed.len())
}

fn overlap(one: &Evidence, other: &Evidence) -> bool {
    one.verified && one.document == other.document && one.start < other.end && other.start < one.end
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;
    use crate::documents::Places;

    #[test]
    fn what_the_documents_have_word_for_word_is_cited_in_whole_words() {
        let documents = [
            Document::from("nothing".to_owned()),
            Document {
                name: Some("log".to_owned()),
                told_as: None,
                text: "First l\u{ed}ne here.\nThe Aurora lay off Brest in twelve fathoms of water. The end."
                    .to_owned(),
                places: Places::of_lines(),
            },
        ];
        let sources = Sources::new(&documents);
        let found = |text: &str, known: &[Cited]| cited(2, text, &sources, &documents, known);
        let first = found("1: urora lay off Brest in twelve fathoms of wat (twice)", &[]);
        assert_eq!(first.len(), 1);
        let Cited { citation, evidence, source, place, job_id, round, .. } = &first[0];
        assert_eq!(citation, "lay off Brest in twelve fathoms of");
        assert_eq!((source.as_deref(), place.as_deref()), (Some("log"), Some("line 2")));
        assert_eq!((*job_id, *round, evidence.document, evidence.verified), (None, 2, Some(1), true));
        let read: String = documents[1].text.chars().skip(evidence.start.unwrap()).take(34).collect();
        assert_eq!((&read, evidence.end.unwrap() - evidence.start.unwrap()), (citation, 34));
        // Once, and not what a worker cited.
        assert_eq!(found("lay off Brest in twelve fathoms, lay off Brest in twelve fathoms", &[]).len(), 1);
        assert_eq!(found("The Aurora lay off Brest in twelve", &first).len(), 0);
        for none in ["Twelve", "The Aurora sank off Brest", "", "nothing"] {
            assert_eq!(found(none, &[]).len(), 0, "{none}");
        }
        let long = Document::from("word ".repeat(1000));
        let text = long.text.clone();
        assert_eq!(
            cited(1, &text, &Sources::new(slice::from_ref(&long)), slice::from_ref(&long), &[])[0]
                .citation
                .chars()
                .count(),
            299
        );
    }
}
