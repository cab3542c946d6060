//! What the child asks its parent in the middle of a call.

use std::io::{Read, Write};

use crate::wire::{self, Reply, Request};
use minions_documents::Query;

/// The way to the parent.
pub(super) struct Ask<'a> {
    pub input: &'a mut dyn Read,
    pub output: &'a mut dyn Write,
}

impl Ask<'_> {
    /// The positions of the `k` chunks closest to the queries, or why there are none.
    pub(super) fn retrieve(
        &mut self,
        queries: Vec<Query>,
        chunks: &[String],
        k: usize,
    ) -> Result<Vec<usize>, String> {
        let lost = |error: std::io::Error| format!("the search was lost: {error}");
        wire::write(&mut self.output, &Reply::Retrieve { queries, k }, chunks).map_err(lost)?;
        match wire::read(&mut self.input).map_err(lost)? {
            Some((Request::Retrieved(found), _)) => found,
            _ => Err("the search was lost".to_owned()),
        }
    }
}
