//! Files that are encrypted, cut, damaged or hostile.

use std::time::{Duration, Instant};

use minions_documents::Place;
use minions_ingest::{Limits, Problem, read};

use crate::writer::{Writer, lines, text};
use crate::{reading, tried};

fn ten_pages() -> Writer {
    let page =
        |number: usize| lines(72.0, 760.0, &[&format!("Chapter number {number}"), "It was a dark night."]);
    Writer::of(&(1..=10).map(page).collect::<Vec<_>>())
}

#[test]
fn what_is_left_of_a_file_is_read() {
    let whole = ten_pages().bytes();
    for part in [30, 50, 70, 90] {
        let read = reading(whole[..whole.len() * part / 100].to_vec());
        assert!(read.text.contains("Chapter number 2"), "{part}: {}", read.text);
        assert!(
            read.notes.iter().any(|note| note.contains("end of the file is missing")),
            "{:?}",
            read.notes
        );
    }
    let mut wrong_table = whole.clone();
    let at = String::from_utf8_lossy(&whole).rfind("startxref").unwrap();
    wrong_table[at + 10] = b'9';
    assert!(reading(wrong_table).text.contains("Chapter number 10"));
    let late = [vec![b'\n'; 364], whole].concat();
    assert!(reading(late).text.contains("Chapter number 10"));
}

#[test]
fn files_that_are_none_say_so() {
    for bytes in
        [&b"%PDF-1.7"[..], b"%PDF-1.7\n%%EOF", b"%PDF-1.4\n1 0 obj\n<</Type/Catalog>>\nendobj\n%%EOF"]
    {
        let error = tried(bytes.to_vec()).unwrap_err();
        assert!(error.to_string().starts_with("a.pdf is damaged: "), "{error}");
        assert!(error.hint().contains("qpdf"));
    }
    let limits = Limits { bytes: 10, ..Limits::default() };
    let error = read("a.pdf", ten_pages().bytes(), &limits).unwrap_err();
    assert!(matches!(error.problem, Problem::TooLarge { limit: 10, .. }));
}

#[test]
fn many_pages_are_read() {
    let page = |number: usize| text(72.0, 400.0, &format!("Sheet {} of the archive", number * 7));
    let read = reading(Writer::of(&(0..3000).map(page).collect::<Vec<_>>()).bytes());
    let byte = read.text.find("Sheet 14000 ").unwrap();
    let at = read.text[..byte].chars().count();
    assert_eq!(read.places.at(at), Some(&Place::Page(2001)));
    assert_eq!(read.text.matches('\u{c}').count(), 2999);
}

#[test]
fn limits_hold() {
    let small = Limits { text: 60, ..Limits::default() };
    let read_small = read("a.pdf", ten_pages().bytes(), &small).unwrap();
    assert!(read_small.text.len() <= 60);
    assert_eq!(read_small.notes, ["The text is too long: it was left out from page 2 on."]);
    let crowded = format!("BT /F 10 Tf 0 Tz 100 400 Td ({}) Tj ET", "word ".repeat(220_000));
    assert!(
        reading(Writer::of(&[crowded]).bytes()).notes[0].contains("Page 1 has more content than is read")
    );
    let few = Limits { operators: 20, ..Limits::default() };
    let cut = read("a.pdf", Writer::of(&[text(72.0, 400.0, "word ").repeat(100)]).bytes(), &few).unwrap();
    assert!(cut.notes[0].contains("Page 1 has more content than is read"), "{:?}", cut.notes);
}

#[test]
fn forms_that_draw_each_other_end() {
    let mut writer = Writer::default();
    // Each form draws the next one ten times; the last draws the first.
    let first = 4;
    for index in 0..12 {
        let next = first + (index + 1) % 12;
        let content =
            format!("{}/X Do\n/X Do\n/X Do /X Do /X Do /X Do /X Do /X Do /X Do /X Do", text(10.0, 10.0, "x"));
        let form = writer.stream(
            &format!("/Type/XObject/Subtype/Form/BBox[0 0 600 800]/Resources<</XObject<</X {next} 0 R>>>>"),
            content.as_bytes(),
        );
        assert_eq!(form, first + index);
    }
    writer.page("/X Do", "");
    let limits = Limits { operators: 20_000, ..Limits::default() };
    let bytes = writer.bytes_with("", &format!("/XObject<</X {first} 0 R>>"));
    let read = read("a.pdf", bytes, &limits).unwrap();
    assert!(read.notes.iter().any(|note| note.contains("more content than is read")), "{:?}", read.notes);
}

#[test]
fn hostile_numbers_are_refused() {
    let fonts = "/W<</Type/Font/Subtype/Type0/BaseFont/A/Encoding/Identity-H/DescendantFonts[<</Type/Font\
                 /Subtype/CIDFontType2/BaseFont/A/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>\
                 /W[0 4000000000 500]>>]>>/V<</Type/Font/Subtype/TrueType/BaseFont/B/FirstChar 4000000000\
                 /LastChar 4000000001/Widths[1 2]>>";
    let content = format!(
        "BT /W 10 Tf 100 100 Td <00410042> Tj /V 1e30 Tf (x) Tj /F 10 Tf 1e38 0 0 1e38 0 0 Tm (y) Tj ET\n{}",
        text(72.0, 400.0, "What can be read is read.")
    );
    let read = reading(Writer::of(&[content]).bytes_with(fonts, ""));
    assert!(read.text.contains("What can be read is read."), "{}", read.text);
}

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

/// Flipped bytes in all parts of a file: no panic, and no file that takes long.
#[test]
fn mutants_are_read_or_refused() {
    let mut form = ten_pages();
    let field = form.object("<</Type/Annot/Subtype/Widget/FT/Tx/T(n)/V(Ada)/Rect[10 10 90 30]>>");
    form.page(&text(72.0, 100.0, "Name"), &format!("/Annots[{field} 0 R]/Rotate 90"));
    form.catalog = format!("/AcroForm<</Fields[{field} 0 R]>>");
    let sources = [ten_pages().bytes(), form.bytes()];
    let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
    let mut slowest = Duration::ZERO;
    for round in 0..600 {
        let mut mutant = sources[round % sources.len()].clone();
        for _ in 0..=numbers.below(8) {
            let at = numbers.below(mutant.len());
            mutant[at] ^= 1 << numbers.below(8);
        }
        let start = Instant::now();
        let _ = tried(mutant);
        slowest = slowest.max(start.elapsed());
    }
    // A guard against hangs, not a measure: these files take milliseconds.
    assert!(slowest < Duration::from_secs(60), "{slowest:?}");
}
