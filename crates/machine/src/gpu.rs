//! The memory of graphics cards, as far as it is easily read: NVIDIA's by its own program, AMD's by the kernel's files
//! (`amdgpu/thermal.rst`, "mem_info_vram"). Cards that share the machine's memory have none of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Bytes that a card's driver and the runner's libraries take on it.
const DRIVER: u64 = 512 << 20;
/// Less than that is the part of the machine's memory that a card without its own shows with.
const SHARED: u64 = 1 << 30;
/// How long NVIDIA's program may take; it hangs with a broken driver.
const LIMIT: Duration = Duration::from_secs(5);

/// The graphics cards of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gpu {
    /// None with memory of its own.
    None,
    /// Bytes that are free for models, of all cards together.
    Free(u64),
    /// There is one, and its memory can't be read.
    Unknown,
}

/// What this process sees of them. Takes up to some seconds, on the thread that asks.
pub fn gpu() -> Gpu {
    if Path::new("/dev/nvidiactl").exists() {
        return match nvidia_smi().as_deref().map(free_of_list) {
            Some(0) | None => Gpu::Unknown,
            Some(free) => Gpu::Free(free),
        };
    }
    match free_of_cards(Path::new("/sys/class/drm")) {
        0 => Gpu::None,
        // A container sees the machine's cards in these files, and uses those whose device it has.
        free if Path::new("/dev/kfd").exists() || Path::new("/dev/dri").exists() => Gpu::Free(free),
        _ => Gpu::None,
    }
}

/// Free MiB, a line for each card.
fn nvidia_smi() -> Option<String> {
    let mut child = Command::new("nvidia-smi")
        .args(["--query-gpu=memory.free", "--format=csv,noheader,nounits"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let until = Instant::now() + LIMIT;
    while child.try_wait().ok()?.is_none() {
        if Instant::now() > until {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        sleep(Duration::from_millis(10));
    }
    String::from_utf8(child.wait_with_output().ok()?.stdout).ok()
}

fn free_of_list(list: &str) -> u64 {
    let free = list.lines().filter_map(|line| line.trim().parse::<u64>().ok());
    free.map(|mib| (mib << 20).saturating_sub(DRIVER)).sum()
}

/// By the folders of cards below `folder`.
fn free_of_cards(folder: &Path) -> u64 {
    let cards = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_card = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.strip_prefix("card").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let free = |card: PathBuf| {
        let number =
            |name: &str| fs::read_to_string(card.join("device").join(name)).ok()?.trim().parse::<u64>().ok();
        let total = number("mem_info_vram_total").filter(|total| *total > SHARED)?;
        Some(total.saturating_sub(number("mem_info_vram_used")?).saturating_sub(DRIVER))
    };
    cards.map(|card| card.path()).filter(is_card).filter_map(free).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_are_added_up() {
        assert_eq!(free_of_list("81000\n 512\nN/A\n"), (81_000 << 20) - DRIVER);
        assert_eq!(free_of_list("[Not Supported]\n"), 0);
        let folder = tempfile::tempdir().unwrap();
        let card = |name: &str, total: u64, used: u64| {
            let device = folder.path().join(name).join("device");
            fs::create_dir_all(&device).unwrap();
            fs::write(device.join("mem_info_vram_total"), format!("{total}\n")).unwrap();
            fs::write(device.join("mem_info_vram_used"), format!("{used}\n")).unwrap();
        };
        assert_eq!(free_of_cards(folder.path()), 0);
        card("card0", 8 << 30, 1 << 30);
        card("card1", 512 << 20, 0);
        // The same card under its output's name.
        card("card0-HDMI-A-1", 8 << 30, 1 << 30);
        assert_eq!(free_of_cards(folder.path()), (7 << 30) - DRIVER);
    }
}
