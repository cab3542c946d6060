//! Gives up what a sandbox child does not need: files, processes, privileges, core dumps, memory, time.
//!
//! The interpreter offers none of these to the code; this is for the day that it has a hole.

use nix::sys::resource::{Resource, setrlimit};

use crate::sandbox::Limits;

/// Room for the program itself, its stacks and the allocator's slack, in bytes of address space.
const OWN_ADDRESS_SPACE: u64 = 2 << 30;

/// What can be given up before anything is read.
pub fn process() -> Result<(), String> {
    #[cfg(target_os = "linux")]
    {
        use nix::sys::{prctl, signal::Signal};
        named("PR_SET_PDEATHSIG", prctl::set_pdeathsig(Signal::SIGKILL))?;
        named("PR_SET_NO_NEW_PRIVS", prctl::set_no_new_privs())?;
        named("PR_SET_DUMPABLE", prctl::set_dumpable(false))?;
    }
    limit(Resource::RLIMIT_CORE, 0)?;
    limit(Resource::RLIMIT_FSIZE, 0)?;
    limit(Resource::RLIMIT_NPROC, 0)?;
    limit(Resource::RLIMIT_NOFILE, 0)
}

/// What depends on the limits and on the size of the documents.
pub fn resources(limits: &Limits, documents: usize) -> Result<(), String> {
    // Walls behind the interpreter's own limits, so with room to spare: its messages are better.
    let calls = 4;
    limit(Resource::RLIMIT_CPU, limits.time.as_secs().saturating_mul(calls) + calls)?;
    #[cfg(target_os = "linux")]
    limit(Resource::RLIMIT_AS, OWN_ADDRESS_SPACE + 2 * (limits.memory + 4 * documents) as u64)?;
    monty_alloc::set_limit(Some(limits.memory.saturating_add(documents)), false).map_err(str::to_owned)
}

fn limit(resource: Resource, value: u64) -> Result<(), String> {
    named(&format!("{resource:?}"), setrlimit(resource, value, value))
}

fn named(what: &str, result: nix::Result<()>) -> Result<(), String> {
    result.map_err(|error| format!("{what}: {error}"))
}
