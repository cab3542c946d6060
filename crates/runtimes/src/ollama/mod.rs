//! An Ollama daemon that has the model.
//!
//! The daemon's own rules decide what is asked here: readiness is an answer of `/api/version` (its port accepts
//! long before), a model is looked for before it is pulled (a pull needs the network even for a model that is
//! there), and one `num_ctx` goes into every call, as another one loads the model anew.

mod daemon_size;
mod host;
mod linger;
mod locks;
mod name;
mod note;
mod openai_route;
mod orphans;
mod pull;
mod size;
mod start_watchdog;
mod watchdog;
mod watchdog_args;
mod watchdog_main;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use minions_chat::Revival;
use minions_chat::providers::find;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::api::{Answer, Api};
use super::fetch::Fetch;
use super::progress::{NoProgress, PullProgress};
use super::window::{self, Known};
use super::words::short;
use super::{Endpoint, ModelUse, Need, Runtime, RuntimeError, RuntimeErrorKind, Timeouts};
pub use host::Host;
pub use linger::linger;
pub use locks::Locks;
pub(super) use name::Name;
pub use name::is_cloud;
pub use openai_route::{OpenAiRoute, Served};
pub use orphans::become_daemon;
use pull::Pull;
pub use start_watchdog::{Start, find_program};
pub use watchdog::{Watchdog, environment};
pub use watchdog_args::{COMMAND as WATCHDOG_COMMAND, WatchdogArgs};
pub use watchdog_main::watchdog_main;

/// What Docker Model Runner's imitation of Ollama gives as its version. It drops `format` and all counts.
pub(super) const MODEL_RUNNER_VERSION: &str = "0.1.0";

/// Families that Ollama runs with one slot, whatever `OLLAMA_NUM_PARALLEL` says (its `server/sched.go`).
const ONE_SLOT: [&str; 11] = [
    "mllama",
    "qwen3vl",
    "qwen3vlmoe",
    "qwen35",
    "qwen35moe",
    "qwen3next",
    "lfm2",
    "lfm2moe",
    "nemotron_h",
    "nemotron_h_moe",
    "nemotron_h_omni",
];

/// Whether a daemon that keeps its models in `folder` (`OLLAMA_MODELS`) has `model`, whether it runs or not.
pub fn is_on_disk(folder: &std::path::Path, model: &str) -> bool {
    Name::parse(model).is_ok_and(|name| folder.join(name.manifest()).is_file())
}

/// An Ollama daemon, here or elsewhere.
pub struct Ollama {
    api: Api,
    slots: Option<usize>,
    timeouts: Timeouts,
    start: Option<Arc<Start>>,
    /// Whether the daemon was given fewer slots.
    shrunk: OnceCell<()>,
    progress: Arc<dyn PullProgress>,
}

impl Ollama {
    /// The daemon at `base_url`. `slots` is its `OLLAMA_NUM_PARALLEL` if the user gives it; it is known without
    /// only for a daemon that a watchdog of minions runs.
    pub fn new(base_url: &str, slots: Option<usize>, timeouts: Timeouts) -> Result<Self, RuntimeError> {
        Api::new("Ollama", base_url).map(|api| Self::of(api, slots, timeouts))
    }

    fn of(api: Api, slots: Option<usize>, timeouts: Timeouts) -> Self {
        Self { api, slots, timeouts, start: None, shrunk: OnceCell::new(), progress: Arc::new(NoProgress) }
    }

    /// Starts a daemon by `start` where none answers. The daemon runs until this and every other user is dropped.
    pub fn starting(self, start: Start) -> Self {
        Self { start: Some(Arc::new(start)), ..self }
    }

    /// Asks with the `headers` of credentials, as for a daemon behind a proxy that wants them.
    pub fn with_headers(self, headers: HeaderMap) -> Self {
        Self { api: self.api.with_headers(find("ollama"), headers), ..self }
    }

    /// Tells `progress` of the pulls of models.
    pub fn reporting(self, progress: Arc<dyn PullProgress>) -> Self {
        Self { progress, ..self }
    }

    /// Starts the daemon again if its watchdog has died, too. It holds no lock, so that it does not outlive its jobs.
    fn revival(&self, start: &Arc<Start>) -> Revival {
        let start = Arc::downgrade(start);
        let (api, timeouts) = (self.api.clone(), self.timeouts);
        let looker = Self::of(api, None, timeouts);
        let (looker, is_begun) = (Arc::new(looker), Arc::new(AtomicBool::new(false)));
        Revival::new(move || {
            let Some(start) = start.upgrade().filter(|_| !is_begun.swap(true, Ordering::SeqCst)) else {
                return;
            };
            let (looker, is_begun) = (Arc::clone(&looker), Arc::clone(&is_begun));
            tokio::spawn(async move {
                if let Err(error) = start.start(&looker).await {
                    tracing::warn!("{error}");
                }
                is_begun.store(false, Ordering::SeqCst);
            });
        })
    }

    /// Whether an Ollama daemon answers, and nothing else.
    async fn look(&self) -> Result<(), RuntimeError> {
        let answer = self.api.get("/api/version", self.timeouts.answer).await.map_err(|error| {
            error.or_hint("start it with `ollama serve`, or give its address in OLLAMA_HOST or `base_url`")
        })?;
        if answer.status == StatusCode::FORBIDDEN {
            return Err(self.refused("refuses this host name", &answer).hint(
                "a daemon on the loopback knows only local names: use its address, or set OLLAMA_HOST on it",
            ));
        }
        match answer.json()["version"].as_str() {
            Some(MODEL_RUNNER_VERSION) => Err(RuntimeError::rejected(
                &self.api.place,
                "is Docker Model Runner's imitation, which drops the reply format",
                "",
            )
            .hint("use the client type \"docker_model_runner\" for it")),
            Some(version) => {
                tracing::debug!("{} is version {version}", self.api.place);
                Ok(())
            }
            None => Err(self
                .refused("is no Ollama server", &answer)
                .hint("check host, port and path; Ollama's default is port 11434, and a proxy may have it below a path")),
        }
    }

    /// What `/api/show` knows of a model, if the daemon has it.
    async fn show(&self, model: &str) -> Result<Option<Value>, RuntimeError> {
        let answer = self.api.post("/api/show", &json!({"model": model}), self.timeouts.answer).await?;
        match answer.status {
            StatusCode::OK => Ok(Some(answer.json())),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.refused(&format!("did not say whether it has {model:?}"), &answer)),
        }
    }

    /// Refuses a model that is there and not for `model_use`. Nothing is fetched, loaded or started, so a daemon that does
    /// not answer and a model that is not there are no failures.
    ///
    /// # Errors
    /// The model is not for this.
    pub async fn check(&self, model: &str, model_use: ModelUse) -> Result<(), RuntimeError> {
        match self.show(model.trim()).await {
            Ok(Some(shown)) => check(model_use, &self.api.place, model, &shown),
            Ok(None) | Err(_) => Ok(()),
        }
    }

    /// The model's name at this daemon and its description. A missing model is fetched if that is allowed.
    async fn find(&self, need: &Need, name: &Name) -> Result<(String, Value), RuntimeError> {
        let model = need.model.trim();
        if let Some(shown) = self.show(model).await? {
            return Ok((model.to_owned(), shown));
        }
        let present = self.present().await?;
        // Older daemons tell upper case from lower case.
        if let Some(same) = present.iter().find(|there| Name::parse(there).as_ref() == Ok(name))
            && let Some(shown) = self.show(same).await?
        {
            return Ok((same.clone(), shown));
        }
        if let Some(meant) = Name::behind_client_type(model) {
            return Err(self.prefixed(model, meant));
        }
        if !need.pull {
            return Err(self.missing(model, &present));
        }
        let (api, timeouts, progress) = (&self.api, &self.timeouts, &*self.progress);
        let body = json!({"model": model, "stream": true});
        Fetch { api, timeouts, model, path: "/api/pull", body, progress }.run(&Pull).await?;
        let shown = self.show(model).await?.ok_or_else(|| {
            let message = format!("{} fetched {model:?} and does not have it", self.api.place);
            RuntimeError::new(RuntimeErrorKind::PullFailed, message)
        })?;
        Ok((model.to_owned(), shown))
    }

    /// The models of this daemon, by name.
    async fn present(&self) -> Result<Vec<String>, RuntimeError> {
        let answer = self.api.get("/api/tags", self.timeouts.answer).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refused("did not list its models", &answer));
        }
        let json = answer.json();
        let names =
            json["models"].as_array().into_iter().flatten().filter_map(|model| model["name"].as_str());
        Ok(names.map(str::to_owned).collect())
    }

    /// The window with which the model is in memory now.
    async fn loaded(&self, name: &Name) -> Option<u32> {
        // The answer only saves a load, so a daemon without an answer is no failure.
        let answer = self.api.get("/api/ps", self.timeouts.answer).await.ok()?.json();
        let same = |model: &&Value| {
            let there = model["name"].as_str().map(Name::parse);
            there.is_some_and(|there| there.as_ref() == Ok(name))
        };
        tokens(&answer["models"].as_array()?.iter().find(same)?["context_length"])
    }

    fn missing(&self, model: &str, present: &[String]) -> RuntimeError {
        let list = match present {
            [] => "no model at all".to_owned(),
            names => short(&names.join(", ")),
        };
        let message = format!("{} does not have the model {model:?}; it has {list}", self.api.place);
        RuntimeError::new(RuntimeErrorKind::ModelMissing, message)
            .hint(format!("fetch it with `ollama pull {model}`, or name one of those"))
    }

    /// A model is not fetched from a namespace that is most likely not meant.
    fn prefixed(&self, model: &str, meant: &str) -> RuntimeError {
        let message = format!(
            "{} does not have the model {model:?}, and it is not fetched: what stands before the model's name would be a \
             namespace of Ollama's library, not the client type",
            self.api.place
        );
        RuntimeError::new(RuntimeErrorKind::ModelMissing, message).hint(format!(
            "write {meant:?}; if that namespace is meant, fetch the model yourself with `ollama pull {model}`"
        ))
    }

    fn refused(&self, what: &str, answer: &Answer) -> RuntimeError {
        self.api.refused(what, answer)
    }
}

#[async_trait]
impl Runtime for Ollama {
    async fn ensure_ready(&self) -> Result<(), RuntimeError> {
        let Some(start) = &self.start else { return self.look().await };
        start.use_it().await?;
        match self.look().await {
            Err(error) if error.kind == RuntimeErrorKind::Unreachable => start.start(self).await,
            seen => seen,
        }
    }

    async fn ensure_model(&self, need: &Need) -> Result<Endpoint, RuntimeError> {
        let name = Name::parse(&need.model).map_err(|why| {
            let message = format!("{:?} is no model name for Ollama: {why}", need.model);
            let meant = Name::behind_client_type(&need.model).map(|meant| format!("write {meant:?}: "));
            RuntimeError::new(RuntimeErrorKind::Rejected, message).hint(format!(
                "{}names look like llama3.2:3b, me/model:tag or hf.co/org/repo:Q4_K_M",
                meant.unwrap_or_default()
            ))
        })?;
        let (model, shown) = self.find(need, &name).await?;
        check(need.model_use, &self.api.place, &model, &shown)?;
        let forwards = forwards(&name, &shown);
        let known =
            Known { trained: trained(&shown), packaged: packaged(&shown), loaded: self.loaded(&name).await };
        let window = window::choose(need, known)?;
        let window = self.fit(need, &name, &shown, window, known.loaded).await?;
        let family = shown["details"]["family"].as_str().unwrap_or_default();
        // A daemon that lowers the number for another family writes that to its log only; calls beyond its slots then
        // wait in its queue.
        let told = self.start.as_ref().and_then(|start| start.slots());
        let slots =
            if ONE_SLOT.contains(&family) { Some(1) } else { self.slots.into_iter().chain(told).min() };
        let base_url = self.api.base_url().to_owned();
        Ok(Endpoint {
            base_url,
            model,
            context_window: Some(window),
            slots,
            forwards,
            is_window_certain: true,
            revival: self.start.as_ref().filter(|_| told.is_some()).map(|start| self.revival(start)),
        })
    }

    async fn warm_up(&self, need: &Need, endpoint: &Endpoint) -> Result<(), RuntimeError> {
        // Only num_ctx is sent: later calls leave every other option that a load depends on at its default, too.
        let mut body = json!({"model": endpoint.model, "messages": [], "stream": false});
        if let Some(window) = endpoint.context_window {
            body["options"] = json!({"num_ctx": window});
        }
        if let Some(keep_alive) = &need.keep_alive {
            body["keep_alive"] = keep_alive.clone();
        }
        let answer = self.api.post("/api/chat", &body, self.timeouts.load).await?;
        if answer.status != StatusCode::OK || answer.json()["error"].is_string() {
            let what = format!("could not load {:?}", endpoint.model);
            return Err(self.refused(&what, &answer).hint(
                "a smaller model, a smaller `num_ctx` or more memory may help; the daemon's log says more",
            ));
        }
        Ok(())
    }

    async fn shrink(&self, _endpoint: &Endpoint) -> Result<(), RuntimeError> {
        self.shrunk.get_or_try_init(|| self.fewer_slots()).await.copied()
    }

    async fn memory(&self, endpoint: &Endpoint) -> Option<String> {
        self.figures(endpoint).await
    }
}

/// A model that is not for this is refused before anything is loaded. One that chats does not embed: its runner is started
/// without that (Ollama 0.30 and later). Old versions do not tell what a model can.
fn check(model_use: ModelUse, place: &str, model: &str, shown: &Value) -> Result<(), RuntimeError> {
    let (wanted, what, hint) = match model_use {
        ModelUse::Chat => ("completion", "chat", "name a chat model".to_owned()),
        ModelUse::Embed => ("embedding", "embed", embedding_hint()),
    };
    let told = shown["capabilities"].as_array().into_iter().flatten();
    let told: Vec<_> = told.filter_map(Value::as_str).collect();
    if told.is_empty() || told.contains(&wanted) {
        return Ok(());
    }
    let what = format!("has {model:?}, which cannot {what}; it can");
    Err(RuntimeError::rejected(place, &what, &told.join(", ")).hint(hint))
}

/// How to get a model that embeds.
fn embedding_hint() -> String {
    let model = find("ollama").map_or("", |provider| provider.embedding_model);
    format!("fetch one that embeds with `ollama pull {model}`, and name it in `call_params.retrieval_model`")
}

/// Whether the daemon passes prompts for the model on to Ollama's own machines, of which is warned.
fn forwards(name: &Name, shown: &Value) -> bool {
    let forwards = name.is_cloud() || shown["remote_host"].as_str().is_some_and(|host| !host.is_empty());
    if forwards {
        tracing::warn!("{} runs on Ollama's machines: what it reads leaves this one", name.model());
    }
    forwards
}

/// The context that the model was trained for: `model_info` has it under `ARCHITECTURE.context_length`.
fn trained(shown: &Value) -> Option<u32> {
    let info = &shown["model_info"];
    let architecture = info["general.architecture"].as_str()?;
    tokens(&info[format!("{architecture}.context_length")])
}

/// The `num_ctx` of the model's Modelfile. `parameters` is a text with a name and a value a line.
fn packaged(shown: &Value) -> Option<u32> {
    let lines = shown["parameters"].as_str()?.lines();
    let mut words = lines.map(str::split_whitespace).find(|words| words.clone().next() == Some("num_ctx"))?;
    words.nth(1)?.parse().ok()
}

fn tokens(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|tokens| u32::try_from(tokens).ok()).filter(|&tokens| tokens > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_windows_are_read_from_a_description() {
        let shown = json!({
            "parameters": "num_keep                       24\nnum_ctx                        16384\nstop \"x\"",
            "model_info": {"general.architecture": "llama", "llama.context_length": 131_072},
        });
        assert_eq!((trained(&shown), packaged(&shown)), (Some(131_072), Some(16_384)));
        for shown in [json!({}), json!({"parameters": "", "model_info": {"general.architecture": "x"}})] {
            assert_eq!((trained(&shown), packaged(&shown)), (None, None));
        }
    }
}
