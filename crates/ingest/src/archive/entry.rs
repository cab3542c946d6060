//! A file in a zip, as the zip describes it.

use std::cell::Cell;

/// A file in a zip.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    /// The name as written, with `/` between folders.
    pub(crate) name: String,
    /// Whether it is a symbolic link.
    pub(crate) link: bool,
    pub(super) encrypted: bool,
    pub(super) method: u16,
    pub(super) crc: Option<u32>,
    pub(super) compressed: u64,
    pub(super) header: u64,
    /// How much of it was inflated, and how often it was opened.
    pub(super) charged: Cell<u64>,
    pub(super) opened: Cell<u32>,
}

impl Entry {
    /// Whether it is a folder.
    pub(crate) fn is_folder(&self) -> bool {
        self.name.ends_with('/')
    }
}
