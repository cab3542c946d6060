//! What a page draws, collected from its content.

use hayro_font::kurbo::{Affine, Point, Rect};

use hayro_syntax::object::Stream;
use hayro_syntax::page::Resources;

use crate::layout::{Glyph, angle_of};

use super::paper::Eyes;

/// How many characters of a page are kept.
const CHARACTERS: usize = 1 << 20;

/// How much of the page a picture must cover to hide the text that was drawn before it.
const COVERS: f64 = 0.5;

/// What was drawn on a page.
#[derive(Default)]
pub(super) struct Drawing {
    /// Its characters, in the order in which they were drawn.
    pub(super) glyphs: Vec<Glyph>,
    /// How many codes the fonts have no character for.
    pub(super) unmapped: usize,
    /// How much of the page pictures cover, summed up; 1 is the whole page.
    pub(super) pictured: f64,
    /// How many of its characters nobody sees: those that a program has read of its picture.
    pub(super) unseen: usize,
    /// What becomes of its pictures, if a model is to see it.
    pub(super) eyes: Eyes,
    /// How many shapes it has.
    pub(super) shapes: usize,
    /// Whether something was left out because the page is over a limit.
    pub(super) cut: bool,
    /// Whether a part of it could not be decoded.
    pub(super) broken: bool,
    /// Its size in points.
    pub(super) width: f32,
    /// Its height in points.
    pub(super) height: f32,
}

impl Drawing {
    /// An empty page of this size.
    pub(super) fn sized((width, height): (f32, f32)) -> Self {
        Self { width, height, ..Self::default() }
    }

    /// Writes `text` along a baseline, from `start` on, over `length` and in a font of `size`, both measured by
    /// `transform`, which leads to the page.
    pub(super) fn write(&mut self, transform: Affine, start: Point, text: &str, (length, size): (f64, f64)) {
        let from = transform * start;
        let along = transform * Point::new(start.x + length, start.y) - from;
        let ahead = transform * Point::new(start.x + 1.0, start.y) - from;
        let up = transform * Point::new(start.x, start.y + size) - from;
        self.place(
            from,
            along.hypot(),
            (ahead.x * length.signum(), ahead.y * length.signum()),
            up.hypot(),
            text,
        );
    }

    /// The same for writing from top to bottom.
    pub(super) fn write_down(
        &mut self,
        transform: Affine,
        start: Point,
        text: &str,
        (length, size): (f64, f64),
    ) {
        let from = transform * start;
        let along = transform * Point::new(start.x, start.y + length) - from;
        let across = transform * Point::new(start.x + size, start.y) - from;
        self.place(from, along.hypot(), (along.x, along.y), across.hypot(), text);
    }

    fn place(&mut self, from: Point, length: f64, towards: (f64, f64), size: f64, text: &str) {
        let count = text.chars().count();
        let (width, height) = (f64::from(self.width), f64::from(self.height));
        let inside = |value: f64, most: f64| value > -0.02 * most && value < 1.02 * most;
        let drawn = length.is_finite() && size > 0.01 && size < 4.0 * (width + height) && count > 0;
        if !drawn || !inside(from.x, width) || !inside(from.y, height) {
            return;
        }
        if self.glyphs.len() + count > CHARACTERS {
            self.cut = true;
            return;
        }
        let angle = angle_of(towards.0, towards.1);
        let advance = length / count as f64;
        let (sin, cos) = f64::from(angle).to_radians().sin_cos();
        for (index, letter) in visual(text).enumerate() {
            let offset = advance * index as f64;
            self.glyphs.push(Glyph {
                letter,
                x: (from.x + offset * cos) as f32,
                y: (from.y + offset * sin) as f32,
                advance: advance as f32,
                size: size as f32,
                angle,
            });
        }
    }

    /// Notes a picture that fills a square of 1, as `transform` leads it to the page.
    /// `fill` is the colour of one that is a stencil.
    pub(super) fn picture(
        &mut self,
        picture: &Stream<'_>,
        resources: &Resources<'_>,
        transform: Affine,
        fill: [u8; 3],
    ) {
        let page = Rect::new(0.0, 0.0, f64::from(self.width), f64::from(self.height));
        let shown = transform.transform_rect_bbox(Rect::new(0.0, 0.0, 1.0, 1.0)).intersect(page);
        let part = shown.area() / page.area();
        if !part.is_finite() || part <= 0.0 {
            return;
        }
        self.pictured += part;
        if part >= COVERS {
            self.unseen = self.glyphs.len();
        }
        self.eyes.picture(picture, resources, transform, fill);
    }

    /// How much of the page its characters cover, but for what is written across it at a slant; 1 is the whole page.
    pub(super) fn lettered(&self) -> f64 {
        let letters =
            self.glyphs.iter().filter(|glyph| !glyph.letter.is_whitespace() && glyph.angle % 90 == 0);
        let area = letters.map(|glyph| f64::from(glyph.advance) * f64::from(glyph.size)).sum::<f64>();
        area / (f64::from(self.width) * f64::from(self.height)).max(1.0)
    }

    /// Writes `text` over the glyphs from `first` on, which stand for it.
    pub(super) fn replace(&mut self, first: usize, text: &str) {
        let Some(start) = self.glyphs.get(first).copied() else { return };
        let (sin, cos) = f32::from(start.angle).to_radians().sin_cos();
        let along = |glyph: &Glyph| (glyph.x - start.x) * cos + (glyph.y - start.y) * sin;
        let across = |glyph: &Glyph| (glyph.y - start.y) * cos - (glyph.x - start.x) * sin;
        let (mut from, mut to) = (0.0_f32, start.advance);
        for glyph in self.glyphs[first..].iter().filter(|glyph| across(glyph).abs() < 0.5 * start.size) {
            from = from.min(along(glyph));
            to = to.max(along(glyph) + glyph.advance);
        }
        self.glyphs.truncate(first);
        let count = text.chars().count().max(1) as f32;
        let advance = (to - from) / count;
        for (index, letter) in visual(text).enumerate() {
            let offset = from + advance * index as f32;
            let (x, y) = (start.x + offset * cos, start.y + offset * sin);
            self.glyphs.push(Glyph { letter, x, y, advance, ..start });
        }
    }
}

/// The characters of a text in the order in which they stand on the page, from left to right.
fn visual(text: &str) -> impl Iterator<Item = char> {
    let backwards = text.chars().any(crate::layout::is_right_to_left);
    let mut letters: Vec<char> = text.chars().collect();
    if backwards {
        letters.reverse();
    }
    letters.into_iter()
}
