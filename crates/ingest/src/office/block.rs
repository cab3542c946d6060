//! The blocks that a document consists of, as they were read.

use super::symbols::readable;
use crate::raised::{Rise, Runs};
use crate::xml::Element;

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
    pub(super) text: Runs,
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

/// How a run of text looks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Look {
    pub(super) hidden: bool,
    pub(super) rise: Rise,
}

impl Paragraph {
    /// A paragraph of this text alone.
    pub(super) fn of(text: &str) -> Self {
        let mut paragraph = Self::default();
        paragraph.text.push(text, Rise::Level);
        paragraph
    }

    /// Appends what a reader sees of a run. Whether there is text that is hidden.
    pub(super) fn say(&mut self, text: &str, look: Look) -> bool {
        if look.hidden {
            return !text.trim().is_empty();
        }
        self.text.push(&readable(text), look.rise);
        false
    }

    /// Appends an equation. Digits before it are no part of its own: `2 1/2`.
    pub(super) fn say_equation(&mut self, equation: &str, look: Look) -> bool {
        let is_mixed =
            self.text.as_str().ends_with(char::is_numeric) && equation.starts_with(char::is_numeric);
        self.say(&format!("{}{equation}", if is_mixed { " " } else { "" }), look)
    }

    /// Whether no text was read of it.
    pub(super) fn is_blank(&self) -> bool {
        self.text.as_str().trim().is_empty()
    }

    /// Notes that a page begins here.
    pub(super) fn page(&mut self) {
        if self.is_blank() {
            self.page_before = true;
        } else {
            self.page_after = true;
        }
    }

    /// How much was read of it.
    pub(super) fn extent(&self) -> (usize, usize) {
        (self.text.as_str().len(), self.boxes.len())
    }
}

/// How a run with this property, `vertAlign`, stands to its line.
pub(super) fn vertical(property: &Element) -> Rise {
    match property.attr("val").as_deref() {
        Some("superscript") => Rise::Raised,
        Some("subscript") => Rise::Lowered,
        _ => Rise::Level,
    }
}
