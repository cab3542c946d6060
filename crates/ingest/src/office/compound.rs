//! Compound files: what office programs wrote before 2007, and how they lock files with a password since.

use memchr::memmem;

use crate::reading::Problem;

/// What a stream in a compound file tells of it, and how to convert that. The first one that is there decides.
const STREAMS: &[(&str, &str, &str)] = &[
    (
        "WordDocument",
        "Word document of before 2007",
        "Save it as .docx, for instance with `soffice --headless --convert-to docx FILE`.",
    ),
    (
        "PowerPoint Document",
        "PowerPoint presentation of before 2007",
        "Save it as .pptx, for instance with `soffice --headless --convert-to pptx FILE`.",
    ),
    (
        "Workbook",
        "Excel workbook of before 2007",
        "Save it as .xlsx, for instance with `soffice --headless --convert-to xlsx FILE`.",
    ),
    (
        "Book",
        "Excel workbook of before 1997",
        "Save it as .xlsx, for instance with `soffice --headless --convert-to xlsx FILE`.",
    ),
    ("__substg1.0_", "message of Outlook", "Save it as .eml or as text in a mail program."),
];

/// Why a compound file is not read.
pub(crate) fn problem(bytes: &[u8]) -> Problem {
    if has_stream(bytes, "EncryptedPackage") {
        return Problem::Locked;
    }
    let found = STREAMS.iter().find(|(stream, ..)| has_stream(bytes, stream));
    let (what, remedy) = found.map_or(
        (
            "file of an office program of before 2007",
            "Open it in the program that made it, and save it in a current format or as PDF.",
        ),
        |(_, what, remedy)| (*what, *remedy),
    );
    Problem::Convertible { what, remedy }
}

/// Whether the directory names this stream. Its names are UTF-16.
fn has_stream(bytes: &[u8], name: &str) -> bool {
    let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    memmem::find(bytes, &units).is_some()
}
