//! A sheet as it is read, cell by cell.

use std::collections::HashMap;

use super::super::digits::general;
use super::super::grid::{Grid, Merged, cell};
use super::formulas::moved;
use super::merged;
use super::strings::{Strings, decoded, rich};
use super::styles::Styles;
use crate::draft::{Draft, Stop, in_one_line};
use crate::runs::struck;
use crate::xml::{Element, Xml};

/// What the cells of all sheets refer to.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) strings: Strings,
    pub(super) styles: Styles,
    pub(super) epoch_1904: bool,
}

/// A sheet that is being read.
pub(super) struct Sheet<'s> {
    shared: &'s Shared,
    pub(super) grid: Grid<'s>,
    pub(super) seen: Seen,
    /// The formulas that cells share, by number, with the cell that each is written in.
    formulas: HashMap<u32, (String, (u32, u32))>,
}

/// What was seen in a sheet that the user should know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) hidden: bool,
    pub(super) formulas: usize,
    pub(super) embeds: bool,
}

impl<'s> Sheet<'s> {
    /// A sheet that is written into a grid.
    pub(super) fn new(shared: &'s Shared, grid: Grid<'s>) -> Self {
        Self { shared, grid, seen: Seen::default(), formulas: HashMap::new() }
    }

    /// Writes the sheet, and gives the cells that are merged downwards, which stand at the end of its part.
    pub(super) fn write(&mut self, xml: &mut Xml<'_>, draft: &mut Draft) -> Result<Merged, Stop> {
        let mut merged = Merged::new();
        xml.each(|xml, _| {
            xml.each(|xml, element| match element.name() {
                "dimension" => {
                    let area = element.attr("ref").unwrap_or_default();
                    if let Some((_, column)) = area.split(':').next().and_then(cell) {
                        self.grid.begins_at(column);
                    }
                    Ok(())
                }
                "cols" => xml.each(|_, column| {
                    self.seen.hidden |= is_hidden(column);
                    Ok(())
                }),
                "sheetData" => {
                    let mut row = 0;
                    xml.each(|xml, element| {
                        row = element.number("r").unwrap_or(row + 1);
                        self.seen.hidden |= is_hidden(element);
                        self.row(xml, row, draft)
                    })
                }
                "oleObjects" => {
                    self.seen.embeds = true;
                    Ok(())
                }
                "mergeCells" => xml.each(|_, area| {
                    merged::add(&mut merged, &area.attr("ref").unwrap_or_default());
                    Ok(())
                }),
                _ => Ok(()),
            })
        })?;
        self.grid.end(draft)?;
        Ok(merged)
    }

    fn row(&mut self, xml: &mut Xml<'_>, row: u32, draft: &mut Draft) -> Result<(), Stop> {
        let mut cells: Vec<(u32, String)> = Vec::new();
        let (mut column, mut size) = (0, 0);
        xml.each(|xml, element| {
            let named = element.attr("r").and_then(|name| cell(&name)).map(|(_, column)| column);
            column = named.filter(|named| *named > column).unwrap_or(column + 1);
            // A text that all cells share may be long.
            if size <= draft.room() {
                let text = self.value(xml, element, (row, column))?;
                let strikes = element.number("s").is_some_and(|style| self.shared.styles.strikes(style));
                let text = if strikes { struck(&text) } else { text };
                size += text.len();
                if !text.is_empty() {
                    cells.push((column, text));
                }
            }
            Ok(())
        })?;
        self.grid.row(row, cells, draft)
    }

    /// The text of a cell as it is shown.
    fn value(&mut self, xml: &mut Xml<'_>, element: &Element, at: (u32, u32)) -> Result<String, Stop> {
        let kind = element.attr("t").unwrap_or_default();
        let (mut value, mut inline, mut formula, mut number) = (None, None, None, None);
        xml.each(|xml, element| {
            match element.name() {
                "v" => value = Some(xml.text()?),
                "is" => inline = Some(rich(xml)?),
                "f" => {
                    let is_shared = element.attr("t").as_deref() == Some("shared");
                    number = element.number::<u32>("si").filter(|_| is_shared);
                    formula = Some(xml.text()?);
                }
                _ => {}
            }
            Ok(())
        })?;
        let shared = self.shared;
        if let (Some(number), Some(formula)) = (number, formula.as_ref().filter(|text| !text.is_empty())) {
            self.formulas.insert(number, (formula.clone(), at));
        }
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            let formula = formula.filter(|_| inline.is_none());
            let own = formula.as_ref().is_some_and(|formula| !formula.is_empty());
            let formula = if own {
                formula
            } else {
                formula.and(number).and_then(|number| self.shared_formula(number, at))
            };
            return Ok(match formula {
                Some(formula) => {
                    self.seen.formulas += 1;
                    format!("={}", in_one_line(&formula))
                }
                None => inline.unwrap_or_default(),
            });
        };
        Ok(match &*kind {
            "s" => value
                .trim()
                .parse()
                .ok()
                .and_then(|index| shared.strings.get(index))
                .unwrap_or_default()
                .to_owned(),
            "b" => if value.trim() == "1" { "TRUE" } else { "FALSE" }.to_owned(),
            "str" | "inlineStr" => in_one_line(&decoded(&value)),
            "e" => value,
            "d" => value.trim_end_matches("T00:00:00").replacen('T', " ", 1),
            _ => {
                let format = element.number("s").and_then(|style| shared.styles.format(style));
                match (value.trim().parse::<f64>(), format) {
                    (Ok(number), Some(format)) => format.shown(number, shared.epoch_1904),
                    (Ok(number), None) => general(number),
                    (Err(_), _) => value,
                }
            }
        })
    }
}

impl Sheet<'_> {
    /// The formula of this number as it holds in a cell.
    fn shared_formula(&self, number: u32, (row, column): (u32, u32)) -> Option<String> {
        let (formula, (first_row, first_column)) = self.formulas.get(&number)?;
        let by = |to: u32, from: u32| i64::from(to) - i64::from(from);
        Some(moved(formula, by(row, *first_row), by(column, *first_column)))
    }
}

fn is_hidden(element: &Element) -> bool {
    matches!(element.attr("hidden").as_deref(), Some("1" | "true"))
}
