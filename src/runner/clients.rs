//! From the two sides that a job names to two clients that are ready to talk.
//!
//! What costs nothing is checked first (keys, addresses), then the local servers are asked for their models.

use std::sync::Arc;

use super::address::base_url;
use super::places::{Place, Ready, chosen};
use super::window::{self, Demand};
use super::workshop::Workshop;
use crate::chat::llama_cpp::Sampling;
use crate::chat::{self, ChatClient, ChatError, ChatErrorKind, ChatSettings, Embedder};
use crate::config::{self, Environment};
use crate::error::{Exit, Failure};
use crate::job::{ClientSpec, Job, MinionsParams, Protocol};
use crate::protocols::{Station, Stations};
use crate::runtimes::{Endpoint, Need};
use crate::sandbox::Search;
use crate::secrets::Secret;

/// Both sides, ready to talk.
pub(super) struct Clients {
    pub supervisor: Arc<Stations>,
    pub worker: Arc<Stations>,
    /// The longest chunk that the worker can read, in characters, if that is known.
    pub max_chunk_chars: Option<usize>,
    /// Who embeds texts on the local side, if the job wants it.
    pub embedder: Option<Arc<dyn Embedder>>,
    /// The servers: what was started for them stays up as long as they are held.
    _ready: [Arc<Ready>; 2],
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

/// Opens both sides of `job` with what the workshop has already.
pub(super) async fn open(job: &Job, workshop: &Workshop) -> Result<Clients, Failure> {
    let (worker, supervisor) = sides(job, workshop);
    let checked_supervisor = supervisor.check(workshop)?;
    let checked_worker = worker.check(workshop)?;
    let worker_ready = workshop.ready(worker.place(), worker.demand).await?;
    let supervisor_ready = match worker.shared {
        true => Arc::clone(&worker_ready),
        false => workshop.ready(supervisor.place(), supervisor.demand).await?,
    };
    let client = worker.client(workshop, checked_worker, &worker_ready)?;
    let environment = &workshop.surroundings.environment;
    let settings = worker.settings(environment, worker_ready.endpoint());
    let slots = worker.lanes.or(worker_ready.slots());
    let supervisor_client = supervisor.client(workshop, checked_supervisor, &supervisor_ready)?;
    let supervisor_client = workshop.metered(&supervisor.base_url, supervisor_client);
    Ok(Clients {
        // It is asked one thing at a time.
        supervisor: Stations::new(vec![Station::new(supervisor_client, supervisor.lanes)]),
        worker: workshop.stations(worker.place(), settings, slots, client),
        embedder: worker.embedder(job, environment, &worker_ready).await?,
        max_chunk_chars: worker_ready.window().map(window::chunk_chars),
        _ready: [worker_ready, supervisor_ready],
    })
}

/// What is wrong with the sides of `job`, as far as that shows without a call.
pub(super) fn check(job: &Job, workshop: &Workshop) -> Result<(), Failure> {
    let (worker, supervisor) = sides(job, workshop);
    supervisor.check(workshop)?;
    worker.check(workshop)?;
    Ok(())
}

/// The worker and the supervisor.
fn sides<'a>(job: &'a Job, workshop: &Workshop) -> (Wanted<'a>, Wanted<'a>) {
    let environment = &workshop.surroundings.environment;
    let mut worker = Wanted::worker(job, environment, workshop.is_for_many());
    let mut supervisor = Wanted::supervisor(job, environment);
    if worker.same_model(&supervisor) {
        // One model in memory has one window: two would load it anew at every change of sides.
        let demand = worker.demand.max(supervisor.demand);
        (worker.demand, supervisor.demand) = (demand, demand);
        worker.shared = true;
    }
    (worker, supervisor)
}

impl<'a> Wanted<'a> {
    fn worker(job: &'a Job, environment: &Environment, among_many: bool) -> Self {
        let spec = &job.local;
        let (samples, batch) = match &job.protocol {
            // One call at a time is the job's, but the slots are for all jobs.
            Protocol::Minion => (1, (!among_many).then_some(1)),
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

    /// Where its model is.
    fn place(&self) -> Place {
        let kwargs = &self.spec.kwargs;
        Place {
            provider: self.spec.provider.name,
            base_url: self.base_url.clone(),
            model: self.model(),
            model_path: self.spec.model_path.clone(),
            lanes: self.lanes,
            shared: self.shared,
            num_ctx: kwargs.num_ctx,
            keep_alive: kwargs.keep_alive.clone(),
            n_gpu_layers: kwargs.n_gpu_layers,
            chat_format: kwargs.chat_format.clone(),
            n_threads: kwargs.n_threads,
        }
    }

    /// The client as the job alone describes it; none for the embedded engine. Makes no call.
    fn check(&self, workshop: &Workshop) -> Result<Option<Arc<dyn ChatClient>>, Failure> {
        if self.spec.is_embedded() { Ok(None) } else { self.connect(workshop, None).map(Some) }
    }

    fn connect(
        &self,
        workshop: &Workshop,
        endpoint: Option<&Endpoint>,
    ) -> Result<Arc<dyn ChatClient>, Failure> {
        let settings = self.settings(&workshop.surroundings.environment, endpoint);
        let provider = self.spec.provider;
        workshop
            .client(provider.name, settings, |settings| chat::connect(provider, settings))
            .map_err(unusable)
    }

    /// The client for a side whose server is known.
    fn client(
        &self,
        workshop: &Workshop,
        checked: Option<Arc<dyn ChatClient>>,
        ready: &Ready,
    ) -> Result<Arc<dyn ChatClient>, Failure> {
        match (ready, checked) {
            (Ready::Engine(engine), _) => {
                let path = self.spec.model_path.as_deref().map(|path| path.display().to_string());
                chosen(self.demand, path.unwrap_or_default(), Some(engine.context_window()))?;
                let sampling = Sampling {
                    temperature: self.temperature,
                    max_tokens: self.max_tokens,
                    seed: self.spec.kwargs.seed,
                };
                Ok(Arc::new(engine.client(sampling)))
            }
            (Ready::Server(endpoint, None), checked) => {
                chosen(self.demand, self.model(), endpoint.context_window)?;
                // Nothing was learnt that the client does not know.
                checked.map_or_else(|| self.connect(workshop, Some(endpoint)), Ok)
            }
            (Ready::Server(endpoint, Some(_)), _) => self.connect(workshop, Some(endpoint)),
        }
    }

    /// The model that embeds the job's texts, if it wants that: found or fetched where Ollama has it, elsewhere
    /// taken as it is named.
    async fn embedder(
        &self,
        job: &Job,
        environment: &Environment,
        ready: &Ready,
    ) -> Result<Option<Arc<dyn Embedder>>, Failure> {
        let Protocol::Minions(MinionsParams { retrieval: Search::Embedding, retrieval_model, .. }) =
            &job.protocol
        else {
            return Ok(None);
        };
        let provider = self.spec.provider;
        let mut settings = self.settings(environment, None);
        settings.model = retrieval_model.clone().unwrap_or_else(|| provider.embedding_model.to_owned());
        settings.deployment = None;
        if settings.model.is_empty() {
            let text =
                format!("`call_params.retrieval_model` is missing: {} has no default one", provider.name);
            return Err(Failure::input(text));
        }
        if let (Ready::Server(_, Some(runtime)), "ollama") = (ready, provider.name) {
            let need = Need { model: settings.model.clone(), pull: true, ..Need::default() };
            settings.model = runtime.ensure_model(&need).await?.model;
        }
        chat::connect_embedder(provider, settings).map(Some).map_err(unusable)
    }

    fn model(&self) -> String {
        self.spec.model.clone().unwrap_or_else(|| self.spec.provider.model.to_owned())
    }

    fn settings(&self, environment: &Environment, endpoint: Option<&Endpoint>) -> ChatSettings {
        let kwargs = &self.spec.kwargs;
        let from_environment = || {
            let value = self.spec.provider.key_env.iter().find_map(|name| environment.get(name));
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
            deployment: kwargs.deployment.clone(),
            api_version: kwargs.api_version.clone(),
        }
    }
}

/// A side that can't be used as the job has it: nothing was sent.
fn unusable(error: ChatError) -> Failure {
    let is_input = matches!(error.kind, ChatErrorKind::Auth | ChatErrorKind::Rejected);
    let exit = if is_input { Exit::Input } else { Exit::Failed };
    Failure { exit, ..Failure::from(error) }
}
