//! PDF: the characters that its pages draw, laid out as text.

mod annotations;
mod cid;
mod colours;
mod content;
mod fonts;
mod image;
mod inflating;
mod layers;
mod open;
mod page;
mod paper;
mod parts;
mod pictures;
mod ranges;
mod strings;
mod survey;

use hayro_font::kurbo::Affine;
use hayro_syntax::object::{Dict, Object, Stream};
use hayro_syntax::page::{Page, Resources};

use crate::layout::{self, PageText};
use crate::reading::{Limits, Problem, Reading};
use content::{Interpreter, Shared};
use fonts::Fonts;
use inflating::fits;
use layers::Layers;
use page::Drawing;
use paper::Eyes;
use survey::Survey;

pub(crate) use pictures::pictures;

/// How many dictionaries above a page are asked for what it lacks.
const PARENTS: usize = 32;

/// Reads a PDF.
pub(crate) fn read(bytes: Vec<u8>, limits: &Limits) -> Result<Reading, Problem> {
    let opened = open::open(bytes)?;
    let catalog = open::catalog(&opened.pdf);
    let mut shared = Shared {
        fonts: Fonts::new(limits.inflated),
        layers: Layers::of(&catalog),
        inflated: limits.inflated,
    };
    let mut survey = Survey::default();
    let mut pages = Vec::new();
    let mut room = limits.text;
    for (number, page) in (1..).zip(opened.pdf.pages().iter()) {
        let (drawing, notes) = draw(page, &mut shared, limits.operators, Eyes::Closed);
        let seen = survey.see(number, &drawing);
        let mut text = PageText::of(drawing.glyphs, (drawing.width, drawing.height));
        text.notes = notes;
        seen.judge(&text, &mut survey);
        let Some(left) = room.checked_sub(text.size()) else {
            survey.ends_at(number);
            break;
        };
        room = left;
        pages.push(text);
    }
    let (text, places) = layout::written(pages);
    let mut notes = opened.notes;
    notes.extend(parts::notes(&catalog, opened.pdf.pages().len()));
    notes.extend(survey.notes());
    Ok(Reading { kind: crate::Kind::Pdf, text, places, notes, scans: survey.scans() })
}

/// Interprets a page, and gives the texts of its notes besides. `eyes`: what becomes of its pictures.
fn draw<'a>(
    page: &Page<'a>,
    shared: &mut Shared<'a>,
    operators: usize,
    eyes: Eyes,
) -> (Drawing, Vec<String>) {
    let inflated = shared.inflated;
    let mut drawing = Drawing { eyes, ..Drawing::sized(page.render_dimensions()) };
    let content = content(page, inflated, &mut drawing);
    let transform = Affine::new(page.initial_transform(true).as_coeffs());
    let mut interpreter = Interpreter::new(shared, drawing, transform, operators);
    interpreter.run(&content, &resources(page));
    let notes = annotations::draw(page, &mut interpreter);
    (interpreter.drawing, notes)
}

/// The content of a page, its streams joined.
fn content(page: &Page<'_>, inflated: usize, drawing: &mut Drawing) -> Vec<u8> {
    let streams: Vec<Stream<'_>> = match page.raw().get::<Object<'_>>("Contents") {
        Some(Object::Stream(stream)) => vec![stream],
        Some(Object::Array(parts)) => parts.iter::<Stream<'_>>().collect(),
        _ => {
            drawing.broken |= page.raw().contains_key("Contents");
            Vec::new()
        }
    };
    let mut content = Vec::new();
    for stream in streams {
        if !fits(&stream, inflated.saturating_sub(content.len())) {
            drawing.cut = true;
            continue;
        }
        match stream.decoded_data() {
            Ok(data) => {
                content.extend_from_slice(&data);
                content.push(b' ');
            }
            Err(_) => drawing.broken = true,
        }
    }
    content
}

/// The page's fonts and forms. A page that was found without the tree of pages asks the dictionaries above it.
fn resources<'a>(page: &Page<'a>) -> Resources<'a> {
    let own = page.resources();
    if !own.fonts.is_empty() || !own.x_objects.is_empty() {
        return own.clone();
    }
    let mut above = page.raw().get::<Dict<'a>>("Parent");
    for _ in 0..PARENTS {
        let Some(dict) = above else { break };
        if let Some(resources) = dict.get::<Dict<'a>>("Resources") {
            return Resources::new(resources);
        }
        above = dict.get::<Dict<'a>>("Parent");
    }
    own.clone()
}
