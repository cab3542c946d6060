//! What the hidden subcommand of [`super::watchdog_args::COMMAND`] does.

use std::io::{self, Write};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::locks::Locks;
use super::note;
use super::watchdog::Watchdog;
use super::watchdog_args::{Report, START_LIMIT, WatchdogArgs};
use crate::{RuntimeError, RuntimeErrorKind};

/// Keeps a daemon up until its last user has been gone for as long as that one wished (or for ever) or a signal comes.
/// Writes one line to stdout, once
/// the daemon answers or has failed to.
pub async fn watchdog_main(args: WatchdogArgs) -> Result<(), RuntimeError> {
    let locks = Locks::new(args.locks, args.host.port());
    let watchdog = Watchdog {
        // Also where the file has been replaced meanwhile.
        minions: "/proc/self/exe".into(),
        program: args.ollama,
        settings: note::settings(&args.environment, &args.host),
        environment: args.environment,
        host: args.host,
        persistent: args.persistent,
        start: START_LIMIT,
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
            last = locks.unused(), if !persistent => last.ok(),
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
    watchdog.run(&locks, report, end).await.map(drop)
}
