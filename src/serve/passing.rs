//! Uploads of one request.

use std::sync::Arc;

use super::files::Files;
use super::owner::Owner;
use super::stored::StoredFile;

/// Uploads that go with the request that brought them, even if its client goes away, unless they are kept.
pub(crate) struct Passing<'f> {
    files: &'f Files,
    owner: Owner,
    all: Vec<Arc<StoredFile>>,
}

impl<'f> Passing<'f> {
    /// None yet.
    pub(crate) fn new(files: &'f Files, owner: &Owner) -> Self {
        Self { files, owner: owner.clone(), all: Vec::new() }
    }

    /// One more.
    pub(crate) fn push(&mut self, file: Arc<StoredFile>) {
        self.all.push(file);
    }

    /// Those that there are.
    pub(crate) fn all(&self) -> &[Arc<StoredFile>] {
        &self.all
    }

    /// Keeps them: the client is told their ids.
    pub(crate) fn keep(mut self) -> Vec<Arc<StoredFile>> {
        std::mem::take(&mut self.all)
    }
}

impl Drop for Passing<'_> {
    fn drop(&mut self) {
        for file in &self.all {
            // It may be gone already.
            let _ = self.files.remove(&self.owner, &file.id);
        }
    }
}
