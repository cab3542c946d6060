//! Tables: a cell that is blank in a row keeps its place, so that those behind it stay in their columns.

/// What stands between the cells of a row that has blank ones.
pub(super) const BETWEEN: &str = " | ";
/// The space between two rows that parts tables, in ems.
const APART: f32 = 3.2;
/// How long a line of text is that parts tables, in characters, and which share of the block it fills.
const PROSE: usize = 50;
const FILLED: f32 = 0.7;
/// How far the edges of a column's cells may be off each other, in ems, and the share of cells that keep to that.
const OFF: f32 = 0.6;
const ALIGNED: f32 = 0.6;
/// How many columns a table has at least: in one of two a blank cell moves no other.
const COLUMNS: usize = 3;

/// A part of a row that wide space parts from the others.
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) x0: f32,
    pub(super) x1: f32,
    /// Where its text ends before its last word, in bytes and on the page, and where that word begins.
    pub(super) last: Option<(usize, f32, f32)>,
}

impl Cell {
    /// An empty one.
    pub(super) fn at(x0: f32) -> Self {
        Self { text: String::new(), x0, x1: x0, last: None }
    }
}

/// A row of cells, from left to right.
pub(super) struct Cells {
    pub(super) cells: Vec<Cell>,
    pub(super) y: f32,
    pub(super) size: f32,
}

/// For each row of a block its cells with `""` for those that are blank, or `None` if none is that moves others.
pub(super) fn blanks(rows: &[Cells]) -> Vec<Option<Vec<String>>> {
    let fields: Vec<Vec<Field>> = rows.iter().map(|row| fields(&row.cells)).collect();
    let mut found = Vec::with_capacity(rows.len());
    while found.len() < rows.len() {
        let first = found.len();
        let end = first + table_length(&rows[first..], &fields[first..]);
        let size = rows[first].size;
        let rows = &fields[first..end];
        let table = Table::of(rows, size);
        let head = table.as_ref().map_or(0, |table| table.head(rows));
        for (index, row) in rows.iter().enumerate() {
            // A lone figure at the end may be the page's number.
            let is_one = index >= head && (row.len() > 1 || index + 1 < rows.len());
            found.push(table.as_ref().filter(|_| is_one).and_then(|table| table.with_blanks(row)));
        }
    }
    found
}

/// A cell together with the currency before it and with what closes it, where these are drawn as cells of their own.
struct Field {
    text: String,
    x0: f32,
    x1: f32,
}

fn fields(cells: &[Cell]) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    let mut opened = false;
    let first = cells.iter().find(|cell| is_sign(&cell.text) || is_figure(&cell.text));
    let signs_first = first.is_some_and(|cell| is_sign(&cell.text));
    for part in cells.iter().flat_map(|cell| parts(cell, signs_first)) {
        let closes = matches!(&*part.text, ")" | "%" | ")%" | ") %") || is_sign(&part.text) && !signs_first;
        match fields.last_mut() {
            Some(before) if opened || closes => {
                if opened || is_sign(&part.text) {
                    before.text.push(' ');
                }
                before.text.push_str(&part.text);
                before.x1 = before.x1.max(part.x1);
                opened = false;
            }
            _ => {
                opened = signs_first && is_sign(&part.text);
                fields.push(part);
            }
        }
    }
    fields
}

/// A cell, and the currency of the next one if it stands near.
fn parts(cell: &Cell, signs_first: bool) -> impl Iterator<Item = Field> {
    let last = cell.last.filter(|(end, ..)| signs_first && is_sign(cell.text[*end..].trim_start()));
    let (end, x1) = last.map_or((cell.text.len(), cell.x1), |(end, x1, _)| (end, x1));
    let sign =
        last.map(|(end, _, x0)| Field { text: cell.text[end..].trim_start().to_owned(), x0, x1: cell.x1 });
    std::iter::once(Field { text: cell.text[..end].to_owned(), x0: cell.x0, x1 }).chain(sign)
}

/// Whether a text is the sign of a currency alone.
fn is_sign(text: &str) -> bool {
    matches!(text.trim_end_matches('('), "$" | "€" | "£" | "¥" | "US$")
}

/// How many of the rows belong to one table.
fn table_length(rows: &[Cells], fields: &[Vec<Field>]) -> usize {
    let edge = |pick: fn(f32, f32) -> f32, of: fn(&Field) -> f32, none: f32| {
        fields.iter().flatten().map(of).fold(none, pick)
    };
    let width = edge(f32::max, |field| field.x1, f32::MIN) - edge(f32::min, |field| field.x0, f32::MAX);
    let is_prose = |index: usize| match &fields[index][..] {
        [line] => line.text.len() >= PROSE && line.x1 - line.x0 > FILLED * width,
        _ => false,
    };
    let ends = |index: &usize| {
        let (above, below) = (&rows[index - 1], &rows[*index]);
        let is_apart = below.y - above.y > APART * above.size.max(below.size);
        is_apart || is_prose(*index) || is_prose(index - 1)
    };
    (1..rows.len()).find(ends).unwrap_or(rows.len())
}

/// Where the columns of a table are, from left to right.
fn columns(table: &[Vec<Field>], size: f32) -> Vec<(f32, f32)> {
    let rows = || table.iter().filter(|row| row.len() > 1);
    let mut gaps: Vec<(f32, f32)> =
        rows().flat_map(|row| row.windows(2).map(|pair| (pair[0].x1, pair[1].x0))).collect();
    gaps.sort_by(|a, b| a.0.total_cmp(&b.0));
    // The least end of the gaps from each on.
    let mut least = f32::INFINITY;
    for gap in gaps.iter_mut().rev() {
        least = least.min(gap.1);
        gap.1 = least;
    }
    let spans = |field: &Field| {
        let next = gaps.partition_point(|gap| gap.0 <= field.x0);
        gaps.get(next).is_some_and(|gap| gap.1 < field.x1)
    };
    let mut fields: Vec<&Field> = rows().flatten().filter(|field| !spans(field)).collect();
    fields.sort_by(|a, b| a.x0.total_cmp(&b.x0));
    let mut columns: Vec<(f32, f32)> = Vec::new();
    let mut first = 0;
    while first < fields.len() {
        let mut x1 = fields[first].x1;
        let more = fields[first + 1..].iter().take_while(|field| {
            let is_in = field.x0 < x1;
            x1 = if is_in { x1.max(field.x1) } else { x1 };
            is_in
        });
        let end = first + 1 + more.count();
        let is_label = columns.is_empty();
        if is_label || end - first > 1 && are_aligned(&fields[first..end], size) {
            columns.push((fields[first].x0, x1));
        }
        first = end;
    }
    columns
}

/// Whether most cells share an edge or their middle.
fn are_aligned(fields: &[&Field], size: f32) -> bool {
    let share = |edge: fn(&Field) -> f32| {
        let mut edges: Vec<f32> = fields.iter().map(|field| edge(field)).collect();
        edges.sort_by(f32::total_cmp);
        let middle = edges[edges.len() / 2];
        edges.iter().filter(|edge| (*edge - middle).abs() <= OFF * size).count()
    };
    let most = share(|field| field.x0).max(share(|field| field.x1));
    let most = most.max(share(|field| (field.x0 + field.x1) / 2.0));
    most as f32 >= ALIGNED * fields.len() as f32
}

/// A table with its columns.
struct Table {
    columns: Vec<Column>,
    /// Whether its first row has a cell in its first column.
    is_headed: bool,
    /// Whether its first row, and most of the others, have a cell in each column: a blank one is seen beyond doubt, of
    /// words as of figures.
    is_grid: bool,
}

struct Column {
    x0: f32,
    x1: f32,
    /// Whether most of its cells are figures.
    has_figures: bool,
}

impl Table {
    /// The table that the rows make, if a blank cell in it would move others. A table of contents and formulas are none.
    fn of(rows: &[Vec<Field>], size: f32) -> Option<Self> {
        let columns = columns(rows, size);
        if columns.len() < COLUMNS {
            return None;
        }
        let columns = columns.into_iter().map(|(x0, x1)| Column { x0, x1, has_figures: false }).collect();
        let mut table = Self { columns, is_headed: false, is_grid: false };
        let mut counts = vec![(0, 0); table.columns.len()];
        let (mut all, mut full, mut placed, mut pages, mut turned) = (0, 0, 0, 0, 0);
        let mut page = 0;
        for row in rows.iter().filter(|row| row.len() > 1) {
            all += 1;
            if row.iter().any(|field| has_leaders(&field.text) || is_formula(&field.text)) {
                return None;
            }
            let Some(places) = table.places(row) else { continue };
            if placed == 0 && all == 1 {
                table.is_headed = places[0] == 0;
                table.is_grid = places.len() == table.columns.len();
            }
            placed += 1;
            full += usize::from(places.len() == table.columns.len());
            for (field, place) in row.iter().zip(&places) {
                counts[*place].0 += usize::from(is_figure(&field.text));
                counts[*place].1 += 1;
            }
            if let Some(number) = row.last().and_then(|field| field.text.parse::<u32>().ok()) {
                pages += 1;
                turned += usize::from(number < page);
                page = number;
            }
        }
        // A head may stand beside its column.
        table.is_headed &= 2 * counts[0].1 >= placed;
        table.is_grid &= placed == all && 2 * full >= all;
        for (column, (figures, cells)) in table.columns.iter_mut().zip(&counts) {
            column.has_figures = 2 * figures > *cells;
        }
        let lists = table.columns[1..table.columns.len() - 1].iter().all(|column| !column.has_figures);
        let is_contents = lists && turned == 0 && pages > 2 && 3 * pages >= 2 * all;
        (!is_contents && !table.columns[0].has_figures).then_some(table)
    }

    /// How many rows are its head: those before the first that begins with the first column, whose cells may stand over
    /// several columns.
    fn head(&self, rows: &[Vec<Field>]) -> usize {
        let is_row = |row: &Vec<Field>| {
            row.len() > 1 && self.places(row).is_some_and(|places| places.first() == Some(&0))
        };
        rows.iter().position(is_row).unwrap_or(rows.len())
    }

    /// The column of each cell, if it is known. A label may run on over the blank cells of figures.
    fn places(&self, row: &[Field]) -> Option<Vec<usize>> {
        let mut places: Vec<usize> = Vec::with_capacity(row.len());
        for field in row {
            let meets = |column: &Column| field.x0 < column.x1 && column.x0 < field.x1;
            let place = self.columns.iter().position(meets)?;
            let is_label = place == 0 && row.len() > 1;
            let mut more = self.columns[place + 1..].iter().filter(|column| meets(column));
            let is_beyond = more.any(|column| !is_label || !column.has_figures);
            if is_beyond || places.last().is_some_and(|before| *before >= place) {
                return None;
            }
            places.push(place);
        }
        Some(places)
    }

    /// The row with its blank cells, if there are some that move others.
    fn with_blanks(&self, row: &[Field]) -> Option<Vec<String>> {
        let places = self.places(row)?;
        let (first, last) = (*places.first()?, *places.last()?);
        let moves = |before: Option<usize>, at: usize, text: &str| {
            let from = before.map_or(0, |before| before + 1);
            let is_seen = self.is_grid
                || is_figure(text)
                    && self.columns[from.max(1).min(at)..at].iter().all(|column| column.has_figures);
            // What stands under no head may well have no place: a row of totals has no label.
            let may_lack = before.is_none() && at == 1 && !self.is_headed;
            from < at && is_seen && !may_lack
        };
        let before = std::iter::once(None).chain(places.iter().copied().map(Some));
        let mut cells = before.zip(row.iter().zip(&places));
        let is_blank = match row {
            [lone] => first > 1 && is_figure(&lone.text) && moves(None, first, &lone.text),
            _ => cells.any(|(before, (field, place))| moves(before, *place, &field.text)),
        };
        is_blank.then(|| {
            let mut cells = vec![String::new(); last + 1];
            for (field, place) in row.iter().zip(&places) {
                cells[*place].clone_from(&field.text);
            }
            cells
        })
    }
}

/// Whether a text is a figure, with its sign or a short unit, or a dash in the place of one; numbers of sections are none.
fn is_figure(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let letters = text.chars().filter(|letter| letter.is_alphabetic()).count();
    let mut groups = text.split('.').skip(1);
    let is_number = text.matches('.').count() < 2
        || groups.all(|group| group.chars().take_while(char::is_ascii_digit).count() == 3);
    let is_dash = matches!(text, "-" | "–" | "—" | "$ —" | "$ –" | "$ -");
    is_dash || digits > 0 && letters <= 3 && is_number
}

/// Whether a text is a part of a formula.
fn is_formula(text: &str) -> bool {
    text.split(' ').any(|word| matches!(word, "=" | "+" | "·" | "×" | "±"))
}

/// Whether dots lead from a title to its page.
fn has_leaders(text: &str) -> bool {
    text.contains(". . .") || text.contains(".....")
}

#[cfg(test)]
mod tests;
