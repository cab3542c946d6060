//! Books as EPUB: their pages in order, with their chapters.

use minions_documents::Place;
use minions_ingest::Kind;

use crate::zip::Zip;
use crate::{place_of, reading, tried};

fn page(body: &str) -> String {
    format!("<?xml version='1.0'?><html xmlns='x'><head><title>t</title></head><body>{body}</body></html>")
}

/// A book of two pages, with more parts.
pub(crate) fn book(contents: &[(&str, &str)]) -> Zip {
    let mut zip = Zip::default();
    zip.stored("mimetype", b"application/epub+zip").file(
        "META-INF/container.xml",
        b"<container><rootfiles><rootfile full-path='OEBPS/book.opf'/></rootfiles></container>",
    );
    zip.file(
        "OEBPS/book.opf",
        b"<package><metadata><dc:title>The Sea</dc:title><dc:creator>Ada</dc:creator></metadata><manifest>\
          <item id='nav' href='nav.xhtml' properties='nav'/><item id='ncx' href='toc.ncx' media-type='application/x-dtbncx+xml'/>\
          <item id='b' href='text/b%20b.xhtml'/><item id='a' href='text/a.xhtml'/></manifest>\
          <spine toc='ncx'><itemref idref='a'/><itemref idref='b' linear='no'/></spine></package>",
    )
    .file("OEBPS/text/a.xhtml", page("<h1>Dawn</h1><p>It was dark.</p><h2>Noon</h2><p>It was hot.</p>").as_bytes())
    .file("OEBPS/text/b b.xhtml", page("<p>It was night.</p>").as_bytes());
    for (name, content) in contents {
        zip.file(name, content.as_bytes());
    }
    zip
}

pub(crate) const NAVIGATION: &str = "<html><body><nav epub:type='landmarks'><ol><li><a href='text/a.xhtml'>Begin</a></li></ol></nav>\
    <nav epub:type='toc'><ol><li><a href='text/a.xhtml'>Chapter 1</a><ol><li><a href='text/a.xhtml#n'>Noon</a></li></ol>\
    </li><li><a href='text/b%20b.xhtml'>Chapter 2</a></li></ol></nav></body></html>";

const NCX: &str = "<ncx><navMap><navPoint><navLabel><text>Chapter 1</text></navLabel><content src='text/a.xhtml'/>\
    <navPoint><navLabel><text>Noon</text></navLabel><content src='text/a.xhtml#n'/></navPoint></navPoint>\
    <navPoint><navLabel><text>Chapter 2</text></navLabel><content src='text/b%20b.xhtml'/></navPoint></navMap>\
    <pageList><pageTarget><navLabel><text>7</text></navLabel><content src='text/b%20b.xhtml'/></pageTarget></pageList></ncx>";

#[test]
fn pages_come_in_the_order_of_the_spine() {
    let chapter = |title: &str| Some(Place::Chapter(title.to_owned()));
    for contents in [&[("OEBPS/nav.xhtml", NAVIGATION)][..], &[("OEBPS/toc.ncx", NCX)]] {
        let read = reading(book(contents).bytes());
        assert_eq!(read.kind, Kind::Epub);
        let parts: Vec<&str> = read.text.split('\u{c}').collect();
        assert_eq!(parts[0], "The Sea by Ada\n");
        assert!(parts[1].starts_with("Dawn") && parts[2] == "It was night.", "{parts:?}");
        for (quote, place) in [
            ("The Sea", None),
            ("Dawn", chapter("Chapter 1")),
            ("It was dark", chapter("Chapter 1")),
            ("It was hot", chapter("Noon")),
            ("It was night", chapter("Chapter 2")),
        ] {
            assert_eq!(place_of(&read, quote), place, "{quote}");
        }
        assert_eq!(read.notes, [""; 0]);
    }
    let without = reading(book(&[]).bytes());
    assert_eq!(place_of(&without, "It was hot"), chapter("Noon"));
}

#[test]
fn chapters_begin_at_the_elements_that_the_contents_name() {
    let contents = "<html><body><nav epub:type='toc'><ol><li><a href='text/a.xhtml#c%31'>One</a></li>\
        <li><a href='text/a.xhtml#c2'>Two</a></li><li><a href='text/a.xhtml#c3'>Three</a></li>\
        <li><a href='text/a.xhtml#none'>Lost</a></li></ol></nav></body></html>";
    let body = "<p>Before</p><h2 id='c1'>I. Loomings</h2><p>It was dark.</p><p><a name='c2'/>It was hot.</p><table><tr>\
        <td>a</td><td>b</td></tr><tr id='c3'><td>c</td><td>d</td></tr></table>";
    let zip = book(&[("OEBPS/nav.xhtml", contents)]).with("OEBPS/text/a.xhtml", page(body).as_bytes());
    let read = reading(zip.bytes());
    let chapter = |title: &str| Some(Place::Chapter(title.to_owned()));
    for (quote, place) in [
        ("Before", None),
        ("I. Loomings", chapter("One")),
        ("It was dark", chapter("One")),
        ("It was hot", chapter("Two")),
        ("a | b", chapter("Two")),
        ("c | d", chapter("Three")),
        ("It was night", chapter("Three")),
    ] {
        assert_eq!(place_of(&read, quote), place, "{quote}");
    }
}

#[test]
fn a_page_that_is_not_listed_is_missing() {
    let zip = book(&[]);
    let package = "<package><manifest><item id='a' href='text/a.xhtml'/></manifest><spine><itemref idref='x'/>\
        <itemref idref='a'/></spine></package>";
    let read = reading(zip.with("OEBPS/book.opf", package.as_bytes()).bytes());
    assert!(read.text.starts_with("Dawn") && read.notes[0].contains("damaged"), "{:?}", read.notes);
}

#[test]
fn protected_books_say_so() {
    let locked = |algorithm: &str, part: &str| {
        format!(
            "<encryption><enc:EncryptedData><enc:EncryptionMethod Algorithm='{algorithm}'/><ds:KeyInfo/><enc:CipherData>\
             <enc:CipherReference URI='{part}'/></enc:CipherData></enc:EncryptedData></encryption>"
        )
    };
    let with = |encryption: &str| tried(book(&[("META-INF/encryption.xml", encryption)]).bytes());
    let error =
        with(&locked("http://www.w3.org/2001/04/xmlenc#aes128-cbc", "OEBPS/text/b%20b.xhtml")).unwrap_err();
    assert!(error.to_string().starts_with("a is protected by DRM"), "{error}");
    assert!(error.hint().contains("without DRM"));
    assert!(with(&locked("http://www.idpf.org/2008/embedding", "OEBPS/font.otf")).is_ok());
}
