//! How well a text agrees with a reference: the words, and the rows of tables.

use std::collections::HashMap;

/// The F1 score of the words, as bags: 1 is all of them and no others.
pub(crate) fn word_f1(text: &str, reference: &str) -> f64 {
    let (ours, theirs) = (bag(text), bag(reference));
    let common: usize = ours.iter().map(|(word, count)| count.min(theirs.get(word).unwrap_or(&0))).sum();
    let all = ours.values().sum::<usize>() + theirs.values().sum::<usize>();
    if all == 0 { 1.0 } else { 2.0 * common as f64 / all as f64 }
}

fn bag(text: &str) -> HashMap<&str, usize> {
    let mut bag = HashMap::new();
    for word in text.split_whitespace().map(bare).filter(|word| !word.is_empty()) {
        *bag.entry(word).or_default() += 1;
    }
    bag
}

/// A word without the punctuation around it.
fn bare(word: &str) -> &str {
    word.trim_matches(|letter: char| !letter.is_alphanumeric())
}

/// A row of a table: what it is about, and its figures.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TableRow {
    pub(crate) label: String,
    pub(crate) figures: Vec<String>,
}

/// The rows of tables in a text that keeps the layout: a label, a gap of two spaces, two figures or more.
pub(crate) fn table_rows(reference: &str) -> Vec<TableRow> {
    reference.split(['\n', '\u{c}']).filter_map(table_row).collect()
}

fn table_row(line: &str) -> Option<TableRow> {
    let line = line.trim();
    let (label, rest) = line.split_once("  ")?;
    if !label.contains(char::is_alphabetic) {
        return None;
    }
    let figures: Vec<String> =
        rest.split_whitespace().filter(|word| is_figure(word)).map(|it| bare(it).to_owned()).collect();
    (figures.len() >= 2).then(|| TableRow { label: label.to_owned(), figures })
}

fn is_figure(word: &str) -> bool {
    word.starts_with(|letter: char| letter.is_ascii_digit() || "($-".contains(letter))
        && word.contains(|letter: char| letter.is_ascii_digit())
        && word.chars().all(|letter| letter.is_ascii_digit() || "($-,.)%".contains(letter))
}

/// The rows that a text lacks: no line of it has the label and all figures behind it, in order.
pub(crate) fn lost_rows<'r>(text: &str, rows: &'r [TableRow]) -> Vec<&'r TableRow> {
    let lines: Vec<Vec<&str>> = text
        .split(['\n', '\u{c}'])
        .map(|line| line.split_whitespace().map(bare).filter(|it| !it.is_empty()).collect())
        .collect();
    rows.iter().filter(|row| !lines.iter().any(|line| keeps(line, row))).collect()
}

fn keeps(line: &[&str], row: &TableRow) -> bool {
    let label = row.label.split_whitespace().map(bare).filter(|word| !word.is_empty());
    let mut rest = line.iter();
    label.chain(row.figures.iter().map(String::as_str)).all(|word| rest.any(|other| *other == word))
}
