//! What decides which protocol a job runs.

use serde::{Deserialize, Serialize};

use super::abilities::Abilities;
use crate::documents::Document;
use crate::documents::tokens::{Count, count};
use crate::engine::egress::{EgressLimits, written_bytes};
use crate::engine::side_config::SideConfig;
use crate::job::{Budget, CostSensitivity, Job, JobRole, Prices, ProtocolKind};

/// The window of a hosted model of which nothing is known, in tokens.
pub(super) const HOSTED_WINDOW: u64 = 100_000;

/// What decides which protocol a job runs.
#[derive(Clone, Debug)]
pub(super) struct Situation {
    pub sensitivity: CostSensitivity,
    /// Whether the worker is asked first, and its answer checked.
    pub escalates: bool,
    pub texts: Texts,
    pub pictures: u64,
    pub max_rounds: u32,
    pub prices: Option<Prices>,
    pub budget: Budget,
    pub egress: EgressLimits,
    pub worker: Side,
    pub supervisor: Side,
}

/// What there is to read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Texts {
    pub documents: usize,
    /// Tokens of the documents.
    pub tokens: u64,
    pub chars: u64,
    /// Bytes of the documents as JSON writes them.
    pub bytes: u64,
    /// Tokens of the task and of the description of the documents.
    pub own_tokens: u64,
    /// How they were counted.
    pub method: String,
}

/// What is known of a side.
#[derive(Clone, Debug)]
pub(super) struct Side {
    pub abilities: Abilities,
    /// Whether texts that are sent to it leave this machine.
    pub is_remote: bool,
    /// Whether it reads no pictures, whatever its model.
    pub reads_text_alone: bool,
    pub found: Found,
}

/// What was found out of a side by asking; a recording keeps it, so that a replay chooses alike. `None` was not asked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Found {
    /// Why it can't be used at all.
    pub unusable: Option<String>,
    /// Whether its servers were asked.
    pub is_asked: bool,
    /// Whether it was asked to hold all documents at once: why it can't, or that it can.
    pub holds_all: Option<Result<(), String>>,
    /// The window of its model in tokens, if it is known.
    pub window: Option<u32>,
    /// Whether its model sees pictures.
    pub sees: Option<bool>,
    /// How long it is likely to need, where the job has a deadline.
    #[serde(default)]
    pub least: LeastSeconds,
}

/// The seconds that the worker is likely to need at least in a protocol; `None` where its pace is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct LeastSeconds {
    pub minion: Option<f64>,
    pub minions: Option<f64>,
    pub local_only: Option<f64>,
}

impl Texts {
    /// Those of `job`.
    pub(super) fn of(job: &Job) -> Self {
        let Count { tokens, method } = count(job.context.iter().map(Document::as_ref));
        let own = job.doc_metadata.iter().chain([&job.task]).map(String::as_str);
        Self {
            documents: job.context.len(),
            tokens,
            chars: job.context.iter().map(|document| document.chars() as u64).sum(),
            bytes: job.context.iter().map(written_bytes).sum(),
            own_tokens: count(own).tokens,
            method,
        }
    }
}

impl Side {
    /// What `config` tells of its side without a question to anybody.
    pub(super) fn of(config: &SideConfig<'_>, unusable: Option<String>) -> Self {
        Self {
            abilities: Abilities::of(config),
            is_remote: config.base_urls.iter().any(|url| config.is_remote(url, false)),
            reads_text_alone: config.spec.is_embedded(),
            found: Found { unusable, window: config.generation.num_ctx, ..Found::default() },
        }
    }

    /// The tokens that a prompt and its reply may have: of a vendor's model of which nothing is known, an assumption.
    pub(super) fn window(&self) -> Option<u64> {
        let assumed = self.abilities.is_hosted.then_some(HOSTED_WINDOW);
        self.found.window.map(u64::from).or(assumed)
    }
}

impl Situation {
    /// Why the deadline leaves the worker too little time for a protocol.
    pub(super) fn too_slow(&self, kind: ProtocolKind) -> Option<String> {
        let LeastSeconds { minion, minions, local_only } = self.worker.found.least;
        let needed = match kind {
            ProtocolKind::Minion => minion,
            ProtocolKind::Minions | ProtocolKind::Auto => minions,
            ProtocolKind::LocalOnly => local_only,
            ProtocolKind::RemoteOnly => None,
        }?;
        let deadline = self.budget.deadline?.as_secs_f64();
        (needed > deadline).then(|| {
            format!(
                "the worker alone is likely to need {needed} s and more, and the deadline is {deadline} s"
            )
        })
    }

    pub(super) fn side(&mut self, role: JobRole) -> &mut Side {
        if role == JobRole::Supervisor { &mut self.supervisor } else { &mut self.worker }
    }
}
