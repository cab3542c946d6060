//! What may end a job from outside: SIGINT, SIGTERM, its deadline.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::{Exit, Failure};

/// Listens for the signals that ask the program to end.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Takes the signals over; they no longer kill.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for one.
    pub(super) async fn next(&mut self) -> Failure {
        let (name, exit) = tokio::select! {
            _ = self.interrupt.recv() => ("SIGINT", Exit::Interrupted),
            _ = self.terminate.recv() => ("SIGTERM", Exit::Terminated),
        };
        Failure { message: format!("the job was stopped by {name} before it was done"), hint: None, exit }
    }
}

/// Waits until `limit` has passed, for ever if there is none.
pub(super) async fn deadline(limit: Option<Duration>) -> Failure {
    let Some(limit) = limit else { return std::future::pending().await };
    tokio::time::sleep(limit).await;
    Failure {
        message: format!("the job's deadline of {} s passed before it was done", limit.as_secs_f64()),
        hint: Some("raise budget.deadline_s, lower max_rounds, or use a faster local model".into()),
        exit: Exit::Deadline,
    }
}
