//! The client for every HTTP API: sends a turn and reads the stream. Its error messages are in `error_messages`.
//!
//! In: a provider's row and settings, then requests. Out: replies, or errors that name the endpoint and a remedy.
//! Everything that differs from vendor to vendor is in the row and its dialect.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Response, StatusCode, Url};
use tokio::time::timeout;

use super::dialect::{Abilities, Caching, Dialect, Partial, without_thinking};
use super::egress_gate::{CallOutcome, EgressGate, OutboundRequest};
use super::endpoint::{self, Endpoint};
use super::error_body::{self, ErrorBody};
use super::error_messages::hint;
use super::frames::{Frame, Frames};
use super::observer::WatchedTry;
use super::providers::{Key, Provider};
use super::retry;
use super::schema_limits;
use super::{
    ChatClient, ChatError, ChatErrorKind as Kind, ChatReply, ChatRequest, ChatSettings, Finish, Format, Seen,
};
#[cfg(test)]
use crate::secrets::Secret;
use crate::{http, pasted};

/// The longest reply that is read, in bytes: no model writes as much, and a runaway server must not fill the memory.
const LONGEST_REPLY: usize = 64 << 20;
/// A whole reply may take this many times the longest silence.
const WHOLE_REPLY: u32 = 10;
/// How long to wait for the end of a stream whose reply is complete, so that its connection can be used again.
const DRAIN: Duration = Duration::from_millis(500);

/// A model behind an HTTP API. Clones share their connections and the abilities that the server has refused.
#[derive(Clone)]
pub(crate) struct HttpClient {
    pub(super) endpoint: Endpoint,
    pub(super) dialect: &'static dyn Dialect,
    pub(super) http: reqwest::Client,
    pub(super) headers: HeaderMap,
    /// The abilities of the server's row that the server has not refused so far.
    abilities: Arc<Mutex<Abilities>>,
    /// The gate that is told of each body before it is sent.
    pub(super) gate: Option<Arc<dyn EgressGate>>,
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
        let abilities = Arc::new(Mutex::new(abilities(provider, &settings)));
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
        let endpoint = Endpoint { provider, settings, url };
        Ok(Self { endpoint, dialect, http, headers, abilities, gate: None })
    }

    /// Makes one try. If the server refuses a parameter by name, the request is sent again at once without it.
    async fn turn(&self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        loop {
            let sent = self.current();
            // Silence has its own limit. This limit is for a server that sends a little now and then and never ends.
            let whole = self.endpoint.settings.timeout * WHOLE_REPLY;
            let outcome = timeout(whole, self.send(request, sent)).await;
            match outcome.unwrap_or_else(|_| Err(self.endpoint.endless(whole))) {
                Err(error) if error.kind == Kind::Rejected && self.shrink(sent, request, &error) => {}
                outcome => return outcome,
            }
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

    fn current(&self) -> Abilities {
        *self.abilities.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Leaves the parameter that `refusal` names out from now on. `false` if it names none that can be left out.
    fn shrink(&self, sent: Abilities, request: &ChatRequest, refusal: &ChatError) -> bool {
        let Some((less, what)) = sent.without(&refusal.message, &request.format) else { return false };
        let mut known = self.abilities.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Calls run side by side: another one may have met the same refusal first.
        if *known == sent {
            tracing::warn!("{refusal}; from now on without {what}");
            *known = less;
        }
        true
    }

    async fn send(&self, request: &ChatRequest, abilities: Abilities) -> Result<ChatReply, ChatError> {
        let format = &self.within_the_limit(&request.format);
        let body = |request: &ChatRequest| {
            self.dialect.body(&self.endpoint.settings, request, format, abilities).to_string()
        };
        let whole = body(request);
        let Some(gate) = &self.gate else { return self.post(request, format, whole).await };
        let outbound = OutboundRequest::new(self.endpoint.name(), &whole, &body(&request.bare()));
        let call = gate.leave(&request.texts(), outbound).await?;
        let outcome = self.post(request, format, whole).await;
        gate.ended(call, CallOutcome::new(outcome.as_ref().map(|reply| reply.usage)));
        outcome
    }

    /// Sends `body` and reads the reply, which comes in `format`.
    async fn post(
        &self,
        request: &ChatRequest,
        format: &Format,
        body: String,
    ) -> Result<ChatReply, ChatError> {
        let mut watched = WatchedTry::begin(request.observer.as_ref(), || self.endpoint.name());
        let call = self.http.post(self.endpoint.url.clone()).headers(self.headers.clone()).body(body).send();
        let response = match timeout(self.endpoint.settings.timeout, call).await {
            Err(_) => return Err(self.endpoint.silent()),
            Ok(Err(error)) => return Err(self.endpoint.unreachable(&error)),
            Ok(Ok(response)) => response,
        };
        if response.status() != StatusCode::OK {
            return Err(self.endpoint.refused(response).await);
        }
        let mut reply = Partial::default();
        let outcome = self.read(response, &mut reply, &mut watched).await;
        let checked = outcome.and_then(|()| self.check(request, format, &reply));
        if let Ok(ChatReply { text, .. }) = &checked {
            watched.ended(&reply.text, text);
        }
        checked.map_err(|error| ChatError { usage: reply.usage, ..error })
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

    /// Reads a reply to its end.
    async fn read(
        &self,
        mut response: Response,
        reply: &mut Partial,
        watched: &mut WatchedTry<'_>,
    ) -> Result<(), ChatError> {
        let mut frames = Frames::default();
        let mut known = false;
        let mut length = 0;
        loop {
            let chunk = match timeout(self.endpoint.settings.timeout, response.chunk()).await {
                Err(_) => return Err(self.endpoint.silent()),
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
            for frame in frames.push(&chunk) {
                if self.take(frame, reply, &mut known)? {
                    drain(response).await;
                    return Ok(());
                }
            }
            watched.grown(&reply.text);
        }
        for frame in frames.finish() {
            self.take(frame, reply, &mut known)?;
        }
        if reply.complete {
            return Ok(());
        }
        let (kind, text) = match known {
            true => (Kind::Connection, ": the reply broke off before its end"),
            false => (Kind::Malformed, " sent an empty reply"),
        };
        Err(self.endpoint.error(kind, text))
    }

    /// Takes a frame; `true` if no further frame follows.
    fn take(&self, frame: Frame, reply: &mut Partial, known: &mut bool) -> Result<bool, ChatError> {
        match frame {
            Frame::Done => {
                reply.complete = true;
                return Ok(true);
            }
            Frame::Garbage(text) => return Err(self.endpoint.malformed(&text)),
            Frame::Json(event) => {
                if let Some(ErrorBody { kind, text }) = error_body::of_event(&event) {
                    return Err(self.endpoint.error(kind, &format!(" failed: {text}")));
                }
                if !self.dialect.take(&event, reply) {
                    return Err(self.endpoint.malformed(&event.to_string()));
                }
                *known = true;
            }
        }
        Ok(false)
    }

    /// The reply for the caller.
    ///
    /// # Errors
    /// The reply has no text, or the server has cut the prompt.
    fn check(&self, request: &ChatRequest, format: &Format, reply: &Partial) -> Result<ChatReply, ChatError> {
        if let Some(how) = self.dialect.cut_prompt(&self.endpoint.settings, request, reply) {
            return Err(self.endpoint.error(Kind::ContextTooLong, &format!(" cut the prompt: {how}")));
        }
        let text = without_thinking(&reply.text);
        let finish = reply.finish.unwrap_or(Finish::Stop);
        match finish {
            Finish::Length if text.is_empty() => {
                let text =
                    " reached the token limit before any text (did it think?); raise kwargs.max_tokens";
                Err(self.endpoint.error(Kind::Rejected, text))
            }
            Finish::Stop if text.is_empty() => {
                Err(self.endpoint.error(Kind::Empty, " sent a reply without text"))
            }
            _ => {
                let cut = match format {
                    Format::Schema { schema, shares: true, .. } => schema_limits::cut(schema, text, None),
                    _ => Vec::new(),
                };
                Ok(ChatReply { text: text.to_owned(), finish, usage: reply.usage, refused: false, cut })
            }
        }
    }
}

#[async_trait]
impl ChatClient for HttpClient {
    fn endpoint(&self) -> String {
        self.endpoint.name()
    }

    async fn chat(&self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        let ChatSettings { retries, outage, .. } = self.endpoint.settings;
        retry::with_retries(retries, outage, request.observer.as_deref(), || self.turn(request)).await
    }

    async fn look(&self) -> Result<Seen, ChatError> {
        let ChatSettings { retries, outage, .. } = self.endpoint.settings;
        retry::with_retries(retries, outage, None, || self.look_once()).await
    }

    fn gated(&self, gate: Arc<dyn EgressGate>) -> Arc<dyn ChatClient> {
        Arc::new(self.behind(gate))
    }
}

/// The abilities of the model at its base URL before the server has refused any.
fn abilities(provider: &Provider, settings: &ChatSettings) -> Abilities {
    let usual = provider.abilities;
    // A compatible server may have a model of such a name, but it has rules of its own and refuses by name.
    if !provider.is_vendor(&settings.base_url) {
        return Abilities { caching: Caching::Itself, ..usual };
    }
    let reasons = (provider.is_reasoning_model)(&settings.model);
    if reasons { Abilities { max_completion_tokens: true, temperature: false, ..usual } } else { usual }
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
    let mut secret = |place: &str, name: &str, value: &str| {
        let name = name.parse::<HeaderName>().ok();
        let value = HeaderValue::from_str(value).ok();
        let (name, mut value) = name
            .zip(value)
            .ok_or_else(|| (place.to_owned(), "has a character in it that no header can carry".to_owned()))?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok::<(), (String, String)>(())
    };
    if let Some(key) = &settings.api_key {
        let place = "the API key";
        let key = pasted::key(key.expose()).map_err(|problem| (place.to_owned(), problem))?;
        match provider.key {
            Key::Header(name) => secret(place, name, key)?,
            Key::Bearer | Key::Optional => secret(place, "authorization", &format!("Bearer {key}"))?,
        }
    }
    for (name, value) in &settings.headers {
        secret(&format!("the header {name}"), name, value.expose())?;
    }
    Ok(headers)
}

/// Reads the rest of a stream, which is its end mark.
async fn drain(mut response: Response) {
    let rest = async { while let Ok(Some(_)) = response.chunk().await {} };
    let _ = timeout(DRAIN, rest).await;
}

#[cfg(test)]
mod tests {
    use super::super::{openai, providers::find};
    use super::*;

    fn settings(base_url: &str, model: &str, key: Option<&str>) -> ChatSettings {
        ChatSettings { api_key: key.map(Secret::new), ..ChatSettings::new(model, base_url) }
    }

    #[test]
    fn only_openai_itself_is_judged_by_the_models_name() {
        let openai = find("openai").unwrap();
        for (base, model, reasons) in [
            ("https://api.openai.com/v1", "o3-mini", true),
            ("https://api.openai.com/v1", "o1", true),
            ("https://api.openai.com/v1", "gpt-5.1", true),
            ("https://api.openai.com/v1", "gpt-5-chat-latest", false),
            ("https://api.openai.com/v1", "gpt-4o", false),
            ("https://api.openai.com/v1", "omni", false),
            ("http://localhost:8080/v1", "o3-mini", false),
        ] {
            let abilities = abilities(openai, &settings(base, model, None));
            assert_eq!(
                (abilities.max_completion_tokens, !abilities.temperature),
                (reasons, reasons),
                "{base} {model}"
            );
            // Other servers of the dialect may not know the parameters that its vendor has added.
            assert_eq!(abilities.caching == Caching::Key, base.contains("openai.com"), "{base}");
        }
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
