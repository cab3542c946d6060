//! What the styles of a document say of its paragraphs and runs.

use std::collections::HashMap;

use super::super::block::{Look, vertical};
use crate::draft::Stop;
use crate::raised::Rise;
use crate::xml::{Element, Xml};

/// How many styles are asked for what a style inherits.
const ANCESTORS: usize = 16;

/// The styles by their identifiers.
#[derive(Default)]
pub(super) struct Styles(HashMap<String, Style>);

#[derive(Default)]
struct Style {
    name: String,
    parent: Option<String>,
    outline: Option<u8>,
    list: Option<String>,
    level: Option<u8>,
    hidden: Option<bool>,
    rise: Option<Rise>,
    struck: Option<bool>,
}

impl Styles {
    /// Reads the part of the styles.
    pub(super) fn read(&mut self, xml: &mut Xml<'_>) -> Result<(), Stop> {
        xml.each(|xml, _| {
            xml.each(|xml, element| {
                if element.name() == "style"
                    && let Some(id) = element.attr("styleId").map(String::from)
                {
                    let mut style = Style::default();
                    xml.each(|xml, element| style.property(xml, element))?;
                    self.0.insert(id, style);
                }
                Ok(())
            })
        })
    }

    /// Whether paragraphs of this style are headings: by the style's built-in name or its level in the outline.
    pub(super) fn is_heading(&self, id: &str) -> bool {
        let named = self.first(id, |style| style.is_heading().then_some(()));
        named.is_some() || self.first(id, |style| style.outline).is_some_and(|level| level < 9)
    }

    /// The list and level that paragraphs of this style are numbered by.
    pub(super) fn list(&self, id: &str) -> Option<(String, u8)> {
        let list = self.first(id, |style| style.list.clone())?;
        Some((list, self.first(id, |style| style.level).unwrap_or(0)))
    }

    /// How text of this style looks in text of a look.
    pub(super) fn look(&self, id: &str, around: Look) -> Look {
        Look {
            hidden: around.hidden || self.first(id, |style| style.hidden).unwrap_or(false),
            rise: self.first(id, |style| style.rise).unwrap_or(around.rise),
            struck: self.first(id, |style| style.struck).unwrap_or(around.struck),
        }
    }

    /// What the style, or the nearest one that it is based on, has of something.
    fn first<T>(&self, id: &str, has: impl Fn(&Style) -> Option<T>) -> Option<T> {
        let mut id = id;
        for _ in 0..ANCESTORS {
            let style = self.0.get(id)?;
            if let Some(found) = has(style) {
                return Some(found);
            }
            id = style.parent.as_deref()?;
        }
        None
    }
}

impl Style {
    fn property(&mut self, xml: &mut Xml<'_>, element: &Element) -> Result<(), Stop> {
        match element.name() {
            "name" => self.name = element.attr("val").unwrap_or_default().to_lowercase(),
            "basedOn" => self.parent = element.attr("val").map(String::from),
            "pPr" | "numPr" | "rPr" => return xml.each(|xml, element| self.property(xml, element)),
            "outlineLvl" => self.outline = element.number("val"),
            "numId" => self.list = element.attr("val").map(String::from),
            "ilvl" => self.level = element.number("val"),
            "vanish" => self.hidden = Some(element.is_on()),
            "strike" | "dstrike" => self.struck = Some(self.struck == Some(true) || element.is_on()),
            "vertAlign" => self.rise = Some(vertical(element)),
            _ => {}
        }
        Ok(())
    }

    /// The names of built-in styles are English in every language of the program.
    fn is_heading(&self) -> bool {
        self.name == "title"
            || self.name.strip_prefix("heading ").is_some_and(|level| level.parse::<u8>().is_ok())
    }
}
