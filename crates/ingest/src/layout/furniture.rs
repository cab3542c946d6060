//! Headers, footers and page numbers: what stands on page after page is kept once.

use std::collections::{HashMap, HashSet};

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
/// The words before a page's number, and those before the number of pages.
const PAGE_WORDS: [&str; 8] = ["page", "p", "pg", "seite", "página", "pagina", "strona", "стр"];
const OF_WORDS: [&str; 8] = ["of", "von", "de", "sur", "di", "z", "из", "van"];
/// What stands between words and a page's number beside them: the space between cells.
const APART: &str = "  ";
/// How far it may move, in points.
const MOVED: f32 = 6.0;

/// Takes what is furniture off the pages, but for where it stands first.
pub(crate) fn keep_once(pages: &mut [PageText]) {
    let edges: Vec<Vec<Vec<usize>>> = pages.iter().map(edges).collect();
    let mut chains = Chains::new();
    for (page, edges) in edges.iter().enumerate() {
        for (edge, lines) in edges.iter().enumerate() {
            for (depth, &line) in lines.iter().enumerate() {
                let seen = Seen { page, depth, line, y: pages[page].lines[line].y };
                chains.entry((edge, masked(&pages[page].lines[line].text))).or_default().push(seen);
            }
        }
    }
    let running = running_offsets(&chains, pages);
    let mut doomed: Vec<Vec<(usize, usize, usize)>> = vec![Vec::new(); pages.len()];
    for ((edge, _), seen) in chains {
        for chain in chained(&seen) {
            if is_furniture(chain, pages, &running) {
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
    let mut words = text.split(|letter: char| !letter.is_alphabetic()).filter(|word| !word.is_empty());
    text.contains(|letter: char| letter.is_ascii_digit())
        && words.all(|word| is_one_of(&PAGE_WORDS, word) || is_one_of(&OF_WORDS, word))
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

/// The lines that are alike, by the edge where they stand and their text without its figures.
type Chains = HashMap<(usize, String), Vec<Seen>>;

/// By how much page numbers beside words are more than the page's index, where they go on from chapter to chapter: under
/// several words, as no count of other things does.
fn running_offsets(chains: &Chains, pages: &[PageText]) -> HashSet<i64> {
    let mut words: HashMap<i64, usize> = HashMap::new();
    for seen in chains.values() {
        let mut offsets: HashMap<i64, usize> = HashMap::new();
        for seen in seen {
            let figures = figures(&pages[seen.page].lines[seen.line].text).into_iter();
            for figure in figures.filter(|figure| figure.is_apart && !figure.is_padded) {
                *offsets.entry(figure.value - seen.page as i64).or_default() += 1;
            }
        }
        for (offset, _) in offsets.into_iter().filter(|(offset, count)| *offset <= 1 && *count >= PAGES) {
            *words.entry(offset).or_default() += 1;
        }
    }
    words.into_iter().filter(|(_, words)| *words > 1).map(|(offset, _)| offset).collect()
}

fn is_furniture(chain: &[Seen], pages: &[PageText], running: &HashSet<i64>) -> bool {
    let text = |seen: &Seen| pages[seen.page].lines[seen.line].text.as_str();
    let Some(first) = chain.first() else { return false };
    if chain.len() >= PAGES && numbers_pages(chain, pages.len(), running, text) {
        return true;
    }
    let alike = chain.iter().all(|seen| text(seen) == text(first));
    let needed =
        if text(first).contains(|letter: char| letter.is_ascii_digit()) { PAGES_WITH_FIGURES } else { PAGES };
    alike && chain.len() >= needed
}

/// Whether the lines are page numbers: one figure of each counts the pages, and the others stay. Invoices, days and
/// certificates may count as pages do. So a figure is a page's only behind a word that says so, where it runs on beside
/// other words, or in a line without other words whose figures are none that the page can't have: a page of a part of a
/// book may keep its number.
fn numbers_pages<'t>(
    chain: &[Seen],
    pages: usize,
    running: &HashSet<i64>,
    text: impl Fn(&Seen) -> &'t str,
) -> bool {
    let figures: Vec<Vec<Figure>> = chain.iter().map(|seen| figures(text(seen))).collect();
    let columns = figures[0].len();
    if columns == 0 || figures.iter().any(|row| row.len() != columns) {
        return false;
    }
    let has_words = !is_number(text(&chain[0]));
    let counts = |column: usize| {
        let offset = |index: usize| figures[index][column].value - chain[index].page as i64;
        let is_named = figures[0][column].is_named;
        let runs = figures.iter().all(|row| row[column].is_apart) && running.contains(&offset(0));
        let is_possible = runs || offset(0) <= 1 && !has_words;
        let is_padded = figures.iter().any(|row| row[column].is_padded);
        !is_padded && (is_named || is_possible) && (1..chain.len()).all(|index| offset(index) == offset(0))
    };
    let stays = |column: usize| {
        let first = figures[0][column];
        let is_possible = first.value <= pages as i64 || has_words || figures[0][0].is_named;
        is_possible && figures.iter().all(|row| row[column].value == first.value)
    };
    (0..columns).any(counts) && (0..columns).all(|column| counts(column) || stays(column))
}

/// A figure of a line.
#[derive(Clone, Copy)]
struct Figure {
    value: i64,
    /// Whether the word before it says that it is a page's.
    is_named: bool,
    /// Whether it stands at the beginning or the end of its line, apart from the words.
    is_apart: bool,
    /// Whether it has zeros before it, as numbers of stamped pages and certificates have.
    is_padded: bool,
}

fn figures(text: &str) -> Vec<Figure> {
    let is_digit = |letter: char| letter.is_ascii_digit();
    let mut figures = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_digit) {
        let (before, behind) = rest.split_at(start);
        let end = behind.find(|letter| !is_digit(letter)).unwrap_or(behind.len());
        let mut words = before.split(|letter: char| !letter.is_alphabetic()).filter(|word| !word.is_empty());
        let is_named = words.next_back().is_some_and(|word| is_one_of(&PAGE_WORDS, word));
        let (figure, behind) = behind.split_at(end);
        figures.push(Figure {
            value: figure.parse().unwrap_or(-1),
            is_named: is_named && !before.ends_with(char::is_alphabetic),
            is_apart: before.is_empty() && figures.is_empty() && behind.starts_with(APART)
                || behind.is_empty() && before.ends_with(APART),
            is_padded: figure.len() > 1 && figure.starts_with('0'),
        });
        rest = behind;
    }
    figures
}

fn is_one_of(words: &[&str], word: &str) -> bool {
    words.contains(&word.to_lowercase().as_str())
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
            (
                "invoices",
                ["Invoice 2024-0100", "Invoice 2024-0101", "Invoice 2024-0102", "Invoice 2024-0103"],
                30.0,
            ),
            ("certificates", ["No. 1", "No. 2", "No. 3", "No. 4"], 30.0),
            ("certificates with a gap", ["No.  1", "No.  2", "No.  3", "No.  4"], 30.0),
            ("days", ["3 March 2024", "4 March 2024", "5 March 2024", "6 March 2024"], 30.0),
            ("months", ["1/2024", "2/2024", "3/2024", "4/2024"], 30.0),
            ("stamps", ["ACME000001", "ACME000002", "ACME000003", "ACME000004"], 780.0),
            ("stamps with a letter", ["P000101", "P000102", "P000103", "P000104"], 780.0),
            ("figures of a table", ["5", "6", "7", "8"], 720.0),
            ("large figures", ["1000", "1001", "1002", "1003"], 780.0),
        ];
        for (name, lines, y) in cases {
            let mut pages: Vec<PageText> = lines.iter().map(|text| page(&[(text, *y)])).collect();
            keep_once(&mut pages);
            assert_eq!(pages.iter().map(|page| page.lines.len()).sum::<usize>(), 4, "{name}");
        }
    }

    #[test]
    fn page_numbers_stand_once() {
        let cases: &[(&str, [&str; 4])] = &[
            ("lone", ["1", "2", "3", "4"]),
            ("with dashes", ["- 1 -", "- 2 -", "- 3 -", "- 4 -"]),
            ("with their count", ["1 / 4", "2 / 4", "3 / 4", "4 / 4"]),
            ("of a part", ["Page 17", "Page 18", "Page 19", "Page 20"]),
            (
                "of a part, with their count",
                ["Seite 17 von 90", "Seite 18 von 90", "Seite 19 von 90", "Seite 20 von 90"],
            ),
            (
                "with other words",
                ["Report 2013, p. 7", "Report 2013, p. 8", "Report 2013, p. 9", "Report 2013, p. 10"],
            ),
            ("of a section", ["3-1", "3-2", "3-3", "3-4"]),
        ];
        for (name, lines) in cases {
            let mut pages: Vec<PageText> = lines.iter().map(|text| page(&[(text, 780.0)])).collect();
            keep_once(&mut pages);
            assert_eq!(pages.iter().map(|page| page.lines.len()).sum::<usize>(), 1, "{name}");
        }
    }

    #[test]
    fn page_numbers_beside_heads_go_on() {
        let head = |index: usize| match (index % 2, index / 8) {
            (0, _) => format!("{}  A book", index + 1),
            (_, 0) => format!("The mill  {}", index + 1),
            _ => format!("The pond  {}", index + 1),
        };
        let heads: Vec<String> = (0..16).map(head).collect();
        let mut pages: Vec<PageText> =
            heads.iter().map(|head| page(&[(head, 30.0), ("words", 400.0)])).collect();
        keep_once(&mut pages);
        let kept: Vec<_> = pages.iter().filter(|page| page.lines.len() == 2).collect();
        assert_eq!(kept.len(), 3, "{kept:?}");
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
