//! What is laid over a page: the values of form fields, and notes.

use hayro_font::kurbo::Rect as Box;
use hayro_font::kurbo::{Affine, Shape};
use hayro_syntax::object::{Array, Dict, Name, Object, Rect, Stream, String as PdfString};
use hayro_syntax::page::Page;

use super::content::Interpreter;
use super::strings::text_of;

/// The flags of an annotation that is not shown.
const HIDDEN: u32 = (1 << 1) | (1 << 5);
/// The flags of a button that is no box to tick: a push button.
const PUSH_BUTTON: u32 = 1 << 16;
/// The flag of a text field whose value nobody may see: a password.
const PASSWORD: u32 = 1 << 13;
/// How many parents a field may have.
const PARENTS: usize = 32;
/// How many annotations of a page are read.
const MOST: usize = 20_000;

/// Draws the annotations of a page, and returns the texts of its notes.
pub(super) fn draw<'a>(page: &Page<'a>, interpreter: &mut Interpreter<'_, 'a>) -> Vec<String> {
    let annotations = page.raw().get::<Array<'a>>("Annots").unwrap_or_default();
    let mut notes = Vec::new();
    for annotation in annotations.iter::<Dict<'a>>().take(MOST) {
        if annotation.get::<u32>("F").unwrap_or(0) & HIDDEN != 0 {
            continue;
        }
        match annotation.get::<Name<'_>>("Subtype").as_deref() {
            Some(b"Widget") => draw_field(&annotation, page, interpreter),
            Some(b"Popup" | b"Link") | None => {}
            Some(b"FreeText") => draw_or_write(&annotation, text(&annotation, "Contents"), page, interpreter),
            Some(b"Stamp") => {
                let name = annotation.get::<Name<'_>>("Name").map(|name| text_of(name.as_ref()));
                draw_or_write(&annotation, name, page, interpreter);
                notes.extend(note(&annotation));
            }
            Some(_) => {
                draw_appearance(&annotation, page, interpreter);
                notes.extend(note(&annotation));
            }
        }
    }
    notes
}

/// What a reader wrote on the page, with the reader's name.
fn note(annotation: &Dict<'_>) -> Option<String> {
    let contents = text(annotation, "Contents").filter(|contents| !contents.trim().is_empty())?;
    let contents = contents.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(match text(annotation, "T").filter(|author| !author.trim().is_empty()) {
        Some(author) => format!("[Note by {}: {contents}]", author.trim()),
        None => format!("[Note: {contents}]"),
    })
}

fn text(annotation: &Dict<'_>, key: &str) -> Option<String> {
    annotation.get::<PdfString<'_>>(key).map(|text| text_of(text.as_bytes()))
}

fn draw_field<'a>(field: &Dict<'a>, page: &Page<'a>, interpreter: &mut Interpreter<'_, 'a>) {
    let kind = inherited(field, "FT").and_then(Object::into_name);
    let flags = inherited(field, "Ff").and_then(Object::into_number).map_or(0, |flags| flags.as_i64() as u32);
    match kind.as_deref() {
        Some(b"Btn") if flags & PUSH_BUTTON == 0 => {
            let state = field.get::<Name<'_>>("AS");
            let ticked = state.is_some_and(|state| state.as_ref() != b"Off");
            write_value(field, if ticked { "[x]" } else { "[ ]" }, interpreter);
        }
        Some(b"Tx") if flags & PASSWORD != 0 => {}
        Some(b"Tx" | b"Ch") => match value(field) {
            Some(value) => write_value(field, &value, interpreter),
            None => draw_appearance(field, page, interpreter),
        },
        _ => draw_appearance(field, page, interpreter),
    }
}

/// The value of a text or choice field as the form shows it; `None` if it is empty.
fn value(field: &Dict<'_>) -> Option<String> {
    let options = inherited(field, "Opt").and_then(Object::into_array).unwrap_or_default();
    let shown = |value: &PdfString<'_>| text_of(&displayed(value.as_bytes(), &options));
    let text = match inherited(field, "V")? {
        Object::String(text) => shown(&text),
        Object::Name(name) => text_of(name.as_ref()),
        Object::Stream(stream) => text_of(&stream.decoded_data().ok()?),
        Object::Array(values) => {
            let values = values.iter::<PdfString<'_>>().map(|value| shown(&value));
            values.collect::<Vec<_>>().join(", ")
        }
        _ => return None,
    };
    (!text.trim().is_empty()).then_some(text)
}

/// What a choice field shows for a value: an option may be a pair of the value that is sent and the text that is shown.
fn displayed(value: &[u8], options: &Array<'_>) -> Vec<u8> {
    let pair = |option: Array<'_>| {
        let mut parts = option.iter::<PdfString<'_>>();
        let sent = parts.next()?;
        (sent.as_bytes() == value).then(|| parts.next())?.map(|shown| shown.as_bytes().to_vec())
    };
    let mut pairs = options.iter::<Object<'_>>().filter_map(Object::into_array);
    pairs.find_map(pair).unwrap_or_else(|| value.to_vec())
}

/// An entry of a field or of the fields that it is part of.
fn inherited<'a>(field: &Dict<'a>, key: &str) -> Option<Object<'a>> {
    let mut field = field.clone();
    for _ in 0..PARENTS {
        if let Some(entry) = field.get::<Object<'a>>(key) {
            return Some(entry);
        }
        field = field.get::<Dict<'a>>("Parent")?;
    }
    None
}

/// Writes a value into its field's box, a line below the other.
fn write_value(field: &Dict<'_>, value: &str, interpreter: &mut Interpreter<'_, '_>) {
    let Some(rect) = field.get::<Rect>("Rect") else { return };
    let lines: Vec<&str> = value.split(['\r', '\n']).map(str::trim).filter(|line| !line.is_empty()).collect();
    let height = rect.y1 - rect.y0;
    let step = (height / lines.len().max(1) as f64).min(14.0);
    let top = if lines.len() == 1 { rect.y0 + (height + step) / 2.0 } else { rect.y1 };
    for (index, line) in lines.iter().enumerate() {
        let baseline = top - step * (index as f64 + 0.75);
        let size = (0.75 * step).min((rect.x1 - rect.x0) * 2.0 / line.chars().count() as f64);
        interpreter.write(rect.x0 + 1.0, baseline, size.max(1.0), line);
    }
}

/// Draws what an annotation looks like, or writes its text where it does not say so.
fn draw_or_write<'a>(
    annotation: &Dict<'a>,
    text: Option<String>,
    page: &Page<'a>,
    interpreter: &mut Interpreter<'_, 'a>,
) {
    match text.filter(|_| appearance(annotation).is_none()) {
        Some(text) => write_value(annotation, &text, interpreter),
        None => draw_appearance(annotation, page, interpreter),
    }
}

/// Draws what an annotation looks like, if it says so.
fn draw_appearance<'a>(annotation: &Dict<'a>, page: &Page<'a>, interpreter: &mut Interpreter<'_, 'a>) {
    let (Some(form), Some(rect)) = (appearance(annotation), annotation.get::<Rect>("Rect")) else { return };
    let matrix = form.dict().get::<[f64; 6]>("Matrix").map_or(Affine::IDENTITY, Affine::new);
    let Some(bounds) = form.dict().get::<Rect>("BBox") else { return };
    let bounds = (matrix * Box::new(bounds.x0, bounds.y0, bounds.x1, bounds.y1).to_path(0.1)).bounding_box();
    let ratio = |shown: f64, drawn: f64| if drawn.abs() > 1e-6 { shown / drawn } else { 1.0 };
    let (x, y) = (ratio(rect.x1 - rect.x0, bounds.width()), ratio(rect.y1 - rect.y0, bounds.height()));
    let place = Affine::new([x, 0.0, 0.0, y, rect.x0 - x * bounds.x0, rect.y0 - y * bounds.y0]);
    interpreter.draw_at(&form, place, page.resources());
}

fn appearance<'a>(annotation: &Dict<'a>) -> Option<Stream<'a>> {
    match annotation.get::<Dict<'a>>("AP")?.get::<Object<'a>>("N")? {
        Object::Stream(form) => Some(form),
        Object::Dict(states) => states.get::<Stream<'a>>(annotation.get::<Name<'_>>("AS")?.as_ref()),
        _ => None,
    }
}
