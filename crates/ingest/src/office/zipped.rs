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
    (b"application/vnd.oasis.opendocument.graphics", Kind::OpenDocument),
];

/// The part that lists the media types of all others in Microsoft's formats.
const TYPES: &str = "[Content_Types].xml";

/// What the media types of main parts have in them, and how they end.
const MAIN_TYPES: &[(&str, Kind)] = &[
    ("wordprocessingml", Kind::Docx),
    ("ms-word", Kind::Docx),
    ("presentationml", Kind::Pptx),
    ("ms-powerpoint", Kind::Pptx),
    ("spreadsheetml", Kind::Workbook),
    ("ms-excel", Kind::Workbook),
];
const MAIN: &str = "main+xml";

/// The usual folders of these formats, where the types can't be read.
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

/// How much of a list of media types is looked at.
const LONGEST: usize = 4 << 20;

/// The kind of the file that the zip is.
pub(crate) fn kind(archive: &Archive<'_>) -> Result<Kind, Problem> {
    if let Some((_, problem)) = CONVERTIBLE.iter().find(|(part, _)| archive.has(part)) {
        return Err(problem.clone());
    }
    let content = |part: &str| {
        let inflating = archive.entry(part).and_then(|entry| archive.inflate(entry).ok());
        inflating.and_then(|inflating| inflating.whole(LONGEST).ok()).unwrap_or_default()
    };
    let mime_type = content("mimetype");
    if let Some((_, kind)) = MIME_TYPES.iter().find(|(start, _)| mime_type.starts_with(start)) {
        return Ok(*kind);
    }
    if archive.has("META-INF/container.xml") && !archive.has("META-INF/MANIFEST.MF") {
        return Ok(Kind::Epub);
    }
    let types = content(TYPES);
    let types = String::from_utf8_lossy(&types);
    let main = types.split(['"', '\'']).find(|text| text.ends_with(MAIN));
    let listed = main.and_then(|main| MAIN_TYPES.iter().find(|(name, _)| main.contains(name)));
    if let Some((_, kind)) = listed {
        return Ok(*kind);
    }
    let is_package = archive.has(TYPES) || archive.cut;
    let found = FOLDERS.iter().find(|(folder, _)| is_package && archive.has_folder(folder));
    Ok(found.map_or(Kind::Archive, |(_, kind)| *kind))
}
