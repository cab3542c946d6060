//! Files that are no JSON, known by their first bytes.

use crate::job::error::{JobError, Subject};

/// Files that are handed in by mistake, by their first bytes.
const FILES: [(&[u8], &str, &str); 6] = [
    (
        b"%PDF",
        "a PDF file",
        "ask about it, `minions ask \"Who signed?\" report.pdf`, or name it in `{params}context_files` of a {it}",
    ),
    (
        b"PK\x03\x04",
        "a zip, Word or Excel file",
        "ask about it, `minions ask \"Who signed?\" report.docx`, or name it in `{params}context_files` of a {it}",
    ),
    (b"\x1f\x8b", "a gzip file", "unpack it first: `gunzip -c {it}s.gz {to}`"),
    (b"\x28\xb5\x2f\xfd", "a zstd file", "unpack it first: `zstd -dc {it}s.zst {to}`"),
    (b"\xff\xfe", "UTF-16 text, as PowerShell's > writes it", UTF8),
    (b"\xfe\xff", "UTF-16 text", UTF8),
];

const UTF8: &str = "save the {it} as UTF-8: `iconv -f UTF-16 -t UTF-8 {it}.json {to}`";

/// The kind of file that begins with `bytes`, if it is one that is no job.
pub fn foreign_file(of: Subject, bytes: &[u8]) -> Option<JobError> {
    let foreign =
        |what: &str, hint: &str| JobError::Foreign { of, what: what.to_owned(), hint: of.hint(hint) };
    if let Some((_, what, hint)) = FILES.iter().find(|(magic, ..)| bytes.starts_with(magic)) {
        return Some(foreign(what, hint));
    }
    // Without a mark: every second byte of ASCII is 0.
    if matches!(bytes, [first, second, ..] if (*first == 0) != (*second == 0)) {
        return Some(foreign("UTF-16 text", UTF8));
    }
    let is_program = bytes.starts_with(b"\x7fELF") || bytes.starts_with(b"MZ");
    is_program.then(|| foreign("a program", of.example()))
}
