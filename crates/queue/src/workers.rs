//! The notes of workers, by which others know of them.

use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};

use crate::queue::patient;
use crate::{Queue, QueueError};

/// What a worker tells of itself.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Worker {
    /// Its machine and process.
    pub name: String,
    /// Jobs that it runs at the same time.
    pub slots: u16,
    /// Jobs that it runs now.
    pub running: u64,
    /// Jobs that it has answered.
    pub done: u64,
    /// Jobs that ended without an answer.
    pub failed: u64,
    /// Seconds since it began.
    pub seconds: f64,
}

impl Queue {
    /// Renews the note of a worker. It goes by itself when it is not renewed.
    pub(crate) async fn note(&self, id: &str, worker: &Worker) -> Result<(), QueueError> {
        let bytes = serde_json::to_vec(worker).map_err(|error| QueueError::Unusable(error.to_string()))?;
        self.workers.put(id, bytes.into()).await.map(drop).map_err(|error| QueueError::of(&error, true))
    }

    /// Takes the note of a worker away.
    pub async fn forget(&self, id: &str) {
        if let Err(error) = self.workers.purge(id).await {
            tracing::debug!("queue: {error}");
        }
    }

    /// The workers that have told of themselves of late, by their names.
    ///
    /// # Errors
    /// The broker does not tell.
    pub async fn workers(&self) -> Result<Vec<Worker>, QueueError> {
        patient(|| async {
            let mut workers = Vec::new();
            for key in self.names_of_workers().await? {
                let note = self.workers.get(key).await.map_err(|error| QueueError::of(&error, true))?;
                workers.extend(note.and_then(|bytes| serde_json::from_slice::<Worker>(&bytes).ok()));
            }
            workers.sort_by(|one, other| one.name.cmp(&other.name));
            Ok(workers)
        })
        .await
    }

    /// The names of those workers.
    pub(crate) async fn names_of_workers(&self) -> Result<Vec<String>, QueueError> {
        let keys = self.workers.keys().await.map_err(|error| QueueError::of(&error, true))?;
        keys.try_collect().await.map_err(|error| QueueError::Unreachable(error.to_string()))
    }
}
