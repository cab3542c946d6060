//! Makes a Docker Model Runner ready for a job: it has the model and is configured for the job's calls.
//!
//! The runner's own errors are plain text, those of the llama.cpp server behind it are JSON. A configuration replaces the
//! one before and splits its context among the slots, so it is sent once, before anything is loaded.
//!
//! Where no runner answers, `seek` looks for one in other places, and `install` starts one on the machine's Docker Engine.

mod blueprint;
mod create;
mod engine;
mod image;
mod install;
mod seek;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use minions_chat::http;
use minions_chat::providers::find;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::api::{Answer, Api};
use super::fetch::Fetch;
use super::progress::{NoProgress, PullProgress};
use super::window::{self, Known};
use super::{Endpoint, Need, Runtime, RuntimeError, RuntimeErrorKind, Timeouts};
use create::Create;
pub use seek::Seek;

/// The port at which Docker Model Runner listens by default.
pub const PORT: u16 = 12434;

/// The runner's name in messages.
const NAME: &str = "Docker Model Runner";

/// The slots where the job gives no number: as many as llama.cpp takes by itself.
const SLOTS: usize = 4;

/// Docker Model Runner, of Docker Desktop or Docker Engine.
pub struct DockerModelRunner {
    given: Api,
    /// The address where the runner was found, if it did not answer at the given one.
    found: OnceCell<Api>,
    timeouts: Timeouts,
    seek: Option<Seek>,
    progress: Arc<dyn PullProgress>,
}

/// The runner's address without the paths of the inference API, with which users often give it.
pub fn base_url(given: &str) -> String {
    let mut url = given.trim().trim_end_matches('/');
    for end in ["/chat/completions", "/v1", "/llama.cpp", "/engines"] {
        url = url.strip_suffix(end).unwrap_or(url);
    }
    if url.contains("://") { url.to_owned() } else { format!("http://{url}") }
}

impl DockerModelRunner {
    /// The runner at `given`: its root, or any of the addresses that its documentation shows.
    pub fn new(given: &str, timeouts: Timeouts) -> Result<Self, RuntimeError> {
        let given = Api::new(NAME, &base_url(given))?;
        Ok(Self { given, found: OnceCell::new(), timeouts, seek: None, progress: Arc::new(NoProgress) })
    }

    /// Has `seek` look elsewhere for a runner, and start one, if none answers at an address of this machine. A runner that
    /// was started stays, as it is a service of the machine.
    pub fn seeking(self, seek: Seek) -> Self {
        let is_here = http::is_loopback(self.given.base_url());
        Self { seek: Some(seek).filter(|_| is_here), ..self }
    }

    /// Asks the runner at the given address with the `headers` of credentials, as for one behind a proxy that wants them.
    pub fn with_headers(self, headers: HeaderMap) -> Self {
        Self { given: self.given.with_headers(find("docker_model_runner"), headers), ..self }
    }

    /// Tells `progress` of the pulls of models and of the runner's image.
    pub fn reporting(self, progress: Arc<dyn PullProgress>) -> Self {
        Self { progress, ..self }
    }

    fn api(&self) -> &Api {
        self.found.get().unwrap_or(&self.given)
    }

    /// The runner's description of a model; `None` if it does not have the model. The runner normalises the name itself.
    async fn inspect(&self, model: &str) -> Result<Option<Value>, RuntimeError> {
        let answer = self.api().get(&format!("/models/{model}"), self.timeouts.answer).await?;
        match answer.status {
            StatusCode::OK => Ok(Some(answer.json())),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.refused(&format!("did not say whether it has {model:?}"), &answer)),
        }
    }

    async fn missing(&self, model: &str) -> RuntimeError {
        // The list is only for the message, so a failure to get it is ignored.
        let answer = self.api().get("/models", self.timeouts.answer).await;
        let models = answer.map(|answer| answer.json()).unwrap_or_default();
        let tags: Vec<_> =
            models.as_array().into_iter().flatten().filter_map(|model| model["tags"][0].as_str()).collect();
        let list = if tags.is_empty() { "no model at all".to_owned() } else { tags.join(", ") };
        let message = format!("{} does not have the model {model:?}; it has {list}", self.api().place);
        RuntimeError::new(RuntimeErrorKind::ModelMissing, message)
            .hint(format!("fetch it with `docker model pull {model}`, or name one of those"))
    }

    async fn pull(&self, model: &str) -> Result<(), RuntimeError> {
        let (api, timeouts, progress) = (self.api(), &self.timeouts, &*self.progress);
        let body = json!({"from": model});
        Fetch { api, timeouts, model, path: "/models/create", body, progress }.run(&Create).await
    }

    /// Sets the context and the slots. Gives whether the runner took them: a model in use keeps its configuration, which is
    /// logged, and the job goes on.
    async fn configure(&self, need: &Need, window: u32, slots: usize) -> Result<bool, RuntimeError> {
        // llama.cpp divides the context among its slots.
        let context = u64::from(window) * slots as u64;
        let mut body = json!({
            "model": need.model.trim(), "mode": "completion", "context-size": context,
            "runtime-flags": ["--parallel", slots.to_string()],
        });
        if let Some(keep_alive) = need.keep_alive.as_ref().and_then(duration) {
            body["keep_alive"] = keep_alive.into();
        }
        let answer = self.api().post("/engines/_configure", &body, self.timeouts.answer).await?;
        match answer.status {
            status if status.is_success() => Ok(true),
            StatusCode::CONFLICT => {
                tracing::warn!(
                    "{}: {} is in use and keeps its configuration, with which a long prompt may not fit",
                    self.api().place,
                    need.model
                );
                Ok(false)
            }
            _ => Err(self
                .refused(&format!("did not take the configuration of {:?}", need.model), &answer)
                .hint("`num_ctx` and `max_concurrency` decide on it")),
        }
    }

    fn refused(&self, what: &str, answer: &Answer) -> RuntimeError {
        RuntimeError::rejected(&self.api().place, what, &answer.complaint())
    }
}

#[async_trait]
impl Runtime for DockerModelRunner {
    async fn ensure_ready(&self) -> Result<(), RuntimeError> {
        let failure = match look(self.api(), self.timeouts.answer).await {
            Err(error) if error.kind == RuntimeErrorKind::Unreachable => error,
            seen => return seen,
        };
        // A runner that was found elsewhere and does not answer any more is not looked for again.
        let Some(seek) = self.seek.as_ref().filter(|_| self.found.get().is_none()) else {
            return Err(failure);
        };
        let find = || seek.find(self.given.base_url(), &self.timeouts, &*self.progress, failure);
        self.found.get_or_try_init(find).await.map(drop)
    }

    async fn ensure_model(&self, need: &Need) -> Result<Endpoint, RuntimeError> {
        let model = need.model.trim();
        if !is_name(model) {
            let message = format!("{model:?} is no model name for Docker Model Runner");
            return Err(RuntimeError::new(RuntimeErrorKind::Rejected, message)
                .hint("names look like ai/llama3.2:3B-Q4_0 or hf.co/org/repo:Q4_K_M"));
        }
        let inspected = match self.inspect(model).await? {
            Some(inspected) => inspected,
            None if !need.pull => return Err(self.missing(model).await),
            None => {
                self.pull(model).await?;
                self.inspect(model).await?.ok_or_else(|| {
                    let message = format!("{} fetched {model:?} and does not have it", self.api().place);
                    RuntimeError::new(RuntimeErrorKind::PullFailed, message)
                })?
            }
        };
        let window = window::choose(need, known(&inspected["config"]))?;
        let slots = need.slots.unwrap_or(SLOTS).max(1);
        let is_configured = self.configure(need, window, slots).await?;
        Ok(Endpoint {
            base_url: format!("{}/engines/v1", self.api().base_url()),
            model: model.to_owned(),
            context_window: is_configured.then_some(window),
            slots: is_configured.then_some(slots),
            forwards: false,
            has_watchdog: false,
        })
    }

    async fn warm_up(&self, _need: &Need, endpoint: &Endpoint) -> Result<(), RuntimeError> {
        let body = json!({"model": endpoint.model, "messages": []});
        let path = "/engines/v1/chat/completions";
        let answer =
            self.api().post_with(path, &body, ("x-preload-only", "true"), self.timeouts.load).await?;
        if !answer.status.is_success() {
            let what = format!("could not load {:?}", endpoint.model);
            return Err(self
                .refused(&what, &answer)
                .hint("a smaller model, a smaller `num_ctx` or fewer slots (`max_concurrency`) may help"));
        }
        Ok(())
    }
}

/// Checks that a Docker Model Runner answers at this address and can run models.
async fn look(api: &Api, limit: Duration) -> Result<(), RuntimeError> {
    let answer = api.get("/engines/status", limit).await.map_err(|error| {
        error.hint(
            "with Docker Desktop run `docker desktop enable model-runner --tcp 12434`, with Docker Engine \
             `docker model install-runner`, or give its address in MODEL_RUNNER_HOST or `base_url`",
        )
    })?;
    // The answer maps the name of each installed engine to its state.
    let engines = answer.json();
    match engines["llama.cpp"].as_str() {
        Some(state) if state.starts_with("Error") => {
            Err(RuntimeError::rejected(&api.place, "has no working llama.cpp", state)
                .hint("see `docker model status` and `docker model logs`"))
        }
        Some(_) => Ok(()),
        None if answer.status == StatusCode::OK && engines.is_object() => Ok(()),
        None => Err(RuntimeError::rejected(&api.place, "is no Docker Model Runner", &answer.complaint())
            .hint("check host and port; its default is http://localhost:12434")),
    }
}

/// Whether this is a name of a model that can stand in the path of a URL.
fn is_name(model: &str) -> bool {
    let sound = |c: char| c.is_ascii_alphanumeric() || "-_.:/@".contains(c);
    !model.is_empty()
        && model.chars().all(sound)
        && !model.split('/').any(|part| part.trim_matches('.').is_empty())
}

/// The windows in a model's description: the one that the packager set, and the trained one from the GGUF's metadata.
fn known(config: &Value) -> Known {
    let tokens = |value: &Value| value.as_u64().and_then(|tokens| u32::try_from(tokens).ok());
    let gguf = config["gguf"].as_object();
    let trained = gguf.into_iter().flatten().find(|(name, _)| name.ends_with(".context_length"));
    Known {
        trained: trained.and_then(|(_, value)| value.as_str()?.parse().ok()),
        packaged: tokens(&config["context_size"]),
        loaded: None,
    }
}

/// Translates Ollama's notation of a duration to Docker Model Runner's, which is always a text, with a unit.
fn duration(keep_alive: &Value) -> Option<String> {
    match keep_alive {
        Value::Number(seconds) if seconds.as_f64()? < 0.0 => Some("-1".to_owned()),
        Value::Number(seconds) if seconds.as_f64()? == 0.0 => Some("0".to_owned()),
        Value::Number(seconds) => Some(format!("{seconds}s")),
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_address_leads_to_the_root() {
        for (given, expected) in [
            ("http://localhost:12434", "http://localhost:12434"),
            ("http://localhost:12434/", "http://localhost:12434"),
            ("http://localhost:12434/engines/v1/", "http://localhost:12434"),
            ("http://localhost:12434/engines/llama.cpp/v1", "http://localhost:12434"),
            ("http://localhost:12434/v1", "http://localhost:12434"),
            ("http://h:1/engines/v1/chat/completions", "http://h:1"),
            ("model-runner.docker.internal", "http://model-runner.docker.internal"),
            ("172.17.0.1:12434", "http://172.17.0.1:12434"),
        ] {
            assert_eq!(base_url(given), expected, "{given}");
        }
    }

    #[test]
    fn names_that_would_lead_elsewhere_are_none() {
        for name in ["ai/smollm2", "hf.co/org/Repo-GGUF:Q4_K_M", "smollm2:latest", "sha256:00ff"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "../engines/unload", "ai//x", "a?force=1", "a b", "a#b", "/a", "a/", "a%2f"] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn the_windows_are_read_from_a_description() {
        let config = json!({"gguf": {"llama.context_length": "8192", "x": "y"}, "context_size": 4096});
        let known = known(&config);
        assert_eq!((known.trained, known.packaged), (Some(8192), Some(4096)));
        let known = super::known(&json!({"format": "gguf"}));
        assert_eq!((known.trained, known.packaged), (None, None));
    }

    #[test]
    fn a_keep_alive_is_always_a_text() {
        for (given, expected) in [
            (json!(-1), Some("-1")),
            (json!(0), Some("0")),
            (json!(300), Some("300s")),
            (json!("10m"), Some("10m")),
            (Value::Null, None),
        ] {
            assert_eq!(duration(&given).as_deref(), expected, "{given}");
        }
    }
}
