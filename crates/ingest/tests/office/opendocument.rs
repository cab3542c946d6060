//! OpenDocument: texts, spreadsheets and presentations.

use minions_documents::Place;
use minions_ingest::Kind;

use crate::zip::Zip;
use crate::{place_of, reading, tried};

/// A file of this sort, such as `text`, with styles and a body.
pub(crate) fn file(sort: &str, styles: &str, body: &str) -> Zip {
    let mut zip = Zip::default();
    zip.stored("mimetype", format!("application/vnd.oasis.opendocument.{sort}").as_bytes()).file(
        "content.xml",
        format!(
            "<office:document-content><office:automatic-styles>{styles}</office:automatic-styles>\
             <office:body><office:{sort}>{body}</office:{sort}></office:body></office:document-content>"
        )
        .as_bytes(),
    );
    zip
}

pub(crate) fn text(styles: &str, body: &str) -> String {
    reading(file("text", styles, body).bytes()).text
}

#[test]
fn texts_are_read_as_they_are_seen() {
    for (body, seen) in [
        ("<text:p>a  b\n c<text:s text:c='2'/>d</text:p>", "a b c  d"),
        ("<text:p>a<text:tab/>b<text:line-break/>c <text:span>d</text:span></text:p>", "a\tb\nc d"),
        ("<text:p>x<text:span text:style-name='T1'>secret</text:span></text:p>", "x"),
        ("<text:section text:display='none'><text:p>no</text:p></text:section><text:p>x</text:p>", "x"),
        (
            "<text:p>Grew<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>By 5%.</text:p>\
             </text:note-body></text:note>.<office:annotation><dc:creator>Ada</dc:creator><text:p>Sure?</text:p>\
             </office:annotation></text:p>",
            "Grew[1].\n[1] By 5%.\n[comment by Ada: Sure?]",
        ),
        (
            "<text:p>Anchor<draw:frame><draw:text-box><text:p>Boxed</text:p></draw:text-box></draw:frame></text:p>",
            "Anchor\n\nBoxed",
        ),
        (
            "<text:tracked-changes><text:changed-region><text:deletion><text:p>old</text:p></text:deletion>\
             </text:changed-region></text:tracked-changes><text:p>new</text:p>",
            "new",
        ),
        (
            "<text:p text:style-name='P1'>one</text:p><text:p>two</text:p><text:p text:style-name='P2'>three</text:p>",
            "one\n\u{c}two\n\u{c}three",
        ),
        (
            "<table:table><table:table-column/><table:table-row><table:table-cell table:number-rows-spanned='2'><text:p>Europe\
             </text:p></table:table-cell><table:table-cell><text:p>5</text:p></table:table-cell></table:table-row>\
             <table:table-row><table:covered-table-cell/><table:table-cell><text:p>6</text:p></table:table-cell>\
             </table:table-row></table:table>",
            "Europe | 5\nEurope | 6",
        ),
    ] {
        let styles = "<style:style style:name='T1' style:family='text'><style:text-properties text:display='none'/></style:style>\
            <style:style style:name='P1' style:family='paragraph'><style:paragraph-properties fo:break-after='page'/>\
            </style:style><style:style style:name='P2' style:family='paragraph' style:parent-style-name='P3'/>\
            <style:style style:name='P3' style:family='paragraph'><style:paragraph-properties fo:break-before='page'/>\
            </style:style>";
        assert_eq!(text(styles, body), seen, "{body}");
    }
}

#[test]
fn pages_begin_where_the_program_noted_them() {
    let body = "<text:p>One</text:p><text:soft-page-break/><text:p>Two <text:soft-page-break/>goes <text:soft-page-break/>on\
        </text:p><text:p>Four</text:p>";
    let read = reading(file("text", "", body).bytes());
    assert_eq!(read.text, "One\n\u{c}Two goes on\n\u{c}Four");
    for (quote, page) in [("One", 1), ("Two", 2), ("goes", 3), ("on\n", 4), ("Four", 4)] {
        assert_eq!(place_of(&read, quote), Some(Place::Page(page)), "{quote}");
    }
}

#[test]
fn raised_and_lowered_text_stays_so() {
    let style = |name: &str, position: &str| {
        format!(
            "<style:style style:name='{name}' style:family='text'><style:text-properties \
             style:text-position='{position}'/></style:style>"
        )
    };
    let styles = style("Up", "super 58%") + &style("Down", "-33% 58%") + &style("Line", "0% 100%");
    let span = |name: &str, text: &str| format!("<text:span text:style-name='{name}'>{text}</text:span>");
    for (line, seen) in [
        (format!("10{}", span("Up", "6")), "10⁶"),
        (format!("10{}{} m", span("Up", "-"), span("Up", "3")), "10⁻³ m"),
        (format!("CO{}", span("Down", "2")), "CO₂"),
        (format!("4{}", span("Up", "th")), "4th"),
        (format!("10{}", span("Up", &span("Line", "6"))), "106"),
    ] {
        assert_eq!(text(&styles, &format!("<text:p>{line}</text:p>")), seen);
        let sheet = format!(
            "<table:table table:name='A'><table:table-row><table:table-cell><text:p>{line}</text:p></table:table-cell>\
             </table:table-row></table:table>"
        );
        assert_eq!(reading(file("spreadsheet", &styles, &sheet).bytes()).text, format!("Sheet: A\n{seen}"));
    }
}

#[test]
fn tables_in_headers_and_notes_are_read() {
    let cell = |text: &str| format!("<table:table-cell><text:p>{text}</text:p></table:table-cell>");
    let table = format!(
        "<table:table><table:table-row>{}{}</table:table-row></table:table>",
        cell("ACME"),
        cell("Secret")
    );
    let body = format!(
        "<text:p>Grew<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>So:</text:p>{table}\
         </text:note-body></text:note><office:annotation><text:p>a<text:s/>b</text:p></office:annotation></text:p>"
    );
    let mut zip = file("text", "", &body);
    let styles = format!(
        "<office:document-styles><office:master-styles><style:master-page><style:header>{table}</style:header>\
         </style:master-page></office:master-styles></office:document-styles>"
    );
    zip.file("styles.xml", styles.as_bytes());
    assert_eq!(
        reading(zip.bytes()).text,
        "Header: ACME | Secret\n\nGrew[1]\n[1] So:\n  ACME | Secret\n[comment: a b]"
    );
    let hidden = styles.replace("ACME", "<text:span text:style-name='T'>ACME</text:span>").replace(
        "<office:master-styles>",
        "<office:styles><style:style style:name='T' style:family='text'><style:text-properties text:display='none'/>\
         </style:style></office:styles><office:master-styles>",
    );
    let mut zip = file("text", "", &body);
    zip.file("styles.xml", hidden.as_bytes());
    let read = reading(zip.bytes());
    assert!(read.text.starts_with("Header: | Secret"), "{}", read.text);
    assert_eq!(read.notes, ["It has hidden text, which is left out."]);
}

#[test]
fn lists_and_headings_have_their_numbers() {
    let styles = "<text:list-style style:name='L1'>\
        <text:list-level-style-number text:level='1' style:num-format='1' style:num-suffix='.'/>\
        <text:list-level-style-number text:level='2' style:num-format='a' style:num-suffix=')' text:display-levels='2'/>\
        </text:list-style><text:list-style style:name='L2'><text:list-level-style-bullet text:level='1' text:bullet-char='•'/>\
        </text:list-style>";
    let item =
        |text: &str, inner: &str| format!("<text:list-item><text:p>{text}</text:p>{inner}</text:list-item>");
    let list = |head: &str, items: &str| format!("<text:list {head}>{items}</text:list>");
    let inner = list("", &(item("one a", "") + &item("one b", "")));
    let body = [
        "<text:h text:outline-level='1'>Risks</text:h>".to_owned(),
        list("text:style-name='L1'", &(item("one", &inner) + &item("two", ""))),
        "<text:p>Between</text:p>".to_owned(),
        list("text:style-name='L1' text:continue-numbering='true'", &item("three", "")),
        list("text:style-name='L2'", &item("dot", "<text:p>more</text:p>")),
    ];
    let mut zip = file("text", styles, &body.concat());
    zip.file(
        "styles.xml",
        b"<office:document-styles><office:styles><text:outline-style><text:outline-level-style text:level='1' \
          style:num-format='I' style:num-suffix='.'/></text:outline-style></office:styles><office:master-styles>\
          <style:master-page><style:header><text:p>ACME <text:page-number>7</text:page-number></text:p></style:header>\
          <style:footer><text:p/></style:footer></style:master-page></office:master-styles></office:document-styles>",
    );
    let read = reading(zip.bytes());
    assert_eq!(read.kind, Kind::OpenDocument);
    assert_eq!(
        read.text,
        "Header: ACME\n\nI. Risks\n\n1. one\n  1.a) one a\n  1.b) one b\n2. two\n\nBetween\n\n3. three\n• dot\n\nmore"
    );
    assert_eq!(place_of(&read, "dot"), Some(Place::Heading("I. Risks".to_owned())));
}

#[test]
fn sheets_are_lines_of_cells() {
    let body = "<table:table table:name='Costs'><table:table-column/><table:table-row>\
        <table:table-cell office:value-type='string'><text:p>Ship</text:p></table:table-cell>\
        <table:table-cell office:value-type='percentage' office:value='0.256'><text:p>25.6%</text:p></table:table-cell>\
        <table:table-cell table:number-columns-repeated='16382'/></table:table-row>\
        <table:table-row table:number-rows-repeated='3'><table:table-cell/></table:table-row>\
        <table:table-row><table:table-cell office:value-type='date' office:date-value='2024-03-01'><text:p>01.03.24</text:p>\
        <office:annotation><text:p>Sure?</text:p></office:annotation></table:table-cell>\
        <table:table-cell office:value-type='date' office:date-value='2024-03-01T14:30:00'><text:p>x</text:p></table:table-cell>\
        <table:table-cell office:value-type='float' office:value='3'/></table:table-row>\
        <table:table-row table:number-rows-repeated='1048571'><table:table-cell table:number-columns-repeated='16384'/>\
        </table:table-row></table:table>\
        <table:table table:name='Secret' table:style-name='ta1'><table:table-row table:number-rows-repeated='1048576'>\
        <table:table-cell table:number-columns-repeated='16384'><text:p>x</text:p></table:table-cell></table:table-row>\
        </table:table>";
    let styles = "<style:style style:name='ta1' style:family='table'><style:table-properties table:display='false'/></style:style>";
    let read = reading(file("spreadsheet", styles, body).bytes());
    let (costs, secret) = read.text.split_once('\u{c}').unwrap();
    assert_eq!(costs, "Sheet: Costs\nShip | 25.6%\n\n2024-03-01 | 2024-03-01 14:30 | 3\n[comment: Sure?]\n");
    assert!(secret.starts_with("Sheet: Secret (hidden)\nx | x | x"));
    assert_eq!(secret.lines().count(), 101);
    assert!(read.notes[0].contains("repeated more than 100 times"), "{:?}", read.notes);
    assert!(read.notes[1].ends_with("hidden sheets, which were read as well: Secret."), "{:?}", read.notes);
    let place = Some(Place::Sheet { name: "Costs".to_owned(), row: Some(5) });
    assert_eq!(place_of(&read, "14:30"), place);
}

#[test]
fn slides_are_read_in_order() {
    let frame = |class: &str, text: &str| {
        format!(
            "<draw:frame presentation:class='{class}'><draw:text-box><text:p>{text}</text:p></draw:text-box></draw:frame>"
        )
    };
    let body = format!(
        "<draw:page>{}{}<draw:g><draw:custom-shape><text:p>Shaped</text:p></draw:custom-shape></draw:g>\
         <presentation:notes>{}</presentation:notes></draw:page><draw:page draw:style-name='dp1'>{}</draw:page>",
        frame("title", "Growth"),
        frame("outline", "More of it"),
        frame("notes", "Say this."),
        frame("page-number", "2"),
    );
    let styles = "<style:style style:name='dp1' style:family='drawing-page'><style:drawing-page-properties \
        presentation:visibility='hidden'/></style:style>";
    let read = reading(file("presentation", styles, &body).bytes());
    assert_eq!(
        read.text,
        "Slide 1: Growth\n\nMore of it\n\nShaped\n\nNotes: Say this.\n\u{c}Slide 2 (hidden)"
    );
    assert_eq!(place_of(&read, "Say this"), Some(Place::Slide(1)));
    assert_eq!(read.notes, ["It has hidden slides, which were read as well: 2."]);
}

#[test]
fn objects_and_locks_are_known() {
    let body = "<text:p>y=<draw:frame><draw:object xlink:href='./Object 1'/></draw:frame></text:p>\
        <text:p><draw:frame><draw:object xlink:href='./Object 2'/></draw:frame></text:p>";
    let mut zip = file("text", "", body);
    zip.file(
        "Object 1/content.xml",
        b"<math><semantics><mi>x</mi><annotation encoding='StarMath 5.0'>{a + b} over c</annotation></semantics></math>",
    )
    .file(
        "Object 2/content.xml",
        b"<office:document-content><office:body><office:chart><chart:chart><chart:title><text:p>Sales</text:p></chart:title>\
          <table:table><table:table-row><table:table-cell><text:p>East</text:p></table:table-cell><table:table-cell><text:p>5\
          </text:p></table:table-cell></table:table-row></table:table></chart:chart></office:chart></office:body>\
          </office:document-content>",
    );
    assert_eq!(reading(zip.bytes()).text, "y={a + b} over c\n\nSales\n\nEast | 5");
    let mut zip = file(
        "text",
        "",
        "<text:p>y=2<draw:frame><draw:object xlink:href='./Object 1'/></draw:frame></text:p>",
    );
    zip.file("Object 1/content.xml", b"<math><mfrac><mn>1</mn><mn>2</mn></mfrac></math>");
    assert_eq!(reading(zip.bytes()).text, "y=2 1/2");
    zip.file(
        "META-INF/manifest.xml",
        b"<manifest:manifest><manifest:file-entry><manifest:encryption-data/></manifest:file-entry></manifest:manifest>",
    );
    let error = tried(zip.bytes()).unwrap_err();
    assert_eq!(error.to_string(), "a is locked with a password");
}

#[test]
fn shapes_of_all_kinds_are_read() {
    let names = ["connector", "line", "circle", "caption", "measure", "polyline", "regular-polygon", "rect"];
    let shapes: String =
        names.iter().map(|name| format!("<draw:{name}><text:p>{name}</text:p></draw:{name}>")).collect();
    let slides = format!("<draw:page>{shapes}</draw:page>");
    assert_eq!(
        reading(file("presentation", "", &slides).bytes()).text,
        format!("Slide 1\n\n{}", names.join("\n\n"))
    );
    let drawing = format!("{slides}<draw:page><draw:g>{shapes}</draw:g></draw:page>");
    let mut zip = Zip::default();
    zip.stored("mimetype", b"application/vnd.oasis.opendocument.graphics").file(
        "content.xml",
        format!(
            "<office:document-content><office:body><office:drawing>{drawing}</office:drawing></office:body>\
                 </office:document-content>"
        )
        .as_bytes(),
    );
    let read = reading(zip.bytes());
    assert_eq!(read.kind, Kind::OpenDocument);
    assert!(read.text.starts_with("Page 1\n\nconnector\n\nline") && read.text.contains("\u{c}Page 2"));
    assert_eq!(place_of(&read, "Page 2"), Some(Place::Page(2)));
    // On a sheet, and in a paragraph.
    let sheet = "<table:table table:name='A'><table:shapes><draw:frame><draw:text-box><text:p>In EUR million</text:p>\
        </draw:text-box></draw:frame></table:shapes><table:table-row><table:table-cell office:value='1'><draw:line>\
        <text:p>See here</text:p></draw:line><text:p>1</text:p></table:table-cell></table:table-row></table:table>";
    assert_eq!(
        reading(file("spreadsheet", "", sheet).bytes()).text,
        "Sheet: A\n1\n\nIn EUR million\n\nSee here"
    );
    assert_eq!(text("", "<text:p>a<draw:circle><text:p>b</text:p></draw:circle>c</text:p>"), "ac\n\nb");
}

#[test]
fn footers_are_said_once() {
    let body = "<presentation:footer-decl presentation:name='f'>Secret</presentation:footer-decl><draw:page/><draw:page>\
        <draw:frame presentation:class='footer'><draw:text-box><text:p>Secret</text:p></draw:text-box></draw:frame>\
        <draw:frame presentation:class='footer'><draw:text-box><text:p>Draft</text:p></draw:text-box></draw:frame>\
        </draw:page>";
    assert_eq!(
        reading(file("presentation", "", body).bytes()).text,
        "Slide 1\n\nFooter: Secret\n\u{c}Slide 2\n\nFooter: Draft"
    );
}
