//! The shapes of a slide, and the text in them (DrawingML, ECMA-376 part 1, 21.1).

use super::super::numerals::counted;
use super::super::rows::{Cell, Rows};
use super::super::{math, symbols};
use crate::draft::{Stop, in_one_line};
use crate::raised::Rise;
use crate::runs::{Drawn, Runs};
use crate::xml::{Element, Xml};

/// What stands on a slide.
#[derive(Default)]
pub(super) struct Slide {
    pub(super) is_hidden: bool,
    pub(super) title: String,
    /// The texts and tables, a block each.
    pub(super) blocks: Vec<String>,
    /// The texts of the body alone: on the page of the notes these are the notes.
    pub(super) body: Vec<String>,
    /// References to its charts and diagrams.
    pub(super) charts: Vec<String>,
    pub(super) diagrams: Vec<String>,
    /// Footers, headers and dates.
    pub(super) footers: Vec<String>,
    pub(super) has_picture: bool,
    /// Whether a shape with text is hidden.
    pub(super) hides_text: bool,
    /// Whether a file of another program is embedded.
    pub(super) embeds: bool,
    /// Whether it is a layout or a master, whose places for text hold prompts.
    pub(super) is_background: bool,
}

/// What the text of a shape is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Role {
    #[default]
    Text,
    Title,
    /// A place for text, of any other sort.
    Content,
    Body,
    /// Dates, headers and footers, which stand on each slide.
    Footer,
    /// Numbers of slides.
    Number,
}

impl Slide {
    /// Reads the shapes in the element that was opened last.
    pub(super) fn read(&mut self, xml: &mut Xml<'_>) -> Result<(), Stop> {
        xml.each(|xml, element| match element.name() {
            "sp" => self.shape(xml),
            "tbl" => {
                let lines = table(xml)?;
                self.blocks.extend((!lines.is_empty()).then(|| lines.join("\n")));
                Ok(())
            }
            "pic" => {
                self.has_picture = true;
                self.read(xml)
            }
            "chart" => {
                self.charts.extend(element.prefixed("id").map(String::from));
                Ok(())
            }
            "oleObj" => {
                self.embeds = true;
                self.read(xml)
            }
            "relIds" => {
                self.diagrams.extend(element.prefixed("dm").map(String::from));
                Ok(())
            }
            "AlternateContent" => {
                let before = self.extent();
                xml.each(|xml, _| if self.extent() == before { self.read(xml) } else { Ok(()) })
            }
            name if name.ends_with("Pr") => Ok(()),
            _ => self.read(xml),
        })
    }

    /// How much was read.
    fn extent(&self) -> (usize, usize) {
        (self.title.len() + self.blocks.len(), self.charts.len() + self.diagrams.len())
    }

    fn shape(&mut self, xml: &mut Xml<'_>) -> Result<(), Stop> {
        let (mut role, mut is_hidden, mut lines) = (Role::default(), false, Vec::new());
        xml.each(|xml, element| match element.name() {
            "nvSpPr" => properties(xml, &mut role, &mut is_hidden),
            "txBody" => {
                lines = paragraphs(xml)?;
                Ok(())
            }
            _ => Ok(()),
        })?;
        if self.is_background && role != Role::Text {
            return Ok(());
        }
        if is_hidden || lines.is_empty() {
            self.hides_text |= !lines.is_empty();
            return Ok(());
        }
        match role {
            Role::Title if self.title.is_empty() => self.title = in_one_line(&lines.join(" ")),
            Role::Footer => self.footers.push(in_one_line(&lines.join(" "))),
            Role::Number => {}
            role => {
                let text = lines.join("\n");
                if role == Role::Body {
                    self.body.push(text.clone());
                }
                self.blocks.push(text);
            }
        }
        Ok(())
    }
}

fn properties(xml: &mut Xml<'_>, role: &mut Role, is_hidden: &mut bool) -> Result<(), Stop> {
    xml.each(|xml, element| match element.name() {
        "cNvPr" => {
            *is_hidden = matches!(element.attr("hidden").as_deref(), Some("1" | "true"));
            Ok(())
        }
        "ph" => {
            *role = match element.attr("type").as_deref() {
                Some("title" | "ctrTitle") => Role::Title,
                Some("dt" | "ftr" | "hdr") => Role::Footer,
                Some("sldNum" | "sldImg") => Role::Number,
                Some("body") => Role::Body,
                _ => Role::Content,
            };
            Ok(())
        }
        _ => properties(xml, role, is_hidden),
    })
}

/// The paragraphs of a text, a line each, with their bullets and numbers.
fn paragraphs(xml: &mut Xml<'_>) -> Result<Vec<String>, Stop> {
    let mut lines = Vec::new();
    let mut counts = [0; LEVELS];
    xml.each(|xml, element| {
        if element.name() != "p" {
            return Ok(());
        }
        let mut paragraph = Paragraph::default();
        paragraph.read(xml)?;
        paragraph.text.settle();
        let text = paragraph.text.as_str().trim();
        if !text.is_empty() {
            let label = paragraph.label(&mut counts);
            lines.push(format!("{}{label}{text}", "  ".repeat(paragraph.level)));
        }
        Ok(())
    })?;
    Ok(lines)
}

/// How deep paragraphs are indented at most.
const LEVELS: usize = 9;

#[derive(Default)]
struct Paragraph {
    text: Runs,
    drawn: Drawn,
    level: usize,
    bullet: Option<String>,
    numbers: Option<(String, u32)>,
}

impl Paragraph {
    fn read(&mut self, xml: &mut Xml<'_>) -> Result<(), Stop> {
        xml.each(|xml, element| self.item(xml, element))
    }

    fn item(&mut self, xml: &mut Xml<'_>, element: &Element) -> Result<(), Stop> {
        match element.name() {
            "t" => self.text.push(&symbols::readable(&xml.text()?), self.drawn),
            "br" => self.text.push("\n", Rise::Level),
            "tab" => self.text.push("\t", Rise::Level),
            "oMath" => self.text.push(&math::linear(xml)?, Rise::Level),
            "r" => {
                self.drawn = Drawn::default();
                return self.read(xml);
            }
            "rPr" => {
                let rise = Rise::by(element.number("baseline").unwrap_or(0.0));
                let struck = element.attr("strike").is_some_and(|line| line != "noStrike");
                self.drawn = Drawn { rise, struck };
            }
            "fld" if element.attr("type").as_deref() == Some("slidenum") => {}
            "pPr" => {
                self.level = element.number::<usize>("lvl").unwrap_or(0).min(LEVELS - 1);
                return xml.each(|_, property| {
                    match property.name() {
                        "buChar" => {
                            self.bullet = property.attr("char").map(|bullet| symbols::readable(&bullet))
                        }
                        "buAutoNum" => {
                            let kind = property.attr("type").unwrap_or_default().into_owned();
                            self.numbers = Some((kind, property.number("startAt").unwrap_or(1)));
                        }
                        _ => {}
                    }
                    Ok(())
                });
            }
            "AlternateContent" => {
                let before = self.text.as_str().len();
                let is_new = |text: &Runs| text.as_str().len() > before;
                return xml.each(|xml, _| if is_new(&self.text) { Ok(()) } else { self.read(xml) });
            }
            name if name.ends_with("Pr") => {}
            _ => return self.read(xml),
        }
        Ok(())
    }

    /// The bullet or number with the space behind it.
    fn label(&self, counts: &mut [u32; LEVELS]) -> String {
        counts[self.level + 1..].fill(0);
        let Some((kind, start)) = &self.numbers else {
            counts[self.level] = 0;
            return self.bullet.as_ref().map_or(String::new(), |bullet| format!("{} ", bullet.trim()));
        };
        counts[self.level] += 1;
        let count = start.saturating_add(counts[self.level] - 1);
        let format = [
            ("alphaLc", "lowerLetter"),
            ("alphaUc", "upperLetter"),
            ("romanLc", "lowerRoman"),
            ("romanUc", "upperRoman"),
        ];
        let format =
            format.iter().find(|(start, _)| kind.starts_with(start)).map_or("decimal", |(_, name)| name);
        let number = counted(count, format);
        match kind {
            kind if kind.ends_with("ParenBoth") => format!("({number}) "),
            kind if kind.ends_with("ParenR") => format!("{number}) "),
            kind if kind.ends_with("Plain") => format!("{number} "),
            _ => format!("{number}. "),
        }
    }
}

/// The rows of a table, a line each.
fn table(xml: &mut Xml<'_>) -> Result<Vec<String>, Stop> {
    let mut rows = Rows::default();
    let mut lines = Vec::new();
    xml.each(|xml, element| {
        if element.name() != "tr" {
            return Ok(());
        }
        let mut cells = Vec::new();
        xml.each(|xml, element| {
            let is_on = |name: &str| matches!(element.attr(name).as_deref(), Some("1" | "true"));
            if element.name() == "tc" {
                let mut text = Vec::new();
                xml.each(|xml, part| {
                    if part.name() == "txBody" {
                        text = paragraphs(xml)?;
                    }
                    Ok(())
                })?;
                // What a cell to the left spans has cells of its own, which are empty.
                let text = if is_on("hMerge") { String::new() } else { in_one_line(&text.join(" ")) };
                cells.push(Cell { text, span: 1, continues: is_on("vMerge") });
            }
            Ok(())
        })?;
        lines.extend(rows.line(&cells));
        Ok(())
    })?;
    Ok(lines)
}

/// The texts of a diagram (SmartArt), a line each.
pub(in super::super) fn diagram(xml: &mut Xml<'_>) -> Result<Option<String>, Stop> {
    let lines = texts_of(xml)?;
    Ok((!lines.is_empty()).then(|| lines.join("\n")))
}

/// The paragraphs in the element that was opened last, however deep, a line each.
pub(in super::super) fn texts_of(xml: &mut Xml<'_>) -> Result<Vec<String>, Stop> {
    let mut lines = Vec::new();
    texts(xml, &mut lines)?;
    Ok(lines)
}

fn texts(xml: &mut Xml<'_>, lines: &mut Vec<String>) -> Result<(), Stop> {
    xml.each(|xml, element| match element.name() {
        "p" => {
            let mut paragraph = Paragraph::default();
            paragraph.read(xml)?;
            let text = in_one_line(&paragraph.text.into_text());
            lines.extend((!text.is_empty()).then_some(text));
            Ok(())
        }
        name if name.ends_with("Pr") => Ok(()),
        _ => texts(xml, lines),
    })
}
