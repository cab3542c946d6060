//! A page that is a picture, as pictures for a model.

use super::content::Shared;
use super::fonts::Fonts;
use super::layers::Layers;
use super::paper::{Eyes, Measure, Paper};
use super::{draw, open};
use crate::raster::{DAMAGED, Picture, size};
use crate::reading::Limits;

/// The longest side of a page that is drawn, in points.
const LONGEST: f64 = 1e6;

/// A page, counted from 1, as pictures: one, or several where it is long.
///
/// # Errors
/// Why there are none, as a sentence.
pub(crate) fn pictures(bytes: Vec<u8>, number: u32, limits: &Limits) -> Result<Vec<Picture>, String> {
    let opened = open::open(bytes).map_err(|_| DAMAGED.to_owned())?;
    let at = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    let page = at.and_then(|at| opened.pdf.pages().get(at)).ok_or("there is no such page")?;
    let catalog = open::catalog(&opened.pdf);
    let mut shared = Shared {
        fonts: Fonts::new(limits.inflated),
        layers: Layers::of(&catalog),
        inflated: limits.inflated,
    };
    let (seen, _) = draw(page, &mut shared, limits.operators, Eyes::Measuring(Measure::default()));
    let Eyes::Measuring(Measure { finest, pictures }) = seen.eyes else { return Err(DAMAGED.to_owned()) };
    let (width, height) = (f64::from(seen.width), f64::from(seen.height));
    if !(width.min(height) > 0.0 && width.max(height) < LONGEST) || finest <= 0.0 {
        return Err(DAMAGED.to_owned());
    }
    let size = size(width * finest, height * finest);
    let paper = Paper::new((width, height), size, pictures == 1, limits);
    match draw(page, &mut shared, limits.operators, Eyes::Drawing(Box::new(paper))).0.eyes {
        Eyes::Drawing(paper) => paper.pictures(),
        _ => Err(DAMAGED.to_owned()),
    }
}
