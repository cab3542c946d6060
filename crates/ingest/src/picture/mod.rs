//! Pictures, and pages that are pictures: only a model that sees can read them.

mod bitmap;
mod formats;
mod tiff;

use minions_documents::{Place, Places};

use crate::raster::Picture;
use crate::reading::{Limits, Problem, Reading};
use crate::{Kind, pdf};

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
