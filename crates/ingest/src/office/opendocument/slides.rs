//! The slides of an OpenDocument presentation.

use minions_documents::Place;

use super::super::written::text_of;
use super::state::Body;
use crate::draft::{Stop, in_one_line};
use crate::xml::{Element, Xml};

/// What stands on a slide.
#[derive(Default)]
struct Slide {
    title: String,
    blocks: Vec<String>,
    notes: Vec<String>,
}

impl Body<'_> {
    /// Writes the slide that was opened last.
    pub(super) fn slide(&mut self, xml: &mut Xml<'_>, element: &Element, number: u32) -> Result<(), Stop> {
        let mut slide = Slide::default();
        let end = self.shapes(xml, &mut slide);
        let style = element.attr("style-name").unwrap_or_default();
        let is_hidden = self.styles.is_hidden("drawing-page", &style);
        self.seen.slides.extend(is_hidden.then(|| number.to_string()));
        let hidden = if is_hidden { " (hidden)" } else { "" };
        self.draft.push(if number == 1 { "" } else { "\n\u{c}" })?;
        self.draft.place(Place::Slide(number));
        let title = if slide.title.is_empty() { String::new() } else { format!(": {}", slide.title) };
        self.draft.push(&format!("Slide {number}{hidden}{title}"))?;
        let notes = slide.notes.iter().map(|notes| format!("Notes: {notes}"));
        for block in slide.blocks.iter().cloned().chain(notes) {
            self.draft.push("\n\n")?;
            self.draft.push(&block)?;
        }
        end
    }

    fn shapes(&mut self, xml: &mut Xml<'_>, slide: &mut Slide) -> Result<(), Stop> {
        xml.each(|xml, element| match element.name() {
            "frame" | "custom-shape" | "rect" | "ellipse" | "polygon" | "path" => {
                let class = element.attr("class").unwrap_or_default().into_owned();
                let text = text_of(&self.all_blocks(xml)?);
                if text.is_empty() {
                    return Ok(());
                }
                match class.as_str() {
                    "title" if slide.title.is_empty() => slide.title = in_one_line(&text),
                    "page-number" | "date-time" | "footer" | "header" => {}
                    "notes" => slide.notes.push(text),
                    _ => slide.blocks.push(text),
                }
                Ok(())
            }
            "annotation" => {
                let comment = self.annotation(xml)?;
                slide.blocks.push(comment);
                Ok(())
            }
            _ => self.shapes(xml, slide),
        })
    }
}
