//! Files that are pictures.

use minions_ingest::{Limits, pictures_of, read};

use crate::{Seen, file, seen};

const BLACK: [u8; 3] = [0; 3];
const RED: [u8; 3] = [200, 30, 10];

#[test]
fn each_kind_of_file_is_shown() {
    let mut wrong = Vec::new();
    for (name, dark, most) in [
        ("rgb.gif", RED, 0),
        ("rgb.webp", RED, 0),
        ("lossy.webp", RED, 90),
        ("alpha.webp", RED, 0),
        ("bit.bmp", BLACK, 0),
        ("table.bmp", RED, 4),
        ("rgb.bmp", RED, 0),
        ("rgb.jp2", RED, 0),
        ("gray.j2k", BLACK, 0),
        ("cmyk.jpg", RED, 60),
        ("turned.jpg", BLACK, 20),
        ("g4.tif", BLACK, 0),
        ("g3.tif", BLACK, 0),
        ("rle.tif", BLACK, 0),
        ("lzw.tif", RED, 0),
        ("deflate.tif", BLACK, 0),
        ("packbits.tif", BLACK, 0),
        ("raw.tif", RED, 0),
        ("table.tif", RED, 4),
        ("cmyk.tif", RED, 1),
        ("jpeg.tif", RED, 90),
        ("turned.tif", BLACK, 0),
    ] {
        let bytes = file(name);
        assert_eq!(read(name, bytes.clone(), &Limits::default()).unwrap().scans, [1], "{name}");
        let error =
            pictures_of(bytes, 1, &Limits::default()).map(|pictures| Seen::of(&pictures[0]).error(dark));
        if error.as_ref().is_ok_and(|error| *error > most) || error.is_err() {
            wrong.push((name, error));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn what_models_take_is_handed_on_as_it_is() {
    for (name, media_type) in
        [("rgb.png", "image/png"), ("rgb.jpg", "image/jpeg"), ("progressive.jpg", "image/jpeg")]
    {
        let pictures = pictures_of(file(name), 1, &Limits::default()).unwrap();
        assert_eq!((pictures[0].media_type, &pictures[0].bytes), (media_type, &file(name)), "{name}");
    }
}

#[test]
fn each_page_of_a_tiff_is_one() {
    let bytes = file("pages.tif");
    assert_eq!(read("a.tif", bytes.clone(), &Limits::default()).unwrap().scans, [1, 2, 3]);
    for (page, dark) in [(1, BLACK), (2, RED), (3, BLACK)] {
        assert_eq!(seen(bytes.clone(), page).error(dark), 0, "{page}");
    }
    assert!(pictures_of(bytes, 4, &Limits::default()).is_err());
}

/// A PNG of one gray with these sides.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&vec![200; width as usize * height as usize]).unwrap();
    drop(writer);
    bytes
}

#[test]
fn large_and_long_files_are_made_to_fit() {
    let sizes = |width, height| {
        let pictures = pictures_of(png(width, height), 1, &Limits::default()).unwrap();
        pictures.iter().map(Seen::of).map(|seen| (seen.width, seen.height)).collect::<Vec<_>>()
    };
    assert_eq!(sizes(4000, 3000), [(2000, 1500)]);
    let long = sizes(600, 2400);
    assert_eq!((long.len(), long.iter().map(|(_, height)| height).sum::<usize>()), (3, 2400));
    assert!(long.iter().all(|(width, height)| *width == 600 && *height <= 2000), "{long:?}");
}

#[test]
fn what_cannot_be_shown_says_why() {
    let huge = |name: &str, at: usize| {
        let mut bytes = file(name);
        bytes[at..at + 4].copy_from_slice(&50_000_u32.to_be_bytes());
        bytes[at + 4..at + 8].copy_from_slice(&50_000_u32.to_be_bytes());
        bytes
    };
    let error = read("a.png", huge("rgb.png", 16), &Limits::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a.png can't be read: it has 50000 x 50000 pixels, and 120 million are read at most"
    );
    assert!(error.hint().starts_with("Scale it down"));
    let phone = read("a.heic", b"\0\0\0\x18ftypheic\0\0\0\0".to_vec(), &Limits::default()).unwrap_err();
    assert!(phone.to_string().contains("HEIC") && phone.hint().contains("JPEG or PNG"), "{phone}");
    for (bytes, why) in [
        (file("rgb.gif")[..9].to_vec(), "damaged"),
        (file("lzw.tif")[..40].to_vec(), "damaged"),
        (b"II+\0\x08\0\0\0".to_vec(), "BigTIFF"),
        (b"\x89PNG\r\n\x1a\n".to_vec(), "damaged"),
    ] {
        let error = pictures_of(bytes, 1, &Limits::default()).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
}
