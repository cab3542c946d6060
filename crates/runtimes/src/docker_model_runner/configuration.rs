//! How a Docker Model Runner runs a model: what it is told, and what it says of that.
//!
//! A configuration replaces the one before, and the model is loaded anew with it, so one that holds the job is kept.
//! Sources: docker/model-runner's `pkg/inference/scheduling/api.go`, `backend.go` and `runtime_flags_allowlist.go`, and
//! the options in llama.cpp's `tools/server/README.md`.

use minions_chat::go_duration;
use serde_json::{Value, json};

use crate::Need;
use crate::window::{self, Known};

/// Flags with which llama.cpp's server does something else than answer chats whole and from the prompt as it is.
const OTHER_USES: [&str; 12] = [
    "--embedding",
    "--embeddings",
    "--rerank",
    "--reranking",
    "--context-shift",
    "--grammar",
    "--grammar-file",
    "-j",
    "--json-schema",
    "-n",
    "--predict",
    "--n-predict",
];
const SLOTS: [&str; 2] = ["-np", "--parallel"];
const CONTEXT: [&str; 2] = ["-c", "--ctx-size"];
const CACHE_RAM: [&str; 2] = ["-cram", "--cache-ram"];

/// What a model runs with.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Configuration {
    /// Tokens that each slot has.
    pub(super) window: u32,
    pub(super) slots: usize,
    /// MiB for prompts that were read, or -1 without a limit; `None` leaves it to llama.cpp.
    pub(super) cache_ram: Option<i64>,
    /// How long the model stays loaded, as the runner writes it.
    pub(super) keep_alive: Option<String>,
}

impl Configuration {
    /// The body of `POST /engines/_configure`.
    pub(super) fn body(&self, model: &str) -> Value {
        // llama.cpp divides the context among its slots.
        let context = u64::from(self.window) * self.slots as u64;
        let mut flags = vec!["--parallel".to_owned(), self.slots.to_string()];
        if let Some(megabytes) = self.cache_ram {
            flags.extend(["--cache-ram".to_owned(), megabytes.to_string()]);
        }
        let mut body = json!({
            "model": model, "mode": "completion", "context-size": context, "runtime-flags": flags,
        });
        if let Some(keep_alive) = &self.keep_alive {
            body["keep_alive"] = keep_alive.as_str().into();
        }
        body
    }

    /// The one for chats in the answer of `GET /engines/_configure`. `None` if there is none, if it does not tell slots and
    /// context, or if chats would not be answered as they are meant.
    pub(super) fn of_chats(answer: &Value) -> Option<Self> {
        let is_for_chats =
            |entry: &&Value| entry["Mode"] == "completion" && entry["Backend"].as_str() == Some("llama.cpp");
        let config = &answer.as_array()?.iter().find(is_for_chats)?["Config"];
        let flags = config["runtime-flags"].as_array().into_iter().flatten();
        let flags: Vec<_> = flags.filter_map(Value::as_str).flat_map(|flag| flag.splitn(2, '=')).collect();
        if flags.iter().any(|flag| OTHER_USES.contains(flag)) {
            return None;
        }
        let number = |names: &[&str]| {
            // The last one counts.
            let at = flags.iter().rposition(|flag| names.contains(flag))?;
            flags.get(at + 1)?.parse::<i64>().ok()
        };
        let slots = number(&SLOTS).filter(|&slots| slots > 0)?;
        let context = number(&CONTEXT).or_else(|| config["context-size"].as_i64())?;
        // Slots that share one context (`--kv-unified`) may have more, but not all of them at once.
        Some(Self {
            window: u32::try_from(context / slots).ok().filter(|&window| window > 0)?,
            slots: usize::try_from(slots).ok()?,
            cache_ram: number(&CACHE_RAM),
            keep_alive: config["keep_alive"].as_str().map(str::to_owned),
        })
    }

    /// The usual one, where that holds this one and the job leaves it to us: the next job, of the other protocol, finds its
    /// configuration then.
    pub(super) fn widened(self, need: &Need, known: Known) -> Self {
        let usual = window::DEFAULT.min(known.trained.unwrap_or(u32::MAX));
        let is_ours = need.window.is_none() && !need.has_set_slots;
        if !is_ours || self.window > usual || self.slots > super::SLOTS {
            return self;
        }
        Self { window: usual, slots: super::SLOTS, ..self }
    }

    /// Whether a job that wants `wanted` can do with this one.
    pub(super) fn holds(&self, wanted: &Self) -> bool {
        let [here, asked] = [self, wanted].map(|one| one.keep_alive.as_deref().map(Stay::of));
        self.window >= wanted.window && self.slots >= wanted.slots && (asked.is_none() || here == asked)
    }
}

/// How long a model stays, however that is written.
#[derive(Debug, PartialEq)]
enum Stay<'a> {
    ForEver,
    Seconds(f64),
    Unknown(&'a str),
}

impl<'a> Stay<'a> {
    fn of(text: &'a str) -> Self {
        match go_duration::seconds(text) {
            Some(seconds) if seconds < 0.0 => Self::ForEver,
            Some(seconds) => Self::Seconds(seconds),
            None if text == "-1" => Self::ForEver,
            None => Self::Unknown(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(config: Value) -> Value {
        json!([
            {"Backend": "llama.cpp", "Model": "ai/m", "ModelID": "sha256:a", "Mode": "embedding", "Config": {
                "context-size": 1 << 20, "runtime-flags": ["--parallel", "1"],
            }},
            {"Backend": "llama.cpp", "Model": "ai/m", "ModelID": "sha256:a", "Mode": "completion", "Config": config},
        ])
    }

    fn wanted(window: u32, slots: usize, keep_alive: Option<&str>) -> Configuration {
        Configuration { window, slots, cache_ram: None, keep_alive: keep_alive.map(str::to_owned) }
    }

    #[test]
    fn our_own_is_read_as_it_was_written() {
        let ours = Configuration { cache_ram: Some(2048), ..wanted(6144, 3, Some("-1")) };
        let mut body = ours.body("ai/m");
        assert_eq!(
            body,
            json!({
                "model": "ai/m", "mode": "completion", "context-size": 18432, "keep_alive": "-1",
                "runtime-flags": ["--parallel", "3", "--cache-ram", "2048"],
            })
        );
        for name in ["model", "mode"] {
            body.as_object_mut().unwrap().remove(name);
        }
        assert_eq!(Configuration::of_chats(&entry(body)), Some(ours));
    }

    #[test]
    fn window_and_slots_of_others_are_read_where_they_are_told() {
        for (config, expected) in [
            (json!({"context-size": 8192, "runtime-flags": ["-np", "2"]}), Some((4096, 2))),
            (
                json!({"context-size": 8192, "runtime-flags": ["--parallel=2", "--threads", "4"]}),
                Some((4096, 2)),
            ),
            // What stands last counts.
            (
                json!({"context-size": 8192, "runtime-flags": ["-c", "32768", "-np", "1", "-np", "4"]}),
                Some((8192, 4)),
            ),
            (json!({"context-size": 8192, "runtime-flags": ["-np", "2", "--kv-unified"]}), Some((4096, 2))),
            (json!({"context-size": 8192}), None),
            (json!({"runtime-flags": ["-np", "2"]}), None),
            (json!({"context-size": -1, "runtime-flags": ["-np", "2"]}), None),
            (json!({"context-size": 8192, "runtime-flags": ["-np"]}), None),
            (json!({"context-size": 8192, "runtime-flags": ["-np", "-1"]}), None),
            (json!({"context-size": 8192, "runtime-flags": ["-np", "1", "--embeddings"]}), None),
            (json!({"context-size": 8192, "runtime-flags": ["-np", "1", "--predict=16"]}), None),
            (json!({}), None),
        ] {
            let found = Configuration::of_chats(&entry(config.clone()));
            assert_eq!(found.map(|found| (found.window, found.slots)), expected, "{config}");
        }
        let other = json!([{"Backend": "vllm", "Mode": "completion", "Config": {
            "context-size": 8192, "runtime-flags": ["-np", "1"]}}]);
        for answer in [json!([]), Value::Null, json!({"error": "x"}), json!([null]), other] {
            assert_eq!(Configuration::of_chats(&answer), None, "{answer}");
        }
    }

    #[test]
    fn one_that_is_long_and_wide_enough_holds_a_job() {
        let there = wanted(8192, 4, Some("5m0s"));
        for (window, slots, keep_alive, expected) in [
            (8192, 4, None, true),
            (4096, 1, None, true),
            (8193, 1, None, false),
            (4096, 5, None, false),
            (4096, 1, Some("300s"), true),
            (4096, 1, Some("5m"), true),
            (4096, 1, Some("10m"), false),
            (4096, 1, Some("-1"), false),
        ] {
            let wanted = wanted(window, slots, keep_alive);
            assert_eq!(there.holds(&wanted), expected, "{wanted:?}");
        }
        let stays = |there, asked| wanted(1, 1, Some(there)).holds(&wanted(1, 1, Some(asked)));
        assert!(stays("-1", "-1m") && stays("0", "0s") && !stays("0", "-1") && !stays("soon", "1m"));
        assert!(!wanted(1, 1, None).holds(&wanted(1, 1, Some("5m"))));
    }
}
