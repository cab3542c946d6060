//! A place where a model runs: how it is made ready, and what is known of it then.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::EngineConfig;
use super::window::Demand;
use crate::config;
use crate::error::Failure;
use crate::llama::{self, Engine, EngineSettings};
use crate::runtimes::docker_model_runner::Seek;
use crate::runtimes::ollama::{Host, Start, find_program};
use crate::runtimes::window::{self, Known};
use crate::runtimes::{
    DockerModelRunner, Endpoint, Limits, Need, Ollama, PullProgress, Runtime, RuntimeError, probe,
};

/// What decides where a model runs and how. Equal places are one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ModelKey {
    /// The provider's name.
    pub provider: &'static str,
    pub base_url: String,
    pub model: String,
    pub model_path: Option<PathBuf>,
    /// Calls that will run at the same time, if that is settled.
    pub lanes: Option<usize>,
    /// Both sides of a job talk to it.
    pub shared: bool,
    pub num_ctx: Option<u32>,
    pub keep_alive: Option<Value>,
    pub n_gpu_layers: Option<u32>,
    pub chat_format: Option<String>,
    pub n_threads: Option<u32>,
}

/// A model that is ready.
pub(super) enum Ready {
    /// In this process.
    Engine(Engine),
    /// Behind a URL; with the runtime if it was ours to ask.
    Server(Endpoint, Option<Arc<dyn Runtime>>),
}

impl Ready {
    /// Calls that it works on at the same time, if it tells.
    pub(super) fn slots(&self) -> Option<usize> {
        match self {
            Self::Engine(engine) => Some(engine.lanes()),
            Self::Server(endpoint, _) => endpoint.slots,
        }
    }

    /// Whether it passes on what it is told, wherever it is itself.
    pub(super) fn leaves(&self) -> bool {
        matches!(self, Self::Server(Endpoint { leaves: true, .. }, _))
    }

    /// Whether what one of its slots has read is there for the others. Not in llama.cpp's server, which is also within
    /// Ollama and Docker Model Runner, and which tells its slots; others are taken to have a cache for all.
    pub(super) fn shares_prefixes(&self) -> bool {
        match self {
            Self::Engine(_) => true,
            Self::Server(endpoint, runtime) => runtime.is_none() && endpoint.slots.is_none(),
        }
    }

    /// Tokens of prompt and reply that one call may have, if that is known.
    pub(super) fn window(&self) -> Option<u32> {
        match self {
            Self::Engine(engine) => Some(engine.context_window()),
            Self::Server(endpoint, _) => endpoint.context_window,
        }
    }
}

impl ModelKey {
    /// Whether its window is ours to choose.
    pub(super) fn has_window_of_ours(&self) -> bool {
        self.num_ctx.is_none()
            && (self.model_path.is_some() || matches!(self.provider, "ollama" | "docker_model_runner"))
    }

    /// Makes the model ready with a window for `demand`.
    pub(super) async fn open(
        self,
        demand: Demand,
        engine: Arc<EngineConfig>,
        pulls: Arc<dyn PullProgress>,
    ) -> Result<Ready, Failure> {
        if let Some(path) = &self.model_path {
            return Ok(Ready::Engine(self.load(path.clone(), demand).await?));
        }
        let limits = Limits::default();
        let runtime: Arc<dyn Runtime> = match self.provider {
            "ollama" => Arc::new(self.ollama(&engine, limits)?.reporting(pulls)),
            "docker_model_runner" => Arc::new(self.model_runner(&engine, limits)?.reporting(pulls)),
            _ => {
                let props = probe::props(&self.base_url).await.unwrap_or_default();
                let endpoint = Endpoint {
                    base_url: self.base_url,
                    model: self.model,
                    context_window: props.context_window,
                    slots: props.slots,
                    leaves: false,
                    kept: false,
                };
                return Ok(Ready::Server(endpoint, None));
            }
        };
        let need =
            Need { slots: self.lanes, pull: true, keep_alive: self.keep_alive, ..demand.of(self.model) };
        runtime.ensure_ready().await?;
        let endpoint = runtime.ensure_model(&need).await?;
        tokio::spawn({
            let (endpoint, runtime) = (endpoint.clone(), Arc::clone(&runtime));
            // Beside the supervisor's first call; a failure shows again at the worker's first call.
            async move {
                if let Err(error) = runtime.warm_up(&need, &endpoint).await {
                    tracing::warn!("the model is not loaded ahead: {error}");
                }
            }
        });
        Ok(Ready::Server(endpoint, Some(runtime)))
    }

    async fn load(&self, path: PathBuf, demand: Demand) -> Result<Engine, Failure> {
        let trained = llama::inspect(&path)?.trained_context;
        let engine = Engine::load(EngineSettings {
            n_ctx: chosen(demand, path.display().to_string(), Some(trained))?,
            model_path: path,
            // The supervisor's conversation keeps a lane, or each turn would evaluate it anew.
            lanes: self.lanes.unwrap_or(config::WORKER_CONCURRENCY) + usize::from(self.shared),
            n_gpu_layers: self.n_gpu_layers,
            chat_format: self.chat_format.clone(),
            threads: self.n_threads,
        })
        .await?;
        Ok(engine)
    }

    /// The daemon, which is started where none answers, it would run on this machine and `ollama` is there.
    fn ollama(&self, engine: &EngineConfig, limits: Limits) -> Result<Ollama, RuntimeError> {
        let ollama = Ollama::new(&self.base_url, self.lanes, limits)?;
        let environment = &engine.environment;
        let told = environment.get(config::ENV_OLLAMA_HOST).map(Host::parse);
        // It listens where the user says, which may be on more than the address that we ask.
        let host = told.filter(|told| told.client_url() == self.base_url);
        let host = host.unwrap_or_else(|| Host::parse(&self.base_url));
        let program = find_program("ollama", environment.get("PATH").unwrap_or_default());
        Ok(match program.zip(engine.program.as_ref()).filter(|_| host.is_local()) {
            Some((program, minions)) => {
                ollama.starting(Start::new(minions, program, host, environment.locks()))
            }
            None => ollama,
        })
    }

    /// The runner, which is looked for and started where none answers and it would be on this machine.
    fn model_runner(&self, engine: &EngineConfig, limits: Limits) -> Result<DockerModelRunner, RuntimeError> {
        let environment = &engine.environment;
        let version = environment.get(config::ENV_MODEL_RUNNER_VERSION).unwrap_or("latest").to_owned();
        let seek = Seek { engines: environment.docker_engines(), version };
        Ok(DockerModelRunner::new(&self.base_url, limits)?.seeking(seek))
    }
}

/// The window for `demand` of a model or server with a fixed longest one.
pub(super) fn chosen(demand: Demand, model: String, longest: Option<u32>) -> Result<u32, RuntimeError> {
    window::choose(&demand.of(model), Known { trained: longest, ..Known::default() })
}
