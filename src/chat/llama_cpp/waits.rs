//! How llama.cpp's threads wait for each other.
//!
//! They meet some hundred times for every token. Out of the box they spin until all are there, for milliseconds: one
//! more busy process on the machine then makes the engine ten times slower, as those that spin take the time of the
//! one that is waited for. OpenMP's library reads how long they spin when the program is loaded, and never again.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Rounds of spinning before a thread sleeps. Measured with SmolLM2 on two cores: as fast as endless spinning on a quiet
/// machine, half as fast with one more busy process, where endless spinning is ten times slower.
const SPINS: (&str, &str) = ("GOMP_SPINCOUNT", "200");
/// What a user may have set instead.
const POLICY: &str = "OMP_WAIT_POLICY";

/// Starts this program anew with short waits, unless the environment says how long to wait. To be called before
/// anything is read; where it can't be done the program goes on as it is.
pub fn shorten() {
    if [SPINS.0, POLICY].iter().any(|name| env::var_os(name).is_some()) {
        return;
    }
    let Ok(program) = env::current_exe() else { return };
    // It returns only if it fails.
    let _ = Command::new(program).args(env::args_os().skip(1)).env(SPINS.0, SPINS.1).exec();
}
