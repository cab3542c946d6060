//! Tables as text: a line for each row, with its cells apart.

/// What stands between two cells.
pub(super) const BETWEEN: &str = " | ";

/// A merged cell that is longer than this is not said again in the rows below.
pub(super) const REPEATED: usize = 200;

/// A cell of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) text: String,
    /// How many columns it takes.
    pub(super) span: usize,
    /// Whether it is a part of the cell above it.
    pub(super) continues: bool,
}

/// The most columns that a cell takes.
pub(super) const SPAN: usize = 100;

/// Writes rows as lines, and keeps what the merged cells of the rows below have to repeat.
#[derive(Default)]
pub(super) struct Rows {
    above: Vec<String>,
}

impl Rows {
    /// The line of a row, or none if it is empty. A cell over several rows is said in each of them, so that a row
    /// is understood without those above it.
    pub(super) fn line(&mut self, cells: &[Cell]) -> Option<String> {
        let mut texts: Vec<String> = Vec::new();
        let mut has_own = false;
        for cell in cells {
            let text = match self.above.get(texts.len()) {
                Some(above) if cell.continues && cell.text.is_empty() => above.clone(),
                _ => {
                    has_own |= !cell.text.is_empty();
                    cell.text.clone()
                }
            };
            texts.push(text);
            texts.extend((1..cell.span.clamp(1, SPAN)).map(|_| String::new()));
        }
        let line = joined(&texts);
        self.above = texts;
        for text in &mut self.above {
            if text.chars().nth(REPEATED).is_some() {
                text.clear();
            }
        }
        has_own.then_some(line)
    }
}

/// The cells of a row in a line. Empty ones at its end are left out.
pub(super) fn joined<T: AsRef<str>>(cells: &[T]) -> String {
    let end = cells.iter().rposition(|cell| !cell.as_ref().is_empty()).map_or(0, |last| last + 1);
    let mut line = String::new();
    for (index, cell) in cells[..end].iter().enumerate() {
        if index > 0 {
            line.push_str(BETWEEN);
        }
        line.push_str(cell.as_ref());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str, span: usize, continues: bool) -> Cell {
        Cell { text: text.to_owned(), span, continues }
    }

    #[test]
    fn rows_stay_rows() {
        let mut rows = Rows::default();
        let mut line = |cells: &[Cell]| rows.line(cells);
        assert_eq!(line(&[cell("Region", 1, false), cell("Sales", 2, false)]).unwrap(), "Region | Sales");
        let europe = [cell("Europe", 1, false), cell("2022", 1, false), cell("5", 1, false)];
        assert_eq!(line(&europe).unwrap(), "Europe | 2022 | 5");
        let below = [cell("", 1, true), cell("2023", 1, false), cell("6", 1, false)];
        assert_eq!(line(&below).unwrap(), "Europe | 2023 | 6");
        assert_eq!(line(&below).unwrap(), "Europe | 2023 | 6");
        assert_eq!(line(&[cell("All", 2, false), cell("11", 1, false)]).unwrap(), "All |  | 11");
        assert_eq!(line(&[cell("", 1, false), cell("", 2, false)]), None);
        assert_eq!(
            line(&[cell("a", 1_000_000, false), cell("b", 1, false)]).unwrap().matches('|').count(),
            100
        );
    }
}
