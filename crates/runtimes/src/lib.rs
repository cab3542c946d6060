//! From the address of a local model server to an endpoint that has the model.
//!
//! In: where the server is, which model is needed and how long its prompts get. Out: an [`Endpoint`], or a
//! [`RuntimeError`] with what to do next. This crate knows no job, no protocol and no chat client. It reads
//! no environment (addresses come as values), writes nothing to stderr (see [`PullProgress`]), and talks only to this
//! machine or to a server that the user named.
//! Facts about the servers: the documentation and sources of Ollama 0.30 and later, and of
//! docker/model-runner of July 2026.

mod api;
pub mod described;
pub mod docker_model_runner;
mod error;
mod fetch;
pub mod ollama;
pub mod probe;
mod process;
mod progress;
mod sizing;
pub mod survey;
pub mod window;
mod words;

use std::time::Duration;

use async_trait::async_trait;
use minions_chat::Revival;
use serde_json::Value;

pub use docker_model_runner::DockerModelRunner;
pub use error::{RuntimeError, RuntimeErrorKind};
pub use ollama::Ollama;
pub use progress::PullProgress;

/// What one job needs of a model server.
#[derive(Clone, Debug, Default)]
pub struct Need {
    /// The model's name as the job gives it.
    pub model: String,
    /// What the job uses the model for.
    pub model_use: ModelUse,
    /// The context window that the job asks for (`num_ctx`), in tokens; it wins over every other number.
    pub window: Option<u32>,
    /// The longest prompt and its reply together, in tokens, estimated with room to spare.
    pub tokens: u32,
    /// A lower bound for the longest prompt, in tokens: a model with a shorter window cannot do the job.
    pub at_least: u32,
    /// Requests that will run at the same time, for servers that can be told.
    pub slots: Option<usize>,
    /// Whether the user gave that number.
    pub has_set_slots: bool,
    /// Whether a missing model may be fetched.
    pub pull: bool,
    /// How long the model stays loaded, in Ollama's notation: seconds as a number, or `"10m"`.
    pub keep_alive: Option<Value>,
}

/// What a job uses a model for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ModelUse {
    /// Conversation turns.
    #[default]
    Chat,
    /// Texts to vectors.
    Embed,
}

/// A server that answers and has the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Without a trailing slash; each chat dialect adds its own path.
    pub base_url: String,
    /// The model's name as this server spells it.
    pub model: String,
    /// Tokens of prompt and reply that one request may have. Every call of the job must ask for just this
    /// window: another one makes the server load the model anew.
    pub context_window: Option<u32>,
    /// Whether the model has that window for certain. Else its server may have it at the shorter one that the model was
    /// trained for, which it does not tell.
    pub is_window_certain: bool,
    /// Requests that the server works on at the same time, if it reports that.
    pub slots: Option<usize>,
    /// Whether the server forwards prompts to another host, even if it runs here.
    pub forwards: bool,
    /// What brings the server back when it ends, if a watchdog of minions runs it.
    pub revival: Option<Revival>,
}

/// A local model server.
#[async_trait]
pub trait Runtime: Send + Sync {
    /// Returns once the server answers.
    async fn ensure_ready(&self) -> Result<(), RuntimeError>;

    /// Finds the model, or fetches it, and chooses the one context window of this job. Nothing is loaded.
    async fn ensure_model(&self, need: &Need) -> Result<Endpoint, RuntimeError>;

    /// Loads the model with the options of the calls to come, so that the first of them starts at once. This
    /// can take minutes, and can run beside the supervisor's first call.
    async fn warm_up(&self, need: &Need, endpoint: &Endpoint) -> Result<(), RuntimeError>;

    /// Has the model run with fewer slots, after its runner was killed for want of memory. It is done once: later calls
    /// find it done.
    ///
    /// # Errors
    /// [`RuntimeErrorKind::OutOfMemory`]: there are no fewer, or they are not ours to change.
    async fn shrink(&self, endpoint: &Endpoint) -> Result<(), RuntimeError>;

    /// What the model takes of the memory and what there is, in words, if both are known.
    async fn memory(&self, endpoint: &Endpoint) -> Option<String>;
}

/// How long a server may take, and how often a fetch is resumed.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// The longest wait for an answer that needs no model.
    pub answer: Duration,
    /// The longest time without a new byte of a model that is being fetched.
    pub stall: Duration,
    /// The longest time without a report while the server checks and stores what it fetched.
    pub store: Duration,
    /// How often in a row a fetch that stalled or was cut is resumed.
    pub resumes: u32,
    /// The pause before a fetch is resumed.
    pub pause: Duration,
    /// The longest time for loading a model.
    pub load: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(30),
            stall: Duration::from_secs(60),
            store: Duration::from_secs(600),
            resumes: 3,
            pause: Duration::from_secs(2),
            load: Duration::from_secs(900),
        }
    }
}
