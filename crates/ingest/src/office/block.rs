//! The blocks that a document consists of, as they were read.

use super::symbols::readable;
use crate::raised::Rise;
use crate::runs::{Drawn, Runs};
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
    /// Whether a page begins with it and behind it, as its style says.
    pub(super) page_before: bool,
    pub(super) page_after: bool,
    /// Where pages begin in its text, in bytes.
    pub(super) breaks: Vec<usize>,
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
    pub(super) struck: bool,
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
        self.text.push(&readable(text), Drawn { rise: look.rise, struck: look.struck });
        false
    }

    /// Appends an equation, which is no part of the word or number before it: `2 1/2`.
    pub(super) fn say_equation(&mut self, equation: &str, look: Look) -> bool {
        let is_apart = !(self.text.as_str().ends_with(char::is_alphanumeric)
            && equation.starts_with(char::is_alphanumeric));
        self.say(&format!("{}{equation}", if is_apart { "" } else { " " }), look)
    }

    /// Whether no text was read of it.
    pub(super) fn is_blank(&self) -> bool {
        self.text.as_str().trim().is_empty()
    }

    /// Notes that a page begins here.
    pub(super) fn page(&mut self) {
        self.text.settle();
        self.breaks.push(self.text.as_str().len());
    }

    /// How many pages begin before its text, where in it they do, in bytes, and how many begin behind it. The first
    /// paragraph of a text begins no page by its style.
    pub(super) fn turns(&self, is_first: bool) -> (u32, &[usize], u32) {
        let text = self.text.as_str();
        let (start, end) = (text.len() - text.trim_start().len(), text.trim_end().len());
        let before = self.breaks.partition_point(|at| *at <= start);
        let within = self.breaks.partition_point(|at| *at < end).max(before);
        let own = u32::from(self.page_before && !is_first);
        let after = self.breaks.len() - within;
        (before as u32 + own, &self.breaks[before..within], after as u32 + u32::from(self.page_after))
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
