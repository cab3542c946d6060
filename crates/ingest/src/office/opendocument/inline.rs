//! What stands in a paragraph of an OpenDocument file.

use super::super::block::{Block, Look, Paragraph};
use super::super::written::in_lines;
use super::slides::is_shape;
use super::state::Body;
use crate::draft::{DAMAGED, Stop, in_one_line};
use crate::formula::Formula;
use crate::parts::optional;
use crate::raised::Rise;
use crate::xml::{Element, Node, Xml};

impl Body<'_> {
    /// Reads what stands in the element that was opened last.
    pub(super) fn inline(
        &mut self,
        xml: &mut Xml<'_>,
        paragraph: &mut Paragraph,
        look: Look,
    ) -> Result<(), Stop> {
        xml.each_node(|xml, node| match node {
            Node::Text(text) => {
                self.say(text, paragraph, look);
                Ok(())
            }
            Node::Element(element) => self.inline_element(xml, element, paragraph, look),
        })
    }

    fn inline_element(
        &mut self,
        xml: &mut Xml<'_>,
        element: &Element,
        paragraph: &mut Paragraph,
        look: Look,
    ) -> Result<(), Stop> {
        match element.name() {
            "s" => {
                let count = element.number("c").unwrap_or(1).min(SPACES);
                self.add(&" ".repeat(count), paragraph, look);
            }
            "tab" => self.add("\t", paragraph, look),
            "line-break" => self.add("\n", paragraph, look),
            "soft-page-break" => {
                self.seen.pages = true;
                paragraph.page();
            }
            "span" => {
                let style = element.attr("style-name").unwrap_or_default();
                let look = self.styles.look("text", &style, look);
                return self.inline(xml, paragraph, look);
            }
            "note" => return self.note(xml, paragraph),
            "annotation" => {
                let comment = self.annotation(xml)?;
                paragraph.notes.push(comment);
            }
            "page-number" | "page-count" if self.is_furniture => {}
            "object" => {
                let (equation, blocks) = self.object(element)?;
                self.seen.hidden |= paragraph.say_equation(&equation, look);
                paragraph.boxes.extend(blocks);
            }
            name if matches!(name, "text-box" | "g") || is_shape(name) => {
                let blocks = (self.boxed)(self, xml)?;
                paragraph.boxes.extend(blocks);
            }
            // The reading aid above a word, what stands for a picture, and text that a condition hides.
            "ruby-text" | "title" | "desc" | "hidden-text" | "hidden-paragraph" | "script" | "image" => {}
            _ => return self.inline(xml, paragraph, look),
        }
        Ok(())
    }

    fn note(&mut self, xml: &mut Xml<'_>, paragraph: &mut Paragraph) -> Result<(), Stop> {
        let (mut mark, mut text) = (String::new(), String::new());
        xml.each(|xml, element| {
            match element.name() {
                "note-citation" => mark = format!("[{}]", in_one_line(&xml.text()?)),
                "note-body" => text = in_lines(&(self.boxed)(self, xml)?),
                _ => {}
            }
            Ok(())
        })?;
        paragraph.text.push(&mark, Rise::Level);
        paragraph.notes.push(format!("{mark} {text}"));
        Ok(())
    }

    /// A comment as a line.
    pub(super) fn annotation(&mut self, xml: &mut Xml<'_>) -> Result<String, Stop> {
        let (mut author, mut texts) = (String::new(), Vec::new());
        xml.each(|xml, element| {
            match element.name() {
                "creator" => author = in_one_line(&xml.text()?),
                "p" => {
                    let mut paragraph = Paragraph::default();
                    self.inline(xml, &mut paragraph, Look::default())?;
                    texts.push(in_one_line(&paragraph.text.into_text()));
                }
                "list" => texts.push(in_lines(&(self.boxed)(self, xml)?)),
                _ => {}
            }
            Ok(())
        })?;
        let by = if author.is_empty() { String::new() } else { format!(" by {author}") };
        Ok(format!("[comment{by}: {}]", texts.join(" ").trim()))
    }

    /// What an object shows that is a file within the file: the table behind a chart, or an equation as it was typed.
    pub(super) fn object(&mut self, element: &Element) -> Result<(String, Vec<Block>), Stop> {
        let folder = element.attr("href").unwrap_or_default();
        let part = format!("{}/content.xml", folder.trim_start_matches("./"));
        let Some(entry) = self.archive.entry(&part) else { return Ok(Default::default()) };
        // Objects in objects are not followed.
        if std::mem::replace(&mut self.is_object, true) {
            return Ok(Default::default());
        }
        let blocks = Xml::open(self.archive, entry).and_then(|mut xml| (self.boxed)(self, &mut xml));
        self.is_object = false;
        let blocks = match blocks {
            Err(Stop::Damaged) => {
                self.draft.note(DAMAGED);
                Vec::new()
            }
            blocks => blocks?,
        };
        let mut typed = String::new();
        if blocks.is_empty() {
            optional(self.archive, &part, self.draft, |xml| {
                typed = equation(xml)?;
                Ok(())
            })?;
        }
        Ok((in_one_line(&typed), blocks))
    }

    /// Appends a text, in which spaces and line breaks count as one space.
    fn say(&mut self, text: &str, paragraph: &mut Paragraph, look: Look) {
        let mut said = String::new();
        let before = paragraph.text.as_str();
        let mut is_space = before.ends_with(char::is_whitespace) || before.is_empty();
        for letter in text.chars() {
            if !matches!(letter, ' ' | '\t' | '\r' | '\n') {
                said.push(letter);
                is_space = false;
            } else if !is_space {
                said.push(' ');
                is_space = true;
            }
        }
        self.add(&said, paragraph, look);
    }

    fn add(&mut self, text: &str, paragraph: &mut Paragraph, look: Look) {
        self.seen.hidden |= paragraph.say(text, look);
    }
}

/// How many spaces one element stands for at most.
const SPACES: usize = 1000;

/// What an equation was typed as, or else what it shows.
fn equation(xml: &mut Xml<'_>) -> Result<String, Stop> {
    let (mut typed, mut formula) = (String::new(), Formula::default());
    read_equation(xml, &mut typed, &mut formula)?;
    Ok(if typed.is_empty() { formula.line() } else { typed })
}

fn read_equation(xml: &mut Xml<'_>, typed: &mut String, formula: &mut Formula) -> Result<(), Stop> {
    xml.each_node(|xml, node| {
        match node {
            Node::Text(text) => formula.text(text),
            Node::Element(element) if element.name() == "annotation" => *typed = xml.text()?,
            Node::Element(element) => {
                formula.open(element.name(), |name| element.attr(name).map(String::from));
                read_equation(xml, typed, formula)?;
                formula.close();
            }
        }
        Ok(())
    })
}
