//! What the program runs jobs with.

use std::path::PathBuf;

use minions::chat::secrets::Redactor;
use minions::config::Environment;
use minions::engine::{Engine, EngineConfig, RunLimits};

use super::interrupt::Interrupt;
use super::logging::Verbosity;
use super::options::RunOptions;

/// What the program runs jobs with.
pub(crate) struct Program {
    pub environment: Environment,
    /// Our own executable.
    pub program: PathBuf,
    /// What the command line says about every job.
    pub options: RunOptions,
    pub redactor: Redactor,
    pub verbosity: Verbosity,
    pub interrupt: Interrupt,
    /// How many jobs this machine's open files allow at the same time.
    pub most_jobs: u16,
}

impl Program {
    /// An engine with these limits for all jobs together.
    pub(super) fn engine(&self, is_for_many: bool, limits: RunLimits) -> Engine {
        Engine::new(EngineConfig {
            is_for_many,
            jobs: self.options.for_engine(),
            limits,
            redactor: self.redactor.clone(),
            ..EngineConfig::with_environment(self.program.clone(), self.environment.clone())
        })
    }
}
