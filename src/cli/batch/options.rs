//! What the command line says about a batch.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::shard::{Shard, WhichShard};
use crate::cli::options::RunOptions;
use minions::config;

/// Options of `batch`.
#[derive(Args, Clone, Debug)]
pub(crate) struct BatchOptions {
    /// The file with the jobs; stdin if it is left out or `-`.
    pub file: Option<PathBuf>,
    /// The same: the jobs are read from FILE instead of stdin.
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    pub input: Option<PathBuf>,
    /// Take every COUNT-th job, from the INDEX-th on (from 0): one of COUNT runs that share an input. `auto` takes the place
    /// in the array that Slurm, Kubernetes, AWS Batch and other engines tell.
    #[arg(long, value_name = "INDEX/COUNT|auto", default_value = "0/1", hide_default_value = true)]
    pub shard: WhichShard,
    /// Leave out the jobs that succeeded in FILE, an earlier output; `>> FILE` is safe.
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,
    /// Print the lines in the order of the input, not as the jobs end.
    #[arg(long)]
    pub ordered: bool,
    /// Jobs at the same time.
    #[arg(long, value_name = "N", default_value_t = config::BATCH_JOBS, value_parser = clap::value_parser!(u16).range(1..))]
    pub max_jobs: u16,
    /// When the exit code is 3.
    #[arg(long, value_name = "WHICH", value_enum, default_value_t)]
    pub fail_on: FailOn,
    /// End the run after so many seconds.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub deadline: Option<Duration>,
    /// Remote tokens that the run may spend.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub remote_tokens: Option<u64>,
    /// Requests that go to each remote endpoint in a minute.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub requests_per_minute: Option<u32>,
    /// Tokens that go to and come from each remote endpoint in a minute.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub tokens_per_minute: Option<u32>,
    /// With --events: also what models are told and say, and each job's envelope.
    #[arg(long, requires = "events")]
    pub events_texts: bool,
    /// How long running jobs may take to end after a signal.
    #[arg(skip)]
    pub grace: Duration,
    /// What holds for each job.
    #[command(flatten)]
    pub each: RunOptions,
}

/// Which failed lines make the run a failed one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// One failed line is enough.
    #[default]
    Any,
    /// Only if every line failed.
    All,
    /// None does.
    Never,
}

impl Default for BatchOptions {
    fn default() -> Self {
        Self {
            file: None,
            input: None,
            shard: WhichShard::This(Shard::WHOLE),
            resume: None,
            ordered: false,
            max_jobs: config::BATCH_JOBS,
            fail_on: FailOn::default(),
            deadline: None,
            remote_tokens: None,
            requests_per_minute: None,
            tokens_per_minute: None,
            events_texts: false,
            grace: Duration::ZERO,
            each: RunOptions::default(),
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0);
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.ok_or_else(|| "it must be a number of seconds above 0".to_owned())
}
