//! A picture as models take it: as PNG, and not larger than they look at.

use hayro_font::kurbo::Affine;
use png::{BitDepth, ColorType, Encoder};

use super::Picture;
use super::pixels::{Canvas, Layer, Pixels};

/// The longer side of a picture, in pixels: vendors scale down what is larger, and refuse it where a request has many
/// pictures (<https://docs.anthropic.com/en/docs/vision>).
pub(crate) const LONGEST: usize = 2000;
/// The most bytes of a picture: in base64 they are 5 MB.
pub(crate) const MOST_BYTES: usize = 3_750_000;
/// A picture that is longer than this, measured by its width, is cut, so that its print stays legible.
const LONG: f64 = 2.5;
/// How long a part of it is then, about.
const PART: f64 = 1.5;
/// The most parts of a picture.
const MOST_PARTS: f64 = 8.0;
/// How far from its place a cut may be, to run between two lines: this part of the part's length.
const NEAR: usize = 6;
/// How much the colours of a pixel may differ for it to be gray.
const GRAY: u8 = 10;

/// How many parts a picture with these sides becomes.
fn parts(width: f64, height: f64) -> f64 {
    let ratio = width.max(height) / width.min(height);
    if ratio > LONG { (ratio / PART).round().clamp(1.0, MOST_PARTS) } else { 1.0 }
}

/// The size in which a picture is shown that has this many pixels.
pub(crate) fn size(width: f64, height: f64) -> (usize, usize) {
    let longest = LONGEST as f64 * parts(width, height);
    let scale = (longest / width.max(height)).min(1.0);
    let side = |length: f64| ((length * scale).round() as usize).max(1);
    (side(width), side(height))
}

/// Whether a picture of this size is shown as it is.
pub(crate) fn is_small(width: usize, height: usize) -> bool {
    size(width as f64, height as f64) == (width, height) && parts(width as f64, height as f64) == 1.0
}

/// A picture in a file, turned so that it stands upright, as PNG. `turn` leads from a square of 1 to one of 1.
pub(crate) fn upright(layer: &Layer, (width, height): (usize, usize), turn: Affine) -> Vec<Picture> {
    let [a, _, c, ..] = turn.as_coeffs();
    let (width, height) = if a == 0.0 && c != 0.0 { (height, width) } else { (width, height) };
    let (width, height) = size(width as f64, height as f64);
    let mut canvas = Canvas::new(width, height);
    canvas.lay(layer, Affine::scale_non_uniform(width as f64, height as f64) * turn);
    shown(canvas.into_pixels())
}

/// The picture as PNG, in parts if it is long.
pub(crate) fn shown(page: Pixels) -> Vec<Picture> {
    let count = parts(page.width as f64, page.height as f64) as usize;
    let is_tall = page.height > page.width;
    let length = page.width.max(page.height);
    let mut from = 0;
    let mut pictures = Vec::new();
    for part in 1..=count {
        let end = if part == count {
            length
        } else {
            clearing(&page, is_tall, length * part / count, length / count)
        };
        pictures.push(small_enough(page.part(is_tall, from..end)));
        from = end;
    }
    pictures
}

/// The line near `middle` that has the least drawn on it.
fn clearing(page: &Pixels, is_tall: bool, middle: usize, part: usize) -> usize {
    let near = part / NEAR;
    let light = |line: usize| page.line(is_tall, line).map(|byte| u64::from(*byte)).sum::<u64>();
    let lines = middle.saturating_sub(near)..=middle + near;
    lines.max_by_key(|line| (light(*line), std::cmp::Reverse(line.abs_diff(middle)))).unwrap_or(middle)
}

/// The picture as PNG, in gray if it is gray or takes too much in colour, and smaller if it takes too much still.
fn small_enough(pixels: Pixels) -> Picture {
    let mut pixels = if pixels.is_gray() { pixels.into_gray() } else { pixels };
    loop {
        let bytes = png(&pixels);
        let is_tiny = pixels.width.max(pixels.height) < 64;
        if bytes.len() <= MOST_BYTES || is_tiny {
            return Picture { media_type: "image/png", bytes };
        }
        pixels = if pixels.channels == 3 { pixels.into_gray() } else { pixels.smaller() };
    }
}

/// Writing to memory does not fail, and the sizes are right, so that there always are bytes.
fn png(pixels: &Pixels) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (width, height) = (u32::try_from(pixels.width), u32::try_from(pixels.height));
    let mut encoder = Encoder::new(&mut bytes, width.unwrap_or(0), height.unwrap_or(0));
    encoder.set_color(if pixels.channels == 1 { ColorType::Grayscale } else { ColorType::Rgb });
    encoder.set_depth(BitDepth::Eight);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels.data));
    debug_assert!(written.is_ok(), "{written:?}");
    bytes
}

impl Pixels {
    /// The bytes of a row, or of a column.
    fn line(&self, is_row: bool, line: usize) -> Box<dyn Iterator<Item = &u8> + '_> {
        let row = self.width * self.channels;
        if is_row {
            Box::new(self.data[line * row..(line + 1) * row].iter())
        } else {
            let from = line * self.channels;
            Box::new(self.data.chunks_exact(row).flat_map(move |row| &row[from..from + self.channels]))
        }
    }

    /// Some of its rows, or of its columns.
    fn part(&self, of_rows: bool, lines: std::ops::Range<usize>) -> Self {
        let row = self.width * self.channels;
        if of_rows {
            let data = self.data[lines.start * row..lines.end * row].to_vec();
            return Self::new((self.width, lines.len()), self.channels, data);
        }
        let within = lines.start * self.channels..lines.end * self.channels;
        let rows = self.data.chunks_exact(row).flat_map(|row| row[within.clone()].iter().copied());
        Self::new((lines.len(), self.height), self.channels, rows.collect())
    }

    fn is_gray(&self) -> bool {
        let spread =
            |pixel: &[u8]| pixel.iter().max().zip(pixel.iter().min()).map_or(0, |(most, least)| most - least);
        self.channels == 1 || self.data.chunks_exact(3).all(|pixel| spread(pixel) <= GRAY)
    }

    fn into_gray(self) -> Self {
        if self.channels == 1 {
            return self;
        }
        // What the colours weigh in brightness, by ITU-R BT.601.
        let gray = |pixel: &[u8]| {
            let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
            ((299 * red + 587 * green + 114 * blue + 500) / 1000) as u8
        };
        let data = self.data.chunks_exact(3).map(gray).collect();
        Self { channels: 1, data, ..self }
    }

    /// The same with sides of four fifths.
    fn smaller(self) -> Self {
        let side = |length: usize| (length * 4 / 5).max(1);
        let (width, height) = (side(self.width), side(self.height));
        let mut canvas = Canvas::new(width, height);
        canvas.lay(&Layer::of(self), Affine::scale_non_uniform(width as f64, height as f64));
        canvas.into_pixels().into_gray()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_keep_to_what_models_take() {
        assert_eq!(size(1000.0, 1400.0), (1000, 1400));
        assert_eq!(size(4960.0, 7016.0), (1414, 2000));
        assert_eq!(size(40_000.0, 2.0), (16_000, 1));
        assert!(is_small(2000, 1500) && !is_small(2001, 1500) && !is_small(400, 2000));
    }

    #[test]
    fn a_long_picture_is_cut_between_its_lines() {
        // Lines of print, 30 high with gaps of 10: no cut runs through one.
        let row = |y: usize| vec![if y % 40 < 30 { 0 } else { 255 }; 300];
        for is_tall in [true, false] {
            let rows: Vec<u8> = if is_tall {
                (0..1800).flat_map(row).collect()
            } else {
                (0..300).flat_map(|_| (0..1800).map(|x| row(x)[0])).collect()
            };
            let size = if is_tall { (300, 1800) } else { (1800, 300) };
            let page = Pixels::new(size, 1, rows);
            let cuts: Vec<usize> = (1..4).map(|part| clearing(&page, is_tall, 450 * part, 450)).collect();
            assert!(cuts.iter().all(|cut| cut % 40 >= 30), "{cuts:?}");
            assert_eq!(shown(page).len(), 4);
        }
    }

    #[test]
    fn what_takes_too_much_becomes_gray_and_smaller() {
        let noise: Vec<u8> =
            (0..3 * 2000 * 1500_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let picture = small_enough(Pixels::new((2000, 1500), 3, noise));
        assert!(picture.bytes.len() <= MOST_BYTES);
    }
}
