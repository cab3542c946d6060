//! Pictures, and pages that are pictures: only a model that sees can read them.

mod bitmap;
mod formats;
mod orientation;
pub(crate) mod pixels;
pub(crate) mod shown;
mod tiff;

pub(crate) use formats::Jpeg;

use minions_documents::{Place, Places};

use crate::reading::{Limits, Problem, Reading};
use crate::{Kind, pdf};

/// A picture in a form that models take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Its media type: `image/png` or `image/jpeg`.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Reads what can be known of a picture without a model: how many pages it has.
pub(crate) fn read(bytes: Vec<u8>, limits: &Limits) -> Result<Reading, Problem> {
    let pages = formats::pages(&bytes, limits)?;
    let places = Places::from(vec![(0, Place::Page(1))]);
    Ok(Reading {
        kind: Kind::Picture,
        text: String::new(),
        places,
        notes: Vec::new(),
        scans: (1..=pages).collect(),
    })
}

/// A page of a file, counted from 1, as pictures: one, or several where the page is long.
///
/// # Errors
/// Why there are none, as the end of a sentence: `it has 50000 x 50000 pixels, ...`.
pub fn pictures_of(bytes: Vec<u8>, page: u32, limits: &Limits) -> Result<Vec<Picture>, String> {
    match Kind::of(&bytes) {
        Kind::Pdf => pdf::pictures(bytes, page, limits),
        _ => formats::pictures(bytes, page, limits),
    }
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
