//! What this machine lets the program have: open files and threads. Asked before anything is spent.

use std::sync::{Arc, Mutex};
use std::thread;

use minions::error::Failure;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};

/// Threads of the runtime that run jobs: while one does long work, the other sees to timers.
pub(crate) const WORKERS: usize = 2;
/// Threads that a run may need at the same time: the workers, blocking work, and those with names of their own.
const THREADS: usize = WORKERS + 8;
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

/// Whether as many threads as a run needs can be started. A runtime that lacks one panics, or waits for ever.
fn has_threads() -> Result<(), Failure> {
    // Each thread reserves address space for its allocations, which nothing gives back.
    if getrlimit(Resource::RLIMIT_AS).is_ok_and(|(space, _)| space != RLIM_INFINITY) {
        return Ok(());
    }
    let gate = Arc::new(Mutex::new(()));
    let mut threads = Vec::with_capacity(THREADS);
    let closed = gate.lock();
    let started = (0..THREADS).try_for_each(|_| {
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
