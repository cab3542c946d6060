//! From rows to lines of text.

use super::columns::Block;
use super::rows::Row;
use super::script::{is_unspaced, logical};
use super::tables::{self, Cell, Cells};
use super::words::{Word, word_gap};
use crate::raised::Rise;

/// The space that parts cells, in ems: they are written with two spaces between them.
const CELL: f32 = 1.0;
/// The same between letters of a script without spaces.
const UNSPACED_CELL: f32 = 1.5;
/// A space parts cells only if it is so much wider than most of the row, as words may be spread to fill a line, or if it
/// is wide beyond doubt.
const WIDER: f32 = 2.0;
const WIDE: f32 = 1.8;
/// How much more space than usual there is between paragraphs.
const PARAGRAPH: f32 = 1.4;
/// How much a raised figure is raised, in ems, and how much smaller it is.
const RAISED: f32 = 0.18;
const SMALLER: f32 = 0.87;
/// How near it is to its word, and how near if no space is between them, in ems.
const NEAR: f32 = 0.6;
const ATTACHED: f32 = 0.2;
/// How much a lowered figure is lowered, in ems.
const LOWERED: f32 = 0.08;
/// How many letters are spaced out to make a word that is written so.
const SPACED_OUT: usize = 4;

/// A line of text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Line {
    pub(crate) text: String,
    /// Its baseline, from the top of the page.
    pub(crate) y: f32,
    /// The font's size of most of it.
    pub(crate) size: f32,
    /// Whether space before it makes it the first of a paragraph.
    pub(crate) begins: bool,
    /// Whether it has cells, as a row of a table has.
    pub(crate) cells: bool,
    /// Whether its baseline is not that of the page's text, but turned.
    pub(crate) turned: bool,
}

/// The lines of a block.
pub(crate) fn lines(block: Block) -> Vec<Line> {
    let pitch = usual_pitch(&block);
    let mut before: Option<(f32, f32)> = None;
    let mut lines = Vec::new();
    let rows: Vec<Cells> = block.into_iter().map(cells).collect();
    let blanks = tables::blanks(&rows);
    for (row, blanks) in rows.into_iter().zip(blanks) {
        let (y, size) = (row.y, row.size);
        let apart = |(above, above_size): (f32, f32)| {
            let step = y - above;
            step > PARAGRAPH * pitch && step > 1.3 * size.max(above_size) || step > 3.0 * size.max(above_size)
        };
        let begins = before.is_none_or(apart);
        let cells = row.cells.len() > 1;
        let text = match blanks {
            Some(cells) => cells.join(tables::BETWEEN),
            None => row.cells.into_iter().map(|cell| cell.text).collect::<Vec<_>>().join("  "),
        };
        let text = logical(text.trim());
        if !text.is_empty() {
            before = Some((y, size));
            lines.push(Line { text, y, size, begins, cells, turned: false });
        }
    }
    lines
}

/// The distance of most baselines from the one above.
fn usual_pitch(block: &Block) -> f32 {
    let mut steps: Vec<f32> =
        block.windows(2).map(|pair| pair[1].y - pair[0].y).filter(|step| *step > 1.0).collect();
    steps.sort_by(f32::total_cmp);
    // Below the middle, as a table may have more space between its rows than within them.
    steps.get(steps.len() * 2 / 5).copied().unwrap_or(0.0)
}

/// The cells of a row.
fn cells(row: Row) -> Cells {
    let (y, size) = (row.y, row.size);
    let words = closed_up(row.words);
    let wider = WIDER * usual_gap(&words);
    let mut cells: Vec<Cell> = Vec::new();
    let mut before: Option<&Word> = None;
    for (word, next) in words.iter().zip(words.iter().skip(1).map(Some).chain([None])) {
        let figure = before.and_then(|before| raised(word, before, word.x0 - before.x1, y));
        let figure = figure.or_else(|| next.and_then(|next| raised(word, next, next.x0 - word.x1, y)));
        if let Some(before) = before {
            let (last, first) = (before.text.chars().next_back(), word.text.chars().next());
            let unspaced = last.is_some_and(is_unspaced) && first.is_some_and(is_unspaced);
            let gap = word.x0 - before.x1;
            let small = before.size.min(word.size);
            let needed = if before.spaced { 0.05 } else { word_gap(last, first) };
            let cell = if unspaced { UNSPACED_CELL } else { CELL } * size;
            let parts = gap > cell && (gap > WIDE * size || gap > wider);
            match cells.last_mut() {
                Some(cell) if !parts => {
                    let apart = figure.is_none() || gap > ATTACHED * before.size;
                    if gap > needed * small && apart && !(unspaced && gap < small * 0.9) {
                        cell.last = Some((cell.text.len(), cell.x1, word.x0));
                        cell.text.push(' ');
                    }
                }
                _ => cells.push(Cell::at(word.x0)),
            }
        } else {
            cells.push(Cell::at(word.x0));
        }
        if let Some(cell) = cells.last_mut() {
            cell.text.push_str(figure.as_deref().unwrap_or(&word.text));
            cell.x1 = cell.x1.max(word.x1);
        }
        before = Some(word);
    }
    Cells { cells, y, size }
}

/// The gap between most words.
fn usual_gap(words: &[Word]) -> f32 {
    let mut gaps: Vec<f32> =
        words.windows(2).map(|pair| pair[1].x0 - pair[0].x1).filter(|gap| *gap > 0.5).collect();
    gaps.sort_by(f32::total_cmp);
    gaps.get(gaps.len() / 2).copied().unwrap_or(0.0)
}

/// A figure that is raised or lowered beside another word, at this distance from it, written so that it is not taken for
/// a part of that.
fn raised(word: &Word, other: &Word, gap: f32, y: f32) -> Option<String> {
    let is_beside = gap < NEAR * other.size && word.size <= SMALLER * other.size;
    let (highest, lowest) = (y.min(other.y), y.max(other.y));
    let rise = match is_beside && is_figure(&word.text) {
        true if highest - word.y > RAISED * other.size => Rise::Raised,
        true if word.y - lowest > LOWERED * other.size => Rise::Lowered,
        _ => Rise::Level,
    };
    rise.written(&word.text)
}

/// Whether a word that is off its line is a figure: other letters are so in names such as that of TeX.
fn is_figure(text: &str) -> bool {
    text == "n" || text.contains(|letter: char| letter.is_ascii_digit())
}

/// The words, with letters that are spaced out made words again.
fn closed_up(words: Vec<Word>) -> Vec<Word> {
    let single =
        |word: &Word| word.length() == 1 && word.text.chars().all(char::is_alphabetic) && !word.spaced;
    let mut closed: Vec<Word> = Vec::new();
    let mut index = 0;
    while index < words.len() {
        let run = words[index..].iter().take_while(|word| single(word)).count();
        // The last letter may have a space drawn after it.
        let last = words
            .get(index + run)
            .is_some_and(|word| word.length() == 1 && word.text.chars().all(char::is_alphabetic));
        let run = run + usize::from(run > 0 && last);
        if run >= SPACED_OUT && evenly(&words[index..index + run]) {
            let letters = &words[index..index + run];
            let text = letters.iter().map(|word| word.text.as_str()).collect();
            closed.push(Word {
                text,
                x1: letters[run - 1].x1,
                spaced: letters[run - 1].spaced,
                ..letters[0].clone()
            });
            index += run;
        } else {
            let end = (index + run.max(1)).min(words.len());
            closed.extend_from_slice(&words[index..end]);
            index = end;
        }
    }
    closed
}

/// Whether the gaps between the letters are much the same, and not wide.
fn evenly(letters: &[Word]) -> bool {
    let gaps = || letters.windows(2).map(|pair| pair[1].x0 - pair[0].x1);
    let (least, most) = (gaps().fold(f32::INFINITY, f32::min), gaps().fold(0.0, f32::max));
    most < 0.7 * letters[0].size && most - least < 0.15 * letters[0].size
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::rows::rows;

    fn word(text: &str, x0: f32, x1: f32) -> Word {
        Word { text: text.to_owned(), x0, x1, y: 100.0, size: 10.0, spaced: false }
    }

    fn text(words: Vec<Word>) -> String {
        let mut lines = lines(rows(words));
        assert_eq!(lines.len(), 1);
        lines.remove(0).text
    }

    #[test]
    fn gaps_are_written_as_spaces() {
        let raised = |text: &str, x0: f32, x1: f32| Word { y: 96.0, size: 6.0, ..word(text, x0, x1) };
        let lowered = |text: &str, x0: f32, x1: f32| Word { y: 101.5, size: 6.0, ..word(text, x0, x1) };
        let drawn = |text: &str, x0: f32, x1: f32| Word { spaced: true, ..word(text, x0, x1) };
        let letter = |letter: &str, x0: f32| word(letter, x0, x0 + 6.0);
        let cases = [
            ("words", vec![word("two", 0.0, 15.0), word("words", 18.0, 40.0)], "two words"),
            (
                "cells",
                vec![word("Cash", 0.0, 20.0), word("12", 60.0, 70.0), word("9", 95.0, 100.0)],
                "Cash  12  9",
            ),
            (
                "words that are spread",
                vec![
                    word("far", 0.0, 15.0),
                    word("off", 22.0, 37.0),
                    word("away", 48.0, 68.0),
                    word("now", 76.0, 90.0),
                ],
                "far off away now",
            ),
            ("parts of a word", vec![word("head", 0.0, 20.0), word("line", 21.0, 40.0)], "headline"),
            ("a narrow space that is drawn", vec![drawn("a", 0.0, 5.0), word("b", 6.0, 11.0)], "a b"),
            ("a raised figure", vec![word("sales", 0.0, 25.0), raised("12", 25.5, 31.0)], "sales¹²"),
            ("an exponent", vec![word("10", 0.0, 10.0), raised("-3", 11.8, 16.0)], "10⁻³"),
            ("an exponent with a dash", vec![word("10", 0.0, 10.0), raised("–12", 10.5, 18.0)], "10⁻¹²"),
            ("an exponent at a distance", vec![word("10", 0.0, 10.0), raised("-3", 13.8, 18.0)], "10 ⁻³"),
            ("a mark before its note", vec![raised("1", 0.0, 3.0), word("See", 3.5, 18.0)], "¹See"),
            (
                "a mark before its sentence",
                vec![word("(2)", 0.0, 12.0), raised("1", 20.0, 23.0), word("If", 23.5, 31.0)],
                "(2) ¹If",
            ),
            ("a sum as exponent", vec![word("x", 0.0, 5.0), raised("n+1", 5.5, 14.0)], "xⁿ⁺¹"),
            (
                "what follows an exponent",
                vec![word("10", 0.0, 10.0), raised("6", 10.5, 14.0), word("mol", 17.0, 30.0)],
                "10⁶ mol",
            ),
            ("a lowered figure", vec![word("CO", 0.0, 12.0), lowered("2", 12.2, 15.0)], "CO₂"),
            ("a raised word", vec![word("the", 0.0, 15.0), raised("th", 15.5, 20.0)], "theth"),
            (
                "letters that are spaced out",
                vec![
                    letter("D", 0.0),
                    letter("A", 9.0),
                    letter("T", 18.0),
                    letter("E", 27.0),
                    word("of", 39.0, 48.0),
                ],
                "DATE of",
            ),
            (
                "letters as cells",
                vec![letter("A", 0.0), letter("B", 30.0), letter("C", 60.0), letter("D", 90.0)],
                "A  B  C  D",
            ),
            ("Chinese", vec![word("中", 0.0, 10.0), word("文", 17.0, 27.0)], "中文"),
        ];
        for (name, words, expected) in cases {
            assert_eq!(text(words), expected, "{name}");
        }
    }

    #[test]
    fn space_above_begins_a_paragraph() {
        let at = |y: f32| Word { y, ..word("line", 0.0, 20.0) };
        let lines = lines(rows([100.0, 112.0, 124.0, 150.0, 162.0].into_iter().map(at).collect()));
        assert_eq!(
            lines.iter().map(|line| line.begins).collect::<Vec<_>>(),
            [true, false, false, true, false]
        );
    }
}
