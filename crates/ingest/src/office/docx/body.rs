//! The blocks of a document: its paragraphs and tables.

use super::inline::{Inline, Paragraph};
use super::notes::Notes;
use super::numbering::Numbering;
use super::styles::Styles;
use crate::draft::Stop;
use crate::xml::{Element, Xml};

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

/// What takes the blocks one by one.
pub(super) type Sink<'s> = dyn FnMut(&mut Body<'_>, Block) -> Result<(), Stop> + 's;

/// A document, or one of its headers or notes, that is being read.
pub(super) struct Body<'d> {
    pub(super) styles: &'d Styles,
    pub(super) numbering: &'d mut Numbering,
    pub(super) notes: &'d mut Notes,
    /// Whether it is a header or a footer, whose page numbers are no text.
    pub(super) is_furniture: bool,
    /// Whether a field's instruction, which is no text, is open; fields may stand in each other.
    pub(super) fields: Vec<Field>,
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
}

impl<'d> Body<'d> {
    pub(super) fn new(styles: &'d Styles, numbering: &'d mut Numbering, notes: &'d mut Notes) -> Self {
        Self { styles, numbering, notes, is_furniture: false, fields: Vec::new(), seen: Seen::default() }
    }
}

impl Body<'_> {
    /// Gives the blocks in the element that was opened last.
    pub(super) fn blocks(&mut self, xml: &mut Xml<'_>, sink: &mut Sink<'_>) -> Result<(), Stop> {
        let mut has_choice = false;
        xml.each(|xml, element| self.block(xml, element, sink, &mut has_choice))
    }

    /// The blocks in the element that was opened last, as a list.
    pub(super) fn all_blocks(&mut self, xml: &mut Xml<'_>) -> Result<Vec<Block>, Stop> {
        let mut blocks = Vec::new();
        self.blocks(xml, &mut |_, block| {
            blocks.push(block);
            Ok(())
        })?;
        Ok(blocks)
    }

    fn block(
        &mut self,
        xml: &mut Xml<'_>,
        element: &Element,
        sink: &mut Sink<'_>,
        has_choice: &mut bool,
    ) -> Result<(), Stop> {
        match element.name() {
            "p" => {
                let mut paragraph = Paragraph::default();
                self.paragraph(xml, &mut paragraph)?;
                let boxes = std::mem::take(&mut paragraph.boxes);
                sink(self, Block::Paragraph(paragraph))?;
                boxes.into_iter().try_for_each(|block| sink(self, block))
            }
            "tbl" => {
                let table = self.table(xml)?;
                sink(self, Block::Table(table))
            }
            "del" | "moveFrom" => {
                self.seen.changes = true;
                Ok(())
            }
            "altChunk" => {
                self.seen.embedded = true;
                Ok(())
            }
            "Choice" => {
                *has_choice = true;
                self.blocks(xml, sink)
            }
            "Fallback" if *has_choice => Ok(()),
            "oMathPara" | "oMath" => {
                let mut paragraph = Paragraph::default();
                self.inline_element(xml, element, &mut paragraph, false)?;
                sink(self, Block::Paragraph(paragraph))
            }
            name if name.ends_with("Pr") => Ok(()),
            _ => self.blocks(xml, sink),
        }
    }

    fn table(&mut self, xml: &mut Xml<'_>) -> Result<Vec<Row>, Stop> {
        let mut rows = Vec::new();
        self.rows(xml, &mut rows)?;
        Ok(rows)
    }

    /// Rows may stand in controls and marks of changes.
    fn rows(&mut self, xml: &mut Xml<'_>, rows: &mut Vec<Row>) -> Result<(), Stop> {
        xml.each(|xml, element| match element.name() {
            "tr" => {
                let mut row = Row::new();
                let mut is_deleted = false;
                self.cells(xml, &mut row, &mut is_deleted)?;
                if !is_deleted {
                    rows.push(row);
                }
                Ok(())
            }
            name if name.ends_with("Pr") => Ok(()),
            _ => self.rows(xml, rows),
        })
    }

    fn cells(&mut self, xml: &mut Xml<'_>, row: &mut Row, is_deleted: &mut bool) -> Result<(), Stop> {
        xml.each(|xml, element| match element.name() {
            "tc" => {
                let cell = self.cell(xml)?;
                row.push(cell);
                Ok(())
            }
            "trPr" => xml.each(|_, property| {
                match property.name() {
                    "del" => *is_deleted = true,
                    "gridBefore" => row.push(TableCell {
                        span: property.number("val").unwrap_or(1),
                        ..TableCell::default()
                    }),
                    _ => {}
                }
                Ok(())
            }),
            name if name.ends_with("Pr") => Ok(()),
            _ => self.cells(xml, row, is_deleted),
        })
    }

    fn cell(&mut self, xml: &mut Xml<'_>) -> Result<TableCell, Stop> {
        let mut cell = TableCell { span: 1, ..TableCell::default() };
        let mut blocks = Vec::new();
        let mut sink = |_: &mut Body<'_>, block| {
            blocks.push(block);
            Ok(())
        };
        let mut has_choice = false;
        xml.each(|xml, element| match element.name() {
            "tcPr" => xml.each(|_, property| {
                match property.name() {
                    "gridSpan" => cell.span = property.number("val").unwrap_or(1),
                    "vMerge" => cell.continues = property.attr("val").as_deref() != Some("restart"),
                    _ => {}
                }
                Ok(())
            }),
            _ => self.block(xml, element, &mut sink, &mut has_choice),
        })?;
        cell.blocks = blocks;
        Ok(cell)
    }
}
