//! The client for every HTTP API: sends a turn and reads the stream. Its error messages are in `error_messages`.
//!
//! In: a provider's row and settings, then requests. Out: replies, or errors that name the endpoint and a remedy.
//! Everything that differs from vendor to vendor is in the row and its dialect.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue};
use tokio::time::timeout;

use super::dialect::{Abilities, Dialect};
use super::egress_gate::{CallOutcome, EgressGate, OutboundRequest};
use super::endpoint::{self, Endpoint};
use super::error_messages::hint;
use super::observer::WatchedTry;
use super::providers::Provider;
use super::retry::{self, RetryPolicy};
use super::schema_limits;
use super::token_limit::{Lowered, lower_limit};
use super::turns::without_system;
use super::{
    ChatClient, ChatError, ChatErrorKind as Kind, ChatReply, ChatRequest, ChatSettings, Format, Seen,
};
#[cfg(test)]
use crate::secrets::Secret;
use crate::{credentials, http};

/// A whole reply may take this many times the longest silence.
const WHOLE_REPLY: u32 = 10;

/// A model behind an HTTP API. Clones share their connections and the abilities that the server has refused.
#[derive(Clone)]
pub(crate) struct HttpClient {
    pub(super) endpoint: Endpoint,
    pub(super) dialect: &'static dyn Dialect,
    pub(super) http: reqwest::Client,
    pub(super) headers: HeaderMap,
    /// The abilities of the server's row that the server has not refused so far.
    abilities: Arc<Mutex<Abilities>>,
    /// What stderr was told of all calls.
    pub(super) told: Arc<Told>,
    /// How failed calls are repeated.
    pub(super) policy: RetryPolicy,
    /// The gate that is told of each body before it is sent.
    pub(super) gate: Option<Arc<dyn EgressGate>>,
}

/// What is said once of a server, however many calls meet it.
#[derive(Default)]
pub(super) struct Told {
    /// That it refuses the token limit of replies.
    limit: AtomicBool,
    /// That its counts cannot be.
    pub counts: AtomicBool,
}

impl HttpClient {
    /// A client of `provider`; fails on an unusable URL or credential, without a call.
    pub(crate) fn new(
        provider: &'static Provider,
        dialect: &'static dyn Dialect,
        mut settings: ChatSettings,
    ) -> Result<Self, ChatError> {
        let name = endpoint::name(provider, &settings);
        // The model's name decides about abilities; a deployment's name may be any word.
        let abilities = Arc::new(Mutex::new(provider.abilities_at(&settings)));
        if let Some(deployment) = settings.vendor.deployment() {
            settings.model = deployment.to_owned();
        }
        let url = provider.url(&settings, dialect.path());
        let fail = |kind, text: String| ChatError {
            hint: hint(provider, &settings, kind),
            ..ChatError::new(kind, format!("{name}: {text}"))
        };
        if let Some(part) = provider.missing_url_part(&settings.base_url) {
            let option = part.kwargs[0];
            let hint = format!("Set {} in the environment, or kwargs.{option} in the job.", part.env[0]);
            return Err(fail(Kind::Rejected, format!("there is no {option}")).hint(hint));
        }
        if settings.model.is_empty() {
            let text = "there is no default model: name the one that it serves in model_name";
            return Err(fail(Kind::Rejected, text.into()));
        }
        let http = http::client(&settings.base_url).map_err(|text| fail(Kind::Rejected, text))?;
        let url = Url::parse(&url).map_err(|error| fail(Kind::Rejected, format!("unusable URL: {error}")))?;
        if !settings.has_credential() && provider.needs_key(&settings.base_url) {
            return Err(fail(Kind::Auth, "there is no API key".into()));
        }
        let headers = headers(provider, dialect, &settings)
            .map_err(|(place, problem)| fail(Kind::Auth, format!("{place} {problem}")))?;
        let policy = RetryPolicy::new(settings.retries, settings.outage, settings.loading);
        let endpoint = Endpoint { provider, settings, url };
        let told = Arc::default();
        Ok(Self { endpoint, dialect, http, headers, abilities, told, policy, gate: None })
    }

    /// Makes one try. If the server refuses a parameter by name, the request is sent again at once without it; if it
    /// refuses the token limit of the reply, with a lower one.
    pub(super) async fn turn(&self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        let mut settings = Cow::Borrowed(&self.endpoint.settings);
        if request.only_reads {
            settings.to_mut().generation.max_tokens = Some(1);
        }
        let mut lowered = 0;
        loop {
            let sent = self.current();
            if let (Some(most), Some(asked)) = (sent.most_tokens, settings.generation.max_tokens)
                && most < asked
            {
                settings.to_mut().generation.max_tokens = Some(most);
            }
            // Silence has its own limit. This limit is for a server that sends a little now and then and never ends.
            let whole = settings.timeout * WHOLE_REPLY;
            let outcome = timeout(whole, self.send(request, &settings, sent)).await;
            let error = match outcome.unwrap_or_else(|_| Err(self.endpoint.endless(whole))) {
                Err(error) if self.shrink(sent, request, &error) => continue,
                Err(error) => error,
                reply => return reply,
            };
            lowered += 1;
            let limit = lower_limit(&settings, self.endpoint.settings.generation.max_tokens, error, lowered)?;
            settings.to_mut().generation.max_tokens = Some(limit.limit);
            self.lower(&limit);
        }
    }

    /// A call as it would be sent, with the credential struck out.
    #[cfg(test)]
    pub(super) fn written(&self, request: &ChatRequest) -> String {
        let headers = self.headers.iter().map(|(name, value)| {
            let value = value.to_str().unwrap();
            let key = self.endpoint.settings.api_key.as_ref().map_or("", Secret::expose);
            format!("{name}: {}\n", if key.is_empty() { value.to_owned() } else { value.replace(key, "***") })
        });
        let body = self.dialect.body(&self.endpoint.settings, request, &request.format, self.current());
        format!("POST {}\n{}{body}\n", self.endpoint.url, headers.collect::<String>())
    }

    /// This client, with every body passing `gate` before it is sent.
    pub(super) fn behind(&self, gate: Arc<dyn EgressGate>) -> Self {
        Self { gate: Some(gate), ..self.clone() }
    }

    fn known(&self) -> MutexGuard<'_, Abilities> {
        self.abilities.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn current(&self) -> Abilities {
        *self.known()
    }

    /// Remembers a token limit that is the model's, and says once that one was lowered.
    fn lower(&self, Lowered { limit, is_the_models, refusal }: &Lowered) {
        let whose = if *is_the_models { "calls are" } else { "this call, as each that it refuses so, is" };
        if *is_the_models {
            self.known().most_tokens = Some(*limit);
        }
        if !self.told.limit.swap(true, Ordering::Relaxed) {
            tracing::warn!("{refusal}; {whose} made with a lower max_tokens ({limit})");
        }
    }

    /// Leaves the parameter that `refusal` names out from now on. `false` if it names none that can be left out.
    fn shrink(&self, sent: Abilities, request: &ChatRequest, refusal: &ChatError) -> bool {
        let less = match refusal.kind {
            Kind::Rejected | Kind::Auth | Kind::Forbidden | Kind::Server => {
                sent.without(&refusal.said, &request.format)
            }
            Kind::NotFound | Kind::Busy => sent.without_form(&refusal.said),
            // A whole reply has an end of its own.
            Kind::Unfinished => sent.whole(),
            _ => None,
        };
        let Some((less, what)) = less else { return false };
        let mut known = self.known();
        // Calls run side by side: another one may have met the same refusal first.
        if *known == sent {
            tracing::warn!("{refusal}; from now on without {what}");
            *known = less;
        }
        true
    }

    async fn send(
        &self,
        request: &ChatRequest,
        settings: &ChatSettings,
        abilities: Abilities,
    ) -> Result<ChatReply, ChatError> {
        let format = &self.within_the_limit(&request.format);
        let written = if abilities.system {
            Cow::Borrowed(request)
        } else {
            Cow::Owned(ChatRequest { messages: without_system(&request.messages), ..request.clone() })
        };
        let body =
            |request: &ChatRequest| self.dialect.body(settings, request, format, abilities).to_string();
        let whole = body(&written);
        let Some(gate) = &self.gate else { return self.post(request, format, whole, abilities).await };
        let outbound = OutboundRequest::new(self.endpoint.name(), &whole, &body(&written.bare()));
        let call = gate.leave(&request.texts(), outbound).await?;
        let outcome = self.post(request, format, whole, abilities).await;
        gate.ended(call, CallOutcome::new(outcome.as_ref().map(|reply| reply.usage)));
        outcome
    }

    /// Sends `body` and reads the reply, which comes in `format`.
    async fn post(
        &self,
        request: &ChatRequest,
        format: &Format,
        body: String,
        abilities: Abilities,
    ) -> Result<ChatReply, ChatError> {
        let mut watched = WatchedTry::begin(request.observer.as_ref(), || self.endpoint.name());
        let bytes = body.len();
        let call = self.http.post(self.endpoint.url.clone()).headers(self.headers.clone()).body(body).send();
        // A reply that is not streamed comes after it has been written to its end.
        let silence = self.endpoint.settings.timeout * if abilities.stream { 1 } else { WHOLE_REPLY };
        let response = match timeout(silence, call).await {
            Err(_) => return Err(self.endpoint.silent()),
            Ok(Err(error)) => return Err(self.endpoint.unreachable(&error)),
            Ok(Ok(response)) => response,
        };
        if !response.status().is_success() {
            return Err(self.endpoint.refused(response).await);
        }
        self.reply(request, format, bytes, response, &mut watched).await
    }

    /// Whether the request told the model not to think.
    pub(super) fn has_turned_thinking_off(&self) -> bool {
        self.current().template_thinking && !self.endpoint.settings.generation.thinks()
    }

    /// The format with a share of the reply for each text of its schema. Hosted vendors reject such limits, and their
    /// models need none.
    fn within_the_limit<'a>(&self, format: &'a Format) -> Cow<'a, Format> {
        let Endpoint { settings: ChatSettings { generation, base_url, .. }, provider, .. } = &self.endpoint;
        match (format, generation.max_tokens) {
            (Format::Schema { name, schema, shares: true }, Some(tokens))
                if provider.local || http::is_private(base_url) =>
            {
                let schema = schema_limits::with_shares(schema, tokens as usize);
                Cow::Owned(Format::Schema { name, schema, shares: true })
            }
            _ => Cow::Borrowed(format),
        }
    }
}

#[async_trait]
impl ChatClient for HttpClient {
    fn endpoint(&self) -> String {
        self.endpoint.name()
    }

    async fn chat(&self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        retry::with_retries(&self.policy, request.observer.as_deref(), || self.turn(request)).await
    }

    async fn look(&self) -> Result<Seen, ChatError> {
        retry::with_retries(&self.policy, None, || self.look_once()).await
    }

    fn gated(&self, gate: Arc<dyn EgressGate>) -> Arc<dyn ChatClient> {
        Arc::new(self.behind(gate))
    }
}

/// The headers of each call; else the place of a value that cannot be one, and why.
fn headers(
    provider: &Provider,
    dialect: &dyn Dialect,
    settings: &ChatSettings,
) -> Result<HeaderMap, (String, String)> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    for &(name, value) in dialect.headers() {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.extend(credentials::headers(provider.key, settings.api_key.as_ref(), &settings.headers)?);
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::super::{openai, providers::find};
    use super::*;

    fn settings(base_url: &str, model: &str, key: Option<&str>) -> ChatSettings {
        ChatSettings { api_key: key.map(Secret::new), ..ChatSettings::new(model, base_url) }
    }

    #[test]
    fn a_key_is_trimmed_hidden_and_must_fit_a_header() {
        let openai = find("openai").unwrap();
        let client =
            |key| HttpClient::new(openai, &openai::OpenAi, settings("http://localhost/v1", "m", Some(key)));
        let headers = client(" \"sk-1\"\n").ok().unwrap().headers;
        assert_eq!(headers["authorization"], "Bearer sk-1");
        assert!(!format!("{headers:?}").contains("sk-1"));
        let error = client("sk-\u{1}é").err().unwrap();
        assert_eq!(
            error.message,
            "openai at http://localhost/v1: the API key has a character in it that no header can carry (U+0001)"
        );
    }
}
