//! Opens a PDF: whole, encrypted, cut or damaged.

use std::sync::Arc;

use hayro_syntax::object::Dict;
use hayro_syntax::{DecryptionError, LoadPdfError, Pdf};

use crate::reading::Problem;

/// What is appended to a PDF whose end is missing, so that its pages are searched for. The numbers are too high for a
/// file to have them.
const NEW_END: &[u8] =
    b"\nendstream endobj\n8388606 0 obj\n<</Type/Catalog/Pages 8388607 0 R>>\nendobj\ntrailer\n<</Root 8388606 0 R>>\n";

/// A PDF that is open, and what the user should know about that.
pub(super) struct Opened {
    pub(super) pdf: Pdf,
    pub(super) notes: Vec<String>,
}

/// Opens a PDF with the empty password.
pub(super) fn open(bytes: Vec<u8>) -> Result<Opened, Problem> {
    let whole = has_end(&bytes);
    let mut notes = Vec::new();
    let bytes = Arc::new(bytes);
    let opened = match Pdf::new(bytes.clone()) {
        Err(LoadPdfError::Invalid) => None,
        other => Some(other.map_err(problem_of)?),
    };
    let pdf = match opened {
        Some(pdf) if !pdf.pages().is_empty() => pdf,
        _ => rebuilt(&bytes).ok_or(Problem::Damaged("no page can be found in it"))?,
    };
    if !whole {
        notes
            .push("The end of the file is missing: what follows may lack pages or parts of them.".to_owned());
    }
    Ok(Opened { pdf, notes })
}

/// The document's catalog.
pub(super) fn catalog(pdf: &Pdf) -> Dict<'_> {
    pdf.xref().get::<Dict<'_>>(pdf.xref().root_id()).unwrap_or_default()
}

/// Whether the mark that ends a PDF stands near the end of the bytes.
fn has_end(bytes: &[u8]) -> bool {
    let tail = &bytes[bytes.len().saturating_sub(2048)..];
    tail.windows(5).any(|window| window == b"%%EOF")
}

/// The same bytes with a new end, if that leads to pages.
fn rebuilt(bytes: &[u8]) -> Option<Pdf> {
    Pdf::new([bytes, NEW_END].concat()).ok().filter(|pdf| !pdf.pages().is_empty())
}

fn problem_of(error: LoadPdfError) -> Problem {
    match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => Problem::Locked,
        LoadPdfError::Decryption(DecryptionError::UnsupportedAlgorithm) => {
            Problem::Encryption("its algorithm is not known")
        }
        LoadPdfError::Decryption(_) => Problem::Encryption("what it says of its encryption is wrong"),
        LoadPdfError::Invalid => Problem::Damaged("it is no PDF that can be read"),
    }
}
