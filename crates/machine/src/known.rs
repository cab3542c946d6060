//! Models whose figures are known before they are on a machine.

use super::footprint::{CacheType, Footprint};

/// A model of Ollama's library whose figures are known before it is there: those of its configuration.
pub struct Known {
    /// Its name there.
    pub name: &'static str,
    /// Bytes of its weights.
    pub weights: u64,
    /// All parameters.
    pub parameters: u64,
    /// Layers.
    pub layers: u64,
    /// The width of a token.
    pub embedding: u64,
    /// Tokens of its vocabulary.
    pub vocabulary: u64,
    feed_forward: u64,
    heads: u64,
    key_heads: u64,
}

/// The usual model, and smaller ones.
pub const KNOWN: [Known; 3] = [
    Known {
        name: "llama3.2:3b",
        weights: 2_019_377_376,
        parameters: 3_212_749_888,
        layers: 28,
        embedding: 3072,
        feed_forward: 8192,
        heads: 24,
        key_heads: 8,
        vocabulary: 128_256,
    },
    Known {
        name: "llama3.2:1b",
        weights: 1_321_082_688,
        parameters: 1_235_814_432,
        layers: 16,
        embedding: 2048,
        feed_forward: 8192,
        heads: 32,
        key_heads: 8,
        vocabulary: 128_256,
    },
    Known {
        name: "smollm2:135m",
        weights: 270_898_016,
        parameters: 134_515_008,
        layers: 30,
        embedding: 576,
        feed_forward: 1536,
        heads: 9,
        key_heads: 3,
        vocabulary: 49_152,
    },
];

impl Known {
    /// The memory that it takes.
    pub fn footprint(&self) -> Option<Footprint> {
        let figure = |key: &str| match key {
            "block_count" => vec![self.layers],
            "embedding_length" => vec![self.embedding],
            "feed_forward_length" => vec![self.feed_forward],
            "attention.head_count" => vec![self.heads],
            "attention.head_count_kv" => vec![self.key_heads],
            "attention.key_length" | "attention.value_length" => vec![self.embedding / self.heads],
            _ => Vec::new(),
        };
        Footprint::of("llama", figure, self.weights, self.vocabulary, CacheType::F16)
    }
}
