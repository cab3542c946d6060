//! A sheet as it is written: rows as lines, one by one, so that an empty sheet of a million rows costs nothing.

use std::collections::{BTreeMap, HashMap};

use minions_documents::Place;

use super::rows::{BETWEEN, REPEATED};
use crate::draft::{Draft, Stop};

/// So many empty cells in a row are skipped, and the column named.
const GAP: u32 = 50;

/// The last row and column that a sheet has.
pub(super) const LAST_ROW: u32 = 1_048_576;
pub(super) const LAST_COLUMN: u32 = 16_384;

/// Cells that are merged downwards: the last row of each by its first cell, as row and column.
pub(super) type Merged = HashMap<(u32, u32), u32>;

/// The comments of a sheet by their rows.
pub(super) type Comments = BTreeMap<u32, Vec<String>>;

/// A sheet that is being written.
pub(super) struct Grid<'s> {
    name: &'s str,
    head: String,
    merged: Merged,
    comments: Comments,
    /// The first column that is used, as the sheet says; cells before it are written as well.
    first_column: u32,
    /// Whether its head is written.
    is_begun: bool,
    /// The row that was written last.
    last_row: Option<u32>,
    /// Texts that go on below, with their last rows, by column.
    going_on: BTreeMap<u32, (u32, String)>,
}

impl<'s> Grid<'s> {
    /// `head` is the line before the rows.
    pub(super) fn new(name: &'s str, head: String) -> Self {
        Self {
            name,
            head,
            merged: Merged::new(),
            comments: Comments::new(),
            first_column: 1,
            is_begun: false,
            last_row: None,
            going_on: BTreeMap::new(),
        }
    }

    /// The same sheet with what is known of it before its rows are read.
    pub(super) fn with(mut self, merged: Merged, comments: Comments) -> Self {
        (self.merged, self.comments) = (merged, comments);
        self
    }

    /// Says which column is the first that is used.
    pub(super) fn begins_at(&mut self, column: u32) {
        self.first_column = column;
    }

    /// Says that a cell goes on to this row.
    pub(super) fn merge(&mut self, row: u32, column: u32, last_row: u32) {
        self.merged.insert((row, column), last_row);
    }

    /// Adds a comment on a row.
    pub(super) fn comment(&mut self, row: u32, comment: String) {
        self.comments.entry(row).or_default().push(comment);
    }

    /// Writes the cells of a row, by column; none are nothing.
    pub(super) fn row(
        &mut self,
        row: u32,
        mut cells: Vec<(u32, String)>,
        draft: &mut Draft,
    ) -> Result<(), Stop> {
        if cells.is_empty() {
            return Ok(());
        }
        self.remarks(row, draft)?;
        self.go_on(row, &mut cells);
        self.begin(row, draft)?;
        draft.push(&line(&cells, self.first_column))?;
        self.remarks(row.saturating_add(1), draft)
    }

    /// Writes what is left.
    pub(super) fn end(&mut self, draft: &mut Draft) -> Result<(), Stop> {
        self.remarks(u32::MAX, draft)
    }

    /// Adds what goes on from above, and keeps what goes on below.
    fn go_on(&mut self, row: u32, cells: &mut Vec<(u32, String)>) {
        if self.merged.is_empty() {
            return;
        }
        self.going_on.retain(|_, (last, _)| *last >= row);
        let missing = self
            .going_on
            .iter()
            .filter(|(column, _)| cells.binary_search_by_key(*column, |(column, _)| *column).is_err());
        let missing: Vec<_> = missing.map(|(column, (_, text))| (*column, text.clone())).collect();
        if !missing.is_empty() {
            cells.extend(missing);
            cells.sort_by_key(|(column, _)| *column);
        }
        for (column, text) in cells {
            if let Some(last) = self.merged.get(&(row, *column))
                && text.chars().nth(REPEATED).is_none()
            {
                self.going_on.insert(*column, (*last, text.clone()));
            }
        }
    }

    /// Writes a text that stands on the sheet, beside its rows.
    pub(super) fn block(&mut self, text: &str, draft: &mut Draft) -> Result<(), Stop> {
        self.head(draft)?;
        draft.push("\n\n")?;
        draft.place(self.place(None));
        draft.push(text)
    }

    fn place(&self, row: Option<u32>) -> Place {
        Place::Sheet { name: self.name.to_owned(), row }
    }

    /// Begins the sheet.
    fn head(&mut self, draft: &mut Draft) -> Result<(), Stop> {
        if std::mem::replace(&mut self.is_begun, true) {
            return Ok(());
        }
        draft.push(if draft.is_empty() { "" } else { "\n\u{c}" })?;
        draft.place(self.place(None));
        draft.push(&self.head)
    }

    /// Begins a line, and the sheet where it is the first one. Where rows are empty, a blank line stands.
    fn begin(&mut self, row: u32, draft: &mut Draft) -> Result<(), Stop> {
        self.head(draft)?;
        let is_apart = self.last_row.is_some_and(|last| row > last.saturating_add(1));
        draft.push(if is_apart { "\n\n" } else { "\n" })?;
        draft.place(self.place(Some(row)));
        self.last_row = Some(row);
        Ok(())
    }

    /// Writes the comments on rows before this one.
    fn remarks(&mut self, before: u32, draft: &mut Draft) -> Result<(), Stop> {
        while let Some(entry) = self.comments.first_entry().filter(|entry| *entry.key() < before) {
            let (row, comments) = entry.remove_entry();
            for comment in comments {
                self.begin(row, draft)?;
                draft.push(&comment)?;
            }
        }
        Ok(())
    }
}

/// The cells of a row in a line, from the first column on. Wide gaps are skipped, and the column behind one is named.
fn line(cells: &[(u32, String)], first_column: u32) -> String {
    let mut line = String::new();
    let mut next = first_column;
    for (index, (column, text)) in cells.iter().enumerate() {
        let gap = column.saturating_sub(next);
        if index > 0 {
            line.push_str(BETWEEN);
        }
        if gap > GAP {
            line.push_str(&format!("{}: ", letters(*column)));
        } else {
            line.push_str(&BETWEEN.repeat(gap as usize));
        }
        line.push_str(text);
        next = column + 1;
    }
    line
}

/// The row and the column of a cell's name, such as `B12`.
pub(super) fn cell(name: &str) -> Option<(u32, u32)> {
    let name = name.trim_start_matches('$');
    let letters = name.len() - name.trim_start_matches(|letter: char| letter.is_ascii_alphabetic()).len();
    let (column, row) = name.split_at(letters);
    if !(1..=3).contains(&letters) {
        return None;
    }
    let column = column
        .bytes()
        .fold(0, |column, letter| column * 26 + u32::from(letter.to_ascii_uppercase() - b'A') + 1);
    Some((row.trim_start_matches('$').parse().ok()?, column))
}

/// The letters of a column.
pub(super) fn letters(column: u32) -> String {
    let mut rest = column;
    let mut letters = Vec::new();
    while rest > 0 {
        letters.push(char::from(b'A' + ((rest - 1) % 26) as u8));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_have_names() {
        assert_eq!(cell("A1"), Some((1, 1)));
        assert_eq!(cell("$AB$12"), Some((12, 28)));
        assert_eq!(cell("XFD1048576"), Some((1_048_576, 16_384)));
        assert_eq!((cell("12"), cell("A"), cell("ABCD1"), cell("")), (None, None, None, None));
        for column in [1, 26, 27, 702, 703, 16_384] {
            assert_eq!(cell(&format!("{}7", letters(column))), Some((7, column)));
        }
    }

    #[test]
    fn a_row_is_a_line() {
        let cells = |columns: &[u32]| -> Vec<(u32, String)> {
            columns.iter().map(|column| (*column, format!("c{column}"))).collect()
        };
        for (columns, first, text) in [
            (&[1, 2][..], 1, "c1 | c2"),
            (&[1, 4], 1, "c1 |  |  | c4"),
            (&[3], 1, " |  | c3"),
            (&[3, 4], 3, "c3 | c4"),
            (&[1, 2], 3, "c1 | c2"),
            (&[1, 16_384], 1, "c1 | XFD: c16384"),
            (&[16_384], 1, "XFD: c16384"),
        ] {
            assert_eq!(line(&cells(columns), first), text, "{columns:?}");
        }
    }
}
