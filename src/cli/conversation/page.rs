//! The page around a quote, with its words marked.

use minions::Cited;
use minions::documents::Document;

use crate::cli::screen::{Terminal, clean, place};

/// Ends a page.
const PAGE_END: char = '\u{c}';
/// Characters before and behind a quote that are shown where a page has more, or where there are no pages.
const AROUND: usize = 1500;

/// The page of `document` that `cited` stands on, for `terminal`.
pub(super) fn page(document: &Document, cited: &Cited, terminal: Terminal) -> String {
    let at =
        |offset: usize| document.text.char_indices().nth(offset).map_or(document.text.len(), |(at, _)| at);
    let (start, end) = match (cited.evidence.start, cited.evidence.end) {
        (Some(start), Some(end)) if start <= end => (at(start), at(end)),
        _ => return format!("{}: the place of these words is not known\n", place(cited)),
    };
    let (before, quote, behind) =
        (&document.text[..start], &document.text[start..end], &document.text[end..]);
    let before = before.rsplit(PAGE_END).next().unwrap_or_default();
    let behind = behind.split(PAGE_END).next().unwrap_or_default();
    let before = last_lines(before);
    let behind = first_lines(behind);
    let shown = |text: &str| clean(&text.replace(PAGE_END, "\n"));
    let mark = match terminal.has_colours {
        true => shown(quote).split('\n').map(|line| terminal.paint("7", line)).collect::<Vec<_>>().join("\n"),
        false => format!(">>>{}<<<", shown(quote)),
    };
    let head = terminal.paint("1", &place(cited));
    format!("{head}\n{}{mark}{}\n", shown(before), shown(behind).trim_end())
}

/// The end of `text`, from the beginning of a line on, if it is long.
fn last_lines(text: &str) -> &str {
    let Some((cut, _)) = text.char_indices().rev().nth(AROUND) else { return text.trim_start_matches('\n') };
    let rest = &text[cut..];
    rest.find('\n').map_or(rest, |end| &rest[end + 1..])
}

/// The beginning of `text`, up to the end of a line, if it is long.
fn first_lines(text: &str) -> &str {
    let Some((cut, _)) = text.char_indices().nth(AROUND) else { return text };
    let rest = &text[..cut];
    rest.rfind('\n').map_or(rest, |end| &rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use minions::documents::evidence::Evidence;

    fn shown(text: &str, quote: &str, has_colours: bool) -> String {
        let start = text.find(quote).map(|at| text[..at].chars().count());
        let evidence = Evidence {
            document: Some(0),
            start,
            end: start.map(|start| start + quote.chars().count()),
            verified: true,
            likeness: None,
        };
        let (source, place) = (Some("a.pdf".to_owned()), Some("p. 2".to_owned()));
        let cited = Cited {
            round: 1,
            job_id: None,
            chunk_id: None,
            citation: quote.to_owned(),
            evidence,
            source,
            told_as: None,
            place,
        };
        let terminal = Terminal { is_terminal: true, can_redraw: true, has_colours };
        page(&Document::from(text.to_owned()), &cited, terminal)
    }

    #[test]
    fn the_page_is_shown_with_the_words_marked() {
        let text = "first ü page\n\u{c}second 中 page: margin of 12 %\u{1b}.\nend\n\u{c}third";
        assert_eq!(
            shown(text, "margin of 12 %", false),
            "a.pdf p. 2\nsecond 中 page: >>>margin of 12 %<<<␛.\nend\n"
        );
        assert_eq!(
            shown(text, "margin of 12 %", true),
            "\x1b[1ma.pdf p. 2\x1b[0m\nsecond 中 page: \x1b[7mmargin of 12 %\x1b[0m␛.\nend\n"
        );
        assert!(shown(text, "lost words", false).contains("is not known"));
    }

    #[test]
    fn a_text_without_pages_is_shown_around_the_words() {
        let lines: String = (0..2000).map(|line| format!("line {line}\n")).collect();
        let shown = shown(&lines, "line 1000", false);
        assert!(shown.contains(">>>line 1000<<<") && shown.lines().count() < 400, "{shown}");
        assert!(shown.lines().nth(1).is_some_and(|line| line.starts_with("line ")));
    }
}
