//! What a job takes of this machine: whether its deadline leaves the worker time enough, and the energy that it takes.

use std::path::Path;
use std::sync::Arc;

use super::JobRun;
use crate::chat::base_url;
use crate::documents::Document;
use crate::documents::tokens::count;
use crate::engine::energy::EnergyWatch;
use crate::engine::shared::SharedResources;
use crate::engine::side_config::SideConfig;
use crate::engine::speed;
use crate::engine::tape::Tape;
use crate::error::Failure;
use crate::job::JobRole;
use crate::sync::beside_runtime;

impl JobRun {
    /// Warns before the first call if the worker alone is likely to need longer than the deadline leaves.
    pub(super) async fn check_deadline(&self, shared: &SharedResources) {
        let Some(deadline) = self.job.budget.deadline else { return };
        if matches!(shared.tape, Tape::Replay(_)) {
            return;
        }
        let texts = Arc::clone(&self.job.context);
        let tokens = beside_runtime(move || count(texts.iter().map(Document::as_ref)).tokens).await;
        let Some(time) = speed::local_time(&self.job, tokens, shared).await else { return };
        let left = deadline.saturating_sub(self.started.elapsed()).as_secs_f64();
        if time.least_seconds > left {
            self.transcript.warn(format!(
                "the worker alone is likely to need {} s and more ({}), and the deadline leaves {left:.0} s: give fewer \
                 documents, a smaller model, or a later deadline",
                time.least_seconds, time.basis
            ));
        }
    }

    /// Begins to measure the energy of this machine, if a model of the job runs on it. Jobs at the same time can't be
    /// told apart.
    ///
    /// # Errors
    /// It is required and can't be measured.
    pub(super) async fn watch(&self, shared: &SharedResources) -> Result<Option<EnergyWatch>, Failure> {
        let is_required = shared.config.jobs.energy;
        if shared.is_for_many() || !is_required && matches!(shared.tape, Tape::Replay(_)) {
            return Ok(None);
        }
        if !self.runs_here(shared, JobRole::Worker) && !self.runs_here(shared, JobRole::Supervisor) {
            return match is_required {
                true => Err(Failure::input("--energy: no model of this job runs on this machine")
                    .hint("leave --energy out, or take a worker or a supervisor on this machine")),
                false => Ok(None),
            };
        }
        beside_runtime(move || EnergyWatch::begin(Path::new("/"), is_required)).await
    }

    /// Keeps what was measured.
    ///
    /// # Errors
    /// It is required, and nothing was.
    pub(super) async fn end_watch(
        &self,
        watch: Option<EnergyWatch>,
        shared: &SharedResources,
    ) -> Result<(), Failure> {
        let Some(watch) = watch else { return Ok(()) };
        if let Some(report) = beside_runtime(move || watch.end()).await? {
            // The energy of a supervisor that runs here is among it.
            let is_elsewhere = !self.runs_here(shared, JobRole::Supervisor);
            let usage = is_elsewhere.then(|| self.spent().remote);
            let _ = self.energy.set(report.with_remote(usage));
        }
        Ok(())
    }

    /// Whether the job asks a model of that side, and it runs on this machine.
    fn runs_here(&self, shared: &SharedResources, role: JobRole) -> bool {
        let environment = &shared.config.environment;
        let side = match role {
            JobRole::Supervisor => SideConfig::supervisor(&self.job, environment),
            _ => SideConfig::worker(&self.job, environment, shared.is_for_many()),
        };
        self.job.protocol.asks(role)
            && side.is_ok_and(|side| {
                side.spec.is_embedded() || side.base_urls.iter().any(|url| base_url::is_this_machine(url))
            })
    }
}
