//! Reads the reply to a request from its connection.

use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::Response;
use tokio::time::timeout;

use super::dialect::Partial;
use super::finish::Ending;
use super::http_client::HttpClient;
use super::reader::{Fault, Reader};
use super::watched_try::WatchedTry;
use super::{
    ChatError, ChatErrorKind as Kind, ChatReply, ChatRequest, Finish, Format, Usage, loops, schema_limits,
};
use crate::http;
use minions_documents::tokens::estimate;

/// The longest reply that is read, in bytes: no model writes as much, and a runaway server must not fill the memory.
const LONGEST_REPLY: usize = 64 << 20;
/// How long to wait for the end of a stream whose end mark has come, so that its connection can be used again.
const DRAIN: Duration = Duration::from_millis(500);
/// How long to wait for what may follow a complete reply: its usage, its end mark.
const AFTERWARDS: Duration = Duration::from_secs(5);

/// What to do about the window of an Ollama that is used in OpenAI's dialect.
const OLLAMA_HINT: &str = "This server is an Ollama: take the client type ollama for it, which asks for the window that the \
                           prompt needs.";

impl HttpClient {
    /// Reads the reply to `request`, which comes in `format`; `bytes` were sent for it. The error has the usage.
    pub(super) async fn reply(
        &self,
        request: &ChatRequest,
        format: &Format,
        bytes: usize,
        response: Response,
        watched: &mut WatchedTry<'_>,
    ) -> Result<ChatReply, ChatError> {
        let mut reader = Reader::new(self.dialect).ending_loops(self.ends_loops());
        let outcome = self.read(response, &mut reader, watched).await;
        if let Some(time) = reader.reply.prompt_time {
            self.pace().note(time);
        }
        reader.reply.usage = self.credible(request, bytes, &reader.reply);
        let checked = outcome.and_then(|()| self.check(request, format, &reader));
        if let Ok(ChatReply { text, .. }) = &checked {
            watched.ended(&reader.reply.text, text);
        }
        let spared = self.spared(&reader);
        checked.map_err(|error| ChatError { usage: reader.reply.usage, spared, ..error })
    }

    /// Reads a reply to its end.
    async fn read(
        &self,
        mut response: Response,
        reader: &mut Reader<'_>,
        watched: &mut WatchedTry<'_>,
    ) -> Result<(), ChatError> {
        let silence = self.endpoint.settings.timeout;
        let mut length = 0;
        loop {
            let complete = reader.reply.complete;
            let limit = if complete { AFTERWARDS.min(silence) } else { silence };
            let chunk = match watched.wait.within(limit, response.chunk()).await {
                // All of the reply has come; a connection that is lost afterwards takes nothing away.
                Err(_) | Ok(Err(_)) if complete => break,
                Err(limit) => return Err(self.endpoint.silent(limit)),
                Ok(Err(error)) => {
                    return Err(self.endpoint.error(Kind::Connection, &format!(": {}", http::cause(&error))));
                }
                Ok(Ok(chunk)) => chunk,
            };
            let Some(chunk) = chunk else { break };
            length += chunk.len();
            if length > LONGEST_REPLY {
                return Err(self.endpoint.error(Kind::Rejected, " sent a reply of over 64 MiB"));
            }
            let ended = reader.push(&chunk).map_err(|fault| self.failed(fault))?;
            watched.grown(&reader.reply);
            if ended {
                // A model that repeats itself would go on: with the connection its work ends.
                if reader.found.is_none() {
                    drain(response).await;
                }
                break;
            }
        }
        reader.finish().map_err(|fault| self.failed(fault))
    }

    /// The reply for the caller.
    ///
    /// # Errors
    /// The reply is none, or not whole, or the server has cut the prompt.
    fn check(
        &self,
        request: &ChatRequest,
        format: &Format,
        reader: &Reader<'_>,
    ) -> Result<ChatReply, ChatError> {
        if let Some(how) = self.dialect.cut_prompt(&self.endpoint.settings, request, &reader.reply) {
            let error = self.endpoint.error(Kind::ContextTooLong, &format!(" cut the prompt: {how}"));
            return Err(if reader.reply.is_ollama { error.hint(OLLAMA_HINT) } else { error });
        }
        let wants_json = matches!(format, Format::Schema { .. });
        let is_answer =
            |reasoning: &str| self.has_turned_thinking_off() || wants_json && is_json_object(reasoning);
        let (text, finish) = match reader.answer(is_answer) {
            Err(fault) if request.only_reads && fault.is_for_no_text() => ("", Finish::Length),
            answer => answer.map_err(|fault| self.failed(fault))?,
        };
        let cut = match format {
            Format::Schema { schema, shares: true, .. } => schema_limits::cut(schema, text, None),
            _ => Vec::new(),
        };
        let (usage, spared) = (reader.reply.usage, self.spared(reader));
        let times = reader.reply.times();
        let reply = ChatReply { text: text.to_owned(), finish, usage, refused: false, cut, spared, times };
        Ok(match format {
            Format::Schema { schema, .. } => loops::with_end(reply, schema, reader.kept()),
            Format::Text => reply,
        })
    }

    /// The tokens that were left for a reply that was ended, as it repeated itself.
    fn spared(&self, reader: &Reader<'_>) -> u64 {
        let limit = self.endpoint.settings.generation.max_tokens.map_or(0, u64::from);
        if reader.is_ended_here { limit.saturating_sub(reader.reply.usage.completion_tokens) } else { 0 }
    }

    /// The usage that the server reports, with estimates in place of counts that cannot be.
    fn credible(&self, request: &ChatRequest, bytes: usize, reply: &Partial) -> Usage {
        let estimated = || (request.estimated_tokens(), estimate(&reply.text));
        if reply.ending == Some(Ending::Looped) && reply.usage.prompt_tokens == 0 {
            // A reply that was ended has no counts.
            return Usage::of_call(estimated().0, reply.usage.completion_tokens, 0);
        }
        let Some(usage) = reply.usage.corrected(bytes, estimated) else { return reply.usage };
        let Usage { prompt_tokens, completion_tokens, .. } = reply.usage;
        if !self.told.counts.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "{} reports {prompt_tokens} tokens of the prompt and {completion_tokens} of the reply, which cannot be; \
                 estimates are used in their place",
                self.endpoint.name()
            );
        }
        usage
    }

    fn failed(&self, Fault { kind, text, hint, said }: Fault) -> ChatError {
        if let Some(said) = said {
            return self.endpoint.fault(&said, &text);
        }
        let error = self.endpoint.error(kind, &text);
        ChatError { hint: hint.map(str::to_owned).or(error.hint.clone()), ..error }
    }
}

/// Whether `text` is one JSON object and nothing else.
fn is_json_object(text: &str) -> bool {
    text.starts_with('{') && serde_json::from_str::<serde_json::Value>(text).is_ok()
}

/// Reads the rest of a stream, which is its end mark.
async fn drain(mut response: Response) {
    let rest = async { while let Ok(Some(_)) = response.chunk().await {} };
    let _ = timeout(DRAIN, rest).await;
}
