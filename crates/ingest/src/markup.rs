//! Which texts are pages of HTML, and what they say of their encoding.

/// How much of a text is looked at.
const WITHIN: usize = 4 << 10;

/// What a page begins with, after white space, comments and an XML declaration.
const BEGINNINGS: &[&str] = &["<!doctype html", "<html", "<head", "<body"];

/// Whether the text begins as a page does: with its doctype or one of the tags that only pages have. Markdown with some
/// tags, a part of a page and other XML don't.
pub(crate) fn is_html(bytes: &[u8]) -> bool {
    let head = plain(&bytes[..bytes.len().min(WITHIN)]);
    let mut rest = head.trim_start_matches('\u{feff}').trim_start();
    while let Some(after) = after_one(rest, "<?xml", "?>").or_else(|| after_one(rest, "<!--", "-->")) {
        rest = after.trim_start();
    }
    let tag = |beginning: &&str| {
        let after = rest.get(..beginning.len()).filter(|start| start.eq_ignore_ascii_case(beginning));
        after.is_some()
            && !rest[beginning.len()..].starts_with(|next: char| next.is_alphanumeric() || next == '-')
    };
    BEGINNINGS.iter().any(tag)
}

/// The label of the encoding that the page says it has: in its XML declaration or in a `<meta>`.
pub(crate) fn encoding(bytes: &[u8]) -> Option<&[u8]> {
    let head = &bytes[..bytes.len().min(WITHIN)];
    let of = |attribute: &[u8], end: &[u8]| {
        let head = head.to_ascii_lowercase();
        let start = memchr::memmem::find(&head, attribute)? + attribute.len();
        let length = memchr::memmem::find(&head[start..], end)?;
        let quoted =
            head.get(start..)?.iter().take_while(|byte| byte.is_ascii_whitespace() || b"=\"'".contains(byte));
        let start = start + quoted.count();
        let word = |byte: &&u8| byte.is_ascii_alphanumeric() || b"-_:.".contains(byte);
        let label = head.get(start..)?.iter().take_while(word).count();
        (label > 0 && length > 0).then_some(start..start + label)
    };
    let declared = bytes.starts_with(b"<?xml").then(|| of(b"encoding", b"?>")).flatten();
    declared.or_else(|| of(b"charset", b">")).map(|range| &bytes[range])
}

/// What follows a comment or declaration at the start of `text`.
fn after_one<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let inside = text.strip_prefix(start)?;
    Some(&inside[inside.find(end)? + end.len()..])
}

/// The text without what would not matter here: the zeros of UTF-16, bytes that are no UTF-8.
fn plain(bytes: &[u8]) -> String {
    let bytes: Vec<u8> =
        bytes.iter().copied().filter(|byte| *byte != 0 && *byte != 0xff && *byte != 0xfe).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_names_its_encoding() {
        let cases: &[(&[u8], Option<&[u8]>)] = &[
            (b"<html><meta charset=\"windows-1251\">", Some(b"windows-1251")),
            (b"<META HTTP-EQUIV=content-type content='text/html; CHARSET = KOI8-R'>", Some(b"KOI8-R")),
            (b"<?xml version='1.0' encoding='iso-8859-1'?><html>", Some(b"iso-8859-1")),
            (b"<meta charset=>", None),
            (b"<html>", None),
        ];
        for (bytes, label) in cases {
            assert_eq!(encoding(bytes), *label);
        }
    }

    #[test]
    fn a_page_begins_as_one() {
        let cases: &[(&[u8], bool)] = &[
            (b"<!DOCTYPE html>\n<html>", true),
            (b"<!doctype HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\">", true),
            (b"\xef\xbb\xbf  <HTML lang=de>", true),
            (b"<?xml version='1.0'?>\n<!-- made by x -->\n<html xmlns='http://www.w3.org/1999/xhtml'>", true),
            (b"<!-- a --><!-- b --><body>", true),
            (b"<head>", true),
            (b"\xff\xfe<\0h\0t\0m\0l\0>\0", true),
            (b"<header>", false),
            (b"<html-like>", false),
            (b"<?xml version='1.0'?><rss>", false),
            (b"<svg xmlns='http://www.w3.org/2000/svg'>", false),
            (b"<h1 align=center>A README</h1>\n\n# Install", false),
            (b"# Notes\n\n```html\n<!DOCTYPE html>\n```", false),
            (b"<!-- a comment that never ends", false),
            (b"", false),
        ];
        for (bytes, page) in cases {
            assert_eq!(is_html(bytes), *page, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
