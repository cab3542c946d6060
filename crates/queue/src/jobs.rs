//! Jobs on their way into the queue.

use async_nats::HeaderMap;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{DirectGetErrorKind, Stream};
use bytes::Bytes;

use crate::queue::patient;
use crate::wire::{HASH, Job, LONGEST, OBJECT, SUCCESS};
use crate::{Queue, QueueError, subject};

/// What came of a job that was submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// It is in the queue now.
    New,
    /// It had failed, and runs again.
    Again,
    /// It was there already.
    There,
    /// A job with its custom_id is there that has another content.
    Differs,
}

impl Queue {
    /// Puts `job` into the queue, unless it is there.
    ///
    /// # Errors
    /// The broker does not take it.
    pub async fn submit(&self, job: &Job) -> Result<Submitted, QueueError> {
        let key = subject::key(&job.custom_id);
        let bytes = serde_json::to_vec(job).map_err(|error| QueueError::Unusable(error.to_string()))?;
        patient(|| async {
            if self.put(&key, &job.hash, &bytes).await? {
                return Ok(Submitted::New);
            }
            let subject = subject::of(&self.address.name, "job", &key);
            // It is gone again if somebody else has it run again just now.
            let Some(there) = last(&self.jobs, subject).await? else { return Ok(Submitted::There) };
            if there.headers.get(HASH).map(async_nats::HeaderValue::as_str) != Some(&*job.hash) {
                return Ok(Submitted::Differs);
            }
            let result = last(&self.results, subject::of(&self.address.name, "result", &key)).await?;
            let failed = result
                .filter(|result| result.headers.get(SUCCESS).is_some_and(|told| told.as_str() == "false"));
            let Some(failed) = failed else { return Ok(Submitted::There) };
            // The result goes first, so that no worker takes the job for done.
            for (stream, sequence) in [(&self.results, failed.sequence), (&self.jobs, there.sequence)] {
                stream.delete_message(sequence).await.map_err(|error| QueueError::of(&error, true))?;
            }
            self.put(&key, &job.hash, &bytes).await?;
            Ok(Submitted::Again)
        })
        .await
    }

    /// Publishes a job, unless its subject has one; whether it had none.
    async fn put(&self, key: &str, hash: &str, bytes: &[u8]) -> Result<bool, QueueError> {
        let mut headers = HeaderMap::new();
        headers.insert(HASH, hash);
        let payload = self.packed(bytes, &mut headers).await?;
        self.publish_once(subject::of(&self.address.name, "job", key), headers, payload).await
    }

    /// `bytes` as the payload of a message, which is empty where an object has them.
    pub(crate) async fn packed(&self, bytes: &[u8], headers: &mut HeaderMap) -> Result<Bytes, QueueError> {
        if bytes.len() <= LONGEST {
            return Ok(Bytes::copy_from_slice(bytes));
        }
        headers.insert(OBJECT, &*self.keep(bytes).await?);
        Ok(Bytes::new())
    }

    /// What [`Queue::packed`] has packed.
    pub(crate) async fn unpacked(&self, headers: &HeaderMap, payload: Bytes) -> Result<Bytes, QueueError> {
        match headers.get(OBJECT) {
            Some(name) => self.kept(name.as_str()).await,
            None => Ok(payload),
        }
    }
}

/// The newest message of a subject.
pub(crate) async fn last(stream: &Stream, subject: String) -> Result<Option<StreamMessage>, QueueError> {
    match stream.direct_get_last_for_subject(subject).await {
        Ok(message) => Ok(Some(message)),
        Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(None),
        Err(error) => Err(QueueError::of(&error, true)),
    }
}
