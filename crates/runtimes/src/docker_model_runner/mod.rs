//! Makes a Docker Model Runner ready for a job: it has the model and is configured for the job's calls.
//!
//! The runner's own errors are plain text, those of the llama.cpp server behind it are JSON. A configuration replaces the
//! one before, with which the model is loaded anew, so it is sent before anything is loaded, and one that holds the job is
//! kept.
//!
//! Where no runner answers, `seek` looks for one in other places, and `install` starts one on the machine's Docker Engine.

mod blueprint;
mod configuration;
mod create;
mod engine;
mod image;
mod install;
mod seek;
mod size;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use minions_chat::base_url;
use minions_chat::providers::find;
use minions_machine::{memory, prompt_cache};
use reqwest::header::HeaderMap;
use reqwest::{StatusCode, Url};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::api::{Answer, Api};
use super::fetch::Fetch;
use super::process::lock;
use super::progress::{NoProgress, PullProgress};
use super::sizing;
use super::window::{self, Known};
use super::{Endpoint, Need, Runtime, RuntimeError, RuntimeErrorKind, Timeouts};
use configuration::Configuration;
use create::Create;
pub(super) use size::{bare, bytes};

pub use seek::Seek;

/// The port at which Docker Model Runner listens by default.
pub const PORT: u16 = 12434;

/// The runner's name in messages.
const NAME: &str = "Docker Model Runner";

/// The slots where the job gives no number: as many as llama.cpp takes by itself.
const SLOTS: usize = 4;

/// The Docker Engine that answers first at one of `hosts`, which are written like `DOCKER_HOST`, with its version.
///
/// # Errors
/// None answers.
pub async fn docker_engine(hosts: &[String]) -> Result<String, RuntimeError> {
    let engine = engine::Engine::connect(hosts).await?;
    let version = engine.info().await?.server_version.unwrap_or_default();
    Ok(format!("{}, version {version}", engine.place()))
}

/// Docker Model Runner, of Docker Desktop or Docker Engine.
pub struct DockerModelRunner {
    given: Api,
    /// The address where the runner was found, if it did not answer at the given one.
    found: OnceCell<Api>,
    timeouts: Timeouts,
    seek: Option<Seek>,
    cache_ram: Option<i64>,
    /// What the model was configured with, and whether its slots are the user's.
    told: Mutex<Option<(Configuration, bool)>>,
    /// Whether it was given fewer slots.
    shrunk: OnceCell<()>,
    progress: Arc<dyn PullProgress>,
}

/// The runner's address without the paths of its APIs, with which users often give it.
///
/// # Errors
/// The problem, in words that follow the address's place.
pub fn base_url(given: &str) -> Result<String, String> {
    let provider = find("docker_model_runner").ok_or("names a client type that is not known")?;
    let base_url = provider.read_address(given)?.base_url;
    let mut url = Url::parse(&base_url).map_err(|_| "must be an http or https address")?;
    let segments: Vec<&str> = url.path().split('/').collect();
    let before = |name: &str| {
        let at = segments.iter().position(|segment| segment.eq_ignore_ascii_case(name))?;
        Some(segments[..at].join("/"))
    };
    // A path before the engines is that of a proxy, whatever its name.
    let root = before("engines").unwrap_or_else(|| {
        let path = before("anthropic").or_else(|| before("models")).unwrap_or_else(|| segments.join("/"));
        path.strip_suffix("/v1").unwrap_or(&path).to_owned()
    });
    url.set_path(&root);
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

impl DockerModelRunner {
    /// The runner at `given`: its root, or any of the addresses that its documentation shows.
    pub fn new(given: &str, timeouts: Timeouts) -> Result<Self, RuntimeError> {
        let given = base_url(given).map_err(|problem| {
            let message = format!("the address of {NAME} {problem}");
            RuntimeError::new(RuntimeErrorKind::Rejected, message)
        })?;
        let given = Api::new(NAME, &given)?;
        Ok(Self {
            given,
            found: OnceCell::new(),
            timeouts,
            seek: None,
            cache_ram: None,
            told: Mutex::default(),
            shrunk: OnceCell::new(),
            progress: Arc::new(NoProgress),
        })
    }

    /// Has the models keep the prompts that they have read: in so many MiB, or, on this machine, in a part of the memory
    /// that is free.
    pub fn keeping(self, megabytes: Option<i64>) -> Self {
        let is_here = base_url::is_loopback(self.given.base_url());
        let budget = || i64::try_from(prompt_cache::budget(memory::free_of_machine())).unwrap_or(i64::MAX);
        Self { cache_ram: megabytes.or_else(|| is_here.then(budget)), ..self }
    }

    /// Has `seek` look elsewhere for a runner, and start one, if none answers at an address of this machine. A runner that
    /// was started stays, as it is a service of the machine.
    pub fn seeking(self, seek: Seek) -> Self {
        let is_here = base_url::is_loopback(self.given.base_url());
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

    /// What the model runs with, or will run with, as far as the runner tells.
    async fn configured(&self, model: &str) -> Option<Configuration> {
        // The answer only saves a load, so a runner without one is no failure.
        let answer =
            self.api().get(&format!("/engines/_configure?model={model}"), self.timeouts.answer).await;
        let answer = answer.ok().filter(|answer| answer.status == StatusCode::OK)?;
        Configuration::of_chats(&answer.json())
    }

    /// Has the model run with `wanted`. Gives what it runs with: a model in use keeps its configuration, which is logged,
    /// and the job goes on.
    async fn configure(
        &self,
        model: &str,
        mut wanted: Configuration,
    ) -> Result<Option<Configuration>, RuntimeError> {
        loop {
            let answer =
                self.api().post("/engines/_configure", &wanted.body(model), self.timeouts.answer).await?;
            match answer.status {
                status if status.is_success() => return Ok(Some(wanted)),
                StatusCode::CONFLICT => {
                    tracing::warn!(
                        "{}: {model} is in use and keeps its configuration, with which a long prompt may not fit",
                        self.api().place,
                    );
                    return Ok(self.configured(model).await);
                }
                // Its older versions do not know the flag.
                _ if wanted.cache_ram.is_some() && answer.body.contains("--cache-ram") => {
                    tracing::warn!("{} decides itself how many prompts it keeps", self.api().place);
                    wanted.cache_ram = None;
                }
                _ => {
                    return Err(self
                        .refused(&format!("did not take the configuration of {model:?}"), &answer)
                        .hint("`num_ctx` and `max_concurrency` decide on it"));
                }
            }
        }
    }

    /// Has the model loaded with half of the slots, unless the job sets their number.
    async fn fewer_slots(&self, model: &str) -> Result<(), RuntimeError> {
        let told = lock(&self.told).clone().filter(|(told, is_set)| told.slots > 1 && !is_set);
        let Some((told, _)) = told else {
            return Err(sizing::lacks(format!("{} has no slot to spare", self.api().place)));
        };
        self.configure(model, Configuration { slots: told.slots / 2, cache_ram: Some(0), ..told })
            .await
            .map(drop)
    }

    fn refused(&self, what: &str, answer: &Answer) -> RuntimeError {
        self.api().refused(what, answer)
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
        let slots = need.slots.unwrap_or(SLOTS).max(1);
        let there = self.configured(model).await;
        let loaded = there.as_ref().filter(|there| there.slots >= slots).map(|there| there.window);
        let known = Known { loaded, ..known(&inspected["config"]) };
        let window = window::choose(need, known)?;
        let keep_alive = need.keep_alive.as_ref().and_then(duration);
        let wanted = Configuration { window, slots, cache_ram: self.cache_ram, keep_alive };
        let configured = match there.as_ref().filter(|there| there.holds(&wanted)) {
            Some(there) => Some(Configuration { window, ..there.clone() }),
            None => {
                let wanted = wanted.widened(need, known);
                let (api, limit) = (self.api(), self.timeouts.answer);
                let wanted = size::fit(api, limit, need, &inspected, there.as_ref(), wanted).await?;
                self.configure(model, wanted).await?
            }
        };
        *lock(&self.told) = configured.clone().map(|told| (told, need.has_set_slots));
        Ok(Endpoint {
            base_url: format!("{}/engines/v1", self.api().base_url()),
            model: model.to_owned(),
            context_window: configured.as_ref().map(|there| there.window),
            slots: configured.map(|there| there.slots),
            forwards: false,
            is_window_certain: known.trained.is_some(),
            revival: None,
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

    async fn shrink(&self, endpoint: &Endpoint) -> Result<(), RuntimeError> {
        self.shrunk.get_or_try_init(|| self.fewer_slots(&endpoint.model)).await.copied()
    }

    async fn memory(&self, endpoint: &Endpoint) -> Option<String> {
        let inspected = self.inspect(&endpoint.model).await.ok()??;
        size::words(self.api().base_url(), &inspected, endpoint.context_window?, endpoint.slots?).await
    }
}

/// Checks that a Docker Model Runner answers at this address and can run models.
pub(super) async fn look(api: &Api, limit: Duration) -> Result<(), RuntimeError> {
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
        None => Err(api
            .refused("is no Docker Model Runner", &answer)
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
            assert_eq!(base_url(given).as_deref(), Ok(expected), "{given}");
        }
        // Every route of its documentation, at its own port and behind a proxy with a path.
        for root in
            ["http://localhost:12434", "https://u:pw@gw.example.com/team/runner", "http://h/exp/vDD4.40"]
        {
            for path in [
                "/engines",
                "/engines/",
                "/engines/status",
                "/engines/df",
                "/engines/v1/completions",
                "/engines/v1/models/ai/smollm2",
                "/engines/vllm/v1/chat/completions",
                "/engines/llama.cpp/v1/embeddings",
                "/Engines/llama.cpp/V1",
                "/engines/ai/m/v1/responses",
                "/models",
                "/models/",
                "/models/create",
                "/models/ai/smollm2",
                "/v1/",
                "/v1/models",
                "/v1/models/ai/smollm2",
                "/v1/chat/completions",
                "/v1/responses",
                "/v1/embeddings",
                "/anthropic",
                "/anthropic/v1",
                "/anthropic/v1/messages",
                "/anthropic/v1/messages/count_tokens",
                "/api/chat",
                "/api/tags",
            ] {
                assert_eq!(base_url(&format!("{root}{path}")).as_deref(), Ok(root), "{root}{path}");
            }
        }
        assert_eq!(base_url("https://gw/models/engines/v1").as_deref(), Ok("https://gw/models"));
        assert_eq!(base_url("0.0.0.0:12434/v1").as_deref(), Ok("http://127.0.0.1:12434"));
        assert!(base_url("ftp://h").is_err() && base_url("").is_err());
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
