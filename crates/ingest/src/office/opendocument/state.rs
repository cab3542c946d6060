//! What is known and was seen while an OpenDocument file is read.

use std::collections::{HashMap, HashSet};

use super::super::block::Block;
use super::styles::{LEVELS, Styles};
use crate::archive::Archive;
use crate::draft::{Draft, Stop};
use crate::xml::Xml;

/// Reads the blocks in the element that was opened last.
pub(super) type BlockReader = fn(&mut Body<'_>, &mut Xml<'_>) -> Result<Vec<Block>, Stop>;

/// The text of a file, or a part of it, that is being read.
pub(super) struct Body<'d> {
    pub(super) archive: &'d Archive<'d>,
    pub(super) styles: &'d Styles,
    /// Takes the notes to the user.
    pub(super) draft: &'d mut Draft,
    pub(super) boxed: BlockReader,
    /// Whether it is a header or a footer, whose page numbers are no text.
    pub(super) is_furniture: bool,
    /// Whether it is an object in the file.
    pub(super) is_object: bool,
    /// How far each list has counted.
    pub(super) counts: HashMap<String, [u32; LEVELS]>,
    /// The lists that are open: what stands in each item.
    pub(super) lists: Vec<Open>,
    /// How many pages begin before the next paragraph.
    pub(super) pages: u32,
    /// Footers of slides that the next slide has, and those that were said.
    pub(super) declared: Vec<String>,
    pub(super) footers: HashSet<String>,
    pub(super) seen: Seen,
}

/// A list that is open.
pub(super) struct Open {
    pub(super) style: String,
    /// The label of the item that is open, until a paragraph takes it.
    pub(super) label: Option<String>,
}

/// What was seen that the user should know.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) changes: bool,
    pub(super) hidden: bool,
    pub(super) pages: bool,
    /// Rows or columns of a sheet that are not shown.
    pub(super) collapsed: bool,
    /// The sheets, by name, and the slides, by number, that are not shown.
    pub(super) sheets: Vec<String>,
    pub(super) slides: Vec<String>,
}

impl Seen {
    /// Adds what was seen in another part.
    pub(super) fn take(&mut self, mut other: Self) {
        self.changes |= other.changes;
        self.hidden |= other.hidden;
        self.pages |= other.pages;
        self.collapsed |= other.collapsed;
        self.sheets.append(&mut other.sheets);
        self.slides.append(&mut other.slides);
    }
}
