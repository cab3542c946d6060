//! One batch: how far it is, as OpenAI describes it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Instant, SystemTime};

use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use crate::serve::owner::Owner;
use crate::sync::lock;

/// A batch.
pub(super) struct Batch {
    pub id: String,
    pub owner: Owner,
    pub input: String,
    pub endpoint: String,
    pub metadata: Value,
    is_cancelled: AtomicBool,
    cancel: Notify,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    status: &'static str,
    ended: Option<Instant>,
    /// When which state was reached, by OpenAI's names.
    times: Map<String, Value>,
    total: usize,
    completed: usize,
    failed: usize,
    output: Option<String>,
    errors_file: Option<String>,
    problems: Option<Vec<Value>>,
}

impl Batch {
    pub(super) fn new(id: String, owner: Owner, input: String, endpoint: String, metadata: Value) -> Self {
        let progress = Progress { status: "validating", ..Progress::default() };
        let batch = Self {
            id,
            owner,
            input,
            endpoint,
            metadata,
            is_cancelled: AtomicBool::new(false),
            cancel: Notify::new(),
            progress: Mutex::new(progress),
        };
        batch.reach("validating", "created_at");
        batch
    }

    fn reach(&self, status: &'static str, time: &str) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut progress = lock(&self.progress);
        progress.status = status;
        if is_end(status) {
            progress.ended = Some(Instant::now());
        }
        progress.times.insert(time.to_owned(), now.as_secs().into());
    }

    /// Its lines are no requests, or not all that they gave can be kept.
    pub(super) fn refuse(&self, problems: Vec<Value>) {
        lock(&self.progress).problems = Some(problems);
        self.reach("failed", "failed_at");
    }

    /// Its requests are being made.
    pub(super) fn begin(&self, total: usize) {
        lock(&self.progress).total = total;
        if !self.is_cancelled() {
            self.reach("in_progress", "in_progress_at");
        }
    }

    /// A request has ended.
    pub(super) fn count(&self, has_answer: bool) {
        let mut progress = lock(&self.progress);
        if has_answer {
            progress.completed += 1;
        } else {
            progress.failed += 1;
        }
    }

    /// The lines that there are, are in these files.
    pub(super) fn keep(&self, output: Option<String>, errors_file: Option<String>) {
        let mut progress = lock(&self.progress);
        (progress.output, progress.errors_file) = (output, errors_file);
    }

    /// All requests have ended.
    pub(super) fn end(&self) {
        match self.is_cancelled() {
            true => self.reach("cancelled", "cancelled_at"),
            false => self.reach("completed", "completed_at"),
        }
    }

    /// Ends it early; `false` if it has ended.
    pub(super) fn cancel(&self) -> bool {
        if self.has_ended() {
            return false;
        }
        if !self.is_cancelled.swap(true, SeqCst) {
            self.reach("cancelling", "cancelling_at");
            self.cancel.notify_waiters();
        }
        true
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(SeqCst)
    }

    /// Waits until it is ended early.
    pub(super) async fn cancelled(&self) {
        let notified = self.cancel.notified();
        if !self.is_cancelled() {
            notified.await;
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        is_end(lock(&self.progress).status)
    }

    /// When it ended.
    pub(super) fn ended(&self) -> Option<Instant> {
        lock(&self.progress).ended
    }

    /// As OpenAI describes it. `within` are the seconds that it is kept behind its end.
    pub(super) fn object(&self, within: u64) -> Value {
        let progress = lock(&self.progress);
        let time = |name: &str| progress.times.get(name).cloned().unwrap_or_default();
        let ended =
            ["completed_at", "failed_at", "cancelled_at"].into_iter().find_map(|name| time(name).as_u64());
        let expires = ended.map(|at| at.saturating_add(within));
        let errors = progress.problems.as_ref().map(|problems| json!({"object": "list", "data": problems}));
        json!({
            "id": self.id,
            "object": "batch",
            "endpoint": self.endpoint,
            "errors": errors,
            "input_file_id": self.input,
            "completion_window": "24h",
            "status": progress.status,
            "output_file_id": progress.output,
            "error_file_id": progress.errors_file,
            "created_at": time("created_at"),
            "in_progress_at": time("in_progress_at"),
            "expires_at": expires,
            "finalizing_at": null,
            "completed_at": time("completed_at"),
            "failed_at": time("failed_at"),
            "expired_at": null,
            "cancelling_at": time("cancelling_at"),
            "cancelled_at": time("cancelled_at"),
            "request_counts": {"total": progress.total, "completed": progress.completed, "failed": progress.failed},
            "metadata": self.metadata,
        })
    }
}

fn is_end(status: &str) -> bool {
    matches!(status, "failed" | "completed" | "cancelled")
}
