//! Recording and replay: a recording writes every exchange with a model to a folder, and a replay runs a job on such a
//! folder alone.
//!
//! In: requests. Out: answers. In a recording they come from the models and are written down; in a replay they come
//! from the folder. Exchanges are recorded at the clients, above HTTP and the embedded engine, so that a replay needs
//! neither a network nor keys, and opens no server.

mod clients;
mod recording;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub(super) use clients::{Embedding, RecordedChat};
pub(super) use recording::Recording;
use recording::{read, write};

use super::JobOptions;
use crate::chat::secrets::Redactor;
use crate::error::{Failure, FailureKind};
use crate::job::{Job, Protocol};
use crate::sync::beside_runtime;

/// Whether a run records its exchanges, or replays them.
pub(super) enum Tape {
    /// Neither.
    Off,
    /// Writes the exchanges to this recording.
    Record(Arc<Recording>),
    /// Takes the exchanges from this recording of an earlier run.
    Replay(Arc<Recording>),
}

/// The first request of a job that its replay does not have.
#[derive(Clone, Default)]
pub(super) struct Missing(Arc<OnceLock<String>>);

impl Tape {
    pub(super) fn new(options: &JobOptions, redactor: &Redactor) -> Self {
        let recording = |dir: &Path| Arc::new(Recording::new(dir, redactor.clone()));
        match (&options.record, &options.replay) {
            (Some(dir), _) => Self::Record(recording(dir)),
            (None, Some(dir)) => Self::Replay(recording(dir)),
            (None, None) => Self::Off,
        }
    }

    /// The tape of one job; `job` is the job's name in a batch.
    pub(super) fn of_job(&self, job: Option<&str>) -> Self {
        match self {
            Self::Off => Self::Off,
            Self::Record(recording) => Self::Record(recording.of_job(job)),
            Self::Replay(recording) => Self::Replay(recording.of_job(job)),
        }
    }

    /// Refuses a job that may answer before all of its calls have ended: which those are differs from run to run.
    ///
    /// # Errors
    /// [`FailureKind::Input`] if such a job is recorded or replayed.
    pub(super) fn check(&self, job: &Job) -> Result<(), Failure> {
        match (self, &job.protocol) {
            (Self::Record(_) | Self::Replay(_), Protocol::Minions(params)) if params.anytime => {
                Err(Failure::input(
                    "call_params.anytime can't be recorded or replayed: which worker jobs the answer does not wait for differs from run to run",
                )
                .hint("leave anytime out, or --record and --replay"))
            }
            _ => Ok(()),
        }
    }

    /// Whether the exchanges are written.
    pub(super) fn is_recording(&self) -> bool {
        matches!(self, Self::Record(_))
    }

    /// The recording to write, whose folder is made first; `None` if nothing is recorded.
    ///
    /// # Errors
    /// [`FailureKind::Input`] if the folder cannot be made, or there is none to replay.
    pub(super) async fn recording(&self) -> Result<Option<&Arc<Recording>>, Failure> {
        let recording = match self {
            Self::Off => return Ok(None),
            Self::Replay(recording) => {
                let asked = Arc::clone(recording);
                return beside_runtime(move || asked.check()).await.map(|()| None);
            }
            Self::Record(recording) => recording,
        };
        let made = Arc::clone(recording);
        beside_runtime(move || made.prepare()).await?;
        Ok(Some(recording))
    }

    /// What this replay has of a file that the job names; `None` if nothing is replayed.
    ///
    /// # Errors
    /// [`FailureKind::Replay`] if it has nothing of it.
    pub(super) async fn recorded_file<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Failure> {
        let Self::Replay(recording) = self else { return Ok(None) };
        let exchange = Arc::new(recording.begin(file_request(name)));
        let answer = read(recording, &exchange).await;
        let kept =
            answer.and_then(|answer| serde_json::from_value(answer).map_err(|error| error.to_string()));
        kept.map(Some).map_err(|problem| {
            Failure::new(FailureKind::Replay, format!("the file {name} was not recorded: {problem}"))
                .hint(RECORD_AGAIN)
        })
    }

    /// Keeps what a file of the job gave, if the exchanges are recorded.
    pub(super) async fn keep_file(&self, name: &str, given: &impl Serialize) {
        let Self::Record(recording) = self else { return };
        let exchange = Arc::new(recording.begin(file_request(name)));
        write(recording, exchange, json!(given)).await;
    }

    /// What the sides told before this replay's protocol was chosen; `None` if nothing is replayed.
    ///
    /// # Errors
    /// [`FailureKind::Replay`] if it has nothing of it.
    pub(super) async fn recorded_sides<T: DeserializeOwned>(&self) -> Result<Option<T>, Failure> {
        let Self::Replay(recording) = self else { return Ok(None) };
        let answer = read(recording, &Arc::new(recording.begin(sides_request()))).await;
        let kept =
            answer.and_then(|answer| serde_json::from_value(answer).map_err(|error| error.to_string()));
        kept.map(Some).map_err(|problem| {
            Failure::new(FailureKind::Replay, format!("the choice of a protocol was not recorded: {problem}"))
                .hint(RECORD_AGAIN)
        })
    }

    /// Keeps what the sides told, if the exchanges are recorded.
    pub(super) async fn keep_sides(&self, told: &impl Serialize) {
        let Self::Record(recording) = self else { return };
        write(recording, Arc::new(recording.begin(sides_request())), json!(told)).await;
    }

    /// The longest chunk that the worker can read, in bytes: `known`, or in a replay the recorded one.
    pub(super) async fn max_chunk_bytes(&self, model: &str, known: Option<usize>) -> Option<usize> {
        let request = json!({"side": "window", "model": model});
        match self {
            Self::Off => known,
            Self::Record(recording) => {
                let exchange = Arc::new(recording.begin(request));
                write(recording, exchange, json!({"max_chunk_bytes": known})).await;
                known
            }
            Self::Replay(recording) => {
                let answer = read(recording, &Arc::new(recording.begin(request))).await.ok()?;
                answer["max_chunk_bytes"].as_u64().and_then(|bytes| usize::try_from(bytes).ok())
            }
        }
    }
}

/// What to do about a replay that lacks something.
pub(super) const RECORD_AGAIN: &str = "record the job again with --record, or run it as it was recorded";

fn sides_request() -> Value {
    json!({"side": "routing"})
}

fn file_request(name: &str) -> Value {
    json!({"side": "file", "name": name})
}

impl Missing {
    fn note(&self, what: String) {
        // Only the first missing request is told: later ones may be missing because of it.
        let _ = self.0.set(what);
    }

    /// Why the job failed, if a request was missing.
    pub(super) fn failure(&self) -> Option<Failure> {
        let what = self.0.get()?;
        Some(Failure::new(FailureKind::Replay, what.clone()).hint(RECORD_AGAIN))
    }
}
