//! The energy that this machine has taken: by the counters of its processors, its memory and its cards.
//!
//! In: the kernel's files below a root, and cards. Out: joules of each source, or why there are none. Nothing is guessed: what
//! has no counter is left out, and what may not be read is told.
//!
//! Sources: the kernel's `power/powercap/powercap.rst`, `ABI/testing/sysfs-class-powercap`, `hwmon/sysfs-interface.rst`
//! (`energy[1-*]_input`, `power[1-*]_average`), `gpu/amdgpu/thermal.rst`.

mod source;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::cards::CardEnergy;
use source::{Kind, Source};

/// How often counters are read, so that none wraps unseen twice: the shortest takes a minute at full load.
const COUNTED_EVERY: Duration = Duration::from_secs(10);
/// How often power is read where nothing counts energy.
const WATCHED_EVERY: Duration = Duration::from_millis(200);
/// What takes longer and moves no counter shows that the counter stands still.
const STANDS_STILL: Duration = Duration::from_secs(1);

/// Reads the counters of a machine from its making to its end.
pub struct Meter {
    sources: Vec<Source>,
    refusals: Vec<Refusal>,
    began: Instant,
}

/// A counter that is there and can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which one.
    pub name: String,
    /// Why.
    pub why: String,
}

/// The energy of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// Its name, such as `rapl:package-0`.
    pub name: String,
    /// Joules.
    pub joules: f64,
}

impl Meter {
    /// Begins with the files below `root` and these cards.
    pub fn open(root: &Path, cards: Vec<Box<dyn CardEnergy>>) -> Self {
        let mut found = powercap(&root.join("sys/class/powercap"));
        found.extend(hwmon(&root.join("sys/class/hwmon")));
        found.extend(cards.into_iter().map(|card| (card.name(), Kind::Card(card))));
        let now = Instant::now();
        let (mut sources, mut refusals) = (Vec::new(), Vec::new());
        for (name, kind) in found {
            match Source::begin(name.clone(), kind, now) {
                Ok(source) => sources.push(source),
                Err(why) => refusals.push(Refusal { name, why }),
            }
        }
        Self { sources, refusals, began: now }
    }

    /// Whether anything is measured.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// What is there and can't be read.
    pub fn refusals(&self) -> &[Refusal] {
        &self.refusals
    }

    /// How often it has to be read.
    pub fn interval(&self) -> Duration {
        let is_watched = self.sources.iter().any(Source::is_power);
        if is_watched { WATCHED_EVERY } else { COUNTED_EVERY }
    }

    /// Reads all sources. One that can't be read any more has told all that it can.
    pub fn read(&mut self) {
        self.read_at(Instant::now());
    }

    fn read_at(&mut self, now: Instant) {
        self.sources.iter_mut().for_each(|source| source.read(now));
    }

    /// The time since it began.
    pub fn passed(&self) -> Duration {
        self.began.elapsed()
    }

    /// What was taken since it began. Counters that stand still tell nothing, and are left out.
    pub fn taken(&mut self) -> Vec<Taken> {
        let now = Instant::now();
        self.read_at(now);
        self.taken_at(now)
    }

    fn taken_at(&self, now: Instant) -> Vec<Taken> {
        let is_long = now.duration_since(self.began) >= STANDS_STILL;
        let moved = self.sources.iter().filter(|source| !is_long || source.joules() > 0.0);
        moved.map(|source| Taken { name: source.name.clone(), joules: source.joules() }).collect()
    }
}

/// What helps where a counter can't be read.
pub fn remedy(refusals: &[Refusal], root: &Path) -> String {
    let is_container = root.join(".dockerenv").exists() || root.join("run/.containerenv").exists();
    match (refusals.is_empty(), is_container) {
        (true, false) => "virtual machines have no energy counters, and other processors than Intel's and AMD's have none that \
                          are read: leave --energy out"
            .to_owned(),
        (true, true) => "let the container see the machine's: docker run -v /sys/class/powercap:/sys/class/powercap:ro \
                         --security-opt systempaths=unconfined"
            .to_owned(),
        (false, _) => "as root, until the next start: chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj; for ever: a udev \
                       rule, SUBSYSTEM==\"powercap\", RUN+=\"/bin/chmod a+r /sys%p/energy_uj\""
            .to_owned(),
    }
}

/// Packages, and the memory that is counted apart. Cores and graphics are inside the package, and `psys` has the package inside
/// it.
fn powercap(folder: &Path) -> Vec<(String, Kind)> {
    let zones = entries(folder).into_iter().filter_map(|path| {
        let name = path.file_name()?.to_str()?;
        let place = name.strip_prefix("intel-rapl:")?;
        let zone = text(&path.join("name"))?;
        let socket = place.split(':').next()?;
        let name = match (zone.as_str(), place.contains(':')) {
            (zone, false) if zone.starts_with("package") => format!("rapl:{zone}"),
            ("dram", true) => format!("rapl:dram-{socket}"),
            _ => return None,
        };
        let range = text(&path.join("max_energy_range_uj")).and_then(|range| range.parse().ok());
        Some((name, Kind::Counter { path: path.join("energy_uj"), range }))
    });
    zones.collect()
}

/// AMD's cards: energy where it is counted, else power.
fn hwmon(folder: &Path) -> Vec<(String, Kind)> {
    let of = |path: PathBuf| {
        text(&path.join("name")).filter(|name| name == "amdgpu")?;
        let place = path.file_name()?.to_str()?.to_owned();
        let (energy, power) = (path.join("energy1_input"), path.join("power1_average"));
        let kind = if energy.exists() {
            Kind::Counter { path: energy, range: None }
        } else if power.exists() {
            Kind::Power { path: power }
        } else {
            return None;
        };
        Some((format!("amdgpu:{place}"), kind))
    };
    entries(folder).into_iter().filter_map(of).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    all.sort();
    all
}

fn text(path: &Path) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests;
