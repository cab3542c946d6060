//! Embeddings over the HTTP API of a provider: texts become vectors.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use tokio::time::timeout;

use super::egress_gate::{CallOutcome, EgressGate, OutboundRequest, OutboundText};
use super::http_body::{self, BodyError};
use super::http_client::HttpClient;
use super::{
    ChatError, ChatErrorKind as Kind, Embedded, Embedder, Usage, error_body, look, retry, truncation,
};

/// The number of texts in one call: servers have limits, and a slow one must not look dead.
const BATCH: usize = 32;
/// After so many texts of which none can be embedded by itself, the fault is not theirs.
const HOPELESS: usize = 8;
/// The longest answer that is read, in bytes: vectors of [`BATCH`] texts take a tenth of it.
const LONGEST_ANSWER: usize = 64 << 20;

#[async_trait]
impl Embedder for HttpClient {
    async fn embed(&self, texts: &[String]) -> Result<Embedded, ChatError> {
        let mut all = Embedded::default();
        for batch in texts.chunks(BATCH) {
            let part = match retry::with_retries(&self.policy, None, || self.embed_once(batch)).await {
                Err(error) if batch.len() > 1 && is_of_a_text(&error) => self.embed_apart(batch, error).await,
                outcome => outcome,
            };
            // The error has the cost of the batches before, too.
            let part = part.map_err(|mut error| {
                error.usage += all.usage;
                error
            })?;
            all.vectors.extend(part.vectors);
            all.usage += part.usage;
        }
        Ok(all)
    }

    async fn look(&self) -> Result<(), ChatError> {
        let Some(models) = self.list_without_model().await else { return Ok(()) };
        match self.embed_once(&["Hello".to_owned()]).await {
            Err(error) if error.kind.is_of_the_setup() => Err(look::with_names(error, &models)),
            _ => Ok(()),
        }
    }

    fn gated(&self, gate: Arc<dyn EgressGate>) -> Arc<dyn Embedder> {
        Arc::new(self.behind(gate))
    }
}

/// Whether one text may have failed the call of many. A text that is too long is no such fault: the program that cut it
/// is told so.
fn is_of_a_text(error: &ChatError) -> bool {
    matches!(error.kind, Kind::Forbidden | Kind::Rejected | Kind::Refused | Kind::Server | Kind::Malformed)
}

impl HttpClient {
    /// Embeds each of `texts` by itself, after `error` has failed all of them. A text that cannot be embedded gets an
    /// empty vector, and a warning says so.
    ///
    /// # Errors
    /// None of the first [`HOPELESS`] texts can be embedded, or none at all.
    async fn embed_apart(&self, texts: &[String], error: ChatError) -> Result<Embedded, ChatError> {
        let mut all = Embedded { usage: error.usage, ..Embedded::default() };
        let mut left_out = 0;
        let mut last = error;
        for text in texts {
            match self.embed_once(std::slice::from_ref(text)).await {
                Ok(one) => {
                    all.usage += one.usage;
                    all.vectors.extend(one.vectors);
                }
                Err(error) => {
                    all.usage += error.usage;
                    all.vectors.push(Vec::new());
                    left_out += 1;
                    let is_hopeless = left_out == all.vectors.len() && left_out >= HOPELESS.min(texts.len());
                    if is_hopeless || !is_of_a_text(&error) {
                        return Err(ChatError { usage: all.usage, ..error });
                    }
                    last = error;
                }
            }
        }
        if left_out > 0 {
            tracing::warn!("{last}; {left_out} of {} texts are left out of the search", texts.len());
        }
        Ok(all)
    }

    async fn embed_once(&self, texts: &[String]) -> Result<Embedded, ChatError> {
        let body = |texts| self.dialect.embeddings_body(&self.endpoint.settings, texts).to_string();
        let whole = body(texts);
        let Some(gate) = &self.gate else { return self.post_texts(texts, whole).await };
        // What is embedded is the documents, and what a program searches them for.
        let carried: Vec<_> = texts.iter().map(|text| OutboundText { text, own: &[] }).collect();
        let outbound = OutboundRequest::new(self.endpoint.name(), &whole, &body(&[]));
        let call = gate.leave(&carried, outbound).await?;
        let outcome = self.post_texts(texts, whole).await;
        gate.ended(call, CallOutcome::new(outcome.as_ref().map(|embedded| embedded.usage)));
        outcome
    }

    /// Sends `body` and reads the vectors of `texts`.
    async fn post_texts(&self, texts: &[String], body: String) -> Result<Embedded, ChatError> {
        let path = self.dialect.embeddings_path().unwrap_or_default();
        let url = self.endpoint.provider.url(&self.endpoint.settings, path);
        let call = async {
            let response = self.http.post(&url).headers(self.headers.clone()).body(body).send().await;
            let response = response.map_err(|error| self.endpoint.unreachable(&error))?;
            if !response.status().is_success() {
                return Err(self.endpoint.refused(response).await);
            }
            http_body::read(response, LONGEST_ANSWER).await.map_err(|error| {
                let kind = match error {
                    BodyError::Lost(_) => Kind::Connection,
                    BodyError::TooLong(_) => Kind::Rejected,
                };
                self.endpoint.error(kind, &error.words())
            })
        };
        let text = timeout(self.endpoint.settings.timeout, call)
            .await
            .unwrap_or_else(|_| Err(self.endpoint.silent()))?;
        let reply: Value = serde_json::from_slice(&text).unwrap_or_default();
        if let Some(fault) = error_body::of_event(&reply) {
            return Err(self.endpoint.fault(&fault, &format!(" failed: {}", fault.text)));
        }
        let (vectors, tokens) = match self.dialect.take_embeddings(&reply) {
            Some((vectors, tokens)) if vectors.len() == texts.len() => (vectors, tokens),
            _ => return Err(self.endpoint.error(Kind::Rejected, " sent no embeddings")),
        };
        let usage = Usage::of_call(tokens, 0, 0);
        // Some routes cut silently and cannot be told not to, such as Ollama's route in OpenAI's dialect.
        let least = truncation::least(texts.iter().map(String::as_str));
        match truncation::text(least, tokens, truncation::SHORTEST_EMBEDDED) {
            Some(how) => {
                let what = format!(" has cut what it was to embed: {how}");
                Err(ChatError { usage, ..self.endpoint.error(Kind::ContextTooLong, &what) })
            }
            None => Ok(Embedded { vectors, usage }),
        }
    }
}

impl retry::Costs for Embedded {
    fn add(&mut self, usage: Usage, _refused: bool) {
        self.usage += usage;
    }
}
