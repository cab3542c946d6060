//! What the command line says about every job.

use std::path::PathBuf;

use clap::Args;
use minions::engine::JobOptions;

use super::events_file::EventsTarget;
use super::logging::Volume;
use super::screen::Terminal;
use super::while_open::WhileOpen;

/// Options of jobs, one or many.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RunOptions {
    /// Fail a job before more than N characters of its documents leave this machine, as far as they are recognised.
    #[arg(long, value_name = "N")]
    pub max_egress_chars: Option<u64>,
    /// Fail a job before more than N bytes besides its own words leave this machine, whatever they look like.
    #[arg(long, value_name = "N")]
    pub max_egress_bytes: Option<u64>,
    /// Write every exchange with a model into DIR, without keys.
    #[arg(long, value_name = "DIR", conflicts_with = "replay")]
    pub record: Option<PathBuf>,
    /// Answer from what --record wrote into DIR: no network, no keys, no models.
    #[arg(long, value_name = "DIR")]
    pub replay: Option<PathBuf>,
    /// Check a job, read its files, and estimate what it costs; no call is made.
    #[arg(long, conflicts_with_all = ["record", "replay", "events"])]
    pub dry_run: bool,
    /// Keep the worker's answers in DIR, and don't ask again what they answer (protocol minions).
    #[arg(long, value_name = "DIR", conflicts_with_all = ["record", "replay"])]
    pub memo: Option<PathBuf>,
    /// Measure the energy that this machine takes, or fail: of a job in result.energy, of a batch on stderr.
    #[arg(long, conflicts_with = "replay")]
    pub energy: bool,
    /// Leave out of results what repeats: the conversation and our prompts.
    #[arg(long)]
    pub slim: bool,
    /// Tell of each request, model and program on stderr, a line each.
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Tell of errors alone, without progress.
    #[arg(short, long)]
    pub quiet: bool,
    /// Write what happens as NDJSON to a FILE, or to fd:N, a file descriptor that is open.
    #[arg(long, value_name = "FILE|fd:N")]
    pub events: Option<EventsTarget>,
    /// End with what is done so far once the other end of the pipe at this descriptor is closed, or its holder dies.
    #[arg(long, value_name = "fd:N")]
    pub while_open: Option<WhileOpen>,
}

impl RunOptions {
    /// How much is told on stderr.
    pub(crate) fn volume(&self) -> Volume {
        match self {
            Self { quiet: true, .. } => Volume::Quiet,
            Self { verbose: true, .. } => Volume::Verbose,
            _ => Volume::Normal,
        }
    }

    /// How much a person who asks is told, who looks at a line of progress where there is a terminal.
    pub(crate) fn volume_for_person(&self) -> Volume {
        match self.volume() {
            Volume::Normal if Terminal::of(&std::io::stderr()).can_redraw => Volume::Person,
            volume => volume,
        }
    }

    /// What is given and has no effect, as no call is made.
    pub(crate) fn unused(&self) -> Vec<&'static str> {
        let given = [("--memo", self.memo.is_some()), ("--energy", self.energy)];
        given.into_iter().filter(|(_, is_given)| self.dry_run && *is_given).map(|(name, _)| name).collect()
    }

    /// What the engine is told of them.
    pub(crate) fn for_engine(&self) -> JobOptions {
        let Self { max_egress_chars, max_egress_bytes, record, replay, memo, energy, .. } = self.clone();
        JobOptions { max_egress_chars, max_egress_bytes, record, replay, memo, energy }
    }
}
