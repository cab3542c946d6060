//! Jobs on their way to a worker.

use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::{AckKind, Message};
use futures_util::StreamExt;

use crate::queue::patient;
use crate::wire::{CUSTOM_ID, Job};
use crate::{Queue, QueueError, results, subject};

/// How long a worker waits for a job before it asks anew.
const WAIT: Duration = Duration::from_secs(1);
/// How often a job is given to a worker.
const ATTEMPTS: i64 = 4;
/// The attempt from which on a job is under suspicion.
const SUSPECT: i64 = 3;
/// How many times within its patience a worker says that it is at work.
const SIGNS: u32 = 3;

/// The jobs of a queue for one worker.
pub struct Work {
    queue: Queue,
    consumer: PullConsumer,
}

/// A job that is this worker's until it says so no more.
pub struct Delivery {
    message: Message,
    queue: Queue,
    /// The job's number among those of the queue.
    number: u64,
    /// Which attempt this is.
    attempts: i64,
    /// Its custom_id, by which it is told apart.
    pub custom_id: String,
}

/// What came of asking for jobs.
pub enum Pulled {
    /// A job to do.
    Job(Job, Delivery),
    /// A job that ended its worker each time: how often.
    Poison(Delivery, i64),
    /// A job that can't be read any more: why.
    Damaged(Delivery, String),
}

impl Work {
    /// The work of `queue`.
    ///
    /// # Errors
    /// The broker does not answer.
    pub async fn of(queue: &Queue) -> Result<Self, QueueError> {
        let consumer = patient(|| queue.consumer(None)).await?;
        Ok(Self { queue: queue.clone(), consumer })
    }

    /// Between two signs that a job is being worked on.
    pub fn beat(&self) -> Duration {
        self.consumer.cached_info().config.ack_wait / SIGNS
    }

    /// As many jobs as there are, `most` at most; none if none comes for a moment. Jobs that have a result are left out.
    ///
    /// # Errors
    /// The broker does not answer for some time.
    pub async fn pull(&self, most: usize) -> Result<Vec<Pulled>, QueueError> {
        let there = self.messages(self.consumer.fetch().max_messages(most).messages().await).await;
        let messages = match there {
            Ok(messages) if messages.is_empty() => {
                let wait = self.consumer.batch().max_messages(1).expires(WAIT).messages().await;
                self.messages(wait).await
            }
            there => there,
        };
        let messages = match messages {
            Ok(messages) => messages,
            Err(error) => {
                tracing::debug!("queue: {error}");
                tokio::time::sleep(WAIT / 4).await;
                return Ok(Vec::new());
            }
        };
        let mut pulled = Vec::new();
        for message in messages {
            pulled.extend(self.read(message).await?);
        }
        Ok(pulled)
    }

    async fn messages<E: std::fmt::Display>(
        &self,
        batch: Result<async_nats::jetstream::consumer::pull::Batch, E>,
    ) -> Result<Vec<Message>, QueueError> {
        let lost = |error: &dyn std::fmt::Display| QueueError::Unreachable(error.to_string());
        let mut batch = batch.map_err(|error| lost(&error))?;
        let mut messages = Vec::new();
        while let Some(message) = batch.next().await {
            match message {
                Ok(message) => messages.push(message),
                Err(error) if messages.is_empty() => return Err(lost(&error)),
                // What came is ours all the same.
                Err(_) => break,
            }
        }
        Ok(messages)
    }

    /// The job of a message, unless it has a result.
    async fn read(&self, message: Message) -> Result<Option<Pulled>, QueueError> {
        let headers = message.headers.clone().unwrap_or_default();
        let (delivered, number) =
            message.info().map_or((1, 0), |info| (info.delivered, info.stream_sequence));
        let told = headers.get(CUSTOM_ID).and_then(|told| serde_json::from_str(told.as_str()).ok());
        let Some(custom_id) = told else {
            tracing::error!("message {number} of the queue's jobs is none of ours, and is taken away");
            self.queue.jobs.delete_message(number).await.map_err(|error| QueueError::of(&error, true))?;
            return Ok(None);
        };
        let mut delivery = Delivery { queue: self.queue.clone(), number, attempts: 1, custom_id, message };
        let payload = &delivery.message.payload;
        let bytes = patient(|| self.queue.unpacked(&headers, payload.clone())).await;
        let job = bytes.and_then(|bytes| {
            serde_json::from_slice::<Job>(&bytes)
                .map_err(|error| QueueError::Unusable(format!("the job is damaged in the queue: {error}")))
        });
        let job = match job {
            Ok(job) => job,
            Err(QueueError::Unusable(problem)) => return Ok(Some(Pulled::Damaged(delivery, problem))),
            Err(error) => return Err(error),
        };
        if delivered > 1 && self.queue.has_result(&job.custom_id, number).await? {
            delivery.done().await;
            return Ok(None);
        }
        if delivered > 1 {
            // Those that were handed back count for nothing.
            delivery.attempts = delivered - delivery.handed_back().await?;
        }
        Ok(Some(match delivery.attempts {
            attempts if attempts > ATTEMPTS => Pulled::Poison(delivery, attempts - 1),
            _ => Pulled::Job(job, delivery),
        }))
    }
}

impl Delivery {
    fn key(&self) -> String {
        format!("back.{}.{}", subject::key(&self.custom_id), self.number)
    }

    /// Keeps the result of its job, unless it has one, and is done; tries until the broker has it.
    ///
    /// # Errors
    /// The broker refuses it for good.
    pub async fn keep(&self, result: &results::Result) -> Result<(), QueueError> {
        self.queue.publish(result, self.number).await?;
        self.done().await;
        Ok(())
    }

    /// How often it was handed back.
    async fn handed_back(&self) -> Result<i64, QueueError> {
        let key = self.key();
        let kept = patient(|| async {
            self.queue.keys.get(&*key).await.map_err(|error| QueueError::of(&error, true))
        });
        Ok(kept.await?.and_then(|bytes| std::str::from_utf8(&bytes).ok()?.parse().ok()).unwrap_or(0))
    }

    /// Its result is kept. Where this is lost, the job comes again, and is found to be done.
    async fn done(&self) {
        if let Err(error) = self.message.ack().await {
            tracing::debug!("queue: {error}");
        }
    }

    /// It is still being worked on.
    pub async fn goes_on(&self) {
        if let Err(error) = self.message.ack_with(AckKind::Progress).await {
            tracing::debug!("queue: {error}");
        }
    }

    /// Whether its workers have ended so often that it may be what ends them: it must not be beside another such job.
    pub fn is_suspect(&self) -> bool {
        self.attempts >= SUSPECT
    }

    /// Another worker is to do it, or this one `later`.
    pub async fn hand_back(&self, later: Option<Duration>) {
        let count = self.handed_back().await.unwrap_or(0) + 1;
        let noted = self.queue.keys.put(self.key(), count.to_string().into()).await.map(drop);
        if let Err(error) = noted {
            tracing::debug!("queue: {error}");
        }
        // Waited for, as the connection ends with the program.
        if let Err(error) = self.message.double_ack_with(AckKind::Nak(later)).await {
            tracing::debug!("queue: {error}");
        }
    }
}
