//! Whether a model fits into the memory that is left, by Linux's figures. On other systems every model fits.

use std::fs;
use std::path::{Path, PathBuf};

use super::{ModelInfo, failed};
use minions_chat::ChatError;

/// The number of tokens that are evaluated in one step, which the size of the compute buffers depends on.
pub(super) const BATCH: u32 = 512;

/// Bytes of llama.cpp's code, tokenizer and scratch memory, besides weights, KV cache and logits.
const OVERHEAD: u64 = 64 << 20;

/// Checks that the model of `info` at `path`, with `lanes` windows of `n_ctx` tokens each, fits into the memory that
/// this process may still take. Needs no engine.
///
/// # Errors
/// A [`ChatErrorKind::Model`](minions_chat::ChatErrorKind::Model) with the bytes that are needed and available.
pub fn check(info: &ModelInfo, path: &Path, n_ctx: u32, lanes: usize) -> Result<(), ChatError> {
    match available() {
        Some(available) => fits(info, path, u64::from(n_ctx).saturating_mul(lanes as u64), available),
        None => Ok(()),
    }
}

fn fits(info: &ModelInfo, path: &Path, cells: u64, available: u64) -> Result<(), ChatError> {
    let cache = cells.saturating_mul(info.kv_bytes_per_token);
    let scratch = OVERHEAD + u64::from(info.vocabulary) * u64::from(BATCH) * 4;
    let needed = info.file_bytes.saturating_add(cache).saturating_add(scratch);
    if needed <= available {
        return Ok(());
    }
    Err(failed(
        format!(
            "the model {} does not fit into the memory: it needs about {} MiB ({} MiB weights, {} MiB cache for {cells} \
             tokens of context), and {} MiB are available",
            path.display(),
            needed >> 20,
            info.file_bytes >> 20,
            cache >> 20,
            available >> 20,
        ),
        "lower n_ctx or max_concurrency, use a smaller or more strongly quantised model, or free memory",
    ))
}

/// The number of bytes that this process may still take: the least that the machine or a control group leaves.
fn available() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| field(&text, "MemAvailable:"));
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    machine
        .map(|kib| kib * 1024)
        .into_iter()
        .chain(group_dirs(&groups).iter().filter_map(|dir| left(dir)))
        .min()
}

/// The number behind `name` in `text`, whose lines are of the form `name number`.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
}

/// The directories of the process's memory groups and all their parents (a limit may be on any of them).
fn group_dirs(groups: &str) -> Vec<PathBuf> {
    let mut dirs = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (parts.next(), parts.next()) else { continue };
        let root = match controllers {
            "" => "/sys/fs/cgroup",
            list if list.split(',').any(|name| name == "memory") => "/sys/fs/cgroup/memory",
            _ => continue,
        };
        let group = Path::new(root).join(group.trim_start_matches('/'));
        dirs.extend(group.ancestors().take_while(|dir| dir.starts_with(root)).map(Path::to_path_buf));
    }
    dirs
}

/// The bytes that a group's limit leaves. The group's page cache counts as free: the kernel drops it first.
fn left(dir: &Path) -> Option<u64> {
    let number = |name: &str| fs::read_to_string(dir.join(name)).ok()?.trim().parse::<u64>().ok();
    let limit = number("memory.max").or_else(|| number("memory.limit_in_bytes"))?;
    let used = number("memory.current").or_else(|| number("memory.usage_in_bytes"))?;
    let stat = fs::read_to_string(dir.join("memory.stat")).unwrap_or_default();
    let cache = field(&stat, "inactive_file ").unwrap_or(0) + field(&stat, "active_file ").unwrap_or(0);
    Some(limit.saturating_sub(used.saturating_sub(cache)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info() -> ModelInfo {
        ModelInfo {
            architecture: "llama".to_owned(),
            trained_context: 8192,
            file_bytes: 100 << 20,
            kv_bytes_per_token: 1024,
            vocabulary: 1024,
            has_chat_template: true,
        }
    }

    #[test]
    fn weights_cache_and_scratch_must_fit_together() {
        let path = Path::new("m.gguf");
        // 100 MiB weights, 8 MiB cache, 66 MiB scratch.
        assert!(fits(&info(), path, 8192, 174 << 20).is_ok());
        let error = fits(&info(), path, 8192, (174 << 20) - 1).unwrap_err();
        assert!(error.message.contains("m.gguf"), "{error}");
        assert!(error.message.contains("174 MiB (100 MiB weights, 8 MiB cache"), "{error}");
        assert!(fits(&info(), path, u64::MAX, u64::MAX - 1).is_err(), "no overflow");
    }

    #[test]
    fn groups_are_checked_up_to_the_root() {
        let dirs = group_dirs("0::/a/b\n");
        assert_eq!(dirs, ["/sys/fs/cgroup/a/b", "/sys/fs/cgroup/a", "/sys/fs/cgroup"].map(PathBuf::from));
        let dirs = group_dirs("7:cpu,memory:/x\n3:pids:/x\n");
        assert_eq!(dirs, ["/sys/fs/cgroup/memory/x", "/sys/fs/cgroup/memory"].map(PathBuf::from));
    }

    #[test]
    fn a_group_leaves_its_limit_less_what_cannot_be_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write("memory.current", "700\n");
        write("memory.stat", "anon 400\ninactive_file 200\nactive_file 100\n");
        write("memory.max", "max\n");
        assert_eq!(left(dir.path()), None);
        write("memory.max", "1000\n");
        assert_eq!(left(dir.path()), Some(600));
    }
}
