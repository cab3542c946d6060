//! Texts of a workbook: those that its cells share, and those that stand in a cell.

use super::super::block::vertical;
use crate::draft::{Stop, in_one_line};
use crate::runs::{Drawn, Runs};
use crate::xml::Xml;

/// The texts that cells name by number, one behind the other.
#[derive(Default)]
pub(super) struct Strings {
    text: String,
    ends: Vec<usize>,
}

impl Strings {
    /// Reads the part of the shared strings. How many it says it has is not believed.
    pub(super) fn read(&mut self, xml: &mut Xml<'_>) -> Result<(), Stop> {
        xml.each(|xml, _| {
            xml.each(|xml, element| {
                if element.name() == "si" {
                    self.text.push_str(&rich(xml)?);
                    self.ends.push(self.text.len());
                }
                Ok(())
            })
        })
    }

    /// The text of this number.
    pub(super) fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.text[start..end])
    }
}

/// The text of runs in the element that was opened last, in one line. Readings of Japanese above it are left out.
pub(super) fn rich(xml: &mut Xml<'_>) -> Result<String, Stop> {
    let mut text = Runs::default();
    collect(xml, &mut text, &mut Drawn::default())?;
    Ok(in_one_line(&decoded(&text.into_text())))
}

/// `drawn` is how the run that is read looks.
fn collect(xml: &mut Xml<'_>, text: &mut Runs, drawn: &mut Drawn) -> Result<(), Stop> {
    xml.each(|xml, element| match element.name() {
        "t" => {
            text.push(&xml.text()?, *drawn);
            Ok(())
        }
        "r" => collect(xml, text, &mut Drawn::default()),
        "rPr" => xml.each(|_, property| {
            match property.name() {
                "vertAlign" => drawn.rise = vertical(property),
                "strike" => drawn.struck = property.is_on(),
                _ => {}
            }
            Ok(())
        }),
        "rPh" | "phoneticPr" => Ok(()),
        _ => collect(xml, text, drawn),
    })
}

/// The text with `_x000D_` and its like as the characters that they stand for.
pub(super) fn decoded(text: &str) -> String {
    let mut decoded = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("_x") {
        let code = rest.get(at + 2..at + 6).filter(|_| rest.as_bytes().get(at + 6) == Some(&b'_'));
        let letter = code.and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32);
        let (kept, length) = if letter.is_some() { (at, 7) } else { (at + 2, 0) };
        decoded.push_str(&rest[..kept]);
        decoded.extend(letter);
        rest = &rest[kept + length..];
    }
    decoded + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded() {
        for (text, letters) in [
            ("a_x000D_b", "a\rb"),
            ("_x0041__x0042_", "AB"),
            ("_xyz_x00", "_xyz_x00"),
            ("_x00é1_", "_x00é1_"),
        ] {
            assert_eq!(decoded(text), letters);
        }
    }
}
