//! All batches of the service.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::batch::Batch;
use crate::serve::error::ApiError;
use crate::serve::owner::Owner;
use crate::sync::lock;

/// All batches, the oldest first.
#[derive(Default)]
pub(super) struct Batches(Mutex<Vec<Arc<Batch>>>);

impl Batches {
    /// Takes one more.
    pub(super) fn add(&self, batch: Arc<Batch>) {
        lock(&self.0).push(batch);
    }

    /// Those of `owner`, the oldest first; the ended ones for as long as `keep`.
    pub(super) fn of(&self, owner: &Owner, keep: Duration) -> Vec<Arc<Batch>> {
        let mut all = lock(&self.0);
        all.retain(|batch| batch.ended().is_none_or(|at| at.elapsed() < keep));
        all.iter().filter(|batch| batch.owner == *owner).map(Arc::clone).collect()
    }

    /// The one of `id`, if it is `owner`'s.
    ///
    /// # Errors
    /// 404 for one that is not there, or somebody else's.
    pub(super) fn find(&self, owner: &Owner, id: &str, keep: Duration) -> Result<Arc<Batch>, ApiError> {
        let found = self.of(owner, keep).into_iter().find(|batch| batch.id == id);
        found.ok_or_else(|| ApiError::not_found("batch", id))
    }
}
