//! Which kind of file is read by what.

use crate::archive::Archive;
use crate::office::{docx, opendocument, slides, workbook};
use crate::reading::{Limits, Problem, Reading};
use crate::{Kind, epub, html, mail, markdown, pdf, picture, rtf, text};

/// What reads one kind of file.
pub(crate) enum Reader {
    /// From its bytes.
    Bytes(fn(Vec<u8>, &Limits) -> Result<Reading, Problem>),
    /// From the parts of the zip that it is.
    Parts(fn(&Archive<'_>, &Limits) -> Result<Reading, Problem>),
}

/// The kinds that can be read.
const READERS: &[(Kind, Reader)] = &[
    (Kind::Pdf, Reader::Bytes(pdf::read)),
    (Kind::Text, Reader::Bytes(text::read)),
    (Kind::Html, Reader::Bytes(html::read)),
    (Kind::Markdown, Reader::Bytes(markdown::read)),
    (Kind::Mail, Reader::Bytes(mail::read)),
    (Kind::Rtf, Reader::Bytes(rtf::read)),
    (Kind::Picture, Reader::Bytes(picture::read)),
    (Kind::Docx, Reader::Parts(docx::read)),
    (Kind::Pptx, Reader::Parts(slides::read)),
    (Kind::OpenDocument, Reader::Parts(opendocument::read)),
    (Kind::Epub, Reader::Parts(epub::read)),
    (Kind::Workbook, Reader::Parts(workbook::read)),
];

/// The reader of a kind, if there is one.
pub(crate) fn reader(kind: Kind) -> Option<&'static Reader> {
    READERS.iter().find(|(read, _)| *read == kind).map(|(_, reader)| reader)
}
