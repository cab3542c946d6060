//! OpenDocument: texts, spreadsheets and presentations of LibreOffice and its kin (OpenDocument 1.3).

mod body;
mod inline;
mod sheets;
mod slides;
mod state;
mod styles;

use super::remarks;
use super::written::{Writer, in_lines};
use crate::Kind;
use crate::archive::Archive;
use crate::draft::{CUT, Draft, Stop, in_one_line};
use crate::parts::{ENTITIES, optional};
use crate::reading::{Limits, Problem, Reading};
use crate::xml::Xml;
use body::body;
use state::{Body, Seen};
use styles::Styles;

const CONTENT: &str = "content.xml";

/// Reads a text, a spreadsheet or a presentation.
pub(crate) fn read(archive: &Archive<'_>, limits: &Limits) -> Result<Reading, Problem> {
    let mut draft = Draft::new(limits.text);
    let end = written(archive, &mut draft);
    draft.finish(Kind::OpenDocument, end)
}

fn written(archive: &Archive<'_>, draft: &mut Draft) -> Result<(), Stop> {
    if is_locked(archive, draft)? {
        return Err(Stop::Refused(Problem::Locked));
    }
    let mut styles = Styles::default();
    // What stands on each page is read when the styles are known.
    optional(archive, "styles.xml", draft, |xml| read_styles(xml, &mut styles))?;
    optional(archive, CONTENT, draft, |xml| read_styles(xml, &mut styles))?;
    let (mut furniture, mut seen) = (Vec::new(), Seen::default());
    let entry = archive.entry("styles.xml");
    if let Some(mut xml) = entry.map(|entry| Xml::open(archive, entry)).transpose()? {
        let mut body = body(archive, &styles, draft);
        body.is_furniture = true;
        // Damage was noted when the styles were read.
        match read_furniture(&mut xml, &mut body, &mut furniture) {
            Err(Stop::Damaged) => {}
            end => end?,
        }
        (seen.changes, seen.hidden) = (body.seen.changes, body.seen.hidden);
    }
    let Some(entry) = archive.entry(CONTENT) else {
        return Err(Stop::Refused(Problem::Damaged("its main part is missing")));
    };
    let mut xml = Xml::open(archive, entry)?;
    let end = xml.each(|xml, _| {
        xml.each(|xml, element| match element.name() {
            "body" => xml.each(|xml, kind| {
                write_body(archive, xml, kind.name(), &styles, &furniture, draft, &mut seen)
            }),
            _ => Ok(()),
        })
    });
    tell(&seen, draft);
    if xml.has_foreign_entities() {
        draft.note(ENTITIES);
    }
    if archive.cut {
        draft.note(CUT);
    }
    end
}

/// Whether parts are encrypted: the list of parts has the key's derivation then.
fn is_locked(archive: &Archive<'_>, draft: &mut Draft) -> Result<bool, Stop> {
    let mut is_locked = false;
    optional(archive, "META-INF/manifest.xml", draft, |xml| {
        xml.each(|xml, _| {
            xml.each(|xml, _| {
                xml.each(|_, element| {
                    is_locked |= element.name() == "encryption-data";
                    Ok(())
                })
            })
        })
    })?;
    Ok(is_locked)
}

fn read_styles(xml: &mut Xml<'_>, styles: &mut Styles) -> Result<(), Stop> {
    xml.each(|xml, _| {
        xml.each(|xml, group| match group.name() {
            "styles" | "automatic-styles" => styles.read(xml),
            _ => Ok(()),
        })
    })
}

/// The headers and footers, each text once.
fn read_furniture(xml: &mut Xml<'_>, body: &mut Body<'_>, lines: &mut Vec<String>) -> Result<(), Stop> {
    xml.each(|xml, element| {
        let name = match element.name() {
            "header" | "header-left" | "header-first" => "Header",
            "footer" | "footer-left" | "footer-first" => "Footer",
            "styles" | "automatic-styles" => return Ok(()),
            _ => return read_furniture(xml, body, lines),
        };
        let text = in_lines(&body.all_blocks(xml)?);
        let line = format!("{name}: {text}");
        if text.chars().any(char::is_alphanumeric) && !lines.contains(&line) {
            lines.push(line);
        }
        Ok(())
    })
}

fn write_body(
    archive: &Archive<'_>,
    xml: &mut Xml<'_>,
    kind: &str,
    styles: &Styles,
    furniture: &[String],
    draft: &mut Draft,
    seen: &mut Seen,
) -> Result<(), Stop> {
    if matches!(kind, "spreadsheet" | "presentation" | "drawing") {
        let mut body = body(archive, styles, draft);
        let mut slides = 0;
        let end = xml.each(|xml, element| match element.name() {
            "table" => body.sheet(xml, element),
            "page" => {
                slides += 1;
                body.slide(xml, element, slides, kind == "drawing")
            }
            "footer-decl" | "header-decl" | "date-time-decl" => {
                let text = in_one_line(&xml.text()?);
                body.declared.extend((!text.is_empty()).then_some(text));
                Ok(())
            }
            _ => Ok(()),
        });
        seen.take(body.seen);
        return end;
    }
    draft.push(&furniture.join("\n"))?;
    // The notes of the text go to a draft of their own, as the writer has this one.
    let mut notes = Draft::new(0);
    let mut body = body(archive, styles, &mut notes);
    let mut writer = Writer::new(draft);
    let end = body.blocks(xml, &mut |_, block| writer.block(&block));
    writer.end(body.seen.pages);
    seen.take(body.seen);
    draft.take_notes(notes);
    end
}

fn tell(seen: &Seen, draft: &mut Draft) {
    remarks::tell(
        draft,
        &[
            (seen.changes, remarks::CHANGES),
            (seen.hidden, remarks::HIDDEN_TEXT),
            (seen.collapsed, remarks::HIDDEN_ROWS),
        ],
    );
    remarks::hidden(draft, "sheets", &seen.sheets);
    remarks::hidden(draft, "slides", &seen.slides);
}
