//! Flipped bytes in all parts of pictures.

use std::time::{Duration, Instant};

use minions_ingest::{Limits, pictures_of, read};

use crate::file;
use crate::writer::Writer;

/// Numbers that look random: xorshift.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// A page for each way of packing that no file of a picture has.
fn page() -> Vec<u8> {
    let mut writer = Writer::default();
    let mut names = String::new();
    let fax = "/CCITTFaxDecode/DecodeParms<</K -1/Columns 40/Rows 56>>";
    for (index, (filter, name)) in [
        (fax, "g4.fax"),
        ("/CCITTFaxDecode/DecodeParms<</K 0/Columns 40/Rows 56>>", "g3.fax"),
        ("/JBIG2Decode", "arithmetic.jb2"),
        ("/JBIG2Decode", "mmr.jb2"),
        ("/JPXDecode", "rgb.jp2"),
        ("/DCTDecode/Decode[1 0 1 0 1 0 1 0]", "cmyk.jpg"),
        ("/LZWDecode/BitsPerComponent 8/ColorSpace/DeviceGray", "gray.lzw"),
    ]
    .into_iter()
    .enumerate()
    {
        let entries = format!("/Type/XObject/Subtype/Image/Width 40/Height 56/Filter{filter}");
        let image = writer.stream(&entries, &file(name));
        names.push_str(&format!("/I{index} {image} 0 R"));
    }
    for index in 0..7 {
        writer.page(&format!("q 40 0 0 56 0 0 cm /I{index} Do Q"), "/MediaBox[0 0 40 56]");
    }
    writer.bytes_with("", &format!("/XObject<<{names}>>"))
}

/// No panic, no file that takes long, and no picture over its limit.
#[test]
fn mutants_are_shown_or_refused() {
    let names = [
        "rgb.png",
        "rgb.gif",
        "rgb.webp",
        "lossy.webp",
        "bit.bmp",
        "table.bmp",
        "rgb.jp2",
        "gray.j2k",
        "cmyk.jpg",
        "turned.jpg",
        "g4.tif",
        "g3.tif",
        "lzw.tif",
        "jpeg.tif",
        "pages.tif",
    ];
    let mut sources: Vec<(Vec<u8>, u32)> = names.iter().map(|name| (file(name), 1)).collect();
    sources.extend((1..=7).map(|number| (page(), number)));
    let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
    let mut slowest = Duration::ZERO;
    let limits = Limits { pixels: 1 << 20, ..Limits::default() };
    let mut shown = 0;
    for round in 0..2200 {
        let (source, number) = &sources[round % sources.len()];
        let mut mutant = source.clone();
        for _ in 0..=numbers.below(8) {
            let at = numbers.below(mutant.len());
            mutant[at] ^= 1 << numbers.below(8);
        }
        let start = Instant::now();
        let _ = read("a", mutant.clone(), &limits);
        let pictures = pictures_of(mutant, *number, &limits).unwrap_or_default();
        slowest = slowest.max(start.elapsed());
        shown += pictures.len();
    }
    assert!(shown > 700, "{shown}");
    // A guard against hangs, not a measure: these files take milliseconds.
    assert!(slowest < Duration::from_secs(60), "{slowest:?}");
}
