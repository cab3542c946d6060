//! One conversation turn with a model.
//!
//! In: messages and, if the reply must be JSON, its schema. Out: the reply's text, how the reply ended, and its usage.
//! This crate gets the URL of a server. It does not know how the server was started, nor which protocol asks.

mod anthropic;
pub mod base_url;
pub mod credentials;
#[cfg(test)]
mod damaged;
mod deltas;
mod dialect;
mod disguise;
mod egress_gate;
mod embeddings;
mod endpoint;
mod error;
mod error_body;
#[cfg(test)]
mod error_body_tests;
mod error_kinds;
mod error_messages;
#[cfg(test)]
mod every_row;
mod finish;
mod frames;
pub mod go_duration;
pub mod http;
pub mod http_body;
mod http_client;
mod keep_alive;
mod llama_server;
mod look;
mod loops;
mod mend;
mod observer;
mod ollama;
mod openai;
mod openai_choice;
mod pace;
pub mod pasted;
mod patience;
mod prompt_wait;
#[cfg(test)]
mod prompt_wait_tests;
pub mod providers;
mod proxy;
mod reader;
mod reading;
mod refusals;
pub mod repeats;
mod retry;
mod revival;
pub mod schema_limits;
pub mod secrets;
mod settings;
mod telling;
mod thinking;
#[cfg(test)]
mod thinking_tests;
mod token_limit;
mod truncation;
mod turns;
mod usage;
mod waits;
mod watched_try;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use egress_gate::{CallOutcome, EgressGate, OutboundRequest, OutboundText};
pub use error::{ChatError, ChatErrorKind};
pub use observer::{CallObserver, Reading};
pub use pace::{CallTimes, PromptPace};
pub use retry::{RetryPolicy, Tries, with_retries};
pub use revival::Revival;
pub use settings::{CREDENTIAL_HEADERS, ChatSettings, Generation, Thinking, VendorOptions};
pub use telling::telling;
pub use thinking::without_thoughts;
pub use usage::Usage;

use minions_documents::tokens::count;
use prompt_wait::Prompt;

/// The longest silence of a model server, unless the job says otherwise, beside the time for the prompt. A cold local
/// model loads for minutes.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(300);

/// How long a server that is still loading its model is waited for: large models take minutes to read.
pub const LOADING_TIMEOUT: Duration = Duration::from_secs(300);

/// The role of the party that speaks.
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
    /// The role of the party that speaks.
    pub role: Role,
    /// The text.
    pub content: String,
    /// The images that are shown with the text.
    #[serde(skip)]
    pub images: Vec<Arc<Image>>,
    /// The bytes of `content` that are the job's own words: its prompts, task and metadata, and what the supervisor
    /// wrote. All others, and the images, may hold something of the documents. In ascending order.
    #[serde(skip)]
    pub own: Vec<Range<usize>>,
    /// The bytes at the head of `content` that other requests begin with as well, after the same messages, such as a
    /// chunk that is asked about more than once. It is no part of the question, so recordings leave it out.
    #[serde(skip)]
    pub shared: usize,
}

/// A picture for the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Image {
    /// The picture itself.
    Data {
        /// The media type, such as `image/png`.
        media_type: &'static str,
        /// The picture's bytes in base64.
        base64: String,
    },
    /// The URL from which the server fetches the picture.
    Url(String),
}

impl Message {
    /// A message of `role`.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into(), images: Vec::new(), own: Vec::new(), shared: 0 }
    }

    /// A system message: instructions.
    pub fn system(content: impl Into<String>) -> Self {
        Self::new(Role::System, content)
    }

    /// A user message: a question.
    pub fn user(content: impl Into<String>) -> Self {
        Self::new(Role::User, content)
    }

    /// An assistant message: a reply.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self::new(Role::Assistant, content)
    }

    /// The message with the whole text as the job's own words.
    pub fn own(self) -> Self {
        let whole = 0..self.content.len();
        self.owning(vec![whole])
    }

    /// The message with so many bytes that other requests begin with as well.
    pub fn sharing(self, shared: usize) -> Self {
        Self { shared, ..self }
    }

    /// The message with these bytes of the text as the job's own words.
    pub fn owning(self, own: Vec<Range<usize>>) -> Self {
        Self { own, ..self }
    }
}

/// The format that a reply must have.
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
        /// Whether the texts of the reply may be limited in length, so that each gets its share of the reply. `false`
        /// for a schema that the job brings.
        shares: bool,
    },
}

/// One turn.
#[derive(Clone, Default)]
pub struct ChatRequest {
    /// The conversation so far; the last message is the one to answer.
    pub messages: Vec<Message>,
    /// The format that the reply must have.
    pub format: Format,
    /// The number of this reply among several to the same messages. It shifts the seed, so that the replies differ.
    pub sample: u32,
    /// Watches the reply while it comes. It is no part of the question, so recordings leave it out.
    pub observer: Option<Arc<dyn CallObserver>>,
    /// Whether the messages are to be read and no more. The reply has one token then, and may be without text.
    pub only_reads: bool,
}

impl ChatRequest {
    /// The tokens of the messages, as a dry run counts them.
    pub fn estimated_tokens(&self) -> u64 {
        count(self.messages.iter().map(|message| &*message.content)).tokens
    }

    /// The messages for a model that only reads them.
    pub fn to_read(messages: Vec<Message>) -> Self {
        Self { messages, only_reads: true, ..Self::default() }
    }

    /// The shortest question: whether it is read tells of all calls.
    pub fn ping() -> Self {
        Self::to_read(vec![Message::user("Hello").own()])
    }

    /// What a server has to read of the messages.
    fn prompt(&self) -> Prompt {
        let likely = self.estimated_tokens();
        Prompt { likely, most: likely + likely / 4 }
    }

    /// The fewest tokens that the messages can have, whatever the tokenizer.
    fn least_tokens(&self) -> u64 {
        truncation::least(self.messages.iter().map(|message| &*message.content))
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
    /// The model began to repeat itself; the reply ends where that began.
    Looped,
}

impl Finish {
    /// Whether the reply was cut off before the model was done.
    pub fn is_cut(self) -> bool {
        self != Self::Stop
    }
}

/// A model's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChatReply {
    /// The text, without any thinking part.
    pub text: String,
    /// How the reply ended.
    pub finish: Finish,
    /// Tokens of this call, with those of its failed tries where the server reported them.
    pub usage: Usage,
    /// Whether the server refused a try because it had too much to do.
    pub refused: bool,
    /// The texts of a constrained reply that were cut off at the end of their share of the reply.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<String>,
    /// The tokens that the reply could have gone on for, where the client ended it as the model repeated itself.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub spared: u64,
    /// How long the call took, if its server told. No recording has it.
    #[serde(skip)]
    pub times: Option<CallTimes>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What a server tells of the model before the first call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Tokens of prompt and reply that the model takes, if the server tells.
    pub window: Option<u32>,
    /// Whether the server is in a foreign network and speaks against the model or the credential, in a way that a call
    /// may refute. Such a call leaves this machine, so the caller makes it.
    pub is_in_doubt: bool,
}

/// A model that can be talked to. Calls may run at the same time; dropping the future cancels the call.
#[async_trait]
pub trait ChatClient: Send + Sync {
    /// The name of the model server in messages, such as `ollama at http://localhost:11434`.
    fn endpoint(&self) -> String;

    /// Takes one turn, with the client's own retries.
    ///
    /// # Errors
    /// Any [`ChatErrorKind`]; the error has the usage of all tries.
    async fn chat(&self, request: &ChatRequest) -> Result<ChatReply, ChatError>;

    /// Looks at the server before the first call that costs, with the client's own retries. A client without a server
    /// has nothing to look at. Costs no tokens of a hosted vendor; a server of a private network whose list lacks the
    /// model is asked for one token, as many serve any name.
    ///
    /// # Errors
    /// The server is down, refuses the credential, or does not have the model.
    async fn look(&self) -> Result<Seen, ChatError> {
        Ok(Seen::default())
    }

    /// This client, with every body that it sends passing `gate` before it leaves. A decorator gates the client inside
    /// it; a client that sends nothing is returned as it is. There is no default, so that no client escapes the gate by
    /// an omission.
    fn gated(&self, gate: Arc<dyn EgressGate>) -> Arc<dyn ChatClient>;
}

/// A model that turns texts into vectors.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// The vectors of `texts`, one for each in order, with the client's own retries.
    ///
    /// # Errors
    /// Any [`ChatErrorKind`]; the error has the usage of all tries.
    async fn embed(&self, texts: &[String]) -> Result<Embedded, ChatError>;

    /// Looks whether the server has the model, as far as that costs nothing.
    ///
    /// # Errors
    /// The server says that it has not.
    async fn look(&self) -> Result<(), ChatError> {
        Ok(())
    }

    /// This embedder, with every body that it sends passing `gate` before it leaves. See [`ChatClient::gated`].
    fn gated(&self, gate: Arc<dyn EgressGate>) -> Arc<dyn Embedder>;
}

/// The vectors of texts and their cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Embedded {
    /// One for each text.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens of the calls, with those of failed tries.
    pub usage: Usage,
}

/// What the body of a failed answer says, in whichever shape, uncut; empty if it says nothing.
pub fn error_words(body: &[u8]) -> String {
    error_body::of_status(500, body).text
}

/// A client of `provider` for embeddings. Makes no call.
///
/// # Errors
/// Those of [`connect`]; [`ChatErrorKind::Rejected`] if the provider has no embeddings.
pub fn connect_embedder(
    provider: &'static providers::Provider,
    settings: ChatSettings,
) -> Result<Arc<dyn Embedder>, ChatError> {
    let dialect = provider.dialect.filter(|dialect| dialect.embeddings_path().is_some());
    match dialect {
        Some(dialect) => Ok(Arc::new(http_client::HttpClient::new(provider, dialect, settings)?)),
        None => {
            let message = format!("{} has no embeddings here", provider.name);
            let error = ChatError::new(ChatErrorKind::Rejected, message);
            Err(error.hint("Use \"bm25\", or a local client that has them, such as ollama."))
        }
    }
}

/// A client of `provider`. Makes no call.
///
/// # Errors
/// [`ChatErrorKind::Auth`] for a missing or unusable key, [`ChatErrorKind::Rejected`] for an unusable URL or a missing
/// model, and [`ChatErrorKind::Model`] for the embedded engine, which has no URL.
pub fn connect(
    provider: &'static providers::Provider,
    settings: ChatSettings,
) -> Result<Arc<dyn ChatClient>, ChatError> {
    match provider.dialect {
        Some(dialect) => Ok(Arc::new(http_client::HttpClient::new(provider, dialect, settings)?)),
        None => {
            let message = format!("{} runs in this process, not behind a URL", provider.name);
            Err(ChatError::new(ChatErrorKind::Model, message))
        }
    }
}
