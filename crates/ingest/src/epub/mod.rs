//! Books as EPUB: their pages in the order of reading, with the chapters that the table of contents names (EPUB 3.3,
//! and 2.0.1 with its NCX).

mod contents;
mod package;

use std::collections::{HashMap, HashSet};

use minions_documents::Place;

use crate::Kind;
use crate::archive::{Archive, problem_of};
use crate::draft::{CUT, DAMAGED, Draft, Stop};
use crate::encoding::decode;
use crate::html::text_with;
use crate::reading::{Limits, Problem, Reading};
use contents::{Chapters, chapters};
use package::{Package, locked_parts, package};

/// Reads a book.
pub(crate) fn read(archive: &Archive<'_>, limits: &Limits) -> Result<Reading, Problem> {
    let mut draft = Draft::new(limits.text);
    let end = written(archive, limits, &mut draft);
    draft.finish(Kind::Epub, end)
}

fn written(archive: &Archive<'_>, limits: &Limits, draft: &mut Draft) -> Result<(), Stop> {
    let package = package(archive, draft)?;
    let locked = locked_parts(archive, draft)?;
    if package.pages.iter().any(|page| locked.contains(page)) {
        return Err(Stop::Refused(Problem::Drm));
    }
    let chapters = chapters(archive, &package, draft)?;
    write_title(&package, draft)?;
    for page in &package.pages {
        match content(archive, page, limits)? {
            Some(content) => write_page(&content, page, &chapters, draft)?,
            None => draft.note(DAMAGED),
        }
    }
    if archive.cut {
        draft.note(CUT);
    }
    Ok(())
}

fn write_title(package: &Package, draft: &mut Draft) -> Result<(), Stop> {
    let by = if package.authors.is_empty() {
        String::new()
    } else {
        format!(" by {}", package.authors.join(", "))
    };
    draft.push(&if package.title.is_empty() { String::new() } else { format!("{}{by}", package.title) })
}

/// The markup of a page, if it can be read.
fn content(archive: &Archive<'_>, page: &str, limits: &Limits) -> Result<Option<String>, Stop> {
    let Some(entry) = archive.entry(page) else { return Ok(None) };
    match archive.inflate(entry)?.whole(limits.inflated) {
        Ok(bytes) => Ok(Some(decode(bytes, None, &mut Vec::new()))),
        Err(error) => problem_of(&error).map_or(Ok(None), |problem| Err(Stop::Refused(problem))),
    }
}

fn write_page(markup: &str, page: &str, chapters: &Chapters, draft: &mut Draft) -> Result<(), Stop> {
    let own = || chapters.get(page).into_iter().flatten();
    let wanted: HashSet<String> = own().filter_map(|chapter| chapter.anchor.clone()).collect();
    let shown = text_with(markup, &wanted);
    if shown.text.trim().is_empty() {
        return Ok(());
    }
    draft.push(if draft.is_empty() { "" } else { "\n\u{c}" })?;
    let start = draft.chars();
    let headings = || shown.headings.iter();
    let by_title: HashMap<String, usize> =
        headings().rev().map(|(offset, heading)| (plain(heading), *offset)).collect();
    let by_name: HashMap<&str, usize> =
        shown.anchors.iter().rev().map(|(offset, name)| (name.as_str(), *offset)).collect();
    let mut places = Vec::new();
    for chapter in own() {
        let named = chapter.anchor.as_deref().and_then(|name| by_name.get(name));
        // The first chapter of a page has whatever stands before its heading. Where others begin, headings tell.
        let first = places.is_empty().then_some(&0);
        let offset = named.or(first).or_else(|| by_title.get(&plain(&chapter.title)));
        places.extend(offset.map(|offset| (*offset, &chapter.title)));
    }
    if chapters.is_empty() {
        places.extend(headings().map(|(offset, heading)| (*offset, heading)));
    }
    places.sort_by_key(|(offset, _)| *offset);
    for (offset, title) in places {
        draft.place_at(start + offset, Place::Chapter(title.clone()));
    }
    draft.push(&shown.text)
}

/// A title without spaces, signs and letter case.
fn plain(title: &str) -> String {
    title.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
