//! What an answer rests on: the sources that have most to do with it, and how their places are written.

use std::collections::HashSet;

use unicode_segmentation::UnicodeSegmentation;

use crate::Cited;

/// Words that begin sentences and name nothing.
const LITTLE: [&str; 38] = [
    "a", "all", "an", "and", "any", "are", "as", "at", "but", "by", "did", "for", "had", "has", "he", "her",
    "his", "how", "i", "if", "in", "is", "it", "its", "no", "not", "of", "on", "one", "or", "she", "so",
    "the", "to", "was", "we", "who", "you",
];

/// The sources of an answer that names none itself: those that share most words and figures with it first, each once,
/// those that stand in the documents before others. What the supervisor was shown, and no model cites, is one only where it
/// shares something with the answer.
pub fn ranked(evidence: &[Cited], answer: &str) -> Vec<Cited> {
    let said: HashSet<String> = words(answer).collect();
    let named: HashSet<String> = telling(answer).collect();
    let mut seen = HashSet::new();
    let mut ranked: Vec<(bool, usize, &Cited)> = evidence
        .iter()
        .filter(|cited| {
            seen.insert((cited.evidence.document, cited.evidence.start, in_one_line(&cited.citation)))
        })
        .filter(|cited| !cited.is_shown || telling(&cited.citation).any(|word| named.contains(&word)))
        .map(|cited| {
            let shared: HashSet<String> = words(&cited.citation).filter(|word| said.contains(word)).collect();
            let weight = |word: &String| if word.contains(|c: char| c.is_ascii_digit()) { 4 } else { 1 };
            (cited.evidence.verified, shared.iter().map(weight).sum(), cited)
        })
        .collect();
    // Equals stay in the order in which they were found.
    ranked.sort_by_key(|(verified, shared, _)| std::cmp::Reverse((*verified, *shared)));
    ranked.into_iter().map(|(.., cited)| cited.clone()).collect()
}

/// [`words`], and short ones that may be names, or of a script without spaces.
fn telling(text: &str) -> impl Iterator<Item = String> {
    let is_name = |word: &&str| !word.is_ascii() || word.starts_with(|c: char| c.is_ascii_uppercase());
    let short = text.unicode_words().filter(is_name).map(str::to_lowercase);
    words(text).chain(short.filter(|word| !LITTLE.contains(&&**word)))
}

/// Words and figures that mean something, in lower case.
fn words(text: &str) -> impl Iterator<Item = String> {
    let parts = text.split(|c: char| !(c.is_alphanumeric() || ".,".contains(c)));
    let parts = parts.map(|word| word.trim_matches(['.', ',']).to_lowercase());
    parts.filter(|word| word.chars().count() > 3 || word.contains(|c: char| c.is_ascii_digit()))
}

/// The document of a source, and what follows it, such as ` p. 40` or, after `src/a.rs`, `:88`; all places of a citation
/// that has several.
pub fn document_and_place(cited: &Cited) -> (String, String) {
    let Some(document) = cited.evidence.document else { return ("in no document".to_owned(), String::new()) };
    let name = document_name(cited.source.as_deref(), document);
    let mut place = place_within(cited.place.as_deref());
    let mut last = (document, cited.place.as_deref());
    for part in &cited.parts {
        let here = (part.document, part.place.as_deref());
        if here == last {
            continue;
        }
        place += ",";
        if part.document != last.0 {
            place += &format!(" {}", document_name(part.source.as_deref(), part.document));
        }
        place += &place_within(here.1);
        last = here;
    }
    (name, place)
}

fn document_name(source: Option<&str>, document: usize) -> String {
    source.map_or_else(|| format!("document {}", document + 1), in_one_line)
}

fn place_within(place: Option<&str>) -> String {
    place.map_or(String::new(), |place| match place.strip_prefix("line ") {
        Some(line) => format!(":{}", in_one_line(line)),
        None => format!(" {}", in_one_line(place)),
    })
}

/// `text` in one line.
fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::evidence::Evidence;

    fn cited(citation: &str, source: Option<&str>, place: Option<&str>, verified: bool) -> Cited {
        Cited {
            is_shown: false,
            round: 1,
            job_id: None,
            chunk_id: None,
            citation: citation.to_owned(),
            evidence: Evidence {
                document: source.map(|_| 0),
                start: Some(citation.len()),
                end: None,
                verified,
                likeness: None,
                parts: Vec::new(),
            },
            source: source.map(str::to_owned),
            told_as: None,
            place: place.map(str::to_owned),
            parts: Vec::new(),
            nearest: None,
        }
    }

    #[test]
    fn what_was_shown_and_has_nothing_of_the_answer_is_no_source() {
        let shown = |citation: &str| Cited { is_shown: true, ..cited(citation, Some("a"), None, true) };
        let all = [
            shown("The hull was built in Brest"),
            shown("Signed: Ada"),
            shown("船长签署了"),
            cited("let x = 1;", Some("a"), None, true),
        ];
        for (answer, expected) in [
            ("Ada", &["Signed: Ada", "let x = 1;"][..]),
            ("The one who did it: ADA.", &["Signed: Ada", "let x = 1;"]),
            ("The answer is in no text", &["let x = 1;"]),
            ("It is of 1912, in Brest.", &["The hull was built in Brest", "let x = 1;"]),
            ("是船长", &["船长签署了", "let x = 1;"]),
        ] {
            let ranked = ranked(&all, answer);
            let told: Vec<&str> = ranked.iter().map(|cited| &*cited.citation).collect();
            assert_eq!(told, expected, "{answer}");
        }
        assert!(ranked(&all[..1], "Ada").is_empty());
    }
}
