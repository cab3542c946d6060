//! Word documents: what their readers see.

use minions_documents::Place;
use minions_ingest::Kind;

use crate::word::{Word, p, p_with, r, table};
use crate::{place_of, reading};

fn text(body: &str) -> String {
    reading(Word::of(body).zip().bytes()).text
}

const STYLES: &str = "<w:style w:styleId='H1'><w:name w:val='heading 1'/></w:style>\
    <w:style w:styleId='Mine'><w:name w:val='Mine'/><w:basedOn w:val='H1'/></w:style>\
    <w:style w:styleId='Out'><w:name w:val='Out'/><w:pPr><w:outlineLvl w:val='1'/></w:pPr></w:style>\
    <w:style w:styleId='Secret'><w:name w:val='Secret'/><w:rPr><w:vanish/></w:rPr></w:style>";

#[test]
fn paragraphs_and_headings_are_read() {
    let style = |name: &str| format!("<w:pStyle w:val='{name}'/>");
    let body = [
        p("Before &amp; alone"),
        p_with(&style("H1"), "Risks"),
        p("Fire."),
        p(" "),
        p_with(&style("Mine"), "Chances"),
        p("Rain."),
        p_with(&style("Out"), "Third"),
        p_with("<w:outlineLvl w:val='9'/>", "No heading"),
    ];
    let read = reading(Word::of(&body.concat()).part("styles", STYLES).zip().bytes());
    assert_eq!(read.kind, Kind::Docx);
    assert_eq!(read.text, "Before & alone\n\nRisks\n\nFire.\n\nChances\n\nRain.\n\nThird\n\nNo heading");
    assert_eq!(read.notes, [""; 0]);
    let section = |title: &str| Some(Place::Heading(title.to_owned()));
    for (quote, place) in [
        ("Before", None),
        ("Risks", section("Risks")),
        ("Fire", section("Risks")),
        ("Rain", section("Chances")),
        ("No heading", section("Third")),
    ] {
        assert_eq!(place_of(&read, quote), place, "{quote}");
    }
}

#[test]
fn runs_are_joined_as_they_are_seen() {
    for (run, seen) in [
        ("<w:r><w:t>a</w:t></w:r><w:r><w:t>b</w:t></w:r>", "ab"),
        ("<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r>", "a\tb\nc"),
        ("<w:r><w:t>co</w:t><w:noBreakHyphen/><w:t>op</w:t><w:softHyphen/></w:r>", "co-op"),
        (
            "<w:ins><w:r><w:t>new</w:t></w:r></w:ins><w:del><w:r><w:delText>old</w:delText></w:r></w:del>",
            "new",
        ),
        ("<w:moveFrom><w:r><w:t>here</w:t></w:r></w:moveFrom><w:r><w:t>x</w:t></w:r>", "x"),
        ("<w:hyperlink><w:r><w:t>link</w:t></w:r></w:hyperlink>", "link"),
        ("<w:smartTag><w:r><w:t>tag</w:t></w:r></w:smartTag>", "tag"),
        (
            "<w:sdt><w:sdtPr><w:alias w:val='x'/></w:sdtPr><w:sdtContent><w:r><w:t>in</w:t></w:r></w:sdtContent></w:sdt>",
            "in",
        ),
        ("<w:r><w:sym w:font='Wingdings' w:char='F0FC'/></w:r>", "✓"),
        ("<w:r><w:rPr><w:vanish/></w:rPr><w:t>no</w:t></w:r><w:r><w:t>x</w:t></w:r>", "x"),
        ("<w:r><w:rPr><w:vanish w:val='0'/></w:rPr><w:t>yes</w:t></w:r>", "yes"),
        (
            "<w:r><w:fldChar w:fldCharType='begin'/></w:r><w:r><w:instrText>DATE \\x</w:instrText></w:r>\
             <w:r><w:fldChar w:fldCharType='separate'/></w:r><w:r><w:t>May</w:t></w:r>\
             <w:r><w:fldChar w:fldCharType='end'/></w:r><w:r><w:t>!</w:t></w:r>",
            "May!",
        ),
        (
            "<w:r><w:fldChar w:fldCharType='begin'><w:ffData><w:checkBox><w:default w:val='0'/><w:checked/>\
             </w:checkBox></w:ffData></w:fldChar><w:fldChar w:fldCharType='end'/><w:t> ok</w:t></w:r>",
            "☒ ok",
        ),
        (
            "<w:r><w:ruby><w:rt><w:r><w:t>kan</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>漢</w:t></w:r></w:rubyBase></w:ruby></w:r>",
            "漢",
        ),
        ("<w:r><w:t>&#x41;&quot;&lt;<![CDATA[<]]></w:t></w:r>", "A\"<<"),
        // Fields that begin or end in text that is deleted.
        (
            "<w:r><w:fldChar w:fldCharType='begin'/></w:r><w:r><w:instrText>REF x</w:instrText></w:r><w:del><w:r>\
             <w:fldChar w:fldCharType='separate'/></w:r><w:r><w:delText>old</w:delText><w:fldChar w:fldCharType='end'/></w:r>\
             </w:del><w:r><w:t>kept</w:t></w:r>",
            "kept",
        ),
        (
            "<w:del><w:r><w:fldChar w:fldCharType='begin'/></w:r></w:del><w:r><w:t>no</w:t><w:fldChar \
             w:fldCharType='end'/><w:t>yes</w:t></w:r>",
            "yes",
        ),
    ] {
        assert_eq!(text(&format!("<w:p>{run}</w:p>")), seen, "{run}");
    }
    let read = reading(
        Word::of(
            &[
                "<w:p><w:del><w:r><w:delText>x</w:delText></w:r></w:del></w:p>".to_owned(),
                p_with("<w:pStyle w:val='Secret'/>", "hidden"),
                p("seen"),
            ]
            .concat(),
        )
        .part("styles", STYLES)
        .zip()
        .bytes(),
    );
    assert_eq!(read.text, "seen");
    assert!(
        read.notes[0].contains("tracked changes") && read.notes[1].contains("hidden text"),
        "{:?}",
        read.notes
    );
}

#[test]
fn a_field_that_never_ends_takes_its_paragraph_alone() {
    let begun = "<w:p><w:r><w:t>a</w:t><w:fldChar w:fldCharType='begin'/><w:t>b</w:t></w:r></w:p>";
    assert_eq!(text(&(begun.to_owned() + &p("c"))), "a\n\nc");
}

#[test]
fn raised_and_lowered_runs_stay_so() {
    let run = |properties: &str, text: &str| {
        format!("<w:r><w:rPr>{properties}</w:rPr><w:t xml:space='preserve'>{text}</w:t></w:r>")
    };
    let up = "<w:vertAlign w:val='superscript'/>";
    let down = "<w:vertAlign w:val='subscript'/>";
    let styled = "<w:rStyle w:val='Up'/>";
    let moved = "<w:position w:val='8'/><w:sz w:val='14'/>";
    for (runs, line) in [
        (r("10") + &run(up, "6") + &r(" t"), "10⁶ t"),
        (r("10") + &run(up, "-") + &run(up, "3"), "10⁻³"),
        (r("4,120") + &run(up, "1"), "4,120¹"),
        (r("10") + &run(up, "6.5"), "10^(6.5)"),
        (r("CO") + &run(down, "2") + &run(up, "2-"), "CO₂²⁻"),
        (r("10") + &run(styled, "9"), "10⁹"),
        (r("10") + &run(&(styled.to_owned() + "<w:vertAlign w:val='baseline'/>"), "9"), "109"),
        (r("10") + &run(moved, "3"), "10³"),
        (r("4") + &run(up, "th"), "4th"),
        (run(up, "2") + "<w:r><w:footnoteReference w:id='1'/></w:r>", "²[1]"),
    ] {
        let styles = "<w:style w:styleId='Up'><w:rPr><w:vertAlign w:val='superscript'/></w:rPr></w:style>";
        let word = Word::of(&format!("<w:p>{runs}</w:p>")).part("styles", styles);
        assert_eq!(reading(word.zip().bytes()).text, line);
    }
}

#[test]
fn lists_have_their_numbers() {
    let level = |index: u8, format: &str, text: &str| {
        format!(
            "<w:lvl w:ilvl='{index}'><w:start w:val='1'/><w:numFmt w:val='{format}'/><w:lvlText w:val='{text}'/></w:lvl>"
        )
    };
    let numbering = [
        "<w:abstractNum w:abstractNumId='0'>",
        &level(0, "decimal", "%1."),
        &level(1, "lowerLetter", "%1.%2)"),
        "</w:abstractNum><w:abstractNum w:abstractNumId='1'>",
        &level(0, "bullet", "\u{f0b7}"),
        &level(1, "bullet", "o"),
        "</w:abstractNum>",
        "<w:num w:numId='1'><w:abstractNumId w:val='0'/></w:num><w:num w:numId='2'><w:abstractNumId w:val='1'/></w:num>",
        "<w:num w:numId='3'><w:abstractNumId w:val='0'/><w:lvlOverride w:ilvl='0'><w:startOverride w:val='7'/>\
         </w:lvlOverride></w:num>",
    ]
    .concat();
    let item = |list: u8, level: u8, text: &str| {
        p_with(&format!("<w:numPr><w:ilvl w:val='{level}'/><w:numId w:val='{list}'/></w:numPr>"), text)
    };
    let body = [
        p("Intro"),
        item(1, 0, "one"),
        item(1, 1, "one a"),
        item(1, 1, "one b"),
        item(1, 0, "two"),
        item(1, 1, "two a"),
        p("Between"),
        item(3, 0, "seven"),
        item(3, 0, "eight"),
        item(2, 0, "dot"),
        item(2, 1, "ring"),
        item(0, 0, "plain"),
    ];
    let read = reading(Word::of(&body.concat()).part("numbering", &numbering).zip().bytes());
    assert_eq!(
        read.text,
        "Intro\n\n1. one\n  1.a) one a\n  1.b) one b\n2. two\n  2.a) two a\n\nBetween\n\n7. seven\n8. eight\n• dot\n  • ring\n\nplain"
    );
}

#[test]
fn rows_of_tables_stay_rows() {
    let body = p("Sales")
        + &table(&[
            &[("", "Region"), ("<w:gridSpan w:val='2'/>", "Sales")],
            &[("<w:vMerge w:val='restart'/>", "Europe"), ("", "2022"), ("", "5")],
            &[("<w:vMerge/>", ""), ("", "2023"), ("", "")],
            &[("", ""), ("", ""), ("", "")],
        ])
        + &p("After");
    assert_eq!(text(&body), "Sales\n\nRegion | Sales\nEurope | 2022 | 5\nEurope | 2023\n\nAfter");
    let inner = table(&[&[("", "a"), ("", "b")]]);
    let nested = format!(
        "<w:tbl><w:tr><w:tc>{}{inner}{}</w:tc><w:tc>{}</w:tc></w:tr></w:tbl>",
        p("x"),
        p("y"),
        p("z")
    );
    assert_eq!(text(&nested), "x y | z\n  a | b");
    let frame = format!("<w:tbl><w:tr><w:tc>{}{}</w:tc></w:tr></w:tbl>", p("one"), p("two"));
    assert_eq!(text(&frame), "one\n\ntwo");
    let deleted = "<w:tbl><w:tr><w:trPr><w:del/></w:trPr><w:tc><w:p/></w:tc></w:tr></w:tbl>";
    assert_eq!(text(&(deleted.to_owned() + &p("x"))), "x");
}

#[test]
fn notes_stand_behind_their_paragraph() {
    let note = |kind: &str, id: u8, text: &str| {
        format!("<w:{kind} w:id='{id}' w:author='Ada'>{}</w:{kind}>", p(text))
    };
    let refer = |kind: &str, id: u8| format!("<w:r><w:{kind}Reference w:id='{id}'/></w:r>");
    let body = format!(
        "<w:p>{}{}{}{}{}</w:p>{}",
        r("Grew"),
        refer("footnote", 5),
        r(" a lot."),
        refer("endnote", 2),
        refer("comment", 0),
        p("Next.")
    );
    let separator =
        "<w:footnote w:type='separator' w:id='-1'><w:p><w:r><w:separator/></w:r></w:p></w:footnote>";
    let word = Word::of(&body)
        .part("footnotes", &(separator.to_owned() + &note("footnote", 5, "By 5%.")))
        .part("endnotes", &note("endnote", 2, "See there."))
        .part("comments", &note("comment", 0, "Sure?"));
    let read = reading(word.zip().bytes());
    assert_eq!(read.text, "Grew[1] a lot.[i]\n[1] By 5%.\n[i] See there.\n[comment by Ada: Sure?]\n\nNext.");
}

#[test]
fn equations_are_lines() {
    let arg = |name: &str, text: &str| format!("<m:{name}>{}</m:{name}>", m(text));
    fn m(text: &str) -> String {
        format!("<m:r><m:t>{text}</m:t></m:r>")
    }
    for (equation, line) in [
        (format!("<m:f>{}{}</m:f>", arg("num", "a+b"), arg("den", "2")), "(a+b)/2"),
        (format!("<m:sSup>{}{}</m:sSup>", arg("e", "x"), arg("sup", "2")), "x^2"),
        (format!("<m:sSub>{}{}</m:sSub>", arg("e", "x"), arg("sub", "i+1")), "x_(i+1)"),
        (format!("<m:rad><m:deg/>{}</m:rad>", arg("e", "b")), "√(b)"),
        (
            format!(
                "<m:nary><m:naryPr><m:chr m:val='∑'/></m:naryPr>{}{}{}</m:nary>",
                arg("sub", "i=1"),
                arg("sup", "n"),
                arg("e", "i")
            ),
            "∑_(i=1)^n i",
        ),
        (
            format!("<m:d><m:dPr><m:begChr m:val='['/><m:endChr m:val=']'/></m:dPr>{}</m:d>", arg("e", "x")),
            "[x]",
        ),
        (format!("<m:func>{}{}</m:func>", arg("fName", "sin"), arg("e", "x")), "sin x"),
        (
            format!(
                "<m:m><m:mr>{}{}</m:mr><m:mr>{}{}</m:mr></m:m>",
                arg("e", "1"),
                arg("e", "0"),
                arg("e", "0"),
                arg("e", "1")
            ),
            "[1, 0; 0, 1]",
        ),
        (format!("{}<m:f>{}{}</m:f>", m("2"), arg("num", "1"), arg("den", "2")), "2 1/2"),
        (
            format!(
                "<m:f><m:fPr><m:type m:val='noBar'/></m:fPr>{}{}</m:f>",
                arg("num", "5"),
                arg("den", "2")
            ),
            "[5; 2]",
        ),
        (format!("{}</m:oMath><m:oMath>{}", m("a=b"), m("c=d")), "a=b c=d"),
        (format!("<m:sSup>{}{}</m:sSup>{}", arg("e", "10"), arg("sup", "6"), m("m")), "10^6 m"),
    ] {
        let body = format!("<w:p>{}<m:oMath>{equation}</m:oMath></w:p>", r("y="));
        assert_eq!(text(&body), format!("y={line}"));
    }
}

#[test]
fn charts_and_diagrams_are_read() {
    let body = "<w:p><w:r><w:t>Sales</w:t></w:r><w:r><w:drawing><a:graphic><a:graphicData><c:chart r:id='r0'/></a:graphicData>\
        </a:graphic></w:drawing></w:r><w:r><w:drawing><dgm:relIds r:dm='r1'/></w:drawing></w:r></w:p>";
    let point = |value: &str| format!("<c:pt idx='0'><c:v>{value}</c:v></c:pt>");
    let chart = format!(
        "<c:ser><c:tx><c:v>East</c:v></c:tx><c:cat>{}</c:cat><c:val>{}</c:val></c:ser>",
        point("Q1"),
        point("5")
    );
    let diagram = "<dgm:pt><dgm:t><a:p><a:r><a:t>Plan</a:t></a:r></a:p></dgm:t></dgm:pt>";
    let word = Word::of(body).part("chart", &chart).part("diagramData", diagram);
    assert_eq!(reading(word.zip().bytes()).text, "Sales\n\nChart\n | East\nQ1 | 5\n\nPlan");
}
