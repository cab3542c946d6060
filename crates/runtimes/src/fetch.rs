//! Fetching a model through its server: a stream of lines that may end in an error, in silence, or too early.
//!
//! One loop serves all servers. A [`Dialect`] reads their lines and refusals.

use reqwest::StatusCode;
use serde_json::Value;
use tokio::time::Instant;

use super::api::{Api, Line, Lines};
use super::progress::{PullProgress, PullTracker};
use super::{RuntimeError, RuntimeErrorKind, Timeouts};

/// Reads what a server says of a fetch. Pure.
pub(super) trait Dialect: Sync {
    /// The meaning of one line.
    fn read(&self, line: &str) -> Step;

    /// The meaning of an answer whose status is not a success.
    fn refusal(&self, status: StatusCode, said: &str) -> ErrorBody;
}

/// What one line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Bytes of a layer.
    Layer {
        /// Which one.
        id: String,
        /// Bytes that are there.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// What the server is doing.
    Status(String),
    /// The model is there, if this is the last line.
    Done,
    /// It failed.
    ErrorBody(ErrorBody),
}

/// Why a fetch failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ErrorBody {
    /// The fetch can be resumed, for this reason.
    Resumable(String),
    /// Another try would fail the same way: kind, the server's words, hint.
    Final(RuntimeErrorKind, String, String),
}

/// One fetch.
pub(super) struct Fetch<'a> {
    pub(super) api: &'a Api,
    pub(super) timeouts: &'a Timeouts,
    pub(super) model: &'a str,
    /// The path and the body of the request.
    pub(super) path: &'a str,
    pub(super) body: Value,
    pub(super) progress: &'a dyn PullProgress,
}

impl Fetch<'_> {
    /// Fetches the model. A fetch that is cut or gets no byte is resumed.
    pub(super) async fn run(&self, dialect: &dyn Dialect) -> Result<(), RuntimeError> {
        tracing::info!("{} fetches {}", self.api.place, self.model);
        let mut tracker = PullTracker::new(self.model, self.progress);
        let mut left = self.timeouts.resumes;
        loop {
            let mark = tracker.restart();
            let why = match self.once(dialect, &mut tracker).await? {
                None => return Ok(()),
                Some(ErrorBody::Final(kind, said, hint)) => return Err(self.failed(kind, &said, &hint)),
                Some(ErrorBody::Resumable(why)) => self.api.clean(&why),
            };
            // New bytes came, so the network is slow or unreliable, but works.
            if tracker.is_beyond(mark) {
                left = self.timeouts.resumes;
            }
            if left == 0 {
                let hint =
                    "check the server's network; what it has is kept, and the next job goes on from there";
                return Err(self.failed(RuntimeErrorKind::PullFailed, &why, hint));
            }
            left -= 1;
            tracing::warn!("fetching {}: {why}; taking it up again", self.model);
            tokio::time::sleep(self.timeouts.pause).await;
        }
    }

    /// One try: `None` is success. An error means that the server is gone.
    async fn once(
        &self,
        dialect: &dyn Dialect,
        tracker: &mut PullTracker<'_>,
    ) -> Result<Option<ErrorBody>, RuntimeError> {
        let lines = self.api.stream(self.path, &self.body, self.timeouts.stall).await?;
        if lines.status.is_success() {
            return Ok(self.follow(lines, dialect, tracker).await);
        }
        let status = lines.status;
        let said = lines.rest(self.timeouts.answer, self.api).await;
        Ok(Some(dialect.refusal(status, &format!("HTTP {}: {said}", status.as_u16()))))
    }

    async fn follow(
        &self,
        mut lines: Lines,
        dialect: &dyn Dialect,
        tracker: &mut PullTracker<'_>,
    ) -> Option<ErrorBody> {
        let mut moved = Instant::now();
        let mut is_done = false;
        loop {
            let patience =
                if tracker.is_waiting_for_network() { self.timeouts.stall } else { self.timeouts.store };
            // Lines that keep coming may all report the same number. Dropping the stream makes the server stop the
            // download and keep its bytes.
            if moved.elapsed() >= patience {
                return Some(ErrorBody::Resumable(format!(
                    "not one new byte for {} s",
                    patience.as_secs_f64()
                )));
            }
            let step = match lines.next(moved + patience).await {
                Line::Text(line) => dialect.read(&line),
                // The last line decides.
                Line::End if is_done => return None,
                Line::End => {
                    return Some(ErrorBody::Resumable(
                        "the stream ended before the end of the model".to_owned(),
                    ));
                }
                Line::Lost(why) => return Some(ErrorBody::Resumable(why)),
                Line::Silent => continue,
            };
            is_done = step == Step::Done;
            let has_moved = match step {
                Step::Layer { id, done, total } => tracker.layer(&id, done, total),
                Step::Status(status) => tracker.status(&status),
                Step::Done => true,
                Step::ErrorBody(fault) => return Some(fault),
            };
            if has_moved {
                moved = Instant::now();
            }
        }
    }

    fn failed(&self, kind: RuntimeErrorKind, said: &str, hint: &str) -> RuntimeError {
        RuntimeError::new(
            kind,
            format!("{} could not fetch {:?}: {}", self.api.place, self.model, self.api.clean(said)),
        )
        .hint(hint)
    }
}
