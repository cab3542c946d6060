//! What the command line says about every job.

use std::path::PathBuf;

use clap::Args;

/// Options of jobs, one or many.
#[derive(Args, Clone, Debug, Default)]
pub struct JobOptions {
    /// Fail a job before more than N characters of its documents leave this machine.
    #[arg(long, value_name = "N")]
    pub max_egress_chars: Option<u64>,
    /// Write every exchange with a model into DIR, without keys.
    #[arg(long, value_name = "DIR", conflicts_with = "replay")]
    pub record: Option<PathBuf>,
    /// Answer from what --record wrote into DIR: no network, no keys, no models.
    #[arg(long, value_name = "DIR")]
    pub replay: Option<PathBuf>,
}
