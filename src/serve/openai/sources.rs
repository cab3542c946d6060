//! What an answer rests on, in lines below it.

use serde::Deserialize;
use serde_json::Value;

use crate::answer::{document_and_place, ranked};
use crate::documents::evidence::Evidence;
use crate::job::ProtocolKind;
use crate::{Cited, CitedPart};

/// What stands above the lines. A chat that goes on comes back with them.
const HEADING: &str = "\n\n**Sources**\n";
/// Lines at most.
const MOST: usize = 8;
/// Characters of a quote.
const LONGEST: usize = 240;

/// A piece of evidence as the envelope has it.
#[derive(Deserialize)]
struct Read {
    citation: String,
    job_id: Option<u64>,
    document: Option<usize>,
    start: Option<usize>,
    verified: bool,
    source: Option<String>,
    place: Option<String>,
    #[serde(default)]
    parts: Vec<ReadPart>,
}

#[derive(Deserialize)]
struct ReadPart {
    document: usize,
    source: Option<String>,
    place: Option<String>,
    start: usize,
    end: usize,
}

impl Read {
    fn cited(self, is_of_program: bool) -> Cited {
        let Self { citation, job_id, document, start, verified, source, place, parts } = self;
        let part = |ReadPart { document, source, place, start, end }| CitedPart {
            document,
            source,
            place,
            start,
            end,
        };
        Cited {
            round: 0,
            job_id,
            chunk_id: None,
            citation,
            evidence: Evidence { document, start, verified, ..Evidence::default() },
            source,
            told_as: None,
            place,
            parts: parts.into_iter().map(part).collect(),
            nearest: None,
            is_shown: is_of_program && job_id.is_none(),
        }
    }
}

/// The lines of a result of `protocol`; empty if it has no evidence.
pub(super) fn lines(result: &Value, protocol: ProtocolKind) -> String {
    let evidence = Vec::<Read>::deserialize(&result["evidence"]).unwrap_or_default();
    let is_of_program = protocol == ProtocolKind::Minions || result["routing"]["chosen"] == "minions";
    let cited: Vec<Cited> = evidence.into_iter().map(|read| read.cited(is_of_program)).collect();
    let ranked = ranked(&cited, result["final_answer"].as_str().unwrap_or_default());
    if ranked.is_empty() {
        return String::new();
    }
    let mut text = HEADING.to_owned();
    for (at, cited) in ranked.iter().take(MOST).enumerate() {
        let mark = if cited.evidence.verified { "✓" } else { "? (not found in the documents)" };
        let (name, place) = document_and_place(cited);
        let words = cited.citation.split_whitespace().collect::<Vec<_>>().join(" ");
        let quote = match words.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &words[..end]),
            None => words,
        };
        text += &format!("\n{}. {mark} {name}{place}: “{quote}”", at + 1);
    }
    if ranked.len() > MOST {
        text += &format!("\n\nand {} more", ranked.len() - MOST);
    }
    text
}

/// An answer without the lines below it.
pub(super) fn without_lines(answer: &str) -> &str {
    answer.rsplit_once(HEADING).map_or(answer, |(answer, _)| answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_best_sources_stand_below_the_answer() {
        let cited = |citation: &str, verified: bool| {
            json!({"citation": citation, "round": 1, "job_id": 0, "chunk_id": 0, "document": 0, "start": citation.len(),
                   "end": null, "verified": verified, "match": null, "source": "annual.pdf", "place": "p. 40"})
        };
        let result = json!({"final_answer": "12.3%", "evidence": [
            cited("A fleet of ships", true), cited("margin of 12.3%\n (2022)", true), cited("made up", false),
        ]});
        let text = lines(&result, ProtocolKind::Minions);
        let expected = "\n\n**Sources**\n\n1. ✓ annual.pdf p. 40: “margin of 12.3% (2022)”\n2. ✓ annual.pdf p. 40: “A fleet of \
             ships”\n3. ? (not found in the documents) annual.pdf p. 40: “made up”";
        assert_eq!(text, expected);
        assert_eq!(without_lines(&format!("12.3%{text}")), "12.3%");
        assert_eq!(without_lines("12.3%"), "12.3%");
        assert_eq!(lines(&json!({"final_answer": "x", "evidence": []}), ProtocolKind::Auto), "");
        assert_eq!(lines(&json!({"final_answer": "x"}), ProtocolKind::Minion), "");
    }
}
