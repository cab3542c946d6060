//! The configuration of an engine.

use std::path::PathBuf;
use std::sync::Arc;

use super::common::CommonBudget;
use crate::chat::providers::{Provider, RuntimeKind};
use crate::chat::secrets::Redactor;
use crate::config::Environment;
use crate::llama::{Keeping, KeptFolder};
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
    /// A budget that other engines hold, too, on other machines.
    pub common: Option<Arc<dyn CommonBudget>>,
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
    /// Where a model in this process keeps what it has read; `None` is the user's folder of caches.
    pub kv_cache: Option<KvCache>,
    /// The most bytes of that; `None` is 10 GiB, but no more than half of what the disk has left.
    pub kv_cache_size: Option<u64>,
    /// Whether a job fails that can't tell the energy that this machine took for it. Without effect on jobs at the same time,
    /// which the counters can't tell apart.
    pub energy: bool,
}

/// Where a model in this process keeps what it has read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KvCache {
    /// In memory alone.
    Off,
    /// In a folder, too.
    Folder(PathBuf),
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
    /// What to say where the options of what is kept have no effect on a job with clients of these types.
    pub(super) fn idle_kv_cache(&self, providers: &[&Provider]) -> Option<&'static str> {
        let is_asked_for = self.jobs.kv_cache.is_some() || self.jobs.kv_cache_size.is_some();
        let keeps = providers.iter().any(|provider| provider.runtime == RuntimeKind::Embedded);
        (is_asked_for && !keeps).then_some(
            "--kv-cache and --kv-cache-size have no effect: they are for the client llama_cpp, which runs in this process",
        )
    }

    /// Where a model in this process keeps what it has read.
    pub(super) fn keeping(&self) -> Keeping {
        let path = match &self.jobs.kv_cache {
            Some(KvCache::Off) => None,
            Some(KvCache::Folder(path)) => Some(path.clone()),
            None => self.environment.cache().map(|cache| cache.join("minions/read")),
        };
        let folder = path.map(|path| KeptFolder { path, limit: self.jobs.kv_cache_size });
        Keeping { memory: None, folder }
    }

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
            common: None,
            redactor: Redactor::default(),
        }
    }
}
