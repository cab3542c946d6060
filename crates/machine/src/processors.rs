//! The processors that this process may use: how many, of which kind, and for which part of the time.
//!
//! Sources: the kernel's `admin-guide/cputopology.rst`, `filesystems/proc.rst` (`Cpus_allowed_list`), `cgroup-v2.rst`
//! (`cpu.max`), `scheduler/sched-bwc.rst` (`cpu.cfs_quota_us`), `ABI/testing/sysfs-devices-system-cpu` (`cache`,
//! `cpu_capacity`); processors of several kinds of Intel's show as `cpu_core` and `cpu_atom`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::groups::own_groups;
use super::text::text;

/// The processors that this process may use.
#[derive(Clone, Debug, PartialEq)]
pub struct Processors {
    /// The model's name; empty if it is not told.
    pub name: String,
    /// Logical ones that this process may run on.
    pub logical: usize,
    /// Cores among these, without those that are made to be slow: the threads that llama.cpp computes with.
    pub cores: usize,
    /// Processors' worth of time that the control groups leave; none without a limit.
    pub quota: Option<f64>,
    /// NUMA nodes that these are on.
    pub nodes: usize,
    /// Bytes of the last cache, as the machine tells; a virtual one may tell another's.
    pub cache: Option<u64>,
}

impl Processors {
    /// Threads that compute.
    pub fn threads(&self) -> usize {
        let quota = self.quota.map_or(usize::MAX, |quota| quota.ceil().max(1.0) as usize);
        self.cores.min(quota).max(1)
    }

    /// The part of the time for which all threads run.
    pub fn share(&self) -> f64 {
        self.quota.map_or(1.0, |quota| (quota / self.threads() as f64).min(1.0))
    }

    /// What names the machine in a cache of measurements: another processor, or another share of it, is another machine.
    pub fn key(&self) -> String {
        let quota = self.quota.map_or(String::new(), |quota| format!(" quota {quota:.2}"));
        let name = if self.name.is_empty() { "processor" } else { &self.name };
        format!("{name} x{}{quota}", self.cores)
    }
}

/// Those of this process.
pub fn processors() -> Processors {
    below(Path::new("/"))
}

/// As [`processors`], by the files below `root`.
fn below(root: &Path) -> Processors {
    let told = |name: &str| text(&root.join(name)).unwrap_or_default();
    let status = told("proc/self/status");
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).map(numbers);
    let allowed = allowed.filter(|allowed| !allowed.is_empty()).unwrap_or_else(|| {
        let many = std::thread::available_parallelism().map_or(1, usize::from);
        (0..many).collect()
    });
    let slow = slow(root, &allowed);
    let own = |cpu: usize| root.join(format!("sys/devices/system/cpu/cpu{cpu}"));
    // Threads of one core have the same siblings.
    let siblings = |cpu: &usize| {
        let list = text(&own(*cpu).join("topology/thread_siblings_list"));
        list.and_then(|list| numbers(&list).into_iter().min()).unwrap_or(*cpu)
    };
    let cores: BTreeSet<usize> = allowed.difference(&slow).map(siblings).collect();
    let info = told("proc/cpuinfo");
    let named = ["model name", "Model", "Hardware"].iter().find_map(|key| {
        let line = info.lines().find(|line| line.starts_with(key))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    Processors {
        name: named.unwrap_or_default(),
        logical: allowed.len(),
        cores: cores.len().max(1),
        quota: quota(root),
        nodes: nodes(root, &allowed).max(1),
        cache: allowed.first().and_then(|cpu| last_cache(&own(*cpu).join("cache"))),
    }
}

/// Those of `allowed` that are made to save power, if there are others.
fn slow(root: &Path, allowed: &BTreeSet<usize>) -> BTreeSet<usize> {
    let atoms = text(&root.join("sys/devices/cpu_atom/cpus")).map(|list| numbers(&list)).unwrap_or_default();
    let capacity = |cpu: &usize| {
        let path = root.join(format!("sys/devices/system/cpu/cpu{cpu}/cpu_capacity"));
        Some((*cpu, text(&path)?.trim().parse::<u64>().ok()?))
    };
    let capacities: BTreeMap<usize, u64> = allowed.iter().filter_map(capacity).collect();
    let most = capacities.values().copied().max().unwrap_or(0);
    let is_slow =
        |cpu: &usize| atoms.contains(cpu) || capacities.get(cpu).is_some_and(|own| own * 10 < most * 7);
    let slow: BTreeSet<usize> = allowed.iter().copied().filter(is_slow).collect();
    if slow.len() == allowed.len() { BTreeSet::new() } else { slow }
}

/// The least time that a group leaves, in processors.
fn quota(root: &Path) -> Option<f64> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| *number > 0.0);
    let of_group = |folder: &Path| {
        let read = |name: &str| text(&folder.join(name));
        match read("cpu.max") {
            Some(both) => {
                let (quota, period) = both.trim().split_once(' ')?;
                Some(number(quota)? / number(period)?)
            }
            None => Some(number(&read("cpu.cfs_quota_us")?)? / number(&read("cpu.cfs_period_us")?)?),
        }
    };
    own_groups(root, "cpu").iter().filter_map(|folder| of_group(folder)).min_by(f64::total_cmp)
}

/// NUMA nodes with processors of these.
fn nodes(root: &Path, allowed: &BTreeSet<usize>) -> usize {
    let folder = root.join("sys/devices/system/node");
    let lists = numbered(&folder, "node").filter_map(|node| text(&node.join("cpulist")));
    lists.filter(|list| !numbers(list).is_disjoint(allowed)).count()
}

/// The bytes of the largest cache in a folder of `cache`, such as `36608K`.
fn last_cache(folder: &Path) -> Option<u64> {
    let size = |path: PathBuf| {
        let size = text(&path.join("size"))?;
        let (number, unit) = match size.trim().strip_suffix('K') {
            Some(number) => (number, 1 << 10),
            None => (size.trim().trim_end_matches('M'), 1 << 20),
        };
        Some(number.parse::<u64>().ok()? * unit)
    };
    numbered(folder, "index").filter_map(size).max()
}

/// What is in `folder` under `name` and a number.
fn numbered(folder: &Path, name: &str) -> impl Iterator<Item = PathBuf> {
    let is_numbered = move |path: &PathBuf| {
        let number = path.file_name().and_then(|found| found.to_str()?.strip_prefix(name));
        number.is_some_and(|number| number.parse::<usize>().is_ok())
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(is_numbered)
}

/// A list such as `0-3,8`.
fn numbers(list: &str) -> BTreeSet<usize> {
    let range = |part: &str| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        Some(from.trim().parse::<usize>().ok()?..=to.trim().parse::<usize>().ok()?)
    };
    list.trim().split(',').filter_map(range).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &str = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n";

    /// A machine of these files.
    fn machine(files: &[(&str, &str)]) -> Processors {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        below(root.path())
    }

    const STATUS: (&str, &str) = ("proc/self/status", "Name:\tx\nCpus_allowed_list:\t0-3\n");

    #[test]
    fn hyperthreads_count_once_and_affinity_counts() {
        let sibling = |cpu: usize, list: &'static str| {
            (format!("sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"), list)
        };
        let topology: Vec<_> = [(0, "0,2\n"), (2, "0,2\n"), (1, "1,3\n"), (3, "1,3\n")]
            .map(|(cpu, list)| sibling(cpu, list))
            .into();
        let mut files: Vec<(&str, &str)> =
            topology.iter().map(|(name, list)| (name.as_str(), *list)).collect();
        files.extend([STATUS, ("proc/cpuinfo", "processor\t: 0\nmodel name\t: Zen 9\n")]);
        files.push(("sys/devices/system/cpu/cpu0/cache/index0/size", "32K\n"));
        files.push(("sys/devices/system/cpu/cpu0/cache/index3/size", "36608K\n"));
        files.push(("sys/devices/system/node/node0/cpulist", "0-1\n"));
        files.push(("sys/devices/system/node/node1/cpulist", "2-3\n"));
        files.push(("sys/devices/system/node/node2/cpulist", "4-5\n"));
        let told = machine(&files);
        let expected = Processors {
            name: "Zen 9".to_owned(),
            logical: 4,
            cores: 2,
            quota: None,
            nodes: 2,
            cache: Some(36_608 << 10),
        };
        assert_eq!(told, expected);
        assert_eq!((told.threads(), told.share(), told.key()), (2, 1.0, "Zen 9 x2".to_owned()));
        let index = files.iter().position(|(name, _)| *name == STATUS.0).unwrap();
        files[index].1 = "Cpus_allowed_list:\t2\n";
        assert_eq!((machine(&files).cores, machine(&files).nodes), (1, 1));
    }

    #[test]
    fn slow_cores_do_not_compute() {
        let intel = machine(&[STATUS, ("sys/devices/cpu_atom/cpus", "2-3\n")]);
        assert_eq!((intel.logical, intel.cores), (4, 2));
        let capacity = |cpu: usize| format!("sys/devices/system/cpu/cpu{cpu}/cpu_capacity");
        let names: Vec<String> = (0..4).map(capacity).collect();
        let of = |all: [&'static str; 4]| {
            let mut files: Vec<_> = names.iter().map(String::as_str).zip(all).collect();
            files.push(STATUS);
            machine(&files).cores
        };
        assert_eq!(of(["1024", "1024", "400", "400"]), 2);
        assert_eq!(of(["1024", "900", "900", "900"]), 4);
        let all_slow = machine(&[STATUS, ("sys/devices/cpu_atom/cpus", "0-7\n")]);
        assert_eq!(all_slow.cores, 4, "where there are no others, they compute");
    }

    #[test]
    fn quotas_leave_a_part_of_the_time() {
        let group = ("proc/self/cgroup", "4:cpu,cpuacct:/a\n0::/a\n");
        let mounts = ("proc/self/mountinfo", V2);
        let of = |max: &'static str| machine(&[STATUS, group, mounts, ("sys/fs/cgroup/a/cpu.max", max)]);
        for (max, quota, threads, share) in [
            ("max 100000\n", None, 4, 1.0),
            ("50000 100000\n", Some(0.5), 1, 0.5),
            ("150000 100000\n", Some(1.5), 2, 0.75),
            ("800000 100000\n", Some(8.0), 4, 1.0),
            ("nonsense\n", None, 4, 1.0),
        ] {
            let told = of(max);
            assert_eq!((told.quota, told.threads(), told.share()), (quota, threads, share), "{max}");
        }
        // A group around it may have the limit, and version 1 has two files.
        let outer = machine(&[STATUS, group, mounts, ("sys/fs/cgroup/cpu.max", "50000 100000\n")]);
        assert_eq!(outer.quota, Some(0.5));
        let v1 = ("proc/self/mountinfo", "33 31 0:30 / /cg/cpu rw - cgroup cgroup rw,cpu,cpuacct\n");
        let limits = |quota| [("cg/cpu/a/cpu.cfs_quota_us", quota), ("cg/cpu/a/cpu.cfs_period_us", "100000")];
        let of = |quota| machine(&[&[STATUS, group, v1], &limits(quota)[..]].concat()).quota;
        assert_eq!((of("25000"), of("-1")), (Some(0.25), None));
    }

    #[test]
    fn a_machine_that_tells_nothing_has_a_processor() {
        let told = below(Path::new("/no/such/machine"));
        assert!(told.cores >= 1 && told.threads() >= 1 && told.cache.is_none(), "{told:?}");
    }
}
