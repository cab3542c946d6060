//! How much memory llama.cpp takes for a model: weights, KV cache, compute buffers, and the program itself.
//!
//! The sizes of caches follow from the model's figures (llama.cpp's `llama-kv-cache.cpp`, `llama-kv-cache-iswa.cpp`,
//! `llama-memory-recurrent.cpp`); those of the program and of compute buffers were measured with its server on a
//! processor, with flash attention, which is its default: `docs/operate.md` says how near they are.

use serde::{Deserialize, Serialize};

/// Tokens that llama.cpp evaluates in one step (`n_ubatch`), by default.
const BATCH: u64 = 512;
/// Windows are rounded up to a multiple of so many tokens.
const PIECE: u64 = 256;
/// No model has more layers; a broken file may say so.
const MOST_LAYERS: u64 = 4096;
/// Bytes of llama.cpp's server, with its libraries, before it has loaded anything.
const PROGRAM: u64 = 38 << 20;
/// Bytes of a token in the vocabulary: its text, its neighbours and their order.
const TOKEN: u64 = 300;
/// Bytes of a token in the vocabulary for each slot: its logit and the sampler's candidate.
const CANDIDATE: u64 = 24;

/// How keys and values are kept. The number is the bytes of 32 values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheType(u64);

impl CacheType {
    /// 16 bits a value, llama.cpp's default.
    pub const F16: Self = Self(64);
    /// About 8 bits a value.
    pub const Q8_0: Self = Self(34);

    /// By llama.cpp's name of the type, as in `OLLAMA_KV_CACHE_TYPE`; the default for another name.
    pub fn named(name: &str) -> Self {
        Self(match name.trim() {
            "f32" => 128,
            "q8_0" => return Self::Q8_0,
            "q5_1" => 24,
            "q5_0" => 22,
            "q4_1" => 20,
            "q4_0" | "iq4_nl" => 18,
            _ => return Self::F16,
        })
    }
}

/// The memory that a model takes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footprint {
    /// The weights. They are mapped from their file or copied, and read for each token either way.
    pub weights: u64,
    /// The program, the tokenizer and the compute buffers.
    pub program: u64,
    /// The compute buffers of these.
    #[serde(default)]
    pub buffers: u64,
    /// What each slot takes whatever its window.
    pub slot: u64,
    /// The KV cache of one token of a window.
    pub token: u64,
    /// The same in layers that look at the last tokens alone, which keep [`Self::last`] of them.
    pub token_of_last: u64,
    /// So many tokens.
    pub last: u64,
}

impl Footprint {
    /// By the model's own figures (`key` is one of GGUF's without the architecture before it; a figure for each layer
    /// gives several numbers, an unknown one none), the bytes of the weights and the tokens of the vocabulary. `None` if
    /// the figures don't tell the size of a window.
    pub fn of(
        architecture: &str,
        figure: impl Fn(&str) -> Vec<u64>,
        weights: u64,
        vocabulary: u64,
        cache: CacheType,
    ) -> Option<Self> {
        let one = |key: &str| figure(key).into_iter().max();
        let (layers, width) = (one("block_count")?.min(MOST_LAYERS), one("embedding_length")?);
        let heads = one("attention.head_count").unwrap_or(0);
        // A figure for all layers, or one for each.
        let kv_heads = match figure("attention.head_count_kv")[..] {
            [] => vec![heads; layers as usize],
            [all] => vec![all; layers as usize],
            ref each => each.to_vec(),
        };
        let (attending, kv_heads) = match one("full_attention_interval").filter(|interval| *interval > 0) {
            // The others are recurrent, and have no cache.
            Some(interval) => (layers / interval, kv_heads.iter().sum::<u64>() / interval),
            None => (kv_heads.iter().filter(|heads| **heads > 0).count() as u64, kv_heads.iter().sum()),
        };
        let head = width.checked_div(heads).unwrap_or(0);
        let key = one("attention.key_length").unwrap_or(head);
        // Where keys are compressed, values are read from them.
        let compressed = one("attention.key_length_mla").is_some();
        let value = if compressed { 0 } else { one("attention.value_length").unwrap_or(head) };
        let token = kv_heads.saturating_mul(key.saturating_add(value)).saturating_mul(cache.0) / 32;
        let last = one("attention.sliding_window").unwrap_or(0);
        let whole = whole_layers(architecture, layers, &figure("attention.sliding_window_pattern"));
        let token_of_whole = match last {
            0 => token,
            _ => (token / layers.max(1)).saturating_mul(whole.unwrap_or(layers)),
        };
        Some(Self {
            weights,
            program: PROGRAM + vocabulary.saturating_mul(TOKEN) + buffers(width, &one),
            buffers: buffers(width, &one),
            slot: vocabulary.saturating_mul(CANDIDATE)
                + recurrent(&one).saturating_mul(layers.saturating_sub(attending)),
            token: token_of_whole,
            token_of_last: token - token_of_whole.min(token),
            last: last + BATCH,
        })
    }

    /// The same with every layer keeping its whole past.
    pub fn with_whole_past(self) -> Self {
        Self { token: self.token + self.token_of_last, token_of_last: 0, ..self }
    }

    /// The same, reckoned with 16 bits a value, with another KV cache.
    pub fn with_cache(self, cache: CacheType) -> Self {
        let of = |bytes: u64| bytes.saturating_mul(cache.0) / CacheType::F16.0;
        Self { token: of(self.token), token_of_last: of(self.token_of_last), ..self }
    }

    /// The KV cache of `slots` windows of `window` tokens, and what else the slots take.
    pub fn of_slots(&self, window: u32, slots: usize) -> u64 {
        let rounded = |tokens: u64| tokens.div_ceil(PIECE).saturating_mul(PIECE);
        let window = rounded(window.into());
        let cache = window.saturating_mul(self.token);
        let of_last = rounded(self.last).min(window).saturating_mul(self.token_of_last);
        let slot = cache.saturating_add(of_last).saturating_add(self.slot);
        slot.saturating_mul(slots as u64)
    }

    /// All that the model takes with `slots` windows of `window` tokens.
    pub fn bytes(&self, window: u32, slots: usize) -> u64 {
        self.weights.saturating_add(self.program).saturating_add(self.of_slots(window, slots))
    }
}

/// The activations of one step: five times the width and three times the inner one, of which as many as experts are used.
fn buffers(width: u64, one: &impl Fn(&str) -> Option<u64>) -> u64 {
    let experts = one("expert_used_count").filter(|used| *used > 0);
    let inner = one("expert_feed_forward_length").filter(|_| experts.is_some());
    let inner = inner.or_else(|| one("feed_forward_length")).unwrap_or(width.saturating_mul(4));
    let inner = inner.saturating_mul(experts.unwrap_or(1));
    let values = width.saturating_mul(5).saturating_add(inner.saturating_mul(3));
    values.saturating_mul(BATCH * 4)
}

/// The state of one recurrent layer, of 32 bits a value: of its convolution and of its memory.
fn recurrent(one: &impl Fn(&str) -> Option<u64>) -> u64 {
    let figure = |key: &str| one(key).unwrap_or(0);
    let (inner, state) = (figure("ssm.inner_size"), figure("ssm.state_size"));
    let taps = figure("ssm.conv_kernel").saturating_sub(1);
    let convolved = inner.saturating_add(figure("ssm.group_count").saturating_mul(state).saturating_mul(2));
    taps.saturating_mul(convolved).saturating_add(state.saturating_mul(inner)).saturating_mul(4)
}

/// The layers that keep their whole past, of a model whose others look at the last tokens alone; `None` if that is not
/// known. `pattern`: which layers have a window, or every how-manieth has none (llama.cpp's `llama-model.cpp`).
fn whole_layers(architecture: &str, layers: u64, pattern: &[u64]) -> Option<u64> {
    let every = match (pattern, architecture) {
        ([every], _) if *every > 1 => *every,
        ([_, _, ..], _) => return Some(pattern.iter().filter(|windowed| **windowed == 0).count() as u64),
        (_, "gemma2" | "gpt-oss") => 2,
        (_, "cohere2" | "exaone4" | "olmo2") => 4,
        (_, "gemma3n") => 5,
        (_, "gemma3") => 6,
        _ => return None,
    };
    Some(layers / every)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(architecture: &str, figures: &[(&str, &[u64])]) -> Footprint {
        let figure = |key: &str| {
            let found = figures.iter().find(|(name, _)| *name == key);
            found.map(|(_, numbers)| numbers.to_vec()).unwrap_or_default()
        };
        Footprint::of(architecture, figure, 100 << 20, 1000, CacheType::F16).unwrap()
    }

    #[test]
    fn windows_take_layers_heads_and_widths() {
        let small: &[(&str, &[u64])] = &[
            ("block_count", &[30]),
            ("embedding_length", &[576]),
            ("feed_forward_length", &[1536]),
            ("attention.head_count", &[9]),
            ("attention.head_count_kv", &[3]),
        ];
        let footprint = of("llama", small);
        assert_eq!(footprint.token, 30 * 3 * 128 * 2);
        // As llama.cpp reports it: 90 MiB for 4096 tokens.
        assert_eq!(footprint.of_slots(4096, 4) - 4 * footprint.slot, (4 * 90) << 20);
        assert_eq!(footprint.of_slots(1, 1), footprint.of_slots(256, 1), "windows are whole pieces");
        assert_eq!(footprint.bytes(u32::MAX, usize::MAX), u64::MAX, "no overflow");
        assert_eq!(Footprint::of("llama", |_| vec![], 1, 1, CacheType::F16), None);
    }

    #[test]
    fn heads_differ_between_layers_and_from_the_width() {
        let mixed: &[(&str, &[u64])] = &[
            ("block_count", &[3]),
            ("embedding_length", &[64]),
            ("attention.head_count", &[8]),
            ("attention.head_count_kv", &[2, 0, 4]),
            ("attention.key_length", &[16]),
            ("attention.value_length", &[32]),
            ("ssm.inner_size", &[100]),
            ("ssm.state_size", &[10]),
            ("ssm.conv_kernel", &[4]),
        ];
        let footprint = of("x", mixed);
        assert_eq!(footprint.token, 6 * 48 * 2);
        assert_eq!(footprint.slot, 1000 * CANDIDATE + (3 * 100 + 10 * 100) * 4, "one recurrent layer");
        let mut every_fourth = mixed.to_vec();
        every_fourth[0] = ("block_count", &[8]);
        every_fourth[3] = ("attention.head_count_kv", &[2]);
        every_fourth.push(("full_attention_interval", &[4]));
        assert_eq!(of("qwen3next", &every_fourth).token, 2 * 2 * 48 * 2);
        let mut compressed = mixed.to_vec();
        compressed.push(("attention.key_length_mla", &[8]));
        assert_eq!(of("deepseek2", &compressed).token, 6 * 16 * 2);
    }

    #[test]
    fn layers_with_a_short_window_keep_no_more() {
        let figures: &[(&str, &[u64])] = &[
            ("block_count", &[12]),
            ("embedding_length", &[64]),
            ("attention.head_count", &[1]),
            ("attention.sliding_window", &[1024]),
        ];
        let layer = 128 * 2;
        let footprint = of("gemma3", figures);
        assert_eq!((footprint.token, footprint.token_of_last), (2 * layer, 10 * layer));
        let cache = |window| footprint.of_slots(window, 1) - footprint.slot;
        assert_eq!(cache(8192), 8192 * 2 * layer + 1536 * 10 * layer);
        assert_eq!(cache(1024), 1024 * 12 * layer);
        assert_eq!(footprint.with_whole_past().token, 12 * layer);
        assert_eq!(footprint.with_whole_past().with_cache(CacheType::Q8_0).token, 12 * layer * 17 / 32);
        // Unknown patterns count as if nothing were short.
        assert_eq!(of("new", figures).token, 12 * layer);
        let mut listed = figures.to_vec();
        listed.push(("attention.sliding_window_pattern", &[1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0]));
        assert_eq!(of("new", &listed).token, 3 * layer);
    }

    #[test]
    fn of_experts_those_that_are_used_are_computed() {
        let buffers = |more: &[(&str, &'static [u64])]| {
            let mut figures: Vec<(&str, &[u64])> =
                vec![("block_count", &[12]), ("embedding_length", &[1024]), ("feed_forward_length", &[1000])];
            figures.extend_from_slice(more);
            of("x", &figures).buffers / (4 * BATCH)
        };
        assert_eq!(buffers(&[]), 5 * 1024 + 3 * 1000);
        // Some models tell the width of an expert apart, others, as Mixtral, have no other one.
        assert_eq!(buffers(&[("expert_used_count", &[2])]), 5 * 1024 + 3 * 2000);
        let apart: &[(&str, &'static [u64])] =
            &[("expert_used_count", &[2]), ("expert_feed_forward_length", &[300])];
        assert_eq!(buffers(apart), 5 * 1024 + 3 * 600);
    }

    #[test]
    fn caches_of_fewer_bits_are_smaller() {
        for (name, bytes) in [("f16", 64), ("", 64), (" q8_0", 34), ("q4_0", 18), ("unheard", 64)] {
            assert_eq!(CacheType::named(name).0, bytes, "{name}");
        }
    }
}
