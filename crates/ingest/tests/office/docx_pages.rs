//! Word documents: what stands on their pages besides paragraphs, and where pages begin.

use minions_documents::Place;

use crate::word::{Word, p, p_with, r, table};
use crate::{place_of, reading};

fn text(body: &str) -> String {
    reading(Word::of(body).zip().bytes()).text
}

#[test]
fn text_boxes_and_furniture_are_read_once() {
    let inner = |text: &str| format!("<w:txbxContent>{}</w:txbxContent>", p(text));
    let drawing = format!(
        "<w:p><w:r><mc:AlternateContent><mc:Choice><w:drawing><wps:txbx>{}</wps:txbx></w:drawing></mc:Choice>\
         <mc:Fallback><w:pict><v:textbox>{}</v:textbox></w:pict></mc:Fallback></mc:AlternateContent></w:r>{}</w:p>",
        inner("Boxed"),
        inner("Boxed"),
        r("Anchor")
    );
    let fallback = "<w:p><w:r><mc:AlternateContent><mc:Choice><w:drawing/></mc:Choice><mc:Fallback><w:t>old</w:t>\
                    </mc:Fallback></mc:AlternateContent></w:r></w:p>";
    let page = "<w:p><w:r><w:t>ACME </w:t><w:fldChar w:fldCharType='begin'/><w:instrText> PAGE </w:instrText>\
                <w:fldChar w:fldCharType='separate'/><w:t>7</w:t><w:fldChar w:fldCharType='end'/></w:r></w:p>";
    let word = Word::of(&(drawing + fallback))
        .part("header", page)
        .part("header", page)
        .part("footer", &p("Secret"));
    let read = reading(word.zip().bytes());
    assert_eq!(read.text, "Header: ACME\nFooter: Secret\n\nAnchor\n\nBoxed\n\nold");
}

#[test]
fn tables_in_headers_and_notes_are_read() {
    let layout = table(&[&[("", "ACME"), ("", "Secret")], &[("", "2024"), ("", "Draft")]]);
    let note =
        format!("<w:footnote w:id='5'>{}{}</w:footnote>", p("By 5%."), table(&[&[("", "a"), ("", "b")]]));
    let only = format!("<w:comment w:id='0'>{layout}</w:comment>");
    let body =
        "<w:p><w:r><w:t>Grew</w:t><w:footnoteReference w:id='5'/><w:commentReference w:id='0'/></w:r></w:p>";
    let word = Word::of(body)
        .part("header", &layout)
        .part("footer", &(p("Foot") + &table(&[&[("", "x"), ("", "y")]])))
        .part("footnotes", &note)
        .part("comments", &only);
    assert_eq!(
        reading(word.zip().bytes()).text,
        "Header: ACME | Secret\n  2024 | Draft\nFooter: Foot\n  x | y\n\nGrew[1]\n[1] By 5%.\n  a | b\n\
         [comment: ACME | Secret\n  2024 | Draft]"
    );
}

#[test]
fn pages_end_with_a_form_feed() {
    let page = "<w:br w:type='page'/>";
    let rendered = "<w:lastRenderedPageBreak/>";
    let body = format!(
        "{}<w:p><w:r>{page}</w:r></w:p><w:p><w:r>{rendered}<w:t>Two</w:t></w:r></w:p>\
         <w:p><w:r><w:t>starts </w:t>{rendered}<w:t>ends</w:t></w:r></w:p>{}",
        p("One"),
        p("Three")
    );
    let read = reading(Word::of(&body).zip().bytes());
    assert_eq!(read.text, "One\n\u{c}Two\n\nstarts ends\n\u{c}Three");
    for (quote, page) in [("One", 1), ("Two", 2), ("starts", 2), ("ends", 3), ("Three", 3)] {
        assert_eq!(place_of(&read, quote), Some(Place::Page(page)));
    }
    // Two breaks in a row leave an empty page; a paragraph may go over several; each cell of a row may.
    let cell =
        |text: &str| format!("<w:tc><w:p><w:r><w:t>{text}</w:t>{rendered}<w:t>.</w:t></w:r></w:p></w:tc>");
    let body = format!(
        "{}<w:p><w:r>{page}{rendered}{page}</w:r></w:p><w:p><w:r>{rendered}<w:t>a </w:t>{rendered}<w:t>b </w:t>{rendered}\
         <w:t>c</w:t></w:r></w:p><w:tbl><w:tr>{}{}</w:tr></w:tbl>{}",
        p("One"),
        cell("d"),
        cell("e"),
        p("f")
    );
    let read = reading(Word::of(&body).zip().bytes());
    assert_eq!(read.text, "One\n\u{c}a b c\n\u{c}d. | e.\n\u{c}f");
    for (quote, page) in [("One", 1), ("a b", 3), ("b c", 4), ("c\n", 5), ("d.", 5), ("f", 6)] {
        assert_eq!(place_of(&read, quote), Some(Place::Page(page)), "{quote}");
    }
    let section = p_with("<w:sectPr><w:type w:val='continuous'/></w:sectPr>", "a")
        + &p_with("<w:sectPr/>", "b")
        + &p_with("<w:pageBreakBefore/>", "c");
    assert_eq!(text(&section), "a\n\nb\n\u{c}c");
}

#[test]
fn what_is_left_out_is_said() {
    let picture = |side: u32| {
        format!(
            "<w:r><w:drawing><wp:inline><wp:extent cx='{side}' cy='{side}'/><pic:pic><a:blip r:embed='x'/></pic:pic></wp:inline></w:drawing></w:r>"
        )
    };
    let unknown = "<w:r><w:pict><v:shape><v:imagedata r:id='x'/></v:shape></w:pict></w:r>";
    let art = "<w:r><w:pict><v:shape><v:textpath string='CONFIDENTIAL'/></v:shape></w:pict></w:r>";
    let object =
        "<w:r><w:object><v:imagedata/><o:OLEObject ProgID='Excel.Sheet.12' r:id='x'/></w:object></w:r>";
    let body =
        format!("<w:p>{}{}{}{art}{object}</w:p>", r("a"), picture(3_000_000) + unknown, picture(300_000));
    let read = reading(Word::of(&body).part("header", &format!("<w:p>{art}</w:p>")).zip().bytes());
    assert_eq!(read.text, "Header: CONFIDENTIAL\n\na\n\nCONFIDENTIAL");
    assert!(
        read.notes[0].contains("embeds other files") && read.notes[1].contains("not read: 2 may"),
        "{:?}",
        read.notes
    );
}

#[test]
fn what_is_hidden_in_headers_and_notes_is_said() {
    let hidden = "<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>x</w:t></w:r></w:p>";
    let changed = "<w:footnote w:id='1'><w:p><w:ins><w:r><w:t>y</w:t></w:r></w:ins></w:p></w:footnote>";
    let word = Word::of(&p("a")).part("header", hidden).part("footnotes", changed);
    let notes = reading(word.zip().bytes()).notes;
    assert!(notes[0].contains("tracked changes") && notes[1].contains("hidden text"), "{notes:?}");
}
