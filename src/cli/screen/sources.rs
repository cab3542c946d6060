//! Where an answer comes from, for people: `[1] ✓ annual.pdf p. 40 "Total current liabilities 68,391"`.

use minions::Cited;
use minions::answer::document_and_place;
use unicode_width::UnicodeWidthStr;

use super::clean::{clean, in_one_line};
use super::terminal::Terminal;
use super::width::{cut, wrapped};

/// Sources that are shown in short.
const MOST: usize = 8;

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

/// The document of a source and the place in it, for a terminal.
pub(crate) fn place(cited: &Cited) -> String {
    let (name, place) = parts(cited);
    name + &place
}

/// The document of a source, and what follows it.
fn parts(cited: &Cited) -> (String, String) {
    let (name, place) = document_and_place(cited);
    (clean(&name), clean(&place))
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
                format!("{number} {} {place}\n", terminal.paint(colour, mark))
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
    use minions::answer::ranked;
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
