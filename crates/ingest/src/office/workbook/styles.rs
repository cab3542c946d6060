//! The formats of the cells of a workbook.

use std::collections::HashMap;

use super::formats::Format;
use crate::draft::Stop;
use crate::xml::Xml;

/// The format of each style that cells name by number, and whether it strikes the cell out.
#[derive(Default)]
pub(super) struct Styles(Vec<(Format, bool)>);

impl Styles {
    /// Reads the part of the styles.
    pub(super) fn read(&mut self, xml: &mut Xml<'_>) -> Result<(), Stop> {
        let mut own: HashMap<u32, Format> = HashMap::new();
        let mut fonts: Vec<bool> = Vec::new();
        xml.each(|xml, _| {
            xml.each(|xml, group| match group.name() {
                "numFmts" => xml.each(|_, format| {
                    let code = format.attr("formatCode").unwrap_or_default();
                    own.insert(format.number("numFmtId").unwrap_or(0), Format::of(&code));
                    Ok(())
                }),
                "fonts" => xml.each(|xml, _| {
                    let mut is_struck = false;
                    xml.each(|_, property| {
                        is_struck |= property.name() == "strike" && property.is_on();
                        Ok(())
                    })?;
                    fonts.push(is_struck);
                    Ok(())
                }),
                "cellXfs" => xml.each(|_, style| {
                    let number = style.number("numFmtId").unwrap_or(0);
                    let font = style.number("fontId").and_then(|font: usize| fonts.get(font));
                    let format = own.get(&number).cloned().unwrap_or_else(|| Format::built_in(number));
                    self.0.push((format, font.copied().unwrap_or(false)));
                    Ok(())
                }),
                _ => Ok(()),
            })
        })
    }

    /// The format of a style.
    pub(super) fn format(&self, style: usize) -> Option<&Format> {
        self.0.get(style).map(|(format, _)| format)
    }

    /// Whether a style strikes out the cells that have it.
    pub(super) fn strikes(&self, style: usize) -> bool {
        self.0.get(style).is_some_and(|(_, strikes)| *strikes)
    }
}
