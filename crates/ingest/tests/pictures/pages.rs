//! Pages of PDFs that are pictures, in each form that scanners and programs write.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use minions_ingest::{Limits, pictures_of, read};

use crate::writer::Writer;
use crate::{HEIGHT, Seen, WIDTH, file, is_dark, seen};

const BLACK: [u8; 3] = [0; 3];
const RED: [u8; 3] = [200, 30, 10];
/// What it is called, the entries of the picture's dictionary, its data, the letter's colour, and how wrong that may be.
type Case<'c> = (&'c str, String, Vec<u8>, [u8; 3], u8);

/// Draws the picture `I` over the whole page.
const WHOLE: &str = "q 40 0 0 56 0 0 cm /I Do Q";

/// A row after the other, of `value` for each pixel, packed to bytes of so many bits a pixel.
fn packed(bits: usize, value: impl Fn(usize, usize) -> usize) -> Vec<u8> {
    let row = |y| {
        let mut row = vec![0_u8; (WIDTH * bits).div_ceil(8)];
        for x in 0..WIDTH {
            row[x * bits / 8] |= (value(x, y) << (8 - bits - x * bits % 8)) as u8;
        }
        row
    };
    (0..HEIGHT).flat_map(row).collect()
}

/// The same of pixels with several bytes.
fn bytes<const COUNT: usize>(dark: [u8; COUNT], light: [u8; COUNT]) -> Vec<u8> {
    let pixels = (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y)));
    pixels.flat_map(|(x, y)| if is_dark(x, y) { dark } else { light }).collect()
}

pub(crate) fn deflated(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// Rows with the predictor of PNG that subtracts the row above.
fn up(data: &[u8], row: usize) -> Vec<u8> {
    let above = |at: usize| at.checked_sub(row).map_or(0, |at| data[at]);
    let one = |start: usize| {
        let bytes = (start..start + row).map(|at| data[at].wrapping_sub(above(at)));
        std::iter::once(2).chain(bytes).collect::<Vec<u8>>()
    };
    (0..data.len()).step_by(row).flat_map(one).collect()
}

/// Runs of RunLengthDecode, two bytes at most in each.
fn run_length(data: &[u8]) -> Vec<u8> {
    data.chunks(2).flat_map(|run| [&[run.len() as u8 - 1], run].concat()).chain([128]).collect()
}

/// A page with a picture with these entries.
fn page(
    content: &str,
    page: &str,
    picture: (&str, &[u8]),
    resources: &str,
    before: &[(&str, &[u8])],
) -> Vec<u8> {
    let mut writer = Writer::default();
    for (entries, data) in before {
        writer.stream(entries, data);
    }
    let image = writer.stream(
        &format!("/Type/XObject/Subtype/Image/Width {WIDTH}/Height {HEIGHT}{}", picture.0),
        picture.1,
    );
    writer.page(content, &format!("/MediaBox[0 0 40 56]{page}"));
    writer.bytes_with("", &format!("/XObject<</I {image} 0 R/J 4 0 R>>{resources}"))
}

pub(crate) fn gray() -> Vec<u8> {
    bytes([0], [255])
}

pub(crate) const GRAY: &str = "/ColorSpace/DeviceGray/BitsPerComponent 8";

#[test]
fn each_form_of_a_picture_is_shown() {
    let one = packed(1, |x, y| usize::from(!is_dark(x, y)));
    let lzw = file("gray.lzw");
    let fax = |k: &str| {
        format!(
            "/ColorSpace/DeviceGray/BitsPerComponent 1/Filter/CCITTFaxDecode/DecodeParms<</K {k}/Columns 40/Rows 56>>"
        )
    };
    let named = |rest: &str| rest.to_owned();
    let rgb = bytes(RED, [255; 3]);
    let sixteen = bytes([0x12, 0x34], [0xff, 0xff]);
    let predicted = deflated(&up(&rgb, 3 * WIDTH));
    let cases: Vec<Case<'_>> = vec![
        ("fax G4", fax("-1"), file("g4.fax"), BLACK, 0),
        ("fax G3", fax("0"), file("g3.fax"), BLACK, 0),
        (
            "a fax of which zero is white",
            fax("-1").replace("/Columns", "/BlackIs1 true/Columns") + "/Decode[1 0]",
            file("g4.fax"),
            BLACK,
            0,
        ),
        (
            "JBIG2",
            named("/ColorSpace/DeviceGray/BitsPerComponent 1/Filter/JBIG2Decode"),
            file("arithmetic.jb2"),
            BLACK,
            0,
        ),
        (
            "JBIG2 with MMR",
            named("/ColorSpace/DeviceGray/BitsPerComponent 1/Filter/JBIG2Decode"),
            file("mmr.jb2"),
            BLACK,
            0,
        ),
        ("1 bit", named("/ColorSpace/DeviceGray/BitsPerComponent 1"), one.clone(), BLACK, 0),
        (
            "1 bit, inverted",
            named("/ColorSpace/DeviceGray/BitsPerComponent 1/Decode[1 0]"),
            packed(1, |x, y| usize::from(is_dark(x, y))),
            BLACK,
            0,
        ),
        (
            "2 bits",
            named("/ColorSpace/DeviceGray/BitsPerComponent 2"),
            packed(2, |x, y| if is_dark(x, y) { 1 } else { 3 }),
            [85; 3],
            0,
        ),
        (
            "4 bits of a table",
            named("/ColorSpace[/Indexed/DeviceRGB 1 <c81e0affffff>]/BitsPerComponent 4"),
            packed(4, |x, y| usize::from(!is_dark(x, y))),
            RED,
            0,
        ),
        (
            "a fax with a table",
            fax("-1").replace("/DeviceGray", "[/Indexed/DeviceRGB 1 <c81e0affffff>]"),
            file("g4.fax"),
            RED,
            0,
        ),
        (
            "JBIG2 with a table",
            named("/ColorSpace[/Indexed/DeviceRGB 1 <c81e0affffff>]/BitsPerComponent 1/Filter/JBIG2Decode"),
            file("mmr.jb2"),
            RED,
            0,
        ),
        ("16 bits", named("/ColorSpace/DeviceGray/BitsPerComponent 16"), sixteen, [0x12; 3], 0),
        ("Flate", format!("{GRAY}/Filter/FlateDecode"), deflated(&gray()), BLACK, 0),
        (
            "a predictor of PNG",
            named(
                "/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/FlateDecode/DecodeParms<</Predictor 15/Colors 3/Columns 40>>",
            ),
            predicted,
            RED,
            0,
        ),
        ("LZW", format!("{GRAY}/Filter/LZWDecode"), lzw, BLACK, 0),
        ("run lengths", format!("{GRAY}/Filter/RunLengthDecode"), run_length(&gray()), BLACK, 0),
        (
            "two filters",
            format!("{GRAY}/Filter[/ASCIIHexDecode/FlateDecode]"),
            deflated(&gray()).iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect(),
            BLACK,
            0,
        ),
        ("CMYK", named("/ColorSpace/DeviceCMYK/BitsPerComponent 8"), bytes([0, 0, 0, 255], [0; 4]), BLACK, 0),
        (
            "one ink",
            named("/ColorSpace[/Separation/Black/DeviceCMYK<</FunctionType 2>>]/BitsPerComponent 8"),
            bytes([255], [0]),
            BLACK,
            0,
        ),
        ("an ICC profile", named("/ColorSpace[/ICCBased 4 0 R]/BitsPerComponent 8"), rgb.clone(), RED, 0),
        ("a space of the page", named("/ColorSpace/Own/BitsPerComponent 8"), rgb, RED, 0),
        ("JPEG 2000", named("/Filter/JPXDecode"), file("rgb.jp2"), RED, 0),
        ("a codestream of JPEG 2000", format!("{GRAY}/Filter/JPXDecode"), file("gray.j2k"), BLACK, 0),
        (
            "JPEG",
            named("/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/DCTDecode"),
            file("rgb.jpg"),
            RED,
            40,
        ),
        (
            "a progressive JPEG, packed again",
            named("/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter[/FlateDecode/DCTDecode]"),
            deflated(&file("progressive.jpg")),
            RED,
            40,
        ),
        (
            "a JPEG of inks, as Adobe inverts it",
            named("/ColorSpace/DeviceCMYK/BitsPerComponent 8/Decode[1 0 1 0 1 0 1 0]/Filter/DCTDecode"),
            file("cmyk.jpg"),
            RED,
            60,
        ),
    ];
    let mut wrong = Vec::new();
    for (name, entries, data, dark, most) in cases {
        let file =
            page(WHOLE, "", (&entries, &data), "/ColorSpace<</Own[/ICCBased 4 0 R]>>", &[("/N 3", b"")]);
        assert_eq!(read("a.pdf", file.clone(), &Limits::default()).unwrap().scans, [1], "{name}");
        let error =
            pictures_of(file, 1, &Limits::default()).map(|pictures| Seen::of(&pictures[0]).error(dark));
        if error.as_ref().is_ok_and(|error| *error > most) || error.is_err() {
            wrong.push((name, error));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_jpeg_that_is_the_page_is_handed_on_as_it_is() {
    let entries = "/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/DCTDecode";
    let jpeg = file("rgb.jpg");
    let shown = |content: &str, of_page: &str| {
        pictures_of(page(content, of_page, (entries, &jpeg), "", &[]), 1, &Limits::default())
            .unwrap()
            .remove(0)
    };
    let whole = shown(WHOLE, "");
    assert_eq!((whole.media_type, &whole.bytes), ("image/jpeg", &jpeg));
    for (content, of_page) in [
        (WHOLE, "/Rotate 90"),
        ("q 40 0 0 -56 0 56 cm /I Do Q", ""),
        ("q 40 0 0 56 0 0 cm /I Do Q q 4 0 0 4 0 0 cm /I Do Q", ""),
        ("q 20 0 0 56 0 0 cm /I Do Q", ""),
    ] {
        assert_eq!(shown(content, of_page).media_type, "image/png", "{content} {of_page}");
    }
}

#[test]
fn a_page_is_shown_as_a_reader_sees_it() {
    // The picture is stored in each of eight ways, and the page is turned back.
    let entries = GRAY;
    let stored = |at: &dyn Fn(usize, usize) -> bool, (width, height): (usize, usize)| -> Vec<u8> {
        (0..height)
            .flat_map(|y| (0..width).map(move |x| (x, y)))
            .map(|(x, y)| if at(x, y) { 0 } else { 255 })
            .collect()
    };
    let upside_down = stored(&|x, y| is_dark(WIDTH - 1 - x, HEIGHT - 1 - y), (WIDTH, HEIGHT));
    for (content, of_page) in
        [(WHOLE, "/Rotate 180"), ("q -40 0 0 -56 40 56 cm /I Do Q", ""), (WHOLE, "/Rotate -180")]
    {
        let bytes = page(content, of_page, (entries, &upside_down), "", &[]);
        assert_eq!(seen(bytes, 1).error(BLACK), 0, "{content} {of_page}");
    }
    let mirrored = stored(&|x, y| is_dark(WIDTH - 1 - x, y), (WIDTH, HEIGHT));
    assert_eq!(
        seen(page("q -40 0 0 56 40 0 cm /I Do Q", "", (entries, &mirrored), "", &[]), 1).error(BLACK),
        0
    );
    let flipped = stored(&|x, y| is_dark(x, HEIGHT - 1 - y), (WIDTH, HEIGHT));
    assert_eq!(
        seen(page("q 40 0 0 -56 0 56 cm /I Do Q", "", (entries, &flipped), "", &[]), 1).error(BLACK),
        0
    );
    // Lying on its side: turned by the page, or by what draws it.
    let lying = stored(&|x, y| is_dark(WIDTH - 1 - y, x), (HEIGHT, WIDTH));
    let entries = format!("/Width {HEIGHT}/Height {WIDTH}{GRAY}");
    for (media, content, of_page) in
        [("56 40", "q 56 0 0 40 0 0 cm /I Do Q", "/Rotate 90"), ("40 56", "q 0 -56 40 0 0 56 cm /I Do Q", "")]
    {
        let mut writer = Writer::default();
        let image = writer.stream(&format!("/Type/XObject/Subtype/Image{entries}"), &lying);
        writer.page(content, &format!("/MediaBox[0 0 {media}]{of_page}"));
        let bytes = writer.bytes_with("", &format!("/XObject<</I {image} 0 R>>"));
        assert_eq!(seen(bytes, 1).error(BLACK), 0, "{content} {of_page}");
    }
}

#[test]
fn strips_forms_and_masks_make_one_page() {
    let rows = |from: usize, to: usize| gray()[from * WIDTH..to * WIDTH].to_vec();
    let strip = |writer: &mut Writer, from: usize, to: usize| {
        let entries = format!("/Type/XObject/Subtype/Image/Width {WIDTH}/Height {}{GRAY}", to - from);
        writer.stream(&entries, &rows(from, to))
    };
    let mut writer = Writer::default();
    let (upper, lower) = (strip(&mut writer, 0, 30), strip(&mut writer, 30, HEIGHT));
    let form = writer.stream(
        &format!("/Type/XObject/Subtype/Form/BBox[0 0 40 56]/Resources<</XObject<</I {lower} 0 R>>>>"),
        b"q 40 0 0 26 0 0 cm /I Do Q",
    );
    // The stencil is painted in the colour that is set.
    let stencil = writer.stream(
        &format!(
            "/Type/XObject/Subtype/Image/Width {WIDTH}/Height {HEIGHT}/ImageMask true/BitsPerComponent 1"
        ),
        &packed(1, |x, y| usize::from(!is_dark(x, y))),
    );
    // What scanners write that store the letters' colour and their shape apart.
    let soft = writer.stream(
        &format!("/Type/XObject/Subtype/Image/Width {WIDTH}/Height {HEIGHT}{GRAY}"),
        &bytes([255], [0]),
    );
    let shaped = |writer: &mut Writer, mask: &str| {
        let entries = "/Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceRGB/BitsPerComponent 8";
        writer.stream(&format!("{entries}{mask}"), &RED)
    };
    let of_soft = shaped(&mut writer, &format!("/SMask {soft} 0 R"));
    let of_hard = shaped(&mut writer, &format!("/Mask {stencil} 0 R"));
    let inline = |bits: &str| {
        let data: String = gray().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("q 40 0 0 56 0 0 cm BI /W 40 /H 56 /CS /G /BPC {bits} /F /AHx ID {data}> EI Q")
    };
    let cases = [
        ("q 40 0 0 30 0 26 cm /A Do Q /B Do", BLACK),
        ("0.784 0.118 0.04 rg q 40 0 0 56 0 0 cm /C Do Q", RED),
        ("q 40 0 0 56 0 0 cm /D Do Q", RED),
        ("q 40 0 0 56 0 0 cm /E Do Q", RED),
        (&*inline("8"), BLACK),
    ];
    for (content, _) in &cases {
        writer.page(content, "/MediaBox[0 0 40 56]");
    }
    let names =
        format!("/XObject<</A {upper} 0 R/B {form} 0 R/C {stencil} 0 R/D {of_soft} 0 R/E {of_hard} 0 R>>");
    let bytes = writer.bytes_with("", &names);
    for ((content, dark), page) in cases.iter().zip(1..) {
        assert!(seen(bytes.clone(), page).error(*dark) <= 1, "{content}");
    }
}

#[test]
fn what_cannot_be_shown_says_why() {
    let whole = |entries: &str, data: &[u8]| {
        pictures_of(page(WHOLE, "", (entries, data), "", &[]), 1, &Limits::default()).unwrap_err()
    };
    let huge = "/Width 50000/Height 50000/ColorSpace/DeviceGray/BitsPerComponent 1/Filter/CCITTFaxDecode";
    let mut writer = Writer::default();
    let image = writer.stream(&format!("/Type/XObject/Subtype/Image{huge}"), &file("g4.fax"));
    writer.page("q 595 0 0 842 0 0 cm /I Do Q", "");
    let bytes = writer.bytes_with("", &format!("/XObject<</I {image} 0 R>>"));
    let error = pictures_of(bytes.clone(), 1, &Limits::default()).unwrap_err();
    assert_eq!(error, "it has 50000 x 50000 pixels, and 120 million are read at most");
    assert_eq!(pictures_of(bytes, 2, &Limits::default()).unwrap_err(), "there is no such page");
    // The data says another size than the dictionary.
    let mut lying = file("gray.j2k");
    lying[8..12].copy_from_slice(&60_000_u32.to_be_bytes());
    lying[12..16].copy_from_slice(&60_000_u32.to_be_bytes());
    assert!(whole(&format!("{GRAY}/Filter/JPXDecode"), &lying).starts_with("it has 60000 x 60000 pixels"));
    let mut lying = file("mmr.jb2");
    lying[11..15].copy_from_slice(&60_000_u32.to_be_bytes());
    lying[15..19].copy_from_slice(&60_000_u32.to_be_bytes());
    assert!(whole("/Filter/JBIG2Decode", &lying).starts_with("it has 60000 x 60000 pixels"));
    assert!(whole(GRAY, &gray()[..WIDTH]).contains("damaged"));
    assert!(whole(&format!("{GRAY}/Filter/DCTDecode"), b"\xff\xd8no picture").contains("damaged"));
}
