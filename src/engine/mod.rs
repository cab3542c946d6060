//! The engine: runs jobs from their checked form to their results. This module knows all the others.
//!
//! In: a [`Job`], where its [`Events`] go, and what may cancel it. Out: a [`JobResult`], or the [`Failure`]. Whatever
//! ends a job, its conversation log is written and its last event is `finished`. Any number of jobs run at once on one
//! [`Engine`]: they share clients, models that are loaded, slots of model servers, and limits.

mod absence;
mod address;
mod cancel;
mod clients;
mod common;
mod concurrency_limited;
mod config;
mod conversation_log;
mod counting;
mod credentials;
mod egress;
mod egress_report;
mod energy;
mod estimate;
mod file_report;
mod files;
mod fit;
mod gathered;
mod given;
mod images;
mod index;
mod listing;
mod location;
mod metered;
mod models;
mod overview;
mod pulls;
mod read_ahead;
mod reply;
mod result;
mod retrieval;
mod routing;
mod running;
mod same_files;
mod savings;
mod scans;
mod server;
mod servers;
mod session_turn;
mod shared;
mod shrinking;
mod side_config;
mod speed;
mod spending;
mod tape;
mod timed;
mod turn;
mod window;
mod worker_memo;

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use serde_json::value::RawValue;

pub use address::usual_address;
pub use cancel::CancelToken;
pub use clients::MissingKey;
pub use common::{CommonBudget, Expense, Intent};
pub use config::{EngineConfig, JobOptions, KvCache, RunLimits};
pub use credentials::usual_headers;
pub use egress_report::{EgressCall, EgressPassage, EgressReport};
pub use energy::{EnergyRefusal, EnergyReport, EnergySource, EnergyWatch, RemoteEnergy};
pub use estimate::{FileEstimate, FolderEstimate, JobEstimate, Leaves};
pub use file_report::{FileReport, FolderReport};
pub use index::IndexReport;
pub use listing::{files_at, fingerprint};
pub use reply::BareReply;
pub use result::{ConversationLog, EvidenceSummary, FailedLog, JobResult, LoggedUsage, Timing};
pub use savings::{Dollars, SavingsReport, Tokens};
pub use speed::LocalTime;
pub use turn::SessionReport;

use crate::chat::ChatRequest;
use crate::chat::secrets::Redactor;
use crate::config::{ENV_LOG_DIR, LOG_DIR};
use crate::documents::Document;
use crate::documents::tokens::count;
use crate::envelope::Envelope;
use crate::error::{Failure, FailureKind};
use crate::events::{EventKind, EventListener, Events};
use crate::job::{self, Job, JobRole, ProtocolKind};
use crate::protocols::Answer;
use crate::sync::{beside_runtime, lock};
use egress::EgressLimits;
use estimate::Step;
use files::JobFiles;
use images::Pictures;
use running::{Inputs, JobRun};
use shared::SharedResources;

/// Runs jobs. Clones are the same engine.
#[derive(Clone)]
pub struct Engine(Arc<SharedResources>);

impl Engine {
    /// An engine that has opened nothing yet. The redactor learns the credentials of the environment.
    pub fn new(config: EngineConfig) -> Self {
        config.environment.credentials().for_each(|secret| config.redactor.learn(&secret));
        Self(Arc::new(SharedResources::new(config)))
    }

    /// Checks a job in the JSON form of `docs/job.md`. Its credentials are learnt, so that none shows in a later
    /// message.
    ///
    /// # Errors
    /// [`FailureKind::Input`], naming the place in the job and the remedy.
    pub fn job(&self, job: Value) -> Result<Job, Failure> {
        let job = job::parse(job, self.log_dir())?;
        for side in [&job.local, &job.remote] {
            for secret in side.secrets() {
                self.0.config.redactor.learn(&secret);
            }
        }
        Ok(job)
    }

    /// The same for a job that somebody else sends: it tells nothing of this machine's files, and what it calls a
    /// credential is not learnt, as that would be cut out of the answers of others.
    ///
    /// # Errors
    /// As [`Engine::job`].
    pub(crate) fn foreign_job(&self, job: Value) -> Result<Job, Failure> {
        Ok(job::parse_foreign(job, self.log_dir())?)
    }

    fn log_dir(&self) -> &Path {
        Path::new(self.0.config.environment.get(ENV_LOG_DIR).unwrap_or(LOG_DIR))
    }

    /// Runs a job to its answer, its deadline, or until `cancel` ends it; by then its calls are cut off and its sandbox
    /// is gone. Dropping the future cancels the job, too, but nothing waits for its end then, and no log is written.
    /// The last event is `finished` in any case.
    ///
    /// # Errors
    /// Every [`FailureKind`]; [`Failure::spent`] says what the job had cost.
    pub async fn run(&self, job: Job, events: Events, cancel: &CancelToken) -> Result<JobResult, Failure> {
        let finishing = Finishing { events: events.clone(), redactor: self.0.config.redactor.clone() };
        let started = Instant::now();
        let mut late = pin!(passed(job.budget.deadline));
        running::tell_start(&job, &self.0, &events);
        let job = Arc::new(job);
        let mut reading = AbortOnDrop({
            let (job, shared, events) = (Arc::clone(&job), Arc::clone(&self.0), events.clone());
            let read = async move {
                let job = session_turn::with_files(job, &shared.config.environment).await?;
                let job = same_files::once(job, &events).await;
                let read = files::read(&job, &shared, &events, files::For::Run).await?;
                let pictures = Pictures::read(&job.images).await?;
                let (job, routing) = routing::settle(job, &read.documents, &shared, &events).await?;
                Ok((job, Inputs { files: read, pictures }, routing))
            };
            tokio::spawn(tracing::Instrument::in_current_span(read))
        });
        let read = tokio::select! {
            read = &mut reading.0 => read.unwrap_or_else(|error| Err(error.into())),
            reason = cancel.cancelled() => Err(reading.end(reason).await),
            late = &mut late => Err(reading.end(late).await),
        };
        let (job, inputs, routing, unread) = match read {
            Ok((settled, inputs, routing)) => (settled, inputs, routing, None),
            Err(failure) => {
                let own = Inputs { files: JobFiles::none(&job), pictures: Pictures::default() };
                (job, own, None, Some(failure))
            }
        };
        let job = Arc::unwrap_or_clone(job);
        let run = Arc::new(JobRun::new(job, inputs, routing, started, &self.0, events));
        if let Some(failure) = unread {
            return finishing.close(run, Err(failure)).await;
        }
        let work = {
            let (run, shared) = (Arc::clone(&run), Arc::clone(&self.0));
            async move { run.solve(&shared).await }
        };
        let mut work = AbortOnDrop(tokio::spawn(tracing::Instrument::in_current_span(work)));
        let outcome = tokio::select! {
            done = &mut work.0 => done.unwrap_or_else(|error| Err(error.into())),
            reason = cancel.cancelled() => Err(work.end(reason).await),
            late = &mut late => Err(work.end(late).await),
        };
        let outcome = finishing.close(run, outcome).await;
        self.keep_times().await;
        outcome
    }

    /// Keeps how long the worker's calls took, for later forecasts. Of many jobs not each does it: what their last calls
    /// have shown is kept when the engine goes.
    async fn keep_times(&self) {
        let calls = if self.0.is_for_many() { self.0.calls.take_in_time() } else { self.0.calls.take() };
        if !calls.is_empty() {
            let forecaster = self.0.forecaster();
            beside_runtime(move || lock(&forecaster).keep(calls)).await;
        }
    }

    /// Events of a job that goes to `listeners`, without the credentials that this engine has learnt. `job` names the
    /// job in each event.
    pub fn events(&self, listeners: Vec<Arc<dyn EventListener>>, job: Option<&str>) -> Events {
        Events::new(listeners, job, &self.0.config.redactor)
    }

    /// The estimated cost of a job, from its texts alone, for which its files are read. Makes no call, and needs no key:
    /// [`JobEstimate::missing_keys`] says what the job itself lacks.
    ///
    /// # Errors
    /// [`FailureKind::Input`] for a side that cannot be used as the job has it, as with an unusable address, or for a file
    /// that can't be read.
    pub async fn estimate(&self, job: &Job) -> Result<JobEstimate, Failure> {
        if job.protocol.kind() != ProtocolKind::Auto {
            clients::check(job, &self.0)?;
        }
        let job = session_turn::with_files(Arc::new(job.clone()), &self.0.config.environment).await?;
        let events = self.events(Vec::new(), None);
        let job = same_files::once(job, &events).await;
        let files = files::read(&job, &self.0, &events, files::For::Estimate).await?;
        Pictures::read(&job.images).await?;
        let (job, routing) = routing::foresee(&job, &files.documents, &self.0).await?;
        let follows = routing.as_ref().and_then(|routing| routing.next.clone());
        let follows = follows.map(|protocol| Job { protocol, ..job.clone() });
        let (mut steps, mut missing_keys) = (Vec::new(), Vec::new());
        for step in [job.clone()].into_iter().chain(follows) {
            for key in clients::check(&step, &self.0)? {
                if !missing_keys.contains(&key) {
                    missing_keys.push(key);
                }
            }
            steps.push(Step { away: clients::away(&step, &self.0)?, job: step });
        }
        let limits = EgressLimits::of(&job, &self.0.config.jobs);
        let estimate = JobEstimate::of(&job, &files, &steps, limits, missing_keys);
        let tokens = count(files.documents.iter().map(Document::as_ref)).tokens;
        let local_time = speed::local_time(&job, tokens, &self.0).await;
        Ok(JobEstimate { routing: routing.map(|routing| routing.report), local_time, ..estimate })
    }

    /// Where the documents of `job` go whole, if its worker is not on this machine or in its private network, as far as
    /// names and addresses tell. Makes no call.
    ///
    /// # Errors
    /// [`FailureKind::Input`] for a side that cannot be used as the job has it.
    pub fn documents_go_to(&self, job: &Job) -> Result<Option<String>, Failure> {
        Ok(clients::away(job, &self.0)?.worker)
    }

    /// The documents of a job: its own, and those of its files, read as for a run.
    ///
    /// # Errors
    /// [`FailureKind::Input`] for a file that can't be read.
    pub async fn documents(&self, job: Job) -> Result<Arc<[Document]>, Failure> {
        let job = session_turn::with_files(Arc::new(job), &self.0.config.environment).await?;
        let job = same_files::once(job, &Events::off()).await;
        Ok(files::read(&job, &self.0, &Events::off(), files::For::Run).await?.documents)
    }

    /// One reply of a side of `job`, without a protocol. It is recorded and replayed as those of jobs are.
    ///
    /// # Errors
    /// A side that can't be used, a call that failed, a reply that the replay does not have.
    pub async fn reply(&self, job: &Job, role: JobRole, request: &ChatRequest) -> Result<BareReply, Failure> {
        reply::reply(job, &self.0, role, request).await
    }

    /// Has the worker of `job`, a model in this process, read the documents of `job`, and keeps what it has read. `told`
    /// hears how many chunks are done, and of how many.
    ///
    /// # Errors
    /// Another kind of worker, no folder to keep anything in, a file or a model that can't be read.
    pub async fn index(
        &self,
        job: Job,
        told: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<IndexReport, Failure> {
        let documents = self.documents(job.clone()).await?;
        index::index(job, &documents, &self.0, told).await
    }

    /// Remote tokens that all jobs have spent so far. A call under way counts with the estimate of its prompt.
    pub fn remote_tokens_spent(&self) -> u64 {
        self.0.token_budget.spent()
    }

    /// Waits until a call is refused because [`RunLimits::remote_tokens`] are used up.
    pub async fn remote_tokens_used_up(&self) {
        self.0.token_budget.emptied().await;
    }
}

/// Tells how a job ended, whatever ends it: also when the future of [`Engine::run`] is dropped, or a panic ends it.
struct Finishing {
    events: Events,
    redactor: Redactor,
}

impl Finishing {
    /// Closes `run`, and tells how it ended.
    async fn close(self, run: Arc<JobRun>, outcome: Result<Answer, Failure>) -> Result<JobResult, Failure> {
        let closed = run.close(outcome, &self.redactor).await?;
        let span = tracing::Span::current();
        // The last event may be long.
        let telling = tokio::task::spawn_blocking(move || {
            span.in_scope(|| {
                let outcome = run.result(closed);
                self.tell(&outcome);
                outcome
            })
        });
        telling.await.unwrap_or_else(|error| Err(error.into()))
    }

    fn tell(&self, outcome: &Result<JobResult, Failure>) {
        self.events.emit(|| EventKind::Finished {
            success: outcome.is_ok(),
            kind: outcome.as_ref().err().map(|failure| failure.kind),
            envelope: self.events.have_details().then(|| self.envelope(outcome)).flatten(),
            failure: outcome.as_ref().err().cloned().map(Box::new),
        });
    }

    /// The envelope of `outcome` as JSON without credentials.
    fn envelope(&self, outcome: &Result<JobResult, Failure>) -> Option<Box<RawValue>> {
        let envelope = Envelope::from(outcome.as_ref().map_err(Clone::clone));
        let json = self.redactor.clean_json(&envelope).ok()?;
        RawValue::from_string(String::from_utf8(json).ok()?).ok()
    }
}

impl Drop for Finishing {
    fn drop(&mut self) {
        // Nothing is emitted after the end that was told already.
        self.tell(&Err(Failure::new(FailureKind::Cancelled, "the job was dropped before it was done")));
    }
}

/// A task that does not outlive its owner.
struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> AbortOnDrop<T> {
    /// Ends the task, waits until it has ended, and gives `reason` back.
    async fn end(&mut self, reason: Failure) -> Failure {
        self.0.abort();
        // The task was aborted, or came to its end in the same moment.
        let _ = (&mut self.0).await;
        reason
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits until `limit` has passed, for ever if there is none.
async fn passed(limit: Option<Duration>) -> Failure {
    let Some(limit) = limit else { return std::future::pending().await };
    tokio::time::sleep(limit).await;
    let message = format!("the job's deadline of {} s passed before it was done", limit.as_secs_f64());
    Failure::new(FailureKind::Deadline, message)
        .hint("raise budget.deadline_s, give fewer or smaller documents, lower max_rounds, or use a faster local model")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_failure_like_any_other() {
        let error = tokio::spawn(async { assert_eq!(1, 2) }).await.unwrap_err();
        let failure = Failure::from(error);
        assert_eq!(failure.kind, FailureKind::Defect);
        assert!(failure.to_string().contains("panicked") && failure.to_string().contains("please report"));
    }
}
