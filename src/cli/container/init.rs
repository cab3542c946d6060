//! The duties of process 1: it passes signals on, reaps every orphan, and ends with its command's exit code. A service
//! beside the command is started again whenever it ends.

use std::fmt::Display;
use std::process::Command;
use std::time::Duration;
use std::{fs, io, process};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep, sleep_until};

/// How long a service that has ended rests before it is started again: at first, and at most.
const REST: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// The exit code of a service that can't be run as it was told to.
const MISUSED: i32 = 2;
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

/// Runs the command as the container's purpose, and the service beside it: the exit code, 128 and more for a signal.
///
/// Signals are handled, not blocked: a child inherits what is blocked, and would never hear of its end.
pub(super) async fn supervise(
    mut command: Command,
    service: Option<Command>,
    others: Others,
) -> io::Result<i32> {
    let mut ended = signal(SignalKind::child())?;
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (mut hup, mut quit) = (signal(SignalKind::hangup())?, signal(SignalKind::quit())?);
    let child = start(&mut command)?;
    let mut service = service.map(Service::start);
    let tells_all = others == Others::End && process::id() == 1;
    let (mut told, mut misused) = (None, false);
    loop {
        let signal = tokio::select! {
            _ = ended.recv() => {
                let ended = reap();
                if let Some((_, code)) = ended.iter().find(|(id, _)| *id == child) {
                    if tells_all {
                        wait_for_others(told.unwrap_or_else(Instant::now) + GRACE).await;
                    }
                    // Told to end, it has done as told.
                    let code = if tells_all && told.is_some() { 0 } else { *code };
                    return Ok(if misused { MISUSED } else { code });
                }
                let of_service = |service: &Service| ended.iter().find(|(id, _)| Some(*id) == service.id);
                match service.as_mut().and_then(|service| Some((of_service(service)?.1, service))) {
                    Some((MISUSED, _)) => {
                        misused = true;
                        Signal::SIGTERM
                    }
                    Some((code, service)) if told.is_none() => {
                        service.rest(code);
                        continue;
                    }
                    _ => continue,
                }
            }
            () = rested(service.as_ref()), if told.is_none() => {
                service = service.map(Service::again);
                continue;
            }
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

fn start(command: &mut Command) -> io::Result<Pid> {
    Ok(Pid::from_raw(i32::try_from(command.spawn()?.id()).map_err(io::Error::other)?))
}

/// What runs beside the command.
struct Service {
    command: Command,
    /// None while it rests.
    id: Option<Pid>,
    began: Instant,
    /// When it is started again, and how long it rests the next time.
    again: Option<Instant>,
    pause: Duration,
}

impl Service {
    fn start(mut command: Command) -> Self {
        let began = start(&mut command);
        let id = began.as_ref().ok().copied();
        let mut service = Self { command, id, began: Instant::now(), again: None, pause: REST.0 };
        if let Err(error) = began {
            service.rest(error);
        }
        service
    }

    /// It has ended.
    fn rest(&mut self, why: impl Display) {
        // It was no use to anybody if it ran no longer than it rests.
        self.pause = if self.began.elapsed() > REST.1 { REST.0 } else { self.pause };
        tracing::error!("the page has ended ({why}); it is started again in {} s", self.pause.as_secs());
        self.id = None;
        self.again = Some(Instant::now() + self.pause);
    }

    fn again(self) -> Self {
        Self { pause: (self.pause * 2).min(REST.1), ..Self::start(self.command) }
    }
}

/// When the service has rested; never while it runs.
async fn rested(service: Option<&Service>) {
    match service.and_then(|service| service.again) {
        Some(again) => sleep_until(again).await,
        None => std::future::pending().await,
    }
}

/// Reaps all that have ended: who, and with which exit code.
fn reap() -> Vec<(Pid, i32)> {
    let mut ended = Vec::new();
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(id, status)) => ended.push((id, status)),
            Ok(WaitStatus::Signaled(id, signal, _)) => ended.push((id, 128 + signal as i32)),
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return ended,
            // Interrupted, or stopped: the next one.
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
