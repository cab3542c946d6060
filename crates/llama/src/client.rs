//! The handles of the engine: an [`Engine`] is loaded and shared, a [`LlamaCpp`] is a client of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use async_trait::async_trait;
use llama_cpp_2::model::LlamaModel;
use serde_json::Value;
use tokio::sync::{oneshot, watch};
use tokio::task::spawn_blocking;

use super::engine::Worker;
use super::json_tail::Closing;
use super::kept::Kept;
use super::logs::Tap;
use super::prompt::{Prompt, Prompter};
use super::requests::{Reply, Request};
use super::sample::{Sampler, Tokens};
use super::{EngineSettings, Sampling, Stats, failed, load};
use minions_chat::{
    ChatClient, ChatError, ChatErrorKind, ChatReply, ChatRequest, EgressGate, Finish, Format, Message,
    schema_limits, without_thoughts,
};

/// A loaded model with its lanes. Cheap to clone. The last handle (engine or client) that is dropped waits for
/// the step that is being computed, then frees the model.
#[derive(Clone)]
pub struct Engine {
    core: Arc<Core>,
}

struct Core {
    name: String,
    window: u32,
    lanes: usize,
    model: Arc<LlamaModel>,
    prompter: Prompter,
    tokens: Arc<Tokens>,
    tickets: AtomicU64,
    stats: watch::Receiver<Stats>,
    /// Taken when the core is dropped, which ends the thread.
    requests: Option<Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

/// The parts that the thread hands back once the model is loaded.
struct Loaded {
    model: Arc<LlamaModel>,
    prompter: Prompter,
    tokens: Arc<Tokens>,
}

/// Whether this build has the embedded engine.
///
/// # Errors
/// None: this build has it.
pub fn check_built() -> Result<(), ChatError> {
    Ok(())
}

impl Engine {
    /// Loads a model; takes as long as reading the file does, on a thread of its own.
    ///
    /// # Errors
    /// The errors of [`inspect`](super::inspect); too little memory; an error of llama.cpp; no usable chat template.
    pub async fn load(settings: EngineSettings) -> Result<Self, ChatError> {
        let name = settings.model_path.display().to_string();
        let (window, lanes) = (settings.n_ctx, settings.lanes);
        let (requests, inbox) = mpsc::channel();
        let (ready, loaded) = oneshot::channel();
        let (sender, stats) = watch::channel(Stats::default());
        let thread = thread::Builder::new()
            .name("llama.cpp".to_owned())
            .spawn(move || serve(&settings, ready, &inbox, sender))
            .map_err(|error| {
                failed(format!("cannot start a thread for the model: {error}"), "free some memory")
            })?;
        let Loaded { model, prompter, tokens } = loaded.await.map_err(|_| stopped(&name))??;
        let core = Core {
            name,
            window,
            lanes,
            model,
            prompter,
            tokens,
            tickets: AtomicU64::new(0),
            stats,
            requests: Some(requests),
            thread: Some(thread),
        };
        Ok(Self { core: Arc::new(core) })
    }

    /// The longest prompt and reply together, in tokens.
    pub fn context_window(&self) -> u32 {
        self.core.window
    }

    /// The tokens of the prompt that `messages` make. Takes milliseconds for long ones, on a thread of its own.
    ///
    /// # Errors
    /// The messages have no form in the model's chat template.
    pub async fn count(&self, messages: Vec<Message>) -> Result<usize, ChatError> {
        let core = Arc::clone(&self.core);
        let counted =
            spawn_blocking(move || core.prompter.prompt(&messages).map(|prompt| prompt.tokens.len())).await;
        counted.map_err(|_| stopped(&self.core.name))?
    }

    /// The number of replies that are generated at the same time; further requests wait for a lane.
    pub fn lanes(&self) -> usize {
        self.core.lanes
    }

    /// The counts of the engine's work, updated with every step.
    pub fn stats(&self) -> watch::Receiver<Stats> {
        self.core.stats.clone()
    }

    /// A client of this engine. Any number of clients share its lanes and cached prefixes.
    pub fn client(&self, sampling: Sampling) -> LlamaCpp {
        LlamaCpp { core: Arc::clone(&self.core), sampling }
    }
}

/// The engine's thread: loads the model, reports that through `ready`, and serves requests.
fn serve(
    settings: &EngineSettings,
    ready: oneshot::Sender<Result<Loaded, ChatError>>,
    inbox: &Receiver<Request>,
    stats: watch::Sender<Stats>,
) {
    let tap = Tap::new();
    let load = || {
        load::check(settings)?;
        let model = Arc::new(load::model(settings, &tap)?);
        let prompter = Prompter::new(Arc::clone(&model), settings.chat_format.as_deref())?;
        let tokens = Arc::new(Tokens::of(&model));
        Ok(Loaded { model, prompter, tokens })
    };
    let loaded = match load() {
        Ok(loaded) => loaded,
        // The receiver is gone if the load was cancelled.
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    let model = Arc::clone(&loaded.model);
    match load::context(&model, settings, &tap) {
        Ok(context) => {
            if ready.send(Ok(loaded)).is_ok() {
                let kept = Kept::new(settings, &model);
                Worker::new(&model, context, settings.lanes, kept, tap, stats).run(inbox);
            }
        }
        Err(error) => {
            let _ = ready.send(Err(error));
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.requests = None;
        // A process that ends while llama.cpp computes would pull its tables from under it.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Core {
    /// Tokens and sampler for a request, and the schema if its texts have shares of the reply. Takes milliseconds for
    /// long prompts, so it must not run on the async runtime.
    fn prepare(
        &self,
        ticket: u64,
        request: &ChatRequest,
        sampling: Sampling,
        answer: oneshot::Sender<Result<Reply, ChatError>>,
    ) -> Result<(Request, Option<Value>), ChatError> {
        let Prompt { tokens: prompt, shared } = self.prompter.prompt(&request.messages)?;
        let left = (self.window as usize).saturating_sub(prompt.len());
        if left == 0 {
            return Err(self.too_long(prompt.len()));
        }
        let limit =
            if request.only_reads { 1 } else { sampling.max_tokens.unwrap_or(Sampling::MAX_TOKENS).max(1) };
        let max_tokens = (limit as usize).min(left);
        let (name, schema, shares) = match &request.format {
            Format::Text => ("", None, None),
            Format::Schema { name, schema, shares: true } => {
                (*name, None, Some(schema_limits::with_shares(schema, max_tokens)))
            }
            Format::Schema { name, schema, shares: false } => (*name, Some(schema), None),
        };
        let schema = shares.as_ref().or(schema).map(Value::to_string);
        let grammar = schema.as_deref().map(llama_cpp_2::json_schema_to_grammar).transpose();
        let grammar = grammar.map_err(|_| bad_schema(name))?;
        let sampler = Sampler::new(&self.model, Arc::clone(&self.tokens), sampling, grammar.as_deref())
            .ok_or_else(|| bad_schema(name))?;
        let closing = match &request.format {
            Format::Schema { schema, shares, .. } => Closing::of(schema, *shares, max_tokens),
            Format::Text => Closing::default(),
        };
        Ok((Request { ticket, prompt, shared, sampler, max_tokens, closing, answer }, shares))
    }

    fn too_long(&self, tokens: usize) -> ChatError {
        let message = format!(
            "the prompt is {tokens} tokens long, the context window of {} is {} tokens",
            self.name, self.window
        );
        ChatError::new(ChatErrorKind::ContextTooLong, message)
            .hint("raise n_ctx, or use the `minions` protocol, which is made for long documents")
    }
}

fn bad_schema(name: &str) -> ChatError {
    let message = format!("llama.cpp cannot turn the JSON schema {name:?} into a grammar");
    ChatError::new(ChatErrorKind::Rejected, message).hint("simplify the schema")
}

fn stopped(name: &str) -> ChatError {
    failed(
        format!("the engine of {name} has stopped"),
        "run with RUST_LOG=debug to see what llama.cpp said last",
    )
}

/// A client of an [`Engine`]: cheap to clone.
#[derive(Clone)]
pub struct LlamaCpp {
    core: Arc<Core>,
    sampling: Sampling,
}

#[async_trait]
impl ChatClient for LlamaCpp {
    fn endpoint(&self) -> String {
        format!("llama_cpp with {}", self.core.name)
    }

    /// This client as it is: the engine computes in this process and sends nothing.
    fn gated(&self, _gate: Arc<dyn EgressGate>) -> Arc<dyn ChatClient> {
        Arc::new(self.clone())
    }

    async fn chat(&self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        if let Some(observer) = &request.observer {
            observer.begin(&self.endpoint());
        }
        let ticket = self.core.tickets.fetch_add(1, Ordering::Relaxed);
        let (answer, reply) = oneshot::channel();
        let (observer, only_reads) = (request.observer.clone(), request.only_reads);
        let (core, request, sampling) =
            (Arc::clone(&self.core), request.clone(), self.sampling.of(request.sample));
        let prepared = spawn_blocking(move || core.prepare(ticket, &request, sampling, answer)).await;
        let (prepared, shares) = prepared.map_err(|_| stopped(&self.core.name))??;
        let sent = self.core.requests.as_ref().is_some_and(|requests| requests.send(prepared).is_ok());
        if !sent {
            return Err(stopped(&self.core.name));
        }
        let Reply { text: bytes, finish, closed, usage, spared, times } =
            reply.await.map_err(|_| stopped(&self.core.name))??;
        let text = readable(&bytes, finish);
        if finish == Finish::Looped {
            tracing::warn!(
                "{}: a reply that repeats itself was ended after {} tokens, up to {spared} before its limit",
                self.endpoint(),
                usage.completion_tokens
            );
        }
        if text.is_empty() && finish == Finish::Looped {
            let error = failed(
                format!("{} repeated itself, and gave no answer", self.core.name),
                "use a larger model, or set kwargs.temperature a little higher",
            );
            return Err(ChatError { kind: ChatErrorKind::Repeating, usage, ..error });
        }
        if text.is_empty() && finish == Finish::Stop && !only_reads {
            let error = failed(format!("{} replied without text", self.core.name), "use another model");
            return Err(ChatError { kind: ChatErrorKind::Empty, usage, ..error });
        }
        let cut = shares.map_or_else(Vec::new, |schema| {
            schema_limits::cut(&schema, &String::from_utf8_lossy(&bytes), closed)
        });
        // The whole text at once: the engine hands over whole replies.
        if let Some(observer) = observer.filter(|_| !text.is_empty()) {
            observer.delta(&text);
        }
        Ok(ChatReply { text, finish, usage, refused: false, cut, spared, times: Some(times) })
    }
}

/// The reply as text, without thoughts and without half a character at a cut.
fn readable(bytes: &[u8], finish: Finish) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut text = text.trim();
    if finish.is_cut() {
        text = text.trim_end_matches(char::REPLACEMENT_CHARACTER);
    }
    without_thoughts(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinking_and_half_characters_are_left_out() {
        assert_eq!(readable(b" Yes. \n", Finish::Stop), "Yes.");
        assert_eq!(readable(b"<think>\nHm.\n</think>\n\n42", Finish::Stop), "42");
        assert_eq!(readable(b"<think>\nHm, let me", Finish::Length), "");
        assert_eq!(readable("Gr\u{fc}n".as_bytes().split_last().unwrap().1, Finish::Stop), "Gr\u{fc}");
        assert_eq!(readable(b"Gr\xc3", Finish::Length), "Gr");
        assert_eq!(readable(b"<thinker> is a tag", Finish::Stop), "<thinker> is a tag");
    }
}
