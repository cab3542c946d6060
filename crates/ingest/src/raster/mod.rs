//! Pixels: pictures that are laid on a page, and the page as models take it.

mod directory;
mod jpeg;
mod orientation;
mod pixels;
mod shown;

pub(crate) use directory::Directory;
pub(crate) use jpeg::Jpeg;
pub(crate) use orientation::{ORIENTATION, turn};
pub(crate) use pixels::{Canvas, Colour, Layer, Pixels};
pub(crate) use shown::{LONGEST, MOST_BYTES, is_small, shown, size, upright};

use crate::reading::Limits;

/// A picture in a form that models take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Its media type: `image/png` or `image/jpeg`.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Whether so many pixels are read; else why not.
///
/// # Errors
/// A sentence with the numbers.
pub(crate) fn check_size(width: usize, height: usize, limits: &Limits) -> Result<(), String> {
    if width == 0 || height == 0 {
        return Err("it has no pixels".to_owned());
    }
    if width.saturating_mul(height) > limits.pixels {
        return Err(too_large(width, height, limits));
    }
    Ok(())
}

/// What is told of a picture with too many pixels.
fn too_large(width: usize, height: usize, limits: &Limits) -> String {
    format!("it has {width} x {height} pixels, and {} million are read at most", limits.pixels / 1_000_000)
}

/// What is told of a picture that no decoder can read.
pub(crate) const DAMAGED: &str = "it is damaged, or in a form that is not known";
