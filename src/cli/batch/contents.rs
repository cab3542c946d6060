//! What tells jobs apart: their own content, with that of the files that they name.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use minions::engine::fingerprint;
use minions::job;
use serde_json::{Value, json};

/// The contents of files that jobs name.
pub(in crate::cli) struct Contents {
    /// Where paths in jobs begin.
    folder: Option<PathBuf>,
    /// What tells them apart, by path: many jobs may be about one file.
    known: HashMap<PathBuf, Option<String>>,
}

impl Contents {
    pub(in crate::cli) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, known: HashMap::new() }
    }

    /// What tells the content of a bare job apart, with that of the files that it names.
    pub(in crate::cli) fn hash(&mut self, job: &Value) -> String {
        let paths = job::paths(job);
        let hash = job::digest(job);
        if paths.is_empty() {
            return hash;
        }
        let path = |path| self.folder.as_deref().unwrap_or(Path::new("")).join(path);
        let paths: Vec<PathBuf> = paths.into_iter().map(path).collect();
        let content =
            |path: PathBuf| self.known.entry(path).or_insert_with_key(|path| fingerprint(path)).clone();
        let contents: Vec<Option<String>> = paths.into_iter().map(content).collect();
        job::digest(&json!([hash, contents]))
    }
}
