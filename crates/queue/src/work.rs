//! Jobs on their way to a worker.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::{AckKind, Message};
use futures_util::StreamExt;
use futures_util::future::join_all;

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
    /// The name of the worker.
    worker: String,
    /// How often it has noted that it has a job, as its notes must differ.
    claims: AtomicU64,
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
    /// The work of `queue` for the worker with the name `worker`.
    ///
    /// # Errors
    /// The broker does not answer.
    pub async fn of(queue: &Queue, worker: &str) -> Result<Self, QueueError> {
        let consumer = patient(|| queue.consumer(None)).await?;
        Ok(Self { queue: queue.clone(), consumer, worker: worker.to_owned(), claims: AtomicU64::new(0) })
    }

    /// How long a worker may be silent before another one gets its job.
    fn lost_after(&self) -> Duration {
        self.consumer.cached_info().config.ack_wait
    }

    /// Between two signs that a job is being worked on.
    pub fn beat(&self) -> Duration {
        self.lost_after() / SIGNS
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
        let read = join_all(messages.into_iter().map(|message| self.read(message))).await;
        read.into_iter().filter_map(Result::transpose).collect()
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

    /// The job of a message, unless it has a result, or is another worker's.
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
        // A broker that was killed has forgotten its last deliveries, or when they were, and makes them again at once.
        let claimed = self.claim(&delivery).await;
        let is_again = delivered > 1 || claimed.is_some();
        if is_again && self.queue.has_result(&job.custom_id, number).await? {
            delivery.done().await;
            return Ok(None);
        }
        if claimed.is_some_and(|age| delivered == 1 || age < self.lost_after() / 2) {
            // What becomes of it, its worker says, or that worker's silence.
            delivery.not_now(Some(self.lost_after())).await;
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

    /// Notes that this worker has the job; how long ago another one noted it, if one did.
    async fn claim(&self, delivery: &Delivery) -> Option<Duration> {
        // The broker takes a job for as old as its message, and after a restart for silent, unless it hears of it once.
        delivery.goes_on().await;
        let claim = format!("{} {}", self.worker, self.claims.fetch_add(1, Relaxed));
        // The note saves calls, and nothing else hangs on it.
        self.queue.claim(&delivery.key(), claim.into()).await.unwrap_or_else(|error| {
            tracing::debug!("queue: {error}");
            None
        })
    }
}

impl Delivery {
    /// Its key in a bucket.
    fn key(&self) -> String {
        format!("{}.{}", subject::key(&self.custom_id), self.number)
    }

    /// The key under which it is counted how often it was handed back.
    fn key_of_returns(&self) -> String {
        format!("back.{}", self.key())
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
        let key = self.key_of_returns();
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
        if let Err(error) = self.queue.claims.purge(self.key()).await {
            tracing::debug!("queue: {error}");
        }
        self.not_now(later).await;
    }

    /// It is to come again, and this time counts for nothing.
    async fn not_now(&self, later: Option<Duration>) {
        let count = self.handed_back().await.unwrap_or(0) + 1;
        let noted = self.queue.keys.put(self.key_of_returns(), count.to_string().into()).await.map(drop);
        if let Err(error) = noted {
            tracing::debug!("queue: {error}");
        }
        // Waited for, as the connection ends with the program.
        if let Err(error) = self.message.double_ack_with(AckKind::Nak(later)).await {
            tracing::debug!("queue: {error}");
        }
    }
}
