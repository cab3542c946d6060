//! Results on their way out of the queue.

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::DirectGetErrorKind;
use bytes::Bytes;
use futures_util::StreamExt;

use crate::jobs::{last, number};
use crate::queue::{patient, stubborn};
use crate::wire::{CUSTOM_ID, JOB, SUCCESS, TOKENS, USD};
use crate::{Queue, QueueError, subject};

/// Messages that are asked for at once.
const AT_ONCE: usize = 1000;

/// How a job ended.
#[derive(Clone, Debug)]
pub struct Result {
    /// The job's name.
    pub custom_id: String,
    /// The line of the output.
    pub line: Bytes,
    /// Whether it has its answer.
    pub is_success: bool,
    /// What it cost, if it has prices.
    pub usd: Option<f64>,
    /// Remote tokens.
    pub tokens: u64,
}

/// The sums of all results.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Those with an answer.
    pub succeeded: u64,
    /// Those without.
    pub failed: u64,
    /// Dollars, if a job has prices.
    pub usd: Option<f64>,
    /// Remote tokens.
    pub tokens: u64,
}

impl Queue {
    /// Keeps `result` of the job with the number `job`, unless it has one; tries until the broker has it. Whether it had none.
    pub(crate) async fn publish(&self, result: &Result, job: u64) -> std::result::Result<bool, QueueError> {
        let subject = subject::of(&self.address.name, "result", &subject::key(&result.custom_id));
        stubborn(|| async {
            let mut headers = HeaderMap::new();
            headers.insert(CUSTOM_ID, serde_json::json!(result.custom_id).to_string());
            headers.insert(JOB, job.to_string());
            headers.insert(SUCCESS, result.is_success.to_string());
            headers.insert(TOKENS, result.tokens.to_string());
            if let Some(usd) = result.usd {
                headers.insert(USD, usd.to_string());
            }
            let payload = self.packed(&result.line, &mut headers).await?;
            let mut before = 0;
            while !self.publish_behind(before, subject.clone(), headers.clone(), payload.clone()).await? {
                before = match last(&self.results, subject.clone()).await? {
                    Some(there) if number(&there.headers, JOB) >= job => return Ok(false),
                    Some(older) => older.sequence,
                    None => 0,
                };
            }
            Ok(true)
        })
        .await
    }

    /// Whether the job `custom_id` with the number `job` has a result.
    pub(crate) async fn has_result(
        &self,
        custom_id: &str,
        job: u64,
    ) -> std::result::Result<bool, QueueError> {
        let subject = subject::of(&self.address.name, "result", &subject::key(custom_id));
        let there = patient(|| last(&self.results, subject.clone())).await?;
        Ok(there.is_some_and(|there| number(&there.headers, JOB) >= job))
    }

    /// The first result behind the place `after`, and its own place; `None` if there is none yet. Places begin with 1.
    ///
    /// # Errors
    /// The broker does not give it.
    pub async fn result_after(&self, after: u64) -> std::result::Result<Option<(u64, Bytes)>, QueueError> {
        let all = subject::of(&self.address.name, "result", "*");
        patient(|| async {
            let next = self.results.direct_get_builder().sequence(after + 1).next_by_subject(all.clone());
            let message = match next.send().await {
                Ok(message) => message,
                Err(error) if error.kind() == DirectGetErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(QueueError::of(&error, true)),
            };
            let line = self.unpacked(&message.headers, message.payload).await?;
            Ok(Some((message.sequence, line)))
        })
        .await
    }

    /// The sums of the results so far.
    ///
    /// # Errors
    /// The broker does not tell.
    pub async fn tally(&self) -> std::result::Result<Tally, QueueError> {
        patient(|| self.count_results()).await
    }

    async fn count_results(&self) -> std::result::Result<Tally, QueueError> {
        let config = pull::Config {
            ack_policy: AckPolicy::None,
            deliver_policy: DeliverPolicy::All,
            headers_only: true,
            ..pull::Config::default()
        };
        let lost = |error: &dyn std::fmt::Display| QueueError::Unreachable(error.to_string());
        let consumer =
            self.results.create_consumer(config).await.map_err(|error| QueueError::of(&error, true))?;
        let mut tally = Tally::default();
        loop {
            let seen = tally.succeeded + tally.failed;
            let mut batch =
                consumer.fetch().max_messages(AT_ONCE).messages().await.map_err(|error| lost(&error))?;
            while let Some(message) = batch.next().await {
                let message = message.map_err(|error| lost(&error))?;
                let told = |name| {
                    message.headers.as_ref().and_then(|headers| headers.get(name)).map(|told| told.as_str())
                };
                match told(SUCCESS) {
                    Some("true") => tally.succeeded += 1,
                    _ => tally.failed += 1,
                }
                tally.tokens += told(TOKENS).and_then(|told| told.parse::<u64>().ok()).unwrap_or_default();
                if let Some(usd) = told(USD).and_then(|told| told.parse::<f64>().ok()) {
                    *tally.usd.get_or_insert(0.0) += usd;
                }
            }
            if tally.succeeded + tally.failed == seen {
                break;
            }
        }
        let _ = self.results.delete_consumer(&consumer.cached_info().name).await;
        Ok(tally)
    }
}
