//! How the blocks of a document are written as text.

use minions_documents::Place;

use super::block::{Block, Paragraph, Row};
use super::rows::{Cell, Rows};
use crate::draft::{Draft, Stop, in_one_line};

/// Writes blocks one after the other.
pub(super) struct Writer<'d> {
    draft: &'d mut Draft,
    last: Last,
    /// Whether anything was given to write.
    is_begun: bool,
    /// How many pages begin before the next text, and whether one began in what was written last.
    turns: u32,
    turned: bool,
    /// The number of the page, and where each begins, with its number.
    page: u32,
    pages: Vec<(usize, u32)>,
}

/// How much of a heading is a place's name, in characters.
const TITLE: usize = 200;

/// What was written last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Paragraph,
    Item,
}

/// Blocks that stand in a cell or a note.
#[derive(Default)]
pub(super) struct Flat {
    pub(super) text: String,
    /// Whether there is but one block, whose bullet would say nothing.
    is_one: bool,
    notes: Vec<String>,
    rows: Vec<String>,
    /// How many pages begin before and behind its text.
    before: u32,
    after: u32,
}

impl<'d> Writer<'d> {
    /// Writes behind what the draft has.
    pub(super) fn new(draft: &'d mut Draft) -> Self {
        let last = if draft.is_empty() { Last::Nothing } else { Last::Paragraph };
        let pages = vec![(draft.chars(), 1)];
        Self { draft, last, is_begun: false, turns: 0, turned: false, page: 1, pages }
    }

    /// Ends the text. Where no headings are, pages are its places, if the file says where they begin.
    pub(super) fn end(self, knows_pages: bool) {
        if knows_pages && !self.draft.has_places() {
            for (start, number) in self.pages {
                self.draft.place_at(start, Place::Page(number));
            }
        }
    }

    /// Writes a block.
    pub(super) fn block(&mut self, block: &Block) -> Result<(), Stop> {
        match block {
            Block::Paragraph(paragraph) => self.paragraph(paragraph),
            // A table of one cell is a frame.
            Block::Table(rows) => match rows.as_slice() {
                [row] if row.len() == 1 => row[0].blocks.iter().try_for_each(|block| self.block(block)),
                rows => self.table(rows),
            },
        }
    }

    fn paragraph(&mut self, paragraph: &Paragraph) -> Result<(), Stop> {
        // The first paragraph begins on a page of its own anyway.
        let is_first = !std::mem::replace(&mut self.is_begun, true);
        let (before, within, after) = paragraph.turns(is_first);
        self.turns += before;
        let text = paragraph.text.as_str().trim_end();
        if !text.trim().is_empty() || !paragraph.notes.is_empty() {
            let is_item = paragraph.label.is_some() && !paragraph.is_heading;
            self.begin(if is_item { Last::Item } else { Last::Paragraph })?;
            let label = labelled(paragraph);
            if paragraph.is_heading {
                let title = in_one_line(&format!("{label}{text}"));
                self.draft.place(Place::Heading(title.chars().take(TITLE).collect()));
            } else if is_item {
                self.draft.push(&"  ".repeat(usize::from(paragraph.level)))?;
            }
            self.draft.push(&label)?;
            let mut from = 0;
            for at in within {
                self.draft.push(&text[from..*at])?;
                self.turn(1);
                (from, self.turned) = (*at, true);
            }
            self.draft.push(&text[from..])?;
            self.notes(&paragraph.notes)?;
        }
        self.turns += after;
        Ok(())
    }

    /// Notes that a page begins here, after others that are empty.
    fn turn(&mut self, pages: u32) {
        self.page = self.page.saturating_add(pages);
        self.pages.push((self.draft.chars(), self.page));
    }

    fn table(&mut self, table: &[Row]) -> Result<(), Stop> {
        let mut rows = Rows::default();
        let mut kind = Last::Paragraph;
        for row in table {
            let flats: Vec<Flat> = row.iter().map(|cell| flat(&cell.blocks)).collect();
            self.is_begun = true;
            self.turns += flats.iter().map(|flat| flat.before).max().unwrap_or(0);
            let cells: Vec<Cell> = row
                .iter()
                .zip(&flats)
                .map(|(cell, flat)| Cell {
                    text: flat.text.clone(),
                    span: cell.span,
                    continues: cell.continues,
                })
                .collect();
            let inner = flats.iter().flat_map(|flat| flat.rows.iter().chain(&flat.notes));
            for line in rows.line(&cells).iter().chain(inner) {
                self.begin(kind)?;
                self.draft.push(line)?;
                // The other rows follow without blank lines.
                (self.last, kind) = (Last::Item, Last::Item);
            }
            self.turns += flats.iter().map(|flat| flat.after).max().unwrap_or(0);
        }
        if kind == Last::Item {
            self.last = Last::Paragraph;
        }
        Ok(())
    }

    fn notes(&mut self, notes: &[String]) -> Result<(), Stop> {
        notes.iter().try_for_each(|note| {
            self.draft.push("\n")?;
            self.draft.push(note)
        })
    }

    /// Separates what follows from what was written.
    fn begin(&mut self, next: Last) -> Result<(), Stop> {
        let turns = std::mem::take(&mut self.turns);
        let page = std::mem::take(&mut self.turned) || turns > 0;
        self.draft.push(match (self.last, next) {
            (Last::Nothing, _) => "",
            _ if page => "\n\u{c}",
            (Last::Item, Last::Item) => "\n",
            _ => "\n\n",
        })?;
        if turns > 0 {
            self.turn(turns);
        }
        self.last = next;
        Ok(())
    }
}

/// The number or bullet of a paragraph with the space behind it.
fn labelled(paragraph: &Paragraph) -> String {
    match &paragraph.label {
        Some(label) if !label.is_empty() => format!("{label} "),
        _ => String::new(),
    }
}

/// The blocks as a text of their own.
pub(super) fn text_of(blocks: &[Block]) -> String {
    let mut draft = Draft::new(usize::MAX);
    let mut writer = Writer::new(&mut draft);
    // A draft without a limit takes all.
    let _ = blocks.iter().try_for_each(|block| writer.block(block));
    draft.into_text().replace('\u{c}', "")
}

/// The blocks in one line. The rows of tables in it stand apart.
pub(super) fn flat(blocks: &[Block]) -> Flat {
    let mut flat = Flat { is_one: blocks.len() == 1, ..Flat::default() };
    for block in blocks {
        match block {
            Block::Paragraph(paragraph) => flat.paragraph(paragraph),
            Block::Table(table) => flat.table(table),
        }
    }
    flat
}

/// The blocks as a note or a header says them: their text in one line, then the rows of tables and the notes in it.
pub(super) fn in_lines(blocks: &[Block]) -> String {
    let Flat { text, rows, notes, .. } = flat(blocks);
    let mut lines: Vec<String> = Some(text).filter(|text| !text.is_empty()).into_iter().collect();
    lines.extend(rows.into_iter().chain(notes));
    lines.join("\n").trim().to_owned()
}

impl Flat {
    fn paragraph(&mut self, paragraph: &Paragraph) {
        let is_empty = self.text.is_empty();
        let text = in_one_line(paragraph.text.as_str());
        if !text.is_empty() {
            if !self.text.is_empty() {
                self.text.push(' ');
            }
            let label = labelled(paragraph);
            if !self.is_one || label.chars().any(char::is_alphanumeric) {
                self.text.push_str(&label);
            }
            self.text.push_str(&text);
        }
        self.notes.extend(paragraph.notes.iter().cloned());
        let (before, within, after) = paragraph.turns(false);
        if is_empty {
            self.before += before;
            self.after += within.len() as u32 + after;
        } else {
            self.after += before + within.len() as u32 + after;
        }
    }

    fn table(&mut self, table: &[Row]) {
        let mut rows = Rows::default();
        for row in table {
            let inner: Vec<Flat> = row.iter().map(|cell| self::flat(&cell.blocks)).collect();
            let cells: Vec<Cell> = row
                .iter()
                .zip(&inner)
                .map(|(cell, flat)| Cell {
                    text: flat.text.clone(),
                    span: cell.span,
                    continues: cell.continues,
                })
                .collect();
            self.rows.extend(rows.line(&cells).map(|line| format!("  {line}")));
            for flat in inner {
                self.rows.extend(flat.rows);
                self.notes.extend(flat.notes);
            }
        }
    }
}
