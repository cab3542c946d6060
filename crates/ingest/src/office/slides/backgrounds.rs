//! What stands behind slides: the texts of their layouts and masters, such as a mark of classification.

use std::collections::HashMap;

use super::shapes::Slide;
use crate::archive::Archive;
use crate::draft::{Draft, Stop, in_one_line};
use crate::office::package::{Relation, relations};
use crate::parts::optional;
use crate::xml::Element;

/// The texts of layouts with their masters, by their parts.
#[derive(Default)]
pub(super) struct Backgrounds(HashMap<String, Vec<String>>);

/// Whether a slide or a layout, by its root, shows what is behind it.
pub(super) fn shows(root: &Element) -> bool {
    !matches!(root.attr("showMasterSp").as_deref(), Some("0" | "false"))
}

impl Backgrounds {
    /// The texts behind a slide that has these `parts`, each in one line.
    pub(super) fn behind(
        &mut self,
        archive: &Archive<'_>,
        parts: &[Relation],
        draft: &mut Draft,
    ) -> Result<Vec<String>, Stop> {
        let Some(layout) = parts.iter().find(|part| part.kind == "slideLayout") else {
            return Ok(Vec::new());
        };
        if let Some(known) = self.0.get(&layout.target) {
            return Ok(known.clone());
        }
        let (mut texts, shows_master) = texts(archive, &layout.target, draft)?;
        let parts = relations(archive, &layout.target, draft)?;
        if let Some(master) = parts.iter().find(|part| part.kind == "slideMaster" && shows_master) {
            texts.extend(self::texts(archive, &master.target, draft)?.0);
        }
        self.0.insert(layout.target.clone(), texts.clone());
        Ok(texts)
    }
}

/// The texts of a layout or a master, and whether it shows what is behind it.
fn texts(archive: &Archive<'_>, part: &str, draft: &mut Draft) -> Result<(Vec<String>, bool), Stop> {
    let mut background = Slide { is_background: true, ..Slide::default() };
    let mut shows_master = true;
    optional(archive, part, draft, |xml| {
        xml.each(|xml, root| {
            shows_master = shows(root);
            // Notes on how text looks stand beside the shapes.
            xml.each(|xml, element| if element.name() == "cSld" { background.read(xml) } else { Ok(()) })
        })
    })?;
    let texts = background.blocks.iter().map(|text| in_one_line(text));
    Ok((texts.filter(|text| text.chars().any(char::is_alphanumeric)).collect(), shows_master))
}
