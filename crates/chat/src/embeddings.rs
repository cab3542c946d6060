//! Embeddings over the HTTP API of a provider: texts become vectors.

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::StatusCode;
use serde_json::Value;
use tokio::time::timeout;

use super::egress_gate::{CallOutcome, EgressGate, OutboundRequest, OutboundText};
use super::http_client::HttpClient;
use super::{ChatError, ChatErrorKind as Kind, ChatSettings, Embedded, Embedder, Usage, retry, truncation};
use crate::http;

/// The number of texts in one call: servers have limits, and a slow one must not look dead.
const BATCH: usize = 32;

#[async_trait]
impl Embedder for HttpClient {
    async fn embed(&self, texts: &[String]) -> Result<Embedded, ChatError> {
        let mut all = Embedded::default();
        for batch in texts.chunks(BATCH) {
            let ChatSettings { retries, outage, .. } = self.endpoint.settings;
            let part = retry::with_retries(retries, outage, None, || self.embed_once(batch)).await;
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

    fn gated(&self, gate: Arc<dyn EgressGate>) -> Arc<dyn Embedder> {
        Arc::new(self.behind(gate))
    }
}

impl HttpClient {
    async fn embed_once(&self, texts: &[String]) -> Result<Embedded, ChatError> {
        let body = |texts| self.dialect.embeddings_body(&self.endpoint.settings.model, texts).to_string();
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
            if response.status() != StatusCode::OK {
                return Err(self.endpoint.refused(response).await);
            }
            let text = response.text().await;
            text.map_err(|error| self.endpoint.error(Kind::Connection, &format!(": {}", http::cause(&error))))
        };
        let text = timeout(self.endpoint.settings.timeout, call)
            .await
            .unwrap_or_else(|_| Err(self.endpoint.silent()))?;
        let reply: Value = serde_json::from_str(&text).unwrap_or_default();
        let (vectors, tokens) = match self.dialect.take_embeddings(&reply) {
            Some((vectors, tokens)) if vectors.len() == texts.len() => (vectors, tokens),
            _ => return Err(self.endpoint.error(Kind::Rejected, " sent no embeddings")),
        };
        let usage = Usage::of_call(tokens, 0, 0);
        // Some routes cut silently and cannot be told not to, such as Ollama's route in OpenAI's dialect.
        let words = truncation::words(texts.iter().map(String::as_str));
        match truncation::text(words, tokens, truncation::SHORTEST_EMBEDDED) {
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
