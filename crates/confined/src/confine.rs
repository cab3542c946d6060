//! Gives up the rights that a child does not need: files, processes, privileges, core dumps, memory, time, and nearly all
//! system calls.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// What a child may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Seconds of CPU time in all.
    pub cpu_seconds: u64,
    /// Bytes of address space, with the program itself, its stacks and the allocator's slack.
    pub address_space: u64,
    /// Bytes that it may allocate from now on.
    pub memory: usize,
}

/// Child side, first of all: gives up the rights that no child needs.
///
/// # Errors
/// The step that failed, in words; the child must not go on then.
pub fn give_up_rights() -> Result<(), String> {
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

/// Child side: keeps the process within `room`, and lets it make no system call but those of its pipes and its memory.
///
/// # Errors
/// As [`give_up_rights`].
pub fn keep_within(room: &Room) -> Result<(), String> {
    limit(Resource::RLIMIT_CPU, room.cpu_seconds, room.cpu_seconds.saturating_add(1))?;
    #[cfg(target_os = "linux")]
    limit(Resource::RLIMIT_AS, room.address_space, room.address_space)?;
    monty_alloc::set_limit(Some(room.memory), false).map_err(str::to_owned)?;
    #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
    system_calls::only_what_it_needs().map_err(|error| format!("seccomp: {error}"))?;
    Ok(())
}

/// Parent side: the bytes of address space that a process may have here, if they are fewer than `wanted`. A child
/// inherits that limit.
pub fn space_below(wanted: u64) -> Option<u64> {
    below(Resource::RLIMIT_AS, wanted)
}

/// The same for seconds of CPU time.
pub fn cpu_below(wanted: u64) -> Option<u64> {
    below(Resource::RLIMIT_CPU, wanted)
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
