//! What is known and was seen while a document is read.

use std::collections::HashMap;

use super::super::block::Block;
use super::notes::Notes;
use super::numbering::Numbering;
use super::styles::Styles;
use crate::draft::Stop;
use crate::xml::Xml;

/// Reads the blocks in the element that was opened last.
pub(super) type BlockReader = fn(&mut Body<'_>, &mut Xml<'_>) -> Result<Vec<Block>, Stop>;

/// A document, or one of its headers or notes, that is being read.
pub(super) struct Body<'d> {
    pub(super) styles: &'d Styles,
    pub(super) numbering: &'d mut Numbering,
    pub(super) notes: &'d mut Notes,
    pub(super) boxed: BlockReader,
    /// Charts and diagrams as texts, by the identifiers that refer to them.
    pub(super) drawn: HashMap<String, String>,
    /// Whether it is a header or a footer, whose page numbers are no text.
    pub(super) is_furniture: bool,
    /// Whether a field's instruction, which is no text, is open; fields may stand in each other.
    pub(super) fields: Vec<Field>,
    /// Whether a page has just begun, and has no text yet.
    pub(super) turned: bool,
    /// Whether the drawing that is read is large.
    pub(super) is_large: bool,
    pub(super) seen: Seen,
}

/// A field that is open.
#[derive(Default)]
pub(super) struct Field {
    pub(super) instruction: String,
    pub(super) has_result: bool,
}

/// What was seen in a document that the user should know.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) changes: bool,
    pub(super) hidden: bool,
    pub(super) pages: bool,
    pub(super) embedded: bool,
    /// Large pictures.
    pub(super) pictures: usize,
}

impl Seen {
    /// Adds what was seen in another part.
    pub(super) fn take(&mut self, other: Self) {
        self.changes |= other.changes;
        self.hidden |= other.hidden;
        self.pages |= other.pages;
        self.embedded |= other.embedded;
        self.pictures += other.pictures;
    }
}

impl<'d> Body<'d> {
    /// `boxed` reads the blocks of a text box.
    pub(super) fn new(
        styles: &'d Styles,
        numbering: &'d mut Numbering,
        notes: &'d mut Notes,
        boxed: BlockReader,
    ) -> Self {
        let (drawn, fields, seen) = (HashMap::new(), Vec::new(), Seen::default());
        let (is_furniture, turned, is_large) = (false, false, false);
        Self { styles, numbering, notes, boxed, drawn, is_furniture, fields, turned, is_large, seen }
    }
}
