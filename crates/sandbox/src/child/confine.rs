//! Gives up the rights that a sandbox child does not need: files, processes, privileges, core dumps, memory, time, and
//! nearly all system calls.
//!
//! The interpreter offers none of these to the code; the confinement holds even if the interpreter has a hole.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::SandboxLimits;

/// Bytes of address space for the program itself, its stacks and the allocator's slack.
const OWN_ADDRESS_SPACE: usize = 2 << 30;
/// The runs of the code that share the CPU time: top level, `prepare_jobs`, `transform_outputs`, and one to spare.
const CALLS: u64 = 4;

/// Gives up the rights that do not depend on the request.
pub(super) fn process() -> Result<(), String> {
    // This sets no limit yet, and excludes the program's own memory from the count.
    monty_alloc::set_limit(None, false)?;
    #[cfg(target_os = "linux")]
    {
        use nix::sys::{prctl, signal::Signal};
        named("PR_SET_PDEATHSIG", prctl::set_pdeathsig(Signal::SIGKILL))?;
        named("PR_SET_NO_NEW_PRIVS", prctl::set_no_new_privs())?;
        named("PR_SET_DUMPABLE", prctl::set_dumpable(false))?;
    }
    for resource in
        [Resource::RLIMIT_CORE, Resource::RLIMIT_FSIZE, Resource::RLIMIT_NPROC, Resource::RLIMIT_NOFILE]
    {
        limit(resource, 0, 0)?;
    }
    Ok(())
}

/// Sets the limits that depend on the request and on the bytes of the documents. They are wider than the
/// interpreter's own limits, which give better messages.
pub(super) fn resources(limits: &SandboxLimits, documents: usize) -> Result<(), String> {
    let seconds = seconds(limits);
    limit(Resource::RLIMIT_CPU, seconds, seconds.saturating_add(1))?;
    #[cfg(target_os = "linux")]
    {
        let space = address_space(limits, documents);
        limit(Resource::RLIMIT_AS, space, space)?;
    }
    monty_alloc::set_limit(Some(limits.memory.saturating_add(documents)), false).map_err(str::to_owned)?;
    #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
    system_calls::only_what_it_needs().map_err(|error| format!("seccomp: {error}"))?;
    Ok(())
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
    let bytes = below(Resource::RLIMIT_AS, address_space(limits, documents))?;
    Some(format!("a process here may have {} MB of memory (ulimit -v)", bytes >> 20))
}

/// The same for CPU time.
pub(crate) fn short_time(limits: &SandboxLimits) -> Option<String> {
    let seconds = below(Resource::RLIMIT_CPU, seconds(limits))?;
    Some(format!("a process here may have {seconds} s of CPU time (ulimit -t)"))
}

/// Our own limit, if it is lower than this.
fn below(resource: Resource, wanted: u64) -> Option<u64> {
    let (soft, hard) = getrlimit(resource).ok()?;
    Some(soft.min(hard)).filter(|least| *least < wanted)
}

/// Sets a limit, unless there is a lower one already, which can't be raised.
fn limit(resource: Resource, soft: u64, hard: u64) -> Result<(), String> {
    let name = format!("{resource:?}");
    let (soft_now, hard_now) = named_value(&name, getrlimit(resource))?;
    let hard = hard.min(hard_now);
    named(&name, setrlimit(resource, soft.min(soft_now).min(hard), hard))
}

fn named(what: &str, result: nix::Result<()>) -> Result<(), String> {
    named_value(what, result)
}

fn named_value<T>(what: &str, result: nix::Result<T>) -> Result<T, String> {
    result.map_err(|error| format!("{what}: {error}"))
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod system_calls {
    use std::env::consts::ARCH;

    use nix::libc::{self, EPERM, c_long};
    use seccompiler::{
        BackendError, BpfProgram, Error, SeccompAction, SeccompFilter, apply_filter_all_threads,
    };

    /// The system calls for open pipes, memory, existing threads, clocks and exits, of both glibc and musl. Any other
    /// call fails with EPERM and does not kill the child.
    const ALLOWED: &[c_long] = &[
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_readv,
        libc::SYS_writev,
        libc::SYS_close,
        libc::SYS_mmap,
        libc::SYS_mremap,
        libc::SYS_munmap,
        libc::SYS_mprotect,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_futex,
        libc::SYS_sched_yield,
        libc::SYS_clock_gettime,
        libc::SYS_getrandom,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_tgkill,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_restart_syscall,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];

    /// Makes every other system call fail from now on, in all threads.
    pub(super) fn only_what_it_needs() -> Result<(), Error> {
        let program = compiled().map_err(Error::Backend)?;
        match apply_filter_all_threads(&program) {
            // A kernel or container without filters still has the other limits.
            Err(Error::Seccomp(error))
                if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS)) =>
            {
                Ok(())
            }
            other => other,
        }
    }

    fn compiled() -> Result<BpfProgram, BackendError> {
        let rules = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
        let otherwise = SeccompAction::Errno(EPERM as u32);
        SeccompFilter::new(rules, otherwise, SeccompAction::Allow, ARCH.try_into()?)?.try_into()
    }
}
