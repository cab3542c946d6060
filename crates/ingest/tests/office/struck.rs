//! Text that is struck out, in each kind of file.

use crate::opendocument;
use crate::reading;
use crate::slides;
use crate::word::{Word, r};
use crate::workbooks::workbook;

#[test]
fn in_word() {
    let run = |properties: &str, text: &str| {
        format!("<w:r><w:rPr>{properties}</w:rPr><w:t xml:space='preserve'>{text}</w:t></w:r>")
    };
    let styles = "<w:style w:styleId='Old'><w:rPr><w:strike/></w:rPr></w:style>";
    for (runs, line) in [
        (
            r("by ") + &run("<w:strike/>", "March ") + &run("<w:dstrike/><w:b/>", "or April") + &r(" May"),
            "by ~~March or April~~ May",
        ),
        (run("<w:strike w:val='0'/>", "a") + &run("<w:strike w:val='0'/><w:dstrike/>", "b"), "a~~b~~"),
        (
            run("<w:rStyle w:val='Old'/>", "a")
                + &run("<w:rStyle w:val='Old'/><w:strike w:val='false'/>", "b"),
            "~~a~~b",
        ),
        (run("<w:strike/>", "10") + &run("<w:strike/><w:vertAlign w:val='superscript'/>", "6"), "~~10⁶~~"),
        (
            run("<w:strike/>", "a") + "<w:r><w:br w:type='page'/></w:r>" + &run("<w:strike/>", "b"),
            "~~a~~\u{c}~~b~~",
        ),
    ] {
        let word = Word::of(&format!("<w:p>{runs}</w:p>")).part("styles", styles);
        let text = reading(word.zip().bytes()).text.replace("\n", "");
        assert_eq!(text.replace('\u{c}', ""), line.replace('\u{c}', ""));
    }
}

#[test]
fn in_slides() {
    let run = |properties: &str, text: &str| format!("<a:r><a:rPr {properties}/><a:t>{text}</a:t></a:r>");
    let line = run("strike='sngStrike'", "4,1")
        + &run("strike='dblStrike' baseline='0'", "20")
        + &run("strike='noStrike'", " 5")
        + &run("", " 6");
    let text = slides::text(&slides::shape_of("", &format!("<a:p>{line}</a:p>")));
    assert_eq!(text, "Slide 1\n\n~~4,120~~ 5 6");
}

#[test]
fn in_workbooks() {
    let rich = "<is><r><rPr><strike/></rPr><t>March</t></r><r><t> May</t></r><r><rPr><strike val='0'/></rPr><t>!</t></r></is>";
    let sheet = format!(
        "<sheetData><row><c t='inlineStr'>{rich}</c><c s='1'><v>4120</v></c><c s='0'><v>5</v></c><c s='1'/><c s='1' t='inlineStr'>{rich}</c></row></sheetData>"
    );
    let styles = "<styleSheet><fonts><font><sz val='11'/></font><font><strike/></font></fonts><cellXfs><xf numFmtId='0' fontId='0'/>\
                  <xf numFmtId='3' fontId='1'/></cellXfs></styleSheet>";
    let zip = workbook(&[("A", "visible", &sheet)]).with("xl/styles.xml", styles.as_bytes());
    assert_eq!(reading(zip.bytes()).text, "Sheet: A\n~~March~~ May! | ~~4,120~~ | 5 |  | ~~March~~ May!");
}

#[test]
fn in_opendocument() {
    let style = |name: &str, family: &str, line: &str| {
        format!(
            "<style:style style:name='{name}' style:family='{family}'><style:text-properties {line}/></style:style>"
        )
    };
    let styles = style("Old", "text", "style:text-line-through-style='solid'")
        + &style("Not", "text", "style:text-line-through-style='none' style:text-line-through-type='single'")
        + &style("Cell", "table-cell", "style:text-line-through-type='double'")
        + &style("Par", "paragraph", "style:text-line-through-style='solid'");
    let span = |name: &str, text: &str| format!("<text:span text:style-name='{name}'>{text}</text:span>");
    let line = format!("by {} May", span("Old", &format!("March{}", span("Not", "!"))));
    let text = |content: &str| opendocument::text(&styles, content);
    assert_eq!(text(&format!("<text:p>{line}</text:p>")), "by ~~March~~! May");
    assert_eq!(text("<text:p text:style-name='Par'>old</text:p>"), "~~old~~");
    let sheet = format!(
        "<table:table table:name='A'><table:table-row><table:table-cell><text:p>{line}</text:p></table:table-cell>\
         <table:table-cell table:style-name='Cell'><text:p>4</text:p></table:table-cell></table:table-row></table:table>"
    );
    let zip = opendocument::file("spreadsheet", &styles, &sheet);
    assert_eq!(reading(zip.bytes()).text, "Sheet: A\nby ~~March~~! May | ~~4~~");
}
