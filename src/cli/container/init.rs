//! The duties of process 1: it passes signals on, reaps every orphan, and ends with its one command's exit code.

use std::process::Command;
use std::time::Duration;
use std::{fs, future, io, process};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep, sleep_until};

use super::page::Page;

/// From SIGTERM until the container ends all the same; `docker stop` waits 10 s.
const GRACE: Duration = Duration::from_secs(8);

/// What becomes of the container's other processes when it is told to end.
pub(super) enum Others {
    /// They end with it: they serve the one command.
    Leave,
    /// They are jobs that came by `docker exec`: they are told, and get the time to print their envelopes. Until then the
    /// page is kept up.
    End(Box<Page>),
}

impl Others {
    /// Starts the page whenever it is due.
    async fn keep_up(&mut self) {
        match self {
            Self::Leave => future::pending().await,
            Self::End(page) => {
                match page.due() {
                    Some(due) => sleep_until(due.into()).await,
                    None => future::pending().await,
                }
                page.start(std::time::Instant::now());
            }
        }
    }
}

/// Runs the command as the container's only purpose: its exit code, 128 and more for a signal.
///
/// Signals are handled, not blocked: a child inherits what is blocked, and would never hear of its end.
pub(super) async fn supervise(mut command: Command, mut others: Others) -> io::Result<i32> {
    let mut ended = signal(SignalKind::child())?;
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (mut hup, mut quit) = (signal(SignalKind::hangup())?, signal(SignalKind::quit())?);
    let id = command.spawn()?.id();
    let child = Pid::from_raw(i32::try_from(id).map_err(io::Error::other)?);
    let tells_all = matches!(others, Others::End(_)) && process::id() == 1;
    let mut told = None;
    loop {
        let signal = tokio::select! {
            _ = ended.recv() => {
                let gone = reap();
                if let Some(&(_, code)) = gone.iter().find(|(id, _)| *id == child) {
                    if !tells_all {
                        return Ok(code);
                    }
                    wait_for_others(told.unwrap_or_else(Instant::now) + GRACE).await;
                    // Told to end, it has done as told.
                    return Ok(if told.is_some() { 0 } else { code });
                }
                if let Others::End(page) = &mut others {
                    gone.iter().for_each(|(id, code)| page.ended(*id, *code, std::time::Instant::now()));
                }
                continue;
            },
            () = others.keep_up(), if told.is_none() => continue,
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

/// Reaps all that have ended, with their exit codes.
fn reap() -> Vec<(Pid, i32)> {
    let mut gone = Vec::new();
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(id, status)) => gone.push((id, status)),
            Ok(WaitStatus::Signaled(id, signal, _)) => gone.push((id, 128 + signal as i32)),
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return gone,
            // Interrupted: the next one.
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
        reap();
        sleep(Duration::from_millis(10)).await;
    }
}
