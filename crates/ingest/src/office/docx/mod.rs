//! Word documents (WordprocessingML, ECMA-376 part 1, 17).

mod body;
mod inline;
mod notes;
mod numbering;
mod state;
mod styles;

use std::collections::HashMap;

use super::package::{Drawn, main_part, relations};
use super::slides::diagram;
use super::written::{Writer, in_lines};
use super::{charts, remarks};
use crate::Kind;
use crate::archive::Archive;
use crate::draft::{CUT, Draft, Stop};
use crate::parts::{ENTITIES, optional};
use crate::reading::{Limits, Problem, Reading};
use crate::xml::Xml;
use body::body;
use notes::Notes;
use numbering::Numbering;
use state::{Body, Seen};
use styles::Styles;

/// Reads a Word document.
pub(crate) fn read(archive: &Archive<'_>, limits: &Limits) -> Result<Reading, Problem> {
    let mut draft = Draft::new(limits.text);
    let end = written(archive, &mut draft);
    draft.finish(Kind::Docx, end)
}

fn written(archive: &Archive<'_>, draft: &mut Draft) -> Result<(), Stop> {
    let main = main_part(archive, "word/document.xml", draft)?;
    let relations = relations(archive, &main, draft)?;
    let parts = |kind: &'static str| relations.iter().filter(move |relation| relation.kind == kind);
    let (mut styles, mut numbering, mut notes) = (Styles::default(), Numbering::default(), Notes::default());
    for part in parts("styles") {
        optional(archive, &part.target, draft, |xml| styles.read(xml))?;
    }
    for part in parts("numbering") {
        optional(archive, &part.target, draft, |xml| numbering.read(xml))?;
    }
    let mut seen = Seen::default();
    for part in ["footnotes", "endnotes", "comments"].into_iter().flat_map(parts) {
        let mut none = Notes::default();
        let mut body = body(&styles, &mut numbering, &mut none);
        optional(archive, &part.target, draft, |xml| read_notes(xml, &mut body, &mut notes))?;
        seen.take(body.seen);
    }
    let mut drawn = HashMap::new();
    for (kind, read) in
        [("chart", charts::table as Drawn), ("chartEx", charts::table), ("diagramData", diagram)]
    {
        for part in parts(kind) {
            optional(archive, &part.target, draft, |xml| {
                drawn.extend(read(xml)?.map(|text| (part.id.clone(), text)));
                Ok(())
            })?;
        }
    }
    let mut furniture = Vec::new();
    for (kind, name) in [("header", "Header"), ("footer", "Footer")] {
        for part in parts(kind) {
            let mut body = body(&styles, &mut numbering, &mut notes);
            body.is_furniture = true;
            let mut blocks = Vec::new();
            optional(archive, &part.target, draft, |xml| {
                xml.each(|xml, _| {
                    blocks = body.all_blocks(xml)?;
                    Ok(())
                })
            })?;
            // Pictures there are logos.
            seen.take(Seen { pictures: 0, ..body.seen });
            let text = in_lines(&blocks);
            let line = format!("{name}: {text}");
            if text.chars().any(char::is_alphanumeric) && !furniture.contains(&line) {
                furniture.push(line);
            }
        }
    }
    draft.push(&furniture.join("\n"))?;
    let Some(entry) = archive.entry(&main) else {
        return Err(Stop::Refused(Problem::Damaged("its main part is missing")));
    };
    let mut writer = Writer::new(draft);
    let mut body = body(&styles, &mut numbering, &mut notes);
    body.drawn = drawn;
    let mut sink = |_: &mut Body<'_>, block| writer.block(&block);
    let mut xml = Xml::open(archive, entry)?;
    let end = xml.each(|xml, _| body.blocks(xml, &mut sink));
    writer.end(body.seen.pages);
    seen.take(body.seen);
    tell(draft, seen);
    if xml.has_foreign_entities() {
        draft.note(ENTITIES);
    }
    if archive.cut {
        draft.note(CUT);
    }
    end
}

/// Reads the part of the footnotes, endnotes or comments. The rules above notes are notes as well, of another type.
fn read_notes(xml: &mut Xml<'_>, body: &mut Body<'_>, notes: &mut Notes) -> Result<(), Stop> {
    xml.each(|xml, _| {
        xml.each(|xml, note| {
            if note.attr("type").is_some_and(|kind| kind != "normal") {
                return Ok(());
            }
            let text = in_lines(&body.all_blocks(xml)?);
            let author = note.attr("author").unwrap_or_default();
            notes.add(note.name(), note.attr("id").unwrap_or_default().into_owned(), author.trim(), text);
            Ok(())
        })
    })
}

fn tell(draft: &mut Draft, seen: Seen) {
    remarks::tell(
        draft,
        &[
            (seen.changes, remarks::CHANGES),
            (seen.hidden, remarks::HIDDEN_TEXT),
            (seen.embedded, remarks::EMBEDDED),
        ],
    );
    if seen.pictures > 0 {
        draft.note(format!("Its pictures are not read: {} may have text in them.", seen.pictures));
    }
}
