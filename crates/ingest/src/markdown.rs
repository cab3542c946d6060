//! Markdown: the text as it is, with its headings as places.

use minions_documents::{Place, Places};

use crate::Kind;
use crate::reading::{Limits, Problem, Reading};
use crate::text;

pub(crate) fn read(bytes: Vec<u8>, limits: &Limits) -> Result<Reading, Problem> {
    let reading = text::read(bytes, limits)?;
    let mut places = vec![(0, Place::Line(1))];
    places.extend(headings(&reading.text));
    Ok(Reading { kind: Kind::Markdown, places: Places::from(places), ..reading })
}

/// The headings, each with its offset in characters: lines that begin with `#`, and lines with `===` or `---` below
/// them. Lines in fences and in the front matter are none.
fn headings(text: &str) -> Vec<(usize, Place)> {
    let mut found: Vec<(usize, Place)> = Vec::new();
    let mut fence: Option<&str> = None;
    let mut front_matter =
        text.starts_with("---\n") && text[4..].split('\n').any(|line| line.trim_end() == "---");
    let (mut offset, mut before) = (0, None);
    for (number, line) in (1..).zip(text.split('\n')) {
        let start = offset;
        offset += line.chars().count() + 1;
        let words = line.trim();
        let is_indented = line.starts_with("    ") || line.starts_with('\t');
        if front_matter {
            front_matter = number == 1 || words != "---";
            continue;
        }
        if let Some(open) = fence {
            if words.starts_with(open) && words.trim_start_matches(&open[..1]).is_empty() {
                fence = None;
            }
            continue;
        }
        fence = ["```", "~~~"].into_iter().find(|fence| words.starts_with(fence)).map(|_| run(words));
        let plain = fence.is_none() && !is_indented;
        let heading = atx(words).map(|title| (start, number, title));
        let heading = heading.or_else(|| before.filter(|_| is_underline(words)));
        if let Some((offset, line, title)) = heading.filter(|_| plain) {
            found.push((offset, Place::Section { heading: title.to_owned(), line }));
        }
        before = (plain && !words.is_empty() && is_prose(words)).then_some((start, number, words));
    }
    found
}

/// The equal characters that a text begins with.
fn run(text: &str) -> &str {
    let first = text.chars().next().unwrap_or_default();
    &text[..text.len() - text.trim_start_matches(first).len()]
}

/// The title of a heading that begins with `#`.
fn atx(line: &str) -> Option<&str> {
    let title = line.trim_start_matches('#');
    let depth = line.len() - title.len();
    let apart = title.starts_with([' ', '\t']);
    let title = title.trim().trim_end_matches('#').trim_end();
    ((1..=6).contains(&depth) && apart && !title.is_empty()).then_some(title)
}

/// Whether a line makes the one above it a heading.
fn is_underline(line: &str) -> bool {
    line.len() >= 2 && (line.bytes().all(|byte| byte == b'=') || line.bytes().all(|byte| byte == b'-'))
}

/// Whether a line can be a heading that is underlined: it is no heading, item, quote or row itself.
fn is_prose(line: &str) -> bool {
    !line.starts_with(['#', '>', '|', '<'])
        && !["- ", "* ", "+ "].iter().any(|item| line.starts_with(item))
        && !is_underline(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_places_beside_lines() {
        let text = "---\ntitle: x\n# not one\n---\nintro é\n# One #\ntext\n```sh\n# comment\n```\n~~~~\n# b\n~~~\n# c\n~~~~\n\
            Two\n===\n#hashtag\n    # code\n####### seven\n- item\n---\n| a |\n---\n## Three `x`\nlast";
        let document = read(text.as_bytes().to_vec(), &Limits::default()).unwrap().into_document("a.md");
        assert_eq!(document.text, text);
        let place = |words: &str| {
            let offset = text[..text.find(words).unwrap()].chars().count();
            document.place_at(offset).unwrap().to_string()
        };
        for (words, expected) in [
            ("title", "line 2"),
            ("# not one", "line 3"),
            ("intro", "line 5"),
            ("# One", "line 6 (One)"),
            ("# comment", "line 9 (One)"),
            ("# c\n", "line 14 (One)"),
            ("Two", "line 16 (Two)"),
            ("#hashtag", "line 18 (Two)"),
            ("####### seven", "line 20 (Two)"),
            ("| a |", "line 23 (Two)"),
            ("last", "line 26 (Three `x`)"),
        ] {
            assert_eq!(place(words), expected);
        }
    }

    #[test]
    fn a_line_at_the_beginning_is_no_front_matter_alone() {
        let document = read(b"---\n# One".to_vec(), &Limits::default()).unwrap().into_document("a.md");
        assert_eq!(document.place_at(4).unwrap().to_string(), "line 2 (One)");
    }
}
