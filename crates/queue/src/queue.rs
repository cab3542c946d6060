//! A queue on a server: what it consists of, how it is made, and how many jobs it has.

use std::future::Future;
use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::context::{
    ContextBuilder, CreateStreamErrorKind, GetStreamErrorKind, PublishErrorKind,
};
use async_nats::jetstream::object_store::{self, ObjectStore};
use async_nats::jetstream::stream::{StorageType, Stream};
use async_nats::jetstream::{Context, kv, stream};
use async_nats::{ConnectErrorKind, ConnectOptions, HeaderMap};
use bytes::Bytes;

use crate::subject::{self, part};
use crate::{Address, QueueError};

/// How long an answer of the broker is waited for.
const ANSWER: Duration = Duration::from_secs(5);
/// How long a command tries to reach a broker that is away.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(250);
/// How long the note of a worker stays that says no more.
pub(crate) const NOTE_STAYS: Duration = Duration::from_secs(20);
/// How long a worker may be silent before another one gets its job.
const LOST_AFTER: Duration = Duration::from_secs(60);
/// How long it is known who took a job first: longer than a broker is away that was killed.
const CLAIM_STAYS: Duration = Duration::from_secs(600);
/// Jobs that may be with workers at the same time.
const RUNNING: i64 = 1 << 20;

/// A queue.
#[derive(Clone)]
pub struct Queue {
    pub(crate) address: Address,
    pub(crate) context: Context,
    pub(crate) jobs: Stream,
    pub(crate) results: Stream,
    pub(crate) keys: kv::Store,
    pub(crate) workers: kv::Store,
    pub(crate) claims: kv::Store,
    pub(crate) objects: ObjectStore,
}

/// How many jobs a queue has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All that were submitted.
    pub jobs: u64,
    /// Those that no worker has yet.
    pub waiting: u64,
    /// Those that workers have.
    pub running: u64,
    /// Those with a result, be it an answer or an error.
    pub ended: u64,
}

impl Queue {
    /// The queue at `address`, which is made if it is not there.
    ///
    /// # Errors
    /// The broker does not answer, refuses us, or has no room.
    pub async fn make(address: Address) -> Result<Self, QueueError> {
        let context = connect(&address).await?;
        patient(|| Self::make_with(address.clone(), context.clone())).await
    }

    /// The queue at `address`.
    ///
    /// # Errors
    /// As [`Queue::make`], and there is none.
    pub async fn open(address: Address) -> Result<Self, QueueError> {
        let context = connect(&address).await?;
        let name = part(&address.name, "jobs");
        let look = || async {
            context.get_stream(&name).await.map_err(|error| match error.kind() {
                GetStreamErrorKind::JetStream(told) => QueueError::told(&told),
                _ => QueueError::of(&error, true),
            })
        };
        match patient(look).await {
            Ok(_) => patient(|| Self::make_with(address.clone(), context.clone())).await,
            Err(QueueError::Missing(_)) => Err(QueueError::Missing(address.to_string())),
            Err(error) => Err(error),
        }
    }

    async fn make_with(address: Address, context: Context) -> Result<Self, QueueError> {
        let stream = |purpose: &str| stream::Config {
            name: part(&address.name, &format!("{purpose}s")),
            subjects: vec![subject::of(&address.name, purpose, "*")],
            storage: StorageType::File,
            allow_direct: true,
            // A newer one takes the place of an older one.
            max_messages_per_subject: 1,
            ..stream::Config::default()
        };
        let made = |error: &async_nats::jetstream::context::CreateStreamError| match error.kind() {
            CreateStreamErrorKind::JetStream(told) => QueueError::told(&told),
            _ => QueueError::of(error, true),
        };
        let jobs = context.get_or_create_stream(stream("job")).await.map_err(|error| made(&error))?;
        let results = context.get_or_create_stream(stream("result")).await.map_err(|error| made(&error))?;
        let bucket = |purpose, max_age| kv::Config {
            bucket: part(&address.name, purpose),
            max_age,
            ..kv::Config::default()
        };
        let store = |config| context.create_key_value(config);
        let keys =
            store(bucket("keys", Duration::ZERO)).await.map_err(|error| QueueError::of(&error, true))?;
        let workers =
            store(bucket("workers", NOTE_STAYS)).await.map_err(|error| QueueError::of(&error, true))?;
        let claims =
            store(bucket("claims", CLAIM_STAYS)).await.map_err(|error| QueueError::of(&error, true))?;
        let files =
            object_store::Config { bucket: part(&address.name, "files"), ..object_store::Config::default() };
        let objects =
            context.create_object_store(files).await.map_err(|error| QueueError::of(&error, true))?;
        Ok(Self { address, context, jobs, results, keys, workers, claims, objects })
    }

    /// The consumer that all workers share. `lost_after`: how long a worker may be silent, where that is to change.
    pub(crate) async fn consumer(
        &self,
        lost_after: Option<Duration>,
    ) -> Result<async_nats::jetstream::consumer::PullConsumer, QueueError> {
        let config = |ack_wait| pull::Config {
            durable_name: Some("work".to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait,
            max_ack_pending: RUNNING,
            ..pull::Config::default()
        };
        let there = self.jobs.get_consumer::<pull::Config>("work").await;
        match (there, lost_after) {
            (Ok(consumer), None) => Ok(consumer),
            (Ok(_), Some(ack_wait)) => self
                .jobs
                .update_consumer(config(ack_wait))
                .await
                .map_err(|error| QueueError::of(&error, true)),
            (Err(_), lost_after) => self
                .jobs
                .create_consumer(config(lost_after.unwrap_or(LOST_AFTER)))
                .await
                .map_err(|error| QueueError::of(&error, true)),
        }
    }

    /// Has a job go to another worker once its own was silent for so long.
    ///
    /// # Errors
    /// The broker does not do it.
    pub async fn set_lost_after(&self, silence: Duration) -> Result<(), QueueError> {
        patient(|| self.consumer(Some(silence))).await.map(drop)
    }

    /// How many jobs there are.
    ///
    /// # Errors
    /// The broker does not tell.
    pub async fn counts(&self) -> Result<Counts, QueueError> {
        patient(|| async {
            let info = |stream: Stream| async move {
                stream.get_info().await.map(|info| info.state).map_err(|error| QueueError::of(&error, true))
            };
            let consumer = self.consumer(None).await?;
            let consumer = consumer.get_info().await.map_err(|error| QueueError::of(&error, true))?;
            let (jobs, results) = (info(self.jobs.clone()).await?, info(self.results.clone()).await?);
            Ok(Counts {
                jobs: jobs.messages,
                waiting: consumer.num_pending,
                running: consumer.num_ack_pending as u64,
                ended: results.messages,
            })
        })
        .await
    }

    /// Publishes a message in place of that with the number `before`, 0 for none; whether that was the last of its subject.
    pub(crate) async fn publish_behind(
        &self,
        before: u64,
        subject: String,
        mut headers: HeaderMap,
        payload: Bytes,
    ) -> Result<bool, QueueError> {
        headers.insert("Nats-Expected-Last-Subject-Sequence", before.to_string());
        let lost = |kind| {
            use PublishErrorKind::{BrokenPipe, MaxAckPending, StreamNotFound, TimedOut};
            matches!(kind, BrokenPipe | MaxAckPending | StreamNotFound | TimedOut)
        };
        let sent = self.context.publish_with_headers(subject, headers, payload).await;
        let sent = match sent {
            Ok(sent) => sent.await,
            Err(error) => Err(error),
        };
        match sent {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(false),
            Err(error) => Err(QueueError::of(&error, lost(error.kind()))),
        }
    }
}

async fn connect(address: &Address) -> Result<Context, QueueError> {
    let unreachable = |error: async_nats::ConnectError| match error.kind() {
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
            QueueError::Refused(error.to_string())
        }
        ConnectErrorKind::ServerParse => QueueError::Unusable(error.to_string()),
        _ => QueueError::Unreachable(format!("{address}: {error}")),
    };
    let options = || {
        ConnectOptions::new()
            .name("minions")
            .connection_timeout(ANSWER)
            .max_reconnects(None)
            .reconnect_delay_callback(|_| PAUSE)
            .event_callback(|event| async move { tracing::debug!("queue: {event}") })
    };
    let client = options().connect(&address.server).await.map_err(unreachable)?;
    Ok(ContextBuilder::new().timeout(ANSWER).ack_timeout(ANSWER).build(client))
}

/// Tries again for a while what fails because the broker does not answer.
pub(crate) async fn patient<T, F: Future<Output = Result<T, QueueError>>>(
    attempt: impl Fn() -> F,
) -> Result<T, QueueError> {
    let begun = tokio::time::Instant::now();
    loop {
        match attempt().await {
            Err(error) if error.may_pass() && begun.elapsed() < PATIENCE => tokio::time::sleep(PAUSE).await,
            outcome => return outcome,
        }
    }
}

/// Tries again until the broker has taken it: it may be away, or have no room, for any time.
pub(crate) async fn stubborn<T, F: Future<Output = Result<T, QueueError>>>(
    attempt: impl Fn() -> F,
) -> Result<T, QueueError> {
    let mut is_told = false;
    loop {
        match attempt().await {
            Err(error) if error.may_pass() || matches!(error, QueueError::Full(_)) => {
                if !std::mem::replace(&mut is_told, true) {
                    tracing::warn!("{error}; it is tried until it works");
                }
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}
