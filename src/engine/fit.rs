//! Whether the worker can read what it will be given, found out before the supervisor is asked, which costs.
//!
//! In: the worker's first prompt and the server that will read it. Out: how surely it can, or why it cannot. Bounds that
//! hold for any tokenizer decide most cases. Else the model's own tokenizer counts: that of the engine in this process,
//! or the server's. Where neither is at hand, the worker reads the prompt for a reply of one token, see `read_ahead`.

use std::sync::Arc;

use reqwest::header::HeaderMap;

use crate::chat::{CallObserver, ChatClient, ChatError, ChatErrorKind, ChatRequest, Message, Usage};
use crate::documents::tokens::{Bounds, bounds, estimate};
use crate::error::{Failure, FailureKind};
use crate::llama::Engine;
use crate::runtimes::probe;

/// Tokens beside the prompt: those of the chat template, of a question and of the shortest reply.
const ROOM: u64 = 64;
/// A window that every model has, in tokens.
const SMALLEST_WINDOW: u64 = 2048;
/// A window that the models of hosted vendors have if nothing is known of them, in tokens.
const HOSTED_WINDOW: u64 = 100_000;

/// What to do about the window of an Ollama that is used in OpenAI's dialect.
pub(super) const OLLAMA_REMEDY: &str = "this server is an Ollama, which can't be asked for a window in this dialect: take the \
                                        client type \"ollama\" for it, which asks for the window that the documents need, or \
                                        the protocol \"minions\", which cuts documents into chunks";

/// The server that reads the worker's first prompt.
pub(super) struct Reader {
    pub model: String,
    /// The server's place among those of the worker.
    pub position: usize,
    /// Tokens of prompt and reply, if that is known.
    pub window: Option<u32>,
    /// Whether the job sets the window.
    pub has_set_window: bool,
    pub tokenizer: Tokenizer,
    pub client: Arc<dyn ChatClient>,
    /// Whether its calls cost nothing: they go to this machine or its private network.
    pub is_free: bool,
    /// Whether the server is an Ollama whose routes in OpenAI's dialect are used.
    pub is_ollama: bool,
    /// Whether the server speaks against the model or the credential, in a way that a call may refute.
    pub is_in_doubt: bool,
}

/// Who counts the tokens of a text.
pub(super) enum Tokenizer {
    /// The engine in this process.
    Engine(Engine),
    /// The server, if it has a route for that.
    Server { base_url: String, headers: HeaderMap },
    /// Nobody.
    None,
}

/// How surely a prompt fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    Surely,
    /// By its usual length.
    Likely,
    /// By the shortest length that it may have.
    Hardly,
}

/// What bounds of its length tell of a prompt that is to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Fits,
    /// For a window of so many tokens.
    TooLong(u32),
    Unsure,
}

impl Known {
    fn of(Bounds { least, most }: Bounds, window: Option<u32>) -> Self {
        match window {
            Some(window) if least + ROOM > window.into() => Self::TooLong(window),
            Some(window) if most + ROOM <= window.into() => Self::Fits,
            None if most + ROOM <= SMALLEST_WINDOW => Self::Fits,
            _ => Self::Unsure,
        }
    }
}

impl Reader {
    /// Checks `prompt`, which every call of the worker begins with, without a call for it. Gives the tokens that this
    /// cost.
    ///
    /// # Errors
    /// The prompt does not fit, or the worker cannot be asked.
    pub(super) async fn check(&self, prompt: &Message) -> Result<Usage, Failure> {
        self.fit(prompt).await?;
        self.without_doubt().await
    }

    /// Asks the worker for one token, if its server speaks against a call.
    ///
    /// # Errors
    /// The worker cannot be asked.
    pub(super) async fn without_doubt(&self) -> Result<Usage, Failure> {
        if !self.is_in_doubt {
            return Ok(Usage::default());
        }
        match self.client.chat(&ChatRequest::ping()).await {
            Ok(reply) => Ok(reply.usage),
            Err(error) if error.kind.is_of_every_call() || error.kind == ChatErrorKind::Withheld => {
                Err(of_the_worker(error))
            }
            Err(error) => Ok(error.usage),
        }
    }

    /// How surely `prompt`, the worker's instructions with the documents, leaves room in the window.
    ///
    /// # Errors
    /// It does not, or the engine fails.
    pub(super) async fn fit(&self, prompt: &Message) -> Result<Fit, Failure> {
        let bounds = bounds(&prompt.content);
        match Known::of(bounds, self.window) {
            Known::Fits => return Ok(Fit::Surely),
            Known::TooLong(window) => {
                return Err(self.too_long(&format!("at least {}", bounds.least), window));
            }
            Known::Unsure => {}
        }
        if let Some(window) = self.window
            && let Some(tokens) = self.count(prompt).await?
        {
            let fits = tokens + ROOM <= u64::from(window);
            return if fits { Ok(Fit::Surely) } else { Err(self.too_long(&tokens.to_string(), window)) };
        }
        let is_likely = estimate(&prompt.content) + ROOM <= self.window.map_or(HOSTED_WINDOW, u64::from);
        Ok(if is_likely { Fit::Likely } else { Fit::Hardly })
    }

    /// The tokens of `prompt` by the model's own tokenizer, if it is at hand.
    async fn count(&self, prompt: &Message) -> Result<Option<u64>, Failure> {
        Ok(match &self.tokenizer {
            Tokenizer::Engine(engine) => {
                // Not every chat template takes instructions alone.
                let messages = vec![prompt.clone(), Message::user("?")];
                Some(engine.count(messages).await? as u64)
            }
            Tokenizer::Server { base_url, headers } => {
                probe::count(base_url, headers, &self.model, &prompt.content).await
            }
            Tokenizer::None => None,
        })
    }

    /// Has the worker read `prompt`, which it may refuse. Gives the tokens that this cost.
    ///
    /// # Errors
    /// The prompt does not fit, or the worker cannot be asked.
    pub(super) async fn read(
        &self,
        prompt: Message,
        observer: Option<Arc<dyn CallObserver>>,
    ) -> Result<Usage, Failure> {
        let messages = vec![prompt, Message::user("Are you ready?").own()];
        match self.client.chat(&ChatRequest { observer, ..ChatRequest::to_read(messages) }).await {
            Ok(reply) => Ok(reply.usage),
            Err(error) if error.kind == ChatErrorKind::ContextTooLong => Err(self.unreadable(error)),
            // Servers refuse what is too long in many words. It is the length if a short prompt is taken.
            Err(error) if error.kind == ChatErrorKind::Rejected => {
                match self.client.chat(&ChatRequest::ping()).await {
                    Ok(_) => Err(self.unreadable(error)),
                    Err(other) => Ok(plus(error.usage, other.usage)),
                }
            }
            // Its first real call would fail as well.
            Err(error) if error.kind.is_of_the_server() || error.kind == ChatErrorKind::Withheld => {
                Err(of_the_worker(error))
            }
            // A reply of one token need not be of use.
            Err(error) => Ok(error.usage),
        }
    }

    fn unreadable(&self, error: ChatError) -> Failure {
        let message = format!("the worker cannot read the documents: {error}");
        Failure { message, hint: Some(self.remedy()), ..Failure::from(error) }
    }

    fn too_long(&self, tokens: &str, window: u32) -> Failure {
        let message = format!(
            "the worker cannot read the documents: with its instructions they are {tokens} tokens long, and the context \
             window of {} is {window} tokens; its server would refuse or cut the prompt",
            self.model
        );
        Failure::new(FailureKind::Model(ChatErrorKind::ContextTooLong), message).hint(self.remedy())
    }

    fn remedy(&self) -> String {
        if self.is_ollama {
            return OLLAMA_REMEDY.to_owned();
        }
        let larger = if self.has_set_window { ", or raise num_ctx if the model has more" } else { "" };
        format!(
            "use the protocol \"minions\", which cuts documents into chunks, or a worker with a longer window{larger}"
        )
    }
}

fn plus(mut usage: Usage, other: Usage) -> Usage {
    usage += other;
    usage
}

/// The failure of a call that the worker's first real one would have as well.
fn of_the_worker(error: ChatError) -> Failure {
    Failure { message: format!("local_client: {error}"), ..Failure::from(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_decide_where_they_can() {
        for (least, most, window, known) in [
            (10, 20, None, Known::Fits),
            (10, 3000, None, Known::Unsure),
            (10_000, 30_000, None, Known::Unsure),
            (10, 400, Some(512), Known::Fits),
            (10, 500, Some(512), Known::Unsure),
            (500, 900, Some(512), Known::TooLong(512)),
        ] {
            assert_eq!(Known::of(Bounds { least, most }, window), known, "{least} {most} {window:?}");
        }
    }
}
