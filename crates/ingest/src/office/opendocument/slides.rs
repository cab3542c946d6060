//! The slides of an OpenDocument presentation.

use minions_documents::Place;

use super::super::written::text_of;
use super::state::Body;
use crate::draft::{Stop, in_one_line};
use crate::xml::{Element, Xml};

/// What stands on a slide, or on a sheet beside its cells.
#[derive(Default)]
pub(super) struct Slide {
    title: String,
    pub(super) blocks: Vec<String>,
    notes: Vec<String>,
    footers: Vec<String>,
}

/// Shapes that hold paragraphs.
const SHAPES: &[&str] = &[
    "caption",
    "circle",
    "connector",
    "custom-shape",
    "ellipse",
    "line",
    "measure",
    "path",
    "polygon",
    "polyline",
    "rect",
    "regular-polygon",
];

/// Whether an element of this name is a shape that holds paragraphs.
pub(super) fn is_shape(name: &str) -> bool {
    SHAPES.contains(&name)
}

impl Body<'_> {
    /// Writes the slide that was opened last.
    pub(super) fn slide(
        &mut self,
        xml: &mut Xml<'_>,
        element: &Element,
        number: u32,
        is_drawing: bool,
    ) -> Result<(), Stop> {
        let mut slide = Slide { footers: std::mem::take(&mut self.declared), ..Slide::default() };
        let end = self.shapes(xml, &mut slide);
        let style = element.attr("style-name").unwrap_or_default();
        let is_hidden = self.styles.is_hidden("drawing-page", &style);
        self.seen.slides.extend(is_hidden.then(|| number.to_string()));
        let hidden = if is_hidden { " (hidden)" } else { "" };
        self.draft.push(if number == 1 { "" } else { "\n\u{c}" })?;
        self.draft.place(if is_drawing { Place::Page(number) } else { Place::Slide(number) });
        let title = if slide.title.is_empty() { String::new() } else { format!(": {}", slide.title) };
        let sort = if is_drawing { "Page" } else { "Slide" };
        self.draft.push(&format!("{sort} {number}{hidden}{title}"))?;
        let notes = slide.notes.iter().map(|notes| format!("Notes: {notes}"));
        // What stands on each slide is said once.
        let footers = slide.footers.iter().filter(|footer| self.footers.insert((*footer).clone()));
        let footers: Vec<String> = footers.map(|footer| format!("Footer: {footer}")).collect();
        for block in slide.blocks.iter().cloned().chain(notes).chain(footers) {
            self.draft.push("\n\n")?;
            self.draft.push(&block)?;
        }
        end
    }

    pub(super) fn shapes(&mut self, xml: &mut Xml<'_>, slide: &mut Slide) -> Result<(), Stop> {
        xml.each(|xml, element| self.shape(xml, element, slide))
    }

    /// Reads a shape, or those in an element.
    pub(super) fn shape(
        &mut self,
        xml: &mut Xml<'_>,
        element: &Element,
        slide: &mut Slide,
    ) -> Result<(), Stop> {
        match element.name() {
            name if name == "frame" || is_shape(name) => {
                let class = element.attr("class").unwrap_or_default().into_owned();
                let text = text_of(&self.all_blocks(xml)?);
                if text.is_empty() {
                    return Ok(());
                }
                match class.as_str() {
                    "title" if slide.title.is_empty() => slide.title = in_one_line(&text),
                    "page-number" => {}
                    "date-time" | "footer" | "header" => slide.footers.push(in_one_line(&text)),
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
        }
    }
}
