//! What an engine is made with.

use std::path::PathBuf;

use crate::chat::secrets::Redactor;
use crate::config::Environment;

/// What an engine is made with. All jobs of the engine share it.
#[derive(Clone, Default)]
pub struct EngineConfig {
    /// Keys, addresses of model servers, proxies, folders: the variables that `docs/operate.md` lists. The engine never
    /// reads the process's own environment; [`Environment::of_process`] does.
    pub environment: Environment,
    /// The `minions` program. It is started as the sandbox's child, and to keep an Ollama daemon up.
    pub program: PathBuf,
    /// Whether several jobs run at the same time. A single job may take a model server's whole memory for its one
    /// long call; many share the server's slots.
    pub is_for_many: bool,
    /// Limits for every job, and what its exchanges with models are written to or read from.
    pub jobs: JobOptions,
    /// Limits for all jobs together.
    pub limits: RunLimits,
    /// Learns the credentials of the environment and of the jobs.
    pub redactor: Redactor,
}

/// Options of every job of an engine.
#[derive(Clone, Debug, Default)]
pub struct JobOptions {
    /// Characters of a job's documents that may leave this machine. The smaller of this and the job's own limit holds.
    pub max_egress_chars: Option<u64>,
    /// A folder for every exchange with a model, without credentials. Not together with `replay`.
    pub record: Option<PathBuf>,
    /// A folder that was recorded. Jobs run on it alone, without network, keys and models.
    pub replay: Option<PathBuf>,
}

/// Limits for all jobs of an engine together; `None` is none.
#[derive(Clone, Copy, Debug, Default)]
pub struct RunLimits {
    /// Remote tokens. A call that would go over the limit fails.
    pub remote_tokens: Option<u64>,
    /// Requests to each remote endpoint in a minute, spread evenly.
    pub requests_per_minute: Option<u32>,
    /// Tokens to and from each remote endpoint in a minute, spread evenly.
    pub tokens_per_minute: Option<u32>,
}

impl EngineConfig {
    /// The process's environment and this `minions` program, for many jobs at a time.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            environment: Environment::of_process(),
            program: program.into(),
            is_for_many: true,
            ..Self::default()
        }
    }
}
