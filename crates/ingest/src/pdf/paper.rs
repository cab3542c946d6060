//! A page on which its pictures are drawn, so that a model can look at it.

use hayro_font::kurbo::Affine;
use hayro_syntax::Filter;
use hayro_syntax::object::Stream;
use hayro_syntax::page::Resources;

use super::image;
use crate::raster::{Canvas, Jpeg, MOST_BYTES, Picture, is_small, shown};
use crate::reading::Limits;

/// Pictures that cover less of the page than this may be lost: a logo, a line.
const MATTERS: f64 = 0.05;
/// How much of the page's width and height a picture must cover to stand for the page.
const WHOLE: f64 = 0.9;

/// What becomes of a page's pictures.
#[derive(Default)]
pub(super) enum Eyes {
    /// Its text is read, and nobody looks at them.
    #[default]
    Closed,
    Measuring(Measure),
    Drawing(Box<Paper>),
}

/// What there is to know of a page's pictures before they are drawn.
#[derive(Default)]
pub(super) struct Measure {
    /// The pixels for each point of the page, of the picture that has the most.
    pub(super) finest: f64,
    /// How many there are.
    pub(super) pictures: usize,
}

impl Eyes {
    /// Takes a picture, as [`Paper::draw`] does.
    pub(super) fn picture(
        &mut self,
        picture: &Stream<'_>,
        resources: &Resources<'_>,
        transform: Affine,
        fill: [u8; 3],
    ) {
        match self {
            Self::Closed => {}
            Self::Measuring(measure) => {
                measure.pictures += 1;
                measure.finest = measure.finest.max(fineness(image::finest(picture.dict()), transform));
            }
            Self::Drawing(paper) => paper.draw(picture, resources, transform, fill),
        }
    }
}

/// A page that is being drawn.
pub(super) struct Paper {
    canvas: Canvas,
    /// Pixels of the canvas for each point of the page.
    scale: (f64, f64),
    page: (f64, f64),
    /// Whether the page has one picture alone.
    is_one: bool,
    limits: Limits,
    /// The page's one picture, if it can be shown as the file has it.
    as_it_is: Option<Picture>,
    /// Why a part of it can't be shown, and how much of the page such parts are.
    problem: Option<String>,
    lost: f64,
}

impl Paper {
    /// An empty page of `page` points, shown in `size` pixels.
    pub(super) fn new(page: (f64, f64), size: (usize, usize), is_one: bool, limits: &Limits) -> Self {
        Self {
            canvas: Canvas::new(size.0, size.1),
            scale: (size.0 as f64 / page.0, size.1 as f64 / page.1),
            page,
            is_one,
            limits: *limits,
            as_it_is: None,
            problem: None,
            lost: 0.0,
        }
    }

    /// Draws a picture that fills a square of 1, whose lower left is 0, 0, as `transform` leads it to the page, which
    /// begins at its upper left.
    fn draw(&mut self, picture: &Stream<'_>, resources: &Resources<'_>, transform: Affine, fill: [u8; 3]) {
        if self.lost >= MATTERS {
            return;
        }
        // The rows of a picture run downwards.
        let transform = transform * Affine::new([1.0, 0.0, 0.0, -1.0, 0.0, 1.0]);
        if self.is_one && self.stands_for_page(transform) {
            self.as_it_is = jpeg(picture);
            if self.as_it_is.is_some() {
                return;
            }
        }
        let transform = Affine::scale_non_uniform(self.scale.0, self.scale.1) * transform;
        let [a, b, c, d, ..] = transform.as_coeffs();
        let side = |x: f64, y: f64| x.hypot(y).ceil().clamp(1.0, 65_535.0) as u32;
        match image::layer(picture, resources, fill, (side(a, b), side(c, d)), &self.limits) {
            Ok(layer) => self.canvas.lay(&layer, transform),
            Err(problem) => {
                self.lost += self.share(transform);
                self.problem = Some(problem);
            }
        }
    }

    /// Whether a picture is upright and covers the page.
    fn stands_for_page(&self, transform: Affine) -> bool {
        let [a, b, c, d, ..] = transform.as_coeffs();
        let is_straight = b.abs() < 0.01 * a.abs() && c.abs() < 0.01 * d.abs();
        is_straight && a >= WHOLE * self.page.0 && d >= WHOLE * self.page.1
    }

    /// How much of the canvas a picture covers.
    fn share(&self, transform: Affine) -> f64 {
        transform.determinant().abs() / (self.page.0 * self.scale.0 * self.page.1 * self.scale.1)
    }

    /// The page as pictures.
    ///
    /// # Errors
    /// Why a part of it can't be shown.
    pub(super) fn pictures(self) -> Result<Vec<Picture>, String> {
        match (self.problem, self.as_it_is) {
            (Some(problem), _) if self.lost >= MATTERS => Err(problem),
            (_, Some(picture)) => Ok(vec![picture]),
            (_, None) => Ok(shown(self.canvas.into_pixels())),
        }
    }
}

/// A picture that is held as JPEG and nothing else, if models take it so.
fn jpeg(picture: &Stream<'_>) -> Option<Picture> {
    let dict = picture.dict();
    let changed = ["Decode", "DecodeParms", "SMask", "Mask", "ImageMask"];
    if picture.filters().as_slice() != [Filter::DctDecode] || changed.iter().any(|key| dict.contains_key(key))
    {
        return None;
    }
    let bytes = picture.raw_data().into_owned();
    let jpeg = Jpeg::of(&bytes)?;
    let is_plain =
        matches!(jpeg.colours, 1 | 3) && bytes.len() <= MOST_BYTES && is_small(jpeg.width, jpeg.height);
    is_plain.then_some(Picture { media_type: "image/jpeg", bytes })
}

/// How many pixels of a picture with so many there are for each point of the page, by how `transform` leads it there.
fn fineness((width, height): (usize, usize), transform: Affine) -> f64 {
    let [a, b, c, d, ..] = transform.as_coeffs();
    let fine = |pixels: usize, length: f64| pixels as f64 / length;
    let finer = fine(width, a.hypot(b)).max(fine(height, c.hypot(d)));
    if finer.is_finite() { finer } else { 0.0 }
}
