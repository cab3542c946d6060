//! Pictures, and pages that are pictures: only a model that sees can read them.

use minions_documents::{Place, Places};

use crate::reading::{Limits, Problem, Reading};
use crate::{Kind, pdf};

/// A picture in a form that models take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Its media type, such as `image/jpeg`.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What the pictures begin with that models take.
const MEDIA_TYPES: &[(&[u8], &str)] = &[
    (b"\x89PNG", "image/png"),
    (b"\xFF\xD8\xFF", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
];

pub(crate) fn read(_bytes: Vec<u8>, _limits: &Limits) -> Result<Reading, Problem> {
    let places = Places::from(vec![(0, Place::Page(1))]);
    Ok(Reading { kind: Kind::Picture, text: String::new(), places, notes: Vec::new(), scans: vec![1] })
}

/// The pictures that these pages of a file are, counted from 1. `None` for a page that is no picture, or one in a form
/// that models do not take.
pub fn pictures_of(bytes: Vec<u8>, pages: &[u32]) -> Vec<Option<Picture>> {
    match Kind::of(&bytes) {
        Kind::Pdf => pdf::pictures(bytes, pages),
        _ => {
            let picture = taken(bytes);
            pages.iter().map(|page| picture.clone().filter(|_| *page == 1)).collect()
        }
    }
}

/// The bytes as a picture, if they are one that models take.
pub(crate) fn taken(bytes: Vec<u8>) -> Option<Picture> {
    let (_, media_type) = MEDIA_TYPES.iter().find(|(mark, _)| bytes.starts_with(mark))?;
    Some(Picture { media_type, bytes })
}
