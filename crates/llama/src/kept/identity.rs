//! What a state is known by: the model's file, the engine, all settings that change a state, and the tokens.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use llama_cpp_2::token::LlamaToken;
use twox_hash::XxHash64;

use crate::EngineSettings;

/// The engine and its version: another one may compute other states. A test compares it with `Cargo.lock`.
const ENGINE: &str = "llama-cpp-sys-2 0.1.161";
/// The bytes of the file's head that are looked at: the metadata.
const HEAD: u64 = 1 << 20;
/// How many samples of the weights are looked at, and their bytes.
const SAMPLES: u64 = 64;
const SAMPLE: u64 = 16 << 10;

/// A hash. It finds states and damage; that a state is the right one, its tokens tell.
pub(super) type Key = u128;

/// One model as one engine runs it.
pub(super) struct Identity {
    settings: Result<Key, io::ErrorKind>,
}

impl Identity {
    pub(super) fn of(settings: &EngineSettings) -> Self {
        Self { settings: hash(settings).map_err(|error| error.kind()) }
    }

    /// # Errors
    /// The model's file could not be read.
    pub(super) fn is_known(&self) -> io::Result<()> {
        self.settings.map(drop).map_err(io::Error::from)
    }

    /// The hash of all but the tokens.
    pub(super) fn settings(&self) -> Key {
        self.settings.unwrap_or_default()
    }

    pub(super) fn key(&self, tokens: &[LlamaToken]) -> Key {
        let tokens = tokens.iter().flat_map(|token| token.0.to_le_bytes());
        key_of(&self.settings().to_le_bytes().into_iter().chain(tokens).collect::<Vec<u8>>())
    }
}

fn key_of(bytes: &[u8]) -> Key {
    let [high, low] = [0, 1].map(|seed| XxHash64::oneshot(seed, bytes));
    Key::from(high) << 64 | Key::from(low)
}

/// The lanes count, as a state names all of its context's.
fn hash(settings: &EngineSettings) -> io::Result<Key> {
    let file = File::open(&settings.model_path)?;
    let found = file.metadata()?;
    let (bytes, mtime) = (found.len(), (found.mtime(), found.mtime_nsec()));
    let EngineSettings { lanes, n_gpu_layers, kv_type, .. } = settings;
    let told = format!("{ENGINE} {lanes} {n_gpu_layers:?} {kv_type:?} {bytes} {mtime:?}\n");
    let mut all = told.into_bytes();
    let mut feed = |at: u64, bytes: u64| -> io::Result<()> {
        let mut buffer = vec![0; bytes.min(found.len().saturating_sub(at)) as usize];
        file.read_exact_at(&mut buffer, at)?;
        all.extend(buffer);
        Ok(())
    };
    feed(0, HEAD)?;
    for sample in 1..=SAMPLES {
        feed(found.len().saturating_sub(SAMPLE) / SAMPLES * sample, SAMPLE)?;
    }
    Ok(key_of(&all))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::SystemTime;

    use super::*;
    use crate::{CacheType, Keeping};

    fn settings(model: &Path) -> EngineSettings {
        EngineSettings {
            model_path: model.to_owned(),
            n_ctx: 512,
            lanes: 4,
            n_gpu_layers: None,
            chat_format: None,
            threads: None,
            kv_type: CacheType::F16,
            keeping: Keeping::default(),
        }
    }

    #[test]
    fn the_engine_is_the_one_that_is_built() {
        let lock = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock")).unwrap();
        let (name, version) = ENGINE.split_once(' ').unwrap();
        assert!(lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"")), "{ENGINE}");
    }

    #[test]
    fn another_model_of_the_same_name_size_and_time_is_another_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.gguf");
        let then = SystemTime::UNIX_EPOCH;
        let made = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            File::open(&path).unwrap().set_modified(then).unwrap();
            Identity::of(&settings(&path))
        };
        let tokens = [LlamaToken(1), LlamaToken(2)];
        let mut bytes = vec![7; 3 << 20];
        let first = made(&bytes).key(&tokens);
        assert_eq!(made(&bytes).key(&tokens), first);
        // The weights of a model that was trained on differ everywhere.
        bytes[2 << 20..].fill(8);
        assert_ne!(made(&bytes).key(&tokens), first);
        bytes[2 << 20..].fill(7);
        assert_eq!(made(&bytes).key(&tokens), first);
        assert_ne!(made(&bytes).key(&tokens[..1]), first);
        let lanes = Identity::of(&EngineSettings { lanes: 3, ..settings(&path) });
        assert_ne!(lanes.key(&tokens), first);
        let narrow = Identity::of(&EngineSettings { kv_type: CacheType::Q8_0, ..settings(&path) });
        assert_ne!(narrow.key(&tokens), first);
        assert!(Identity::of(&settings(&dir.path().join("none"))).is_known().is_err());
    }
}
