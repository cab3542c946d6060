//! The file that keeps what the machine was measured to manage, the facts of model files, and what calls have shown; and the
//! original's file of factors, which is read.
//!
//! Nothing depends on it: where it can't be read or written, everything is measured anew.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use minions_machine::own_file;
use nix::fcntl::OFlag;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::calls::ShownCalls;
use super::facts::Facts;
use super::roofline::Machine;

/// The file, and the one whose lock its writers take.
const FILE: &str = "estimate.json";
const LOCK: &str = "estimate.lock";
/// No such file is longer.
const LONGEST: u64 = 8 << 20;
/// How many machines, files and models are kept.
const MACHINES: usize = 16;
const FILES: usize = 64;
const MODELS: usize = 256;
/// The way in which facts are reckoned from a file. A program that reckons in another way reads the file anew.
const RECKONING: u32 = 1;
/// How long another writer is waited for.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long what a machine manages is believed.
const FRESH: Duration = Duration::from_hours(30 * 24);
/// How often it is measured: others may have slowed one measurement down.
const SWEEPS: u32 = 3;
/// How long it is not measured again: what has slowed a measurement down may slow the next one down.
const PAUSE: Duration = Duration::from_secs(60);
/// The bandwidth that the original reckons with, by its names of devices.
const BANDWIDTHS: [(&str, f64); 2] = [("cpu", 50e9), ("mps", 300e9)];

/// Where it is kept, and what it held when it was opened.
#[derive(Clone, Debug, Default)]
pub struct Store {
    folder: Option<PathBuf>,
    kept: Kept,
}

/// What the file holds, the latest last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    machines: Vec<Measured>,
    files: Vec<FileRead>,
    models: Vec<Called>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Measured {
    /// Seconds since 1970, of the first measurement.
    at: u64,
    /// How many there were while nobody else computed.
    #[serde(default)]
    sweeps: u32,
    /// Seconds since 1970, of the last measurement.
    #[serde(default)]
    last: u64,
    machine: Machine,
}

/// The facts of a file, as long as it is the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct FileRead {
    path: PathBuf,
    bytes: u64,
    changed: i64,
    #[serde(default)]
    reckoning: u32,
    facts: Facts,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Called {
    /// See [`key`].
    key: String,
    #[serde(default)]
    shown: ShownCalls,
}

/// The name of a model in this file: which one it is, and where it is called.
pub fn key(machine: Option<&str>, place: &str, model: &str) -> String {
    format!("{} | {place} | {model}", machine.unwrap_or("elsewhere"))
}

impl Store {
    /// What is kept in `folder`; nothing without one.
    pub fn open(folder: Option<&Path>) -> Self {
        let kept = folder.and_then(|folder| read(folder).ok()).unwrap_or_default();
        Self { folder: folder.map(Path::to_path_buf), kept }
    }

    /// What the machine of this name manages, if it was measured not long ago.
    pub fn machine(&self, name: &str) -> Option<&Machine> {
        Some(&self.kept.measured(name)?.machine)
    }

    /// Whether it was measured so often that one more time would tell nothing new, or within a minute.
    pub fn is_sure(&self, name: &str) -> bool {
        let since = now().saturating_sub(PAUSE.as_secs());
        self.kept.measured(name).is_some_and(|known| known.sweeps >= SWEEPS || known.last > since)
    }

    /// The facts of the file at `path`, if it is the one that was read.
    pub fn facts(&self, path: &Path) -> Option<&Facts> {
        let (bytes, changed) = state(path)?;
        let is_it = |known: &&FileRead| {
            known.path == path
                && (known.bytes, known.changed) == (bytes, changed)
                && known.reckoning == RECKONING
        };
        self.kept.files.iter().rfind(is_it).map(|known| &known.facts)
    }

    /// What calls to a model have shown.
    pub fn calls(&self, key: &str) -> Option<&ShownCalls> {
        self.kept.models.iter().rfind(|known| known.key == key).map(|known| &known.shown)
    }

    /// Keeps what a machine manages: with a measurement before it, the most of both.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn keep_machine(&mut self, machine: &Machine) -> io::Result<()> {
        self.change(|kept| {
            let before = kept.measured(&machine.name).cloned();
            kept.keep(before.map_or_else(|| Measured::new(machine), |before| before.and(machine)));
        })
    }

    /// Keeps what a machine manages, and forgets what was measured before.
    ///
    /// # Errors
    /// As for [`Store::keep_machine`].
    pub fn keep_anew(&mut self, machine: &Machine) -> io::Result<()> {
        self.change(|kept| kept.keep(Measured::new(machine)))
    }

    /// Keeps the facts of the file at `path`.
    ///
    /// # Errors
    /// As for [`Store::keep_machine`].
    pub fn keep_facts(&mut self, path: &Path, facts: &Facts) -> io::Result<()> {
        let Some((bytes, changed)) = state(path) else { return Ok(()) };
        let known =
            FileRead { path: path.to_path_buf(), bytes, changed, reckoning: RECKONING, facts: facts.clone() };
        self.change(|kept| {
            kept.files.retain(|known| known.path != path);
            push(&mut kept.files, known, FILES);
        })
    }

    /// Adds what calls have shown, with the [`key`] of their model.
    ///
    /// # Errors
    /// As for [`Store::keep_machine`].
    pub fn keep_calls(&mut self, calls: &[(String, ShownCalls)]) -> io::Result<()> {
        if calls.is_empty() {
            return Ok(());
        }
        self.change(|kept| {
            for (key, later) in calls {
                let at = kept.models.iter().position(|known| known.key == *key);
                let mut known = match at {
                    Some(at) => kept.models.remove(at),
                    None => Called { key: key.clone(), shown: ShownCalls::default() },
                };
                known.shown.add(later);
                if !known.shown.is_empty() {
                    push(&mut kept.models, known, MODELS);
                }
            }
        })
    }

    /// Changes what is kept: here, and in the file as it is now. Writers take turns.
    fn change(&mut self, change: impl FnOnce(&mut Kept)) -> io::Result<()> {
        let Some(folder) = self.folder.clone() else {
            change(&mut self.kept);
            return Ok(());
        };
        let turn = turn(&folder);
        if turn.is_ok() {
            self.kept = read(&folder).unwrap_or_default();
        }
        change(&mut self.kept);
        let _turn = turn?;
        write(&folder, &self.kept)
    }
}

impl Kept {
    /// The machine of this name, if it was measured not long ago.
    fn measured(&self, name: &str) -> Option<&Measured> {
        let since = now().saturating_sub(FRESH.as_secs());
        self.machines.iter().rfind(|known| known.machine.name == name && known.at >= since)
    }

    fn keep(&mut self, measured: Measured) {
        self.machines.retain(|known| known.machine.name != measured.machine.name);
        push(&mut self.machines, measured, MACHINES);
    }
}

impl Measured {
    fn new(machine: &Machine) -> Self {
        let at = now();
        Self { at, last: at, sweeps: u32::from(!machine.is_rough), machine: machine.clone() }
    }

    /// With a later measurement. A machine is never faster than it can be: the faster figure is nearer to the truth.
    fn and(self, later: &Machine) -> Self {
        let Self { at, sweeps, machine: before, .. } = self;
        let machine = Machine {
            bandwidth: later.bandwidth.max(before.bandwidth),
            compute: later.compute.max(before.compute),
            is_rough: later.is_rough && before.is_rough,
            ..later.clone()
        };
        Self { at, sweeps: sweeps.saturating_add(u32::from(!later.is_rough)), machine, ..Self::new(later) }
    }
}

fn push<T>(all: &mut Vec<T>, item: T, most: usize) {
    all.push(item);
    all.drain(..all.len().saturating_sub(most));
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// What tells whether a file is the same: its length, and when it was changed.
fn state(path: &Path) -> Option<(u64, i64)> {
    let about = path.metadata().ok()?;
    Some((about.len(), about.mtime().wrapping_mul(1_000_000_000).wrapping_add(about.mtime_nsec())))
}

fn read(folder: &Path) -> io::Result<Kept> {
    let file = own_file::open(&File::open(folder)?, FILE, OFlag::O_RDONLY)?;
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}

/// The turn to write, until it is dropped.
fn turn(folder: &Path) -> io::Result<File> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let lock = own_file::open(&File::open(folder)?, LOCK, OFlag::O_RDWR | OFlag::O_CREAT)?;
    let until = Instant::now() + PATIENCE;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if Instant::now() < until => sleep(Duration::from_millis(5)),
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::other("another process writes it for long"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Whoever reads finds all of the old or all of the new file.
fn write(folder: &Path, kept: &Kept) -> io::Result<()> {
    let name = format!("{FILE}.{}", std::process::id());
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC;
    let mut file = own_file::open(&File::open(folder)?, &name, flags)?;
    let written = serde_json::to_vec(kept).map_err(io::Error::from).and_then(|json| file.write_all(&json));
    let place = folder.join(name);
    written
        .and_then(|()| fs::rename(&place, folder.join(FILE)))
        .inspect_err(|_| drop(fs::remove_file(&place)))
}

/// Tokens a second of `model` by the original's file of factors: it keeps them over its own reckoning, `{"cpu:llama3.2:4bit":
/// 0.71}`, which for a processor is a bandwidth over the bytes of the weights.
pub fn original(file: &Path, model: &str, parameters: u64, bits: u64) -> Option<f64> {
    let mut text = String::new();
    File::open(file).ok()?.take(LONGEST).read_to_string(&mut text).ok()?;
    let factors: Value = serde_json::from_str(&text).ok()?;
    BANDWIDTHS.iter().find_map(|(device, bandwidth)| {
        let factor = factors[format!("{device}:{model}:{bits}bit")].as_f64()?;
        let rate = factor * bandwidth / (parameters.saturating_mul(bits) as f64 / 8.0);
        (rate.is_finite() && rate > 0.0).then_some(rate)
    })
}

#[cfg(test)]
mod tests;
