//! Presentations: a text for each slide.

use minions_documents::Place;
use minions_ingest::Kind;

use crate::word::{relation, relations};
use crate::zip::Zip;
use crate::{place_of, reading};

/// A presentation of slides, in another order than their parts are numbered.
pub(crate) fn presentation(slides: &[&str]) -> Zip {
    let numbers = 1..=slides.len();
    let listed: String =
        numbers.clone().rev().map(|index| format!("<p:sldId id='{index}' r:id='s{index}'/>")).collect();
    let references: String = numbers
        .clone()
        .map(|index| relation(&format!("s{index}"), "slide", &format!("slides/s{index}.xml")))
        .collect();
    let mut zip = Zip::of(&[
        ("[Content_Types].xml", "<Types/>"),
        ("_rels/.rels", &relations(&relation("d", "officeDocument", "ppt/presentation.xml"))),
        (
            "ppt/presentation.xml",
            &format!("<p:presentation><p:sldIdLst>{listed}</p:sldIdLst></p:presentation>"),
        ),
        (
            "ppt/_rels/presentation.xml.rels",
            &relations(&(references + &relation("a", "commentAuthors", "authors.xml"))),
        ),
        ("ppt/authors.xml", "<p:cmAuthorLst><p:cmAuthor id='0' name='Ada'/></p:cmAuthorLst>"),
    ]);
    for (index, slide) in (1..).zip(slides.iter().rev()) {
        zip.file(&format!("ppt/slides/s{index}.xml"), slide.as_bytes());
    }
    zip
}

/// The part of a slide with these shapes.
pub(crate) fn slide(shapes: &str) -> String {
    format!("<p:sld><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld></p:sld>")
}

/// A shape of this role with paragraphs.
pub(crate) fn shape(role: &str, paragraphs: &[&str]) -> String {
    let paragraphs: String =
        paragraphs.iter().map(|text| format!("<a:p><a:r><a:t>{text}</a:t></a:r></a:p>")).collect();
    shape_of(role, &paragraphs)
}

fn shape_of(role: &str, paragraphs: &str) -> String {
    let role = if role.is_empty() { String::new() } else { format!("<p:ph type='{role}'/>") };
    format!(
        "<p:sp><p:nvSpPr><p:cNvPr id='1' name='x'/><p:cNvSpPr/><p:nvPr>{role}</p:nvPr></p:nvSpPr><p:spPr/>\
         <p:txBody><a:bodyPr/>{paragraphs}</p:txBody></p:sp>"
    )
}

fn text(shapes: &str) -> String {
    reading(presentation(&[&slide(shapes)]).bytes()).text
}

#[test]
fn slides_come_in_their_order() {
    let first = slide(
        &(shape("body", &["Before the title"]) + &shape("ctrTitle", &["Growth"]) + &shape("sldNum", &["1"])),
    );
    let second = slide(&shape("", &["Two", "lines"])).replace("<p:sld>", "<p:sld show='0'>");
    let third = slide("<p:pic/>");
    let mut zip = presentation(&[&first, &second, &third]);
    zip.file(
        "ppt/slides/_rels/s3.xml.rels",
        relations(
            &(relation("n", "notesSlide", "../notes/n.xml") + &relation("c", "comments", "../comments.xml")),
        )
        .as_bytes(),
    )
    .file(
        "ppt/notes/n.xml",
        format!(
            "<p:notes><p:cSld><p:spTree>{}{}</p:spTree></p:cSld></p:notes>",
            shape("sldImg", &[]),
            shape("body", &["Say this."])
        )
        .as_bytes(),
    )
    .file(
        "ppt/comments.xml",
        b"<p:cmLst><p:cm authorId='0'><p:pos/><p:text>Really?</p:text></p:cm></p:cmLst>",
    );
    let read = reading(zip.bytes());
    assert_eq!(read.kind, Kind::Pptx);
    assert_eq!(
        read.text,
        "Slide 1: Growth\n\nBefore the title\n\nNotes: Say this.\n\n[comment by Ada: Really?]\n\
         \u{c}Slide 2 (hidden)\n\nTwo\nlines\n\u{c}Slide 3"
    );
    for (quote, number) in [("Growth", 1), ("Say this", 1), ("lines", 2), ("Slide 3", 3)] {
        assert_eq!(place_of(&read, quote), Some(Place::Slide(number)));
    }
    assert_eq!(read.notes, [""; 0]);
}

#[test]
fn shapes_of_all_kinds_are_read() {
    let cell = |attributes: &str, text: &str| {
        format!("<a:tc {attributes}><a:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></a:txBody></a:tc>")
    };
    let table = format!(
        "<p:graphicFrame><a:graphic><a:graphicData><a:tbl><a:tblPr/><a:tr>{}{}{}</a:tr><a:tr>{}{}{}</a:tr></a:tbl>\
         </a:graphicData></a:graphic></p:graphicFrame>",
        cell("rowSpan='2'", "Europe"),
        cell("gridSpan='2'", "2022"),
        cell("hMerge='1'", ""),
        cell("vMerge='1'", ""),
        cell("", "5"),
        cell("", "6")
    );
    assert_eq!(text(&table), "Slide 1\n\nEurope | 2022\nEurope | 5 | 6");
    let group = format!(
        "<p:grpSp><p:grpSpPr/>{}<p:grpSp>{}</p:grpSp></p:grpSp>",
        shape("", &["a"]),
        shape("", &["b"])
    );
    assert_eq!(text(&group), "Slide 1\n\na\n\nb");
    let list = "<a:p><a:pPr><a:buAutoNum type='arabicPeriod'/></a:pPr><a:r><a:t>one</a:t></a:r></a:p>\
        <a:p><a:pPr lvl='1'><a:buAutoNum type='alphaLcParenR' startAt='3'/></a:pPr><a:r><a:t>c</a:t></a:r></a:p>\
        <a:p><a:pPr><a:buAutoNum type='arabicPeriod'/></a:pPr><a:r><a:t>two</a:t></a:r><a:br/><a:r><a:t>more</a:t></a:r></a:p>\
        <a:p><a:pPr><a:buChar char='•'/></a:pPr><a:r><a:t>dot</a:t></a:r></a:p><a:p><a:endParaRPr/></a:p>";
    assert_eq!(text(&shape_of("", list)), "Slide 1\n\n1. one\n  c) c\n2. two\nmore\n• dot");
    let field = "<a:p><a:r><a:t>Page </a:t></a:r><a:fld type='slidenum'><a:t>7</a:t></a:fld><a:fld type='datetime'>\
                 <a:t>May</a:t></a:fld></a:p>";
    assert_eq!(text(&shape_of("", field)), "Slide 1\n\nPage May");
    let both = format!(
        "<mc:AlternateContent><mc:Choice>{}</mc:Choice><mc:Fallback>{}</mc:Fallback></mc:AlternateContent>",
        shape("", &["once"]),
        shape("", &["twice"])
    );
    assert_eq!(text(&both), "Slide 1\n\nonce");
    let hidden = shape("", &["x"]).replace("name='x'", "name='x' hidden='1'");
    assert_eq!(text(&hidden), "Slide 1");
}

#[test]
fn charts_and_diagrams_are_read() {
    let shapes = "<p:graphicFrame><a:graphic><a:graphicData><c:chart r:id='c1'/></a:graphicData></a:graphic></p:graphicFrame>\
        <p:graphicFrame><a:graphic><a:graphicData><dgm:relIds r:dm='d1' r:lo='x'/></a:graphicData></a:graphic></p:graphicFrame>";
    let mut zip = presentation(&[&slide(shapes)]);
    let points = |values: &[&str]| -> String {
        (0..)
            .zip(values)
            .map(|(index, value)| format!("<c:pt idx='{index}'><c:v>{value}</c:v></c:pt>"))
            .collect()
    };
    let series = |name: &str, values: &[&str]| {
        format!(
            "<c:ser><c:tx><c:strRef><c:f>A</c:f><c:strCache>{}</c:strCache></c:strRef></c:tx><c:cat><c:strRef><c:strCache>{}\
             </c:strCache></c:strRef></c:cat><c:val><c:numRef><c:numCache>{}</c:numCache></c:numRef></c:val></c:ser>",
            points(&[name]),
            points(&["Q1", "Q2"]),
            points(values)
        )
    };
    zip.file(
        "ppt/slides/_rels/s1.xml.rels",
        relations(&(relation("c1", "chart", "../c.xml") + &relation("d1", "diagramData", "../d.xml"))).as_bytes(),
    )
    .file(
        "ppt/c.xml",
        format!(
            "<c:chartSpace><c:chart><c:title><c:tx><c:rich><a:p><a:r><a:t>Sales</a:t></a:r></a:p></c:rich></c:tx></c:title>\
             <c:plotArea><c:barChart>{}{}</c:barChart></c:plotArea></c:chart></c:chartSpace>",
            series("East", &["1", "2"]),
            series("West", &["3", "4.5"])
        )
        .as_bytes(),
    )
    .file(
        "ppt/d.xml",
        b"<dgm:dataModel><dgm:ptLst><dgm:pt><dgm:t><a:p><a:r><a:t>Plan</a:t></a:r></a:p></dgm:t></dgm:pt><dgm:pt><dgm:t><a:p>\
          <a:r><a:t>Do</a:t></a:r></a:p></dgm:t></dgm:pt></dgm:ptLst></dgm:dataModel>",
    );
    let read = reading(zip.bytes());
    assert_eq!(read.text, "Slide 1\n\nChart: Sales\n | East | West\nQ1 | 1 | 3\nQ2 | 2 | 4.5\n\nPlan\nDo");
}
