//! The duties of process 1: it passes signals on, reaps every orphan, and ends with its one command's exit code.

use std::process::Command;
use std::time::Duration;
use std::{fs, io, process};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};

/// From SIGTERM until the container ends all the same; `docker stop` waits 10 s.
const GRACE: Duration = Duration::from_secs(8);

/// What becomes of the container's other processes when it is told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    /// They end with it: they serve the one command.
    Leave,
    /// They are jobs that came by `docker exec`: they are told, and get the time to print their envelopes.
    End,
}

/// Runs the command as the container's only purpose: its exit code, 128 and more for a signal.
///
/// Signals are handled, not blocked: a child inherits what is blocked, and would never hear of its end.
pub(super) async fn supervise(mut command: Command, others: Others) -> io::Result<i32> {
    let mut ended = signal(SignalKind::child())?;
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (mut hup, mut quit) = (signal(SignalKind::hangup())?, signal(SignalKind::quit())?);
    let id = command.spawn()?.id();
    let child = Pid::from_raw(i32::try_from(id).map_err(io::Error::other)?);
    let tells_all = others == Others::End && process::id() == 1;
    let mut told = None;
    loop {
        let signal = tokio::select! {
            _ = ended.recv() => match reap(child) {
                Some(code) if tells_all => {
                    wait_for_others(told.unwrap_or_else(Instant::now) + GRACE).await;
                    // Told to end, it has done as told.
                    return Ok(if told.is_some() { 0 } else { code });
                }
                Some(code) => return Ok(code),
                None => continue,
            },
            _ = term.recv() => Signal::SIGTERM,
            _ = int.recv() => Signal::SIGINT,
            _ = hup.recv() => Signal::SIGHUP,
            _ = quit.recv() => Signal::SIGQUIT,
        };
        told.get_or_insert_with(Instant::now);
        // To -1: everybody but process 1. It fails where nobody is left to tell.
        let _ = kill(if tells_all { Pid::from_raw(-1) } else { child }, signal);
    }
}

/// Reaps all that have ended: the command's exit code if it is one of them.
fn reap(child: Pid) -> Option<i32> {
    let mut code = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(id, status)) if id == child => code = Some(status),
            Ok(WaitStatus::Signaled(id, signal, _)) if id == child => code = Some(128 + signal as i32),
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return code,
            // Somebody else, or interrupted: the next one.
            Ok(_) | Err(_) => {}
        }
    }
}

/// Those of `docker exec` are nobody's children here, so that there is nothing to wait for but their absence.
async fn wait_for_others(deadline: Instant) {
    let is_other = |name: &str| name.parse::<u32>().is_ok_and(|id| id != 1);
    let others = || {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries.filter(|entry| entry.file_name().to_str().is_some_and(is_other)).count()
    };
    while others() > 0 && Instant::now() < deadline {
        reap(Pid::from_raw(0));
        sleep(Duration::from_millis(10)).await;
    }
}
