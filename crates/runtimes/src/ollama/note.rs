//! What a watchdog writes down of itself, for jobs that come and for the watchdog after it.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

use super::Host;
use super::locks::Locks;

/// The beginnings of the names of variables that decide how a daemon runs its models.
const PREFIXES: [&str; 8] = ["OLLAMA_", "LLAMA_ARG_", "GGML_", "CUDA_", "HIP_", "ROCR_", "HSA_", "NVIDIA_"];
/// Those of them that only those who call a daemon read.
const CALLERS: [&str; 2] = ["OLLAMA_BASE_URL", "OLLAMA_API_KEY"];

/// The settings that the user gave a daemon, each with a hash of its value, which may be a secret.
pub(super) type Settings = BTreeMap<String, u64>;

/// A watchdog's note.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Note {
    /// The mark of its daemon and of the runners of that.
    pub(super) mark: String,
    pub(super) settings: Settings,
    /// Whether its daemon stays when nobody uses it.
    pub(super) persistent: bool,
}

impl Note {
    /// The note of the watchdog that has the lock, or that had it last.
    pub(super) fn last(locks: &Locks) -> Option<Self> {
        serde_json::from_str(&locks.watchdog_said()?).ok()
    }

    /// The names of settings that are other ones in `wanted`.
    pub(super) fn differences<'a>(&'a self, wanted: &'a Settings) -> Vec<&'a str> {
        let all = self.settings.iter().chain(wanted);
        let differing = all.filter(|(name, _)| self.settings.get(*name) != wanted.get(*name));
        let mut names: Vec<_> = differing.map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// The settings in an environment for a daemon at `host`.
pub(super) fn settings(environment: &[(String, String)], host: &Host) -> Settings {
    let decides = |name: &str| {
        PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            && !CALLERS.contains(&name)
            && name != "OLLAMA_HOST"
    };
    let given = environment.iter().filter(|(name, value)| decides(name) && !value.is_empty());
    let given = given.map(|(name, value)| (name.clone(), hash(value)));
    // Who listens on all interfaces can be reached by others; how the loopback is spelled does not matter.
    let open = host.is_everywhere().then(|| ("OLLAMA_HOST".to_owned(), hash("open")));
    given.chain(open).collect()
}

fn hash(value: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)], host: &str) -> Settings {
        let all: Vec<_> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        settings(&all, &Host::read(host).unwrap())
    }

    #[test]
    fn only_what_decides_how_a_daemon_runs_counts() {
        let first = Note {
            settings: of(&[("PATH", "/bin"), ("OLLAMA_NUM_PARALLEL", "4")], "127.0.0.1"),
            ..Note::default()
        };
        for (variables, host, expected) in [
            (&[("OLLAMA_NUM_PARALLEL", "4")][..], "localhost", &[][..]),
            (&[("OLLAMA_NUM_PARALLEL", "4"), ("HOME", "/x"), ("OLLAMA_MODELS", "")], "[::1]", &[]),
            (&[("OLLAMA_NUM_PARALLEL", "4"), ("OLLAMA_BASE_URL", "http://x")], "localhost", &[]),
            (&[("OLLAMA_NUM_PARALLEL", "8")], "localhost", &["OLLAMA_NUM_PARALLEL"]),
            (&[], "localhost", &["OLLAMA_NUM_PARALLEL"]),
            (
                &[("OLLAMA_NUM_PARALLEL", "4"), ("OLLAMA_MODELS", "/m"), ("CUDA_VISIBLE_DEVICES", "-1")],
                "0.0.0.0",
                &["CUDA_VISIBLE_DEVICES", "OLLAMA_HOST", "OLLAMA_MODELS"],
            ),
        ] {
            let wanted = of(variables, host);
            assert_eq!(first.differences(&wanted), expected, "{variables:?}");
        }
    }
}
