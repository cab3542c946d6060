//! What the command line says about a queue.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use minions::config;
use minions_queue::Address;

use crate::cli::options::RunOptions;

pub(crate) const SUBMIT_EXAMPLES: &str = "\
Examples:
  minions submit jobs.jsonl --queue nats://HOST:4222/contracts
  minions submit jobs.jsonl --queue nats://HOST:4222/contracts --usd 50 --requests-per-minute 600";

pub(crate) const WORK_EXAMPLES: &str = "\
Examples:
  minions work --queue nats://HOST:4222/contracts
  minions work --queue nats://HOST:4222/contracts --max-jobs 32 --idle-exit 30";

pub(crate) const COLLECT_EXAMPLES: &str = "\
Examples:
  minions collect --queue nats://HOST:4222/contracts --follow > out.jsonl
  minions collect --queue nats://HOST:4222/contracts --resume out.jsonl >> out.jsonl";

/// Which queue.
#[derive(Args, Clone, Debug)]
struct At {
    /// Where the queue is: nats://HOST:PORT/NAME; without it, MINIONS_QUEUE.
    #[arg(long, value_name = "URL")]
    queue: Option<Address>,
}

/// Options of `submit`.
#[derive(Args, Clone, Debug)]
pub(crate) struct SubmitOptions {
    /// The file with the jobs; stdin if it is left out or `-`.
    pub file: Option<PathBuf>,
    /// The same: the jobs are read from FILE instead of stdin.
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    pub input: Option<PathBuf>,
    #[command(flatten)]
    at: At,
    /// Give a job to another worker once its own was silent for so long, from now on (60 s in a new queue).
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub lost_after: Option<Duration>,
    /// Dollars that all workers together may spend, by the prices of the jobs; they heed it within seconds.
    #[arg(long, value_name = "DOLLARS", value_parser = dollars)]
    pub usd: Option<f64>,
    /// Remote tokens that all workers together may spend.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub remote_tokens: Option<u64>,
    /// Requests that go to each remote endpoint in a minute, from all workers together.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub requests_per_minute: Option<u32>,
}

/// Options of `work`.
#[derive(Args, Clone, Debug)]
pub(crate) struct WorkOptions {
    #[command(flatten)]
    at: At,
    /// Jobs at the same time.
    #[arg(long, value_name = "N", default_value_t = config::BATCH_JOBS, value_parser = clap::value_parser!(u16).range(1..))]
    pub max_jobs: u16,
    /// End once there was nothing to do for so long; without it, only a signal ends the worker.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub idle_exit: Option<Duration>,
    /// How long running jobs may take to end after a signal, before they are handed back.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "20")]
    pub grace: Duration,
    /// Keep documents in DIR; without it, in this user's folder of caches.
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// What holds for each job.
    #[command(flatten)]
    pub each: RunOptions,
}

/// Options of `collect`.
#[derive(Args, Clone, Debug)]
pub(crate) struct CollectOptions {
    #[command(flatten)]
    at: At,
    /// Wait for results until each job has one.
    #[arg(long)]
    pub follow: bool,
    /// Leave out the results that FILE, an earlier output, has; `>> FILE` is safe.
    #[arg(long, value_name = "FILE")]
    pub resume: Option<PathBuf>,
}

/// Options of `status`.
#[derive(Args, Clone, Debug)]
pub(crate) struct StatusOptions {
    #[command(flatten)]
    at: At,
    /// As JSON, for programs.
    #[arg(long)]
    pub json: bool,
    /// As Prometheus reads it.
    #[arg(long, conflicts_with = "json")]
    pub metrics: bool,
}

/// What there is to do with a queue.
#[derive(Clone, Debug)]
pub(crate) enum QueueWork {
    Submit(SubmitOptions),
    Work(Box<WorkOptions>),
    Collect(CollectOptions),
    Status(StatusOptions),
}

impl QueueWork {
    /// The queue that the command line names.
    pub(super) fn address(&self) -> Option<Address> {
        let at = match self {
            Self::Submit(options) => &options.at,
            Self::Work(options) => &options.at,
            Self::Collect(options) => &options.at,
            Self::Status(options) => &options.at,
        };
        at.queue.clone()
    }
}

fn dollars(text: &str) -> Result<f64, String> {
    let dollars = text.parse::<f64>().ok().filter(|dollars| dollars.is_finite() && *dollars > 0.0);
    dollars.ok_or_else(|| "it must be a number of dollars above 0".to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0);
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.ok_or_else(|| "it must be a number of seconds above 0".to_owned())
}
