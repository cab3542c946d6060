//! The settings of a client: its server and its calls.

use std::collections::BTreeMap;
use std::time::Duration;

use minions_machine::footprint::CacheType;
use serde_json::Value;

use super::pace::PromptPace;
use super::secrets::Secret;
use super::{CALL_TIMEOUT, ChatRequest, LOADING_TIMEOUT, Revival};

/// Headers that carry credentials.
pub const CREDENTIAL_HEADERS: [&str; 4] = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];

/// Settings of a client, whatever its provider.
#[derive(Clone, Debug, PartialEq)]
pub struct ChatSettings {
    /// The model's name as the server knows it.
    pub model: String,
    /// The server's base URL, without a trailing slash.
    pub base_url: String,
    /// The credential, if the server wants one.
    pub api_key: Option<Secret>,
    /// Further headers of each call, by their names in lower case. They replace those that the provider's row has.
    pub headers: BTreeMap<String, Secret>,
    /// The longest silence of the server (until the first byte, then between two) before a try is given up.
    pub timeout: Duration,
    /// Whether `timeout` is the user's own, which is kept to the second. Else a server that is on this machine or the
    /// user's own may be silent for longer over a prompt, by the time that it takes to read it.
    pub is_timeout_set: bool,
    /// What the model has shown of the time that prompts take, shared by all of its clients.
    pub pace: PromptPace,
    /// The number of tries after the first failed one.
    pub retries: u32,
    /// How long refused connections are retried if the server is one that is restarted automatically; zero otherwise.
    pub outage: Duration,
    /// What restarts it if nobody else does.
    pub revival: Option<Revival>,
    /// How long a server that is still loading its model is waited for, whatever `retries` says; zero where another
    /// server or the caller does that.
    pub loading: Duration,
    /// How replies are generated.
    pub generation: Generation,
    /// The options that only one vendor has.
    pub vendor: VendorOptions,
}

/// How a model generates its replies: the options of a call that most servers have.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Generation {
    /// Sampling temperature; `None` leaves the server's default.
    pub temperature: Option<f64>,
    /// The longest reply, in tokens; `None` leaves the server's default.
    pub max_tokens: Option<u32>,
    /// Sampling seed.
    pub seed: Option<u64>,
    /// The context window in tokens, one value for all calls of a job, as Ollama loads the model anew for another one;
    /// `None` if it is not known.
    pub num_ctx: Option<u32>,
    /// How much a thinking model may think; `None` leaves it to us: not at all where that can be said.
    pub thinking: Option<Thinking>,
    /// Whether the temperature is the user's, so that nothing else may change it.
    pub has_fixed_temperature: bool,
    /// Whether replies may cost money whatever the address: a hosted vendor's API in a private network may be a gateway.
    pub is_paid: bool,
    /// Whether the call follows a reply that repeated itself, so that it asks for what breaks a loop.
    pub breaks_loops: bool,
}

/// How much a thinking model may think before it replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thinking {
    /// Not at all.
    Off,
    /// As much as the model does by itself.
    On,
    /// Little.
    Low,
    /// More.
    Medium,
    /// Much.
    High,
}

impl Thinking {
    /// The level by the name that all vendors have for it.
    pub fn level(self) -> Option<&'static str> {
        match self {
            Self::Off | Self::On => None,
            Self::Low => Some("low"),
            Self::Medium => Some("medium"),
            Self::High => Some("high"),
        }
    }
}

/// Options that only one vendor has.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum VendorOptions {
    /// No such options.
    #[default]
    None,
    /// Options of Ollama.
    Ollama {
        /// How long the model stays loaded: a number of seconds, or a text such as `"10m"`.
        keep_alive: Option<Value>,
    },
    /// Options of Azure.
    Azure {
        /// The deployment, which takes the model's place in requests.
        deployment: Option<String>,
        /// The version of the API, such as `2024-10-21`.
        api_version: Option<String>,
    },
    /// Options of the embedded engine.
    LlamaCpp {
        /// The number of layers on the GPU.
        n_gpu_layers: Option<u32>,
        /// The name of a chat template that replaces the model's own.
        chat_format: Option<String>,
        /// The number of threads that compute.
        n_threads: Option<u32>,
        /// How keys and values are kept.
        kv_type: CacheType,
    },
}

impl ChatSettings {
    /// Whether there is a credential: a key, or a header that carries one.
    pub fn has_credential(&self) -> bool {
        self.api_key.is_some() || self.headers.keys().any(|name| CREDENTIAL_HEADERS.contains(&name.as_str()))
    }

    /// Settings for `model` at `base_url`: no key, no retries, every option as the server has it.
    pub fn new(model: impl Into<String>, base_url: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            base_url: base_url.into(),
            api_key: None,
            headers: BTreeMap::new(),
            timeout: CALL_TIMEOUT,
            is_timeout_set: false,
            pace: PromptPace::default(),
            retries: 0,
            outage: Duration::ZERO,
            revival: None,
            loading: LOADING_TIMEOUT,
            generation: Generation::default(),
            vendor: VendorOptions::None,
        }
    }
}

impl Generation {
    /// Whether the model is asked to think.
    pub fn thinks(&self) -> bool {
        self.thinking.is_some_and(|thinking| thinking != Thinking::Off)
    }

    /// The seed for the reply number `sample`, if there is a seed: replies to the same messages have different seeds.
    pub(crate) fn seed_of(&self, request: &ChatRequest) -> Option<u64> {
        self.seed.map(|seed| seed.wrapping_add(u64::from(request.sample)))
    }
}

impl VendorOptions {
    /// Ollama: how long the model stays loaded.
    pub fn keep_alive(&self) -> Option<&Value> {
        if let Self::Ollama { keep_alive } = self { keep_alive.as_ref() } else { None }
    }

    /// Azure: the deployment.
    pub fn deployment(&self) -> Option<&str> {
        if let Self::Azure { deployment, .. } = self { deployment.as_deref() } else { None }
    }

    /// Azure: the version of the API.
    pub fn api_version(&self) -> Option<&str> {
        if let Self::Azure { api_version, .. } = self { api_version.as_deref() } else { None }
    }

    /// These options for another model than the deployed one.
    #[must_use]
    pub fn without_deployment(self) -> Self {
        match self {
            Self::Azure { api_version, .. } => Self::Azure { deployment: None, api_version },
            other => other,
        }
    }
}
