//! One run: a job that was sent here, its events, and how far it is.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Instant, SystemTime};

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::owner::Owner;
use super::stored::StoredFile;
use crate::documents::Document;
use crate::engine::CancelToken;
use crate::error::{Failure, FailureKind};
use crate::events::{EventKind, EventLog, Events};
use crate::job::{Conversation, Job};
use crate::sync::lock;

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunState {
    /// It waits for its turn.
    Queued,
    /// It is under way.
    Running,
    /// It has its answer.
    Done,
    /// It has none.
    Failed,
    /// It was ended from outside.
    Cancelled,
}

impl RunState {
    /// As responses name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// What a failure of this kind leaves.
    fn of(kind: Option<FailureKind>) -> Self {
        match kind {
            Some(FailureKind::Cancelled | FailureKind::Terminated) => Self::Cancelled,
            _ => Self::Failed,
        }
    }

    /// Whether nothing more happens.
    pub(crate) fn is_ended(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// A job that may run, with what it needs.
pub(crate) struct Admitted {
    /// The checked job.
    pub job: Job,
    /// As it came, without the texts of its documents.
    pub shown: Value,
    /// The uploads that it reads, which stay as long as it is kept.
    pub files: Vec<Arc<StoredFile>>,
    /// Dollars that are set aside for it.
    pub reserved: f64,
    /// Whether its exchanges with models are recorded.
    pub is_recorded: bool,
    /// Whether it is a line of a batch, which waits behind its owner's other runs.
    pub is_of_batch: bool,
}

/// A run.
pub(crate) struct Run {
    /// Its id, which nobody guesses.
    pub id: String,
    /// Whose it is.
    pub owner: Owner,
    /// When it was sent, in seconds since 1970.
    pub created_at: u64,
    /// What came.
    pub admitted: Admitted,
    /// Where its events go.
    pub events: Events,
    /// All of them so far.
    pub log: Arc<EventLog>,
    /// Ends it.
    pub cancel: CancelToken,
    /// The recording of its exchanges, if there is one.
    pub recording: OnceLock<tempfile::TempDir>,
    /// Its documents, once somebody has asked for them.
    pub documents: tokio::sync::OnceCell<Arc<[Document]>>,
    for_running: Mutex<Option<ForRunning>>,
    progress: Mutex<Progress>,
}

/// What a job needs only until it has run.
struct ForRunning {
    images: Vec<String>,
    conversation: Option<Conversation>,
}

struct Progress {
    state: RunState,
    ended: Option<Instant>,
    bytes: usize,
}

impl Run {
    /// A run that waits.
    pub(crate) fn new(
        id: String,
        owner: Owner,
        mut admitted: Admitted,
        log: Arc<EventLog>,
        events: Events,
    ) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let Job { images, conversation, .. } = &mut admitted.job;
        // A session says what a run's documents are, also once it has ended.
        let conversation = conversation.take_if(|conversation| conversation.session.is_none());
        let for_running = ForRunning { images: std::mem::take(images), conversation };
        Self {
            id,
            owner,
            created_at: now.as_secs(),
            admitted,
            events,
            log,
            cancel: CancelToken::new(),
            recording: OnceLock::new(),
            documents: tokio::sync::OnceCell::new(),
            for_running: Mutex::new(Some(for_running)),
            progress: Mutex::new(Progress { state: RunState::Queued, ended: None, bytes: 0 }),
        }
    }

    /// The whole job, to be run once.
    pub(crate) fn job(&self) -> Job {
        let mut job = self.admitted.job.clone();
        if let Some(ForRunning { images, conversation }) = lock(&self.for_running).take() {
            (job.images, job.conversation) = (images, conversation.or(job.conversation));
        }
        job
    }

    /// How far it is. It has ended with its last event, though its end is not noted yet.
    pub(crate) fn state(&self) -> RunState {
        let state = lock(&self.progress).state;
        match self.log.last().as_deref().map(|event| &event.kind) {
            Some(EventKind::Finished { success, kind, .. }) if !state.is_ended() => {
                if *success {
                    RunState::Done
                } else {
                    RunState::of(*kind)
                }
            }
            _ => state,
        }
    }

    /// It has its turn; `false` if it was ended before.
    pub(crate) fn begin(&self) -> bool {
        let mut progress = lock(&self.progress);
        let waits = progress.state == RunState::Queued;
        if waits {
            progress.state = RunState::Running;
        }
        waits
    }

    /// It has ended, with an answer or for this reason. The first end counts.
    pub(crate) fn end(&self, outcome: Result<(), &Failure>) {
        let bytes = self.weight();
        drop(lock(&self.for_running).take());
        let mut progress = lock(&self.progress);
        if progress.state.is_ended() {
            return;
        }
        progress.state = match outcome {
            Ok(()) => RunState::Done,
            Err(failure) => RunState::of(Some(failure.kind)),
        };
        progress.ended = Some(Instant::now());
        progress.bytes += bytes;
    }

    /// So many more bytes are kept of it.
    pub(crate) fn grow(&self, bytes: usize) {
        lock(&self.progress).bytes += bytes;
    }

    /// When it ended, and about how many bytes it takes.
    pub(crate) fn ended(&self) -> Option<(Instant, usize)> {
        let progress = lock(&self.progress);
        let files: u64 = self.admitted.files.iter().map(|file| file.left_behind()).sum();
        Some((progress.ended?, progress.bytes.saturating_add(usize::try_from(files).unwrap_or(usize::MAX))))
    }

    /// Ends it from outside, before its turn or in the middle.
    pub(crate) fn stop(&self, reason: Failure) {
        self.cancel.cancel_because(reason);
    }

    /// Its envelope, once it has ended.
    pub(crate) fn envelope(&self) -> Option<Box<RawValue>> {
        match &self.log.last()?.kind {
            EventKind::Finished { envelope, .. } => envelope.clone(),
            _ => None,
        }
    }

    /// About how many bytes it takes.
    fn weight(&self) -> usize {
        let of_event = |kind: &EventKind| match kind {
            EventKind::Delta { text, .. } | EventKind::Message { text, .. } => text.len(),
            EventKind::Program { code, .. } => code.len(),
            EventKind::Finished { envelope, .. } => envelope.as_ref().map_or(0, |json| json.get().len()),
            _ => 100,
        };
        let events: usize = self.log.all().iter().map(|event| 200 + of_event(&event.kind)).sum();
        let texts: usize = self.admitted.job.context.iter().map(|document| document.text.len()).sum();
        let recorded = self.recording.get().and_then(|folder| std::fs::read_dir(folder.path()).ok());
        let files = recorded.into_iter().flatten().flatten().flat_map(|file| file.metadata());
        let recording: usize = files.map(|file| usize::try_from(file.len()).unwrap_or(usize::MAX)).sum();
        // Its question and options are there as they came, and once more in the job.
        events + texts + recording + 2 * self.admitted.shown.to_string().len()
    }

    /// As lists show it.
    pub(crate) fn summary(&self, position: Option<usize>) -> Value {
        let mut summary = json!({
            "id": self.id,
            "object": "run",
            "state": self.state().name(),
            "created_at": self.created_at,
            "url": format!("/v1/runs/{}", self.id),
            "task": self.admitted.job.task,
            "protocol": self.admitted.job.protocol.name(),
            "is_recorded": self.admitted.is_recorded,
        });
        if let Some(position) = position {
            summary["position"] = position.into();
        }
        summary
    }
}
