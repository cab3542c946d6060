//! Workbooks of Excel (SpreadsheetML, ECMA-376 part 1, 18).

mod dates;
mod formats;
mod formulas;
mod merged;
mod sheet;
mod strings;
mod styles;

use std::collections::HashMap;

use super::grid::{Comments, Grid, cell};
use super::package::{Drawn, Relation, main_part, relations};
use super::{charts, remarks, slides};
use crate::Kind;
use crate::archive::Archive;
use crate::draft::{CUT, DAMAGED, Draft, Stop, in_one_line};
use crate::parts::{ENTITIES, optional};
use crate::reading::{Limits, Problem, Reading};
use crate::xml::Xml;
pub(super) use formats::Format;
use sheet::{Seen, Shared, Sheet};

/// Reads a workbook.
pub(crate) fn read(archive: &Archive<'_>, limits: &Limits) -> Result<Reading, Problem> {
    let mut draft = Draft::new(limits.text);
    let end = written(archive, &mut draft);
    draft.finish(Kind::Workbook, end)
}

/// A sheet as the workbook lists it.
struct Listed {
    name: String,
    is_hidden: bool,
    relation: String,
}

impl Listed {
    /// The line before its rows.
    fn head(&self) -> String {
        format!("Sheet: {}{}", self.name, if self.is_hidden { " (hidden)" } else { "" })
    }
}

fn written(archive: &Archive<'_>, draft: &mut Draft) -> Result<(), Stop> {
    let main = main_part(archive, "xl/workbook.xml", draft)?;
    let references = relations(archive, &main, draft)?;
    let mut shared = Shared::default();
    let mut sheets = Vec::new();
    if !archive.has(&main) {
        return Err(Stop::Refused(Problem::Damaged("its main part is missing")));
    }
    optional(archive, &main, draft, |xml| listed(xml, &mut sheets, &mut shared.epoch_1904))?;
    let part = |kind: &str| references.iter().find(|relation| relation.kind == kind);
    if let Some(styles) = part("styles") {
        optional(archive, &styles.target, draft, |xml| shared.styles.read(xml))?;
    }
    if let Some(strings) = part("sharedStrings") {
        optional(archive, &strings.target, draft, |xml| shared.strings.read(xml))?;
    }
    let mut seen = Seen::default();
    let by_id: HashMap<&str, &Relation> =
        references.iter().map(|relation| (relation.id.as_str(), relation)).collect();
    for sheet in &sheets {
        let Some(relation) = by_id.get(sheet.relation.as_str()) else { continue };
        match relation.kind.as_str() {
            "worksheet" => write_sheet(archive, sheet, relation, &shared, draft, &mut seen)?,
            "chartsheet" => {
                let parts = relations(archive, &relation.target, draft)?;
                let mut grid = Grid::new(&sheet.name, sheet.head());
                write_drawings(archive, &parts, &mut grid, charts::table, draft)?;
            }
            _ => {}
        }
    }
    let hidden: Vec<String> =
        sheets.iter().filter(|sheet| sheet.is_hidden).map(|sheet| sheet.name.clone()).collect();
    remarks::hidden(draft, "sheets", &hidden);
    tell(seen, draft);
    if archive.cut {
        draft.note(CUT);
    }
    Ok(())
}

/// The sheets, and whether days are counted from 1904.
fn listed(xml: &mut Xml<'_>, sheets: &mut Vec<Listed>, epoch_1904: &mut bool) -> Result<(), Stop> {
    xml.each(|xml, _| {
        xml.each(|xml, element| match element.name() {
            "workbookPr" => {
                *epoch_1904 = matches!(element.attr("date1904").as_deref(), Some("1" | "true"));
                Ok(())
            }
            "sheets" => xml.each(|_, sheet| {
                sheets.push(Listed {
                    name: in_one_line(&sheet.attr("name").unwrap_or_default()),
                    is_hidden: sheet.attr("state").is_some_and(|state| state != "visible"),
                    relation: sheet.prefixed("id").unwrap_or_default().into_owned(),
                });
                Ok(())
            }),
            _ => Ok(()),
        })
    })
}

fn write_sheet(
    archive: &Archive<'_>,
    listed: &Listed,
    part: &Relation,
    shared: &Shared,
    draft: &mut Draft,
    seen: &mut Seen,
) -> Result<(), Stop> {
    let Some(entry) = archive.entry(&part.target) else {
        draft.note(DAMAGED);
        return Ok(());
    };
    let mut comments = Comments::new();
    let parts = relations(archive, &part.target, draft)?;
    for relation in &parts {
        if relation.kind == "comments" {
            optional(archive, &relation.target, draft, |xml| read_comments(xml, &mut comments))?;
        }
    }
    let before = draft.mark();
    let grid = |merged| Grid::new(&listed.name, listed.head()).with(merged, comments.clone());
    let merged = merged::at_first_sight(archive, entry);
    let mut sheet = Sheet::new(shared, grid(merged.clone()));
    let mut xml = Xml::open(archive, entry)?;
    let mut end = sheet.write(&mut xml, draft);
    if let Ok(listed) = &mut end
        && *listed != merged
    {
        // They are written in an unusual way, as in UTF-16: the sheet is read again.
        let listed = std::mem::take(listed);
        draft.back_to(&before);
        sheet = Sheet::new(shared, grid(listed));
        xml = Xml::open(archive, entry)?;
        end = sheet.write(&mut xml, draft);
    }
    seen.hidden |= sheet.seen.hidden;
    seen.formulas += sheet.seen.formulas;
    seen.embeds |= sheet.seen.embeds;
    if xml.has_foreign_entities() {
        draft.note(ENTITIES);
    }
    match end {
        Err(Stop::Damaged) => draft.note(DAMAGED),
        other => drop(other?),
    }
    // The figures of a chart are cells of the workbook.
    write_drawings(archive, &parts, &mut sheet.grid, charts::caption, draft)
}

/// Writes the texts of what is drawn on a sheet.
fn write_drawings(
    archive: &Archive<'_>,
    parts: &[Relation],
    grid: &mut Grid<'_>,
    chart: Drawn,
    draft: &mut Draft,
) -> Result<(), Stop> {
    for part in parts.iter().filter(|part| part.kind == "drawing") {
        for text in slides::drawing(archive, &part.target, chart, draft)? {
            grid.block(&text, draft)?;
        }
    }
    Ok(())
}

fn read_comments(xml: &mut Xml<'_>, comments: &mut Comments) -> Result<(), Stop> {
    let mut authors = Vec::new();
    xml.each(|xml, _| {
        xml.each(|xml, group| match group.name() {
            "authors" => xml.each(|xml, _| {
                authors.push(in_one_line(&xml.text()?));
                Ok(())
            }),
            "commentList" => xml.each(|xml, comment| {
                let name = comment.attr("ref").unwrap_or_default().into_owned();
                let author = comment.number::<usize>("authorId").and_then(|index| authors.get(index));
                let text = strings::rich(xml)?;
                let by = author
                    .filter(|author| !author.is_empty())
                    .map_or(String::new(), |by| format!(" by {by}"));
                if let Some((row, _)) = cell(&name) {
                    comments.entry(row).or_default().push(format!("[comment on {name}{by}: {text}]"));
                }
                Ok(())
            }),
            _ => Ok(()),
        })
    })
}

fn tell(seen: Seen, draft: &mut Draft) {
    remarks::tell(draft, &[(seen.hidden, remarks::HIDDEN_ROWS), (seen.embeds, remarks::EMBEDDED)]);
    if seen.formulas > 0 {
        draft.note(format!(
            "{} of its formulas have no stored result, and stand as formulas. Save it once in a spreadsheet program.",
            seen.formulas
        ));
    }
}
