//! What libraries read of the environment when the program is loaded, and never again.
//!
//! glibc gives each thread a heap of its own, for which it reserves 64 MB of address space, and takes twice that for a
//! moment. Where address space is limited that takes most of it, and threads that begin then can't say that they lack room.
//!
//! llama.cpp's threads meet some hundred times for every token. Out of the box they spin until all are there, for
//! milliseconds: one more busy process on the machine then makes the engine ten times slower, as those that spin take the
//! time of the one that is waited for.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

/// The variable for the number of glibc's heaps.
const HEAPS: &str = "MALLOC_ARENA_MAX";

/// Starts this program anew with what suits the machine, unless the environment says it. To be called before anything is
/// read; where it can't be done the program goes on as it is.
pub(crate) fn begin_anew() {
    let is_limited = getrlimit(Resource::RLIMIT_AS).is_ok_and(|(space, _)| space != RLIM_INFINITY);
    let heaps = (is_limited && env::var_os(HEAPS).is_none()).then_some((HEAPS, "1"));
    let waits = if cfg!(feature = "embedded") { waits::wanted() } else { None };
    let mut wanted = heaps.into_iter().chain(waits).peekable();
    if wanted.peek().is_none() {
        return;
    }
    let Ok(program) = env::current_exe() else { return };
    // It returns only if it fails.
    let _ = Command::new(program).args(env::args_os().skip(1)).envs(wanted).exec();
}

/// How llama.cpp's threads wait for each other.
mod waits {
    use std::{env, fs};

    /// The variable for the rounds of spinning before a thread sleeps.
    const SPINS: &str = "GOMP_SPINCOUNT";
    /// On a quiet machine. Measured with SmolLM2 on two cores, 8 chunks with 3 tasks: 17.1 tokens/s, against 15.9 with
    /// 5,000 rounds and 14.4 with 200.
    const QUIET: &str = "30000";
    /// Where something else runs. With one more busy process 10.2 tokens/s, against 5.7 with 10,000 rounds and 4.7 with
    /// 30,000; where they spin without end it is a tenth.
    const BUSY: &str = "200";
    /// What a user may have set instead.
    const POLICY: &str = "OMP_WAIT_POLICY";

    /// What has to be set.
    pub(super) fn wanted() -> Option<(&'static str, &'static str)> {
        let is_set = [SPINS, POLICY].iter().any(|name| env::var_os(name).is_some());
        (!is_set).then(|| (SPINS, if is_quiet() { QUIET } else { BUSY }))
    }

    /// Whether nothing else on this machine runs at the moment.
    fn is_quiet() -> bool {
        let loads = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        // "0.20 0.18 0.12 1/80 11206": this process is the one that runs, of 80.
        let running = loads.split(' ').nth(3).and_then(|tasks| tasks.split_once('/')?.0.parse().ok());
        running.is_some_and(|running: usize| running <= 1)
    }
}
