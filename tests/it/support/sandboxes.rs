//! The sandboxes of a program, as the system sees them.

use std::path::{Path, PathBuf};

use nix::unistd::Pid;

/// The sandboxes of the program that runs in this folder.
pub(crate) fn sandboxes_of(folder: &Path) -> Vec<Pid> {
    let read = |place: PathBuf| std::fs::read(place).unwrap_or_default();
    let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let of_it = |process: &PathBuf| {
        let stat = String::from_utf8_lossy(&read(process.join("stat"))).into_owned();
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)).unwrap_or("0");
        String::from_utf8_lossy(&read(process.join("cmdline"))).contains("sandbox-child")
            && std::fs::read_link(format!("/proc/{parent}/cwd")).is_ok_and(|parent| parent == folder)
    };
    let id = |process: PathBuf| process.file_name()?.to_str()?.parse().ok().map(Pid::from_raw);
    processes.filter(of_it).filter_map(id).collect()
}

/// Whether this process lives and is a sandbox.
pub(crate) fn is_sandbox(process: Pid) -> bool {
    let command = std::fs::read_to_string(format!("/proc/{process}/cmdline"));
    command.is_ok_and(|command| command.contains("sandbox-child"))
}

/// Bytes of memory that a process has to itself.
pub(crate) fn own_memory(process: Pid) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) << 10
}
