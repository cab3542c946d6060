//! Formulas that cells share: the one that is written, as it holds in another cell.

use super::super::grid::{LAST_COLUMN, LAST_ROW, cell, letters};

/// A formula as it holds so many rows and columns further on. References with a `$` stay.
pub(super) fn moved(formula: &str, rows: i64, columns: i64) -> String {
    let mut moved = String::new();
    let mut rest = formula;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            // A text, or the name of a sheet.
            '"' | '\'' => rest[1..].find(first).map_or(rest.len(), |end| end + 2),
            _ if is_word(first) => rest.find(|letter| !is_word(letter)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (token, behind) = rest.split_at(length);
        let in_range = moved.ends_with(':') || behind.starts_with(':');
        let is_name = behind.starts_with(['(', '!']);
        let reference = if is_name { None } else { reference(token, in_range, rows, columns) };
        moved.push_str(&reference.unwrap_or_else(|| token.to_owned()));
        rest = behind;
    }
    moved
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '$' | '_' | '.')
}

/// The reference that a word is, moved on; in a range, columns and rows alone are references.
fn reference(word: &str, in_range: bool, rows: i64, columns: i64) -> Option<String> {
    let digits = word.find(|letter: char| letter.is_ascii_digit()).unwrap_or(word.len());
    let digits = if word[..digits].len() > 1 { word[..digits].trim_end_matches('$').len() } else { digits };
    let (column, row) = word.split_at(digits);
    let is_whole = column.is_empty() || column == "$" || row.is_empty();
    if is_whole && !in_range || cell(&format!("{}{}", or(column, "A"), or(row, "1"))).is_none() {
        return None;
    }
    let column = part(column, columns, LAST_COLUMN, |name| Some(cell(&format!("{name}1"))?.1), letters);
    let row = part(row, rows, LAST_ROW, |row| row.parse().ok(), |row| row.to_string());
    Some(column.zip(row).map_or("#REF!".to_owned(), |(column, row)| column + &row))
}

/// The part of a reference, or another where there is none.
fn or<'t>(part: &'t str, other: &'t str) -> &'t str {
    if part.trim_start_matches('$').is_empty() { other } else { part }
}

/// A column or a row, moved on; none where the sheet ends.
fn part(
    name: &str,
    by: i64,
    last: u32,
    number: impl Fn(&str) -> Option<u32>,
    named: impl Fn(u32) -> String,
) -> Option<String> {
    if name.is_empty() || name.starts_with('$') {
        return Some(name.to_owned());
    }
    let moved = u32::try_from(i64::from(number(name)?) + by).ok()?;
    (1..=last).contains(&moved).then(|| named(moved))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_move_with_their_cell() {
        for (formula, rows, columns, expected) in [
            ("A1*2", 3, 0, "A4*2"),
            ("SUM(A1:B1)+$C$1", 1, 1, "SUM(B2:C2)+$C$1"),
            ("A$1+$A1", 2, 2, "C$1+$A3"),
            ("LOG10(A1)&\"A1\"", 1, 0, "LOG10(A2)&\"A1\""),
            ("'A1 b'!B2+Sheet2!B2", 1, 0, "'A1 b'!B3+Sheet2!B3"),
            ("SUM(A:A)+SUM(1:2)+1.5", 1, 1, "SUM(B:B)+SUM(2:3)+1.5"),
            ("A1", -1, 0, "#REF!"),
            ("Rate*TRUE+AB12C+é", 1, 1, "Rate*TRUE+AB12C+é"),
            ("\"never ends A1", 1, 1, "\"never ends A1"),
        ] {
            assert_eq!(moved(formula, rows, columns), expected);
        }
    }
}
