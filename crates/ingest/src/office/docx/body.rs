//! The blocks of a document: its paragraphs and tables.

use super::super::block::{Block, Look, Paragraph, Row, TableCell};
use super::notes::Notes;
use super::numbering::Numbering;
use super::state::Body;
use super::styles::Styles;
use crate::draft::Stop;
use crate::xml::{Element, Xml};

/// What takes the blocks one by one.
pub(super) type Sink<'s> = dyn FnMut(&mut Body<'_>, Block) -> Result<(), Stop> + 's;

/// Reads a document, or one of its headers or notes.
pub(super) fn body<'d>(styles: &'d Styles, numbering: &'d mut Numbering, notes: &'d mut Notes) -> Body<'d> {
    Body::new(styles, numbering, notes, |body, xml| body.all_blocks(xml))
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
            "del" | "moveFrom" => self.deleted(xml),
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
                self.inline_element(xml, element, &mut paragraph, Look::default())?;
                paragraph.text.settle();
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
        // A page may begin in each cell of a row.
        let turned = self.turned;
        xml.each(|xml, element| match element.name() {
            "tc" => {
                self.turned = turned;
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
