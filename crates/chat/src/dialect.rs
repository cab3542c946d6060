//! The common shape of the vendors' APIs, as the HTTP client uses them.
//!
//! A dialect is pure: it turns a request into a JSON body and takes the server's events into a reply.
//! A dialect does not know the network, retries or credentials.

use std::time::Duration;

use serde_json::{Value, json};

use super::finish::Ending;
use super::pace::{CallTimes, PromptProgress, PromptTime};
use super::{ChatRequest, ChatSettings, Format, Generation, Usage};

/// One vendor's API.
pub trait Dialect: Send + Sync {
    /// The dialect's name in listings.
    fn name(&self) -> &'static str;

    /// The route below the API's root, with its slash.
    fn path(&self) -> &'static str;

    /// Headers besides the credential and the content type.
    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// The body of a call, streamed if `abilities` say so. `format` replaces the request's format; it may have limits that the request's
    /// lacks.
    fn body(
        &self,
        settings: &ChatSettings,
        request: &ChatRequest,
        format: &Format,
        abilities: Abilities,
    ) -> Value;

    /// Whether the servers of this dialect fetch pictures by URL.
    fn fetches_images(&self) -> bool {
        true
    }

    /// The route of embeddings below the API's root, if the dialect has one.
    fn embeddings_path(&self) -> Option<&'static str> {
        None
    }

    /// The body of a call for the embeddings of `texts`.
    fn embeddings_body(&self, settings: &ChatSettings, texts: &[String]) -> Value {
        json!({"model": settings.model, "input": texts})
    }

    /// The vectors in a reply of the route of embeddings, in the order of the texts, and the prompt's tokens. `None` if
    /// it is no such reply.
    fn take_embeddings(&self, _reply: &Value) -> Option<(Vec<Vec<f32>>, u64)> {
        None
    }

    /// Adds one event of a server, or a whole reply, to `reply`. The caller handles error objects itself.
    fn take(&self, event: &Value, reply: &mut Partial) -> Taken;

    /// Whether a reply is one of several choices, and a mark ends the stream.
    fn has_choices(&self) -> bool {
        false
    }

    /// Whether a guard of the server ends the reply of a model that repeats itself, and gives no reason.
    fn has_silent_guard(&self) -> bool {
        false
    }

    /// How the server cut the prompt of a complete reply without saying so, if it did.
    fn cut_prompt(
        &self,
        _settings: &ChatSettings,
        _request: &ChatRequest,
        _reply: &Partial,
    ) -> Option<String> {
        None
    }
}

/// What an event of a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// A part of the reply.
    Part,
    /// No part of it: it keeps the connection alive.
    Nothing,
    /// Not of this dialect, or damaged.
    Foreign,
}

/// A reply as far as it has come in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Partial {
    /// Text, perhaps still with thoughts in it.
    pub text: String,
    /// Thoughts that the server sends apart.
    pub reasoning: String,
    /// The words with which the model refuses.
    pub refusal: String,
    /// Whether the model asks for a tool.
    pub calls_tool: bool,
    /// OpenAI: the number of the choice that is read.
    pub choice: Option<u64>,
    /// Why the reply ended, once the server says so.
    pub ending: Option<Ending>,
    /// Tokens so far.
    pub usage: Usage,
    /// Whether the server has sent the end of the reply.
    pub complete: bool,
    /// Whether the mark of the stream's end has come.
    pub stopped: bool,
    /// How far the server is with the prompt, if it tells.
    pub progress: Option<PromptProgress>,
    /// How long the prompt took, if the server tells.
    pub prompt_time: Option<PromptTime>,
    /// How many tokens were written, and how long that took, if the server tells.
    pub written: Option<(u64, Duration)>,
    /// Whether the server says that it is an Ollama.
    pub is_ollama: bool,
    /// Whether text has followed an end, so that only the end of the stream is one.
    pub went_on: bool,
}

impl Partial {
    /// How long the call took, if the server told both parts of it.
    pub(crate) fn times(&self) -> Option<CallTimes> {
        let PromptTime { tokens, took, may_count_cached } = self.prompt_time?;
        // What the cache had took its time when it was read first, which no server tells.
        let saved = Duration::ZERO;
        Some(CallTimes { read: (tokens, took), may_count_cached, written: self.written?, saved })
    }

    /// Whether anything of the model has come.
    pub(crate) fn has_begun(&self) -> bool {
        let texts = [&self.text, &self.reasoning, &self.refusal];
        self.calls_tool || self.ending.is_some() || texts.iter().any(|text| !text.is_empty())
    }

    /// Adds text. `false` if `text` is neither text nor nothing.
    pub(crate) fn push_text(&mut self, text: &Value) -> bool {
        match text {
            Value::Null => true,
            Value::String(piece) => {
                self.went_on |= self.complete && !piece.is_empty();
                self.complete &= !self.went_on;
                self.text.push_str(piece);
                true
            }
            _ => false,
        }
    }

    /// Takes the server's reason for the end of the reply, whose end that is.
    pub(crate) fn end(&mut self, reason: &Value) {
        if let Some(ending) = Ending::of(reason) {
            self.ending = Some(ending.after(self.ending.take()));
            self.complete = !self.went_on;
        }
    }
}

/// How the reply can be forced to be JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonMode {
    /// A schema forces it.
    Schema,
    /// A JSON mode without schema forces it to be an object.
    Object,
    /// Nothing forces it: the prompt alone asks for JSON.
    Prompt,
}

/// The form in which a server takes how much the model may think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThinkingForm {
    /// The dialect's usual one: a level (Ollama, OpenAI) or a budget of tokens (Anthropic).
    Usual,
    /// The dialect's other one: a flag (Ollama), or thinking that adapts itself with a level of effort (Anthropic).
    Other,
    /// None.
    Absent,
}

/// How a server is asked to keep the beginning of a prompt in its cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// It is not asked: it caches by itself, or has no cache.
    Itself,
    /// Prompts that begin alike have the same `prompt_cache_key`.
    Key,
    /// For models of Anthropic: `cache_control` marks the end of the part that is to be cached.
    Marks,
}

/// The parameters that a server takes: those of the provider's row, without those that the server has refused by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// How JSON is asked for, in `response_format` or `format`.
    pub json: JsonMode,
    /// Whether it takes `stream_options`, which gives usage at the end of a stream.
    pub stream_options: bool,
    /// Whether it takes `temperature`.
    pub temperature: bool,
    /// The name of the seed, if the server takes one.
    pub seed: Option<&'static str>,
    /// Whether the limit of the reply is called `max_completion_tokens`, not `max_tokens`.
    pub max_completion_tokens: bool,
    /// The highest limit of a reply that it takes, in tokens, where it has refused a higher one.
    pub most_tokens: Option<u32>,
    /// Whether it streams replies.
    pub stream: bool,
    /// Whether its model knows instructions; otherwise these go to the front of the first user message.
    pub system: bool,
    /// The form in which it takes how much the model may think.
    pub thinking: ThinkingForm,
    /// Whether it takes `chat_template_kwargs.enable_thinking` of llama.cpp's server, which turns thinking off.
    pub template_thinking: bool,
    /// How the server is asked to cache.
    pub caching: Caching,
    /// Whether it takes `return_progress` of llama.cpp's server, with which a stream tells how far the prompt is read.
    pub progress: bool,
    /// The name of the penalty for tokens that come again, if it takes one.
    pub penalty: Option<&'static str>,
}

impl Abilities {
    /// The parameters that most servers take.
    pub const USUAL: Self = Self {
        json: JsonMode::Schema,
        stream_options: true,
        temperature: true,
        seed: Some("seed"),
        max_completion_tokens: false,
        most_tokens: None,
        stream: true,
        system: true,
        thinking: ThinkingForm::Usual,
        template_thinking: false,
        caching: Caching::Itself,
        progress: false,
        penalty: Some("frequency_penalty"),
    };

    /// The penalty for tokens that come again, by its name, if `generation` asks for what breaks a loop. The names differ
    /// in their scales: 1 is no repetition penalty, 0 no frequency penalty.
    pub(crate) fn penalty(self, generation: Generation) -> Option<(&'static str, f64)> {
        let name = self.penalty.filter(|_| generation.breaks_loops)?;
        Some((name, if name == "frequency_penalty" { 0.5 } else { 1.2 }))
    }
}

/// The vector that a JSON array of numbers holds.
pub(crate) fn vector(value: &Value) -> Option<Vec<f32>> {
    value.as_array()?.iter().map(|number| number.as_f64().map(|number| number as f32)).collect()
}

/// The reply that a dialect reads from a server's bytes, for the tests of the dialects.
#[cfg(test)]
pub(crate) fn read(dialect: &dyn Dialect, bytes: &str) -> Partial {
    let mut reader = super::reader::Reader::new(dialect);
    reader.push(bytes.as_bytes()).unwrap();
    // Whether the reply is complete is for the test to say.
    let _ = reader.finish();
    reader.reply
}

/// The body of a request with the request's own format.
#[cfg(test)]
pub(crate) fn body_of(
    dialect: &dyn Dialect,
    settings: &ChatSettings,
    request: &ChatRequest,
    abilities: Abilities,
) -> Value {
    dialect.body(settings, request, &request.format, abilities)
}
