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

pub(crate) fn shape_of(role: &str, paragraphs: &str) -> String {
    let role = if role.is_empty() { String::new() } else { format!("<p:ph type='{role}'/>") };
    format!(
        "<p:sp><p:nvSpPr><p:cNvPr id='1' name='x'/><p:cNvSpPr/><p:nvPr>{role}</p:nvPr></p:nvSpPr><p:spPr/>\
         <p:txBody><a:bodyPr/>{paragraphs}</p:txBody></p:sp>"
    )
}

pub(crate) fn text(shapes: &str) -> String {
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
    assert_eq!(
        read.notes,
        [
            "It has hidden slides, which were read as well: 2.",
            "Slides that are pictures alone are not read: 3."
        ]
    );
}

#[test]
fn raised_and_lowered_runs_stay_so() {
    let run = |baseline: &str, text: &str| format!("<a:r><a:rPr {baseline}/><a:t>{text}</a:t></a:r>");
    let line = run("", "10")
        + &run("baseline='30000'", "-")
        + &run("baseline='30000'", "3")
        + "<a:r><a:t> CO</a:t></a:r>"
        + &run("baseline='-25000'", "2")
        + &run("baseline='0'", " 4")
        + &run("baseline='30000'", "th");
    assert_eq!(text(&shape_of("", &format!("<a:p>{line}</a:p>"))), "Slide 1\n\n10⁻³ CO₂ 4th");
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
    let read = reading(presentation(&[&slide(&hidden)]).bytes());
    assert_eq!((read.text.as_str(), read.notes[0].contains("hidden text")), ("Slide 1", true));
}

#[test]
fn footers_are_said_once() {
    let footers = |text: &str| shape("ftr", &[text]) + &shape("dt", &["3 May"]) + &shape("sldNum", &["1"]);
    let slides = [slide(&footers("Secret")), slide(&footers("Secret")), slide(&footers("Draft"))];
    let slides: Vec<&str> = slides.iter().map(String::as_str).collect();
    assert_eq!(
        reading(presentation(&slides).bytes()).text,
        "Slide 1\n\nFooter: Secret\n\nFooter: 3 May\n\u{c}Slide 2\n\u{c}Slide 3\n\nFooter: Draft"
    );
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

/// The text of a presentation with this chart.
pub(crate) fn chart(chart: &str) -> String {
    let shapes = "<p:graphicFrame><a:graphic><a:graphicData><c:chart r:id='c1'/></a:graphicData></a:graphic></p:graphicFrame>";
    let mut zip = presentation(&[&slide(shapes)]);
    zip.file("ppt/slides/_rels/s1.xml.rels", relations(&relation("c1", "chart", "../c.xml")).as_bytes())
        .file("ppt/c.xml", format!("<c:chartSpace><c:chart>{chart}</c:chart></c:chartSpace>").as_bytes());
    reading(zip.bytes()).text.replacen("Slide 1\n\n", "", 1)
}

#[test]
fn each_series_of_a_chart_has_its_own_points() {
    let points = |values: &[&str]| -> String {
        let point = |(index, value)| format!("<c:pt idx='{index}'><c:v>{value}</c:v></c:pt>");
        (0..).zip(values).map(point).collect()
    };
    let series = |name: &str, parts: &[(&str, &[&str])]| {
        let parts: String = parts
            .iter()
            .map(|(part, values)| {
                format!(
                    "<c:{part}><c:numRef><c:f>A1</c:f><c:numCache>{}</c:numCache></c:numRef></c:{part}>",
                    points(values)
                )
            })
            .collect();
        format!("<c:ser><c:tx><c:v>{name}</c:v></c:tx>{parts}</c:ser>")
    };
    let scatter = series("A", &[("xVal", &["1", "2"]), ("yVal", &["10", "20"])])
        + &series("B", &[("xVal", &["100", "200"]), ("yVal", &["7", "8"])])
        + &series("C", &[("xVal", &["1", "2"]), ("yVal", &["5", "6"])]);
    assert_eq!(chart(&scatter), "Chart\n | A | C\n1 | 10 | 5\n2 | 20 | 6\n | B\n100 | 7\n200 | 8");
    let bars =
        series("A", &[("cat", &["Q1", "Q2"]), ("val", &["1", "2"])]) + &series("B", &[("val", &["3", "4"])]);
    assert_eq!(chart(&bars), "Chart\n | A | B\nQ1 | 1 | 3\nQ2 | 2 | 4");
    let bubbles = series("A", &[("yVal", &["10", "20"]), ("bubbleSize", &["3", "4"])]);
    assert_eq!(chart(&bubbles), "Chart\n | A\n1 | 10 (size 3)\n2 | 20 (size 4)");
    // Categories on two levels.
    let levels = format!(
        "<c:ser><c:cat><c:multiLvlStrRef><c:multiLvlStrCache><c:lvl>{}</c:lvl><c:lvl><c:pt idx='0'><c:v>2023</c:v></c:pt>\
         <c:pt idx='2'><c:v>2024</c:v></c:pt></c:lvl></c:multiLvlStrCache></c:multiLvlStrRef></c:cat><c:val>{}</c:val></c:ser>",
        points(&["Q1", "Q2", "Q1"]),
        points(&["5", "6", "7"])
    );
    assert_eq!(chart(&levels), "Chart\n2023 Q1 | 5\n2023 Q2 | 6\n2024 Q1 | 7");
    let days = "<c:ser><c:cat><c:numRef><c:numCache><c:formatCode>m/d/yyyy</c:formatCode><c:pt idx='0'><c:v>45352</c:v></c:pt>\
        </c:numCache></c:numRef></c:cat><c:val><c:numRef><c:numCache><c:formatCode>0%</c:formatCode><c:pt idx='0'>\
        <c:v>0.256</c:v></c:pt></c:numCache></c:numRef></c:val></c:ser>";
    assert_eq!(chart(days), "Chart\n2024-03-01 | 0.256");
}

#[test]
fn titles_of_axes_are_not_the_title_of_the_chart() {
    let title = |text: &str| {
        format!("<c:title><c:tx><c:rich><a:p><a:r><a:t>{text}</a:t></a:r></a:p></c:rich></c:tx></c:title>")
    };
    let series = "<c:ser><c:val><c:pt idx='0'><c:v>5</c:v></c:pt></c:val></c:ser>";
    let plot = format!(
        "<c:plotArea><c:barChart>{series}</c:barChart><c:catAx>{}</c:catAx><c:valAx>{}</c:valAx></c:plotArea>",
        title("Year"),
        title("EUR million")
    );
    assert_eq!(chart(&plot), "Chart\nAxes: Year; EUR million\n | 5");
    let cell = "<c:title><c:tx><c:strRef><c:f>Sheet1!$A$1</c:f><c:strCache><c:pt idx='0'><c:v>Sales</c:v></c:pt></c:strCache>\
        </c:strRef></c:tx></c:title>";
    assert_eq!(chart(&(cell.to_owned() + &plot)), "Chart: Sales\nAxes: Year; EUR million\n | 5");
}
