//! The kinds of files, known by their first bytes.

use crate::encoding::Wide;
use crate::headers::is_mail;
use crate::markup;

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A PDF.
    Pdf,
    /// A plain text of any sort: prose, Markdown, code, CSV, JSON.
    Text,
    /// A text with the marks of Markdown.
    Markdown,
    /// A page of HTML or XHTML.
    Html,
    /// A mail, `.eml`, or a mailbox with several.
    Mail,
    /// A text in the Rich Text Format.
    Rtf,
    /// A zip, before anybody looked into it: one of the next six.
    Zip,
    /// A Word document, `.docx`.
    Docx,
    /// A PowerPoint presentation, `.pptx`.
    Pptx,
    /// An Excel workbook, `.xlsx`.
    Workbook,
    /// A text, a spreadsheet or slides as OpenDocument: `.odt`, `.ods`, `.odp`.
    OpenDocument,
    /// A book as EPUB.
    Epub,
    /// A zip of files of any kind.
    Archive,
    /// A compound file: an office file of before 2007, or one with a password.
    Compound,
    /// A picture.
    Picture,
    /// Bytes that are no text and of no kind that is known.
    Unknown,
}

/// How far into a file the mark of a PDF may stand. Readers of PDF accept other bytes before it.
const PDF_MARK_WITHIN: usize = 1024;
/// How far before its end a PDF says where its table of objects begins.
const PDF_END_WITHIN: usize = 2048;

/// How much of a file is looked at to know whether it is a text.
const TEXT_WITHIN: usize = 8 << 10;

/// The kinds and their names for people.
const NAMES: &[(Kind, &str)] = &[
    (Kind::Pdf, "PDF"),
    (Kind::Text, "plain text"),
    (Kind::Markdown, "text in Markdown"),
    (Kind::Html, "page of HTML"),
    (Kind::Mail, "mail"),
    (Kind::Rtf, "text in RTF"),
    (Kind::Zip, "zip archive or office file"),
    (Kind::Docx, "Word document"),
    (Kind::Pptx, "PowerPoint presentation"),
    (Kind::Workbook, "Excel workbook"),
    (Kind::OpenDocument, "OpenDocument file"),
    (Kind::Epub, "book as EPUB"),
    (Kind::Archive, "zip archive"),
    (Kind::Compound, "office file of before 2007, or one with a password"),
    (Kind::Picture, "picture"),
    (Kind::Unknown, "file that is no text"),
];

/// What files begin with.
const MARKS: &[(&[u8], Kind)] = &[
    (b"PK\x03\x04", Kind::Zip),
    (b"PK\x05\x06", Kind::Zip),
    (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", Kind::Compound),
    (b"\x89PNG\r\n\x1a\n", Kind::Picture),
    (b"\xFF\xD8\xFF", Kind::Picture),
    (b"GIF8", Kind::Picture),
    (b"{\\rtf", Kind::Rtf),
    (b"II*\0", Kind::Picture),
    (b"MM\0*", Kind::Picture),
    (b"II+\0", Kind::Picture),
    (b"MM\0+", Kind::Picture),
    (b"\0\0\0\x0cjP  \r\n\x87\n", Kind::Picture),
    (b"\xFF\x4F\xFF\x51", Kind::Picture),
];

/// Ends of names of programs and of templates. These may begin as a page does, and a reader of pages would leave out
/// their code.
const CODE: &str = "php php3 php4 php5 php7 phtml inc jsp jspx jspf tag asp aspx ascx asax ashx master cshtml vbhtml razor erb \
    rhtml eex heex leex ejs hbs handlebars mustache njk nunjucks j2 jinja jinja2 twig liquid tpl tmpl gotmpl \
    gohtml latte ftl ftlh vm vtl vue svelte astro marko riot mako mak cfm cfml cfc gsp mdx jsx tsx js mjs cjs \
    ts py rb pl pm go rs java kt scala cs vb c h cc cpp hpp swift lua sh sql css scss less hs ml ex exs clj \
    lisp el r dart xsl xslt";

impl Kind {
    /// The kind of a file with this content.
    pub fn of(bytes: &[u8]) -> Self {
        if let Some((_, kind)) = MARKS.iter().find(|(mark, _)| bytes.starts_with(mark)) {
            return *kind;
        }
        if is_picture(bytes) {
            return Self::Picture;
        }
        if is_pdf(bytes) {
            return Self::Pdf;
        }
        match is_text(bytes) {
            true if markup::is_html(bytes) => Self::Html,
            true if is_mail(bytes) => Self::Mail,
            true => Self::Text,
            false => Self::Unknown,
        }
    }

    /// The kind of a file with this content and name. The content decides; of two sorts of text the name may.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        let end = name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
        match (self, end.as_deref()) {
            (Self::Text, Some("md" | "markdown" | "mdown" | "mkd")) => Self::Markdown,
            (Self::Text, Some("html" | "htm" | "xhtml" | "shtml")) => Self::Html,
            (Self::Html | Self::Mail, Some(end)) if CODE.split(' ').any(|code| code == end) => Self::Text,
            _ => self,
        }
    }

    /// What messages call it.
    pub fn name(self) -> &'static str {
        let row = NAMES.iter().find(|(kind, _)| *kind == self);
        row.expect("each kind has a name").1
    }
}

/// Whether the bytes are a picture of a kind that its first bytes alone do not tell.
fn is_picture(bytes: &[u8]) -> bool {
    let at = |range: std::ops::Range<usize>| bytes.get(range).unwrap_or_default();
    // HEIC and AVIF, as phones write them.
    let brands: [&[u8]; 6] = [b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis"];
    let is_of_phone = at(4..8) == b"ftyp" && brands.contains(&at(8..12));
    // Of a bitmap, zeros and the size of its second head.
    let is_bitmap = at(0..2) == b"BM" && at(6..10) == [0; 4] && at(15..18) == [0; 3] && at(14..15) != [0];
    at(0..4) == b"RIFF" && at(8..12) == b"WEBP" || is_of_phone || is_bitmap
}

/// Whether the bytes are a PDF: it begins with its mark, or ends like one. A text may speak of the mark, and in a PDF
/// that looks like a text the mark and the version are all of their line.
fn is_pdf(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(PDF_MARK_WITHIN)];
    let tail = &bytes[bytes.len().saturating_sub(PDF_END_WITHIN)..];
    let Some(at) = memchr::memmem::find(head, b"%PDF-") else { return false };
    let ends = || memchr::memmem::find(tail, b"startxref").is_some();
    !is_text(bytes) || is_alone(&bytes[..at], &bytes[at + 5..]) && (at == 0 || ends())
}

/// Whether the mark of a PDF stands first on a line, and nothing but a version and a comment behind it.
fn is_alone(before: &[u8], behind: &[u8]) -> bool {
    let end = memchr::memchr2(b'\r', b'\n', behind).unwrap_or(behind.len());
    let version = behind[..end].iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let rest = behind[version..end].trim_ascii_start();
    let line = before.rsplit(|byte| b"\r\n".contains(byte)).next().unwrap_or_default();
    line.trim_ascii().is_empty() && (rest.is_empty() || rest.starts_with(b"%"))
}

/// Whether the bytes are a text: in UTF-16 or UTF-32, or in any encoding of bytes without control characters but a few
/// zeros, in ASCII some more: names that programs divide with them. UTF-8 without zeros may have others of them: fields
/// of FIX, letters that are struck over, the end of a DOS file.
fn is_text(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(TEXT_WITHIN)];
    let control = |byte: &&u8| **byte < b' ' && !matches!(byte, b'\0' | b'\t'..=b'\r' | 0x1b);
    let zeros = head.iter().filter(|byte| **byte == 0).count();
    let controls = head.iter().filter(control).count();
    controls == 0 && zeros * if head.is_ascii() { 3 } else { 10 } <= head.len()
        || zeros == 0 && controls * 5 <= head.len() && is_utf8(head, bytes.len() > head.len())
        || Wide::of(bytes).is_some()
}

/// Whether the bytes are UTF-8, or the beginning of it that was cut.
fn is_utf8(bytes: &[u8], is_cut: bool) -> bool {
    std::str::from_utf8(bytes).map_or_else(|error| is_cut && error.error_len().is_none(), |_| true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_known_by_its_content() {
        let late_pdf = [&vec![b' '; 364][..], b"%PDF-1.4\n...\nstartxref\n9\n%%EOF"].concat();
        let late_cut_pdf = [&vec![b' '; 364][..], b"%PDF-1.4\n\0\x01\xff"].concat();
        let too_late_pdf = [&vec![b' '; 1024][..], b"%PDF-1.4\n"].concat();
        let cases: &[(&[u8], Kind)] = &[
            (b"%PDF-1.7\n", Kind::Pdf),
            (&late_pdf, Kind::Pdf),
            (&late_cut_pdf, Kind::Pdf),
            (b"const MARK: &[u8] = b\"%PDF-1.4\";", Kind::Text),
            (&too_late_pdf, Kind::Text),
            (b"%PDF-1.4 is how a PDF begins; startxref is near its end.\n", Kind::Text),
            (b"Notes on PDF:\nthe mark is %PDF-1.4\nat the end is startxref\n", Kind::Text),
            (b"%PDF-1.4 % a comment\r1 0 obj", Kind::Pdf),
            (b"%PDF-1.4 \xe2\xe3 \0\x01\x02", Kind::Pdf),
            (b"PK\x03\x04...", Kind::Zip),
            (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", Kind::Compound),
            (b"\x89PNG\r\n\x1a\n", Kind::Picture),
            (b"RIFF\0\0\0\0WEBPVP8 ", Kind::Picture),
            (b"\0\0\0\x18ftypheic\0\0\0\0", Kind::Picture),
            (b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", Kind::Picture),
            (b"BMW sells cars, and more of them.", Kind::Text),
            (b"", Kind::Text),
            (b"<!DOCTYPE html><title>x</title>", Kind::Html),
            ("Gr\u{fc}\u{df}e".as_bytes(), Kind::Text),
            (b"\xff\xfea\0", Kind::Text),
            (b"a\0b\0", Kind::Text),
            (b"\0\0\0a", Kind::Text),
            (b"a log\0with a zero", Kind::Text),
            (b"zeros\0\0\0", Kind::Unknown),
            (b"8=FIX.4.2\x019=145\x0135=D\x01", Kind::Text),
            (b"N\x08NA\x08AM\x08ME\x08E of a page of a manual", Kind::Text),
            (b"A text of DOS\r\n\x1a", Kind::Text),
            (b"\x01\x02\x03\x04abcdef", Kind::Unknown),
            (b"\x1f\x8b\x08\x20packed", Kind::Unknown),
            (b"a\0b\0\x01\x02", Kind::Unknown),
        ];
        for (bytes, kind) in cases {
            assert_eq!(Kind::of(bytes), *kind, "{:?}", String::from_utf8_lossy(bytes));
        }
        let cases = [
            (Kind::Text, "a.MD", Kind::Markdown),
            (Kind::Text, "a.htm", Kind::Html),
            (Kind::Text, "md", Kind::Text),
            (Kind::Html, "a.md", Kind::Html),
            (Kind::Html, "a.php", Kind::Text),
            (Kind::Html, "views/list.html.ERB", Kind::Text),
            (Kind::Html, "page.jsp", Kind::Text),
            (Kind::Html, "App.vue", Kind::Text),
            (Kind::Mail, "headers.py", Kind::Text),
            (Kind::Html, "php", Kind::Html),
            (Kind::Pdf, "a.md", Kind::Pdf),
        ];
        for (kind, name, named) in cases {
            assert_eq!(kind.named(name), named);
        }
        for (kind, name) in NAMES {
            assert_eq!(kind.name(), *name);
        }
    }
}
