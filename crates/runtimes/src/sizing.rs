//! Slots and window of a model that a server is to run, by the memory that there is.

use std::cell::Cell;

use minions_machine::footprint::{CacheType, Footprint};
use minions_machine::gpu::{self, Gpu};
use minions_machine::memory::Free;
use minions_machine::plan::{self, Plan, REMEDY, Room, Wish};
use serde_json::Value;

use super::{RuntimeError, RuntimeErrorKind};

/// Longer lists are left out by Docker Model Runner (its `distribution/format/gguf.go`).
const LONGEST_LIST: u64 = 50;

/// The memory for a model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    /// The machine's or the container's.
    pub(super) free: Free,
    pub(super) gpu: Gpu,
}

impl Memory {
    /// With the graphics cards as they are now, for a server that has our environment.
    pub(super) async fn with(free: Free) -> Self {
        let gpu = tokio::task::spawn_blocking(gpu::gpu).await.unwrap_or(Gpu::Unknown);
        Self { free, gpu }
    }

    /// The same for a server that has its own environment, and may do without the cards.
    pub(super) async fn of_stranger(free: Free) -> Self {
        let gpu = tokio::task::spawn_blocking(gpu::gpu_of_machine).await;
        Self { free, gpu: gpu.map_or(Gpu::Unknown, of_stranger) }
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

/// A card that is measured and may not be used says nothing.
fn of_stranger(gpu: Gpu) -> Gpu {
    if gpu == Gpu::None { Gpu::None } else { Gpu::Unknown }
}

/// The footprint of a model of so many bytes by its GGUF metadata: numbers, lists of them, or their texts. `None` too
/// where a figure is left out: Ollama tells none of a list (its `server/routes.go`, without `verbose`), and Docker Model
/// Runner drops long lists. The figure that would stand in for the list is many times too large.
pub(super) fn footprint(metadata: &Value, weights: u64, cache: CacheType) -> Option<Footprint> {
    let architecture = metadata["general.architecture"].as_str()?;
    let is_whole = Cell::new(true);
    let figures = |key: &str| {
        let value = metadata.get(format!("{architecture}.{key}"));
        let numbers = value.map(numbers).unwrap_or_default();
        is_whole.set(is_whole.get() && (value.is_none() || !numbers.is_empty()));
        numbers
    };
    // Where the vocabulary is not told, it is the one of many large models.
    let vocabulary = figures("vocab_size").into_iter().max().unwrap_or(152_000);
    let footprint = Footprint::of(architecture, figures, weights, vocabulary, cache)?;
    let is_dropped = figures("attention.head_count_kv").is_empty()
        && figures("block_count").into_iter().any(|layers| layers > LONGEST_LIST);
    (is_whole.get() && !is_dropped).then_some(footprint)
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
/// What is left is the machine's: old prompts are kept there.
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
    // All on the card with fewer slots is faster than a part of it with more; a shorter window is worse than either.
    let whole = Wish { least_window: wish.window, ..wish };
    let on_card =
        plan::plan(footprint, whole, only_card).map(|plan| Plan { left: memory.free.bytes, ..plan });
    match on_card.or_else(|_| plan::plan(footprint, wish, both)) {
        Ok(plan) => {
            let plan = Plan { left: plan.left.min(memory.free.bytes), ..plan };
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
    fn figures_that_are_left_out_make_it_unknown() {
        let whole = json!({
            "general.architecture": "x", "x.block_count": 60, "x.embedding_length": 64, "x.attention.head_count": 8,
            "x.attention.head_count_kv": 2, "x.attention.sliding_window": 512,
        });
        let known = |key: &str, value: Option<Value>| {
            let mut metadata = whole.clone();
            let fields = metadata.as_object_mut().unwrap();
            match value {
                Some(value) => drop(fields.insert(key.to_owned(), value)),
                None => drop(fields.remove(key)),
            }
            footprint(&metadata, 1, CacheType::F16).is_some()
        };
        for (key, value, expected) in [
            ("x.attention.head_count_kv", Some(json!(2)), true),
            ("x.attention.head_count_kv", Some(json!([2, 0, 4])), true),
            ("x.attention.head_count_kv", Some(Value::Null), false),
            ("x.attention.head_count_kv", Some(json!([])), false),
            ("x.attention.head_count_kv", Some(json!("[]")), false),
            ("x.attention.head_count_kv", Some(json!([null, null])), false),
            ("x.attention.head_count", Some(Value::Null), false),
            ("x.attention.sliding_window_pattern", Some(Value::Null), false),
            ("x.attention.sliding_window_pattern", Some(json!([true, false])), true),
            ("x.feed_forward_length", Some(json!([])), false),
            // What nobody asks for may be left out.
            ("x.rope.dimension_sections", Some(Value::Null), true),
            ("tokenizer.ggml.tokens", Some(Value::Null), true),
            // A list of so many layers would have been dropped.
            ("x.attention.head_count_kv", None, false),
        ] {
            assert_eq!(known(key, value.clone()), expected, "{key} {value:?}");
        }
    }

    #[test]
    fn a_card_keeps_the_window_and_the_machine_the_old_prompts() {
        let footprint = Footprint {
            weights: 100 << 20,
            program: 0,
            buffers: 0,
            slot: 0,
            token: 1 << 20,
            token_of_last: 0,
            last: 0,
        };
        let wish = Wish { window: 4096, least_window: 2048, slots: 4, least_slots: 1 };
        for (ram, card, expected) in [
            // All on the card: the machine's memory is left whole.
            (2000, 20_000, (4096, 4, 2000)),
            (50, 20_000, (4096, 4, 50)),
            (40_000, 9200, (4096, 2, 40_000)),
            // One slot does not fit on the card: the window stays, on both.
            (40_000, 3000, (4096, 4, 43_000 - 16_484)),
            // It just does.
            (40_000, 4200, (4096, 1, 40_000)),
            (1000, 4000, (4096, 1, 1000 - 196)),
            // Not on both either.
            (100, 3500, (3072, 1, 100)),
            (40_000, 0, (4096, 4, 40_000 - 16_484)),
        ] {
            let free = Free { bytes: ram << 20, of: 80_000 << 20, is_limited: true, swap: 0 };
            let gpu = if card == 0 { Gpu::None } else { Gpu::Free(card << 20) };
            let plan = choose("m", &footprint, wish, &Memory { free, gpu }).unwrap().unwrap();
            assert_eq!((plan.window, plan.slots, plan.left >> 20), expected, "{ram} {card}");
        }
    }

    #[test]
    fn a_card_that_a_stranger_may_not_use_is_unknown() {
        for (gpu, expected) in [
            (Gpu::None, Gpu::None),
            (Gpu::Free(8 << 30), Gpu::Unknown),
            (Gpu::Free(0), Gpu::Unknown),
            (Gpu::Unknown, Gpu::Unknown),
        ] {
            assert_eq!(of_stranger(gpu), expected);
        }
    }

    #[test]
    fn a_card_counts_alone_first() {
        let footprint = Footprint {
            weights: 100 << 20,
            program: 0,
            buffers: 0,
            slot: 0,
            token: 1 << 20,
            token_of_last: 0,
            last: 0,
        };
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
        let expected = "m does not fit into the memory: 1 slot of 256 tokens takes about 356 MiB (100 weights, 256 cache, 0 \
                        for computing), and 300 MiB are free of this container's 4000 MiB";
        assert_eq!((error.kind, error.message.as_str()), (RuntimeErrorKind::OutOfMemory, expected));
    }
}
