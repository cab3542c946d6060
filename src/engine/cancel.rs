//! Tokens that end jobs from outside.

use std::sync::Arc;

use tokio::sync::watch;

use crate::error::{Failure, FailureKind};

/// Ends the jobs that run with it. Clones share it.
#[derive(Clone, Debug)]
pub struct CancelToken(Arc<watch::Sender<Option<Failure>>>);

impl Default for CancelToken {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl CancelToken {
    /// A token that is not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the jobs with a failure of the kind [`FailureKind::Cancelled`].
    pub fn cancel(&self) {
        self.cancel_because(Failure::new(FailureKind::Cancelled, "the job was cancelled before it was done"));
    }

    /// Ends the jobs with this failure. The first one counts.
    pub fn cancel_because(&self, failure: Failure) {
        self.0.send_if_modified(|reason| {
            let is_first = reason.is_none();
            if is_first {
                *reason = Some(failure);
            }
            is_first
        });
    }

    /// Whether the token is cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Waits until the token is cancelled, and gives the reason.
    pub async fn cancelled(&self) -> Failure {
        let mut reason = self.0.subscribe();
        let reason = reason.wait_for(Option::is_some).await.map(|reason| reason.clone());
        match reason {
            Ok(Some(failure)) => failure,
            // The sender lives as long as this token.
            _ => std::future::pending().await,
        }
    }
}
