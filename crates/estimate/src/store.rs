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

use super::calls::{Call, Shown};
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
    /// Seconds since 1970.
    at: u64,
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
    #[serde(flatten)]
    shown: Shown,
}

/// The name of a model in this file: which one it is, where it is called, how many calls it has at a time.
pub fn key(machine: Option<&str>, place: &str, model: &str, at_once: usize) -> String {
    format!("{} | {place} | {model} | x{at_once}", machine.unwrap_or("elsewhere"))
}

impl Store {
    /// What is kept in `folder`; nothing without one.
    pub fn open(folder: Option<&Path>) -> Self {
        let kept = folder.and_then(|folder| read(folder).ok()).unwrap_or_default();
        Self { folder: folder.map(Path::to_path_buf), kept }
    }

    /// What the machine of this name manages, if it was measured not long ago.
    pub fn machine(&self, name: &str) -> Option<&Machine> {
        let since = now().saturating_sub(FRESH.as_secs());
        let found =
            self.kept.machines.iter().rfind(|known| known.machine.name == name && known.at >= since)?;
        Some(&found.machine)
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
    pub fn calls(&self, key: &str) -> Option<&Shown> {
        self.kept.models.iter().rfind(|known| known.key == key).map(|known| &known.shown)
    }

    /// Keeps what a machine manages.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn keep_machine(&mut self, machine: &Machine) -> io::Result<()> {
        let measured = Measured { at: now(), machine: machine.clone() };
        self.change(|kept| {
            kept.machines.retain(|known| known.machine.name != machine.name);
            push(&mut kept.machines, measured, MACHINES);
        })
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

    /// Adds calls, each with the [`key`] of its model.
    ///
    /// # Errors
    /// As for [`Store::keep_machine`].
    pub fn keep_calls(&mut self, calls: &[(String, Call)]) -> io::Result<()> {
        if calls.is_empty() {
            return Ok(());
        }
        self.change(|kept| {
            for (key, call) in calls {
                let at = kept.models.iter().position(|known| known.key == *key);
                let mut known = match at {
                    Some(at) => kept.models.remove(at),
                    None => Called { key: key.clone(), shown: Shown::default() },
                };
                known.shown.push(call);
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
mod tests {
    use super::*;

    fn call(seconds: f64) -> Call {
        Call { read: 100, reading: seconds, may_count_cached: false, written: 50, writing: 1.0, prompt: 100 }
    }

    fn machine(name: &str) -> Machine {
        Machine { name: name.to_owned(), threads: 1, bandwidth: 1e9, compute: 1e9, nodes: 1, card: None }
    }

    #[test]
    fn what_is_kept_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("minions");
        let mut store = Store::open(Some(&place));
        assert_eq!((store.machine("m"), store.calls("k")), (None, None));
        store.keep_machine(&machine("m")).unwrap();
        store.keep_calls(&[("k".to_owned(), call(1.0)), ("other".to_owned(), call(2.0))]).unwrap();
        let model = folder.path().join("m.gguf");
        fs::write(&model, "weights").unwrap();
        store.keep_facts(&model, &Facts::of_parameters(5, 8)).unwrap();
        let again = Store::open(Some(&place));
        assert_eq!(again.machine("m"), Some(&machine("m")));
        assert_eq!(again.machine("other"), None);
        assert_eq!(again.calls("k").unwrap().of_prompts(|_| 1.0), [1.0]);
        assert_eq!(again.facts(&model), Some(&Facts::of_parameters(5, 8)));
        let mut of_old = again.clone();
        of_old.kept.files[0].reckoning = RECKONING - 1;
        assert_eq!(of_old.facts(&model), None, "an older program has reckoned in another way");
        fs::write(&model, "other weights").unwrap();
        assert_eq!(again.facts(&model), None, "it is another file now");
    }

    #[test]
    fn writers_keep_each_other_s_calls() {
        let folder = tempfile::tempdir().unwrap();
        let write = |at: usize| {
            let mut store = Store::open(Some(folder.path()));
            (0..5).for_each(|_| store.keep_calls(&[(format!("k{at}"), call(1.0))]).unwrap());
        };
        std::thread::scope(|scope| (0..4).for_each(|at| drop(scope.spawn(move || write(at)))));
        let store = Store::open(Some(folder.path()));
        for at in 0..4 {
            assert_eq!(store.calls(&format!("k{at}")).unwrap().of_prompts(|_| 1.0).len(), 5, "{at}");
        }
        let names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
    }

    #[test]
    fn without_a_place_it_is_kept_here() {
        let mut nowhere = Store::open(None);
        nowhere.keep_machine(&machine("m")).unwrap();
        assert!(nowhere.machine("m").is_some());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let mut refused = Store::open(Some(&file.join("below")));
        assert!(refused.keep_machine(&machine("m")).is_err());
        assert!(refused.machine("m").is_some(), "this run has it all the same");
    }

    #[test]
    fn old_entries_make_room() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(Some(folder.path()));
        let calls: Vec<_> = (0..MODELS + 3).map(|at| (format!("k{at}"), call(1.0))).collect();
        store.keep_calls(&calls).unwrap();
        assert!(store.calls("k2").is_none() && store.calls("k3").is_some());
    }

    #[test]
    fn the_originals_factors_become_rates() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ie_calib.json");
        let rate = |text: &str| {
            fs::write(&file, text).unwrap();
            original(&file, "llama3.2", 1_000_000_000, 4)
        };
        assert_eq!(rate(r#"{"cpu:llama3.2:4bit": 0.5, "cpu:llama3.2:8bit": 9}"#), Some(50.0));
        assert_eq!(rate(r#"{"mps:llama3.2:4bit": 0.5}"#), Some(300.0));
        for other in [r#"{"cuda:llama3.2:4bit": 0.5}"#, r#"{"cpu:llama3.2:4bit": "x"}"#, "[]", "{"] {
            assert_eq!(rate(other), None, "{other}");
        }
        assert_eq!(original(Path::new("/no/such/file"), "llama3.2", 1, 4), None);
    }
}
