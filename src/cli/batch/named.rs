//! From pieces of the input to bare jobs with their names, and what tells their contents apart.

use std::collections::HashSet;
use std::path::PathBuf;

use minions::error::Failure;
use minions::{job, memory};
use serde_json::Value;

use super::contents::Contents;
use super::json_splitter::JsonPiece;
use super::written::{Fingerprint, fingerprint};

/// Names the jobs of an input.
pub(in crate::cli) struct Names {
    contents: Contents,
    /// The custom_ids so far.
    seen: HashSet<Fingerprint>,
}

/// A job, or what stands in its place.
pub(in crate::cli) struct Named {
    pub custom_id: String,
    /// What tells its content apart; empty if there is no job.
    pub hash: String,
    /// The bare job. A second one with the same custom_id is an error.
    pub bare: Result<Value, Failure>,
    /// No earlier job has the custom_id.
    pub is_new: bool,
}

impl Names {
    /// Paths in jobs begin at `folder`.
    pub(in crate::cli) fn new(folder: Option<PathBuf>) -> Self {
        Self { contents: Contents::new(folder), seen: HashSet::new() }
    }

    /// What a job without a custom_id goes by: `line-3`, then `line-3.2`, unless an earlier job is called that.
    pub(super) fn of_line(&mut self, piece: &JsonPiece) -> String {
        let line = piece.line;
        let mut nth = piece.nth;
        loop {
            let id = if nth == 1 { format!("line-{line}") } else { format!("line-{line}.{nth}") };
            if self.seen.insert(fingerprint(&id, "")) {
                return id;
            }
            nth += 1;
        }
    }

    /// The job of `piece`.
    pub(in crate::cli) fn named(&mut self, piece: &JsonPiece) -> Named {
        let value = memory::check(piece.bytes.len(), memory::OF_JSON)
            .and_then(|()| job::value(&piece.bytes, piece.line).map_err(Failure::from));
        let name = value.as_ref().ok().and_then(job::custom_id);
        let (custom_id, is_new) = match name {
            Some(name) => (name.to_owned(), self.seen.insert(fingerprint(name, ""))),
            None => (self.of_line(piece), true),
        };
        let bare = value.and_then(|value| job::bare(value).map_err(Failure::from));
        let hash = bare.as_ref().map(|job| self.contents.hash(job)).unwrap_or_default();
        let bare = match bare {
            Ok(_) if !is_new => Err(Failure::input(format!(
                "the custom_id {custom_id:?} is that of an earlier line; each job needs one of its own (without one it \
                 gets line-N)"
            ))),
            bare => bare,
        };
        Named { custom_id, hash, bare, is_new }
    }
}
