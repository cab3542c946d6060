//! Interprets the content of a page as far as text needs it: where which characters are drawn, what hides them, how
//! much of the page is pictures.

use std::collections::HashMap;
use std::rc::Rc;

use hayro_font::kurbo::{Affine, Point};
use hayro_syntax::content::TypedIter;
use hayro_syntax::content::ops::TypedInstruction as Op;
use hayro_syntax::object::{Array, Dict, Name, Number, Object, Stream, String as PdfString};
use hayro_syntax::page::Resources;

use super::colours;
use super::fonts::{Fonts, PageFont, spelled};
use super::inflating::fits;
use super::layers::Layers;
use super::page::Drawing;
use super::paper::Eyes;
use super::strings::text_of;

/// How deep forms may lie in each other.
const DEPTH: usize = 16;
/// The mode in which letters are neither filled nor stroked.
const UNSEEN: f64 = 3.0;
/// How many graphics states may be saved.
const SAVED: usize = 512;

/// What the pages of a document share.
pub(super) struct Shared<'a> {
    pub(super) fonts: Fonts<'a>,
    pub(super) layers: Layers,
    /// The most that a stream may take when it is inflated, in bytes.
    pub(super) inflated: usize,
}

/// Interprets one page, its annotations' appearances included.
pub(super) struct Interpreter<'s, 'a> {
    shared: &'s mut Shared<'a>,
    pub(super) drawing: Drawing,
    state: State<'a>,
    saved: Vec<State<'a>>,
    marks: Vec<Mark>,
    hidden: usize,
    depth: usize,
    operators_left: usize,
}

#[derive(Clone)]
struct State<'a> {
    transform: Affine,
    font: Option<Rc<PageFont<'a>>>,
    size: f64,
    letter_space: f64,
    word_space: f64,
    stretch: f64,
    leading: f64,
    rise: f64,
    /// Whether letters are drawn that nobody sees.
    is_unseen: bool,
    /// The colour of what is filled.
    fill: [u8; 3],
    /// Where the pen is.
    pen: Affine,
    /// Where the line began.
    line: Affine,
}

/// A piece of marked content that is open.
enum Mark {
    Plain,
    Hidden,
    /// It stands for a text; its glyphs begin at this index.
    Spelled(String, usize),
}

impl<'s, 'a> Interpreter<'s, 'a> {
    /// For a page that `transform` leads to, with at most this many operators.
    pub(super) fn new(
        shared: &'s mut Shared<'a>,
        drawing: Drawing,
        transform: Affine,
        operators: usize,
    ) -> Self {
        let state = State {
            transform,
            font: None,
            size: 1.0,
            letter_space: 0.0,
            word_space: 0.0,
            stretch: 1.0,
            leading: 0.0,
            rise: 0.0,
            is_unseen: false,
            fill: [0; 3],
            pen: Affine::IDENTITY,
            line: Affine::IDENTITY,
        };
        Self {
            shared,
            drawing,
            state,
            saved: Vec::new(),
            marks: Vec::new(),
            hidden: 0,
            depth: 0,
            operators_left: operators,
        }
    }

    /// Interprets a content stream.
    pub(super) fn run(&mut self, content: &[u8], resources: &Resources<'a>) {
        let before = self.state.clone();
        let (saved, marked) = (self.saved.len(), self.marks.len());
        let mut fonts: HashMap<Vec<u8>, Option<Rc<PageFont<'a>>>> = HashMap::new();
        let mut operators = TypedIter::new(content);
        while let Some(operator) = operators.next() {
            if self.operators_left == 0 {
                self.drawing.cut = true;
                break;
            }
            self.operators_left -= 1;
            match operator {
                Op::SaveState(_) if self.saved.len() < SAVED => self.saved.push(self.state.clone()),
                Op::RestoreState(_) if self.saved.len() > saved => self.restore(),
                Op::TextFont(font) => {
                    self.state.size = font.1.as_f64();
                    self.state.font = fonts
                        .entry(font.0.as_ref().to_vec())
                        .or_insert_with(|| self.shared.fonts.load(&resources.get_font(font.0)?))
                        .clone();
                }
                Op::SetGraphicsState(name) => self.take_settings(resources.get_ext_g_state(name.0)),
                Op::XObject(name) => {
                    if let Some(object) = resources.get_x_object(name.0) {
                        self.draw_object(&object, resources);
                    }
                }
                Op::InlineImage(picture) => {
                    self.drawing.picture(picture.0, resources, self.state.transform, self.state.fill);
                }
                Op::BeginMarkedContent(_) => self.marks.push(Mark::Plain),
                Op::BeginMarkedContentWithProperties(mark) => self.mark(mark.0, mark.1, resources),
                Op::EndMarkedContent(_) if self.marks.len() > marked => self.end_mark(),
                other => self.step(other),
            }
        }
        while self.marks.len() > marked {
            self.end_mark();
        }
        self.saved.truncate(saved);
        self.state = before;
    }

    /// The operators that need nothing but the state.
    fn step(&mut self, operator: Op<'_, '_>) {
        match operator {
            Op::Transform(m) => {
                let by = [m.0, m.1, m.2, m.3, m.4, m.5].map(|number| number.as_f64());
                self.state.transform *= Affine::new(by);
            }
            Op::BeginText(_) => self.set_line(Affine::IDENTITY),
            Op::SetTextMatrix(m) => {
                self.set_line(Affine::new([m.0, m.1, m.2, m.3, m.4, m.5].map(|number| number.as_f64())));
            }
            Op::CharacterSpacing(space) => self.state.letter_space = space.0.as_f64(),
            Op::WordSpacing(space) => self.state.word_space = space.0.as_f64(),
            Op::HorizontalScaling(percent) => self.state.stretch = percent.0.as_f64() / 100.0,
            Op::TextLeading(leading) => self.state.leading = leading.0.as_f64(),
            Op::TextRise(rise) => self.state.rise = rise.0.as_f64(),
            Op::NextLine(by) => self.next_line(by.0.as_f64(), by.1.as_f64()),
            Op::NextLineAndSetLeading(by) => {
                self.state.leading = -by.1.as_f64();
                self.next_line(by.0.as_f64(), by.1.as_f64());
            }
            Op::NextLineUsingLeading(_) => self.next_line(0.0, -self.state.leading),
            Op::ShowText(text) => self.show(text.0.as_bytes()),
            Op::NextLineAndShowText(text) => {
                self.next_line(0.0, -self.state.leading);
                self.show(text.0.as_bytes());
            }
            Op::ShowTextWithParameters(text) => {
                self.state.word_space = text.0.as_f64();
                self.state.letter_space = text.1.as_f64();
                self.next_line(0.0, -self.state.leading);
                self.show(text.2.as_bytes());
            }
            Op::ShowTexts(parts) => {
                for part in parts.0.iter::<Object<'_>>() {
                    match part {
                        Object::String(text) => self.show(text.as_bytes()),
                        Object::Number(by) => self.adjust(by.as_f64()),
                        _ => {}
                    }
                }
            }
            Op::TextRenderingMode(mode) => self.state.is_unseen = mode.0.as_f64() == UNSEEN,
            Op::NonStrokeColorDeviceGray(gray) => self.fill(&[gray.0]),
            Op::NonStrokeColorDeviceRgb(colour) => self.fill(&[colour.0, colour.1, colour.2]),
            Op::NonStrokeColorCmyk(inks) => self.fill(&[inks.0, inks.1, inks.2, inks.3]),
            Op::NonStrokeColor(numbers) => self.fill(&numbers.0),
            Op::NonStrokeColorNamed(numbers) => self.fill(&numbers.0),
            Op::FillPathNonZero(_)
            | Op::FillPathNonZeroCompatibility(_)
            | Op::FillPathEvenOdd(_)
            | Op::FillAndStrokeNonZero(_)
            | Op::FillAndStrokeEvenOdd(_)
            | Op::StrokePath(_) => self.drawing.shapes += 1,
            _ => {}
        }
    }

    fn fill(&mut self, numbers: &[Number]) {
        if matches!(self.drawing.eyes, Eyes::Drawing(_)) {
            let numbers: Vec<f64> = numbers.iter().map(Number::as_f64).collect();
            self.state.fill = colours::of_numbers(&numbers);
        }
    }

    fn restore(&mut self) {
        if let Some(state) = self.saved.pop() {
            self.state = state;
        }
    }

    fn take_settings(&mut self, settings: Option<Dict<'a>>) {
        let Some(font) = settings.and_then(|settings| settings.get::<Array<'_>>("Font")) else { return };
        let mut parts = font.flex_iter();
        if let (Some(font), Some(size)) = (parts.next::<Dict<'a>>(), parts.next::<Number>()) {
            self.state.font = self.shared.fonts.load(&font);
            self.state.size = size.as_f64();
        }
    }

    fn set_line(&mut self, at: Affine) {
        self.state.line = at;
        self.state.pen = at;
    }

    fn next_line(&mut self, x: f64, y: f64) {
        self.set_line(self.state.line * Affine::translate((x, y)));
    }

    fn adjust(&mut self, thousandths: f64) {
        let by = -thousandths / 1000.0 * self.state.size;
        self.advance(by);
    }

    /// Moves the pen along the line.
    fn advance(&mut self, by: f64) {
        let horizontal = self.state.font.as_ref().is_none_or(|font| font.is_horizontal());
        let step = if horizontal { (by * self.state.stretch, 0.0) } else { (0.0, by) };
        self.state.pen *= Affine::translate(step);
    }

    fn show(&mut self, bytes: &[u8]) {
        let Some(font) = self.state.font.clone() else { return self.show_without_font(bytes) };
        let mut rest = bytes;
        while !rest.is_empty() {
            let (code, length) = font.code(rest);
            rest = &rest[length.clamp(1, rest.len())..];
            let letters = font.letters(code);
            let word_space = if code == 32 && length == 1 { self.state.word_space } else { 0.0 };
            let size = self.state.size;
            if self.hidden == 0 {
                self.draw(&font, letters.text.as_deref(), letters.advance * size);
            }
            self.advance(letters.advance * size + self.state.letter_space + word_space);
        }
    }

    /// Plain letters are read even where the font is lost, as in a damaged file. Their width is a guess.
    fn show_without_font(&mut self, bytes: &[u8]) {
        let size = self.state.size;
        match std::str::from_utf8(bytes) {
            Ok(text) if self.hidden == 0 && bytes.iter().all(|byte| (b' '..=b'~').contains(byte)) => {
                let length = 0.5 * size * bytes.len() as f64;
                let transform = self.state.transform * self.state.pen;
                self.drawing.write(transform, Point::new(0.0, self.state.rise), text, (length, size));
                self.advance(length);
            }
            _ => self.drawing.unmapped += bytes.len(),
        }
    }

    fn draw(&mut self, font: &PageFont<'a>, text: Option<&str>, advance: f64) {
        let State { size, letter_space, stretch, rise, is_unseen, .. } = self.state;
        let text = text.unwrap_or_else(|| {
            self.drawing.unmapped += 1;
            "\u{fffd}"
        });
        if is_unseen {
            self.drawing.unseen += 1;
        }
        // Letters that are spaced out are one word still, as spaces are drawn then.
        let spaced = if letter_space > 0.0 && letter_space < 0.6 * size { letter_space } else { 0.0 };
        let transform = self.state.transform * self.state.pen;
        let start = Point::new(0.0, rise);
        if font.is_horizontal() {
            self.drawing.write(transform, start, text, ((advance + spaced) * stretch, size * font.em));
        } else {
            self.drawing.write_down(transform, start, text, (advance, size * font.em));
        }
    }

    fn mark(&mut self, tag: &Name<'_>, properties: &Object<'_>, resources: &Resources<'a>) {
        if tag.as_ref() == b"OC"
            && let Object::Name(name) = properties
            && let Ok(key) = std::str::from_utf8(name.as_ref())
            && self.shared.layers.hides(&resources.properties, key)
        {
            self.hidden += 1;
            self.marks.push(Mark::Hidden);
            return;
        }
        let spelling = match properties {
            Object::Dict(dict) => {
                dict.get::<PdfString<'_>>("ActualText").map(|text| text_of(text.as_bytes()))
            }
            Object::Name(name) => resources
                .properties
                .get::<Dict<'_>>(name.as_ref())
                .and_then(|dict| dict.get::<PdfString<'_>>("ActualText"))
                .map(|text| text_of(text.as_bytes())),
            _ => None,
        };
        let glyphs = self.drawing.glyphs.len();
        self.marks.push(spelling.map_or(Mark::Plain, |text| Mark::Spelled(text, glyphs)));
    }

    fn end_mark(&mut self) {
        match self.marks.pop() {
            Some(Mark::Hidden) => self.hidden -= 1,
            Some(Mark::Spelled(text, first)) => self.drawing.replace(first, &spelled(&text)),
            Some(Mark::Plain) | None => {}
        }
    }

    /// Draws a form or notes a picture.
    pub(super) fn draw_object(&mut self, object: &Stream<'a>, resources: &Resources<'a>) {
        let dict = object.dict();
        if self.hidden > 0 || self.shared.layers.hides(dict, "OC") {
            return;
        }
        match dict.get::<Name<'_>>("Subtype").as_deref() {
            Some(b"Image") => {
                self.drawing.picture(object, resources, self.state.transform, self.state.fill);
            }
            Some(b"Form") if self.depth < DEPTH => self.draw_form(object, resources),
            _ => {}
        }
    }

    fn draw_form(&mut self, form: &Stream<'a>, resources: &Resources<'a>) {
        if !fits(form, self.shared.inflated) {
            self.drawing.cut = true;
            return;
        }
        let Ok(content) = form.decoded_data() else {
            self.drawing.broken = true;
            return;
        };
        let own = form.dict().get::<Dict<'a>>("Resources").map(Resources::new);
        let before = self.state.clone();
        if let Some(matrix) = form.dict().get::<[f64; 6]>("Matrix") {
            self.state.transform *= Affine::new(matrix);
        }
        self.depth += 1;
        self.run(&content, own.as_ref().unwrap_or(resources));
        self.depth -= 1;
        self.state = before;
    }

    /// Draws a form where `transform` leads it, as annotations do.
    pub(super) fn draw_at(&mut self, form: &Stream<'a>, transform: Affine, resources: &Resources<'a>) {
        let before = self.state.clone();
        self.state.transform *= transform;
        self.draw_object(form, resources);
        self.state = before;
    }

    /// Writes a text that no content stream draws, such as a form field's value, from a point of the page on.
    pub(super) fn write(&mut self, x: f64, y: f64, size: f64, text: &str) {
        let length = size * 0.5 * text.chars().count() as f64;
        self.drawing.write(self.state.transform, Point::new(x, y), text, (length, size));
    }
}
