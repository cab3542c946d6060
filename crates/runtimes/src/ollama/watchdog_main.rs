//! What the hidden subcommand of [`super::start::COMMAND`] does.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::Host;
use super::locks::Locks;
use super::start::{COMMAND, Report};
use super::watchdog::{Watchdog, environment};
use crate::{RuntimeError, RuntimeErrorKind};

/// Calls at once where the user has not set `OLLAMA_NUM_PARALLEL`.
pub(super) const SLOTS: usize = 4;

/// The last word of a persistent watchdog's command line.
const PERSISTENT: &str = "persistent";

/// What a watchdog is told.
#[derive(Clone, Debug)]
pub struct WatchdogArgs {
    /// Where the daemon is to listen.
    pub host: Host,
    /// The `ollama` program.
    pub ollama: PathBuf,
    /// Where the lock files are.
    pub locks: PathBuf,
    /// Until SIGTERM or SIGINT, whether or not a job uses the daemon: the host of a container.
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
        let host = Host::parse(host.to_str()?);
        Some(Self { host, ollama: ollama.into(), locks: locks.into(), persistent, environment })
    }
}

/// Keeps a daemon up until its last user is gone (or for ever) or a signal comes. Writes one line to stdout, once
/// the daemon answers or has failed to.
pub async fn watchdog_main(args: WatchdogArgs) -> Result<(), RuntimeError> {
    let locks = Locks::new(args.locks, args.host.port());
    let watchdog = Watchdog {
        program: args.ollama,
        environment: environment(args.environment, &args.host, SLOTS),
        host: args.host,
        persistent: args.persistent,
        start: Duration::from_secs(120),
        grace: Duration::from_secs(5),
    };
    let signals = |kind| {
        signal(kind).map_err(|error| RuntimeError::new(RuntimeErrorKind::Unreachable, error.to_string()))
    };
    let (mut term, mut int) = (signals(SignalKind::terminate())?, signals(SignalKind::interrupt())?);
    let persistent = args.persistent;
    let end = async {
        // The lock is handed on, so that no job begins to use a daemon that is ending.
        tokio::select! {
            _ = term.recv() => None,
            _ = int.recv() => None,
            last = locks.last_user_gone(), if !persistent => last.ok(),
        }
    };
    let report = |result: Result<(), &RuntimeError>| {
        if persistent {
            // Nobody waits for it, and a container's stdout is for envelopes.
            return;
        }
        let report = Report { error: result.err().map(ToString::to_string) };
        // Nobody may be left to read it.
        if let Ok(line) = serde_json::to_string(&report) {
            let mut stdout = io::stdout().lock();
            let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
        }
    };
    watchdog.keep(&locks, report, end).await.map(drop)
}
