//! Record and replay: every exchange with a model, in a folder, and a job that runs on these alone.
//!
//! In: requests. Out: in a recording the models' answers, which are written down as they come; in a replay what
//! was written. Exchanges are taken at the clients, above HTTP and the embedded engine, so that a replay needs
//! neither a network nor keys, and opens nothing.

mod clients;
mod recording;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use serde_json::json;

pub(super) use clients::{Embedding, RecordedChat};
pub(super) use recording::Recording;

use super::JobOptions;
use crate::chat::secrets::Redactor;
use crate::error::{Failure, FailureKind};

/// What a run does with its exchanges.
pub(super) enum Tape {
    /// Nothing.
    Off,
    /// Writes them.
    Record(Arc<Recording>),
    /// Has them from an earlier run.
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

    /// The same for a job; `job` is its name in a batch.
    pub(super) fn of_job(&self, job: Option<&str>) -> Self {
        match self {
            Self::Off => Self::Off,
            Self::Record(recording) => Self::Record(recording.of_job(job)),
            Self::Replay(recording) => Self::Replay(recording.of_job(job)),
        }
    }

    /// Whether it is written.
    pub(super) fn is_recording(&self) -> bool {
        matches!(self, Self::Record(_))
    }

    /// The recording, once it can be written.
    pub(super) fn recording(&self) -> Result<Option<&Arc<Recording>>, Failure> {
        let Self::Record(recording) = self else { return Ok(None) };
        recording.prepare()?;
        Ok(Some(recording))
    }

    /// The longest chunk that a worker can read: as it is known now, or was when it was recorded.
    pub(super) fn max_chunk_bytes(&self, model: &str, known: Option<usize>) -> Option<usize> {
        let request = json!({"side": "window", "model": model});
        match self {
            Self::Off => known,
            Self::Record(recording) => {
                recording.write(&recording.begin(request), json!({"max_chunk_bytes": known}));
                known
            }
            Self::Replay(recording) => {
                let answer = recording.read(&recording.begin(request)).ok()?;
                answer["max_chunk_bytes"].as_u64().and_then(|bytes| usize::try_from(bytes).ok())
            }
        }
    }
}

impl Missing {
    fn note(&self, what: String) {
        // The first one counts: what follows may only follow from it.
        let _ = self.0.set(what);
    }

    /// Why the job failed, if a request was missing.
    pub(super) fn failure(&self) -> Option<Failure> {
        let what = self.0.get()?;
        Some(
            Failure::new(FailureKind::Replay, what.clone())
                .hint("record the job again with --record, or run it as it was recorded"),
        )
    }
}
