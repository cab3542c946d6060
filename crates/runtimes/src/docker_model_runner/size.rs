//! Slots and window of a model that the runner is configured with, by the memory of the machine.

use std::fs;
use std::time::Duration;

use minions_chat::base_url;
use minions_machine::footprint::{CacheType, Footprint};
use minions_machine::memory::{self, Free};
use minions_machine::plan::Wish;
use serde_json::Value;

use super::configuration::Configuration;
use crate::api::Api;
use crate::sizing::{self, Memory};
use crate::{Need, RuntimeError, window};

/// What the kernels of the virtual machines are called in which Docker Desktop has containers run, but no runner.
const DESKTOPS: [&str; 2] = ["linuxkit", "microsoft"];

/// `wanted` with the window and the slots that fit, where the runner at `api` is on this machine and both its memory and the
/// model of `inspected` are known; else as it is. `there`: what the model is configured with now.
///
/// # Errors
/// [`RuntimeErrorKind::OutOfMemory`](crate::RuntimeErrorKind::OutOfMemory): not even the least fits.
pub(super) async fn fit(
    api: &Api,
    limit: Duration,
    need: &Need,
    inspected: &Value,
    there: Option<&Configuration>,
    wanted: Configuration,
) -> Result<Configuration, RuntimeError> {
    let Some((footprint, free)) = footprint(inspected).zip(of_runner(api.base_url())) else {
        return Ok(wanted);
    };
    let wish = Wish {
        window: wanted.window,
        least_window: window::least(need, wanted.window),
        slots: wanted.slots,
        least_slots: if need.has_set_slots { wanted.slots } else { 1 },
    };
    let mut memory = Memory::of_stranger(free).await;
    if let Some(there) = there
        && let Ok(answer) = api.get("/engines/ps", limit).await
        && is_loaded(&answer.json(), &need.model, inspected)
    {
        memory.give_back(footprint.of_slots(there.window, there.slots), 0);
    }
    let plan = sizing::choose(&need.model, &footprint, wish, &memory)?;
    Ok(plan.map_or(wanted.clone(), |plan| {
        let left = i64::try_from((plan.left >> 20) / 2).unwrap_or(i64::MAX);
        let cache_ram = wanted.cache_ram.map(|cache| if cache < 0 { cache } else { cache.min(left) });
        Configuration { window: plan.window, slots: plan.slots, cache_ram, ..wanted }
    }))
}

/// What the model of `inspected` takes of the memory and what there is.
pub(super) async fn words(base_url: &str, inspected: &Value, window: u32, slots: usize) -> Option<String> {
    let (footprint, free) = footprint(inspected).zip(of_runner(base_url))?;
    Some(format!("{}, and {}", footprint.words(window, slots), Memory::of_stranger(free).await.words()))
}

/// Whether the model of `inspected`, which a job calls `model`, is in memory for chats by the answer of `GET /engines/ps`. A
/// configuration stays when the model is unloaded.
fn is_loaded(running: &Value, model: &str, inspected: &Value) -> bool {
    let tags = inspected["tags"].as_array().into_iter().flatten().chain([&inspected["id"]]);
    let names: Vec<_> = tags.filter_map(Value::as_str).chain([model]).map(bare).collect();
    let is_it = |entry: &Value| {
        let name = entry["model_name"].as_str().map(bare);
        entry["mode"] == "completion"
            && entry["loading"] != true
            && name.is_some_and(|name| names.contains(&name))
    };
    running.as_array().is_some_and(|entries| entries.iter().any(is_it))
}

/// A model's name without what the runner adds where it is missing: the registry, `ai/` and `:latest`.
pub(crate) fn bare(name: &str) -> &str {
    let name = name.trim();
    let name = match name.split_once('/') {
        Some((registry, rest)) if registry.contains(['.', ':']) && rest.contains('/') => rest,
        _ => name,
    };
    let name = name.strip_prefix("ai/").unwrap_or(name);
    name.strip_suffix(":latest").unwrap_or(name)
}

fn footprint(inspected: &Value) -> Option<Footprint> {
    let config = &inspected["config"];
    bytes(&config["size"]).and_then(|weights| sizing::footprint(&config["gguf"], weights, CacheType::F16))
}

/// The memory of a runner at `base_url`, which is not in this process's container.
fn of_runner(base_url: &str) -> Option<Free> {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?.to_lowercase();
    let is_here = base_url::is_loopback(base_url) && !DESKTOPS.iter().any(|name| kernel.contains(name));
    is_here.then(memory::free_of_machine).flatten()
}

/// The bytes of a text such as `92.10MiB`.
pub(crate) fn bytes(size: &Value) -> Option<u64> {
    let text = size.as_str()?.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        "kib" => f64::from(1 << 10),
        "mib" => f64::from(1 << 20),
        "gib" => f64::from(1 << 30),
        "tib" => 1_099_511_627_776.0,
        _ => return None,
    };
    Some((number.parse::<f64>().ok()? * unit) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use minions_machine::gpu::{self, Gpu};
    use serde_json::json;

    #[test]
    fn sizes_are_read_with_their_units() {
        for (text, expected) in [
            ("92.10MiB", Some(96_573_849)),
            ("1.87 GB", Some(1_870_000_000)),
            ("2.02GiB", Some(2_168_958_484)),
            ("512B", Some(512)),
            ("7", Some(7)),
            ("MiB", None),
            ("3 apples", None),
        ] {
            assert_eq!(bytes(&json!(text)), expected, "{text}");
        }
        assert_eq!(bytes(&json!(null)), None);
    }

    const WANTED: Configuration =
        Configuration { window: 8192, slots: 3, cache_ram: Some(512), keep_alive: None };

    fn inspected(size: &str) -> Value {
        let gguf = json!({"general.architecture": "x", "x.block_count": "1", "x.embedding_length": "8"});
        json!({"config": {"size": size, "gguf": gguf}})
    }

    async fn fit(base_url: &str, inspected: &Value) -> Result<Configuration, RuntimeError> {
        let api = Api::new("it", base_url).unwrap();
        super::fit(&api, Duration::from_secs(1), &Need::default(), inspected, None, WANTED).await
    }

    #[test]
    fn what_is_loaded_is_listed() {
        let inspected =
            json!({"id": "sha256:a", "tags": ["registry.example/ai/smollm2:latest", "mine/two:1B"]});
        for (name, mode, expected) in [
            ("ai/smollm2", "completion", true),
            ("smollm2", "completion", true),
            ("docker.io/ai/smollm2:latest", "completion", true),
            ("sha256:a", "completion", true),
            ("localhost:5000/mine/two:1B", "completion", true),
            ("as-the-job-says", "completion", true),
            ("ai/smollm2", "embedding", false),
            ("ai/smollm2:360M", "completion", false),
            ("mine/smollm2", "completion", false),
            ("sha256:b", "completion", false),
        ] {
            let other = json!({"model_name": "other", "mode": "completion"});
            let entry = json!({"model_name": name, "mode": mode, "loading": false});
            assert_eq!(is_loaded(&json!([other, entry]), "as-the-job-says", &inspected), expected, "{name}");
        }
        let loading = json!([{"model_name": "ai/smollm2", "mode": "completion", "loading": true}]);
        for running in [json!([]), Value::Null, json!({"error": "x"}), json!([null, {}]), loading] {
            assert!(!is_loaded(&running, "smollm2", &inspected), "{running}");
        }
    }

    #[tokio::test]
    async fn what_is_not_known_is_taken_as_wished() {
        for (base_url, inspected) in [
            ("http://127.0.0.1:1", json!({"config": {"format": "gguf"}})),
            ("http://far.example:12434", inspected("9000TiB")),
        ] {
            let fitting = fit(base_url, &inspected).await;
            assert_eq!(fitting, Ok(WANTED), "{inspected}");
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_model_that_is_larger_than_the_machine_is_refused() {
        let outcome = fit("http://127.0.0.1:1", &inspected("9000TiB")).await;
        let is_refused = outcome.is_err_and(|error| error.message.contains("does not fit into the memory"));
        // A card may hold it.
        assert_eq!(is_refused, gpu::gpu_of_machine() == Gpu::None);
    }
}
