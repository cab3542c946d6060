//! What the command line says about documents to read beforehand.

use std::path::PathBuf;

use clap::Args;
use minions::engine::KvCache;

use crate::cli::options::{CacheOptions, RunOptions, kv_cache, size};

pub(crate) const EXAMPLES: &str = "\
Examples:
  minions index --local llama_cpp/models/llama-3.2-3b.gguf annual.pdf
  minions index contracts/ && minions ask \"Who signed the lease?\" contracts/

Needs a model in this process: MINIONS_LOCAL or --local as llama_cpp/PATH.gguf.";

/// `minions index`.
#[derive(Args, Clone, Debug)]
pub(crate) struct IndexOptions {
    /// The files and folders to read.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// The worker, as llama_cpp/PATH.gguf [default: MINIONS_LOCAL].
    #[arg(long, value_name = "MODEL")]
    pub local: Option<String>,
    /// A pair of models by its name in the settings; --local wins over it.
    #[arg(long, value_name = "NAME")]
    pub pair: Option<String>,
    /// Keep what is read in DIR [default: ~/.cache/minions/read].
    #[arg(long, value_name = "DIR", value_parser = kv_cache)]
    kv_cache: Option<KvCache>,
    /// The most that is kept there, such as 5GB; otherwise 10 GiB, but no more than half of what the disk has left.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    kv_cache_size: Option<u64>,
    /// Tell of each step on stderr, a line each.
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,
    /// Tell of errors alone, without progress.
    #[arg(short, long)]
    quiet: bool,
}

impl IndexOptions {
    /// The same as options of any run.
    pub(crate) fn each(&self) -> RunOptions {
        let Self { kv_cache, kv_cache_size, verbose, quiet, .. } = self.clone();
        RunOptions {
            cache: CacheOptions { kv_cache, kv_cache_size },
            verbose,
            quiet,
            ..RunOptions::default()
        }
    }
}
