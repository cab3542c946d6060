//! The blocks of an OpenDocument text (OpenDocument 1.3 part 3, 5 and 9).

use std::collections::{HashMap, HashSet};

use super::super::block::{Block, Look, Paragraph, Row, TableCell};
use super::state::{Body, Open, Seen};
use super::styles::{LEVELS, OUTLINE, Styles};
use crate::archive::Archive;
use crate::draft::{Draft, Stop};
use crate::xml::{Element, Xml};

/// What takes the blocks one by one.
pub(super) type Sink<'s> = dyn FnMut(&mut Body<'_>, Block) -> Result<(), Stop> + 's;

/// How often a cell or a row of a table is repeated at most.
const REPEATS: usize = 100;

/// Reads the text of a file. Notes to the user go to the draft.
pub(super) fn body<'d>(archive: &'d Archive<'d>, styles: &'d Styles, draft: &'d mut Draft) -> Body<'d> {
    Body {
        archive,
        styles,
        draft,
        boxed: |body, xml| body.all_blocks(xml),
        is_furniture: false,
        is_object: false,
        counts: HashMap::new(),
        lists: Vec::new(),
        pages: 0,
        declared: Vec::new(),
        footers: HashSet::new(),
        seen: Seen::default(),
    }
}

impl Body<'_> {
    /// Gives the blocks in the element that was opened last.
    pub(super) fn blocks(&mut self, xml: &mut Xml<'_>, sink: &mut Sink<'_>) -> Result<(), Stop> {
        xml.each(|xml, element| self.block(xml, element, sink))
    }

    /// The blocks in the element that was opened last, as a list.
    pub(super) fn all_blocks(&mut self, xml: &mut Xml<'_>) -> Result<Vec<Block>, Stop> {
        let mut blocks = Vec::new();
        // What stands in a box or a cell is no item of the list around it.
        let lists = std::mem::take(&mut self.lists);
        let end = self.blocks(xml, &mut |_, block| {
            blocks.push(block);
            Ok(())
        });
        self.lists = lists;
        end.map(|()| blocks)
    }

    fn block(&mut self, xml: &mut Xml<'_>, element: &Element, sink: &mut Sink<'_>) -> Result<(), Stop> {
        match element.name() {
            "p" | "h" => {
                let mut paragraph = Paragraph::default();
                self.paragraph(xml, element, &mut paragraph)?;
                let boxes = std::mem::take(&mut paragraph.boxes);
                sink(self, Block::Paragraph(paragraph))?;
                boxes.into_iter().try_for_each(|block| sink(self, block))
            }
            "list" => self.list(xml, element, sink),
            "list-item" => {
                self.count(element);
                self.blocks(xml, sink)
            }
            "table" => {
                let mut rows = Vec::new();
                self.rows(xml, &mut rows, &mut HashMap::new())?;
                sink(self, Block::Table(rows))
            }
            "soft-page-break" => {
                (self.pages, self.seen.pages) = (self.pages + 1, true);
                Ok(())
            }
            "tracked-changes" => xml.each(|_, _| {
                self.seen.changes = true;
                Ok(())
            }),
            "section" if element.attr("display").as_deref() == Some("none") => {
                self.seen.hidden = true;
                Ok(())
            }
            "object" => {
                let (_, blocks) = self.object(element)?;
                blocks.into_iter().try_for_each(|block| sink(self, block))
            }
            "annotation" | "desc" => Ok(()),
            name if name.ends_with("-source") => Ok(()),
            _ => self.blocks(xml, sink),
        }
    }

    fn paragraph(
        &mut self,
        xml: &mut Xml<'_>,
        element: &Element,
        paragraph: &mut Paragraph,
    ) -> Result<(), Stop> {
        let style = element.attr("style-name").unwrap_or_default();
        let (before, after) = self.styles.pages("paragraph", &style);
        paragraph.page_before = before;
        (0..std::mem::take(&mut self.pages)).for_each(|_| paragraph.page());
        paragraph.page_after = after;
        paragraph.is_heading = element.name() == "h";
        let look = self.styles.look("paragraph", &style, Look::default());
        self.inline(xml, paragraph, look)?;
        paragraph.text.settle();
        if paragraph.is_blank() {
            return Ok(());
        }
        if let Some(list) = self.lists.last_mut() {
            paragraph.label = list.label.take();
            paragraph.level = (self.lists.len() - 1).min(LEVELS - 1) as u8;
        } else if paragraph.is_heading {
            let level = element.number::<usize>("outline-level").unwrap_or(1).clamp(1, LEVELS);
            paragraph.label = self.next(OUTLINE, level - 1, None);
        }
        Ok(())
    }

    /// A list in a list has the style of that one, unless it names its own.
    fn list(&mut self, xml: &mut Xml<'_>, element: &Element, sink: &mut Sink<'_>) -> Result<(), Stop> {
        let own = element.attr("style-name").map(String::from);
        let style = own.or_else(|| self.lists.last().map(|list| list.style.clone())).unwrap_or_default();
        let level = self.lists.len();
        let goes_on = element.attr("continue-numbering").as_deref() == Some("true")
            || element.attr("continue-list").is_some();
        if !goes_on && level < LEVELS {
            self.counts.entry(style.clone()).or_default()[level..].fill(0);
        }
        self.lists.push(Open { style, label: None });
        let end = self.blocks(xml, sink);
        self.lists.pop();
        end
    }

    /// Counts an item of the list that was opened last.
    fn count(&mut self, element: &Element) {
        let level = self.lists.len().min(LEVELS);
        let Some(style) = self.lists.last().map(|list| list.style.clone()) else { return };
        let label = self.next(&style, level - 1, element.number("start-value"));
        if let Some(list) = self.lists.last_mut() {
            list.label = label;
        }
    }

    /// Counts on in a list, and gives the label.
    fn next(&mut self, list: &str, level: usize, start: Option<u32>) -> Option<String> {
        let first = self.styles.start(list, level);
        let counts = self.counts.entry(list.to_owned()).or_default();
        let next = if counts[level] == 0 { first } else { counts[level].saturating_add(1) };
        counts[level] = start.unwrap_or(next);
        counts[level + 1..].fill(0);
        self.styles.label(list, &counts[..=level])
    }

    /// `spans` has the rows that cells go on for, by column.
    fn rows(
        &mut self,
        xml: &mut Xml<'_>,
        rows: &mut Vec<Row>,
        spans: &mut HashMap<usize, usize>,
    ) -> Result<(), Stop> {
        xml.each(|xml, element| match element.name() {
            "table-row" => {
                let row = self.row(xml, spans)?;
                rows.push(row);
                Ok(())
            }
            "soft-page-break" => {
                (self.pages, self.seen.pages) = (self.pages + 1, true);
                Ok(())
            }
            _ => self.rows(xml, rows, spans),
        })
    }

    fn row(&mut self, xml: &mut Xml<'_>, spans: &mut HashMap<usize, usize>) -> Result<Row, Stop> {
        let mut row = Row::new();
        let mut column = 0;
        xml.each(|xml, element| {
            let repeats = element.number::<usize>("number-columns-repeated").unwrap_or(1).clamp(1, REPEATS);
            match element.name() {
                "table-cell" => {
                    let span = element.number("number-columns-spanned").unwrap_or(1);
                    let down = element.number("number-rows-spanned").unwrap_or(1);
                    if down > 1 {
                        spans.insert(column, down);
                    }
                    let blocks = self.all_blocks(xml)?;
                    row.push(TableCell { blocks, span, continues: false });
                    row.extend((1..repeats).map(|_| TableCell { span: 1, ..TableCell::default() }));
                }
                // What a cell above covers is a cell; what one to the left covers is counted with that.
                "covered-table-cell" if spans.get(&column).is_some_and(|rows| *rows > 0) => {
                    row.push(TableCell { span: 1, continues: true, ..TableCell::default() });
                }
                _ => {}
            }
            column += repeats;
            Ok(())
        })?;
        spans.values_mut().for_each(|rows| *rows = rows.saturating_sub(1));
        Ok(row)
    }
}
