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

impl Reading {
    /// The reading as a document of a job.
    pub fn into_document(self, name: &str) -> Document {
        Document { name: Some(name.to_owned()), text: self.text, places: self.places }
    }
}

/// How much a file may be and give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The size of the file.
    pub bytes: usize,
    /// What one part of it may take when it is inflated, in bytes.
    pub inflated: usize,
    /// The text that a file that is no plain text gives, in bytes; what is beyond that is left out, with a note.
    pub text: usize,
    /// The drawing operators of one page; what is beyond that is left out, with a note.
    pub operators: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 1 << 30, inflated: 256 << 20, text: 256 << 20, operators: 5_000_000 }
    }
}

/// A file that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{name} {problem}")]
pub struct ReadError {
    /// What the caller called the file.
    pub name: String,
    /// What is wrong with it.
    pub problem: Problem,
}

impl ReadError {
    /// What the user can do about it.
    pub fn hint(&self) -> &'static str {
        self.problem.hint()
    }
}

/// Why a file can't be read, as the end of a sentence that begins with its name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    /// There is no reader for its kind.
    #[error("can't be read: it is a {0}, and minions has no reader for that")]
    Unsupported(&'static str),
    /// The file is over the limit.
    #[error("is too large: {bytes} bytes, and {limit} are read at most")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// It is encrypted, and the empty password does not open it.
    #[error("is locked with a password")]
    Locked,
    /// It is encrypted in a way that is not known.
    #[error("is encrypted in a way that can't be undone: {0}")]
    Encryption(&'static str),
    /// Nothing in it can be read.
    #[error("is damaged: {0}")]
    Damaged(&'static str),
}

impl Problem {
    fn hint(&self) -> &'static str {
        match self {
            Self::Unsupported(_) => "Save it as PDF or text.",
            Self::TooLarge { .. } => "Split it, or give the part that the question is about.",
            Self::Locked => {
                "Save a copy without the password, for instance with `qpdf --decrypt --password=PASSWORD IN.pdf OUT.pdf`."
            }
            Self::Encryption(_) => "Open it in the program that made it, and print it to a new PDF.",
            Self::Damaged(_) => "Fetch it again, or repair it with `qpdf IN.pdf OUT.pdf`.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_file_and_the_remedy() {
        let error = |problem| ReadError { name: "a.pdf".to_owned(), problem };
        assert_eq!(error(Problem::Locked).to_string(), "a.pdf is locked with a password");
        assert!(error(Problem::Locked).hint().contains("qpdf --decrypt"));
        let too_large = error(Problem::TooLarge { bytes: 9, limit: 8 });
        assert_eq!(too_large.to_string(), "a.pdf is too large: 9 bytes, and 8 are read at most");
        for problem in [
            Problem::Unsupported("picture"),
            Problem::Encryption("x"),
            Problem::Damaged("x"),
            too_large.problem,
        ] {
            assert!(error(problem).hint().ends_with('.'));
        }
    }
}
