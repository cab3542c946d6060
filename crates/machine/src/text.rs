//! Small files of the system.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Bytes that are read at once. The system tells no sizes of its files, and each read of a few bytes takes as long as this one.
const AT_ONCE: usize = 8 << 10;

/// The text of the file at `path`, if it can be read.
pub(super) fn text(path: &Path) -> Option<String> {
    let mut text = String::with_capacity(AT_ONCE);
    File::open(path).ok()?.read_to_string(&mut text).ok()?;
    Some(text)
}
