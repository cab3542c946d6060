//! What a watchdog process is told, and what it reports.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Host;

/// The name of the hidden subcommand that becomes a watchdog, see [`WatchdogArgs`].
pub const COMMAND: &str = "ollama-watchdog";
/// The longest time for the start of a daemon: looking for GPUs can take a minute.
pub(super) const START_LIMIT: Duration = Duration::from_secs(120);
/// The last word of a persistent watchdog's command line.
const PERSISTENT: &str = "persistent";

/// The one line that a watchdog writes to stdout.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Report {
    /// What went wrong; nothing if the daemon answers.
    pub(super) error: Option<String>,
}

/// What a watchdog is told.
#[derive(Clone, Debug)]
pub struct WatchdogArgs {
    /// Where the daemon is to listen.
    pub host: Host,
    /// The `ollama` program.
    pub ollama: PathBuf,
    /// Where the lock files are.
    pub locks: PathBuf,
    /// Whether the daemon runs until SIGTERM or SIGINT even if no job uses it, as in a container that hosts it.
    pub persistent: bool,
    /// The process's environment.
    pub environment: Vec<(String, String)>,
}

impl WatchdogArgs {
    /// The command line of a watchdog.
    pub fn words(host: &Host, ollama: &Path, locks: &Path, persistent: bool) -> Vec<OsString> {
        let words = [COMMAND.into(), host.to_string().into(), ollama.into(), locks.into()];
        words.into_iter().chain(persistent.then(|| PERSISTENT.into())).collect()
    }

    /// What follows [`COMMAND`] on that command line; `None` if it is none of ours.
    pub fn parse(words: &[OsString], environment: Vec<(String, String)>) -> Option<Self> {
        let (words, persistent) = match words {
            [words @ .., last] if last == PERSISTENT => (words, true),
            words => (words, false),
        };
        let [host, ollama, locks] = words else { return None };
        let host = Host::read(host.to_str()?).ok()?;
        Some(Self { host, ollama: ollama.into(), locks: locks.into(), persistent, environment })
    }
}
