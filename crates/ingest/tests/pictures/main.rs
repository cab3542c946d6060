//! Pages and files that are pictures: what a model is shown of them has the right pixels.
//!
//! All of them show one letter F, 40 pixels wide and 56 high, black or dark red on white. `files/` has it in the forms for
//! which the tests have no encoder; Pillow wrote them, and a few lines of Python those of JBIG2.

#![allow(clippy::unwrap_used, reason = "the helpers of a test may fail as a test does")]

#[path = "../pdf/writer.rs"]
#[allow(dead_code, reason = "the tests of PDFs use all of it")]
mod writer;

mod damage;
mod files;
mod pages;
mod scans;

use minions_ingest::{Limits, Picture, pictures_of};

pub(crate) const WIDTH: usize = 40;
pub(crate) const HEIGHT: usize = 56;

/// Whether the letter has this pixel.
pub(crate) fn is_dark(x: usize, y: usize) -> bool {
    (5..10).contains(&x) && (5..50).contains(&y)
        || (5..10).contains(&y) && (5..35).contains(&x)
        || (25..30).contains(&y) && (5..25).contains(&x)
}

/// A file of `files/`.
pub(crate) fn file(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures/files").join(name);
    std::fs::read(path).unwrap()
}

/// A picture as pixels of three bytes.
pub(crate) struct Seen {
    pub(crate) width: usize,
    pub(crate) height: usize,
    data: Vec<u8>,
}

impl Seen {
    pub(crate) fn of(picture: &Picture) -> Self {
        if picture.media_type == "image/jpeg" {
            let mut decoder =
                zune_jpeg::JpegDecoder::new(zune_jpeg::zune_core::bytestream::ZCursor::new(&picture.bytes));
            let data = decoder.decode().unwrap();
            let (width, height) = decoder.dimensions().unwrap();
            return Self::with(width, height, data);
        }
        assert_eq!(picture.media_type, "image/png");
        let mut reader = png::Decoder::new(std::io::Cursor::new(&picture.bytes)).read_info().unwrap();
        let mut data = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut data).unwrap();
        Self::with(info.width as usize, info.height as usize, data)
    }

    fn with(width: usize, height: usize, data: Vec<u8>) -> Self {
        let data = match data.len() / (width * height) {
            1 => data.iter().flat_map(|gray| [*gray; 3]).collect(),
            _ => data,
        };
        Self { width, height, data }
    }

    pub(crate) fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let at = (y * self.width + x) * 3;
        [self.data[at], self.data[at + 1], self.data[at + 2]]
    }

    /// How far the pixel that differs most from the letter in `dark` on white is from it.
    pub(crate) fn error(&self, dark: [u8; 3]) -> u8 {
        assert_eq!((self.width, self.height), (WIDTH, HEIGHT));
        let mut most = 0;
        for (x, y) in (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y))) {
            let wanted = if is_dark(x, y) { dark } else { [255; 3] };
            let far = self.at(x, y).iter().zip(wanted).map(|(seen, wanted)| seen.abs_diff(wanted)).max();
            most = most.max(far.unwrap());
        }
        most
    }
}

/// The one picture of a page.
pub(crate) fn seen(bytes: Vec<u8>, page: u32) -> Seen {
    let pictures = pictures_of(bytes, page, &Limits::default()).unwrap();
    assert_eq!(pictures.len(), 1);
    Seen::of(&pictures[0])
}
