//! Footnotes, endnotes and comments: what they say, and the marks that refer to them.

use std::collections::HashMap;

use super::super::block::Paragraph;
use super::super::numerals::counted;
use crate::raised::Rise;

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
    /// Adds what an element of this name says: `footnote`, `endnote` or `comment`.
    pub(super) fn add(&mut self, kind: &str, id: String, author: &str, text: String) {
        match kind {
            "footnote" => drop(self.footnotes.insert(id, text)),
            "endnote" => drop(self.endnotes.insert(id, text)),
            "comment" => {
                let by = if author.is_empty() { String::new() } else { format!(" by {author}") };
                self.comments.insert(id, format!("[comment{by}: {text}]"));
            }
            _ => {}
        }
    }

    /// Puts the mark of a note into the paragraph, and the note behind it, where it is referred to first. Notes are
    /// numbered as they are referred to.
    pub(super) fn refer(&mut self, kind: &str, id: &str, paragraph: &mut Paragraph) {
        let (notes, mark) = match kind {
            "footnoteReference" => {
                self.footnotes_seen += 1;
                (&mut self.footnotes, self.footnotes_seen.to_string())
            }
            "endnoteReference" => {
                self.endnotes_seen += 1;
                (&mut self.endnotes, counted(self.endnotes_seen, "lowerRoman"))
            }
            _ => {
                paragraph.notes.extend(self.comments.remove(id));
                return;
            }
        };
        let mark = format!("[{mark}]");
        if let Some(note) = notes.remove(id) {
            paragraph.notes.push(format!("{mark} {note}"));
        }
        paragraph.text.push(&mark, Rise::Level);
    }
}
