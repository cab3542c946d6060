//! `minions serve`: jobs over HTTP, and the page that shows what happens to documents.
//!
//! In: an engine's configuration, what the operator allows, an address. Out: a service that runs until it is told to end.
//! It knows the engine, its events and jobs; none of them knows it. Nothing here writes to stdout or takes over a signal.
//!
//! A request passes `connections` (how many, how slow), `guard` (host, origin, token) and `router`. A job passes `jobs` (what
//! it may name), `allowance` (what its owner may spend) and `runs` (whose turn it is); `service` holds them together.

mod allowance;
mod assets;
mod batches;
mod body;
mod config;
mod connections;
mod error;
mod files;
mod guard;
mod health;
mod history;
mod jobs;
mod metrics;
mod native;
mod openai;
mod openapi;
mod original;
mod outcome;
mod owner;
mod parts;
mod passing;
mod pull;
mod query;
mod reading;
mod router;
mod run;
mod runs;
mod service;
mod setup;
mod site;
mod sse;
mod stored;
mod uploads;

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::engine::{Engine, EngineConfig};
use crate::error::Failure;
use crate::servers;
use crate::settings::Settings;
use allowance::Allowance;
use config::{Limits, ServeFile};
use files::Files;
use jobs::Rules;
use metrics::Metrics;
use original::Original;
pub use original::{OriginalEnvironment, read_environment};
use owner::{Tokens, random_hex};
use runs::Runs;
use service::Service;

/// How long connections have to close once the last run has ended.
const LAST_BYTES: Duration = Duration::from_secs(2);

/// Where tokens come from.
#[derive(Clone, Debug)]
pub enum TokenSource {
    /// None is asked for; for loopback alone.
    None,
    /// A file, a line each.
    File(PathBuf),
    /// One is made, and told once.
    Made,
}

/// What a service is given.
pub struct ServeOptions {
    /// The address to listen at.
    pub host: IpAddr,
    /// The port; 0 is any that is free.
    pub port: u16,
    /// Who may ask.
    pub tokens: TokenSource,
    /// `serve.toml`.
    pub config: Option<PathBuf>,
    /// Names besides `localhost` and addresses by which it may be called.
    pub hosts: Vec<String>,
    /// Whether jobs may name everything that a job on stdin may.
    pub trust_jobs: bool,
    /// Where conversation logs go, unless `serve.toml` says.
    pub log_dir: PathBuf,
    /// How many jobs this machine's open files allow at the same time.
    pub most_jobs: u16,
    /// What the engine is made of.
    pub engine: EngineConfig,
    /// The user's settings: pairs, keys, prices.
    pub settings: Settings,
    /// In a replay: a job that it has.
    pub example: Option<Value>,
    /// What the variables of the original's servers say.
    pub original: OriginalEnvironment,
}

/// A service that listens.
pub struct Server {
    service: Arc<Service>,
    listener: TcpListener,
    made_token: Option<String>,
    /// What the original's routes run jobs with.
    original: Original,
}

impl Server {
    /// Checks everything, and listens. Nothing is answered before [`Server::run`].
    ///
    /// # Errors
    /// A configuration that can't be used, an address that is taken, or one that others reach without a token.
    pub async fn bind(options: ServeOptions) -> Result<Self, Failure> {
        let ServeOptions { host, port, config, trust_jobs, most_jobs, engine, settings, .. } = options;
        let mut file = config.as_deref().map_or_else(|| Ok(ServeFile::default()), ServeFile::read)?;
        let made_token = match options.tokens {
            TokenSource::Made => Some(random_hex(24)?),
            TokenSource::None | TokenSource::File(_) => None,
        };
        let tokens = match (&options.tokens, &made_token) {
            (TokenSource::File(path), _) => Tokens::read(path, &engine.redactor)?,
            (_, Some(token)) => Tokens::of_one(token, &engine.redactor),
            (_, None) => Tokens::none(),
        };
        if !host.is_loopback() && !tokens.are_asked_for() {
            return Err(Failure::input(format!("others reach {host}, and no token is asked for")).hint(
                "give --token-file FILE with a line `NAME TOKEN` (`openssl rand -hex 32` makes a token), or listen at \
                 127.0.0.1",
            ));
        }
        check_names(&file, &tokens, config.as_deref())?;
        file.limits = fitted(file.limits, most_jobs);
        let pairs = setup::pairs(&file, &settings)?;
        let usual = pairs.first().filter(|_| !file.pairs.is_empty());
        let rules = Rules {
            trust: trust_jobs,
            is_replay: engine.jobs.replay.is_some(),
            usual: usual.map(|pair| [pair.local.client(), pair.remote.client()]),
            pairs: pairs.iter().map(|pair| (jobs::side(&pair.local), jobs::side(&pair.remote))).collect(),
            model_files: servers::model_files(),
            longest: Duration::from_secs(file.limits.run_s.max(1)),
        };
        let listener = TcpListener::bind((host, port)).await.map_err(|error| {
            Failure::system(format!(
                "the address {} can't be listened at: {error}",
                SocketAddr::new(host, port)
            ))
            .hint("another program may listen there: take another --port, or 0 for any")
        })?;
        let address = listener.local_addr().map_err(|error| Failure::system(error.to_string()))?;
        let limits_file = file.clone();
        let at_once = move |owner: &owner::Owner| service::limits_of(&limits_file, owner).runs_at_once;
        let hosts = file.hosts.iter().cloned().chain(options.hosts).collect();
        let service = Service {
            hosts,
            address,
            engine: Engine::new(engine.clone()),
            runs: Runs::new(file.limits, at_once),
            files: Files::new(file.limits, engine.reader.clone())?,
            tokens,
            allowance: Allowance::default(),
            metrics: Metrics::default(),
            rules,
            log_dir: file.log_dir.clone().unwrap_or(options.log_dir),
            example: options.example,
            settings,
            engine_config: engine,
            file,
        };
        Ok(Self {
            service: Arc::new(service),
            listener,
            made_token,
            original: Original::new(options.original.config),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.service.address
    }

    /// The token that was made, if one was.
    pub fn made_token(&self) -> Option<&str> {
        self.made_token.as_deref()
    }

    /// How long jobs that run get to end.
    pub fn grace(&self) -> Duration {
        self.service.limits().grace()
    }

    /// Answers until `end` comes. Then no run is taken any more, those under way get their grace, and streams end with their
    /// last event.
    pub async fn run(self, end: impl Future<Output = ()>) {
        let Self { service, listener, original, .. } = self;
        let _removal = service.files.removal();
        let limits = *service.limits();
        let (tell, told) = watch::channel(false);
        let connections = Arc::new(Semaphore::new(limits.connections));
        let router = router::router(Arc::clone(&service), original);
        let accepting =
            tokio::spawn(connections::accept(listener, router, limits, told, Arc::clone(&connections)));
        end.await;
        tracing::info!("no more runs are taken; those under way have {} s to end", limits.grace_s);
        service.drain(limits.grace()).await;
        // Whoever watches a run reads its last event.
        tell.send_replace(true);
        accepting.abort();
        let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
        let _ = tokio::time::timeout(LAST_BYTES, connections.acquire_many(all)).await;
    }
}

/// Checks that the tables of tokens are those of tokens.
fn check_names(file: &ServeFile, tokens: &Tokens, path: Option<&std::path::Path>) -> Result<(), Failure> {
    let is_known = |name: &str| {
        name == "default"
            || name == "local" && !tokens.are_asked_for()
            || tokens.names().any(|known| known == name)
    };
    let Some(name) = file.tokens.keys().find(|name| !is_known(name)) else { return Ok(()) };
    let place = path.map(|path| path.display().to_string()).unwrap_or_default();
    Err(Failure::input(format!("{place}: [tokens.{name}] is the table of no token")).hint(
        "its name is that of a line `NAME TOKEN` of the file of tokens; [tokens.default] holds for all that have no table",
    ))
}

/// The limits, as far as this machine lets files be open.
fn fitted(limits: Limits, most_jobs: u16) -> Limits {
    let most = usize::from(most_jobs);
    Limits {
        runs_at_once: limits.runs_at_once.min((most / 2).max(1)),
        connections: limits.connections.min((most * 3).max(1)),
        ..limits
    }
}
