//! The service: what every request shares, and the way of a job from its JSON to its end.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::Value;

use super::allowance::Allowance;
use super::config::{Limits, ServeFile, TokenLimits};
use super::error::ApiError;
use super::files::Files;
use super::jobs::{self, Rules};
use super::metrics::Metrics;
use super::owner::{Owner, Tokens, random_hex};
use super::run::{Admitted, Run};
use super::runs::Runs;
use crate::engine::{Engine, EngineConfig, JobOptions};
use crate::envelope::Envelope;
use crate::error::{Failure, FailureKind, Spent};
use crate::events::{EventKind, EventLog};
use crate::settings::Settings;
use crate::sync::beside_runtime;

/// What every request shares.
pub(crate) struct Service {
    /// `serve.toml`.
    pub file: ServeFile,
    /// Names besides `localhost` and addresses by which it may be called.
    pub hosts: Vec<String>,
    /// Where it listens.
    pub address: SocketAddr,
    /// The user's settings: pairs, keys, prices.
    pub settings: Settings,
    /// Runs the jobs.
    pub engine: Engine,
    /// What another engine is made of, for runs that are recorded.
    pub engine_config: EngineConfig,
    /// All runs.
    pub runs: Runs,
    /// All uploads.
    pub files: Files,
    /// Who may ask.
    pub tokens: Tokens,
    /// What owners have had of the day.
    pub allowance: Allowance,
    /// What has happened so far.
    pub metrics: Metrics,
    /// What jobs may name.
    pub rules: Rules,
    /// Where conversation logs go.
    pub log_dir: PathBuf,
    /// In a replay: a job that it has.
    pub example: Option<Value>,
}

impl Service {
    /// How much at once, how large, how long.
    pub(crate) fn limits(&self) -> &Limits {
        &self.file.limits
    }

    /// Whether runs are replayed.
    pub(crate) fn is_replay(&self) -> bool {
        self.engine_config.jobs.replay.is_some()
    }

    /// What `owner` may do.
    pub(crate) fn limits_of(&self, owner: &Owner) -> TokenLimits {
        limits_of(&self.file, owner)
    }

    /// Where the conversation logs of `owner` go: a folder of its own where there are several.
    pub(crate) fn log_dir(&self, owner: &Owner) -> PathBuf {
        match owner.is_local() {
            true => self.log_dir.clone(),
            false => self.log_dir.join(owner.name()),
        }
    }

    /// Checks the JSON of a job of `owner`, as far as nothing is counted by it yet.
    ///
    /// # Errors
    /// What is wrong with it, or not allowed.
    pub(crate) async fn checked(
        self: &Arc<Self>,
        owner: &Owner,
        value: Value,
        is_recorded: bool,
    ) -> Result<Admitted, ApiError> {
        let (service, owner) = (Arc::clone(self), owner.clone());
        // A long text takes its time.
        beside_runtime(move || service.check(&owner, value, is_recorded)).await
    }

    fn check(&self, owner: &Owner, value: Value, is_recorded: bool) -> Result<Admitted, ApiError> {
        let mut value = jobs::bare(value)?;
        let ids = value.pointer("/call_params/file_ids").cloned();
        self.rules.fill(&mut value);
        let files = jobs::take_files(&mut value, owner, &self.files)?;
        let mut shown = jobs::shown(&mut value);
        let mut job = if self.rules.trust { self.engine.job(value) } else { self.engine.foreign_job(value) }?;
        self.rules.check(&job, &shown)?;
        if let Some(ids) = ids {
            shown["call_params"]["file_ids"] = ids;
        }
        self.rules.hold_fetches(&mut job, owner);
        let prices = [&job.local, &job.remote].map(|spec| {
            let priced = self.settings.prices(&jobs::model_of(spec));
            priced.map(|priced| priced.prices)
        });
        self.rules.hold(&mut job, &self.limits_of(owner), prices)?;
        job.files.extend(jobs::named(&files, job.context.len()));
        if !self.rules.trust || shown["protocol"]["log_dir"].is_null() {
            job.log_dir = self.log_dir(owner);
        }
        Ok(Admitted { job, shown, files, reserved: 0.0, is_recorded, is_of_batch: false })
    }

    /// Takes a checked job into the queue.
    ///
    /// # Errors
    /// 429 where the queue is full or the day's allowance is used up, 503 where the service ends.
    pub(crate) fn submit(
        self: &Arc<Self>,
        owner: &Owner,
        mut admitted: Admitted,
        key: Option<(String, [u8; 32])>,
    ) -> Result<Arc<Run>, ApiError> {
        if self.runs.is_draining() {
            return Err(ApiError::draining());
        }
        let limits = self.limits_of(owner);
        let reserved = self.allowance.take(owner, &limits, admitted.job.budget.usd)?;
        if let Some(usd) = reserved {
            admitted.job.budget.usd = Some(usd);
            admitted.reserved = usd;
        }
        let reserved = admitted.reserved;
        let made = self.run(owner, admitted);
        let added = made.and_then(|run| Ok((self.runs.add(Arc::clone(&run), key)?, run)));
        match added {
            Ok((known, run)) if Arc::ptr_eq(&known, &run) => {
                self.dispatch();
                Ok(run)
            }
            Ok((known, _)) => {
                self.allowance.give_back(owner, reserved);
                Ok(known)
            }
            Err(error) => {
                self.allowance.give_back(owner, reserved);
                Err(error)
            }
        }
    }

    fn run(&self, owner: &Owner, admitted: Admitted) -> Result<Arc<Run>, ApiError> {
        let id = format!("run-{}", random_hex(16)?);
        let log = Arc::new(EventLog::default());
        let events = self.engine.events(vec![Arc::clone(&log) as _], Some(&id));
        let mut admitted = admitted;
        // The log is found by the run's id: two runs with one `logging_id` have a log each.
        let is_path = !admitted.shown["call_params"]["log_path"].is_null();
        let log_name = &mut admitted.job.log_name;
        *log_name = Some(match log_name.take() {
            Some(path) if is_path => path,
            Some(name) => format!("{}-{id}.json", name.with_extension("").display()).into(),
            None => format!("{id}.json").into(),
        });
        Ok(Arc::new(Run::new(id, owner.clone(), admitted, log, events)))
    }

    /// Begins as many runs as may begin.
    fn dispatch(self: &Arc<Self>) {
        while let Some(run) = self.runs.next() {
            let service = Arc::clone(self);
            tokio::spawn(async move {
                service.execute(&run).await;
                service.runs.ended(&run);
                service.dispatch();
            });
        }
    }

    /// Runs a job to its end, whatever happens in it.
    async fn execute(&self, run: &Arc<Run>) {
        if !run.begin() {
            return;
        }
        if run.cancel.is_cancelled() {
            let reason = run.cancel.cancelled().await;
            self.close(run, &reason);
            return;
        }
        let engine = match self.engine_of(run) {
            Ok(engine) => engine,
            Err(failure) => return self.close(run, &failure),
        };
        let job = run.job();
        let work = AssertUnwindSafe(engine.run(job, run.events.clone(), &run.cancel)).catch_unwind();
        let outcome = work.await.unwrap_or_else(|panic| Err(Failure::of_panic(&*panic)));
        let spent = match &outcome {
            Ok(result) => result.spent,
            Err(failure) => *failure.spent,
        };
        self.allowance.settle(&run.owner, run.admitted.reserved, spent.usd.unwrap_or_default());
        run.end(outcome.as_ref().map(|_| ()));
        self.metrics.run(run.state().name(), &spent);
    }

    /// The engine of a run: a recorded one has its own, which writes into a folder of its own.
    fn engine_of(&self, run: &Run) -> Result<Engine, Failure> {
        if !run.admitted.is_recorded {
            return Ok(self.engine.clone());
        }
        let folder = self.files.private_folder();
        let folder = folder
            .map_err(|error| Failure::system(format!("no folder for a recording can be made: {error}")))?;
        let record = Some(folder.path().to_owned());
        let jobs = JobOptions { record, replay: None, ..self.engine_config.jobs.clone() };
        let _ = run.recording.set(folder);
        Ok(Engine::new(EngineConfig { jobs, ..self.engine_config.clone() }))
    }

    /// Ends a run that never began.
    fn close(&self, run: &Run, reason: &Failure) {
        let redactor = &self.engine_config.redactor;
        let envelope = Envelope::<()>::from(Err(reason.clone()));
        run.events.emit(|| EventKind::Finished {
            success: false,
            kind: Some(reason.kind),
            envelope: redactor
                .clean_json(&envelope)
                .ok()
                .and_then(|json| String::from_utf8(json).ok())
                .and_then(|json| serde_json::value::RawValue::from_string(json).ok()),
            failure: Some(Box::new(reason.clone())),
        });
        self.allowance.settle(&run.owner, run.admitted.reserved, 0.0);
        run.end(Err(reason));
        self.metrics.run(run.state().name(), &Spent::default());
    }

    /// Ends a run that its owner wants no more, whether it has begun or waits.
    pub(crate) fn cancel(&self, run: &Run) {
        let reason = Failure::new(FailureKind::Cancelled, "the job was cancelled before it was done");
        run.stop(reason.clone());
        if self.runs.withdraw(run) {
            self.close(run, &reason);
        }
    }

    /// Takes no more runs, lets those under way end within their grace, and ends the others.
    pub(crate) async fn drain(&self, grace: Duration) {
        let reason = Failure::new(FailureKind::Terminated, "the service ended before the job began");
        for run in self.runs.drain() {
            self.close(&run, &reason);
        }
        if tokio::time::timeout(grace, self.runs.all_ended()).await.is_err() {
            self.runs.stop_all();
            self.runs.all_ended().await;
        }
    }
}

/// What `owner` may do: as its own table says, else as `default` does.
pub(crate) fn limits_of(file: &ServeFile, owner: &Owner) -> TokenLimits {
    let table = file.tokens.get(owner.name()).or_else(|| file.tokens.get("default"));
    table.copied().unwrap_or_default()
}
