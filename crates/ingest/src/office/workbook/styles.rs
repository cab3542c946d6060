//! The formats of the cells of a workbook.

use std::collections::HashMap;

use super::formats::Format;
use crate::draft::Stop;
use crate::xml::Xml;

/// The format of each style that cells name by number.
#[derive(Default)]
pub(super) struct Styles(Vec<Format>);

impl Styles {
    /// Reads the part of the styles.
    pub(super) fn read(&mut self, xml: &mut Xml<'_>) -> Result<(), Stop> {
        let mut own: HashMap<u32, Format> = HashMap::new();
        xml.each(|xml, _| {
            xml.each(|xml, group| match group.name() {
                "numFmts" => xml.each(|_, format| {
                    let code = format.attr("formatCode").unwrap_or_default();
                    own.insert(format.number("numFmtId").unwrap_or(0), Format::of(&code));
                    Ok(())
                }),
                "cellXfs" => xml.each(|_, style| {
                    let number = style.number("numFmtId").unwrap_or(0);
                    self.0.push(own.get(&number).cloned().unwrap_or_else(|| Format::built_in(number)));
                    Ok(())
                }),
                _ => Ok(()),
            })
        })
    }

    /// The format of a style.
    pub(super) fn format(&self, style: usize) -> Option<&Format> {
        self.0.get(style)
    }
}
