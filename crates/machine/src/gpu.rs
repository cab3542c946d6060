//! The memory of graphics cards, as far as it is easily read: NVIDIA's by its own program, AMD's by the kernel's files
//! (`amdgpu/thermal.rst`, "mem_info_vram"). Cards that share the machine's memory have none of their own. Any other one is
//! unknown: to count it as none would refuse models that fit.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use std::{env, fs};

/// Bytes that a card's driver and the runner's libraries take on it.
const DRIVER: u64 = 512 << 20;
/// Less than that is the part of the machine's memory that a card without its own shows with.
const SHARED: u64 = 1 << 30;
/// How long NVIDIA's program may take; it hangs with a broken driver.
const LIMIT: Duration = Duration::from_secs(5);

/// The variables that hide cards from CUDA's programs, from ROCm's, and from those of Vulkan in ggml. ROCm reads CUDA's, too.
const NVIDIA: [&str; 2] = ["CUDA_VISIBLE_DEVICES", "GGML_VK_VISIBLE_DEVICES"];
const AMD: [&str; 5] = [
    "CUDA_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
    "GPU_DEVICE_ORDINAL",
    "GGML_VK_VISIBLE_DEVICES",
];
/// PCI numbers of vendors: those of cards that compute, and those of cards that only show (of virtual machines, and of the
/// boards of servers).
const VENDOR_NVIDIA: &str = "0x10de";
const VENDOR_AMD: &str = "0x1002";
const VENDOR_INTEL: &str = "0x8086";
const DISPLAYS: [&str; 9] =
    ["0x1234", "0x1af4", "0x1b36", "0x1a03", "0x1013", "0x102b", "0x15ad", "0x1414", "0x80ee"];
/// Where the PCI bus has the card that is part of a processor of Intel's.
const INTEL_SHARED: &str = "0000:00:02.0";

/// The graphics cards of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gpu {
    /// None with memory of its own.
    None,
    /// Bytes that are free for models, of all cards together.
    Free(u64),
    /// There is one, and its memory can't be read, or which of them are used is not known.
    Unknown,
}

impl Gpu {
    /// The memory of both.
    fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::None, known) | (known, Self::None) => known,
            (Self::Free(one), Self::Free(two)) => Self::Free(one.saturating_add(two)),
        }
    }

    /// What is left where these variables may hide cards.
    fn seen_with(self, names: &[&str], variable: impl Fn(&str) -> Option<String>) -> Self {
        let set: Vec<_> = names.iter().filter_map(|name| variable(name)).collect();
        let hides = |value: &String| matches!(value.trim(), "" | "-1");
        match self {
            _ if set.is_empty() => self,
            Self::None => Self::None,
            _ if set.iter().any(hides) => Self::None,
            _ => Self::Unknown,
        }
    }
}

/// What this process and its children see of them. Takes up to some seconds, on the thread that asks.
pub fn gpu() -> Gpu {
    below(Path::new("/"), nvidia_smi, |name| env::var_os(name).map(|value| value.to_string_lossy().into()))
}

/// Whether a variable of this process hides all of NVIDIA's cards.
pub fn are_hidden() -> bool {
    let variable = |name: &str| env::var_os(name).map(|value| value.to_string_lossy().into());
    Gpu::Free(0).seen_with(&NVIDIA, variable) == Gpu::None
}

/// The same without regard to this process's environment, for a process that runs outside of it.
pub fn gpu_of_machine() -> Gpu {
    below(Path::new("/"), nvidia_smi, |_| None)
}

/// As [`gpu`], by the files below `root` and NVIDIA's list.
fn below(root: &Path, list: impl Fn() -> Option<String>, variable: impl Fn(&str) -> Option<String>) -> Gpu {
    let has = |name: &str| root.join("dev").join(name).exists();
    // A Linux within Windows has all cards behind one device.
    if has("dxg") {
        return Gpu::Unknown;
    }
    let is_nvidia = has("nvidiactl") || has("nvidia0");
    if is_nvidia {
        let free = list().and_then(|list| free_of_list(&list)).filter(|free| *free > 0);
        let seen = free.map_or(Gpu::Unknown, Gpu::Free).seen_with(&NVIDIA, &variable);
        if seen != Gpu::None {
            return seen;
        }
    }
    // A container sees the machine's cards in these files, and uses those whose device it has.
    if !has("kfd") && !has("dri") {
        return Gpu::None;
    }
    let cards = cards(&root.join("sys/class/drm"));
    let is_known = |(vendor, _): &&(String, Gpu)| !(is_nvidia && vendor == VENDOR_NVIDIA);
    let all = cards.iter().filter(is_known).fold(Gpu::None, |all, (_, card)| all.with(*card));
    let is_amd_hidden = has("kfd") && !cards.iter().any(|(vendor, _)| vendor == VENDOR_AMD);
    if is_amd_hidden { Gpu::Unknown } else { all }.seen_with(&AMD, &variable)
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

/// The sum of a list; `None` if a card does not tell.
fn free_of_list(list: &str) -> Option<u64> {
    let free = list.lines().filter(|line| !line.trim().is_empty()).map(|line| line.trim().parse::<u64>());
    free.map(|mib| mib.ok().map(|mib| (mib << 20).saturating_sub(DRIVER))).sum()
}

/// By the folders of cards below `folder`: the vendor of each, and its memory.
fn cards(folder: &Path) -> Vec<(String, Gpu)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_card = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.strip_prefix("card").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let card = |path: PathBuf| {
        let device = path.join("device");
        // What is not on the bus is a part of the processor.
        let vendor = text(&device, "vendor").unwrap_or_default();
        let memory = card(&device, &vendor);
        (vendor, memory)
    };
    entries.map(|entry| entry.path()).filter(is_card).map(card).collect()
}

/// The memory of one card.
fn card(device: &Path, vendor: &str) -> Gpu {
    let number = |name: &str| text(device, name)?.parse::<u64>().ok();
    let is_shared = || {
        let place = fs::canonicalize(device).ok();
        place.is_some_and(|place| place.ends_with(INTEL_SHARED))
    };
    match (number("mem_info_vram_total"), number("mem_info_vram_used")) {
        (Some(total), _) if total <= SHARED => Gpu::None,
        (Some(total), Some(used)) => Gpu::Free(total.saturating_sub(used).saturating_sub(DRIVER)),
        _ if vendor.is_empty() || DISPLAYS.contains(&vendor) => Gpu::None,
        _ if vendor == VENDOR_INTEL && is_shared() => Gpu::None,
        _ => Gpu::Unknown,
    }
}

fn text(folder: &Path, name: &str) -> Option<String> {
    Some(fs::read_to_string(folder.join(name)).ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    const GIB: u64 = 1 << 30;

    #[test]
    fn nvidia_s_cards_are_added_up_if_all_tell() {
        for (list, expected) in [
            ("81000\n 512\n\n", Some((81_000 << 20) - DRIVER)),
            ("81000\nN/A\n", None),
            ("[Not Supported]\n", None),
            ("[N/A]", None),
            ("", Some(0)),
        ] {
            assert_eq!(free_of_list(list), expected, "{list:?}");
        }
    }

    /// Its place on the bus, its vendor, and its bytes (in all, used).
    type Card<'a> = (&'a str, &'a str, Option<(u64, u64)>);

    /// A machine with these devices, cards, NVIDIA's list, and variables.
    fn machine(devices: &[&str], cards: &[Card], list: Option<&str>, variables: &[(&str, &str)]) -> Gpu {
        let root = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let folder = root.path().join(name);
            fs::create_dir_all(&folder).unwrap();
            folder
        };
        devices.iter().for_each(|device| drop(folder(&format!("dev/{device}"))));
        for (at, (place, vendor, memory)) in cards.iter().enumerate() {
            let device = folder(&format!("sys/devices/{place}"));
            fs::write(device.join("vendor"), format!("{vendor}\n")).unwrap();
            if let Some((total, used)) = memory {
                fs::write(device.join("mem_info_vram_total"), format!("{total}\n")).unwrap();
                fs::write(device.join("mem_info_vram_used"), format!("{used}\n")).unwrap();
            }
            // The same card shows under its output's name.
            for name in [format!("card{at}"), format!("card{at}-HDMI-A-1")] {
                symlink(&device, folder(&format!("sys/class/drm/{name}")).join("device")).unwrap();
            }
        }
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        below(root.path(), || list.map(str::to_owned), variable)
    }

    #[test]
    fn cards_without_a_measure_are_unknown_and_never_none() {
        let amd = |place| (place, "0x1002", Some((8 * GIB, GIB)));
        let [one, two] = ["0000:03:00.0", "0000:04:00.0"].map(amd);
        let free = 7 * GIB - DRIVER;
        for (devices, cards, list, expected) in [
            (&[][..], &[][..], None, Gpu::None),
            (&["nvidiactl"], &[], Some("8000\n"), Gpu::Free((8000 << 20) - DRIVER)),
            (&["nvidiactl"], &[], Some("[N/A]\n"), Gpu::Unknown),
            (&["nvidia0"], &[], None, Gpu::Unknown),
            (&["dxg"], &[], None, Gpu::Unknown),
            (&["dxg", "dri"], &[], Some("8000\n"), Gpu::Unknown),
            (&["dri", "kfd"], &[one, two], None, Gpu::Free(2 * free)),
            // A container without a card of the machine's.
            (&[], &[one], None, Gpu::None),
            (&["dri"], &[("0000:04:00.0", "0x1002", Some((512 << 20, 0)))], None, Gpu::None),
            (&["dri"], &[("0000:04:00.0", "0x1002", None)], None, Gpu::Unknown),
            (&["kfd"], &[], None, Gpu::Unknown),
            (&["dri"], &[(INTEL_SHARED, VENDOR_INTEL, None)], None, Gpu::None),
            (&["dri"], &[("0000:03:00.0", VENDOR_INTEL, None)], None, Gpu::Unknown),
            (&["dri"], &[one, ("0000:03:00.1", VENDOR_INTEL, None)], None, Gpu::Unknown),
            // The free driver for NVIDIA's.
            (&["dri"], &[("0000:03:00.0", VENDOR_NVIDIA, None)], None, Gpu::Unknown),
            (&["dri"], &[("0000:03:00.0", "0x1ed5", None)], None, Gpu::Unknown),
            (
                &["dri"],
                &[("0000:00:01.0", "0x1af4", None), ("0000:02:00.0", "0x1a03", None)],
                None,
                Gpu::None,
            ),
            (&["dri"], &[("soc", "", None)], None, Gpu::None),
        ] {
            assert_eq!(machine(devices, cards, list, &[]), expected, "{devices:?} {cards:?} {list:?}");
        }
    }

    #[test]
    fn hidden_cards_do_not_count() {
        let amd: &[_] = &[("0000:03:00.0", "0x1002", Some((8 * GIB, GIB)))];
        let nvidia: &[_] = &[("0000:01:00.0", VENDOR_NVIDIA, None)];
        let both: &[_] = &[nvidia[0], amd[0]];
        let free = Gpu::Free(7 * GIB - DRIVER);
        for (name, value, of_nvidia, of_amd, of_both) in [
            ("CUDA_VISIBLE_DEVICES", "0", Gpu::Unknown, Gpu::Unknown, Gpu::Unknown),
            ("CUDA_VISIBLE_DEVICES", "-1", Gpu::None, Gpu::None, Gpu::None),
            ("CUDA_VISIBLE_DEVICES", "", Gpu::None, Gpu::None, Gpu::None),
            ("HIP_VISIBLE_DEVICES", "1", free, Gpu::Unknown, free),
            ("ROCR_VISIBLE_DEVICES", " -1", free, Gpu::None, free),
            ("OTHER", "0", free, free, free),
        ] {
            let list = Some("7168\n");
            let of = |devices, cards| machine(devices, cards, list, &[(name, value)]);
            let found = [
                of(&["nvidiactl", "dri"], nvidia),
                of(&["kfd", "dri"], amd),
                of(&["nvidiactl", "kfd", "dri"], both),
            ];
            assert_eq!(found, [of_nvidia, of_amd, of_both], "{name}={value}");
            assert_eq!(machine(&[], &[], None, &[(name, value)]), Gpu::None);
        }
    }
}
