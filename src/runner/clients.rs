//! From the two sides that a job names to two clients that are ready to talk.
//!
//! What costs nothing is checked first (keys, addresses), then the local servers are asked for their models.

use std::path::PathBuf;
use std::sync::Arc;

use super::Runner;
use super::window::{self, Demand};
use crate::chat::llama_cpp::{self, Engine, EngineSettings, Sampling};
use crate::chat::{self, ChatClient, ChatError, ChatErrorKind, ChatSettings};
use crate::config::{self, Environment};
use crate::error::{Exit, Failure};
use crate::job::{ClientSpec, Job, Protocol};
use crate::protocols::{Station, Stations};
use crate::runtimes::docker_model_runner::Seek;
use crate::runtimes::ollama::{Host, Start, find_program};
use crate::runtimes::window::Known;
use crate::runtimes::{
    self, DockerModelRunner, Endpoint, Limits, Need, Ollama, Runtime, RuntimeError, probe,
};
use crate::secrets::Secret;

/// Both sides, ready to talk.
pub(super) struct Clients {
    pub supervisor: Arc<Stations>,
    pub worker: Arc<Stations>,
    /// The longest chunk that the worker can read, in characters, if that is known.
    pub max_chunk_chars: Option<usize>,
    /// The local servers: what they have started stays up as long as they are held.
    _runtimes: Vec<Arc<dyn Runtime>>,
}

/// One side, ready to talk.
struct Opened {
    client: Arc<dyn ChatClient>,
    window: Option<u32>,
    slots: Option<usize>,
    runtime: Option<Arc<dyn Runtime>>,
}

/// One side as the job wants it.
struct Wanted<'a> {
    spec: &'a ClientSpec,
    base_url: String,
    demand: Demand,
    lanes: Option<usize>,
    /// The other side talks to the same model.
    shared: bool,
    temperature: Option<f64>,
    max_tokens: Option<u32>,
}

pub(super) async fn open(job: &Job, runner: &Runner) -> Result<Clients, Failure> {
    let mut worker = Wanted::worker(job, &runner.environment);
    let mut supervisor = Wanted::supervisor(job, &runner.environment);
    if worker.same_model(&supervisor) {
        // One model in memory has one window: two would load it anew at every change of sides.
        let demand = worker.demand.max(supervisor.demand);
        (worker.demand, supervisor.demand) = (demand, demand);
        worker.shared = true;
    }
    let checked_supervisor = supervisor.check(runner)?;
    let checked_worker = worker.check(runner)?;
    let mut engine = None;
    let opened_worker = worker.open(runner, checked_worker, &mut engine).await?;
    let opened_supervisor = supervisor.open(runner, checked_supervisor, &mut engine).await?;
    Ok(Clients {
        // It is asked one thing at a time.
        supervisor: Stations::new(vec![Station::new(opened_supervisor.client, supervisor.lanes)]),
        max_chunk_chars: opened_worker.window.map(window::chunk_chars),
        worker: Stations::new(vec![Station::new(opened_worker.client, worker.lanes.or(opened_worker.slots))]),
        _runtimes: [opened_worker.runtime, opened_supervisor.runtime].into_iter().flatten().collect(),
    })
}

impl<'a> Wanted<'a> {
    fn worker(job: &'a Job, environment: &Environment) -> Self {
        let spec = &job.local;
        let (samples, batch) = match &job.protocol {
            Protocol::Minion => (1, Some(1)),
            Protocol::Minions(params) => (params.num_samples_per_task, params.worker_batch_size),
        };
        // Facts are wanted, not ideas; but samples must differ.
        let temperature = if samples > 1 { 0.7 } else { 0.0 };
        let base_url = base_url(spec, environment);
        let bounded = (spec.provider.local || crate::http::is_private(&base_url)) && !spec.kwargs.thinking;
        Self {
            spec,
            base_url,
            demand: Demand::of_worker(job),
            lanes: spec.kwargs.max_concurrency.or(batch),
            shared: false,
            temperature: spec.kwargs.temperature.or(Some(temperature)),
            max_tokens: spec.kwargs.max_tokens.or(bounded.then_some(config::REPLY_TOKENS)),
        }
    }

    fn supervisor(job: &'a Job, environment: &Environment) -> Self {
        let spec = &job.remote;
        Self {
            spec,
            base_url: base_url(spec, environment),
            demand: Demand::of_supervisor(job),
            lanes: Some(1),
            shared: false,
            temperature: spec.kwargs.temperature,
            max_tokens: spec.kwargs.max_tokens,
        }
    }

    fn same_model(&self, other: &Self) -> bool {
        self.spec.provider.name == other.spec.provider.name
            && self.spec.model_path == other.spec.model_path
            && (self.spec.is_embedded() || (self.base_url == other.base_url && self.model() == other.model()))
    }

    fn connect(&self, runner: &Runner, endpoint: Option<&Endpoint>) -> Result<Arc<dyn ChatClient>, Failure> {
        chat::connect(self.spec.provider, self.settings(runner, endpoint)).map_err(unusable)
    }

    /// The client as the job alone describes it; none for the embedded engine. Makes no call.
    fn check(&self, runner: &Runner) -> Result<Option<Arc<dyn ChatClient>>, Failure> {
        if self.spec.is_embedded() { Ok(None) } else { self.connect(runner, None).map(Some) }
    }

    async fn open(
        &self,
        runner: &Runner,
        checked: Option<Arc<dyn ChatClient>>,
        engine: &mut Option<(PathBuf, Engine)>,
    ) -> Result<Opened, Failure> {
        if let Some(path) = &self.spec.model_path {
            return self.open_embedded(path, engine).await;
        }
        let (endpoint, runtime) = self.endpoint(runner).await?;
        let client = match checked {
            // Nothing was learnt that it does not know, and reading the root certificates takes its time.
            Some(client) if runtime.is_none() => client,
            _ => self.connect(runner, Some(&endpoint))?,
        };
        Ok(Opened { client, window: endpoint.context_window, slots: endpoint.slots, runtime })
    }

    async fn open_embedded(
        &self,
        path: &PathBuf,
        engine: &mut Option<(PathBuf, Engine)>,
    ) -> Result<Opened, Failure> {
        let engine = match engine {
            Some((loaded, engine)) if loaded == path => engine.clone(),
            _ => {
                let trained = llama_cpp::inspect(path)?.trained_context;
                let loaded = Engine::load(EngineSettings {
                    model_path: path.clone(),
                    n_ctx: runtimes::window::choose(
                        &self.demand.of(path.display().to_string()),
                        of_model(Some(trained)),
                    )?,
                    // The supervisor's conversation keeps a lane, or each turn would evaluate it anew.
                    lanes: self.lanes.unwrap_or(config::WORKER_CONCURRENCY) + usize::from(self.shared),
                    n_gpu_layers: self.spec.kwargs.n_gpu_layers,
                    chat_format: self.spec.kwargs.chat_format.clone(),
                    threads: self.spec.kwargs.n_threads,
                })
                .await?;
                engine.insert((path.clone(), loaded)).1.clone()
            }
        };
        let client = engine.client(Sampling {
            temperature: self.temperature,
            max_tokens: self.max_tokens,
            seed: self.spec.kwargs.seed,
        });
        Ok(Opened {
            client: Arc::new(client),
            window: Some(engine.context_window()),
            slots: Some(engine.lanes()),
            runtime: None,
        })
    }

    /// The server with the model, asked for both where it is ours to ask.
    async fn endpoint(&self, runner: &Runner) -> Result<(Endpoint, Option<Arc<dyn Runtime>>), Failure> {
        let limits = Limits::default();
        let runtime: Arc<dyn Runtime> = match self.spec.provider.name {
            "ollama" => Arc::new(self.ollama(runner, limits)?),
            "docker_model_runner" => Arc::new(self.model_runner(runner, limits)?),
            _ => {
                let props = probe::props(&self.base_url).await.unwrap_or_default();
                runtimes::window::choose(&self.demand.of(self.model()), of_model(props.context_window))?;
                let endpoint = Endpoint {
                    base_url: self.base_url.clone(),
                    model: self.model(),
                    context_window: props.context_window,
                    slots: props.slots,
                };
                return Ok((endpoint, None));
            }
        };
        let need = Need {
            slots: self.lanes,
            pull: true,
            keep_alive: self.spec.kwargs.keep_alive.clone(),
            ..self.demand.of(self.model())
        };
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
        Ok((endpoint, Some(runtime)))
    }

    /// The daemon, which is started where none answers, it would run on this machine and `ollama` is there.
    fn ollama(&self, runner: &Runner, limits: Limits) -> Result<Ollama, RuntimeError> {
        let ollama = Ollama::new(&self.base_url, self.lanes, limits)?;
        let environment = &runner.environment;
        let told = environment.get(config::ENV_OLLAMA_HOST).map(Host::parse);
        // It listens where the user says, which may be on more than the address that we ask.
        let host = told.filter(|told| told.client_url() == self.base_url);
        let host = host.unwrap_or_else(|| Host::parse(&self.base_url));
        let program = find_program("ollama", environment.get("PATH").unwrap_or_default());
        Ok(match program.filter(|_| host.is_local()) {
            Some(program) => ollama.starting(Start::new(&runner.program, program, host, environment.locks())),
            None => ollama,
        })
    }

    /// The runner, which is looked for and started where none answers and it would be on this machine.
    fn model_runner(&self, runner: &Runner, limits: Limits) -> Result<DockerModelRunner, RuntimeError> {
        let environment = &runner.environment;
        let version = environment.get(config::ENV_MODEL_RUNNER_VERSION).unwrap_or("latest").to_owned();
        let seek = Seek { engines: environment.docker_engines(), version };
        Ok(DockerModelRunner::new(&self.base_url, limits)?.seeking(seek))
    }

    fn model(&self) -> String {
        self.spec.model.clone().unwrap_or_else(|| self.spec.provider.model.to_owned())
    }

    fn settings(&self, runner: &Runner, endpoint: Option<&Endpoint>) -> ChatSettings {
        let kwargs = &self.spec.kwargs;
        let from_environment = || {
            let value = self.spec.provider.key_env.iter().find_map(|name| runner.environment.get(name));
            value.map(Secret::new)
        };
        ChatSettings {
            model: endpoint.map_or_else(|| self.model(), |endpoint| endpoint.model.clone()),
            base_url: endpoint.map_or(&self.base_url, |endpoint| &endpoint.base_url).clone(),
            api_key: kwargs.api_key.clone().or_else(from_environment),
            timeout: self.spec.timeout,
            retries: kwargs.retries.unwrap_or(config::RETRIES),
            temperature: self.temperature,
            max_tokens: self.max_tokens,
            seed: kwargs.seed,
            num_ctx: endpoint.and_then(|endpoint| endpoint.context_window),
            thinking: kwargs.thinking,
            keep_alive: kwargs.keep_alive.clone(),
        }
    }
}

/// Where the side's server is: the job's word, then the environment's, then the default; the job's port last.
fn base_url(spec: &ClientSpec, environment: &Environment) -> String {
    if let Some(url) = &spec.kwargs.base_url {
        return url.clone();
    }
    let provider = spec.provider;
    let url = match provider.base_url_env.iter().find_map(|name| environment.get(name)) {
        Some(host) if provider.name == "ollama" => Host::parse(host).client_url(),
        Some(host) if provider.local && !host.contains("://") => {
            format!("http://{}", host.trim_end_matches('/'))
        }
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => provider.base_url.to_owned(),
    };
    let Some(port) = spec.port else { return url };
    let with_port = || {
        let mut parsed = reqwest::Url::parse(&url).ok()?;
        provider.port.and(parsed.set_port(Some(port)).ok())?;
        Some(parsed.as_str().trim_end_matches('/').to_owned())
    };
    with_port().unwrap_or_else(|| {
        tracing::warn!("{}.port has no effect on {}; use kwargs.base_url", spec.side, provider.name);
        url.clone()
    })
}

/// A model or server with a fixed longest window.
fn of_model(longest: Option<u32>) -> Known {
    Known { trained: longest, ..Known::default() }
}

/// A side that can't be used as the job has it: nothing was sent.
fn unusable(error: ChatError) -> Failure {
    let is_input = matches!(error.kind, ChatErrorKind::Auth | ChatErrorKind::Rejected);
    let exit = if is_input { Exit::Input } else { Exit::Failed };
    Failure { exit, ..Failure::from(error) }
}
