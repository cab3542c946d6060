//! Flipped bytes in all parts of office files, books and archives.

use std::time::{Duration, Instant};

use minions_ingest::{Limits, read_all};

use crate::books::{NAVIGATION, book};
use crate::slides::{presentation, shape, slide};
use crate::word::{Word, p, p_with, table};
use crate::workbooks::workbook;
use crate::zip::Zip;

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

fn sources() -> Vec<Vec<u8>> {
    let word = Word::of(
        &(p("Intro")
            + &p_with("<w:pStyle w:val='H1'/><w:numPr><w:numId w:val='1'/></w:numPr>", "Risks")
            + &table(&[&[("<w:gridSpan w:val='2'/>", "a"), ("<w:vMerge w:val='restart'/>", "b")]])),
    )
    .part("styles", "<w:style w:styleId='H1'><w:name w:val='heading 1'/><w:basedOn w:val='H1'/></w:style>")
    .part(
        "numbering",
        "<w:abstractNum w:abstractNumId='0'><w:lvl w:ilvl='0'><w:numFmt w:val='lowerRoman'/><w:lvlText w:val='%1.'/>\
         </w:lvl></w:abstractNum><w:num w:numId='1'><w:abstractNumId w:val='0'/></w:num>",
    );
    let sheet = "<dimension ref='A1:C9'/><sheetData><row r='2'><c r='A2' t='s'><v>1</v></c><c r='B2' s='1'><v>45352</v></c>\
        <c r='C2' s='2'><v>0.256</v></c></row><row r='9'><c r='XFD9' s='3'><v>12.5</v></c></row></sheetData>\
        <mergeCells><mergeCell ref='A2:A9'/></mergeCells>";
    let zips = [
        word.zip(),
        workbook(&[("A", "visible", sheet), ("B", "hidden", sheet)]),
        presentation(&[&slide(&(shape("title", &["One"]) + &shape("body", &["two", "three"])))]),
        book(&[("OEBPS/nav.xhtml", NAVIGATION)]),
    ];
    let mut all = Zip::of(&[("a.txt", "one"), ("b/c.md", "# two")]);
    for (index, zip) in zips.iter().enumerate() {
        all.stored(&format!("{index}"), &zip.all_stored().bytes());
    }
    let stored = zips.iter().map(|zip| zip.all_stored().bytes());
    stored.chain(zips.iter().map(Zip::bytes)).chain([all.bytes()]).collect()
}

/// No panic, no file that takes long, and no text over its limit.
#[test]
fn mutants_are_read_or_refused() {
    let sources = sources();
    let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
    let mut slowest = Duration::ZERO;
    let limits = Limits { text: 1 << 20, ..Limits::default() };
    let mut read = 0;
    for round in 0..3600 {
        let mut mutant = sources[round % sources.len()].clone();
        for _ in 0..=numbers.below(8) {
            let at = numbers.below(mutant.len());
            mutant[at] ^= 1 << numbers.below(8);
        }
        let start = Instant::now();
        let readings = read_all("a", mutant, &limits);
        slowest = slowest.max(start.elapsed());
        let texts = readings.iter().filter_map(|reading| reading.outcome.as_ref().ok());
        assert!(texts.clone().map(|reading| reading.text.len()).sum::<usize>() <= limits.text);
        read += texts.count();
    }
    assert!(read > 1000, "{read}");
    // A guard against hangs, not a measure: these files take less than a millisecond.
    assert!(slowest < Duration::from_secs(60), "{slowest:?}");
}
