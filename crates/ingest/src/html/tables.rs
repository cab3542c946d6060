//! Tables: each row becomes one line, with its cells apart and in their columns.

use std::ops::Range;

/// How many columns are told apart. Cells further right are written without their columns.
const MOST_COLUMNS: usize = 64;

/// A cell with several lines and more bytes than this is part of a page's layout, not of a table.
const LONGEST_CELL: usize = 500;

/// A cell over several rows that is longer than this, in bytes, is not said again in the rows below.
const REPEATED: usize = 200;

/// How many times as long as the table's own text the words are at most that are said again.
const REPEATS: usize = 4;

/// How deep tables in tables are made rows: each copies the text of the inner ones.
pub(super) const DEEPEST: usize = 16;

/// A table while it is read.
pub(super) struct Table {
    /// Where it begins in the text, in bytes.
    start: usize,
    rows: Vec<Row>,
    /// For each column, in how many of the next rows a cell from above goes on.
    held: [usize; MOST_COLUMNS],
}

#[derive(Default)]
struct Row {
    span: Range<usize>,
    cells: Vec<Cell>,
    /// Whether a table stands in it.
    has_table: bool,
}

struct Cell {
    span: Range<usize>,
    column: usize,
    /// How many rows it is high.
    rows: usize,
}

impl Table {
    pub(super) fn at(start: usize) -> Self {
        Self { start, rows: Vec::new(), held: [0; MOST_COLUMNS] }
    }

    pub(super) fn begin_row(&mut self, at: usize) {
        self.rows.push(Row { span: at..at, ..Row::default() });
    }

    pub(super) fn end_row(&mut self, at: usize) {
        if let Some(row) = self.rows.last_mut() {
            row.span.end = at;
        }
        for held in &mut self.held {
            *held = held.saturating_sub(1);
        }
    }

    /// Begins a cell that is `columns` wide and `rows` high.
    pub(super) fn begin_cell(&mut self, at: usize, columns: usize, rows: usize, next: usize) -> usize {
        let Some(row) = self.rows.last_mut() else { return next };
        let free = (next..MOST_COLUMNS).find(|column| self.held[*column] == 0).unwrap_or(MOST_COLUMNS);
        let after = (free + columns.max(1)).min(MOST_COLUMNS);
        self.held[free..after].fill(rows.max(1));
        row.cells.push(Cell { span: at..at, column: free, rows });
        after
    }

    pub(super) fn end_cell(&mut self, at: usize) {
        if let Some(cell) = self.rows.last_mut().and_then(|row| row.cells.last_mut()) {
            cell.span.end = at;
        }
    }

    pub(super) fn note_table(&mut self) {
        if let Some(row) = self.rows.last_mut() {
            row.has_table = true;
        }
    }

    /// Writes the table's rows into lines. `marks` are offsets in the text, in order; those in a row move to its start.
    pub(super) fn write<M>(self, text: &mut String, marks: &mut [(usize, M)]) {
        let rows = self.lines(text);
        let mut used = [false; MOST_COLUMNS + 1];
        for (column, _) in rows.iter().flatten().flatten() {
            used[*column] = true;
        }
        let first = marks.partition_point(|(mark, _)| *mark < self.start);
        let mut marks = marks[first..].iter_mut().peekable();
        let mut written = String::new();
        let mut from = self.start;
        for (row, cells) in self.rows.iter().zip(rows) {
            let Some(cells) = cells else { continue };
            let (Some(between), Some(old)) = (text.get(from..row.span.start), text.get(row.span.clone()))
            else {
                continue;
            };
            while let Some((mark, _)) = marks.next_if(|(mark, _)| *mark < row.span.start) {
                *mark = *mark - from + self.start + written.len();
            }
            written.push_str(between);
            // Paragraphs in cells don't set the rows apart.
            let most = if between.is_empty() && from > self.start { 1 } else { 2 };
            let breaks = old.len() - old.trim_start_matches('\n').len();
            written.extend(std::iter::repeat_n('\n', breaks.min(most)));
            while let Some((mark, _)) = marks.next_if(|(mark, _)| *mark < row.span.end) {
                *mark = self.start + written.len();
            }
            push_row(&mut written, &cells, &used);
            from = row.span.end;
        }
        for (mark, _) in marks {
            *mark = *mark - from + self.start + written.len();
        }
        written.push_str(text.get(from..).unwrap_or_default());
        text.truncate(self.start);
        text.push_str(&written);
    }
}

impl Table {
    /// The cells of each row; `None` if it stays as it is. A cell over several rows is said in each of them, so that a
    /// row is understood without those above it.
    fn lines(&self, text: &str) -> Vec<Option<Vec<(usize, String)>>> {
        let mut room = REPEATS * text.len().saturating_sub(self.start);
        // Columns with the words of a cell from above, and in how many of the next rows they are said.
        let mut above: Vec<(usize, String, usize)> = Vec::new();
        let mut lines = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            let mut line = row.line(text);
            let mut below = Vec::new();
            if let Some(line) = line.as_mut().filter(|line| !line.is_empty()) {
                for cell in row.cells.iter().filter(|cell| cell.rows > 1 && cell.column < MOST_COLUMNS) {
                    let words =
                        line.iter().find(|(column, _)| *column == cell.column).map(|(_, words)| words);
                    if let Some(words) = words.filter(|words| words.len() <= REPEATED) {
                        below.push((cell.column, words.clone(), cell.rows - 1));
                    }
                }
                for (column, words, _) in &above {
                    if words.len() <= room {
                        room -= words.len();
                        line.push((*column, words.clone()));
                    }
                }
                line.sort_by_key(|(column, _)| *column);
            }
            above.retain_mut(|(_, _, rows)| {
                *rows -= 1;
                *rows > 0
            });
            above.extend(below);
            let has_columns = |line: &Vec<(usize, String)>| {
                line.len() > 1 || line.first().is_some_and(|(column, _)| *column > 0)
            };
            lines.push(line.filter(has_columns));
        }
        lines
    }
}

impl Row {
    /// The cells that have text, each with its column; `None` if the row stays as it is.
    fn line(&self, text: &str) -> Option<Vec<(usize, String)>> {
        let mut line: Vec<(usize, String)> = Vec::new();
        for cell in &self.cells {
            let words = text.get(cell.span.clone())?.trim();
            if words.is_empty() {
                continue;
            }
            if words.len() > LONGEST_CELL && words.contains('\n') {
                return None;
            }
            let lines = words.split('\n').map(str::trim).filter(|line| !line.is_empty());
            let words = lines.collect::<Vec<_>>().join(" ");
            match line.last_mut() {
                Some((_, before)) if belongs_after(&words) || is_currency(before) => before.push_str(&words),
                _ => line.push((cell.column, words)),
            }
        }
        (!self.has_table).then_some(line)
    }
}

/// Writes a row's cells. A column that is empty here and used in another row leaves its place.
fn push_row(to: &mut String, cells: &[(usize, String)], used: &[bool]) {
    let start = to.len();
    let mut next = 0;
    for (index, (column, words)) in cells.iter().enumerate() {
        let empty = used.get(next..*column).unwrap_or_default().iter().filter(|used| **used).count();
        for _ in 0..empty + usize::from(index > 0) {
            to.push_str(if to.len() == start { "|" } else { " |" });
        }
        if to.len() > start {
            to.push(' ');
        }
        to.push_str(words);
        next = column + 1;
    }
}

/// A currency's sign in a cell of its own, as in financial reports.
fn is_currency(words: &str) -> bool {
    matches!(words.trim_end_matches('('), "$" | "€" | "£" | "¥" | "US$")
}

/// What closes a figure, in a cell of its own.
fn belongs_after(words: &str) -> bool {
    matches!(words, ")" | "%" | ")%")
}
