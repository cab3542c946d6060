//! Footnotes, endnotes and comments: what they say, and the marks that refer to them.

use std::collections::HashMap;

use super::body::{Block, Body};
use super::inline::Paragraph;
use super::numbering::counted;
use super::written::flat;
use crate::draft::Stop;
use crate::xml::Xml;

/// The notes of a document by their identifiers.
#[derive(Default)]
pub(super) struct Notes {
    footnotes: HashMap<String, String>,
    endnotes: HashMap<String, String>,
    comments: HashMap<String, String>,
    footnotes_seen: u32,
    endnotes_seen: u32,
}

impl Notes {
    /// Adds the notes of a part: `footnote`, `endnote` or `comment` elements.
    pub(super) fn read(&mut self, xml: &mut Xml<'_>, body: &mut Body<'_>) -> Result<(), Stop> {
        xml.each(|xml, _| {
            xml.each(|xml, element| {
                let id = element.attr("id").unwrap_or_default().into_owned();
                let is_rule = element.attr("type").is_some_and(|kind| kind != "normal");
                if is_rule {
                    return Ok(());
                }
                let text = said(&body.all_blocks(xml)?);
                match element.name() {
                    "footnote" => drop(self.footnotes.insert(id, text)),
                    "endnote" => drop(self.endnotes.insert(id, text)),
                    "comment" => {
                        let by = element.attr("author").filter(|author| !author.trim().is_empty());
                        let by = by.map_or(String::new(), |author| format!(" by {}", author.trim()));
                        self.comments.insert(id, format!("[comment{by}: {text}]"));
                    }
                    _ => {}
                }
                Ok(())
            })
        })
    }

    /// Puts the mark of a note into the paragraph, and the note behind it. Notes are numbered as they are referred to.
    pub(super) fn refer(&mut self, kind: &str, id: &str, paragraph: &mut Paragraph) {
        let (notes, mark) = match kind {
            "footnoteReference" => {
                self.footnotes_seen += 1;
                (&self.footnotes, self.footnotes_seen.to_string())
            }
            "endnoteReference" => {
                self.endnotes_seen += 1;
                (&self.endnotes, counted(self.endnotes_seen, "lowerRoman"))
            }
            _ => {
                paragraph.notes.extend(self.comments.get(id).cloned());
                return;
            }
        };
        let mark = format!("[{mark}]");
        if let Some(note) = notes.get(id) {
            paragraph.notes.push(format!("{mark} {note}"));
        }
        paragraph.text.push_str(&mark);
    }
}

/// Blocks as one line.
fn said(blocks: &[Block]) -> String {
    flat(blocks).text
}
