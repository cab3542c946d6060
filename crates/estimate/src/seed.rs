//! The models that the original's estimator knows by name, with their parameters.

/// The bits a weight that its published files have, by the original's own clients.
const MODELS: [(&str, u64, u64); 6] = [
    ("llama3.2", 3_212_749_888, 4),
    ("llama3.2:3b", 3_212_749_888, 4),
    ("llama3.2:1b", 1_235_814_432, 8),
    ("llama3.1:8b", 8_030_261_312, 4),
    ("mistral7b", 7_248_023_552, 4),
    ("kyutai/helium-1-2b", 2_023_866_368, 16),
];

/// The parameters of the model `name`, and the bits a weight of its usual file.
pub fn model(name: &str) -> Option<(u64, u64)> {
    MODELS
        .iter()
        .find(|(known, ..)| known.eq_ignore_ascii_case(name))
        .map(|(_, parameters, bits)| (*parameters, *bits))
}

/// All names.
pub fn names() -> impl Iterator<Item = &'static str> {
    MODELS.iter().map(|(name, ..)| *name)
}
