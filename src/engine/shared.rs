//! The resources that the jobs of a run share: models that are ready, clients, pools of worker servers, and limits.
//!
//! A model that several jobs ask for at the same time is made ready once. Its failure is told to all jobs that waited
//! for it; a later job tries again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::sync::{OnceCell, Semaphore};

use super::EngineConfig;
use super::common::Common;
use super::concurrency_limited::ConcurrencyLimited;
use super::metered::{Metered, Pace, Pacing};
use super::models::{ModelKey, Ready};
use super::pulls::Pulls;
use super::server::Server;
use super::spending::{SpendingBudget, SpendingLimits};
use super::tape::Tape;
use super::timed::{Calls, Timed};
use super::window::Demand;
use crate::chat::{
    self, ChatClient, ChatError, ChatSettings, LOADING_TIMEOUT, PromptPace, RetryPolicy, base_url,
};
use crate::config;
use crate::error::Failure;
use crate::forecast::{self, Called, Forecaster};
use crate::protocols::{ProtocolError, ServerPool};
use crate::sandbox::Sandbox;
use crate::sync::lock;

/// How many models, clients and pools are kept, of each. Jobs with more different settings or servers take turns.
const KEPT: usize = 256;
/// How long a server that is down is not asked for its model while others are up.
const REST: Duration = Duration::from_secs(30);

/// The resources that the jobs of a run share.
pub(super) struct SharedResources {
    pub config: Arc<EngineConfig>,
    pub tape: Tape,
    /// Tells waiting jobs how far the pulls of models are.
    pub pulls: Arc<Pulls>,
    /// The remote tokens of all jobs together.
    pub token_budget: Arc<SpendingBudget>,
    models: Mutex<Vec<Kept>>,
    clients: Mutex<Vec<Connected>>,
    pools: Mutex<Vec<SharedPool>>,
    /// By the base URLs of all servers of a side, and the retries.
    opening: Mutex<HashMap<(String, u32), RetryPolicy>>,
    /// The base URLs of servers that were down, and since when.
    down: Mutex<HashMap<String, Instant>>,
    /// The worker slots of each model, by its address and name.
    slots: Mutex<HashMap<String, Slots>>,
    /// How fast each model reads prompts, by its address and name.
    prompt_paces: Mutex<HashMap<(String, String), PromptPace>>,
    /// By base URL.
    paces: Mutex<HashMap<String, Arc<Pace>>>,
    /// What models have read of pages, by a hash of both: the turns of a conversation read the same files.
    pub transcripts: Mutex<HashMap<[u8; 32], String>>,
    /// How long the worker's calls took.
    pub calls: Arc<Calls>,
    /// Made when it is first asked for.
    forecaster: OnceLock<Arc<Mutex<Forecaster>>>,
    /// Whether a sandbox could be started here.
    sandbox: OnceCell<()>,
}

/// Makes a model ready, for all jobs that wait for it.
type Attempt = Shared<BoxFuture<'static, Result<Arc<Ready>, Failure>>>;

/// A model that is ready or is being made ready.
struct Kept {
    key: ModelKey,
    demand: Demand,
    attempt: Attempt,
    /// Jobs that wait for it.
    waiting: usize,
}

/// A job that waits for a model. The last that was cancelled takes the attempt with it: its calls are cut off.
struct Waiting<'a> {
    models: &'a Mutex<Vec<Kept>>,
    attempt: Attempt,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut models = lock(self.models);
        let Some(at) = models.iter().position(|kept| kept.attempt.ptr_eq(&self.attempt)) else { return };
        models[at].waiting -= 1;
        if models[at].waiting == 0 && self.attempt.peek().is_none() {
            models.remove(at);
        }
    }
}

/// A client, with the provider and the settings that it was made of.
struct Connected {
    provider: &'static str,
    settings: ChatSettings,
    client: Arc<dyn ChatClient>,
}

/// A pool of worker servers, with the keys, settings and slots of the servers that it is for.
struct SharedPool {
    servers: Vec<(ModelKey, ChatSettings, Option<usize>)>,
    pool: Arc<ServerPool>,
}

/// How many worker calls one model may have in flight.
struct Slots {
    count: usize,
    free: Arc<Semaphore>,
}

impl Kept {
    /// The model, if it is ready.
    fn ready(&self) -> Option<&Arc<Ready>> {
        self.attempt.peek().and_then(|outcome| outcome.as_ref().ok())
    }

    fn serves(&self, key: &ModelKey, demand: Demand) -> bool {
        let is_long_enough = || {
            let window = self.ready().and_then(|model| model.window());
            self.demand.covers(demand) || window.is_some_and(|window| demand.likely <= window)
        };
        self.key == *key && (!key.has_window_of_ours() || is_long_enough())
    }
}

impl Drop for SharedResources {
    fn drop(&mut self) {
        let calls = self.calls.take();
        if !calls.is_empty() {
            lock(&self.forecaster()).keep(calls);
        }
    }
}

impl SharedResources {
    pub(super) fn new(config: EngineConfig) -> Self {
        Self {
            tape: Tape::new(&config.jobs, &config.redactor),
            token_budget: Arc::new(SpendingBudget::new(SpendingLimits {
                tokens: config.limits.remote_tokens,
                is_of_run: true,
                ..SpendingLimits::default()
            })),
            config: Arc::new(config),
            pulls: Arc::default(),
            models: Mutex::default(),
            clients: Mutex::default(),
            pools: Mutex::default(),
            opening: Mutex::default(),
            down: Mutex::default(),
            slots: Mutex::default(),
            prompt_paces: Mutex::default(),
            paces: Mutex::default(),
            transcripts: Mutex::default(),
            calls: Arc::new(Calls::new()),
            forecaster: OnceLock::new(),
            sandbox: OnceCell::new(),
        }
    }

    /// Whether this machine can run the supervisors' programs, which is asked before one is paid for.
    pub(super) async fn sandbox_works(&self) -> Result<(), Failure> {
        let check = || async { Sandbox::new(self.config.sandbox.clone()).check().await };
        self.sandbox
            .get_or_try_init(check)
            .await
            .copied()
            .map_err(|error| ProtocolError::Sandbox(error).into())
    }

    /// Whether several jobs share it.
    pub(super) fn is_for_many(&self) -> bool {
        self.config.is_for_many
    }

    /// The model of `key`, with a window that is long enough for `demand`.
    pub(super) async fn ready(&self, key: ModelKey, demand: Demand) -> Result<Arc<Ready>, Failure> {
        let provider = key.provider;
        let look = key.look.clone();
        let client = look.map(|look| self.client(provider.name, look, |look| chat::connect(provider, look)));
        let client = client.transpose()?;
        let waiting = {
            let mut kept = lock(&self.models);
            kept.retain(|kept| !matches!(kept.attempt.peek(), Some(Err(_))));
            // The newest that is ready; only then one that is being made and may still fail.
            let ready = kept.iter().rposition(|kept| kept.ready().is_some() && kept.serves(&key, demand));
            match ready.or_else(|| kept.iter().position(|kept| kept.serves(&key, demand))) {
                Some(at) => {
                    kept[at].waiting += 1;
                    let attempt = kept[at].attempt.clone();
                    if ready.is_some() {
                        // One window for each model: the windows before it are too short for some job.
                        let mut position = 0;
                        kept.retain(|kept| {
                            position += 1;
                            position > at || kept.key != key
                        });
                    }
                    Waiting { models: &self.models, attempt }
                }
                None => {
                    // The window must do for the jobs that use the model now, or their next call would load it anew.
                    let there = kept.iter().filter(|kept| kept.key == key && kept.ready().is_some());
                    let demand = there.fold(demand, |demand, kept| demand.max(kept.demand));
                    let (config, pulls) = (Arc::clone(&self.config), Arc::clone(&self.pulls));
                    let opening = key.clone().open(demand, client, config, pulls as _);
                    let attempt = opening.map(|outcome| outcome.map(Arc::new)).boxed().shared();
                    keep(&mut kept, Kept { key, demand, attempt: attempt.clone(), waiting: 1 });
                    Waiting { models: &self.models, attempt }
                }
            }
        };
        waiting.attempt.clone().await
    }

    /// The client of `provider` with these settings, which `connect` makes if there is none.
    pub(super) fn client(
        &self,
        provider: &'static str,
        settings: ChatSettings,
        connect: impl FnOnce(ChatSettings) -> Result<Arc<dyn ChatClient>, ChatError>,
    ) -> Result<Arc<dyn ChatClient>, ChatError> {
        let mut clients = lock(&self.clients);
        if let Some(known) =
            clients.iter().find(|known| known.provider == provider && known.settings == settings)
        {
            return Ok(Arc::clone(&known.client));
        }
        let pace = self.prompt_pace(&settings);
        let client = connect(ChatSettings { pace, ..settings.clone() })?;
        keep(&mut clients, Connected { provider, settings, client: Arc::clone(&client) });
        Ok(client)
    }

    /// What the model of a client has shown of the time that prompts take, which all of its clients share.
    fn prompt_pace(&self, settings: &ChatSettings) -> PromptPace {
        let model = (settings.base_url.clone(), settings.model.clone());
        let mut paces = lock(&self.prompt_paces);
        let expected = || {
            let pace = PromptPace::default();
            if base_url::is_private(&settings.base_url)
                && let Some(shown) = lock(&self.forecaster()).prompt_pace(&settings.base_url, &settings.model)
            {
                pace.expect(shown);
            }
            pace
        };
        paces.entry(model).or_insert_with(expected).clone()
    }

    /// Notes that the server at `base_url` is down. Whether that is news: no job has noted it a moment ago.
    pub(super) fn rest(&self, base_url: &str) -> bool {
        let before = lock(&self.down).insert(base_url.to_owned(), Instant::now());
        before.is_none_or(|since| since.elapsed() >= REST)
    }

    /// How the servers at `base_urls` are asked for their models again after none was up. Jobs share it, so that one
    /// outage is logged once.
    pub(super) fn opening_policy(&self, base_urls: &[String], retries: u32) -> RetryPolicy {
        let mut policies = lock(&self.opening);
        let new = || RetryPolicy::new(retries, Duration::ZERO, LOADING_TIMEOUT);
        policies.entry((base_urls.join(" "), retries)).or_insert_with(new).clone()
    }

    /// Whether the server at `base_url` was down a moment ago.
    pub(super) fn is_resting(&self, base_url: &str) -> bool {
        lock(&self.down).get(base_url).is_some_and(|since| since.elapsed() < REST)
    }

    /// What makes forecasts for all jobs.
    pub(super) fn forecaster(&self) -> Arc<Mutex<Forecaster>> {
        let make = || Arc::new(Mutex::new(Forecaster::new(&self.config.environment)));
        Arc::clone(self.forecaster.get_or_init(make))
    }

    /// The client of a worker's model at one of its servers, whose times are noted.
    pub(super) fn timed(&self, key: &ModelKey, client: Arc<dyn ChatClient>) -> Arc<dyn ChatClient> {
        let (base_url, model) = match &key.model_path {
            Some(path) => (None, forecast::name_of_file(path)),
            None => (Some(key.base_url.clone()), key.model.clone()),
        };
        Arc::new(Timed { client, calls: Arc::clone(&self.calls), called: Called { base_url, model } })
    }

    /// The pool of a worker with these servers: one for all jobs that have the same servers, or the job's own.
    pub(super) fn pool(&self, servers: Vec<Server>, retries: u32, is_own: bool) -> Arc<ServerPool> {
        let mut all = lock(&self.pools);
        let same = |shared: &&SharedPool| {
            let pairs = shared.servers.iter().zip(&servers);
            let is_same = |(known, server): (&(ModelKey, ChatSettings, Option<usize>), &Server)| {
                (&known.0, &known.1, known.2) == (&server.key, &server.settings, server.slots)
            };
            shared.servers.len() == servers.len() && pairs.into_iter().all(is_same)
        };
        if let Some(shared) = all.iter().find(same).filter(|_| !is_own) {
            return Arc::clone(&shared.pool);
        }
        let (mut known, mut pooled) = (Vec::new(), Vec::new());
        for mut server in servers {
            if let Some(count) = server.slots.filter(|_| self.is_for_many()) {
                server.client = self.with_slots(&server.key, count, server.client);
            }
            pooled.push(server.pooled());
            known.push((server.key, server.settings, server.slots));
        }
        let pool = ServerPool::new(pooled, retries);
        if !is_own {
            keep(&mut all, SharedPool { servers: known, pool: Arc::clone(&pool) });
        }
        pool
    }

    /// A client that waits for one of the `count` slots that all clients of the model share, whatever their settings.
    fn with_slots(&self, key: &ModelKey, count: usize, client: Arc<dyn ChatClient>) -> Arc<dyn ChatClient> {
        let path = key.model_path.as_deref().unwrap_or(std::path::Path::new("")).display();
        let name = format!("{} {} {path}", key.base_url, key.model);
        let mut slots = lock(&self.slots);
        let slots =
            slots.entry(name).or_insert_with(|| Slots { count, free: Arc::new(Semaphore::new(count)) });
        // A job that names more slots than are known is right.
        slots.free.add_permits(count.saturating_sub(slots.count));
        slots.count = slots.count.max(count);
        Arc::new(ConcurrencyLimited { client, slots: Arc::clone(&slots.free) })
    }

    /// A supervisor's client that keeps to the `budget` of its job and to the limits of the run. `longest_reply`: the
    /// limit of its replies in tokens, if it has one.
    pub(super) fn metered(
        &self,
        base_url: &str,
        client: Arc<dyn ChatClient>,
        policy: RetryPolicy,
        longest_reply: Option<u32>,
        budget: &Arc<SpendingBudget>,
    ) -> Arc<dyn ChatClient> {
        let pace = {
            let limits = self.config.limits;
            let pacing = Pacing { requests: limits.requests_per_minute, tokens: limits.tokens_per_minute };
            let mut paces = lock(&self.paces);
            Arc::clone(paces.entry(base_url.to_owned()).or_insert_with(|| Arc::new(Pace::new(pacing))))
        };
        let budgets = [Arc::clone(budget), Arc::clone(&self.token_budget)];
        let longest_reply = longest_reply.unwrap_or(config::SUPERVISOR_REPLY_TOKENS).into();
        let common = self.config.common.clone().map(|common| Common {
            budget: common,
            endpoint: base_url.to_owned(),
            prices: budget.prices(),
        });
        Arc::new(Metered { client, policy, longest_reply, budgets, common, pace })
    }
}

/// Adds `item`, and removes the oldest one if there are too many.
fn keep<T>(items: &mut Vec<T>, item: T) {
    if items.len() >= KEPT {
        items.remove(0);
    }
    items.push(item);
}
