//! Workbooks: their sheets as lines of cells.

use minions_documents::Place;
use minions_ingest::{Kind, Limits, read};

use crate::word::{relation, relations};
use crate::zip::Zip;
use crate::{place_of, reading};

/// A workbook of sheets, each with its name, its state and what stands in its part.
pub(crate) fn workbook(sheets: &[(&str, &str, &str)]) -> Zip {
    let parts = (1..).zip(sheets);
    let listed: String = parts
        .clone()
        .map(|(index, (name, state, _))| {
            format!("<sheet name='{name}' sheetId='{index}' state='{state}' r:id='s{index}'/>")
        })
        .collect();
    let references: String = parts
        .clone()
        .map(|(index, _)| relation(&format!("s{index}"), "worksheet", &format!("sheet{index}.xml")))
        .collect();
    let styles = relation("st", "styles", "styles.xml") + &relation("sh", "sharedStrings", "/xl/shared.xml");
    let mut zip = Zip::of(&[
        ("[Content_Types].xml", "<Types/>"),
        ("_rels/.rels", &relations(&relation("d", "officeDocument", "xl/workbook.xml"))),
        ("xl/workbook.xml", &format!("<workbook><workbookPr/><sheets>{listed}</sheets></workbook>")),
        ("xl/_rels/workbook.xml.rels", &relations(&(styles + &references))),
        (
            "xl/styles.xml",
            "<styleSheet><numFmts><numFmt numFmtId='164' formatCode='[$€-407]\\ #,##0.00'/></numFmts><cellXfs>\
             <xf numFmtId='0'/><xf numFmtId='14'/><xf numFmtId='10'/><xf numFmtId='164'/></cellXfs></styleSheet>",
        ),
        (
            "xl/shared.xml",
            "<sst count='4000000000' uniqueCount='4000000000'><si><t>Region</t></si>\
             <si><r><t>Rich </t></r><r><t>text</t></r><rPh><t>kana</t></rPh></si><si><t>two\nlines</t></si></sst>",
        ),
    ]);
    for (index, (_, _, content)) in parts {
        zip.file(&format!("xl/sheet{index}.xml"), format!("<worksheet>{content}</worksheet>").as_bytes());
    }
    zip
}

fn text(content: &str) -> String {
    reading(workbook(&[("A", "visible", content)]).bytes()).text
}

#[test]
fn rows_are_lines_with_their_places() {
    let costs = "<dimension ref='A1:C9'/><sheetData>\
        <row r='1'><c r='A1' t='s'><v>0</v></c><c r='B1' t='inlineStr'><is><t>Day</t></is></c></row>\
        <row r='2'><c r='A2' t='s'><v>1</v></c><c r='B2' s='1'><v>45352</v></c><c r='C2' s='2'><v>0.256</v></c></row>\
        <row r='3'><c r='A3'/></row>\
        <row r='5'><c r='B5' s='3'><v>1234.5</v></c><c r='C5'><f>SUM(A1)</f><v>3</v></c></row>\
        <row r='6'><c t='b'><v>1</v></c><c t='e'><v>#DIV/0!</v></c><c t='str'><f>X</f><v>te\nxt</v></c></row>\
        </sheetData>";
    let zip = workbook(&[
        ("Costs", "visible", costs),
        ("Empty", "visible", "<sheetData/>"),
        ("Secret", "hidden", "<sheetData><row><c t='s'><v>2</v></c></row></sheetData>"),
    ]);
    let read = reading(zip.bytes());
    assert_eq!(read.kind, Kind::Workbook);
    assert_eq!(
        read.text,
        "Sheet: Costs\nRegion | Day\nRich text | 2024-03-01 | 25.60%\n\n | € 1,234.50 | 3\nTRUE | #DIV/0! | te xt\n\
         \u{c}Sheet: Secret (hidden)\ntwo lines"
    );
    assert_eq!(read.notes, ["It has hidden sheets, which were read as well: Secret."]);
    let place = |name: &str, row| Some(Place::Sheet { name: name.to_owned(), row });
    for (quote, expected) in [
        ("Sheet: Costs", place("Costs", None)),
        ("Region", place("Costs", Some(1))),
        ("25.60%", place("Costs", Some(2))),
        ("1,234", place("Costs", Some(5))),
        ("TRUE", place("Costs", Some(6))),
        ("two lines", place("Secret", Some(1))),
    ] {
        assert_eq!(place_of(&read, quote), expected);
    }
}

#[test]
fn raised_and_lowered_runs_stay_so() {
    let run = |properties: &str, text: &str| format!("<r><rPr>{properties}</rPr><t>{text}</t></r>");
    let up = "<vertAlign val='superscript'/>";
    let rich = format!(
        "<r><t>10</t></r>{}{}{}{}",
        run(up, "-"),
        run(up, "3"),
        run("", " CO"),
        run("<vertAlign val='subscript'/>", "2")
    );
    let mut zip = workbook(&[(
        "A",
        "visible",
        &format!(
            "<sheetData><row><c t='inlineStr'><is>{rich}</is></c><c t='s'><v>0</v></c></row></sheetData>"
        ),
    )]);
    zip = zip.with("xl/shared.xml", format!("<sst><si>{rich}</si></sst>").as_bytes());
    assert_eq!(reading(zip.bytes()).text, "Sheet: A\n10⁻³ CO₂ | 10⁻³ CO₂");
}

#[test]
fn merged_cells_are_said_in_each_row() {
    let cell = |name: &str, text: &str| format!("<c r='{name}' t='str'><v>{text}</v></c>");
    let sheet = format!(
        "<sheetData><row r='1'>{}{}</row><row r='2'><c r='A2'/>{}</row><row r='3'>{}</row><row r='4'>{}</row></sheetData>\
         <mergeCells><mergeCell ref='A1:A3'/><mergeCell ref='B4:C4'/></mergeCells>",
        cell("A1", "Europe"),
        cell("B1", "5"),
        cell("B2", "6"),
        cell("B3", "7"),
        cell("B4", "8"),
    );
    assert_eq!(text(&sheet), "Sheet: A\nEurope | 5\nEurope | 6\nEurope | 7\n | 8");
    // However far behind the cells the list stands, and in whatever encoding.
    let rows: String =
        (5..40_000).map(|row| format!("<row r='{row}'>{}</row>", cell(&format!("B{row}"), "9"))).collect();
    let long = sheet
        .replace("</sheetData>", &format!("{rows}</sheetData>"))
        .replace("mergeCell ref='A1:A3'", "x:mergeCell ref = \"A1:A39999\"");
    let long = text(&long.replace("<sheetData>", "<sheetData xmlns:x='x'>"));
    assert!(long.starts_with("Sheet: A\nEurope | 5\n") && long.ends_with("\nEurope | 9"), "{}", &long[..90]);
    let zip = workbook(&[("A", "visible", "")]);
    let wide: Vec<u8> =
        format!("\u{feff}<worksheet>{sheet}</worksheet>").encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(reading(zip.with("xl/sheet1.xml", &wide).bytes()).text, text(&sheet));
}

#[test]
fn what_a_reader_should_know_is_said() {
    let sheet = "<cols><col min='1' max='2' hidden='1'/></cols>\
        <sheetData><row r='1'><c r='A1'><f>SUM(B1:B2)</f></c><c r='B1'><v>x1</v></c></row></sheetData>";
    let mut zip = workbook(&[("A", "visible", sheet)]);
    zip.file("xl/_rels/sheet1.xml.rels", relations(&relation("c", "comments", "comments.xml")).as_bytes()).file(
        "xl/comments.xml",
        b"<comments><authors><author>Ada</author></authors><commentList><comment ref='B1' authorId='0'><text><t>Sure?</t>\
          </text></comment><comment ref='A9'><text><t>Late</t></text></comment></commentList></comments>",
    );
    let read = reading(zip.bytes());
    assert_eq!(
        read.text,
        "Sheet: A\n=SUM(B1:B2) | x1\n[comment on B1 by Ada: Sure?]\n\n[comment on A9: Late]"
    );
    assert!(
        read.notes[0].contains("hidden rows or columns") && read.notes[1].starts_with("1 of its formulas")
    );
    assert_eq!(place_of(&read, "Late"), Some(Place::Sheet { name: "A".to_owned(), row: Some(9) }));
}

#[test]
fn a_cell_at_the_end_of_the_sheet_costs_nothing() {
    let sheet = "<dimension ref='A1:XFD1048576'/><sheetData><row r='1'><c r='A1'><v>1</v></c></row>\
        <row r='1048576'><c r='XFD1048576'><v>2</v></c></row></sheetData>";
    assert_eq!(text(sheet), "Sheet: A\n1\n\nXFD: 2");
    let wide = format!(
        "<sheetData>{}</sheetData>",
        (1..=2000)
            .map(|row| format!("<row r='{row}'><c r='XFD{row}'><v>{row}</v></c></row>"))
            .collect::<String>()
    );
    assert!(text(&wide).len() < 2000 * 12);
    for area in ["A1:A4000000000", "A1:XFD1048576", ":", "XFD1"] {
        let merged = format!(
            "<sheetData><row r='1'><c r='A1'><v>1</v></c></row></sheetData><mergeCells><mergeCell ref='{area}'/></mergeCells>"
        );
        assert_eq!(text(&merged), "Sheet: A\n1");
    }
}

#[test]
fn a_text_that_is_too_long_is_cut() {
    let rows: String =
        (1..=100).map(|row| format!("<row r='{row}'><c r='A{row}' t='s'><v>0</v></c></row>")).collect();
    let zip = workbook(&[("A", "visible", &format!("<sheetData>{rows}</sheetData>"))]);
    let limits = Limits { text: 100, ..Limits::default() };
    let read = read("a.xlsx", zip.bytes(), &limits).unwrap();
    assert_eq!(read.text.len(), 100);
    assert_eq!(read.notes, ["The text is too long: it was cut in sheet A row 14."]);
}

#[test]
fn shared_formulas_without_results_stand_as_formulas() {
    let sheet = "<sheetData><row r='2'><c r='B2'><f t='shared' ref='B2:C3' si='0'>A2*$A$1</f></c><c r='C2'><f t='shared' si='0'/></c>\
        </row><row r='3'><c r='B3'><f t='shared' si='0'/></c><c r='C3'><f t='shared' si='0'/><v>7</v></c></row></sheetData>";
    let read = reading(workbook(&[("A", "visible", sheet)]).bytes());
    assert_eq!(read.text, "Sheet: A\n | =A2*$A$1 | =B2*$A$1\n | =A3*$A$1 | 7");
    assert!(read.notes[0].starts_with("3 of its formulas"), "{:?}", read.notes);
}

/// A chart of two series, and its reference in a drawing.
const CHART: &str = "<c:chartSpace><c:chart><c:title><c:tx><c:rich><a:p><a:r><a:t>Sales</a:t></a:r></a:p></c:rich></c:tx></c:title>\
    <c:ser><c:tx><c:v>East</c:v></c:tx><c:val><c:pt idx='0'><c:v>5</c:v></c:pt></c:val></c:ser></c:chart></c:chartSpace>";
const DRAWN: &str = "<xdr:graphicFrame><a:graphic><a:graphicData><c:chart r:id='c'/></a:graphicData></a:graphic></xdr:graphicFrame>";

#[test]
fn what_is_drawn_on_a_sheet_is_read() {
    let boxed = "<xdr:sp><xdr:nvSpPr><xdr:cNvPr id='1' name='x'/></xdr:nvSpPr><xdr:txBody><a:p><a:r><a:t>In EUR million</a:t></a:r>\
        </a:p></xdr:txBody></xdr:sp>";
    let mut zip = workbook(&[
        ("A", "visible", "<sheetData><row r='1'><c r='A1'><v>1</v></c></row></sheetData>"),
        ("B", "visible", "<sheetData/>"),
    ]);
    for index in [1, 2] {
        zip.file(
            &format!("xl/_rels/sheet{index}.xml.rels"),
            relations(&relation("d", "drawing", &format!("drawing{index}.xml"))).as_bytes(),
        )
        .file(
            &format!("xl/_rels/drawing{index}.xml.rels"),
            relations(&relation("c", "chart", "chart.xml")).as_bytes(),
        );
    }
    zip.file("xl/chart.xml", CHART.as_bytes())
        .file(
            "xl/drawing1.xml",
            format!("<xdr:wsDr><xdr:twoCellAnchor>{boxed}{DRAWN}</xdr:twoCellAnchor></xdr:wsDr>").as_bytes(),
        )
        .file(
            "xl/drawing2.xml",
            format!("<xdr:wsDr>{}</xdr:wsDr>", boxed.replace("name='x'", "name='x' hidden='1'") + boxed)
                .as_bytes(),
        );
    let read = reading(zip.bytes());
    assert_eq!(
        read.text,
        "Sheet: A\n1\n\nIn EUR million\n\nChart: Sales\nSeries: East\n\u{c}Sheet: B\n\nIn EUR million"
    );
    assert_eq!(place_of(&read, "Chart: Sales"), Some(Place::Sheet { name: "A".to_owned(), row: None }));
    assert_eq!(read.notes, ["It has hidden text, which is left out."]);
}

#[test]
fn a_sheet_that_is_a_chart_is_its_table() {
    let mut zip = workbook(&[("A", "visible", "<sheetData/>")]);
    let references = relation("s1", "chartsheet", "chartsheet.xml");
    zip = zip.with("xl/_rels/workbook.xml.rels", relations(&references).as_bytes());
    zip.file("xl/_rels/chartsheet.xml.rels", relations(&relation("d", "drawing", "drawing.xml")).as_bytes())
        .file("xl/_rels/drawing.xml.rels", relations(&relation("c", "chart", "chart.xml")).as_bytes())
        .file("xl/drawing.xml", format!("<xdr:wsDr>{DRAWN}</xdr:wsDr>").as_bytes())
        .file("xl/chart.xml", CHART.as_bytes());
    assert_eq!(reading(zip.bytes()).text, "Sheet: A\n\nChart: Sales\n | East\n | 5");
}
