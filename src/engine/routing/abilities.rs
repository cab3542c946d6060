//! What a model is known to manage: its size, by its name or its file, and how much it reads reliably at once.
//!
//! The limits are a judgement and not a measurement: models read more than this without an error, and miss more in it.

use crate::engine::side_config::SideConfig;
use crate::llama;

/// From so many billions of parameters on a model is trusted with so many tokens at once, smallest first.
const READS: &[(f64, u64)] =
    &[(0.0, 1_000), (0.9, 4_000), (2.5, 8_000), (6.5, 16_000), (13.0, 32_000), (27.0, 64_000)];
/// The same of a model whose size nobody knows.
const UNKNOWN_READS: u64 = 8_000;
/// The same of a vendor's model.
const HOSTED_READS: u64 = 64_000;
/// From so many billions of parameters on a model is trusted to find a fact in a short text and quote it.
pub(super) const QUOTES_FACTS: f64 = 0.9;
/// From so many billions of parameters on a model is trusted to answer alone.
pub(super) const ANSWERS_ALONE: f64 = 27.0;
/// Of the tokens that it reads reliably, the part about which it is trusted to answer alone.
const ALONE_PART: u64 = 2;
/// The most documents that a chat about all of them at once is for.
pub(super) const DOCUMENTS_AT_ONCE: usize = 4;
/// Bytes of a parameter, at most: a file of so many bytes has at least so many parameters.
const BYTES_OF_PARAMETER: f64 = 2.0;

/// Names without a size, as Ollama's library has them: the size of what such a name alone fetches, in billions.
const USUAL_SIZES: &[(&str, f64)] = &[
    ("llama3.2", 3.0),
    ("llama3.1", 8.0),
    ("llama3", 8.0),
    ("mistral", 7.0),
    ("qwen2.5", 7.0),
    ("qwen3", 8.0),
    ("gemma3", 4.0),
    ("phi4", 14.0),
    ("gpt-oss", 20.0),
];

/// What a model manages.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Abilities {
    /// Billions of parameters.
    pub billions: Option<f64>,
    /// Whether a vendor runs it.
    pub is_hosted: bool,
}

impl Abilities {
    /// Of the model of `side`.
    pub(super) fn of(side: &SideConfig<'_>) -> Self {
        let SideConfig { spec, model, base_urls, .. } = side;
        let file =
            spec.model_path.as_deref().map(|path| path.file_name().unwrap_or_default().to_string_lossy());
        let named = billions(file.as_deref().unwrap_or(model));
        let of_file = || {
            let info = llama::inspect(spec.model_path.as_deref()?).ok()?;
            Some(info.file_bytes as f64 / BYTES_OF_PARAMETER / 1e9)
        };
        let is_hosted = !spec.provider.local && base_urls.iter().all(|url| spec.provider.is_vendor(url));
        Self { billions: named.or_else(of_file), is_hosted }
    }

    /// Tokens that it reads reliably at once.
    pub(super) fn reads(self) -> u64 {
        match self.billions {
            Some(billions) => {
                let row = READS.iter().rev().find(|(from, _)| billions >= *from);
                row.map_or(UNKNOWN_READS, |(_, tokens)| *tokens)
            }
            None if self.is_hosted => HOSTED_READS,
            None => UNKNOWN_READS,
        }
    }

    /// Tokens of documents about which it is trusted to answer alone.
    pub(super) fn answers_alone(self) -> Option<u64> {
        let is_strong = self.billions.map_or(self.is_hosted, |billions| billions >= ANSWERS_ALONE);
        is_strong.then(|| self.reads() / ALONE_PART)
    }

    /// In words, after "a worker".
    pub(super) fn words(self) -> String {
        match self.billions {
            Some(billions) => {
                format!("of {billions:.1} billion parameters").replace(".0 billion", " billion")
            }
            None if self.is_hosted => "of a vendor".to_owned(),
            None => "of unknown size".to_owned(),
        }
    }
}

/// The billions of parameters that the name of a model tells: `3b`, `135M`, `8x7b`, `e4b`.
fn billions(name: &str) -> Option<f64> {
    let name = name.to_lowercase();
    let name = name.rsplit('/').next().unwrap_or(&name);
    let told = name.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').filter_map(size);
    // A model of experts names those that are at work as well: the larger number is its size.
    let largest = told.reduce(f64::max);
    largest.or_else(|| {
        let bare = name.trim_end_matches(":latest");
        USUAL_SIZES.iter().find(|(usual, _)| *usual == bare).map(|(_, billions)| *billions)
    })
}

fn size(word: &str) -> Option<f64> {
    let (number, unit) = match (word.strip_suffix('b'), word.strip_suffix('m')) {
        (Some(number), _) => (number, 1.0),
        (_, Some(number)) => (number, 0.001),
        _ => return None,
    };
    let plain = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_digit()).then(|| text.parse::<f64>().ok()).flatten()
    };
    let billions = match number.split_once('x') {
        Some((experts, each)) => plain(experts)? * plain(each)?,
        None => plain(number.strip_prefix('e').unwrap_or(number))?,
    };
    Some(billions * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_size() {
        for (name, expected) in [
            ("llama3.2:3b", Some(3.0)),
            ("ai/llama3.2:3B-Q4_0", Some(3.0)),
            ("SmolLM2-135M-Instruct.Q4_1.gguf", Some(0.135)),
            ("qwen2.5-coder:1.5b-instruct-q8_0", Some(1.5)),
            ("Qwen/Qwen3-30B-A3B", Some(30.0)),
            ("mixtral:8x7b", Some(56.0)),
            ("gemma3n:e4b", Some(4.0)),
            ("hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF", Some(1.0)),
            ("openai/gpt-oss-120b", Some(120.0)),
            ("llama3.2", Some(3.0)),
            ("llama3.2:latest", Some(3.0)),
            ("gpt-4o", None),
            ("worker", None),
            ("bge-m3", None),
        ] {
            assert_eq!(billions(name), expected, "{name}");
        }
    }

    #[test]
    fn larger_models_are_trusted_with_more() {
        let of = |billions, is_hosted| Abilities { billions, is_hosted };
        let reads = [Some(0.135), Some(1.0), Some(3.0), Some(8.0), Some(14.0), Some(70.0), None];
        assert_eq!(
            reads.map(|billions| of(billions, false).reads()),
            [1000, 4000, 8000, 16_000, 32_000, 64_000, 8000]
        );
        assert_eq!(of(Some(8.0), false).answers_alone(), None);
        assert_eq!(of(Some(32.0), false).answers_alone(), Some(32_000));
        assert_eq!(of(None, true).answers_alone(), Some(32_000));
        assert_eq!(of(Some(3.0), false).words(), "of 3 billion parameters");
        assert_eq!(of(Some(1.5), false).words(), "of 1.5 billion parameters");
    }
}
