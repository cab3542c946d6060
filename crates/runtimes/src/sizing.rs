//! Slots and window of a model that a server is to run, by the memory that there is.

use minions_machine::footprint::{CacheType, Footprint};
use minions_machine::gpu::{self, Gpu};
use minions_machine::memory::Free;
use minions_machine::plan::{self, Plan, REMEDY, Room, Wish};
use serde_json::Value;

use super::{RuntimeError, RuntimeErrorKind};

/// The memory for a model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    /// The machine's or the container's.
    pub(super) free: Free,
    pub(super) gpu: Gpu,
}

impl Memory {
    /// With the graphics cards as they are now.
    pub(super) async fn with(free: Free) -> Self {
        let gpu = tokio::task::spawn_blocking(gpu::gpu).await.unwrap_or(Gpu::Unknown);
        Self { free, gpu }
    }

    /// Adds what models take that are ended where room is needed.
    pub(super) fn give_back(&mut self, bytes: u64, on_card: u64) {
        self.free.bytes = self.free.bytes.saturating_add(bytes).min(self.free.of);
        if let Gpu::Free(free) = self.gpu {
            self.gpu = Gpu::Free(free.saturating_add(on_card));
        }
    }

    /// For messages.
    pub(super) fn words(&self) -> String {
        let card = match self.gpu {
            Gpu::Free(bytes) => format!(", {} MiB on the graphics card", bytes >> 20),
            Gpu::None | Gpu::Unknown => String::new(),
        };
        format!("{}{card}", self.free.words())
    }
}

/// The footprint of a model of so many bytes by its GGUF metadata: numbers, lists of them, or their texts.
pub(super) fn footprint(metadata: &Value, weights: u64, cache: CacheType) -> Option<Footprint> {
    let architecture = metadata["general.architecture"].as_str()?;
    let figures = |key: &str| numbers(&metadata[format!("{architecture}.{key}")]);
    // Where the vocabulary is not told, it is the one of many large models.
    let vocabulary = figures("vocab_size").into_iter().max().unwrap_or(152_000);
    Footprint::of(architecture, figures, weights, vocabulary, cache)
}

/// The numbers of a value, in whichever form the servers tell it.
fn numbers(value: &Value) -> Vec<u64> {
    match value {
        Value::Number(number) => number.as_u64().into_iter().collect(),
        Value::Bool(flag) => vec![u64::from(*flag)],
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        Value::String(text) => {
            let parts = text.trim_matches(['[', ']']).split([',', ' ']).filter(|part| !part.is_empty());
            let number = |part: &str| match part {
                "true" => Ok(1),
                "false" => Ok(0),
                digits => digits.parse(),
            };
            parts.map(number).collect::<Result<_, _>>().unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

/// The slots and the window of `wish` that fit, which is logged; `None` where the memory of a graphics card is not known.
///
/// # Errors
/// [`RuntimeErrorKind::OutOfMemory`]: not even the least fits.
pub(super) fn choose(
    model: &str,
    footprint: &Footprint,
    wish: Wish,
    memory: &Memory,
) -> Result<Option<Plan>, RuntimeError> {
    let on_card = match memory.gpu {
        Gpu::Unknown => {
            tracing::info!(
                "{model}: {} slots of {} tokens; the graphics card does not tell its memory",
                wish.slots,
                wish.window
            );
            return Ok(None);
        }
        Gpu::None => 0,
        Gpu::Free(bytes) => bytes,
    };
    let only_card = Room { free: on_card, slow: 0 };
    let both = Room { free: on_card.saturating_add(memory.free.bytes), slow: memory.free.swap };
    // All on the card with fewer slots is faster than a part of it with more.
    match plan::plan(footprint, wish, only_card).or_else(|_| plan::plan(footprint, wish, both)) {
        Ok(plan) => {
            let words = footprint.words(plan.window, plan.slots);
            tracing::info!("{model}: {words}; {}", memory.words());
            Ok(Some(plan))
        }
        Err(lack) => {
            let words = footprint.words(lack.window, lack.slots);
            Err(lacks(format!("{model} does not fit into the memory: {words}, and {}", memory.words())))
        }
    }
}

/// The error of a model that finds no memory.
pub(super) fn lacks(message: String) -> RuntimeError {
    RuntimeError::new(RuntimeErrorKind::OutOfMemory, message).hint(REMEDY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn figures_are_read_in_every_form() {
        for (value, expected) in [
            (json!(3), vec![3]),
            (json!("30"), vec![30]),
            (json!([2, 0, 4]), vec![2, 0, 4]),
            (json!("[2, 0, 4]"), vec![2, 0, 4]),
            (json!("2,0,4"), vec![2, 0, 4]),
            (json!("[true false]"), vec![1, 0]),
            (json!([true, false]), vec![1, 0]),
            (json!("0.000010"), vec![]),
            (json!(null), vec![]),
            (json!(-1), vec![]),
        ] {
            assert_eq!(numbers(&value), expected, "{value}");
        }
    }

    #[test]
    fn a_description_tells_the_footprint() {
        let numbers = json!({
            "general.architecture": "llama", "llama.block_count": 30, "llama.embedding_length": 576,
            "llama.attention.head_count": 9, "llama.attention.head_count_kv": 3, "llama.vocab_size": 49152,
        });
        let texts = json!({
            "general.architecture": "llama", "llama.block_count": "30", "llama.embedding_length": "576",
            "llama.attention.head_count": "9", "llama.attention.head_count_kv": "3", "llama.vocab_size": "49152",
        });
        let of = |metadata| footprint(metadata, 1 << 20, CacheType::F16);
        assert_eq!(of(&numbers), of(&texts));
        assert_eq!(of(&numbers).unwrap().token, 30 * 3 * 128 * 2);
        assert_eq!(of(&json!({"general.architecture": "llama"})), None);
    }

    #[test]
    fn a_card_counts_alone_first() {
        let footprint =
            Footprint { weights: 100 << 20, program: 0, slot: 0, token: 1 << 20, token_of_last: 0, last: 0 };
        let wish = Wish { window: 256, least_window: 256, slots: 4, least_slots: 1 };
        let free = Free { bytes: 2000 << 20, of: 4000 << 20, is_limited: true, swap: 0 };
        let slots = |gpu| {
            choose("m", &footprint, wish, &Memory { free, gpu }).map(|plan| plan.map(|plan| plan.slots))
        };
        assert_eq!(slots(Gpu::None), Ok(Some(4)));
        assert_eq!(slots(Gpu::Free(700 << 20)), Ok(Some(2)));
        assert_eq!(slots(Gpu::Free(10 << 20)), Ok(Some(4)));
        assert_eq!(slots(Gpu::Unknown), Ok(None));
        let small = Memory { free: Free { bytes: 300 << 20, ..free }, gpu: Gpu::None };
        let error = choose("m", &footprint, wish, &small).unwrap_err();
        let expected = "m does not fit into the memory: 1 slot of 256 tokens take about 356 MiB (100 weights, 256 cache, 0 \
                        for computing), and 300 MiB are free of this container's 4000 MiB";
        assert_eq!((error.kind, error.message.as_str()), (RuntimeErrorKind::OutOfMemory, expected));
    }
}
