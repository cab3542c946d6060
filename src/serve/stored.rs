//! One upload: where it lies, and what there is to say of it.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::TempPath;

use super::owner::Owner;
use super::reading::ReadDocument;

/// What a file is for where nobody says, by OpenAI's word for it.
const PURPOSE: &str = "assistants";

/// An upload. Its file goes with the last that holds it.
pub(crate) struct StoredFile {
    /// Its id, which nobody guesses.
    pub id: String,
    /// What the sender calls it.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// When it came, in seconds since 1970.
    pub created_at: u64,
    /// What the sender says that it is for.
    pub(super) purpose: OnceLock<String>,
    pub(super) owner: Owner,
    pub(super) came: Instant,
    pub(super) path: TempPath,
    /// The texts of its documents, as JSON.
    pub(super) texts: TempPath,
    /// Bytes that lie there, with those of the texts.
    pub(super) taken: u64,
    /// Whether its owner has it no more: it stays for the runs that read it.
    pub(super) is_removed: AtomicBool,
    /// What it holds.
    pub(super) documents: Vec<ReadDocument>,
}

impl StoredFile {
    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the texts of its documents lie: `{"documents": [{name, text, places}]}`.
    pub(crate) fn texts(&self) -> &Path {
        &self.texts
    }

    /// How many documents it holds.
    pub(crate) fn documents(&self) -> usize {
        self.documents.len()
    }

    /// Bytes that lie there for runs alone.
    pub(crate) fn left_behind(&self) -> u64 {
        if self.is_removed.load(SeqCst) { self.taken } else { 0 }
    }

    /// Notes what it is for; the first word counts.
    pub(crate) fn is_for(&self, purpose: &str) {
        let _ = self.purpose.set(purpose.chars().take(64).collect());
    }

    /// OpenAI's file object, with what we know besides.
    pub(crate) fn object(&self) -> Value {
        json!({
            "id": self.id,
            "object": "file",
            "bytes": self.bytes,
            "created_at": self.created_at,
            "filename": self.name,
            "purpose": self.purpose.get().map_or(PURPOSE, String::as_str),
            "status": "processed",
            "minions": {"documents": self.documents},
        })
    }
}
