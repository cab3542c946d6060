//! Pixels of a picture, and pictures that are laid on a page.

use hayro_font::kurbo::{Affine, Point};

/// A picture: rows of pixels from top to bottom, each pixel one byte (gray) or three (red, green, blue).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pixels {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// 1 or 3.
    pub(crate) channels: usize,
    pub(crate) data: Vec<u8>,
}

impl Pixels {
    /// A picture of this size. What lacks is white.
    pub(crate) fn new((width, height): (usize, usize), channels: usize, mut data: Vec<u8>) -> Self {
        data.resize(width * height * channels, WHITE);
        Self { width, height, channels, data }
    }

    /// The same of pixels whose last byte says how much they cover: over white.
    pub(crate) fn over_white(size: (usize, usize), channels: usize, data: &[u8]) -> Self {
        let over = |colour: &u8, covers: u8| {
            let (colour, covers) = (u32::from(*colour), u32::from(covers));
            ((colour * covers + 255 * (255 - covers)) / 255) as u8
        };
        let mut flat = Vec::with_capacity(size.0 * size.1 * channels);
        for pixel in data.chunks_exact(channels + 1) {
            flat.extend(pixel[..channels].iter().map(|colour| over(colour, pixel[channels])));
        }
        Self::new(size, channels, flat)
    }

    /// The mean colour of a part of the picture, by the share that each pixel has in it.
    fn mean(&self, part: &Part) -> [f32; 3] {
        let (mut sum, mut weights) = ([0.0_f32; 3], 0.0_f32);
        for y in part.rows.clone() {
            let high = part.overlap_y(y);
            let row = y * self.width;
            for x in part.columns.clone() {
                let weight = high * part.overlap_x(x);
                let at = (row + x) * self.channels;
                weights += weight;
                if self.channels == 1 {
                    sum[0] += weight * f32::from(self.data[at]);
                } else {
                    for (sum, colour) in sum.iter_mut().zip(&self.data[at..at + 3]) {
                        *sum += weight * f32::from(*colour);
                    }
                }
            }
        }
        if self.channels == 1 {
            sum = [sum[0]; 3];
        }
        sum.map(|sum| sum / weights.max(f32::MIN_POSITIVE))
    }
}

const WHITE: u8 = 255;

/// A part of a picture: the pixels that it touches, and its edges in pixels.
struct Part {
    columns: std::ops::Range<usize>,
    rows: std::ops::Range<usize>,
    left: f32,
    right: f32,
    top: f32,
    bottom: f32,
}

impl Part {
    /// The part around `centre`, where the whole picture is a square of 1, as large as `reach` on each side.
    fn around(centre: Point, reach: (f64, f64), (width, height): (usize, usize)) -> Self {
        let edges = |centre: f64, reach: f64, length: usize| {
            let most = length as f64;
            let low = ((centre - reach) * most).clamp(0.0, most - 1.0);
            // A part of less than a pixel is that pixel.
            let high = ((centre + reach) * most).clamp(low + 1e-6, most);
            let end = (high - 1e-6).ceil().max(low.floor() + 1.0);
            (low as f32, high as f32, low as usize..(end as usize).min(length))
        };
        let (left, right, columns) = edges(centre.x, reach.0, width);
        let (top, bottom, rows) = edges(centre.y, reach.1, height);
        Self { columns, rows, left, right, top, bottom }
    }

    fn overlap_x(&self, x: usize) -> f32 {
        overlap(self.left, self.right, x)
    }

    fn overlap_y(&self, y: usize) -> f32 {
        overlap(self.top, self.bottom, y)
    }
}

fn overlap(low: f32, high: f32, pixel: usize) -> f32 {
    let start = pixel as f32;
    (high.min(start + 1.0) - low.max(start)).max(1e-6)
}

/// What is laid on a page: a picture or one colour, and how much of it shows, by a picture of its own size.
pub(crate) struct Layer {
    pub(crate) colour: Colour,
    pub(crate) shows: Option<Pixels>,
}

pub(crate) enum Colour {
    Of(Pixels),
    Plain([u8; 3]),
}

impl Layer {
    pub(crate) fn of(pixels: Pixels) -> Self {
        Self { colour: Colour::Of(pixels), shows: None }
    }
}

/// A page that pictures are laid on. It is white at first.
pub(crate) struct Canvas {
    width: usize,
    height: usize,
    data: Vec<u8>,
}

impl Canvas {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        Self { width, height, data: vec![WHITE; width * height * 3] }
    }

    /// Lays on a picture: `transform` leads from a square of 1, whose upper left is 0, 0, to the canvas. Each pixel of the
    /// canvas becomes the mean of what it covers of the picture, so that thin strokes stay.
    pub(crate) fn lay(&mut self, layer: &Layer, transform: Affine) {
        let [a, b, c, d, e, f] = transform.as_coeffs();
        let determinant = transform.determinant();
        if ![a, b, c, d, e, f].iter().all(|number| number.is_finite()) || determinant.abs() < 1e-9 {
            return;
        }
        let back = transform.inverse();
        let [a, b, c, d, ..] = back.as_coeffs();
        let reach = (0.5 * (a.abs() + c.abs()), 0.5 * (b.abs() + d.abs()));
        let square = hayro_font::kurbo::Rect::new(0.0, 0.0, 1.0, 1.0);
        let shown = transform.transform_rect_bbox(square);
        let within = |low: f64, high: f64, most: usize| {
            let most_of = most as f64;
            low.floor().clamp(0.0, most_of) as usize..high.ceil().clamp(0.0, most_of) as usize
        };
        for y in within(shown.y0, shown.y1, self.height) {
            for x in within(shown.x0, shown.x1, self.width) {
                let centre = back * Point::new(x as f64 + 0.5, y as f64 + 0.5);
                if (0.0..=1.0).contains(&centre.x) && (0.0..=1.0).contains(&centre.y) {
                    self.mix((y * self.width + x) * 3, layer, centre, reach);
                }
            }
        }
    }

    fn mix(&mut self, at: usize, layer: &Layer, centre: Point, reach: (f64, f64)) {
        let mean = |pixels: &Pixels| pixels.mean(&Part::around(centre, reach, (pixels.width, pixels.height)));
        let shows = layer.shows.as_ref().map_or(1.0, |shows| mean(shows)[0] / 255.0);
        if shows <= 0.0 {
            return;
        }
        let colour = match &layer.colour {
            Colour::Of(pixels) => mean(pixels),
            Colour::Plain(colour) => colour.map(f32::from),
        };
        for (under, over) in self.data[at..at + 3].iter_mut().zip(colour) {
            *under = (f32::from(*under) * (1.0 - shows) + over * shows).round() as u8;
        }
    }

    /// The page as it is now.
    pub(crate) fn into_pixels(self) -> Pixels {
        Pixels { width: self.width, height: self.height, channels: 3, data: self.data }
    }
}
