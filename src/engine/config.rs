//! The configuration of an engine.

use std::path::PathBuf;

use crate::chat::secrets::Redactor;
use crate::config::Environment;
use crate::reader;
use crate::sandbox::{CHILD_COMMAND, SandboxExecutable};

/// The configuration of an engine, which all its jobs share.
#[derive(Clone)]
pub struct EngineConfig {
    /// Keys, addresses of model servers, folders: the variables that `docs/operate.md` lists. The engine reads none of
    /// them from the process itself; [`Environment::of_process`] does. Proxies alone are those of the process.
    pub environment: Environment,
    /// The `minions` program, which is started to keep an Ollama daemon up. Without it none is started.
    pub program: Option<PathBuf>,
    /// The program that the sandbox's children run.
    pub sandbox: SandboxExecutable,
    /// The program that the children run which read files.
    pub reader: reader::ChildExecutable,
    /// Whether several jobs run at the same time. A single job may take a model server's whole memory for its one
    /// long call; many share the server's slots.
    pub is_for_many: bool,
    /// Options of every job: its limit, and the folder that its exchanges with models are written to or read from.
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
    /// Bytes besides a job's own words that may leave this machine. The smaller of this and the job's own limit holds.
    pub max_egress_bytes: Option<u64>,
    /// A folder for every exchange with a model, without credentials. Not together with `replay`.
    pub record: Option<PathBuf>,
    /// A folder that was recorded. Jobs run on it alone, without network, keys and models.
    pub replay: Option<PathBuf>,
    /// A folder that keeps the worker's answers, for jobs that name none.
    pub memo: Option<PathBuf>,
    /// Whether a job fails that can't tell the energy that this machine took for it. Without effect on jobs at the same time,
    /// which the counters can't tell apart.
    pub energy: bool,
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
    /// A configuration for many jobs at a time, with the process's environment. `program` is a `minions` program, which
    /// runs the supervisor's code, each time in a child of its own.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self::with_environment(program, Environment::of_process())
    }

    /// [`EngineConfig::new`] with these variables in place of the process's.
    pub fn with_environment(program: impl Into<PathBuf>, environment: Environment) -> Self {
        let program = program.into();
        Self {
            environment,
            sandbox: SandboxExecutable::new(&program, [CHILD_COMMAND]),
            reader: reader::ChildExecutable::new(&program, [reader::CHILD_COMMAND]),
            program: Some(program),
            is_for_many: true,
            jobs: JobOptions::default(),
            limits: RunLimits::default(),
            redactor: Redactor::default(),
        }
    }
}
