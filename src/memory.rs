//! How much memory is left for a job, as far as the machine tells.

use std::fs;

use minions_machine::memory;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

use crate::error::Failure;

/// Smaller inputs are not looked at: what they need may lie in memory that the process has already.
const NOTICED: usize = 1 << 20;
/// Bytes of memory for each byte of JSON that is read and parsed.
pub const OF_JSON: u64 = 2;
/// Bytes of address space that the program takes when it begins: the stacks of its threads, and what these allocate.
const START: u64 = 24 << 20;
/// The same for a job: its documents, what is sent of them, its log and its envelope.
pub const OF_A_JOB: u64 = 5;

/// Whether there is room for a job whose JSON has so many bytes, each of which needs `for_a_byte` of them.
///
/// # Errors
/// [`FailureKind::System`](crate::error::FailureKind::System), naming what is needed and what there is.
pub fn check(bytes: usize, for_a_byte: u64) -> Result<(), Failure> {
    if bytes < NOTICED {
        return Ok(());
    }
    let needed = (bytes as u64).saturating_mul(for_a_byte);
    match left() {
        Some(left) if left < needed => {
            let mb = |bytes: u64| bytes >> 20;
            Err(Failure::system(format!(
                "the job has {} MB and needs about {} MB of memory; {} MB are left",
                mb(bytes as u64),
                mb(needed),
                mb(left)
            ))
            .hint("give the process more memory (`ulimit -v`, or the container's limit), or split the documents"))
        }
        _ => Ok(()),
    }
}

/// Whether this process may take what it needs to begin at all: its threads can't say that they lack room.
///
/// # Errors
/// [`FailureKind::System`](crate::error::FailureKind::System), naming what is needed and what there is.
pub fn check_start() -> Result<(), Failure> {
    match of_process() {
        Some(left) if left < START => Err(Failure::system(format!(
            "this process may take {} MB more of address space, and needs {} MB to begin",
            left >> 20,
            START >> 20
        ))
        .hint("raise the limit: `ulimit -v`")),
        _ => Ok(()),
    }
}

/// Bytes that this process can still take; `None` if nothing is known.
fn left() -> Option<u64> {
    of_process().into_iter().chain(memory::free().map(|free| free.bytes)).min()
}

/// Below the limit of address space.
fn of_process() -> Option<u64> {
    let (limit, _) = getrlimit(Resource::RLIMIT_AS).ok().filter(|(limit, _)| *limit != RLIM_INFINITY)?;
    Some(limit.saturating_sub(memory::kilobytes(&fs::read_to_string("/proc/self/status").ok()?, "VmSize:")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_is_larger_than_the_machine_is_told_before() {
        assert!(left().is_some_and(|left| left > 0));
        assert!(check(100, OF_A_JOB).is_ok());
        let failure = check(1 << 50, OF_JSON).unwrap_err();
        assert!(failure.message.contains("MB are left"), "{failure}");
    }
}
