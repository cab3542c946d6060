//! Reads files of many kinds into text, and says which of their places stands where in it.
//!
//! Bytes in, text out: the crate opens no file and no connection and starts no thread, so that it can run in a process
//! that is allowed nothing. It holds itself to [`Limits`], but a hostile file may still make a decoder take all memory
//! or time: whoever reads such files does it in a process with limits of its own.

mod html;
mod kind;
mod layout;
mod markup;
mod pdf;
mod readers;
mod reading;
mod text;

pub use kind::Kind;
pub use reading::{Limits, Problem, ReadError, Reading};

/// Reads a file by its content. `name` is what messages call it.
///
/// # Errors
/// If its kind has no reader yet, or nothing of it can be read.
pub fn read(name: &str, bytes: Vec<u8>, limits: &Limits) -> Result<Reading, ReadError> {
    let failed = |problem| ReadError { name: name.to_owned(), problem };
    if bytes.len() > limits.bytes {
        return Err(failed(Problem::TooLarge { bytes: bytes.len(), limit: limits.bytes }));
    }
    let kind = Kind::of(&bytes);
    let reader = readers::reader(kind).ok_or_else(|| failed(Problem::Unsupported(kind.name())))?;
    reader(bytes, limits).map_err(failed)
}
