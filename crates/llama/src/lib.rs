//! `llama_cpp`: llama.cpp in this process, no server.
//!
//! In: a GGUF file and how much of the machine it may take. Out: an [`Engine`] and any number of
//! [`LlamaCpp`] clients, which share its lanes. All clients of one engine decode in one batch.
//!
//! * [`inspect`]: the figures of a file's metadata, without loading it (`gguf`); [`memory`]: whether it fits. Both are
//!   pure Rust;
//! * `load`: model and context, or the reason why not (`logs` catches llama.cpp's log lines);
//! * `prompt`: messages become tokens; `sample`: logits become a token;
//! * `lanes`: which cached prefix serves a prompt (pure); `kept`: states that outlive their lane, and this process;
//! * `engine`: the thread that decodes; `requests`: what it knows of each request;
//! * `client`: the [`ChatClient`](minions_chat::ChatClient).
//!
//! Without the cargo feature `embedded` the same names exist, and [`Engine::load`] fails with how to build the engine.

use std::path::PathBuf;

use minions_chat::{ChatError, ChatErrorKind, Generation};
pub use minions_machine::footprint::CacheType;
use minions_machine::footprint::Footprint;

#[cfg(feature = "embedded")]
mod client;
#[cfg(feature = "embedded")]
mod engine;
mod gguf;
#[cfg(feature = "embedded")]
mod json_tail;
#[cfg(feature = "embedded")]
mod kept;
#[cfg(feature = "embedded")]
mod lanes;
#[cfg(feature = "embedded")]
mod load;
#[cfg(feature = "embedded")]
mod logs;
pub mod memory;
#[cfg(feature = "embedded")]
mod prompt;
#[cfg(feature = "embedded")]
mod requests;
#[cfg(feature = "embedded")]
mod sample;

#[cfg(feature = "embedded")]
pub use client::{Engine, LlamaCpp, check_built};
pub use gguf::inspect;

#[cfg(not(feature = "embedded"))]
mod absent;
#[cfg(not(feature = "embedded"))]
pub use absent::{Engine, LlamaCpp, check_built};

/// The figures of a GGUF file's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelInfo {
    /// The architecture's name, as in `general.architecture`.
    pub architecture: String,
    /// The context that the model was trained on, in tokens: the longest sensible window.
    pub trained_context: u32,
    /// The file's size in bytes. The weights are mapped from it and take as much memory.
    pub file_bytes: u64,
    /// The memory that it takes.
    pub footprint: Footprint,
    /// Tokens in the vocabulary.
    pub vocabulary: u32,
    /// Whether the file carries a chat template; without one `chat_format` must name one.
    pub has_chat_template: bool,
}

impl ModelInfo {
    /// The same with keys and values that are kept so.
    pub fn with_cache(self, cache: CacheType) -> Self {
        Self { footprint: self.footprint.with_cache(cache), ..self }
    }
}

/// How an engine is loaded.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// The GGUF file.
    pub model_path: PathBuf,
    /// The context window of each lane, in tokens; prompt and reply share it.
    pub n_ctx: u32,
    /// The number of replies that are generated at the same time, 1 to 256.
    pub lanes: usize,
    /// Layers to put on a GPU, if the build has a GPU backend; `None` is llama.cpp's default.
    pub n_gpu_layers: Option<u32>,
    /// A chat template by llama.cpp's name (`chatml`, `llama3`, ...) instead of the file's own.
    pub chat_format: Option<String>,
    /// Threads that compute; `None` takes one for each physical core that this process may use.
    pub threads: Option<u32>,
    /// How keys and values are kept: [`CacheType::F16`] or [`CacheType::Q8_0`].
    pub kv_type: CacheType,
    /// Where the states of parts of prompts are kept that other prompts begin with as well.
    pub keeping: Keeping,
}

/// Where an engine keeps what it has read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keeping {
    /// Bytes of memory; `None` is a quarter of what the model leaves.
    pub memory: Option<u64>,
    /// A folder, for later processes; `None` is none.
    pub folder: Option<KeptFolder>,
}

/// A folder for what was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFolder {
    /// Its path. It is made, for this user alone.
    pub path: PathBuf,
    /// The most bytes; `None` is 10 GiB, but no more than half of what the disk has left.
    pub limit: Option<u64>,
}

/// How a client samples.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sampling {
    /// `None` and 0 take the likeliest token. Above 0: top-k 40, top-p 0.95, min-p 0.05, then this temperature.
    pub temperature: Option<f64>,
    /// The longest reply in tokens; `None` is [`Sampling::MAX_TOKENS`]. Never more than the window leaves. JSON
    /// that would become longer is brought to a valid end shortly before; its finish is `Length` all the same.
    pub max_tokens: Option<u32>,
    /// Seed; `None` draws one per request. A seed repeats a reply exactly when nothing else shares the batch
    /// (other batch sizes round differently).
    pub seed: Option<u64>,
}

impl Sampling {
    /// The longest reply in tokens unless the job says otherwise. It also bounds a small model that loops.
    pub const MAX_TOKENS: u32 = 1024;

    /// The sampling of one of several replies to the same messages: with a seed of its own.
    #[cfg(feature = "embedded")]
    fn of(self, sample: u32) -> Self {
        Self { seed: self.seed.map(|seed| seed.wrapping_add(u64::from(sample))), ..self }
    }
}

impl From<Generation> for Sampling {
    /// Takes temperature, limit and seed; the window and thinking have nothing to do with sampling.
    fn from(generation: Generation) -> Self {
        let Generation { temperature, max_tokens, seed, .. } = generation;
        Self { temperature, max_tokens, seed }
    }
}

/// Counts of an engine's work since it was loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Requests in a lane.
    pub active: usize,
    /// Requests that wait for a lane.
    pub waiting: usize,
    /// Requests that were answered.
    pub finished: u64,
    /// Requests that were given up by their caller.
    pub cancelled: u64,
    /// Prompt tokens that were evaluated.
    pub evaluated_prompt_tokens: u64,
    /// Prompt tokens that a lane's cache served.
    pub cached_prompt_tokens: u64,
    /// Tokens that were generated.
    pub generated_tokens: u64,
}

/// The error of a failure of the model or the engine itself, which no retry helps.
fn failed(message: String, hint: &str) -> ChatError {
    ChatError::new(ChatErrorKind::Model, message).hint(hint)
}
