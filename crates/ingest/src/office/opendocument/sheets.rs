//! The sheets of an OpenDocument spreadsheet.

use super::super::block::{Look, Paragraph};
use super::super::digits::general;
use super::super::grid::Grid;
use super::slides::Slide;
use super::state::Body;
use crate::draft::{Stop, in_one_line};
use crate::runs::struck;
use crate::xml::{Element, Xml};

/// How often a row or a cell with a value is repeated at most. More of them say no more.
const REPEATS: u32 = 100;

impl Body<'_> {
    /// Writes the sheet that was opened last.
    pub(super) fn sheet(&mut self, xml: &mut Xml<'_>, element: &Element) -> Result<(), Stop> {
        let name = in_one_line(&element.attr("name").unwrap_or_default());
        let style = element.attr("style-name").unwrap_or_default();
        let is_hidden = self.styles.is_hidden("table", &style);
        self.seen.sheets.extend(is_hidden.then(|| name.clone()));
        let hidden = if is_hidden { " (hidden)" } else { "" };
        let mut grid = Grid::new(&name, format!("Sheet: {name}{hidden}"));
        let mut row = 1;
        let mut shapes = Slide::default();
        self.sheet_rows(xml, &mut row, &mut grid, &mut shapes)?;
        grid.end(self.draft)?;
        shapes.blocks.iter().try_for_each(|text| grid.block(text, self.draft))
    }

    fn sheet_rows(
        &mut self,
        xml: &mut Xml<'_>,
        row: &mut u32,
        grid: &mut Grid<'_>,
        shapes: &mut Slide,
    ) -> Result<(), Stop> {
        xml.each(|xml, element| match element.name() {
            "table-row" => {
                let repeats: u32 = element.number("number-rows-repeated").unwrap_or(1).max(1);
                let cells = self.sheet_row(xml, *row, grid, shapes)?;
                if !cells.is_empty() {
                    self.seen.collapsed |= is_collapsed(element);
                    for again in 0..repeats.min(REPEATS) {
                        grid.row(row.saturating_add(again), cells.clone(), self.draft)?;
                    }
                    if repeats > REPEATS {
                        self.draft.note(REPEATED);
                    }
                }
                *row = row.saturating_add(repeats);
                Ok(())
            }
            "table-column" => {
                self.seen.collapsed |= is_collapsed(element);
                Ok(())
            }
            "shapes" => self.shapes(xml, shapes),
            _ => self.sheet_rows(xml, row, grid, shapes),
        })
    }

    fn sheet_row(
        &mut self,
        xml: &mut Xml<'_>,
        row: u32,
        grid: &mut Grid<'_>,
        shapes: &mut Slide,
    ) -> Result<Vec<(u32, String)>, Stop> {
        let mut cells = Vec::new();
        let (mut column, mut size): (u32, usize) = (1, 0);
        xml.each(|xml, element| {
            let repeats: u32 = element.number("number-columns-repeated").unwrap_or(1).max(1);
            if element.name() == "table-cell" {
                let text = self.value(xml, element, row, grid, shapes)?;
                let style = element.attr("style-name").unwrap_or_default();
                let is_struck = self.styles.look("table-cell", &style, Look::default()).struck;
                let text = if is_struck { struck(&text) } else { text };
                let copies = repeats.min(REPEATS);
                size = size.saturating_add(text.len() * copies as usize);
                if !text.is_empty() && size <= self.draft.room() + text.len() {
                    let down: u32 = element.number("number-rows-spanned").unwrap_or(1);
                    if down > 1 {
                        grid.merge(row, column, row.saturating_add(down - 1));
                    }
                    for again in 0..copies {
                        cells.push((column.saturating_add(again), text.clone()));
                    }
                    if repeats > REPEATS {
                        self.draft.note(REPEATED);
                    }
                }
            }
            column = column.saturating_add(repeats);
            Ok(())
        })?;
        Ok(cells)
    }

    /// The text of a cell as it is shown; dates as ISO 8601.
    fn value(
        &mut self,
        xml: &mut Xml<'_>,
        element: &Element,
        row: u32,
        grid: &mut Grid<'_>,
        shapes: &mut Slide,
    ) -> Result<String, Stop> {
        let mut lines = Vec::new();
        xml.each(|xml, part| {
            match part.name() {
                "annotation" => {
                    let comment = self.annotation(xml)?;
                    grid.comment(row, comment);
                }
                "p" => {
                    let mut paragraph = Paragraph::default();
                    self.inline(xml, &mut paragraph, Look::default())?;
                    lines.push(paragraph.text.into_text());
                }
                _ => self.shape(xml, part, shapes)?,
            }
            Ok(())
        })?;
        let shown = in_one_line(&lines.join(" "));
        let date = element.attr("date-value").filter(|_| !shown.is_empty() || lines.is_empty());
        if let Some(date) = date {
            let date = date.trim_end_matches("T00:00:00").replacen('T', " ", 1);
            return Ok(date
                .strip_suffix(":00")
                .filter(|_| date.len() == LONG_DATE)
                .unwrap_or(&date)
                .to_owned());
        }
        if !shown.is_empty() {
            return Ok(shown);
        }
        let value = element.attr("value").map(|value| value.parse().map_or(value.into_owned(), general));
        let other =
            || ["string-value", "boolean-value", "time-value"].iter().find_map(|name| element.attr(name));
        Ok(value.or_else(|| other().map(String::from)).unwrap_or_default())
    }
}

/// The length of a date with hours, minutes and seconds.
const LONG_DATE: usize = "2024-03-01 14:30:00".len();

/// What is said of rows and cells that stand for very many.
const REPEATED: &str = "Rows or cells that are repeated more than 100 times are written 100 times.";

fn is_collapsed(element: &Element) -> bool {
    element.attr("visibility").is_some_and(|visibility| visibility != "visible")
}
