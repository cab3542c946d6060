//! What this machine lets the program have: open files and threads. Asked before anything is spent.

use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fs, io, thread};

use minions::error::Failure;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use tokio::runtime::{Builder, Runtime};

use super::last_words;

/// Threads of the runtime that run jobs: while one does long work, the other sees to timers.
const WORKERS: usize = 2;
/// Threads that a run may need at the same time: the workers, blocking work, and those with names of their own.
const THREADS: usize = WORKERS + 8;
/// Threads for blocking work that are started beforehand: for the input, and for the end of a job. Later there may be no
/// room for another.
const BLOCKING: usize = 2;
/// The main thread, and the one that hears signals.
const OTHERS: usize = 2;
/// How long a thread for blocking work is kept without work: as long as any run.
const KEEP_THREADS: Duration = Duration::from_secs(1 << 30);
/// Files that the program itself has open.
const OWN_FILES: u64 = 32;
/// Files that a job may have open at the same time: connections, pipes to its sandbox, its log.
const FILES_OF_A_JOB: u64 = 8;
/// More files are never needed.
const MOST_FILES: u64 = 1 << 16;

/// Raises what may be raised, and gives how many jobs the open files allow at the same time.
///
/// # Errors
/// [`FailureKind::System`](minions::error::FailureKind::System) where not even one job can run, naming the limit.
pub(crate) fn prepare() -> Result<u16, Failure> {
    has_threads()?;
    let files = open_files();
    let jobs = files.saturating_sub(OWN_FILES) / FILES_OF_A_JOB;
    if jobs == 0 {
        let needed = OWN_FILES + FILES_OF_A_JOB;
        let message =
            format!("this machine lets the program open {files} files at once, and a job may need {needed}");
        return Err(Failure::system(message).hint(format!("raise the limit: `ulimit -n {needed}` or more")));
    }
    Ok(u16::try_from(jobs).unwrap_or(u16::MAX))
}

/// How many files may be open, once the limit is as high as the machine lets it be.
fn open_files() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return u64::MAX };
    let wanted = hard.min(MOST_FILES);
    let raised = soft < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok();
    if raised { wanted } else { soft }
}

/// The runtime that jobs run on, with all threads that it needs.
///
/// # Errors
/// [`FailureKind::System`](minions::error::FailureKind::System) where the machine gives it fewer.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .thread_keep_alive(KEEP_THREADS)
        .on_thread_start(last_words::begin)
        .on_thread_stop(last_words::end)
        .enable_all()
        .build()
        .map_err(|error| not_started("the asynchronous runtime can't be started", &error))?;
    let gate = Arc::new(Mutex::new(()));
    // None of them is free for the next task before the last is started.
    let closed = gate.lock();
    for _ in 0..BLOCKING {
        let gate = Arc::clone(&gate);
        runtime.spawn_blocking(move || drop(gate.lock()));
    }
    // What waits for a thread that can't be started waits in silence.
    let have = threads();
    drop(closed);
    if have.is_some_and(|have| have < OTHERS + WORKERS + BLOCKING) {
        runtime.shutdown_background();
        return Err(Failure::no_thread("it has too few"));
    }
    Ok(runtime)
}

/// How many threads this process has, if the machine tells.
fn threads() -> Option<usize> {
    fs::read_dir("/proc/self/task").ok().map(Iterator::count)
}

/// Why the program can't begin: most often there is no thread left for it.
pub(crate) fn not_started(what: &str, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::WouldBlock => Failure::no_thread(error),
        _ => Failure::system(format!("{what}: {error}")),
    }
}

/// Whether as many threads as a run needs can be started. A runtime that lacks one panics, or waits for ever.
fn has_threads() -> Result<(), Failure> {
    // Each thread reserves address space for its allocations, which only another thread can use.
    let is_space_short = getrlimit(Resource::RLIMIT_AS).is_ok_and(|(space, _)| space != RLIM_INFINITY);
    let needed = if is_space_short { WORKERS } else { THREADS };
    let gate = Arc::new(Mutex::new(()));
    let mut threads = Vec::with_capacity(needed);
    let closed = gate.lock();
    let started = (0..needed).try_for_each(|_| {
        let gate = Arc::clone(&gate);
        thread::Builder::new().spawn(move || drop(gate.lock())).map(|thread| threads.push(thread))
    });
    drop(closed);
    for thread in threads {
        // It only waits.
        let _ = thread.join();
    }
    started.map_err(|error| Failure::no_thread(&error))
}
