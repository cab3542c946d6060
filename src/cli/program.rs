//! What the program runs jobs with.

use std::path::PathBuf;
use std::sync::Arc;

use minions::chat::secrets::Redactor;
use minions::config::Environment;
use minions::engine::{CommonBudget, Engine, EngineConfig, RunLimits};
use minions::runtimes::ollama;

use minions::events::EventListener;

use super::events_file::EventsFile;
use super::interrupt::Interrupt;
use super::logging::Verbosity;
use super::narrator::Narrator;
use super::options::RunOptions;
use super::pull_bar::PullBar;

/// What the program runs jobs with.
#[derive(Clone)]
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
    /// A budget that is held together with other machines.
    pub common: Option<Arc<dyn CommonBudget>>,
}

impl Program {
    /// Who hears what happens in jobs, besides their progress: a file of events, pulls and, if wanted, each step.
    /// Pulls are left out where something else shows them.
    pub(super) fn listeners(
        &self,
        events: Option<Arc<EventsFile>>,
        shows_pulls: bool,
    ) -> Vec<Arc<dyn EventListener>> {
        let mut listeners: Vec<Arc<dyn EventListener>> = Vec::new();
        listeners.extend(events.map(|events| events as _));
        if shows_pulls && !self.options.quiet {
            listeners.push(Arc::new(PullBar::default()));
        }
        listeners.extend(Narrator::if_wanted().map(|narrator| narrator as _));
        listeners
    }

    /// An engine with these limits for all jobs together.
    pub(super) fn engine(&self, is_for_many: bool, limits: RunLimits) -> Engine {
        Engine::new(EngineConfig {
            is_for_many,
            jobs: self.options.for_engine(),
            limits,
            common: self.common.clone(),
            redactor: self.redactor.clone(),
            ..EngineConfig::with_environment(self.program.clone(), self.environment.clone())
        })
    }
}

/// Our own executable, which the supervisor's code runs in.
pub(crate) fn own() -> PathBuf {
    // Links to the binary that runs even if its file is replaced meanwhile.
    let link = PathBuf::from("/proc/self/exe");
    if link.exists() {
        return link;
    }
    let called = PathBuf::from(std::env::args_os().next().unwrap_or_default());
    let found = match called.components().count() {
        1 => ollama::find_program(&called.to_string_lossy(), &std::env::var("PATH").unwrap_or_default()),
        _ => std::fs::canonicalize(&called).ok(),
    };
    found.unwrap_or(link)
}
