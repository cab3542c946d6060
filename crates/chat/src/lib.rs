//! One conversation turn with a model.
//!
//! In: messages and, if the reply must be JSON, its schema. Out: the text, how it ended, and its usage.
//! This room gets a URL (or a model file) and never knows how the server came to be there, nor which
//! protocol asks.

mod anthropic;
mod deltas;
mod dialect;
mod egress_gate;
mod embeddings;
mod endpoint;
mod error_body;
mod error_messages;
#[cfg(test)]
mod every_row;
mod frames;
pub mod http;
mod http_client;
mod observer;
mod ollama;
mod openai;
pub mod providers;
mod retry;
pub mod schema_limits;
pub mod secrets;
mod settings;
mod truncation;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use egress_gate::{CallOutcome, EgressGate, OutboundRequest};
pub use observer::CallObserver;
pub use retry::{Tries, with_retries};
pub use settings::{ChatSettings, Generation, VendorOptions};

use minions_documents::tokens::estimate;

/// The longest silence of a model server, unless the job says otherwise. A cold local model loads for minutes.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(300);

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions for the whole conversation.
    System,
    /// The side that asks.
    User,
    /// The model.
    Assistant,
}

/// One message of a conversation. Logs show it without its images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
    /// What is shown with it.
    #[serde(skip)]
    pub images: Vec<Arc<Image>>,
}

/// A picture for the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Image {
    /// The picture itself.
    Data {
        /// Such as `image/png`.
        media_type: &'static str,
        /// Its bytes.
        base64: String,
    },
    /// Where the server fetches it.
    Url(String),
}

impl Message {
    /// A message of `role`.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into(), images: Vec::new() }
    }

    /// Instructions.
    pub fn system(content: impl Into<String>) -> Self {
        Self::new(Role::System, content)
    }

    /// A question.
    pub fn user(content: impl Into<String>) -> Self {
        Self::new(Role::User, content)
    }

    /// A reply.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self::new(Role::Assistant, content)
    }
}

/// What the reply must look like.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Free text.
    #[default]
    Text,
    /// One JSON object of this schema, enforced where the server can.
    Schema {
        /// A short identifier, letters and underscores.
        name: &'static str,
        /// JSON Schema of an object; every property is listed in `required`, `additionalProperties` is false.
        schema: Value,
        /// Its texts may be limited in length, so that each gets its share of a reply. Not where it is the job's own.
        shares: bool,
    },
}

/// One turn.
#[derive(Clone, Default)]
pub struct ChatRequest {
    /// The conversation so far; the last message is the one to answer.
    pub messages: Vec<Message>,
    /// What the reply must look like.
    pub format: Format,
    /// Which of several replies to the same messages: shifts the seed, so that they differ.
    pub sample: u32,
    /// Who watches the reply as it comes; no part of what is asked, so recordings leave it out.
    pub observer: Option<Arc<dyn CallObserver>>,
}

impl ChatRequest {
    /// About how many tokens its messages are.
    pub fn estimated_tokens(&self) -> u64 {
        self.messages.iter().map(|message| estimate(&message.content)).sum()
    }

    /// How many words its messages have.
    fn words(&self) -> u64 {
        truncation::words(self.messages.iter().map(|message| &*message.content))
    }
}

/// How a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The model was done.
    Stop,
    /// The token limit cut it off.
    Length,
    /// The provider refused or filtered it.
    Filtered,
}

/// A model's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChatReply {
    /// The text, without any thinking part.
    pub text: String,
    /// How it ended.
    pub finish: Finish,
    /// Tokens of this call, with those of its failed tries where the server reported them.
    pub usage: Usage,
    /// The server refused a try, as it had too much to do.
    pub refused: bool,
    /// Texts of a constrained reply that were cut off where their share of it ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<String>,
}

/// Tokens that calls cost, in the field names of the envelope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens that the model wrote.
    pub completion_tokens: u64,
    /// Tokens that the model was given.
    pub prompt_tokens: u64,
    /// Both together.
    pub total_tokens: u64,
    /// Prompt tokens that the server reports as served from its cache.
    pub cached_prompt_tokens: u64,
    /// Prompt tokens that earlier calls had already sent, as far as the server tells: the cached ones.
    pub seen_prompt_tokens: u64,
    /// Prompt tokens less the seen ones.
    pub new_prompt_tokens: u64,
}

impl Usage {
    /// Usage of one call as the servers report it.
    pub fn of_call(prompt: u64, completion: u64, cached: u64) -> Self {
        let cached = cached.min(prompt);
        Self {
            completion_tokens: completion,
            prompt_tokens: prompt,
            total_tokens: prompt + completion,
            cached_prompt_tokens: cached,
            seen_prompt_tokens: cached,
            new_prompt_tokens: prompt - cached,
        }
    }
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.completion_tokens += other.completion_tokens;
        self.prompt_tokens += other.prompt_tokens;
        self.total_tokens += other.total_tokens;
        self.cached_prompt_tokens += other.cached_prompt_tokens;
        self.seen_prompt_tokens += other.seen_prompt_tokens;
        self.new_prompt_tokens += other.new_prompt_tokens;
    }
}

/// Why a turn failed. Messages name the endpoint and never carry a credential.
#[derive(Clone, Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ChatError {
    /// The kind, which decides on retries and on the hint.
    pub kind: ChatErrorKind,
    /// What failed, at which endpoint, with the server's own words.
    pub message: String,
    /// What to do about it, if that is known.
    pub hint: Option<String>,
    /// The wait that the server asked for (Retry-After).
    pub retry_after: Option<Duration>,
    /// Tokens that the failed tries cost, as far as the server reported them.
    pub usage: Usage,
}

/// Kinds of failed turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChatErrorKind {
    /// There is no connection.
    Unreachable,
    /// It was lost (also in the middle of a reply).
    Connection,
    /// The server was silent for longer than the timeout.
    Timeout,
    /// 401 or 403: the key is missing or wrong.
    Auth,
    /// 404: no such model or route.
    NotFound,
    /// 429.
    RateLimited,
    /// 503: it has too much to do.
    Busy,
    /// 5xx, or an error object within a 200 stream.
    Server,
    /// The prompt does not fit into the context window.
    ContextTooLong,
    /// Any other 4xx: the request is wrong.
    Rejected,
    /// The reply is none of what the dialect allows.
    Malformed,
    /// The reply is whole and holds no text.
    Empty,
    /// The model itself could not be loaded or run (embedded engine).
    Model,
    /// A [`EgressGate`] kept the request here.
    Withheld,
}

impl ChatErrorKind {
    /// Whether the same request may succeed later.
    pub fn is_transient(self) -> bool {
        self.is_refusal()
            || matches!(
                self,
                Self::Unreachable
                    | Self::Connection
                    | Self::Timeout
                    | Self::Server
                    | Self::Malformed
                    | Self::Empty
            )
    }

    /// Whether the server has more to do than it can.
    pub fn is_refusal(self) -> bool {
        matches!(self, Self::RateLimited | Self::Busy)
    }

    /// Whether it says more of the server than of the request: other requests would fare as badly there, and this one
    /// may fare better elsewhere.
    pub fn is_of_the_server(self) -> bool {
        use ChatErrorKind::{Auth, Connection, Model, NotFound, Server, Timeout, Unreachable};
        self.is_refusal()
            || matches!(self, Auth | Connection | Model | NotFound | Server | Timeout | Unreachable)
    }
}

/// A model that can be talked to. Calls may run at the same time; dropping the future cancels the call.
#[async_trait]
pub trait ChatClient: Send + Sync {
    /// The place for messages: `ollama at http://localhost:11434`.
    fn endpoint(&self) -> String;

    /// One turn, with the client's own retries.
    async fn chat(&self, request: &ChatRequest) -> Result<ChatReply, ChatError>;

    /// This client, with every body that it sends passing `gate` before it leaves. A decorator gates the client inside
    /// it; a client that sends nothing is returned as it is. There is no default, so that no client escapes the gate by
    /// an omission.
    fn gated(&self, gate: Arc<dyn EgressGate>) -> Arc<dyn ChatClient>;
}

/// A model that turns texts into vectors.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// The vectors of `texts`, in order, with the client's own retries.
    async fn embed(&self, texts: &[String]) -> Result<Embedded, ChatError>;

    /// This embedder, with every body that it sends passing `gate` before it leaves. See [`ChatClient::gated`].
    fn gated(&self, gate: Arc<dyn EgressGate>) -> Arc<dyn Embedder>;
}

/// Vectors and what they cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Embedded {
    /// One for each text.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens, with those of failed tries.
    pub usage: Usage,
}

/// A client for embeddings; fails like [`connect`], and where the provider has none.
pub fn connect_embedder(
    provider: &'static providers::Provider,
    settings: ChatSettings,
) -> Result<Arc<dyn Embedder>, ChatError> {
    let dialect = provider.dialect.filter(|dialect| dialect.embeddings_path().is_some());
    match dialect {
        Some(dialect) => Ok(Arc::new(http_client::HttpClient::new(provider, dialect, settings)?)),
        None => Err(ChatError {
            kind: ChatErrorKind::Rejected,
            message: format!("{} has no embeddings here", provider.name),
            hint: Some("Use \"bm25\", or a local client that has them, such as ollama.".into()),
            retry_after: None,
            usage: Usage::default(),
        }),
    }
}

/// A client of `provider`. Makes no call; fails on a missing key and an unusable URL. The embedded engine has
/// no URL and is made elsewhere.
pub fn connect(
    provider: &'static providers::Provider,
    settings: ChatSettings,
) -> Result<Arc<dyn ChatClient>, ChatError> {
    match provider.dialect {
        Some(dialect) => Ok(Arc::new(http_client::HttpClient::new(provider, dialect, settings)?)),
        None => Err(ChatError {
            kind: ChatErrorKind::Model,
            message: format!("{} runs in this process, not behind a URL", provider.name),
            hint: None,
            retry_after: None,
            usage: Usage::default(),
        }),
    }
}
