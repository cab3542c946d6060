//! What a job takes of this machine: whether its deadline leaves the worker time enough, and the energy that it takes.

use std::path::Path;
use std::sync::Arc;

use super::JobRun;
use crate::chat::base_url;
use crate::documents::Document;
use crate::documents::tokens::count;
use crate::engine::energy::{EnergyReport, EnergyWatch};
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

    /// Begins to measure the energy of this machine, if the worker runs on it. Jobs at the same time can't be told apart.
    ///
    /// # Errors
    /// It is required and can't be measured.
    pub(super) async fn watch(&self, shared: &SharedResources) -> Result<Option<EnergyWatch>, Failure> {
        let is_required = shared.config.jobs.energy;
        if shared.is_for_many() || !is_required && matches!(shared.tape, Tape::Replay(_)) {
            return Ok(None);
        }
        if !self.runs_worker_here(shared) {
            return match is_required {
                true => Err(Failure::input("--energy: no model of this job runs on this machine")
                    .hint("leave --energy out, or take a worker on this machine")),
                false => Ok(None),
            };
        }
        beside_runtime(move || EnergyWatch::begin(Path::new("/"), is_required)).await
    }

    /// Keeps what was measured.
    pub(super) async fn end_watch(&self, watch: Option<EnergyWatch>) {
        let Some(watch) = watch else { return };
        if let Some(report) = beside_runtime(move || watch.end()).await {
            let _ = self.energy.set(report);
        }
    }

    /// The energy, with the estimate of a supervisor's that runs elsewhere.
    pub(super) fn energy(&self) -> Option<EnergyReport> {
        let is_elsewhere = !self.job.remote.provider.local;
        let usage = is_elsewhere.then(|| self.spent().remote);
        EnergyReport::with_remote(self.energy.get().cloned(), usage)
    }

    fn runs_worker_here(&self, shared: &SharedResources) -> bool {
        let side = SideConfig::worker(&self.job, &shared.config.environment, shared.is_for_many());
        self.job.protocol.asks(JobRole::Worker)
            && side.is_ok_and(|side| {
                side.spec.is_embedded() || side.base_urls.iter().any(|url| base_url::is_this_machine(url))
            })
    }
}
