//! What stands in a paragraph: runs of text, fields, equations, notes and text boxes.

use super::super::block::{Block, Look, Paragraph, vertical};
use super::super::{math, symbols};
use super::state::{Body, Field};
use crate::draft::Stop;
use crate::raised::Rise;
use crate::xml::{Element, Xml};

/// The style and the list of a paragraph.
#[derive(Default)]
struct Properties {
    style: Option<String>,
    list: Option<String>,
    level: Option<u8>,
    outline: Option<u8>,
}

impl Body<'_> {
    /// Reads the paragraph that was opened last.
    pub(super) fn paragraph(&mut self, xml: &mut Xml<'_>, paragraph: &mut Paragraph) -> Result<(), Stop> {
        let mut properties = Properties::default();
        let mut look = Look::default();
        xml.each(|xml, element| {
            if element.name() != "pPr" {
                return self.inline_element(xml, element, paragraph, look);
            }
            xml.each(|xml, property| properties.read(xml, property, paragraph))?;
            self.turned |= paragraph.page_before;
            look = properties.style.as_deref().map_or(look, |style| self.styles.look(style, look));
            Ok(())
        })?;
        paragraph.text.settle();
        self.turned |= paragraph.page_after;
        // The instruction of a field ends where its paragraph does: one that never ends must not take all that follows.
        self.fields.retain(|field| field.has_result);
        let style = properties.style.as_deref();
        paragraph.is_heading = match properties.outline {
            Some(level) => level < 9,
            None => style.is_some_and(|style| self.styles.is_heading(style)),
        };
        let inherited = style.and_then(|style| self.styles.list(style));
        let list = properties.list.or_else(|| inherited.as_ref().map(|(list, _)| list.clone()));
        let level = properties.level.or_else(|| inherited.map(|(_, level)| level)).unwrap_or(0);
        let is_said = !paragraph.is_blank();
        if let Some(list) = list.filter(|_| is_said) {
            paragraph.label = self.numbering.next(&list, level);
            paragraph.level = level.min(8);
        }
        Ok(())
    }

    /// Reads an element in a paragraph.
    pub(super) fn inline_element(
        &mut self,
        xml: &mut Xml<'_>,
        element: &Element,
        paragraph: &mut Paragraph,
        look: Look,
    ) -> Result<(), Stop> {
        match element.name() {
            "t" => {
                let text = xml.text()?;
                self.say(&text, paragraph, look);
            }
            "r" => return self.run(xml, paragraph, look),
            "tab" | "ptab" => self.say("\t", paragraph, look),
            "br" if element.attr("type").as_deref() == Some("page") => {
                paragraph.page();
                self.turned = true;
            }
            "br" | "cr" => self.say("\n", paragraph, look),
            "noBreakHyphen" => self.say("-", paragraph, look),
            "lastRenderedPageBreak" => {
                self.seen.pages = true;
                // The program notes the page that a break begins as well.
                if !std::mem::take(&mut self.turned) {
                    paragraph.page();
                }
            }
            "sym" => {
                let code = u32::from_str_radix(&element.attr("char").unwrap_or_default(), 16).unwrap_or(0);
                let letter = symbols::letter(&element.attr("font").unwrap_or_default(), code);
                self.say(letter.encode_utf8(&mut [0; 4]), paragraph, look);
            }
            "oMath" => {
                let equation = math::linear(xml)?;
                self.seen.hidden |= paragraph.say_equation(&equation, look);
            }
            "fldChar" => return self.field(xml, element, paragraph, look),
            "instrText" => {
                let text = xml.text()?;
                if let Some(field) = self.fields.last_mut() {
                    field.instruction.push_str(&text);
                }
            }
            "fldSimple"
                if self.is_furniture && is_page_number(&element.attr("instr").unwrap_or_default()) => {}
            "footnoteReference" | "endnoteReference" | "commentReference" => {
                if let Some(id) = element.attr("id").filter(|_| !look.hidden) {
                    self.notes.refer(element.name(), &id, paragraph);
                }
            }
            "del" | "moveFrom" => return self.deleted(xml),
            "ins" | "moveTo" => {
                self.seen.changes = true;
                return self.inline(xml, paragraph, look);
            }
            "AlternateContent" => return self.alternatives(xml, paragraph, look),
            "txbxContent" => {
                let fields = std::mem::take(&mut self.fields);
                let blocks = (self.boxed)(self, xml);
                self.fields = fields;
                paragraph.boxes.extend(blocks?);
            }
            "chart" | "relIds" => {
                let id = element.prefixed("id").or_else(|| element.prefixed("dm")).unwrap_or_default();
                let drawn = self.drawn.remove(&*id);
                paragraph.boxes.extend(drawn.map(|text| Block::Paragraph(Paragraph::of(&text))));
            }
            "OLEObject" => self.seen.embedded = true,
            "textpath" => {
                let text = element.attr("string").filter(|text| !text.trim().is_empty());
                paragraph.boxes.extend(text.map(|text| Block::Paragraph(Paragraph::of(&text))));
            }
            "drawing" => {
                self.is_large = true;
                return self.inline(xml, paragraph, look);
            }
            // What stands in a program's own form is shown by a picture.
            "object" => {
                let pictures = self.seen.pictures;
                let end = self.inline(xml, paragraph, look);
                self.seen.pictures = pictures;
                return end;
            }
            "imagedata" => self.seen.pictures += 1,
            "extent" => {
                let side = |name: &str| element.number::<u64>(name).unwrap_or(0);
                self.is_large = side("cx").saturating_mul(side("cy")) >= LARGE;
            }
            "blip" if self.is_large => self.seen.pictures += 1,
            // The reading aid above a word.
            "rt" => {}
            name if name.ends_with("Pr") => {}
            _ => return self.inline(xml, paragraph, look),
        }
        Ok(())
    }

    fn inline(&mut self, xml: &mut Xml<'_>, paragraph: &mut Paragraph, look: Look) -> Result<(), Stop> {
        xml.each(|xml, element| self.inline_element(xml, element, paragraph, look))
    }

    fn run(&mut self, xml: &mut Xml<'_>, paragraph: &mut Paragraph, look: Look) -> Result<(), Stop> {
        let mut look = look;
        xml.each(|xml, element| {
            if element.name() != "rPr" {
                return self.inline_element(xml, element, paragraph, look);
            }
            let (mut distance, mut has_size, mut struck) = (0.0, false, None);
            xml.each(|_, property| {
                match property.name() {
                    "vanish" => look.hidden = property.is_on(),
                    // Once or twice.
                    "strike" | "dstrike" => struck = Some(struck == Some(true) || property.is_on()),
                    "vertAlign" => look.rise = vertical(property),
                    "position" => distance = property.number("val").unwrap_or(0.0),
                    "sz" => has_size = true,
                    "rStyle" => {
                        look = self.styles.look(&property.attr("val").unwrap_or_default(), look);
                    }
                    _ => {}
                }
                Ok(())
            })?;
            look.struck = struck.unwrap_or(look.struck);
            // Other programs write so what is raised by another distance than usual.
            if has_size && look.rise == Rise::Level {
                look.rise = Rise::by(distance);
            }
            Ok(())
        })
    }

    /// Passes over text that is deleted. Fields that begin or end in it count, as others may stand around it.
    pub(super) fn deleted(&mut self, xml: &mut Xml<'_>) -> Result<(), Stop> {
        self.seen.changes = true;
        xml.each(|xml, element| match element.name() {
            "fldChar" => self.field(xml, element, &mut Paragraph::default(), Look::default()),
            _ => self.deleted(xml),
        })
    }

    /// Reads the first of several forms of the same content that has any text.
    fn alternatives(&mut self, xml: &mut Xml<'_>, paragraph: &mut Paragraph, look: Look) -> Result<(), Stop> {
        let before = paragraph.extent();
        xml.each(
            |xml, _| {
                if paragraph.extent() == before { self.inline(xml, paragraph, look) } else { Ok(()) }
            },
        )
    }

    fn field(
        &mut self,
        xml: &mut Xml<'_>,
        element: &Element,
        paragraph: &mut Paragraph,
        look: Look,
    ) -> Result<(), Stop> {
        match element.attr("fldCharType").as_deref() {
            Some("begin") => {
                if let Some(is_checked) = check_box(xml)? {
                    self.say(if is_checked { "☒" } else { "☐" }, paragraph, look);
                }
                self.fields.push(Field::default());
            }
            Some("separate") => {
                if let Some(field) = self.fields.last_mut() {
                    field.has_result = true;
                }
            }
            Some("end") => drop(self.fields.pop()),
            _ => {}
        }
        Ok(())
    }

    /// Appends to the paragraph what its reader sees of this text.
    fn say(&mut self, text: &str, paragraph: &mut Paragraph, look: Look) {
        let is_silent =
            |field: &Field| !field.has_result || self.is_furniture && is_page_number(&field.instruction);
        if !self.fields.iter().any(is_silent) {
            self.turned &= text.trim().is_empty();
            self.seen.hidden |= paragraph.say(text, look);
        }
    }
}

impl Properties {
    fn read(&mut self, xml: &mut Xml<'_>, element: &Element, paragraph: &mut Paragraph) -> Result<(), Stop> {
        match element.name() {
            "pStyle" => self.style = element.attr("val").map(String::from),
            "outlineLvl" => self.outline = element.number("val"),
            "numId" => self.list = element.attr("val").map(String::from),
            "ilvl" => self.level = element.number("val"),
            "numPr" => return xml.each(|xml, element| self.read(xml, element, paragraph)),
            "pageBreakBefore" => paragraph.page_before |= element.is_on(),
            "sectPr" => {
                // A section ends with this paragraph; the next one begins on a new page unless it says otherwise.
                let mut is_new_page = true;
                xml.each(|_, element| {
                    if element.name() == "type" {
                        is_new_page =
                            !matches!(element.attr("val").as_deref(), Some("continuous" | "nextColumn"));
                    }
                    Ok(())
                })?;
                paragraph.page_after |= is_new_page;
            }
            _ => {}
        }
        Ok(())
    }
}

/// A picture as large as this, two inches by one, may have text in it; smaller ones are logos. In EMU.
const LARGE: u64 = 1_828_800 * 914_400;

/// Whether a field shows the number of a page, or how many there are.
fn is_page_number(instruction: &str) -> bool {
    let name = instruction.split_whitespace().next().unwrap_or_default();
    matches!(name.to_ascii_uppercase().as_str(), "PAGE" | "NUMPAGES" | "SECTIONPAGES")
}

/// Whether the check box of a form that begins here is checked, if one does.
fn check_box(xml: &mut Xml<'_>) -> Result<Option<bool>, Stop> {
    let mut checked = None;
    xml.each(|xml, _| {
        xml.each(|xml, element| {
            if element.name() != "checkBox" {
                return Ok(());
            }
            checked = Some(false);
            xml.each(|_, state| {
                if matches!(state.name(), "default" | "checked") {
                    checked = Some(state.is_on());
                }
                Ok(())
            })
        })
    })?;
    Ok(checked)
}
