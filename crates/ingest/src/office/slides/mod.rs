//! Presentations of PowerPoint (PresentationML, ECMA-376 part 1, 19).

mod backgrounds;
mod shapes;

use std::collections::{HashMap, HashSet};

use minions_documents::Place;

use super::package::{Drawn, Relation, main_part, relations};
use super::{charts, remarks};
use crate::Kind;
use crate::archive::Archive;
use crate::draft::{CUT, DAMAGED, Draft, Stop, in_one_line};
use crate::parts::optional;
use crate::reading::{Limits, Problem, Reading};
use crate::xml::Xml;
use backgrounds::Backgrounds;
use shapes::Slide;
pub(super) use shapes::{diagram, texts_of};

/// Reads a presentation.
pub(crate) fn read(archive: &Archive<'_>, limits: &Limits) -> Result<Reading, Problem> {
    let mut draft = Draft::new(limits.text);
    let end = written(archive, &mut draft);
    draft.finish(Kind::Pptx, end)
}

/// What was seen on slides that the user should know.
#[derive(Default)]
struct Seen {
    /// The numbers of those that are hidden, and of those that have pictures and no text.
    hidden: Vec<String>,
    pictures: Vec<String>,
    /// The footers and texts of backgrounds that were said.
    footers: HashSet<String>,
    embeds: bool,
    backgrounds: Backgrounds,
}

fn written(archive: &Archive<'_>, draft: &mut Draft) -> Result<(), Stop> {
    let main = main_part(archive, "ppt/presentation.xml", draft)?;
    if !archive.has(&main) {
        return Err(Stop::Refused(Problem::Damaged("its main part is missing")));
    }
    let parts = relations(archive, &main, draft)?;
    let mut order = Vec::new();
    optional(archive, &main, draft, |xml| {
        xml.each(|xml, _| {
            xml.each(|xml, element| match element.name() {
                "sldIdLst" => xml.each(|_, slide| {
                    order.extend(slide.prefixed("id").map(String::from));
                    Ok(())
                }),
                _ => Ok(()),
            })
        })
    })?;
    let mut authors = HashMap::new();
    for part in parts.iter().filter(|part| matches!(part.kind.as_str(), "commentAuthors" | "authors")) {
        optional(archive, &part.target, draft, |xml| read_authors(xml, &mut authors))?;
    }
    let by_id: HashMap<&str, &str> =
        parts.iter().map(|part| (part.id.as_str(), part.target.as_str())).collect();
    let mut seen = Seen::default();
    for (number, id) in (1..).zip(&order) {
        let part = by_id.get(id.as_str()).filter(|part| archive.has(part));
        draft.push(if number == 1 { "" } else { "\n\u{c}" })?;
        draft.place(Place::Slide(number));
        match part {
            Some(part) => write_slide(archive, number, part, &authors, &mut seen, draft)?,
            None => draft.note(DAMAGED),
        }
    }
    remarks::hidden(draft, "slides", &seen.hidden);
    remarks::tell(draft, &[(seen.embeds, remarks::EMBEDDED)]);
    if !seen.pictures.is_empty() {
        draft.note(format!(
            "Slides that are pictures alone are not read: {}.",
            remarks::listed(&seen.pictures)
        ));
    }
    if archive.cut {
        draft.note(CUT);
    }
    Ok(())
}

fn write_slide(
    archive: &Archive<'_>,
    number: u32,
    part: &str,
    authors: &HashMap<String, String>,
    seen: &mut Seen,
    draft: &mut Draft,
) -> Result<(), Stop> {
    let mut slide = Slide::default();
    let mut shows_background = true;
    optional(archive, part, draft, |xml| {
        xml.each(|xml, root| {
            shows_background = backgrounds::shows(root);
            slide.is_hidden = matches!(root.attr("show").as_deref(), Some("0" | "false"));
            slide.read(xml)
        })
    })?;
    let parts = relations(archive, part, draft)?;
    draw(archive, &mut slide, &parts, charts::table, draft)?;
    let of_kind = |kind: &'static str| parts.iter().filter(move |part: &&Relation| part.kind == kind);
    for notes in of_kind("notesSlide") {
        let mut page = Slide::default();
        optional(archive, &notes.target, draft, |xml| xml.each(|xml, _| page.read(xml)))?;
        let text = page.body.join("\n");
        slide.blocks.extend((!text.trim().is_empty()).then(|| format!("Notes: {text}")));
    }
    for comments in of_kind("comments") {
        optional(archive, &comments.target, draft, |xml| read_comments(xml, authors, &mut slide.blocks))?;
    }
    // What stands on each slide is said once.
    let is_blank = slide.title.is_empty() && slide.blocks.is_empty();
    seen.pictures.extend((is_blank && slide.has_picture).then(|| number.to_string()));
    seen.hidden.extend(slide.is_hidden.then(|| number.to_string()));
    let footers = slide.footers.iter().filter(|footer| seen.footers.insert((*footer).clone()));
    slide.blocks.extend(footers.map(|footer| format!("Footer: {footer}")));
    if shows_background {
        let texts = seen.backgrounds.behind(archive, &parts, draft)?;
        let texts = texts.into_iter().filter(|text| seen.footers.insert(text.clone()));
        slide.blocks.extend(texts.map(|text| format!("Background: {text}")));
    }
    seen.embeds |= slide.embeds;
    let hidden = if slide.is_hidden { " (hidden)" } else { "" };
    let title = if slide.title.is_empty() { String::new() } else { format!(": {}", slide.title) };
    draft.push(&format!("Slide {number}{hidden}{title}"))?;
    for block in &slide.blocks {
        draft.push("\n\n")?;
        draft.push(block)?;
    }
    Ok(())
}

/// Adds the charts and diagrams that shapes refer to.
fn draw(
    archive: &Archive<'_>,
    shapes: &mut Slide,
    parts: &[Relation],
    chart: Drawn,
    draft: &mut Draft,
) -> Result<(), Stop> {
    for (ids, read) in [(&shapes.charts, chart), (&shapes.diagrams, diagram)] {
        for part in ids.iter().filter_map(|id| parts.iter().find(|part| part.id == *id)) {
            optional(archive, &part.target, draft, |xml| {
                shapes.blocks.extend(read(xml)?);
                Ok(())
            })?;
        }
    }
    if shapes.hides_text {
        draft.note(remarks::HIDDEN_TEXT);
    }
    Ok(())
}

/// The texts of a drawing that stands on a sheet.
pub(super) fn drawing(
    archive: &Archive<'_>,
    part: &str,
    chart: Drawn,
    draft: &mut Draft,
) -> Result<Vec<String>, Stop> {
    let mut shapes = Slide::default();
    optional(archive, part, draft, |xml| xml.each(|xml, _| shapes.read(xml)))?;
    let parts = relations(archive, part, draft)?;
    draw(archive, &mut shapes, &parts, chart, draft)?;
    Ok(shapes.blocks)
}

/// The names of those who commented, by their identifiers.
fn read_authors(xml: &mut Xml<'_>, authors: &mut HashMap<String, String>) -> Result<(), Stop> {
    xml.each(|xml, _| {
        xml.each(|_, author| {
            if let (Some(id), Some(name)) = (author.attr("id"), author.attr("name")) {
                authors.insert(id.into_owned(), name.trim().to_owned());
            }
            Ok(())
        })
    })
}

/// Adds a line for each comment and each reply.
fn read_comments(
    xml: &mut Xml<'_>,
    authors: &HashMap<String, String>,
    lines: &mut Vec<String>,
) -> Result<(), Stop> {
    xml.each(|xml, element| {
        if !matches!(element.name(), "cm" | "reply") {
            return read_comments(xml, authors, lines);
        }
        let author = element.attr("authorId").and_then(|id| authors.get(&*id));
        let by = author.map_or(String::new(), |author| format!(" by {author}"));
        let (mut text, mut replies) = (String::new(), Vec::new());
        xml.each(|xml, element| match element.name() {
            "text" => {
                text = in_one_line(&xml.text()?);
                Ok(())
            }
            "txBody" => {
                text = texts_of(xml)?.join(" ");
                Ok(())
            }
            "replyLst" => read_comments(xml, authors, &mut replies),
            _ => Ok(()),
        })?;
        if !text.is_empty() {
            lines.push(format!("[comment{by}: {text}]"));
        }
        lines.append(&mut replies);
        Ok(())
    })
}
