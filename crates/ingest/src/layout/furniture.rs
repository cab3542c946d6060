//! Headers, footers and page numbers: what stands on page after page is kept once.

use std::collections::HashMap;

use super::{Line, PageText};

/// The part of a page at its top and bottom where headers and footers stand.
const EDGE: f32 = 0.085;
/// The same for lines that are nothing but a page's number.
const NUMBER_EDGE: f32 = 0.14;
/// A line that is so much larger than the page's text is a title.
const TITLE: f32 = 1.25;
/// How many lines at an edge are looked at.
const LINES: usize = 4;
/// How many pages in a row have a line that is furniture.
const PAGES: usize = 3;
/// The same for lines with figures that are no page numbers, such as the heads of tables that go on.
const PAGES_WITH_FIGURES: usize = 8;
/// How far it may move, in points.
const MOVED: f32 = 6.0;

/// Takes what is furniture off the pages, but for where it stands first.
pub(crate) fn keep_once(pages: &mut [PageText]) {
    let edges: Vec<Vec<Vec<usize>>> = pages.iter().map(edges).collect();
    let mut chains: HashMap<(usize, String), Vec<Seen>> = HashMap::new();
    for (page, edges) in edges.iter().enumerate() {
        for (edge, lines) in edges.iter().enumerate() {
            for (depth, &line) in lines.iter().enumerate() {
                let seen = Seen { page, depth, line, y: pages[page].lines[line].y };
                chains.entry((edge, masked(&pages[page].lines[line].text))).or_default().push(seen);
            }
        }
    }
    let mut doomed: Vec<Vec<(usize, usize, usize)>> = vec![Vec::new(); pages.len()];
    for ((edge, _), seen) in chains {
        for chain in chained(&seen) {
            if is_furniture(chain, pages) {
                for (index, seen) in chain.iter().enumerate() {
                    doomed[seen.page].push((
                        edge,
                        seen.depth,
                        if index == 0 { usize::MAX } else { seen.line },
                    ));
                }
            }
        }
    }
    for (page, mut doomed) in pages.iter_mut().zip(doomed) {
        doomed.sort_unstable();
        remove(page, &doomed);
    }
}

/// A line at an edge of a page.
#[derive(Clone, Copy)]
struct Seen {
    page: usize,
    /// How many lines stand between it and the edge.
    depth: usize,
    line: usize,
    y: f32,
}

/// The lines at the top, at the bottom, and those that are turned, from the edge inwards.
fn edges(page: &PageText) -> Vec<Vec<usize>> {
    let usual = usual_size(page);
    let within = |distance: fn(f32) -> f32| {
        let edge = |line: &Line| if is_number(&line.text) { NUMBER_EDGE } else { EDGE };
        let lines = page.lines.iter().enumerate().filter(|(_, line)| {
            !line.turned && line.size < TITLE * usual && distance(line.y / page.height) < edge(line)
        });
        lines.map(|(index, _)| index).collect::<Vec<_>>()
    };
    let mut top = within(|y| y);
    let mut bottom = within(|y| 1.0 - y);
    top.sort_by(|a, b| page.lines[*a].y.total_cmp(&page.lines[*b].y));
    bottom.sort_by(|a, b| page.lines[*b].y.total_cmp(&page.lines[*a].y));
    top.truncate(LINES);
    bottom.truncate(LINES);
    let turned = page.lines.iter().enumerate().filter(|(_, line)| line.turned);
    vec![top, bottom, turned.map(|(index, _)| index).take(LINES).collect()]
}

/// The size that most of the page's characters have.
fn usual_size(page: &PageText) -> f32 {
    let mut sizes: Vec<(f32, usize)> = page.lines.iter().map(|line| (line.size, line.text.len())).collect();
    sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = sizes.iter().map(|(_, length)| length).sum::<usize>() / 2;
    let mut below = 0;
    let median = sizes.iter().find(|(_, length)| {
        below += length;
        below > half
    });
    median.map_or(0.0, |(size, _)| *size).max(1.0)
}

/// Whether a line is a page's number, with the words that go with it.
fn is_number(text: &str) -> bool {
    const WORDS: [&str; 9] = ["page", "p", "pg", "of", "seite", "von", "página", "de", "sur"];
    let mut words = text.split(|letter: char| !letter.is_alphabetic()).filter(|word| !word.is_empty());
    text.contains(|letter: char| letter.is_ascii_digit())
        && words.all(|word| WORDS.contains(&word.to_lowercase().as_str()))
}

/// A line's text with one mark for each of its figures.
fn masked(text: &str) -> String {
    let mut masked = String::new();
    for letter in text.chars().filter(|letter| !letter.is_whitespace()) {
        if !letter.is_ascii_digit() {
            masked.push(letter);
        } else if !masked.ends_with('#') {
            masked.push('#');
        }
    }
    masked
}

/// Cuts what was seen where it is missing for two pages, or moves.
fn chained(seen: &[Seen]) -> impl Iterator<Item = &[Seen]> {
    seen.chunk_by(|a, b| b.page > a.page && b.page - a.page <= 2 && (a.y - b.y).abs() <= MOVED)
}

fn is_furniture(chain: &[Seen], pages: &[PageText]) -> bool {
    let text = |seen: &Seen| pages[seen.page].lines[seen.line].text.as_str();
    let Some(first) = chain.first() else { return false };
    if chain.len() >= PAGES && numbers_pages(chain, text) {
        return true;
    }
    let alike = chain.iter().all(|seen| text(seen) == text(first));
    let needed =
        if text(first).contains(|letter: char| letter.is_ascii_digit()) { PAGES_WITH_FIGURES } else { PAGES };
    alike && chain.len() >= needed
}

/// Whether one of the line's figures counts the pages, and the others stay.
fn numbers_pages<'t>(chain: &[Seen], text: impl Fn(&Seen) -> &'t str) -> bool {
    let figures: Vec<Vec<i64>> = chain.iter().map(|seen| figures(text(seen))).collect();
    let columns = figures[0].len();
    if columns == 0 || figures.iter().any(|row| row.len() != columns) {
        return false;
    }
    let counts = |column: usize| {
        let offset = |index: usize| figures[index][column] - chain[index].page as i64;
        (1..chain.len()).all(|index| offset(index) == offset(0))
    };
    let stays = |column: usize| figures.iter().all(|row| row[column] == figures[0][column]);
    (0..columns).any(counts) && (0..columns).all(|column| counts(column) || stays(column))
}

fn figures(text: &str) -> Vec<i64> {
    let runs = text.split(|letter: char| !letter.is_ascii_digit()).filter(|run| !run.is_empty());
    runs.map(|run| run.parse().unwrap_or(-1)).collect()
}

/// Removes the lines that are furniture up to the first from the edge that is not. `doomed` is sorted by edge and depth;
/// a line that is kept, as it is the first of its kind, has the index `usize::MAX`.
fn remove(page: &mut PageText, doomed: &[(usize, usize, usize)]) {
    let mut removed = vec![false; page.lines.len()];
    for edge in doomed.chunk_by(|a, b| a.0 == b.0) {
        let turned = edge[0].0 == 2;
        for (expected, (_, depth, line)) in edge.iter().enumerate() {
            if *depth != expected && !turned {
                break;
            }
            if let Some(removed) = removed.get_mut(*line) {
                *removed = true;
            }
        }
    }
    let mut begins = false;
    let mut index = 0;
    page.lines.retain_mut(|line| {
        let gone = removed[index];
        index += 1;
        begins |= gone && line.begins;
        line.begins |= !gone && std::mem::take(&mut begins);
        !gone
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(lines: &[(&str, f32)]) -> PageText {
        let line = |(text, y): &(&str, f32)| Line { text: (*text).to_owned(), y: *y, ..Line::default() };
        PageText { lines: lines.iter().map(line).collect(), notes: Vec::new(), height: 800.0 }
    }

    fn texts(pages: &[PageText]) -> Vec<Vec<&str>> {
        pages.iter().map(|page| page.lines.iter().map(|line| line.text.as_str()).collect()).collect()
    }

    #[test]
    fn headers_and_page_numbers_are_kept_once() {
        let mut pages: Vec<PageText> = ["one", "two", "three", "four"]
            .iter()
            .enumerate()
            .map(|(index, text)| {
                let number = format!("Page {} of 4", index + 1);
                page(&[("Annual Report", 30.0), (text, 400.0), (&number, 780.0)])
            })
            .collect();
        keep_once(&mut pages);
        assert_eq!(
            texts(&pages),
            [vec!["Annual Report", "one", "Page 1 of 4"], vec!["two"], vec!["three"], vec!["four"]]
        );
    }

    #[test]
    fn what_is_no_furniture_stays() {
        let cases: &[(&str, [&str; 4], f32)] = &[
            ("on too few pages", ["Part A", "Part A", "Part B", "Part B"], 30.0),
            ("in the middle", ["The same", "The same", "The same", "The same"], 400.0),
            ("figures that count nothing", ["2014 2015", "2014 2015", "2014 2015", "2014 2015"], 30.0),
            ("figures that differ", ["Sales 17", "Sales 4", "Sales 90", "Sales 2"], 30.0),
        ];
        for (name, lines, y) in cases {
            let mut pages: Vec<PageText> = lines.iter().map(|text| page(&[(text, *y)])).collect();
            keep_once(&mut pages);
            assert_eq!(pages.iter().map(|page| page.lines.len()).sum::<usize>(), 4, "{name}");
        }
    }

    #[test]
    fn titles_that_count_are_none() {
        for (y, size) in [(90.0, 10.0), (30.0, 20.0)] {
            let title = |index: usize| Line { text: format!("Question {index}"), y, size, ..Line::default() };
            let body = Line {
                text: "What is asked here, at some length?".to_owned(),
                y: 400.0,
                size: 10.0,
                ..Line::default()
            };
            let page = |index| PageText {
                lines: vec![title(index), body.clone()],
                notes: Vec::new(),
                height: 800.0,
            };
            let mut pages: Vec<PageText> = (1..6).map(page).collect();
            keep_once(&mut pages);
            assert!(pages.iter().all(|page| page.lines.len() == 2));
        }
    }

    #[test]
    fn a_line_behind_one_that_stays_is_kept() {
        let mut pages: Vec<PageText> =
            (0..4).map(|index| page(&[(&"x".repeat(index + 1), 20.0), ("Header", 30.0)])).collect();
        keep_once(&mut pages);
        assert!(pages.iter().all(|page| page.lines.len() == 2));
    }

    #[test]
    fn every_other_page_counts() {
        let mut pages: Vec<PageText> =
            (0..8).map(|index| page(&[(if index % 2 == 0 { "Left" } else { "Right" }, 30.0)])).collect();
        keep_once(&mut pages);
        assert_eq!(pages.iter().map(|page| page.lines.len()).sum::<usize>(), 2);
    }
}
