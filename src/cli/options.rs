//! What the command line says about every job.

use std::path::PathBuf;

use clap::Args;
use minions::engine::{JobOptions, KvCache};

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
    /// Where what was read is kept.
    #[command(flatten)]
    pub cache: CacheOptions,
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

/// Where a model in this process keeps what it has read.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct CacheOptions {
    /// Keep what a model in this process reads of documents in DIR, for later questions (by default in
    /// ~/.cache/minions/read), or in memory alone.
    #[arg(long, value_name = "DIR|off", conflicts_with = "replay", value_parser = kv_cache)]
    pub kv_cache: Option<KvCache>,
    /// The most that is kept there, such as 5GB; otherwise 10 GiB, but no more than half of what the disk has left.
    #[arg(long, value_name = "SIZE", conflicts_with = "replay", value_parser = size)]
    pub kv_cache_size: Option<u64>,
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
        let given = [
            ("--memo", self.memo.is_some()),
            ("--kv-cache", self.cache.kv_cache.is_some()),
            ("--kv-cache-size", self.cache.kv_cache_size.is_some()),
            ("--energy", self.energy),
        ];
        given.into_iter().filter(|(_, is_given)| self.dry_run && *is_given).map(|(name, _)| name).collect()
    }

    /// What the engine is told of them.
    pub(crate) fn for_engine(&self) -> JobOptions {
        let Self {
            max_egress_chars,
            max_egress_bytes,
            record,
            replay,
            memo,
            energy,
            cache: CacheOptions { kv_cache, kv_cache_size },
            ..
        } = self.clone();
        JobOptions {
            max_egress_chars,
            max_egress_bytes,
            record,
            replay,
            memo,
            kv_cache,
            kv_cache_size,
            energy,
        }
    }
}

/// A folder, or `off`.
pub(crate) fn kv_cache(text: &str) -> Result<KvCache, String> {
    match text {
        "" => Err("name a folder, or off".to_owned()),
        "off" => Ok(KvCache::Off),
        path => Ok(KvCache::Folder(path.into())),
    }
}

/// A number of bytes with a unit.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match &*text[digits.len()..].to_ascii_lowercase() {
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err("give a size with its unit: 500MB, 5GB, 500MiB or 5GiB".to_owned()),
    };
    let number = digits.trim().parse::<u64>().ok().filter(|number| *number > 0);
    let bytes = number.and_then(|number| number.checked_mul(unit));
    bytes.ok_or_else(|| format!("{digits:?} is no whole number of at least 1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit() {
        assert_eq!((size("5GB"), size("2 mib")), (Ok(5_000_000_000), Ok(2 << 20)));
        for wrong in ["5", "GB", "-1GB", "0GB", "1.5GB", "5XB", "99999999999999999GB", ""] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
