//! Which pages are scans, and what is left of a large one.

use minions_ingest::{Limits, pictures_of, read};

use crate::pages::{GRAY, deflated, gray};
use crate::writer::{Writer, text_in};
use crate::{HEIGHT, WIDTH, seen};

#[test]
fn a_large_page_is_scaled_down_and_keeps_its_lines() {
    // Lines of one pixel in ten, on 600 dpi: none is lost, and none outweighs another.
    let (width, height) = (4960, 7016);
    let row = |y: usize| if y.is_multiple_of(10) { vec![0_u8; width / 8] } else { vec![255; width / 8] };
    let data = deflated(&(0..height).flat_map(row).collect::<Vec<u8>>());
    let mut writer = Writer::default();
    let entries = format!(
        "/Type/XObject/Subtype/Image/Width {width}/Height {height}/ColorSpace/DeviceGray/BitsPerComponent 1/Filter/FlateDecode"
    );
    let image = writer.stream(&entries, &data);
    writer.page("q 595 0 0 842 0 0 cm /I Do Q", "");
    let page = seen(writer.bytes_with("", &format!("/XObject<</I {image} 0 R>>")), 1);
    assert_eq!(page.height, 2000);
    let dark: Vec<u32> = (0..page.height).map(|y| 255 - u32::from(page.at(700, y)[0])).collect();
    let total: u32 = dark.iter().sum();
    let wanted = 255 * 2000 / 10;
    assert!(total.abs_diff(wanted) < wanted / 50, "{total} {wanted}");
}

#[test]
fn a_scan_with_a_stamp_is_a_scan() {
    let scan = "q 595 0 0 842 0 0 cm /I Do Q ";
    let stamp = text_in("F", 24.0, 60.0, 60.0, "RECEIVED MAR 3 2024 CLERK OF COURT");
    let read_by_ocr = text_in("F", 10.0, 60.0, 60.0, "What a program has read of the picture.");
    let cases = [
        (scan.to_owned() + &stamp, true),
        (scan.to_owned() + "BT 3 Tr ET " + &read_by_ocr, false),
        // Behind the picture.
        (read_by_ocr.clone() + scan, false),
        // A slide with a picture as its ground.
        (scan.to_owned() + &text_in("F", 40.0, 60.0, 500.0, "Our goals for the next year"), false),
    ];
    for (content, is_scan) in cases {
        let mut writer = Writer::default();
        let entries = format!("/Type/XObject/Subtype/Image/Width {WIDTH}/Height {HEIGHT}{GRAY}");
        let image = writer.stream(&entries, &gray());
        writer.page(&content, "");
        let bytes = writer.bytes_with("", &format!("/XObject<</I {image} 0 R>>"));
        let read = read("a.pdf", bytes.clone(), &Limits::default()).unwrap();
        assert_eq!(!read.scans.is_empty(), is_scan, "{content}");
        assert!(pictures_of(bytes, 1, &Limits::default()).is_ok());
    }
}
