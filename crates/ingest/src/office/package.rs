//! The parts of a Microsoft file, and how they refer to each other.

use crate::archive::Archive;
use crate::draft::{Draft, Stop};
use crate::parts::{optional, resolved};
use crate::xml::Xml;

/// Reads the part of a drawing, such as a chart, as a text, if it has any.
pub(super) type Drawn = fn(&mut Xml<'_>) -> Result<Option<String>, Stop>;

/// A reference from one part to another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Relation {
    pub(super) id: String,
    /// The last word of its type, such as `slide`.
    pub(super) kind: String,
    /// The name of the part that it leads to.
    pub(super) target: String,
}

/// The references of a part; those of the whole file for the empty name. What leads out of the file is left out.
pub(super) fn relations(archive: &Archive<'_>, part: &str, draft: &mut Draft) -> Result<Vec<Relation>, Stop> {
    let (folder, file) = part.rsplit_once('/').unwrap_or(("", part));
    let slash = if folder.is_empty() { "" } else { "/" };
    let mut relations = Vec::new();
    optional(archive, &format!("{folder}{slash}_rels/{file}.rels"), draft, |xml| {
        xml.each(|xml, _| {
            xml.each(|_, relation| {
                let (id, kind, target) =
                    (relation.attr("Id"), relation.attr("Type"), relation.attr("Target"));
                let is_inside = relation.attr("TargetMode").is_none_or(|mode| mode != "External");
                if let (Some(id), Some(kind), Some(target), true) = (id, kind, target, is_inside) {
                    let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
                    relations.push(Relation { id: id.into_owned(), kind, target: resolved(folder, &target) });
                }
                Ok(())
            })
        })
    })?;
    Ok(relations)
}

/// The part that a file begins with, by its reference or else by the usual name.
pub(super) fn main_part(archive: &Archive<'_>, usual: &str, draft: &mut Draft) -> Result<String, Stop> {
    let relations = relations(archive, "", draft)?;
    let named = relations.into_iter().find(|relation| relation.kind == "officeDocument");
    Ok(named.map(|relation| relation.target).filter(|part| archive.has(part)).unwrap_or(usual.to_owned()))
}
