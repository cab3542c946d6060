//! What kind of file a zip is, by what is in it.

use crate::Kind;
use crate::archive::Archive;
use crate::reading::Problem;

/// What the entry `mimetype` says, from its beginning on.
const MIME_TYPES: &[(&[u8], Kind)] = &[
    (b"application/epub+zip", Kind::Epub),
    (b"application/vnd.oasis.opendocument.text", Kind::OpenDocument),
    (b"application/vnd.oasis.opendocument.spreadsheet", Kind::OpenDocument),
    (b"application/vnd.oasis.opendocument.presentation", Kind::OpenDocument),
];

/// The folders of Microsoft's formats.
const FOLDERS: &[(&str, Kind)] = &[("word/", Kind::Docx), ("ppt/", Kind::Pptx), ("xl/", Kind::Workbook)];

/// Entries of formats that other programs convert.
const CONVERTIBLE: &[(&str, Problem)] = &[
    (
        "xl/workbook.bin",
        Problem::Convertible {
            what: "binary workbook of Excel",
            remedy: "Save it as .xlsx, for instance with `soffice --headless --convert-to xlsx FILE`.",
        },
    ),
    (
        "Index/Document.iwa",
        Problem::Convertible {
            what: "file of Pages, Numbers or Keynote",
            remedy: "Export it as Word, Excel, PowerPoint or PDF there.",
        },
    ),
    (
        "visio/document.xml",
        Problem::Convertible { what: "drawing of Visio", remedy: "Export it as PDF there." },
    ),
];

/// The longest media type that is known.
const LONGEST: usize = 256;

/// The kind of the file that the zip is.
pub(crate) fn kind(archive: &Archive<'_>) -> Result<Kind, Problem> {
    if let Some((_, problem)) = CONVERTIBLE.iter().find(|(part, _)| archive.has(part)) {
        return Err(problem.clone());
    }
    let mime_type = archive
        .entry("mimetype")
        .and_then(|entry| archive.inflate(entry).ok())
        .and_then(|inflating| inflating.whole(LONGEST).ok())
        .unwrap_or_default();
    if let Some((_, kind)) = MIME_TYPES.iter().find(|(start, _)| mime_type.starts_with(start)) {
        return Ok(*kind);
    }
    if archive.has("META-INF/container.xml") && !archive.has("META-INF/MANIFEST.MF") {
        return Ok(Kind::Epub);
    }
    let is_package = archive.has("[Content_Types].xml") || archive.cut;
    let found = FOLDERS.iter().find(|(folder, _)| is_package && archive.has_folder(folder));
    Ok(found.map_or(Kind::Archive, |(_, kind)| *kind))
}
