//! The parts of a file that is a zip of XML.

use crate::archive::Archive;
use crate::draft::{DAMAGED, Draft, Stop};
use crate::xml::Xml;

/// Reads a part that may be missing. If it is damaged, what was read of it counts.
pub(crate) fn optional(
    archive: &Archive<'_>,
    part: &str,
    draft: &mut Draft,
    read: impl FnOnce(&mut Xml<'_>) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let Some(entry) = archive.entry(part) else { return Ok(()) };
    let read = || {
        let mut xml = Xml::open(archive, entry)?;
        read(&mut xml)?;
        Ok(xml.has_foreign_entities())
    };
    match read() {
        Ok(true) => draft.note(ENTITIES),
        Ok(false) => {}
        Err(Stop::Damaged) => draft.note(DAMAGED),
        Err(stop) => return Err(stop),
    }
    Ok(())
}

/// What is said of a file whose XML defines entities.
pub(crate) const ENTITIES: &str = "It defines entities of XML of its own, which are left out.";

/// The name of a part as seen from a folder.
pub(crate) fn resolved(folder: &str, target: &str) -> String {
    let (mut parts, rest): (Vec<&str>, &str) = match target.strip_prefix('/') {
        Some(absolute) => (Vec::new(), absolute),
        None => (folder.split('/').filter(|part| !part.is_empty()).collect(), target),
    };
    for part in rest.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_resolved() {
        for (folder, target, part) in [
            ("word", "styles.xml", "word/styles.xml"),
            ("ppt/slides", "../notesSlides/n1.xml", "ppt/notesSlides/n1.xml"),
            ("xl", "/xl/worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
            ("", "./word/document.xml", "word/document.xml"),
            ("", "../../etc/passwd", "etc/passwd"),
        ] {
            assert_eq!(resolved(folder, target), part);
        }
    }
}
