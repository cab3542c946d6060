//! Slots and window of a model that the runner is configured with, by the memory of the machine.

use std::fs;

use minions_chat::http;
use minions_machine::footprint::{CacheType, Footprint};
use minions_machine::memory::{self, Free};
use minions_machine::plan::Wish;
use serde_json::Value;

use super::SLOTS;
use crate::sizing::{self, Memory};
use crate::{Need, RuntimeError, window};

/// What the kernels of the virtual machines are called in which Docker Desktop has containers run, but no runner.
const DESKTOPS: [&str; 2] = ["linuxkit", "microsoft"];

/// The window and the slots of `need` that fit, where the runner at `base_url` is on this machine and both its memory and
/// the model of `inspected` are known; else as they are wished.
///
/// # Errors
/// [`RuntimeErrorKind::OutOfMemory`](crate::RuntimeErrorKind::OutOfMemory): not even the least fits.
pub(super) async fn fit(
    base_url: &str,
    need: &Need,
    inspected: &Value,
    window: u32,
) -> Result<(u32, usize), RuntimeError> {
    let wished = need.slots.unwrap_or(SLOTS).max(1);
    let config = &inspected["config"];
    let footprint = bytes(&config["size"])
        .and_then(|weights| sizing::footprint(&config["gguf"], weights, CacheType::F16));
    let Some((footprint, free)) = footprint.zip(of_runner(base_url)) else { return Ok((window, wished)) };
    let wish = Wish {
        window,
        least_window: window::least(need, window),
        slots: wished,
        least_slots: need.slots.map_or(1, |slots| slots.max(1)),
    };
    let memory = Memory::with(free).await;
    let plan = sizing::choose(&need.model, &footprint, wish, &memory)?;
    Ok(plan.map_or((window, wished), |plan| (plan.window, plan.slots)))
}

/// What the model of `inspected` takes of the memory and what there is.
pub(super) async fn words(base_url: &str, inspected: &Value, window: u32, slots: usize) -> Option<String> {
    let (footprint, free) = footprint(inspected).zip(of_runner(base_url))?;
    Some(format!("{}, and {}", footprint.words(window, slots), Memory::with(free).await.words()))
}

fn footprint(inspected: &Value) -> Option<Footprint> {
    let config = &inspected["config"];
    bytes(&config["size"]).and_then(|weights| sizing::footprint(&config["gguf"], weights, CacheType::F16))
}

/// The memory of a runner at `base_url`, which is not in this process's container.
fn of_runner(base_url: &str) -> Option<Free> {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?.to_lowercase();
    let is_here = http::is_loopback(base_url) && !DESKTOPS.iter().any(|name| kernel.contains(name));
    is_here.then(memory::free_of_machine).flatten()
}

/// The bytes of a text such as `92.10MiB`.
fn bytes(size: &Value) -> Option<u64> {
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

    #[tokio::test]
    async fn what_is_not_known_is_taken_as_wished() {
        let need = Need { slots: Some(3), ..Need::default() };
        let known = json!({"config": {"size": "1MiB", "gguf": {"general.architecture": "x", "x.block_count": "1",
            "x.embedding_length": "8"}}});
        for (base_url, inspected) in [
            ("http://127.0.0.1:1", json!({"config": {"format": "gguf"}})),
            ("http://far.example:12434", known),
        ] {
            assert_eq!(fit(base_url, &need, &inspected, 8192).await, Ok((8192, 3)), "{inspected}");
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_model_that_is_larger_than_the_machine_is_refused() {
        let inspected = json!({"config": {"size": "9000TiB", "gguf": {"general.architecture": "x",
            "x.block_count": "1", "x.embedding_length": "8"}}});
        let outcome = fit("http://127.0.0.1:1", &Need::default(), &inspected, 8192).await;
        // Unless there is a graphics card that keeps its size to itself.
        assert!(outcome.is_err_and(|error| error.message.contains("does not fit into the memory")));
    }
}
