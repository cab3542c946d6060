//! `minions submit`, `work`, `collect`, `status`: a batch over many machines, by a queue on NATS.
//!
//! In: jobs, as a batch takes them. Out: its lines. A worker is a batch whose jobs the queue hands over and whose lines
//! it takes.

mod budget;
mod cache;
mod collect;
mod flight;
mod options;
mod status;
mod submit;
mod trees;
mod work;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use minions::error::{Exit, Failure, FailureKind};
use minions_queue::{Address, QueueError};

use super::events_file::EventsFile;
use super::program::Program;

pub(crate) use options::QueueWork;
pub(crate) use options::{COLLECT_EXAMPLES, SUBMIT_EXAMPLES, WORK_EXAMPLES};
pub(crate) use options::{CollectOptions, StatusOptions, SubmitOptions, WorkOptions};

/// The variable that says where the queue is.
const ENV_QUEUE: &str = "MINIONS_QUEUE";

impl Program {
    /// Does `work` to its end or a signal.
    pub(super) async fn queue(
        self,
        work: QueueWork,
        events: Option<Arc<EventsFile>>,
    ) -> Result<Exit, Failure> {
        let mut interrupt = self.interrupt.clone();
        let address = self.address(work.address())?;
        let done: Pin<Box<dyn Future<Output = Result<Exit, Failure>> + Send>> = match work {
            // It hears signals itself, as it has jobs to hand back.
            QueueWork::Work(options) => return work::work(self, *options, address, events).await,
            QueueWork::Submit(options) => Box::pin(submit::submit(self, options, address)),
            QueueWork::Collect(options) => Box::pin(collect::collect(options, address)),
            QueueWork::Status(options) => Box::pin(status::status(options, address)),
        };
        tokio::select! {
            exit = done => exit,
            stopped = interrupt.heard() => Err(stopped),
        }
    }

    fn address(&self, given: Option<Address>) -> Result<Address, Failure> {
        let named = given.map(Ok).or_else(|| Some(self.environment.get(ENV_QUEUE)?.parse()));
        match named {
            Some(address) => address.map_err(|problem| Failure::input(format!("{ENV_QUEUE}: {problem}"))),
            None => Err(Failure::input("no queue is named").hint(format!(
                "--queue nats://HOST:4222/NAME, or {ENV_QUEUE}, which hides a password from others"
            ))),
        }
    }
}

/// What a command of the queue fails with.
fn failure(error: QueueError) -> Failure {
    let kind = match error {
        QueueError::Missing(_) => FailureKind::Input,
        _ => FailureKind::System,
    };
    let failure = Failure::new(kind, error.to_string());
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
