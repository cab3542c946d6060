//! What reading a file gives: its text with places, or why there is none.

use minions_documents::{Document, Places};
use thiserror::Error;

use crate::Kind;

/// The text of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The kind of the file.
    pub kind: Kind,
    /// The whole text. The pages of a PDF end with a form feed.
    pub text: String,
    /// Which page, slide or row begins at which character of the text.
    pub places: Places,
    /// What the user should know, a sentence each: what could not be read, and why.
    pub notes: Vec<String>,
    /// The pages that are pictures of text, so that a model that sees could read them. Numbers count from 1.
    pub scans: Vec<u32>,
}

/// What notes say where a part of the text may not be there.
const LOSSES: [&str; 4] = ["damaged", "missing", "was cut", "not looked into"];

impl Reading {
    /// Whether a part of the text may be missing or wrong, as its notes say.
    pub fn lacks_text(&self) -> bool {
        self.notes.iter().any(|note| LOSSES.iter().any(|loss| note.contains(loss)))
    }

    /// The reading as a document of a job.
    pub fn into_document(self, name: &str) -> Document {
        Document { name: Some(name.to_owned()), told_as: None, text: self.text, places: self.places }
    }
}

/// How much a file may be and give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The size of the file.
    pub bytes: usize,
    /// What one part of it may take when it is inflated, in bytes.
    pub inflated: usize,
    /// What all parts of a zip, and of the files in it, may take together when they are inflated, in bytes.
    pub archive: usize,
    /// The entries of a zip.
    pub entries: usize,
    /// The text that a file that is no plain text gives, in bytes; what is beyond that is left out, with a note.
    pub text: usize,
    /// The pixels of one picture.
    pub pixels: usize,
    /// The text of a file that is a plain text, in bytes.
    pub plain_text: usize,
    /// All texts of a file and of the files in it, in bytes. Of a file the rest is not looked at once a text is beyond that.
    pub room: usize,
    /// The drawing operators of one page; what is beyond that is left out, with a note.
    pub operators: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 1 << 30,
            inflated: 256 << 20,
            archive: 512 << 20,
            entries: 50_000,
            text: 256 << 20,
            pixels: 120_000_000,
            plain_text: usize::MAX,
            room: usize::MAX,
            operators: 5_000_000,
        }
    }
}

/// A file, or a file in an archive, and what reading it gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReading {
    /// Its name: what the caller called the file, and behind a slash its name in the archive.
    pub name: String,
    /// The same without names that are within a file, as somebody else wrote them: `attachment 2 of mail.eml`.
    pub told_as: Option<String>,
    /// Its text, or why there is none.
    pub outcome: Result<Reading, ReadError>,
}

/// A file that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{name} {problem}")]
pub struct ReadError {
    /// What the caller called the file.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// What is wrong with it.
    pub problem: Problem,
}

impl ReadError {
    /// What the user can do about it.
    pub fn hint(&self) -> &'static str {
        self.problem.hint(self.kind)
    }
}

/// Why a file can't be read, as the end of a sentence that begins with its name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// There is no reader for its kind.
    #[error("can't be read: it is a {0}, and minions has no reader for that")]
    Unsupported(&'static str),
    /// There is no reader for its kind, but programs that save it as one that can be read.
    #[error("can't be read: it is a {what}, and minions has no reader for that")]
    Convertible {
        /// What it is.
        what: &'static str,
        /// How it is converted.
        remedy: &'static str,
    },
    /// The file is over the limit.
    #[error("is too large: {bytes} bytes, and {limit} are read at most")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// It is a picture with more pixels than are looked at.
    #[error("can't be read: {0}")]
    TooManyPixels(String),
    /// The texts before it have taken all the room that there is.
    #[error("is left out: there is no room for its text")]
    NoRoom,
    /// It is encrypted, and the empty password does not open it.
    #[error("is locked with a password")]
    Locked,
    /// It is encrypted in a way that is not known.
    #[error("is encrypted in a way that can't be undone: {0}")]
    Encryption(&'static str),
    /// It is sold to be read in certain programs only.
    #[error("is protected by DRM: only the program that it was bought for can read it")]
    Drm,
    /// Nothing in it can be read.
    #[error("is damaged: {0}")]
    Damaged(&'static str),
    /// It is made to take all memory or time.
    #[error("looks like a bomb: {0}")]
    Bomb(&'static str),
    /// What is in it is over the limit.
    #[error("holds too much: more than {limit} bytes come out of it")]
    TooMuchInside {
        /// The limit.
        limit: usize,
    },
    /// It is a zip with more entries than are read.
    #[error("holds too many files: more than {limit}")]
    TooManyEntries {
        /// The limit.
        limit: usize,
    },
    /// It is compressed in a way that is not known.
    #[error("is compressed with {0}, which can't be undone here")]
    Compression(&'static str),
    /// It is an archive of which files were left out that nobody means, as they are of a folder.
    #[error("was read without {what}: {count}, such as {first}")]
    LeftOut {
        /// What they are, in words.
        what: &'static str,
        /// How many.
        count: usize,
        /// The name of the first.
        first: String,
    },
    /// It is a symbolic link in an archive.
    #[error("is a link, and links in archives are not followed")]
    Link,
    /// It is an archive in an archive in an archive.
    #[error("is not looked into: it is an archive within an archive within an archive")]
    Nested,
}

impl Problem {
    /// Whether what is not read may well have been wanted.
    pub fn is_loss(&self) -> bool {
        !matches!(self, Self::Unsupported(_) | Self::Convertible { .. } | Self::LeftOut { .. } | Self::Link)
    }

    fn hint(&self, kind: Kind) -> &'static str {
        match self {
            Self::Unsupported(_) => "Save it as PDF or text.",
            Self::Convertible { remedy, .. } => remedy,
            Self::NoRoom => "Name it by itself.",
            Self::TooLarge { .. } => "Split it, or give the part that the question is about.",
            Self::TooManyPixels(_) => "Scale it down, or give the part that the question is about.",
            Self::Locked if kind == Kind::Pdf => {
                "Save a copy without the password, for instance with `qpdf --decrypt --password=PASSWORD IN.pdf OUT.pdf`."
            }
            Self::Locked if kind == Kind::Archive => "Unpack it with its password, and give the files.",
            Self::Locked => "Open it in the program that made it, and save a copy without the password.",
            Self::Encryption(_) => "Open it in the program that made it, and print it to a new PDF.",
            Self::Drm => "Give a copy without DRM, as the publisher or a library may have one.",
            Self::Damaged(_) if kind == Kind::Pdf => {
                "Fetch it again, or repair it with `qpdf IN.pdf OUT.pdf`."
            }
            Self::Damaged(_) => "Fetch it again, or open it in the program that made it and save a copy.",
            Self::Bomb(_) => "If you trust it, unpack it or save it as text yourself, and give that.",
            Self::TooMuchInside { .. }
            | Self::TooManyEntries { .. }
            | Self::Nested
            | Self::LeftOut { .. } => "Unpack it, and give the files that the question is about.",
            Self::Link => "Give the file that it leads to.",
            Self::Compression(_) => {
                "Unpack it, and give the files; or pack them again with `zip -r NEW.zip FOLDER`."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_tell_whether_text_may_be_missing() {
        use crate::draft::{CUT, DAMAGED};
        let reading = |note: &str| Reading {
            kind: Kind::Docx,
            text: String::new(),
            places: Places::default(),
            notes: vec!["It has tracked changes: insertions are read.".to_owned(), note.to_owned()],
            scans: Vec::new(),
        };
        for (note, lacks) in [
            (DAMAGED, true),
            (CUT, true),
            ("The text is too long: it was cut in p. 9.", true),
            ("It is no UTF-8: it was read as Shift_JIS.", false),
            ("It has hidden sheets, which were read as well: Salaries.", false),
        ] {
            assert_eq!(reading(note).lacks_text(), lacks, "{note}");
        }
    }

    #[test]
    fn an_error_names_the_file_and_the_remedy() {
        let error = |problem| ReadError { name: "a.pdf".to_owned(), kind: Kind::Pdf, problem };
        assert_eq!(error(Problem::Locked).to_string(), "a.pdf is locked with a password");
        assert!(error(Problem::Locked).hint().contains("qpdf --decrypt"));
        let too_large = error(Problem::TooLarge { bytes: 9, limit: 8 });
        assert_eq!(too_large.to_string(), "a.pdf is too large: 9 bytes, and 8 are read at most");
        for problem in [
            Problem::Unsupported("picture"),
            Problem::Encryption("x"),
            Problem::Damaged("x"),
            Problem::Drm,
            Problem::Bomb("x"),
            Problem::TooManyEntries { limit: 1 },
            Problem::Compression("x"),
            too_large.problem,
        ] {
            assert!(error(problem).hint().ends_with('.'));
        }
        let locked = ReadError { name: "a.docx".to_owned(), kind: Kind::Docx, problem: Problem::Locked };
        assert!(!locked.hint().contains("qpdf"));
    }
}
