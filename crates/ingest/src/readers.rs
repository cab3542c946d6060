//! Which kind of file is read by what.

use crate::reading::{Limits, Problem, Reading};
use crate::{Kind, html, pdf, text};

/// What reads one kind of file.
pub(crate) type Reader = fn(Vec<u8>, &Limits) -> Result<Reading, Problem>;

/// The kinds that can be read.
const READERS: &[(Kind, Reader)] =
    &[(Kind::Pdf, pdf::read), (Kind::Text, text::read), (Kind::Html, html::read)];

/// The reader of a kind, if there is one.
pub(crate) fn reader(kind: Kind) -> Option<Reader> {
    READERS.iter().find(|(read, _)| *read == kind).map(|(_, reader)| *reader)
}
