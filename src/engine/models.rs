//! Models by their keys: how a model is made ready, and the properties of a ready model.

use std::path::PathBuf;
use std::sync::Arc;

use reqwest::header::HeaderMap;

use super::EngineConfig;
use super::credentials::Credentials;
use super::window::Demand;
use crate::chat::providers::{Provider, RuntimeKind};
use crate::chat::{ChatClient, ChatError, ChatSettings, Seen, VendorOptions, base_url};
use crate::config;
use crate::error::Failure;
use crate::llama::{self, Engine, EngineSettings, Keeping};
use crate::runtimes::docker_model_runner::Seek;
use crate::runtimes::ollama::{Host, OpenAiRoute, Start, find_program, linger};
use crate::runtimes::probe::{self, Told};
use crate::runtimes::window::{self, Known};
use crate::runtimes::{
    DockerModelRunner, Endpoint, Need, Ollama, PullProgress, Runtime, RuntimeError, Timeouts,
};
use minions_machine::footprint::CacheType;
use minions_machine::plan::Wish;

/// The options that decide where a model runs and how. Equal keys mean one model in memory.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ModelKey {
    pub provider: &'static Provider,
    pub base_url: String,
    pub model: String,
    pub model_path: Option<PathBuf>,
    /// The number of calls that will run at the same time, if that is settled.
    pub lanes: Option<usize>,
    /// Whether the user gave that number.
    pub has_set_lanes: bool,
    /// Whether both sides of a job use it.
    pub serves_both_sides: bool,
    pub num_ctx: Option<u32>,
    /// Whether it is fetched if it is not there.
    pub fetches: bool,
    pub vendor: VendorOptions,
    /// What goes with each question to the server.
    pub credentials: Credentials,
    /// The settings with which the server is looked at; `None` if it is not, or if its runtime looks for itself.
    pub look: Option<ChatSettings>,
}

/// A model that is ready.
pub(super) enum Ready {
    /// A model in this process.
    Embedded(Engine),
    /// A model of a runtime that was asked for it, with a window that minions chose.
    Managed(Endpoint, Arc<dyn Runtime>),
    /// A model of a server that is used as it is found. `is_in_doubt`: it may not be there. `ollama`: the Ollama that the
    /// server is.
    Foreign { endpoint: Endpoint, is_in_doubt: bool, ollama: Option<Arc<OpenAiRoute>> },
}

impl Ready {
    /// The number of calls that it works on at the same time, if that is known.
    pub(super) fn slots(&self) -> Option<usize> {
        match self {
            Self::Embedded(engine) => Some(engine.lanes()),
            Self::Managed(endpoint, _) | Self::Foreign { endpoint, .. } => endpoint.slots,
        }
    }

    /// Whether its server speaks against it, in a way that a call may refute.
    pub(super) fn is_in_doubt(&self) -> bool {
        matches!(self, Self::Foreign { is_in_doubt: true, .. })
    }

    /// The Ollama behind the routes of OpenAI's dialect.
    pub(super) fn ollama(&self) -> Option<&OpenAiRoute> {
        if let Self::Foreign { ollama, .. } = self { ollama.as_deref() } else { None }
    }

    /// Whether the server forwards prompts to another host, even if it runs here.
    pub(super) fn forwards(&self) -> bool {
        match self {
            Self::Embedded(_) => false,
            Self::Managed(endpoint, _) | Self::Foreign { endpoint, .. } => endpoint.forwards,
        }
    }

    /// Whether all slots share one cache of prefixes. llama.cpp's server, which also runs within Ollama and Docker
    /// Model Runner, has a cache for each slot, and reports its slots; other servers are taken to share one.
    pub(super) fn shares_prefixes(&self) -> bool {
        match self {
            Self::Embedded(_) => true,
            Self::Managed(..) => false,
            Self::Foreign { endpoint, .. } => endpoint.slots.is_none(),
        }
    }

    /// Whether the model has its window for certain.
    pub(super) fn is_window_certain(&self) -> bool {
        match self {
            Self::Embedded(_) => true,
            Self::Managed(endpoint, _) | Self::Foreign { endpoint, .. } => endpoint.is_window_certain,
        }
    }

    /// Whether its server loads it when it is first called.
    pub(super) fn is_loaded_on_demand(&self) -> bool {
        matches!(self, Self::Managed(..))
    }

    /// The context window in tokens of prompt and reply, if that is known.
    pub(super) fn window(&self) -> Option<u32> {
        match self {
            Self::Embedded(engine) => Some(engine.context_window()),
            Self::Managed(endpoint, _) | Self::Foreign { endpoint, .. } => endpoint.context_window,
        }
    }
}

impl ModelKey {
    /// Whether minions chooses the context window.
    pub(super) fn has_window_of_ours(&self) -> bool {
        self.num_ctx.is_none()
            && match self.provider.runtime {
                RuntimeKind::Embedded | RuntimeKind::Ollama | RuntimeKind::DockerModelRunner => true,
                RuntimeKind::Foreign => false,
            }
    }

    /// Makes the model ready with a window for `demand`. `client` is for a look at a server that is used as it is found.
    pub(super) async fn open(
        self,
        demand: Demand,
        client: Option<Arc<dyn ChatClient>>,
        engine: Arc<EngineConfig>,
        pulls: Arc<dyn PullProgress>,
    ) -> Result<Ready, Failure> {
        let timeouts = Timeouts::default();
        match self.provider.runtime {
            RuntimeKind::Embedded => Ok(Ready::Embedded(self.load(demand, engine.keeping()).await?)),
            RuntimeKind::Ollama => {
                let runtime = self.ollama(&engine, timeouts)?.reporting(pulls);
                self.manage(Arc::new(runtime), demand).await
            }
            RuntimeKind::DockerModelRunner => {
                let runtime = self.model_runner(&engine, timeouts)?.reporting(pulls);
                self.manage(Arc::new(runtime), demand).await
            }
            RuntimeKind::Foreign => self.look_at(client, demand).await,
        }
    }

    /// A model of a server that is used as it is found, with what it reports of itself.
    async fn look_at(self, client: Option<Arc<dyn ChatClient>>, demand: Demand) -> Result<Ready, Failure> {
        let look = async {
            match client {
                Some(client) => client.look().await,
                None => Ok(Seen::default()),
            }
        };
        // The supervisor's server gets a key with its calls alone.
        let headers = match self.look {
            Some(_) => self.credentials.header_map(self.provider)?,
            None => HeaderMap::new(),
        };
        let (Told { props, ollama }, seen) = tokio::join!(self.told(&headers), look);
        let seen = seen?;
        let found = match ollama {
            Some(ollama) => {
                let served = ollama.served(&self.model, demand.likely > config::OLLAMA_WINDOW).await;
                served.map(|served| (served, Arc::new(ollama)))
            }
            None => None,
        };
        let (served, ollama) = found.unzip();
        let served = served.unwrap_or_default();
        let endpoint = Endpoint {
            base_url: self.base_url,
            model: self.model,
            context_window: props.context_window.or(served.window).or(seen.window),
            slots: props.slots,
            forwards: served.forwards,
            is_window_certain: true,
            revival: None,
        };
        Ok(Ready::Foreign { endpoint, is_in_doubt: seen.is_in_doubt, ollama })
    }

    /// What the server tells of itself. A vendor is not asked, nor a supervisor's server elsewhere.
    async fn told(&self, headers: &HeaderMap) -> Told {
        let is_vendor = !self.provider.local && self.provider.is_vendor(&self.base_url);
        let is_asked = base_url::is_private(&self.base_url) || self.look.is_some() && !is_vendor;
        if is_asked { probe::told(&self.base_url, headers).await } else { Told::default() }
    }

    /// Has `runtime` find or fetch the model, and load it in the background.
    async fn manage(self, runtime: Arc<dyn Runtime>, demand: Demand) -> Result<Ready, Failure> {
        let need = Need {
            slots: self.lanes,
            has_set_slots: self.has_set_lanes,
            pull: self.fetches,
            keep_alive: self.vendor.keep_alive().cloned(),
            ..demand.of(self.model)
        };
        runtime.ensure_ready().await?;
        let endpoint = runtime.ensure_model(&need).await?;
        let Credentials { api_key, headers, .. } = &self.credentials;
        let has_any = api_key.is_some() || !headers.is_empty();
        if has_any && !base_url::is_same_server(&self.base_url, &endpoint.base_url) {
            tracing::warn!(
                "the key and the headers for {} do not go to {}, where its server was found",
                base_url::shown(&self.base_url),
                base_url::shown(&endpoint.base_url)
            );
        }
        tokio::spawn({
            let (endpoint, runtime) = (endpoint.clone(), Arc::clone(&runtime));
            // The load runs during the supervisor's first call. A failure shows again at the worker's first call.
            async move {
                if let Err(error) = runtime.warm_up(&need, &endpoint).await {
                    tracing::warn!("the model is not loaded ahead: {error}");
                }
            }
        });
        Ok(Ready::Managed(endpoint, runtime))
    }

    async fn load(&self, demand: Demand, keeping: Keeping) -> Result<Engine, Failure> {
        // A checked job names a file for this provider; without one the engine reports an unusable path.
        let path = self.model_path.clone().unwrap_or_default();
        let (n_gpu_layers, chat_format, threads, kv_type) = match &self.vendor {
            VendorOptions::LlamaCpp { n_gpu_layers, chat_format, n_threads, kv_type } => {
                (*n_gpu_layers, chat_format.clone(), *n_threads, *kv_type)
            }
            _ => (None, None, None, CacheType::F16),
        };
        llama::check_built()?;
        let info = llama::inspect(&path)?.with_cache(kv_type);
        let file = path.display().to_string();
        let window = chosen(demand, file.clone(), Some(info.trained_context))?;
        let wish = Wish {
            window,
            least_window: window::least(&demand.of(file.clone()), window),
            // The supervisor's conversation keeps a lane, or each turn would evaluate it anew.
            slots: self.lanes.unwrap_or(config::WORKER_CONCURRENCY) + usize::from(self.serves_both_sides),
            least_slots: self.lanes.filter(|_| self.has_set_lanes).unwrap_or(1),
        };
        let (n_ctx, lanes) = llama::memory::choose(&info, &path, wish)?;
        let engine = Engine::load(EngineSettings {
            n_ctx,
            model_path: path,
            lanes,
            n_gpu_layers,
            chat_format,
            threads,
            kv_type,
            keeping,
        })
        .await
        .map_err(|error| of_file(&file, error))?;
        Ok(engine)
    }

    /// The daemon. It is started if none answers, its address is on this machine, and the program `ollama` is found.
    fn ollama(&self, engine: &EngineConfig, timeouts: Timeouts) -> Result<Ollama, Failure> {
        let headers = self.credentials.header_map(self.provider)?;
        let ollama = Ollama::new(&self.base_url, self.lanes, timeouts)?.with_headers(headers);
        let environment = &engine.environment;
        let read = |text: &str| Host::read(text).ok();
        let told = environment.get(config::ENV_OLLAMA_HOST).and_then(read);
        // The daemon listens at the address that the user gives, which may be more than the one that calls go to.
        let host = told.filter(|told| told.client_url() == self.base_url).or_else(|| read(&self.base_url));
        let program = find_program("ollama", environment.get("PATH").unwrap_or_default());
        let start = program.zip(engine.program.as_ref()).zip(host.filter(Host::is_local));
        let Some(((program, minions), host)) = start else {
            return Ok(ollama);
        };
        let mut start = Start::new(minions, program, host, environment.locks());
        if let Some(text) = environment.get(config::ENV_LINGER) {
            start.linger = linger(text)?;
        }
        start.environment = environment.all();
        Ok(ollama.starting(start))
    }

    /// The runner. It is looked for and started if none answers and its address is on this machine.
    fn model_runner(&self, engine: &EngineConfig, timeouts: Timeouts) -> Result<DockerModelRunner, Failure> {
        let headers = self.credentials.header_map(self.provider)?;
        let environment = &engine.environment;
        let version = environment.get(config::ENV_MODEL_RUNNER_VERSION).unwrap_or("latest").to_owned();
        let seek = Seek { engines: environment.docker_engines(), version };
        let cache_ram = environment.get(config::ENV_CACHE_RAM).and_then(|megabytes| megabytes.parse().ok());
        Ok(DockerModelRunner::new(&self.base_url, timeouts)?
            .with_headers(headers)
            .seeking(seek)
            .keeping(cache_ram))
    }
}

/// The window in tokens for `demand` of a model or server whose longest window is `longest`.
///
/// # Errors
/// The longest window is too short for the demand.
pub(super) fn chosen(demand: Demand, model: String, longest: Option<u32>) -> Result<u32, RuntimeError> {
    window::choose(&demand.of(model), Known { trained: longest, ..Known::default() })
}

/// The same error with the model's file, if it does not name it.
fn of_file(file: &str, error: ChatError) -> ChatError {
    match error.message.contains(file) {
        true => error,
        false => ChatError { message: format!("the model {file}: {}", error.message), ..error },
    }
}
