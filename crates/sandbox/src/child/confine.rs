//! The room of a sandbox child.
//!
//! The interpreter offers no files, processes or system calls to the code; the confinement holds even if the interpreter
//! has a hole.

use minions_confined::{Room, cpu_below, keep_within, space_below};

use crate::SandboxLimits;

/// Bytes of address space for the program itself, its stacks and the allocator's slack.
const OWN_ADDRESS_SPACE: usize = 2 << 30;
/// Bytes of memory that an interpreter takes, with the library that it has loaded, and some to spare.
const INTERPRETER: usize = 64 << 20;
/// The runs of the code that share the CPU time: top level, `prepare_jobs`, `transform_outputs`, and one to spare.
const CALLS: u64 = 4;

/// Child side: whether there is room for an interpreter before there is any code: asked of the system, and given back.
pub(super) fn room_for_an_interpreter() -> Result<(), String> {
    let failed = |error| format!("no room of {} MB for the interpreter: {error}", INTERPRETER >> 20);
    Vec::<u8>::new().try_reserve_exact(INTERPRETER).map_err(failed)
}

/// Sets the limits that depend on the request and on the bytes of the documents. They are wider than the
/// interpreter's own limits, which give better messages.
pub(super) fn resources(limits: &SandboxLimits, documents: usize) -> Result<(), String> {
    keep_within(&Room {
        cpu_seconds: seconds(limits),
        address_space: address_space(limits, documents),
        memory: limits.memory.saturating_add(documents),
    })
}

/// Seconds of CPU time of all runs of the code together.
fn seconds(limits: &SandboxLimits) -> u64 {
    limits.time.as_secs().saturating_add(1).saturating_mul(CALLS)
}

/// Bytes of address space.
fn address_space(limits: &SandboxLimits, documents: usize) -> u64 {
    let space = documents.saturating_mul(4).saturating_add(limits.memory).saturating_mul(2);
    space.saturating_add(OWN_ADDRESS_SPACE) as u64
}

/// Parent side: the memory of a process, in words, if a limit that the child inherits leaves it less than the code is
/// promised. What fails then is not the code's fault.
pub(crate) fn short_memory(limits: &SandboxLimits, documents: usize) -> Option<String> {
    let bytes = space_below(address_space(limits, documents))?;
    Some(format!("a process here may have {} MB of memory (ulimit -v)", bytes >> 20))
}

/// The same for CPU time.
pub(crate) fn short_time(limits: &SandboxLimits) -> Option<String> {
    let seconds = cpu_below(seconds(limits))?;
    Some(format!("a process here may have {seconds} s of CPU time (ulimit -t)"))
}
