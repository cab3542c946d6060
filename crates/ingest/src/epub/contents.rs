//! The table of contents of a book: the chapters, and the pages that they begin on.

use std::collections::HashMap;

use super::package::{Package, anchor, resolved};
use crate::archive::Archive;
use crate::draft::{Draft, Stop, in_one_line};
use crate::parts::optional;
use crate::xml::Xml;

/// The chapters in the order of the table of contents, by the part with the page that they begin on.
pub(super) type Chapters = HashMap<String, Vec<Chapter>>;

/// A chapter: its title, and the name of the element that it begins with, if the table names one.
pub(super) struct Chapter {
    pub(super) title: String,
    pub(super) anchor: Option<String>,
}

/// Reads the table of contents.
pub(super) fn chapters(
    archive: &Archive<'_>,
    package: &Package,
    draft: &mut Draft,
) -> Result<Chapters, Stop> {
    let mut chapters = Chapters::new();
    if let Some(part) = &package.navigation {
        optional(archive, part, draft, |xml| navigation(xml, part, false, &mut chapters))?;
    }
    if let Some(part) = package.ncx.as_ref().filter(|_| chapters.is_empty()) {
        optional(archive, part, draft, |xml| ncx(xml, part, &mut String::new(), &mut chapters))?;
    }
    Ok(chapters)
}

/// The links of the list that is the table of contents; lists of pages and of landmarks are none.
fn navigation(xml: &mut Xml<'_>, part: &str, is_inside: bool, chapters: &mut Chapters) -> Result<(), Stop> {
    xml.each(|xml, element| match element.name() {
        "nav" => {
            let is_contents =
                element.attr("type").is_some_and(|kind| kind.split(' ').any(|one| one == "toc"));
            if is_contents { navigation(xml, part, true, chapters) } else { Ok(()) }
        }
        "a" if is_inside => {
            add(chapters, in_one_line(&xml.text()?), part, &element.attr("href").unwrap_or_default());
            Ok(())
        }
        _ => navigation(xml, part, is_inside, chapters),
    })
}

/// The points of the older form: each has its label before the page that it leads to, and then those below it.
fn ncx(xml: &mut Xml<'_>, part: &str, label: &mut String, chapters: &mut Chapters) -> Result<(), Stop> {
    xml.each(|xml, element| match element.name() {
        "navLabel" => {
            *label = in_one_line(&xml.text()?);
            Ok(())
        }
        "content" => {
            add(chapters, std::mem::take(label), part, &element.attr("src").unwrap_or_default());
            Ok(())
        }
        "pageList" | "navList" => Ok(()),
        _ => ncx(xml, part, label, chapters),
    })
}

/// `reference` stands in `part`.
fn add(chapters: &mut Chapters, title: String, part: &str, reference: &str) {
    if !title.is_empty() {
        let chapter = Chapter { title, anchor: anchor(reference) };
        chapters.entry(resolved(part, reference)).or_default().push(chapter);
    }
}
