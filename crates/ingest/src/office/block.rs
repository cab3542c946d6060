//! The blocks that a document consists of, as they were read.

/// A block of text.
pub(super) enum Block {
    Paragraph(Paragraph),
    Table(Vec<Row>),
}

/// A row of a table.
pub(super) type Row = Vec<TableCell>;

/// A cell with what stands in it.
#[derive(Default)]
pub(super) struct TableCell {
    pub(super) blocks: Vec<Block>,
    pub(super) span: usize,
    pub(super) continues: bool,
}

/// A paragraph.
#[derive(Default)]
pub(super) struct Paragraph {
    pub(super) text: String,
    pub(super) is_heading: bool,
    /// Its number or bullet, if it has one.
    pub(super) label: Option<String>,
    /// The level of its list, from 0.
    pub(super) level: u8,
    /// Whether a page begins with it, or within it or behind it.
    pub(super) page_before: bool,
    pub(super) page_after: bool,
    /// Notes and comments that it refers to, a line each.
    pub(super) notes: Vec<String>,
    /// What stands in text boxes that are anchored in it.
    pub(super) boxes: Vec<Block>,
}

impl Paragraph {
    /// Notes that a page begins here.
    pub(super) fn page(&mut self) {
        if self.text.trim().is_empty() {
            self.page_before = true;
        } else {
            self.page_after = true;
        }
    }

    /// How much was read of it.
    pub(super) fn extent(&self) -> (usize, usize) {
        (self.text.len(), self.boxes.len())
    }
}
