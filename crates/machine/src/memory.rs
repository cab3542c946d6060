//! How much memory can still be taken: by the machine's count, and below the limits of the control groups that hold
//! this process, which is how a container is limited. Linux alone tells; elsewhere nothing is known.
//!
//! Sources: the kernel's `filesystems/proc.rst` (`meminfo`, `mountinfo`), `cgroup-v2.rst` and `cgroup-v1/memory.rst`.

use std::path::Path;

use super::groups::own_groups;
use super::text::text;

/// Memory that can still be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Free {
    /// Bytes that can be taken without swapping. File cache that nobody writes to counts: the kernel drops it first.
    pub bytes: u64,
    /// Bytes that there are at most, used and free.
    pub of: u64,
    /// Whether a control group sets that limit, and not the machine.
    pub is_limited: bool,
    /// Bytes of swap that can be taken besides.
    pub swap: u64,
}

impl Free {
    /// For messages: how much is free, and of what.
    pub fn words(&self) -> String {
        let whose = if self.is_limited { "this container's" } else { "this machine's" };
        format!("{} MiB are free of {whose} {} MiB", self.bytes >> 20, self.of >> 20)
    }
}

/// Memory that this process and its children can take: the least of what the machine and the control groups leave.
/// `None` where nothing is known.
pub fn free() -> Option<Free> {
    free_below(Path::new("/"))
}

/// The same without the limits of this process's own control groups, for a process that runs outside of them.
pub fn free_of_machine() -> Option<Free> {
    of_machine(&text(Path::new("/proc/meminfo"))?)
}

/// As [`free`], by the files below `root`.
fn free_below(root: &Path) -> Option<Free> {
    let machine = text(&root.join("proc/meminfo")).and_then(|text| of_machine(&text));
    let groups = own_groups(root, "memory").into_iter().filter_map(|folder| of_group(&folder));
    let all: Vec<Free> = machine.into_iter().chain(groups).collect();
    let swap = all.iter().map(|free| free.swap).min()?;
    all.into_iter().min_by_key(|free| free.bytes).map(|free| Free { swap, ..free })
}

/// From the text of `/proc/meminfo`.
fn of_machine(meminfo: &str) -> Option<Free> {
    Some(Free {
        bytes: kilobytes(meminfo, "MemAvailable:")?,
        of: kilobytes(meminfo, "MemTotal:")?,
        is_limited: false,
        swap: kilobytes(meminfo, "SwapFree:").unwrap_or(0),
    })
}

/// The bytes that a line such as `VmSize:   1234 kB` tells.
pub fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
}

/// What the limit of the group in `folder` leaves; `None` if it has none. Version 2 has two limits: above `memory.high`
/// processes are slowed down until they hardly go on.
fn of_group(folder: &Path) -> Option<Free> {
    let number = |name: &str| text(&folder.join(name))?.trim().parse::<u64>().ok();
    let stat = || text(&folder.join("memory.stat")).unwrap_or_default();
    let (limit, used, stat) = match number("memory.current") {
        Some(used) => {
            let limits = [number("memory.max"), number("memory.high")];
            (limits.into_iter().flatten().min()?, used, stat())
        }
        None => {
            let (used, stat) = (number("memory.usage_in_bytes")?, stat());
            let outer = counter(&stat, "hierarchical_memory_limit");
            (number("memory.limit_in_bytes").into_iter().chain(outer).min()?, used, stat)
        }
    };
    // Version 1 has the largest number of pages as "no limit".
    if limit >= u64::MAX >> 2 {
        return None;
    }
    let swap = match (number("memory.swap.max"), number("memory.memsw.limit_in_bytes")) {
        (Some(most), _) => Some(most.saturating_sub(number("memory.swap.current").unwrap_or(0))),
        // Version 1 limits memory and swap together.
        (None, both) => both.map(|both| both.saturating_sub(limit)),
    };
    let bytes = limit.saturating_sub(used.saturating_sub(droppable(&stat)));
    Some(Free { bytes, of: limit, is_limited: true, swap: swap.unwrap_or(u64::MAX) })
}

/// The bytes of a group, and of the groups in it, that the kernel drops before it ends a process: file cache, and its own
/// caches of names. Files in memory (`shmem`) are not among these.
fn droppable(stat: &str) -> u64 {
    let files = ["inactive_file", "active_file"];
    // In version 1 the plain counters leave out the groups inside.
    let deep = |name: &str| counter(stat, &format!("total_{name}")).or_else(|| counter(stat, name));
    files.iter().filter_map(|name| deep(name)).chain(counter(stat, "slab_reclaimable")).sum()
}

/// Processes that the kernel has ended for want of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kills {
    /// In the control groups with a limit that hold this process (version 2).
    pub own: u64,
    /// On the whole machine and in all its containers, since it runs: they may be anybody's.
    pub machine: u64,
}

/// The counts of now; what is not told counts as none.
pub fn kills() -> Kills {
    kills_below(Path::new("/"))
}

fn kills_below(root: &Path) -> Kills {
    let of = |path: &Path| counter(&text(path)?, "oom_kill");
    let limited = own_groups(root, "memory").into_iter().filter(|folder| of_group(folder).is_some());
    Kills {
        // A group counts those of all groups in it.
        own: limited.filter_map(|folder| of(&folder.join("memory.events"))).max().unwrap_or(0),
        machine: of(&root.join("proc/vmstat")).unwrap_or(0),
    }
}

/// The number behind `name` in lines of the form `name number`.
fn counter(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use tempfile::TempDir;

    const V2: &str = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n";
    const V1: &str = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
                      35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                      41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
    const MEMINFO: &str =
        "MemTotal:        2000 kB\nMemFree: 10 kB\nMemAvailable:    1000 kB\nSwapFree: 300 kB\n";
    const UNLIMITED: &str = "9223372036854771712";

    /// A machine of files: those of `/proc`, and others.
    fn machine(mounts: &str, groups: &str, files: &[(&str, &str)]) -> Option<Free> {
        free_below(files_of(mounts, groups, files).path())
    }

    fn files_of(mounts: &str, groups: &str, files: &[(&str, &str)]) -> TempDir {
        let root = tempfile::tempdir().unwrap();
        let own = [("proc/meminfo", MEMINFO), ("proc/self/mountinfo", mounts), ("proc/self/cgroup", groups)];
        for (name, text) in own.iter().chain(files) {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn bytes(mounts: &str, groups: &str, files: &[(&str, &str)]) -> u64 {
        machine(mounts, groups, files).unwrap().bytes
    }

    #[test]
    fn without_a_limit_the_machine_counts() {
        let whole = Some(Free { bytes: 1000 << 10, of: 2000 << 10, is_limited: false, swap: 300 << 10 });
        assert_eq!(machine("", "", &[]), whole);
        let no_limit = [
            ("sys/fs/cgroup/memory.max", "max\n"),
            ("sys/fs/cgroup/memory.high", "max\n"),
            ("sys/fs/cgroup/memory.current", "500\n"),
        ];
        assert_eq!(machine(V2, "0::/\n", &no_limit), whole);
        let no_limit = [
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", UNLIMITED),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "500"),
        ];
        assert_eq!(machine(V1, "4:memory:/\n0::/\n", &no_limit), whole);
        assert_eq!(free_below(Path::new("/no/such/machine")), None);
    }

    #[test]
    fn a_limit_leaves_what_is_not_used_or_can_be_dropped() {
        let stat = "anon 400\nfile 300\nshmem 90\ninactive_file 200\nactive_file 100\nslab_reclaimable 7\n";
        let mut files = vec![
            ("sys/fs/cgroup/memory.max", "1000\n"),
            ("sys/fs/cgroup/memory.high", "max\n"),
            ("sys/fs/cgroup/memory.current", "700\n"),
            ("sys/fs/cgroup/memory.stat", stat),
        ];
        let free = machine(V2, "0::/\n", &files);
        assert_eq!(free, Some(Free { bytes: 607, of: 1000, is_limited: true, swap: 300 << 10 }));
        // Above the lower limit nothing goes on.
        files[1] = ("sys/fs/cgroup/memory.high", "900\n");
        assert_eq!(bytes(V2, "0::/\n", &files), 507);
        files[2] = ("sys/fs/cgroup/memory.current", "5000\n");
        assert_eq!(bytes(V2, "0::/\n", &files), 0);
        files.extend([
            ("sys/fs/cgroup/memory.swap.max", "70\n"),
            ("sys/fs/cgroup/memory.swap.current", "20\n"),
        ]);
        assert_eq!(machine(V2, "0::/\n", &files).unwrap().swap, 50);
    }

    #[test]
    fn a_limit_may_be_on_any_group_around() {
        let files = [
            ("sys/fs/cgroup/a/memory.max", "900\n"),
            ("sys/fs/cgroup/a/memory.current", "500\n"),
            ("sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("sys/fs/cgroup/a/b/memory.current", "10\n"),
            ("sys/fs/cgroup/other/memory.max", "1\n"),
            ("sys/fs/cgroup/other/memory.current", "1\n"),
        ];
        assert_eq!(bytes(V2, "0::/a/b\n", &files), 400);
        // Within a namespace that is mounted from `/a` on, and with a group outside of what is mounted.
        let mounts = "30 23 0:26 /a /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let files = [("sys/fs/cgroup/b/memory.max", "300"), ("sys/fs/cgroup/b/memory.current", "100")];
        assert_eq!(bytes(mounts, "0::/a/b\n", &files), 200);
        let files = [("sys/fs/cgroup/memory.max", "300"), ("sys/fs/cgroup/memory.current", "50")];
        for group in ["0::/elsewhere\n", "0::/../../up\n", "0::/\n"] {
            assert_eq!(bytes(mounts, group, &files), 250, "{group}");
        }
    }

    #[test]
    fn version_1_counts_the_groups_inside_and_tells_the_limits_outside() {
        let stat = "inactive_file 1\nactive_file 1\nhierarchical_memory_limit 800\ntotal_inactive_file 200\n\
                    total_active_file 50\n";
        let files = [
            ("sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes", UNLIMITED),
            ("sys/fs/cgroup/memory/docker/x/memory.usage_in_bytes", "700"),
            ("sys/fs/cgroup/memory/docker/x/memory.stat", stat),
        ];
        let groups = "5:devices:/docker/x\n4:cpu,memory:/docker/x\n0::/\n";
        let free = machine(V1, groups, &files);
        assert_eq!(free, Some(Free { bytes: 350, of: 800, is_limited: true, swap: 300 << 10 }));
        let mounts = "35 31 0:32 /docker/x /cg/memory rw - cgroup cgroup rw,cpu,memory\n";
        let files = [("cg/memory/memory.limit_in_bytes", "600"), ("cg/memory/memory.usage_in_bytes", "100")];
        assert_eq!(bytes(mounts, groups, &files), 500);
    }

    #[test]
    fn kills_of_limited_groups_are_told_from_anybody_s() {
        let vmstat = ("proc/vmstat", "pgfault 3\noom_kill 9\n");
        let group = |at: &'static str, limit: &'static str, events: &'static str| {
            [("memory.max", limit), ("memory.current", "1"), ("memory.events", events)]
                .map(|(name, text)| (format!("sys/fs/cgroup{at}/{name}"), text))
        };
        for (mounts, files, own) in [
            (V2, vec![group("/a", "900", "low 0\noom 2\noom_kill 2\noom_group_kill 0\n")], 2),
            (V2, vec![group("/a", "900", "oom_kill 3"), group("/a/b", "max", "oom_kill 1")], 3),
            // What has no limit loses its processes to the machine's want, and others.
            (V2, vec![group("/a", "max", "oom_kill 4"), group("/a/b", "300", "oom_kill 1")], 1),
            (V2, vec![group("/a/b", "max", "oom_kill 4")], 0),
            (V2, vec![group("/other", "10", "oom_kill 4")], 0),
            (V1, vec![], 0),
        ] {
            let files: Vec<_> = files.iter().flatten().map(|(name, text)| (name.as_str(), *text)).collect();
            let all: Vec<_> = files.iter().copied().chain([vmstat]).collect();
            let now = kills_below(files_of(mounts, "4:memory:/a\n0::/a/b\n", &all).path());
            assert_eq!(now, Kills { own, machine: 9 }, "{files:?}");
        }
        assert_eq!(kills_below(Path::new("/no/such/machine")), Kills::default());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_tells() {
        let free = free().unwrap();
        assert!(free.bytes > 0 && free.bytes <= free.of, "{free:?}");
    }
}
