//! The pictures that scanned pages are.

use hayro_syntax::object::{Array, Name, Stream};
use hayro_syntax::page::Page;

use super::{open, resources};
use crate::picture::{Picture, taken};

/// The pictures of these pages, counted from 1: those that the file holds as JPEG, as they are.
pub(crate) fn pictures(bytes: Vec<u8>, pages: &[u32]) -> Vec<Option<Picture>> {
    let Ok(opened) = open::open(bytes) else { return vec![None; pages.len()] };
    let all = opened.pdf.pages();
    let page = |number: &u32| all.get(usize::try_from(*number).ok()?.checked_sub(1)?);
    pages.iter().map(|number| largest(page(number)?)).collect()
}

/// The largest picture of a page.
fn largest(page: &Page<'_>) -> Option<Picture> {
    let objects = resources(page).x_objects;
    let pictures = objects.keys().filter_map(|name| objects.get::<Stream<'_>>(&*name));
    let largest =
        pictures.filter(|stream| area(stream) > 0).max_by_key(area).filter(|picture| is_jpeg(&picture))?;
    taken(largest.raw_data().into_owned())
}

/// Whether the file holds the picture as a JPEG, with nothing around it.
fn is_jpeg(stream: &&Stream<'_>) -> bool {
    let dict = stream.dict();
    let is_jpeg = |filter: &Name<'_>| **filter == *b"DCTDecode";
    match dict.get::<Array<'_>>("Filter") {
        Some(filters) => filters.iter::<Name<'_>>().all(|filter| is_jpeg(&filter)),
        None => dict.get::<Name<'_>>("Filter").is_some_and(|filter| is_jpeg(&filter)),
    }
}

/// The pixels of a picture; 0 for another object.
fn area(stream: &Stream<'_>) -> u64 {
    let dict = stream.dict();
    if dict.get::<Name<'_>>("Subtype").as_deref() != Some(b"Image") {
        return 0;
    }
    let side = |key| dict.get::<u32>(key).map_or(0, u64::from);
    side("Width") * side("Height")
}
