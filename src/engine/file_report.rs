//! What there is to say of each file that a job named: in its result, and as warnings.

use serde::{Deserialize, Serialize};

use crate::events::{EventKind, Events};
use crate::files::folder::{LeftOut, Reason};
use crate::reader::Unread;
use crate::words::count;

/// The most notes, and names of files, that warnings tell.
const TOLD: usize = 5;

/// What one file of a job gave, as the result lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// The name of its document.
    pub name: String,
    /// What the supervisor is told in place of the name, where somebody else wrote that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told_as: Option<String>,
    /// What it is, in words, such as `PDF`; `None` if it was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The length of its text in characters.
    pub chars: usize,
    /// What the user should know of it, a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The pages that are pictures of text and were not read, from 1.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scans: Vec<u32>,
    /// Whether the local model has read pictures of text in it: words and figures may be wrong.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ocr: bool,
    /// Why a file of a folder or an archive was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
    /// Whether text may be missing that may have been wanted: the file is damaged or too long, or could not be read.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
}

impl FileReport {
    /// A file of a folder or an archive that could not be read.
    pub(super) fn left_out(name: String, Unread { problem, is_loss, .. }: Unread) -> Self {
        Self {
            name,
            told_as: None,
            kind: None,
            chars: 0,
            notes: Vec::new(),
            scans: Vec::new(),
            ocr: false,
            left_out: Some(problem),
            lost: is_loss,
        }
    }
}

/// What was left out of a folder that a job names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderReport {
    /// Its name.
    pub name: String,
    /// What was left out, by reason.
    pub left_out: Vec<LeftOutFiles>,
}

/// Files that were left out of a folder for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOutFiles {
    /// The reason, in words.
    pub reason: String,
    /// How many files, or folders with all that is in them.
    pub count: usize,
    /// The name of the first.
    pub first: String,
    /// Whether they may well have been wanted: they could not be read, or were beyond a limit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
}

impl FolderReport {
    /// What was left out of the folder `name`; `None` if that is nothing.
    pub(super) fn new(name: &str, left_out: &LeftOut) -> Option<Self> {
        let one = |(reason, count, first): (Reason, usize, &str)| LeftOutFiles {
            reason: reason.to_string(),
            count,
            first: first.to_owned(),
            lost: reason.is_loss(),
        };
        (!left_out.is_empty())
            .then(|| Self { name: name.to_owned(), left_out: left_out.reasons().map(one).collect() })
    }

    /// What was left out as a list for people: `2 hidden (.git/, …), 1 too large (a.csv)`.
    pub(super) fn words(&self) -> String {
        let one = |LeftOutFiles { reason, count, first, .. }: &LeftOutFiles| {
            let more = if *count > 1 { ", …" } else { "" };
            format!("{count} {reason} ({first}{more})")
        };
        self.left_out.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

/// Whether something is missing that the answer may have to rest on.
pub(super) fn has_lost(reports: &[FileReport], folders: &[FolderReport]) -> bool {
    let of_file = |file: &FileReport| !file.scans.is_empty() || file.lost;
    let of_folder = |folder: &FolderReport| folder.left_out.iter().any(|files| files.lost);
    reports.iter().any(of_file) || folders.iter().any(of_folder)
}

/// What the user has to know: what was left out, what is not whole, and which pages nobody read.
pub(super) fn warnings(reports: &[FileReport], folders: &[FolderReport]) -> Vec<String> {
    let missing = |lost: bool| {
        reports.iter().filter(move |file| file.lost == lost).filter_map(|file| file.left_out.as_deref())
    };
    let left_out: Vec<&str> = missing(true).collect();
    let passed_over: Vec<&str> = missing(false).collect();
    let notes =
        reports.iter().flat_map(|file| file.notes.iter().map(move |note| format!("{}: {note}", file.name)));
    let notes: Vec<String> = notes.collect();
    let folder = |folder: &FolderReport| format!("left out of {}: {}", folder.name, folder.words());
    let mut told: Vec<String> = folders.iter().map(folder).collect();
    if !left_out.is_empty() {
        told.push(format!("{} left out: {}", were(left_out.len()), some(&left_out)));
    }
    if !passed_over.is_empty() {
        told.push(some(&passed_over));
    }
    told.extend(notes.iter().take(TOLD).cloned());
    if let Some(more) = notes.len().checked_sub(TOLD + 1) {
        told.push(format!("{} on files: result.files has them all", count(more + 1, "more note")));
    }
    told.extend(unread(reports).map(|scans| format!("{scans}: {READ_SCANS}")));
    told
}

/// What to do about scans.
pub(super) const READ_SCANS: &str = "take a local model that sees, such as qwen2.5vl:7b with ollama, or give the files with a layer of text, which \
                                     `ocrmypdf IN.pdf OUT.pdf` adds";

/// The pages that nobody has read, if there are any.
pub(super) fn unread(reports: &[FileReport]) -> Option<String> {
    let scans: Vec<String> = reports.iter().filter_map(scans).collect();
    (!scans.is_empty()).then(|| format!("{}, and nobody has read them", some(&scans)))
}

fn were(files: usize) -> String {
    format!("{} {}", count(files, "file"), if files == 1 { "was" } else { "were" })
}

/// The first of these, and how many more there are.
pub(super) fn some<T: AsRef<str>>(all: &[T]) -> String {
    let told: Vec<&str> = all.iter().take(TOLD).map(AsRef::as_ref).collect();
    let more = all.len().saturating_sub(TOLD);
    let more = if more == 0 { String::new() } else { format!("; and {more} more") };
    told.join("; ") + &more
}

/// `pages 3-9, 12 of a.pdf are scans`.
fn scans(file: &FileReport) -> Option<String> {
    match file.scans[..] {
        [] => None,
        [_] if file.kind.as_deref() == Some("picture") => Some(format!("{} is a picture", file.name)),
        [page] => Some(format!("page {page} of {} is a scan", file.name)),
        _ => Some(format!("pages {} of {} are scans", ranges(&file.scans), file.name)),
    }
}

/// `3-9, 12`.
pub(super) fn ranges(pages: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for &page in pages {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == page => *last = page,
            _ => ranges.push((page, page)),
        }
    }
    let range = |(first, last): (u32, u32)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    ranges.into_iter().map(range).collect::<Vec<_>>().join(", ")
}

/// Tells `text` on stderr and as an event.
pub(super) fn warn(text: String, events: &Events) {
    tracing::warn!("{text}");
    events.emit(|| EventKind::Warning { text });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, kind: &str, notes: &[&str], scans: &[u32]) -> FileReport {
        FileReport {
            name: name.to_owned(),
            told_as: None,
            kind: Some(kind.to_owned()),
            chars: 1,
            notes: notes.iter().map(|note| (*note).to_owned()).collect(),
            scans: scans.to_vec(),
            ocr: false,
            left_out: None,
            lost: false,
        }
    }

    #[test]
    fn what_is_missing_is_told_in_few_lines() {
        assert_eq!(warnings(&[file("a", "PDF", &[], &[])], &[]), [""; 0]);
        let unread = |name: &str| Unread {
            problem: format!("{name} is damaged"),
            hint: String::new(),
            is_of_no_kind: false,
            is_loss: true,
            beyond: None,
        };
        let left_out = |name: &str| FileReport::left_out(name.to_owned(), unread(name));
        let told = warnings(
            &[
                file("a.pdf", "PDF", &["It is cut."], &[3, 4, 5, 9]),
                left_out("z/b"),
                file("c.png", "picture", &[], &[1]),
                file("d.pdf", "PDF", &["1"; 6], &[7]),
            ],
            &[],
        );
        let scans = "pages 3-5, 9 of a.pdf are scans; c.png is a picture; page 7 of d.pdf is a scan, and nobody has read them: ";
        assert_eq!(told[0], "1 file was left out: z/b is damaged");
        assert_eq!((told[1].as_str(), told[2].as_str()), ("a.pdf: It is cut.", "d.pdf: 1"));
        assert_eq!(told[6], "2 more notes on files: result.files has them all");
        assert!(told[7].starts_with(scans), "{told:?}");
        let many: Vec<_> = (0..8).map(|n| left_out(&n.to_string())).collect();
        assert!(warnings(&many, &[])[0].ends_with("4 is damaged; and 3 more"));
        let mut left_out = LeftOut::default();
        left_out.add(Reason::Hidden, ".git/");
        let folder = FolderReport::new("src/", &left_out).unwrap();
        assert_eq!(warnings(&[], &[folder]), ["left out of src/: 1 hidden (.git/)"]);
        assert_eq!(FolderReport::new("src/", &LeftOut::default()), None);
    }
}
