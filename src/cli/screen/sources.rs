//! Where an answer comes from, for people: `[1] ✓ annual.pdf p. 40 "Total current liabilities 68,391"`.

use std::collections::HashSet;

use minions::Cited;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::clean::in_one_line;
use super::terminal::Terminal;
use super::width::{cut, wrapped};

/// Sources that are shown in short.
const MOST: usize = 8;

/// Words that begin sentences and name nothing.
const LITTLE: [&str; 38] = [
    "a", "all", "an", "and", "any", "are", "as", "at", "but", "by", "did", "for", "had", "has", "he", "her",
    "his", "how", "i", "if", "in", "is", "it", "its", "no", "not", "of", "on", "one", "or", "she", "so",
    "the", "to", "was", "we", "who", "you",
];

/// How much is told of sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Cite {
    /// Nothing.
    None,
    /// The sources that have most to do with the answer, a line each.
    #[default]
    Short,
    /// All of them, each with its whole quote.
    Full,
}

/// The sources of an answer that names none itself: those that share most words and figures with it first, each once,
/// those that stand in the documents before others. What the supervisor was shown, and no model cites, is one only where it
/// shares something with the answer.
pub(crate) fn ranked(evidence: &[Cited], answer: &str) -> Vec<Cited> {
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

/// The document of a source and the place in it, such as `annual.pdf p. 40` or `src/a.rs:88`; all places of a citation
/// that has several.
pub(crate) fn place(cited: &Cited) -> String {
    let (name, place) = parts(cited);
    name + &place
}

/// The document of a source, and what follows it.
fn parts(cited: &Cited) -> (String, String) {
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

/// The same in so many columns: the place in the document matters more than the document's whole name.
fn short_place(cited: &Cited, columns: usize) -> String {
    let (name, place) = parts(cited);
    let name = cut(&name, columns.saturating_sub(place.width()));
    cut(&(name + &place), columns)
}

/// `sources`, as they are ranked, in lines for `terminal` with so many columns; `all` says how all of them are shown.
pub(crate) fn sources(
    sources: &[Cited],
    cite: Cite,
    terminal: Terminal,
    columns: usize,
    all: &str,
) -> String {
    let shown = match cite {
        Cite::None => return String::new(),
        Cite::Short => &sources[..sources.len().min(MOST)],
        Cite::Full => sources,
    };
    let mut text = String::new();
    for (at, cited) in shown.iter().enumerate() {
        let (mark, colour) = if cited.evidence.verified { ("✓", "32") } else { ("?", "33") };
        let (number, quote) = (format!("[{}]", at + 1), in_one_line(&cited.citation));
        let place = place(cited);
        let head = format!("{number} {} {place}", terminal.paint(colour, mark));
        let taken = number.len() + 3 + place.width();
        text += &match cite {
            Cite::Full => {
                let indent = " ".repeat(number.len() + 1);
                let quoted = wrapped(&format!("\"{quote}\""), columns.saturating_sub(indent.len()));
                let lines: String = quoted.iter().map(|line| format!("{indent}{line}\n")).collect();
                format!("{head}\n{lines}")
            }
            // A quote of which a word or two are left says nothing.
            _ if taken + 16 > columns => {
                let place = short_place(cited, columns.saturating_sub(number.len() + 3));
                format!(
                    "{number} {} {place}
",
                    terminal.paint(colour, mark)
                )
            }
            _ => {
                let quote = cut(&quote, columns - taken - 3);
                format!("{head} {}\n", terminal.paint("2", &format!("\"{quote}\"")))
            }
        };
    }
    if shown.len() < sources.len() {
        let more = format!("and {} more: {all}", sources.len() - shown.len());
        text += &(terminal.paint("2", &cut(&more, columns)) + "\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use minions::documents::evidence::Evidence;

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

    fn all() -> Vec<Cited> {
        vec![
            cited("The fleet had forty ships", Some("annual.pdf"), Some("p. 7"), true),
            cited("revenue of 87,812\nmillion", None, None, false),
            cited("Total current liabilities 68,391 87,812", Some("annual.pdf"), Some("p. 40"), true),
            cited("let x = 1;", Some("src/a\u{1b}.rs"), Some("line 88"), true),
            cited("The fleet had forty ships", Some("annual.pdf"), Some("p. 7"), true),
        ]
    }

    #[test]
    fn what_the_answer_rests_on_comes_first() {
        let ranked = ranked(&all(), "Current liabilities were $87,812 million, up from 68,391.");
        let places: Vec<String> = ranked.iter().map(place).collect();
        assert_eq!(places, ["annual.pdf p. 40", "annual.pdf p. 7", "src/a␛.rs:88", "in no document"]);
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

    #[test]
    fn a_source_is_a_line_of_any_width() {
        let ranked = ranked(&all(), "87,812");
        let plain = Terminal::default();
        assert_eq!(
            sources(&ranked, Cite::Short, plain, 60, ""),
            "[1] ✓ annual.pdf p. 40 \"Total current liabilities 68,391...\"\n[2] ✓ annual.pdf p. 7 \"The fleet had forty ships\"\n\
             [3] ✓ src/a␛.rs:88 \"let x = 1;\"\n[4] ? in no document \"revenue of 87,812 million\"\n"
        );
        assert_eq!(
            sources(&ranked[..1], Cite::Full, plain, 20, ""),
            "[1] ✓ annual.pdf p. 40\n    \"Total current\n    liabilities\n    68,391 87,812\"\n"
        );
        assert_eq!(sources(&ranked[..1], Cite::Short, plain, 20, ""), "[1] ✓ annua... p. 40\n");
        for columns in 8..100 {
            let text = sources(&ranked, Cite::Short, plain, columns, "");
            assert!(text.lines().all(|line| line.width() <= columns), "{columns}\n{text}");
        }
        assert_eq!(sources(&ranked, Cite::None, plain, 60, ""), "");
    }
}
