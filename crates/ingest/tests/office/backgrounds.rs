//! What office files show besides their own text: backgrounds of slides, newer charts, files of other programs.

use crate::reading;
use crate::slides::{presentation, shape, slide};
use crate::word::{Word, relation, relations};
use crate::workbooks::workbook;

fn part(root: &str, attributes: &str, shapes: &str) -> String {
    format!(
        "<p:{root} {attributes}><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld><p:txStyles><p:sp><p:txBody><a:p><a:r><a:t>no</a:t></a:r>\
         </a:p></p:txBody></p:sp></p:txStyles></p:{root}>"
    )
}

#[test]
fn what_stands_behind_slides_is_said_once() {
    let prompts =
        shape("title", &["Click to edit"]) + &shape("obj", &["Prompt"]) + &shape("ftr", &["prompt"]);
    for (slide_attributes, layout_attributes, expected) in [
        (
            "",
            "",
            "Slide 1\n\none\n\nBackground: Draft of May\n\nBackground: CONFIDENTIAL\n\u{c}Slide 2\n\ntwo",
        ),
        (
            "showMasterSp='0'",
            "",
            "Slide 1\n\none\n\u{c}Slide 2\n\ntwo\n\nBackground: Draft of May\n\nBackground: CONFIDENTIAL",
        ),
        ("", "showMasterSp='0'", "Slide 1\n\none\n\nBackground: Draft of May\n\u{c}Slide 2\n\ntwo"),
    ] {
        let first = slide(&shape("", &["one"])).replace("<p:sld>", &format!("<p:sld {slide_attributes}>"));
        let mut zip = presentation(&[&first, &slide(&shape("", &["two"]))]);
        for number in [1, 2] {
            zip.file(
                &format!("ppt/slides/_rels/s{number}.xml.rels"),
                relations(&relation("l", "slideLayout", "../l.xml")).as_bytes(),
            );
        }
        zip.file(
            "ppt/l.xml",
            part("sldLayout", layout_attributes, &(prompts.clone() + &shape("", &["Draft", "of May"])))
                .as_bytes(),
        )
        .file("ppt/_rels/l.xml.rels", relations(&relation("m", "slideMaster", "m.xml")).as_bytes())
        .file(
            "ppt/m.xml",
            part("sldMaster", "", &(shape("", &["CONFIDENTIAL"]) + &shape("", &["***"]))).as_bytes(),
        );
        assert_eq!(reading(zip.bytes()).text, expected);
    }
}

#[test]
fn newer_charts_are_tables() {
    let points = |values: &[&str]| -> String {
        (0..).zip(values).map(|(index, value)| format!("<cx:pt idx='{index}'>{value}</cx:pt>")).collect()
    };
    let level = |values: &[&str]| format!("<cx:lvl ptCount='9'>{}</cx:lvl>", points(values));
    let chart = |data: &str, series: &str| {
        format!(
            "<cx:chartSpace><cx:chartData><cx:data id='0'>{data}</cx:data></cx:chartData><cx:chart><cx:title><cx:tx><cx:txData>\
             <cx:v>Cash</cx:v></cx:txData></cx:tx></cx:title><cx:plotArea><cx:plotAreaRegion><cx:series layoutId='{series}'><cx:tx>\
             <cx:txData><cx:f>Sheet1!$B$1</cx:f><cx:v>EUR</cx:v></cx:txData></cx:tx><cx:dataId val='0'/></cx:series>\
             </cx:plotAreaRegion></cx:plotArea></cx:chart></cx:chartSpace>"
        )
    };
    let categories =
        format!("<cx:strDim type='cat'><cx:f>A</cx:f>{}</cx:strDim>", level(&["Start", "Loss", "End"]));
    let levels = format!("<cx:strDim type='cat'>{}{}</cx:strDim>", level(&["a", "b"]), level(&["Up"]));
    let numbers = |kind: &str, values: &[&str]| {
        format!("<cx:numDim type='{kind}'><cx:f>B</cx:f>{}</cx:numDim>", level(values))
    };
    for (data, layout, expected) in [
        (
            categories + &numbers("val", &["100", "-20", "80"]),
            "waterfall",
            "Chart: Cash\n | EUR\nStart | 100\nLoss | -20\nEnd | 80",
        ),
        (levels + &numbers("size", &["3", "4"]), "sunburst", "Chart: Cash\n | EUR\nUp a | 3\nUp b | 4"),
    ] {
        let chart = chart(&data, layout);
        let frame = "<mc:AlternateContent><mc:Choice Requires='cx1'><p:graphicFrame><a:graphic><a:graphicData><cx:chart r:id='r0'/>\
                     </a:graphicData></a:graphic></p:graphicFrame></mc:Choice><mc:Fallback><p:pic/></mc:Fallback></mc:AlternateContent>";
        let mut zip = presentation(&[&slide(frame)]);
        zip.file(
            "ppt/slides/_rels/s1.xml.rels",
            relations(&relation("r0", "chartEx", "../c.xml")).as_bytes(),
        )
        .file("ppt/c.xml", chart.as_bytes());
        assert_eq!(reading(zip.bytes()).text, format!("Slide 1\n\n{expected}"));
        let body = "<w:p><w:r><w:drawing><a:graphic><a:graphicData><cx:chart r:id='r0'/></a:graphicData></a:graphic></w:drawing></w:r></w:p>";
        let word = Word::of(body).part("chartEx", &chart);
        assert_eq!(reading(word.zip().bytes()).text, expected);
    }
}

#[test]
fn embedded_files_are_told() {
    let told = "It embeds other files, such as workbooks or equations, which are left out.";
    let frame = "<p:graphicFrame><a:graphic><a:graphicData><p:oleObj r:id='o'><p:embed/><p:pic/></p:oleObj></a:graphicData></a:graphic></p:graphicFrame>";
    let slides = presentation(&[&slide(&(frame.to_owned() + &shape("", &["one"])))]);
    let sheet = "<sheetData><row><c t='str'><v>x</v></c></row></sheetData><oleObjects><oleObject progId='Word' shapeId='1' r:id='o'/></oleObjects>";
    let book = workbook(&[("A", "visible", sheet)]);
    let word = Word::of("<w:p><w:r><w:t>x</w:t></w:r><w:r><w:object><o:OLEObject/></w:object></w:r></w:p>");
    for bytes in [slides.bytes(), book.bytes(), word.zip().bytes()] {
        assert_eq!(reading(bytes).notes, [told]);
    }
}
