//! Jobs on their way into the queue.

use async_nats::HeaderMap;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{DeleteMessageError, DeleteMessageErrorKind, DirectGetErrorKind, Stream};
use bytes::Bytes;

use crate::queue::patient;
use crate::wire::{CUSTOM_ID, HASH, JOB, Job, LONGEST, OBJECT, SUCCESS};
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
            if self.put(job, &key, &bytes, 0).await? {
                return Ok(Submitted::New);
            }
            let subject = subject::of(&self.address.name, "job", &key);
            let Some(there) = last(&self.jobs, subject).await? else {
                return Err(QueueError::Unusable(format!(
                    "the job {:?} is not in the queue's stream",
                    job.custom_id
                )));
            };
            if there.headers.get(HASH).map(async_nats::HeaderValue::as_str) != Some(&*job.hash) {
                return Ok(Submitted::Differs);
            }
            let result = last(&self.results, subject::of(&self.address.name, "result", &key)).await?;
            let failed = result
                .filter(|result| result.headers.get(SUCCESS).is_some_and(|told| told.as_str() == "false"));
            let Some(failed) = failed else { return Ok(Submitted::There) };
            // At any moment there is a job, and a result that is older than it counts for nothing: so nothing is lost if we
            // are killed here.
            let is_older = number(&failed.headers, JOB) < there.sequence;
            let is_again = is_older || self.put(job, &key, &bytes, there.sequence).await?;
            match self.results.delete_message(failed.sequence).await {
                // A worker, or somebody else who submits, was faster.
                Err(error) if is_gone(&error) => {}
                gone => drop(gone.map_err(|error| QueueError::of(&error, true))?),
            }
            Ok(if is_again { Submitted::Again } else { Submitted::There })
        })
        .await
    }

    /// Publishes a job in place of that with the number `before`, 0 for none; whether that was there.
    async fn put(&self, job: &Job, key: &str, bytes: &[u8], before: u64) -> Result<bool, QueueError> {
        let mut headers = HeaderMap::new();
        headers.insert(HASH, &*job.hash);
        headers.insert(CUSTOM_ID, serde_json::json!(job.custom_id).to_string());
        let payload = self.packed(bytes, &mut headers).await?;
        self.publish_behind(before, subject::of(&self.address.name, "job", key), headers, payload).await
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

/// The number in a header; 0 if there is none.
pub(crate) fn number(headers: &HeaderMap, name: &str) -> u64 {
    headers.get(name).and_then(|told| told.as_str().parse().ok()).unwrap_or(0)
}

fn is_gone(error: &DeleteMessageError) -> bool {
    const GONE: [ErrorCode; 2] = [ErrorCode::NO_MESSAGE_FOUND, ErrorCode::STREAM_MESSAGE_DELETE_FAILED];
    matches!(error.kind(), DeleteMessageErrorKind::JetStream(told) if GONE.contains(&told.error_code()))
}

/// The newest message of a subject.
pub(crate) async fn last(stream: &Stream, subject: String) -> Result<Option<StreamMessage>, QueueError> {
    match stream.direct_get_last_for_subject(subject).await {
        Ok(message) => Ok(Some(message)),
        Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(None),
        Err(error) => Err(QueueError::of(&error, true)),
    }
}
