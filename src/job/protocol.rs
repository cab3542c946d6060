//! The protocols that a job may have, each with its own parameters.

use std::path::PathBuf;

use super::role::JobRole;
use crate::sandbox::Search;

/// How the two sides work together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// A chat.
    Minion(MinionParams),
    /// Decompose, fan out, aggregate.
    Minions(MinionsParams),
    /// The supervisor reads the documents itself, in one call.
    RemoteOnly,
    /// The worker answers alone, in one call.
    LocalOnly {
        /// How often it is asked; more than once, its answer is checked.
        samples: u32,
    },
    /// One of the others, which the engine chooses before anything is paid.
    Auto(Box<AutoParams>),
}

impl Protocol {
    /// Which protocol it is.
    pub fn kind(&self) -> ProtocolKind {
        match self {
            Self::Minion(_) => ProtocolKind::Minion,
            Self::Minions(_) => ProtocolKind::Minions,
            Self::RemoteOnly => ProtocolKind::RemoteOnly,
            Self::LocalOnly { .. } => ProtocolKind::LocalOnly,
            Self::Auto(_) => ProtocolKind::Auto,
        }
    }

    /// Its name in a job.
    pub fn name(&self) -> &'static str {
        self.kind().name()
    }

    /// Whether the side of `role` is asked at all.
    pub fn asks(&self, role: JobRole) -> bool {
        match self {
            Self::Minion(_) | Self::Minions(_) | Self::Auto(_) => true,
            Self::RemoteOnly => role == JobRole::Supervisor,
            Self::LocalOnly { .. } => role != JobRole::Supervisor,
        }
    }

    /// What the supervisor's code can search chunks with.
    pub fn retrieval(&self) -> Search {
        match self {
            Self::Minions(params) => params.retrieval,
            Self::Auto(params) => params.minions.retrieval,
            Self::Minion(_) | Self::RemoteOnly | Self::LocalOnly { .. } => Search::Off,
        }
    }

    /// The model for [`Search::Embedding`], if the job names one.
    pub fn retrieval_model(&self) -> Option<&str> {
        match self {
            Self::Minions(params) => params.retrieval_model.as_deref(),
            Self::Auto(params) => params.minions.retrieval_model.as_deref(),
            Self::Minion(_) | Self::RemoteOnly | Self::LocalOnly { .. } => None,
        }
    }
}

/// A protocol without its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolKind {
    /// [`Protocol::Minion`].
    Minion,
    /// [`Protocol::Minions`].
    Minions,
    /// [`Protocol::RemoteOnly`].
    RemoteOnly,
    /// [`Protocol::LocalOnly`].
    LocalOnly,
    /// [`Protocol::Auto`].
    Auto,
}

impl ProtocolKind {
    /// Every protocol.
    pub const ALL: [Self; 5] = [Self::Minion, Self::Minions, Self::RemoteOnly, Self::LocalOnly, Self::Auto];

    /// Its name in a job.
    pub fn name(self) -> &'static str {
        match self {
            Self::Minion => "minion",
            Self::Minions => "minions",
            Self::RemoteOnly => "remote_only",
            Self::LocalOnly => "local_only",
            Self::Auto => "auto",
        }
    }
}

/// What a job may set of the `minion` protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinionParams {
    /// Whether a worker whose calls cost nothing reads the documents while the supervisor writes its first message.
    pub read_ahead: bool,
    /// The most characters of a reply of the worker that the supervisor reads.
    pub max_reply_chars: usize,
}

/// Limits of the `minions` protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MinionsParams {
    /// The most worker jobs per round. A job with several samples counts once.
    pub max_jobs_per_round: usize,
    /// Whether the supervisor may answer before the last job of a round has ended.
    pub anytime: bool,
    /// Distinct tasks per round that the supervisor is advised not to exceed, if the job says.
    pub num_tasks_per_round: Option<u32>,
    /// Replies that the worker gives to each job.
    pub num_samples_per_task: u32,
    /// Programs that the supervisor may try per round.
    pub max_code_attempts: u32,
    /// Worker calls in flight at most, if the job says.
    pub worker_batch_size: Option<usize>,
    /// A folder that keeps the worker's answers, if the job names one.
    pub memo: Option<PathBuf>,
    /// Whether the worker is asked again what the memo knows, and its new answers are kept.
    pub renew_memo: bool,
    /// The chunker that the supervisor is advised to use.
    pub chunk_fn: String,
    /// What the supervisor's code can search chunks with.
    pub retrieval: Search,
    /// The model for [`Search::Embedding`], if the job names one.
    pub retrieval_model: Option<String>,
}

/// What a job may set of the protocol `auto`: what it may set of each, and what decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutoParams {
    /// Of `minion`.
    pub minion: MinionParams,
    /// Of `minions`.
    pub minions: MinionsParams,
    /// How cost and quality are weighed.
    pub cost_sensitivity: CostSensitivity,
    /// Whether the worker is asked first, its answer checked, and `minions` run if it does not hold.
    pub escalates: bool,
}

/// How cost and quality are weighed, by the names of the original's cost-aware protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CostSensitivity {
    /// Quality alone counts.
    Low,
    /// Quality may cost something.
    Medium,
    /// The cheapest protocol that does the job well.
    #[default]
    High,
    /// Nothing is spent where the worker can answer alone.
    Uber,
}

impl CostSensitivity {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Uber];

    /// Its name in a job.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Uber => "uber",
        }
    }
}
