//! The clients of a job: its two sides become two pools of servers that are ready for calls.
//!
//! Keys and addresses are checked first, as that needs no call. Then the local servers are asked for their models.

mod check;
mod embedding;
#[cfg(test)]
mod gating_tests;
mod sight;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::egress::Ledger;
use super::fit::{OLLAMA_REMEDY, Reader, Tokenizer};
use super::models::Ready;
use super::server::Server;
use super::servers::Servers;
use super::shared::SharedResources;
use super::shrinking::Shrinking;
use super::side_config::{SideConfig, model, sides};
use super::spending::{SpendingBudget, SpendingLimits};
use super::tape::{Missing, RecordedChat, Recording, Tape};
use super::window;
use crate::chat::providers::find;
use crate::chat::{
    self, ChatClient, ChatError, ChatErrorKind, ChatSettings, Embedder, Generation, RetryPolicy,
    VendorOptions, base_url,
};
use crate::config::Environment;
use crate::error::{Failure, FailureKind};
use crate::events::ModelInfo;
use crate::job::{Job, JobRole};
use crate::llama::{self, Sampling};
use crate::protocols::{PooledServer, ServerPool};
use crate::runtimes::Endpoint;
use crate::sandbox::Search;
pub use check::MissingKey;
pub(super) use check::check;
use embedding::LocalEmbedder;
pub(super) use sight::{Seeing, seeing, sees};

/// The clients of both sides, ready for calls.
pub(super) struct Clients {
    pub supervisor: Arc<ServerPool>,
    pub worker: Arc<ServerPool>,
    /// The longest chunk that the worker can read, in bytes, if that is known.
    pub max_chunk_bytes: Option<usize>,
    /// The server that reads the worker's first prompt; `None` in a replay.
    pub reader: Option<Reader>,
    /// Whether both sides are one model of one server, whose cache they share.
    pub sides_share_model: bool,
    /// The embedding model of the local side, if the job asks for one.
    pub embedder: Option<Arc<dyn Embedder>>,
    /// The servers. Runtimes that were started for them stay up as long as they are held.
    _servers: Vec<Servers>,
    /// The first request that a replay did not have.
    pub missing: Missing,
}

/// Makes both sides of `job` ready. Models and clients that `shared` has already are used again.
///
/// # Errors
/// [`FailureKind::Input`] for a side that cannot be used as the job has it; the failures of runtimes and models.
pub(super) async fn open(
    job: &Job,
    shared: &SharedResources,
    ledger: &Arc<Ledger>,
) -> Result<Clients, Failure> {
    let (worker, supervisor) = sides(job, &shared.config.environment, shared.is_for_many())?;
    let tape = shared.tape.of_job(job.line.as_deref());
    tape.check(job)?;
    let recording = tape.recording().await?;
    if let Tape::Replay(recording) = &tape {
        let window = tape.max_chunk_bytes(&worker.model, None).await;
        return Ok(replayed(job, shared, [&worker, &supervisor], window, (recording, ledger)));
    }
    for side in [&supervisor, &worker].into_iter().filter(|side| job.protocol.asks(side.role)) {
        side.check(shared)?;
        side.warn(ledger.events());
    }
    worker.check_embedder(job)?;
    worker.look_at_embedding_model(job).await?;
    let asked = async |side: &SideConfig<'_>, known: Option<&Servers>| match job.protocol.asks(side.role) {
        true => Servers::open(side, shared, known).await,
        false => Ok(Servers::none()),
    };
    let worker_servers = asked(&worker, None).await?;
    let known = worker.has_same_model.then_some(&worker_servers);
    let supervisor_servers = asked(&supervisor, known).await?;
    let watched = |side_config: &SideConfig, mut server: Server| {
        if let Some(recording) = recording {
            server.client = side_config.taped(Some(server.client), recording, &Missing::default());
        }
        if server.is_remote {
            server.client = server.client.gated(ledger.watch(side_config.role));
        }
        server
    };
    let budget = budget(job);
    let metered = |mut server: Server| {
        let policy = supervisor.retry_policy(&server.settings);
        let longest_reply = server.settings.generation.max_tokens;
        server.client = shared.metered(&server.key.base_url, server.client, policy, longest_reply, &budget);
        watched(&supervisor, server).pooled()
    };
    let supervisors = supervisor.servers(shared, &supervisor_servers)?.into_iter().map(metered).collect();
    let workers = worker.servers(shared, &worker_servers)?;
    let reader = worker.reader(shared, &worker_servers, &workers, ledger)?;
    // A pool whose clients record or watch the calls of this job cannot be shared with other jobs.
    let is_own = tape.is_recording() || workers.iter().any(|server| server.is_remote);
    let workers = workers.into_iter().map(|server| watched(&worker, server)).collect();
    let embedder = worker.embedder(job, &worker_servers).await?;
    let window = worker_servers.window().map(window::chunk_bytes);
    Ok(Clients {
        // The supervisor has one call at a time, so jobs need not share its slots.
        supervisor: ServerPool::new(supervisors, supervisor.retries()),
        worker: shared.pool(workers, worker.retries(), is_own),
        embedder: embedder.map(|LocalEmbedder { mut embedder, is_remote }| {
            if let Some(recording) = recording {
                embedder = worker.taped_embedder(job, Some(embedder), recording, &Missing::default());
            }
            if is_remote { embedder.gated(ledger.watch(JobRole::Embedding)) } else { embedder }
        }),
        max_chunk_bytes: tape.max_chunk_bytes(&worker.model, window).await,
        reader,
        sides_share_model: worker.has_same_model,
        _servers: vec![worker_servers, supervisor_servers],
        missing: Missing::default(),
    })
}

/// Why `side` can't be used, as far as that needs no call.
pub(super) fn why_unusable(side: &SideConfig<'_>, shared: &SharedResources) -> Option<String> {
    let built = || if side.spec.is_embedded() { llama::check_built().map_err(Failure::from) } else { Ok(()) };
    side.check(shared).and_then(|()| built()).err().map(|failure| failure.message)
}

/// Both sides of `job` from a recording; no server is opened. Each side has one slot, so that each run is the same.
fn replayed(
    job: &Job,
    shared: &SharedResources,
    [worker, supervisor]: [&SideConfig; 2],
    max_chunk_bytes: Option<usize>,
    (recording, ledger): (&Arc<Recording>, &Arc<Ledger>),
) -> Clients {
    let missing = Missing::default();
    let only = |client| ServerPool::new(vec![PooledServer::new(client, Some(1))], 0);
    // The recording tells the gate which bodies left.
    let chat = |side: &SideConfig| side.taped(None, recording, &missing).gated(ledger.watch(side.role));
    let metered = |client| shared.metered("", client, RetryPolicy::of(0), None, &budget(job));
    let embedder =
        || worker.taped_embedder(job, None, recording, &missing).gated(ledger.watch(JobRole::Embedding));
    let embeds = job.protocol.retrieval() == Search::Embedding;
    Clients {
        supervisor: only(metered(chat(supervisor))),
        worker: only(chat(worker)),
        max_chunk_bytes,
        reader: None,
        sides_share_model: false,
        embedder: embeds.then(embedder),
        _servers: Vec::new(),
        missing,
    }
}

/// What the supervisor's calls of `job` may cost.
fn budget(job: &Job) -> Arc<SpendingBudget> {
    Arc::new(SpendingBudget::new(SpendingLimits {
        tokens: job.budget.remote_tokens,
        dollars: job.budget.usd,
        prices: job.prices,
        is_of_run: false,
    }))
}

/// Where the sides that `job` asks are. Makes no client.
pub(super) fn away(job: &Job, shared: &SharedResources) -> Result<Away, Failure> {
    let (worker, supervisor) = sides(job, &shared.config.environment, shared.is_for_many())?;
    let asks = |side: &SideConfig| job.protocol.asks(side.role);
    Ok(Away {
        supervisor: asks(&supervisor)
            && supervisor.base_urls.iter().any(|url| supervisor.is_remote(url, false)),
        worker: worker
            .base_urls
            .iter()
            .filter(|_| asks(&worker))
            .find(|url| worker.is_remote(url, worker.is_cloud()))
            .cloned(),
    })
}

/// What is not on this machine, as far as names and addresses tell.
pub(super) struct Away {
    pub supervisor: bool,
    /// The address of the worker, which reads the documents whole.
    pub worker: Option<String>,
}

/// The models of the worker and of the supervisor.
pub(super) fn models(job: &Job, environment: &Environment) -> [ModelInfo; 2] {
    [&job.local, &job.remote].map(|spec| ModelInfo {
        client_type: spec.provider.name,
        model_name: match &spec.model_path {
            Some(path) => path.display().to_string(),
            None => model(spec, environment),
        },
    })
}

impl SideConfig<'_> {
    /// A client that records the exchanges of `client`, or replays recorded ones if there is no `client`.
    fn taped(
        &self,
        client: Option<Arc<dyn ChatClient>>,
        recording: &Arc<Recording>,
        missing: &Missing,
    ) -> Arc<dyn ChatClient> {
        let (model, recording, missing) = (self.model.clone(), Arc::clone(recording), missing.clone());
        let (side, is_one_of_several) = (self.role, self.base_urls.len() > 1);
        Arc::new(RecordedChat { side, model, client, is_one_of_several, gate: None, recording, missing })
    }

    fn connect(
        &self,
        shared: &SharedResources,
        settings: ChatSettings,
    ) -> Result<Arc<dyn ChatClient>, Failure> {
        let provider = self.spec.provider;
        shared
            .client(provider.name, settings, |settings| chat::connect(provider, settings))
            .map_err(|error| unusable(self.spec.side, error))
    }

    /// A client for the native API of an Ollama, which refuses a prompt that is too long and does not cut it.
    fn connect_natively(
        &self,
        shared: &SharedResources,
        settings: ChatSettings,
        daemon_url: &str,
    ) -> Result<Arc<dyn ChatClient>, Failure> {
        let Some(ollama) = find("ollama") else { return self.connect(shared, settings) };
        let settings =
            ChatSettings { base_url: daemon_url.to_owned(), vendor: VendorOptions::None, ..settings };
        shared
            .client(ollama.name, settings, |settings| chat::connect(ollama, settings))
            .map_err(|error| unusable(self.spec.side, error))
    }

    /// The side's servers with their clients.
    fn servers(&self, shared: &SharedResources, servers: &Servers) -> Result<Vec<Server>, Failure> {
        let window = servers.window();
        // A server that is down has the same model as the others.
        let forwards = servers.models().any(|model| model.forwards());
        let server = |(base_url, ready)| {
            let server = self.server(shared, base_url, ready, window)?;
            Ok(Server { is_remote: self.is_remote(base_url, forwards), ..server })
        };
        servers.iter().map(server).collect()
    }

    /// The first of the side's `servers` that is up, as a reader of its first prompt.
    fn reader(
        &self,
        shared: &SharedResources,
        servers: &Servers,
        clients: &[Server],
        ledger: &Arc<Ledger>,
    ) -> Result<Option<Reader>, Failure> {
        let mut servers_up = servers.iter().zip(clients).enumerate();
        let first = servers_up.find_map(|(at, ((_, ready), server))| Some((at, ready?, server)));
        let Some((position, ready, server)) = first else { return Ok(None) };
        let Server { settings, is_remote, .. } = server;
        let base_url = settings.base_url.clone();
        let tokenizer = match ready {
            Ready::Embedded(engine) => Tokenizer::Engine(engine.clone()),
            Ready::Foreign { .. } if base_url::is_private(&base_url) => {
                let headers =
                    self.credentials.at(&base_url, self.spec.provider).header_map(self.spec.provider)?;
                Tokenizer::Server { base_url, headers }
            }
            Ready::Managed(..) | Ready::Foreign { .. } => Tokenizer::None,
        };
        let mut client = match ready.ollama() {
            Some(ollama) => self.connect_natively(shared, settings.clone(), ollama.daemon_url())?,
            None => Arc::clone(&server.client),
        };
        if *is_remote {
            client = client.gated(ledger.watch(self.role));
        }
        Ok(Some(Reader {
            model: self.shown_model(),
            position,
            is_only: clients.len() == 1,
            window: servers.window(),
            has_set_window: self.generation.num_ctx.is_some(),
            tokenizer,
            client,
            is_free: !is_remote,
            is_window_certain: ready.is_window_certain(),
            is_loaded_on_demand: ready.is_loaded_on_demand(),
            is_ollama: ready.ollama().is_some(),
            is_in_doubt: ready.is_in_doubt() && clients.len() == 1,
        }))
    }

    fn server(
        &self,
        shared: &SharedResources,
        base_url: &str,
        ready: Option<&Ready>,
        window: Option<u32>,
    ) -> Result<Server, Failure> {
        let bare = || self.settings(base_url, None);
        if let Some(Ready::Embedded(_) | Ready::Foreign { .. }) = ready {
            self.check_window(window).map_err(|failure| match ready.and_then(Ready::ollama) {
                Some(_) => failure.hint(OLLAMA_REMEDY),
                None => failure,
            })?;
        }
        let settings = match ready {
            // The server was used as it is found, so the settings are those of the job.
            Some(Ready::Embedded(_) | Ready::Foreign { .. }) => bare(),
            Some(Ready::Managed(endpoint, _)) => {
                let endpoint = Endpoint { context_window: window, ..endpoint.clone() };
                self.settings(base_url, Some(&endpoint))
            }
            None => {
                let generation = Generation { num_ctx: window, ..self.generation };
                ChatSettings { generation, ..bare() }
            }
        };
        let client: Arc<dyn ChatClient> = match ready {
            Some(Ready::Embedded(engine)) => Arc::new(engine.client(Sampling::from(self.generation))),
            Some(Ready::Managed(..) | Ready::Foreign { .. }) | None => {
                shrinking(ready, self.connect(shared, settings.clone())?)
            }
        };
        let key = self.key(base_url);
        let client = if self.role == JobRole::Worker { shared.timed(&key, client) } else { client };
        Ok(Server {
            key,
            settings,
            slots: self.lanes.or(ready.and_then(Ready::slots)),
            shares_prefixes: ready.is_some_and(Ready::shares_prefixes),
            is_up: ready.is_some(),
            is_remote: self.is_remote(base_url, ready.is_some_and(Ready::forwards)),
            client,
        })
    }
}

/// The client of a model that a runtime can give fewer slots.
fn shrinking(ready: Option<&Ready>, client: Arc<dyn ChatClient>) -> Arc<dyn ChatClient> {
    match ready {
        Some(Ready::Managed(endpoint, runtime)) => {
            let (runtime, endpoint) = (Arc::clone(runtime), endpoint.clone());
            Arc::new(Shrinking { client, runtime, endpoint })
        }
        _ => client,
    }
}

/// The failure of `side`, which cannot be used as the job has it. No call was made.
fn unusable(side: &str, error: ChatError) -> Failure {
    let is_input = matches!(error.kind, ChatErrorKind::Auth | ChatErrorKind::Rejected);
    let failure = Failure::from(error);
    let kind = if is_input { FailureKind::Input } else { failure.kind };
    Failure { kind, message: format!("{side}: {}", failure.message), ..failure }
}
