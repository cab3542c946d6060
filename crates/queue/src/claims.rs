//! Notes of who has which job, for a broker that was killed and has forgotten it.

use std::time::Duration;

use async_nats::jetstream::kv::{CreateErrorKind, UpdateErrorKind};
use bytes::Bytes;

use crate::queue::patient;
use crate::{Queue, QueueError};

impl Queue {
    /// Notes `claim`, which no other note may equal, under the `key` of a job; how long ago another one was noted, if one was.
    pub(crate) async fn claim(&self, key: &str, claim: Bytes) -> Result<Option<Duration>, QueueError> {
        let look = || async { self.claims.entry(key).await.map_err(|error| QueueError::of(&error, true)) };
        let moved = || QueueError::Unreachable("another worker noted the job at the same moment".to_owned());
        patient(|| async {
            match self.claims.create(key, claim.clone()).await {
                Err(error) if error.kind() == CreateErrorKind::AlreadyExists => {}
                created => return created.map(|_| None).map_err(|error| QueueError::of(&error, true)),
            }
            let before = look().await?.ok_or_else(moved)?;
            if before.value == claim {
                return Ok(None);
            }
            match self.claims.update(key, claim.clone(), before.revision).await {
                Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => return Err(moved()),
                updated => drop(updated.map_err(|error| QueueError::of(&error, true))?),
            }
            // Both times are the broker's.
            let now = look().await?.ok_or_else(moved)?;
            Ok(Some(Duration::try_from(now.created - before.created).unwrap_or_default()))
        })
        .await
    }
}
