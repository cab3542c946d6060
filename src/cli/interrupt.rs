//! What may end the program from outside: SIGINT, SIGTERM, the deadline of a batch.

use std::time::Duration;
use std::{io, thread};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level;
use tokio::sync::watch;

use minions::error::{Failure, FailureKind};

/// From a signal until the process ends all the same: somebody may have stopped reading its stdout.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Hears the signals that ask the program to end; they no longer kill.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(watch::Receiver<Heard>);

/// What came so far.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    signal: Option<i32>,
    /// A second one.
    again: bool,
}

impl Interrupt {
    /// Takes the signals over, on a thread of its own: it hears them before there is a runtime and while the
    /// envelope is written.
    pub(crate) fn listen() -> io::Result<Self> {
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let (tell, heard) = watch::channel(Heard::default());
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let Some(signal) = signals.forever().next() else { return };
            // Nobody listens once the job is done.
            let _ = tell.send(Heard { signal: Some(signal), again: false });
            let last_words = move || {
                thread::sleep(LAST_WORDS);
                low_level::exit(128 + signal);
            };
            if thread::Builder::new().spawn(last_words).is_err() {
                low_level::exit(128 + signal);
            }
            for _ in signals.forever() {
                let _ = tell.send(Heard { signal: Some(signal), again: true });
            }
        })?;
        Ok(Self(heard))
    }

    /// Waits for one.
    pub(crate) async fn heard(&mut self) -> Failure {
        let signal =
            self.0.wait_for(|heard| heard.signal.is_some()).await.ok().and_then(|heard| heard.signal);
        let (name, kind) = match signal {
            Some(SIGINT) => ("SIGINT", FailureKind::Cancelled),
            Some(_) => ("SIGTERM", FailureKind::Terminated),
            // Its thread is gone, which only the end of the process does.
            None => std::future::pending().await,
        };
        Failure::new(kind, format!("the job was stopped by {name} before it was done"))
    }

    /// Waits for a second one: whoever sent it wants no last words.
    pub(crate) async fn heard_again(&mut self) {
        if self.0.wait_for(|heard| heard.again).await.is_err() {
            std::future::pending().await
        }
    }
}

/// Waits until the run's `limit` has passed, for ever if there is none.
pub(crate) async fn run_deadline(limit: Option<Duration>) -> Failure {
    let Some(limit) = limit else { return std::future::pending().await };
    tokio::time::sleep(limit).await;
    let message = format!("the run's deadline of {} s passed before the job was done", limit.as_secs_f64());
    Failure::new(FailureKind::Deadline, message).hint("raise --deadline and go on with --resume")
}
