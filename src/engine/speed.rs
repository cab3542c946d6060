//! How long the worker of a job is likely to take, from its texts alone.
//!
//! In: the job, its tokens, what is kept of this machine and of earlier calls. Out: a range. No server is asked.

use minions_estimate::estimate::Question;
use serde::Serialize;

use super::shared::SharedResources;
use super::side_config::SideConfig;
use crate::config;
use crate::forecast::{Subject, known_facts};
use crate::job::{Job, JobRole, Protocol};
use crate::sync::{beside_runtime, lock};

/// Tokens of a chunk that a supervisor's program usually cuts, and of the worker's reply to one.
const CHUNK: u64 = 1500;
const REPLY: u64 = 120;

/// How long the worker is likely to take.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LocalTime {
    /// If the first round is enough.
    pub least_seconds: f64,
    /// If every round is used.
    pub most_seconds: f64,
    /// What it rests on: measured calls, or what the machine manages.
    pub basis: String,
}

/// What the worker is given: prompts of so many tokens, in one round and in all.
struct Work {
    prompt: u64,
    of_a_round: u64,
    of_all: u64,
    /// Whether the server has each prompt but the first in its cache.
    is_cached: bool,
}

impl Work {
    /// What `job` gives, with so many tokens of documents; none where no worker is asked.
    fn of(job: &Job, tokens: u64) -> Option<Self> {
        let rounds = u64::from(job.max_rounds);
        match &job.protocol {
            _ if !job.protocol.asks(JobRole::Worker) => None,
            Protocol::Minion(_) => {
                Some(Self { prompt: tokens, of_a_round: 1, of_all: rounds, is_cached: true })
            }
            Protocol::LocalOnly { samples } => {
                let samples = u64::from(*samples);
                Some(Self { prompt: tokens, of_a_round: samples, of_all: samples, is_cached: true })
            }
            Protocol::Minions(params) => {
                let tasks = params.num_tasks_per_round.unwrap_or(config::USUAL_TASKS_PER_ROUND);
                let chunks = tokens.div_ceil(CHUNK).max(1);
                let readings = u64::from(tasks) * u64::from(params.num_samples_per_task);
                Some(Self {
                    prompt: tokens.div_ceil(chunks),
                    of_a_round: chunks,
                    of_all: chunks.saturating_mul(readings).saturating_mul(rounds),
                    is_cached: false,
                })
            }
            Protocol::RemoteOnly | Protocol::Auto(_) => None,
        }
    }
}

/// How long the worker of `job` takes for documents of so many tokens; none if nothing is known of its pace.
pub(super) async fn local_time(job: &Job, tokens: u64, shared: &SharedResources) -> Option<LocalTime> {
    let work = Work::of(job, tokens)?;
    let side = SideConfig::worker(job, &shared.config.environment, shared.is_for_many()).ok()?;
    let base_url = side.base_urls.first().cloned();
    let (provider, path, name) = (job.local.provider, job.local.model_path.clone(), side.model.clone());
    let servers = side.base_urls.len().max(1) as u64;
    let lanes = if work.is_cached { 1 } else { side.lanes.unwrap_or(config::WORKER_CONCURRENCY) as u64 };
    let forecaster = shared.forecaster();
    let forecast = beside_runtime(move || {
        let mut forecaster = lock(&forecaster);
        let mut subject = match &path {
            Some(path) => forecaster.file(path).ok()?,
            None => Subject { facts: known_facts(provider, &name), name, base_url, at_once: 1 },
        };
        // Of calls at the same time each takes longer; how much, only such calls can show.
        subject.at_once = forecaster.shown_at_once(&subject, lanes.min(work.of_a_round));
        let side_by_side = if work.is_cached { 1 } else { subject.at_once as u64 * servers };
        let window = u32::try_from(work.prompt + REPLY).unwrap_or(u32::MAX);
        let question = Question { prompt_tokens: work.prompt, tokens: REPLY, window, slots: 1 };
        Some((forecaster.forecast(&subject, question)?.estimate, work, side_by_side))
    });
    let (estimate, work, side_by_side) = forecast.await?;
    let seconds = |prompts: u64, read: f64, written: f64| {
        let readings = if work.is_cached { prompts.min(1) } else { prompts };
        (readings as f64 * read + prompts as f64 * written) / side_by_side.min(prompts).max(1) as f64
    };
    Some(LocalTime {
        least_seconds: rounded(seconds(work.of_a_round, estimate.reading.low, estimate.writing.low)),
        most_seconds: rounded(seconds(work.of_all, estimate.reading.high, estimate.writing.high)),
        basis: estimate.basis[1].words(),
    })
}

/// To two digits: it is an estimate.
fn rounded(seconds: f64) -> f64 {
    if seconds <= 0.0 || !seconds.is_finite() {
        return 0.0;
    }
    let step = 10_f64.powf(seconds.log10().floor() - 1.0);
    let rounded = (seconds / step).round() * step;
    (rounded * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_have_two_digits() {
        for (seconds, expected) in
            [(0.0, 0.0), (0.01234, 0.012), (1.26, 1.3), (234.0, 230.0), (f64::NAN, 0.0)]
        {
            assert_eq!(rounded(seconds), expected, "{seconds}");
        }
    }
}
