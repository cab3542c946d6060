//! The defaults of jobs, protocols, batches and context windows, and the names of the environment's variables.
//!
//! The library's own code reads the environment here alone, in [`Environment::of_process`], and passes it on as values.
//! Only the HTTP client reads the variables of proxies itself, and the program those of its container and of OpenMP.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use crate::chat::providers::Provider;
use crate::chat::{base_url, pasted, providers};
use crate::error::Failure;
use crate::runtimes::window;

/// Rounds of a protocol when the job does not say.
pub const MAX_ROUNDS: u32 = 3;
/// Where conversation logs go when the job does not say.
pub const LOG_DIR: &str = "minion_logs";
/// Retries of a failed call, unless the job says otherwise.
pub const RETRIES: u32 = 3;
/// How long calls to a daemon that minions restarts are retried while it is down. A restart takes 5 seconds at most.
pub const OUTAGE: Duration = Duration::from_secs(20);

/// `minion`: characters of a reply of the worker that the supervisor reads.
pub const MAX_REPLY_CHARS: usize = 2500;
/// `minions`: worker jobs that one round may ask for.
pub const MAX_JOBS_PER_ROUND: usize = 2048;
/// `minions`: distinct tasks in a round that an estimate reckons with when the job does not limit them.
pub const USUAL_TASKS_PER_ROUND: u32 = 3;
/// `minions`: replies that the worker gives to each job.
pub const NUM_SAMPLES_PER_TASK: u32 = 1;
/// `minions`: programs that the supervisor may try per round.
pub const MAX_CODE_ATTEMPTS: u32 = 10;
/// How often the supervisor is asked again for a reply that is not the JSON asked for.
pub const MAX_JSON_RETRIES: u32 = 3;

/// Batch: jobs at the same time, unless the command line says otherwise.
pub const BATCH_JOBS: u16 = 16;

/// The temperature of a worker that answers each task several times, unless the job says otherwise: the samples must
/// differ.
pub const SAMPLES_TEMPERATURE: f64 = 0.7;
/// Worker calls in flight when neither the job nor the server gives a number.
pub const WORKER_CONCURRENCY: usize = 4;
/// The worker's context window in tokens for `minions`, whose chunks are small, unless the job says otherwise.
pub const MINIONS_WINDOW: u32 = window::DEFAULT;
/// The shortest context window in tokens that an Ollama has by itself.
pub const OLLAMA_WINDOW: u32 = 4096;
/// The supervisor's context window in tokens where minions chooses it.
pub const SUPERVISOR_WINDOW: u32 = window::DEFAULT;
/// Tokens of a budget that are kept for the reply of a supervisor's call in flight, if the job does not limit it.
pub const SUPERVISOR_REPLY_TOKENS: u32 = 4096;
/// Tokens kept free for the worker's reply when a window is chosen.
pub const REPLY_TOKENS: u32 = 1024;

/// The worker of people who have chosen none, as in the original's command line.
pub const LOCAL: &str = "ollama/llama3.2";
/// The supervisor of people who have chosen none, as in the original's command line.
pub const REMOTE: &str = "openai/gpt-4o";

/// Environment: the worker of people, as `provider/model`.
pub const ENV_LOCAL: &str = "MINIONS_LOCAL";
/// Environment: the supervisor of people, as `provider/model`.
pub const ENV_REMOTE: &str = "MINIONS_REMOTE";
/// Environment: conversation logs go here when the job does not say.
pub const ENV_LOG_DIR: &str = "MINIONS_LOG_DIR";
/// Environment: log filter in the syntax of `tracing-subscriber`.
pub const ENV_LOG: &str = "RUST_LOG";
/// Environment: address of the Ollama daemon, as Ollama itself reads it.
pub const ENV_OLLAMA_HOST: &str = "OLLAMA_HOST";
/// Environment: how long a daemon that a job started stays after its last user.
pub const ENV_LINGER: &str = "MINIONS_LINGER";
/// Environment: MiB of read prompts that llama.cpp's server keeps for each model, as it reads it itself.
pub const ENV_CACHE_RAM: &str = "LLAMA_ARG_CACHE_RAM";
/// Environment: the key for the Ollama daemon, as Ollama's own clients send it.
pub const ENV_OLLAMA_API_KEY: &str = "OLLAMA_API_KEY";
/// Environment: address of Docker Model Runner.
pub const ENV_MODEL_RUNNER_HOST: &str = "MODEL_RUNNER_HOST";
/// Environment: address of the Docker Engine that runs Docker Model Runner.
pub const ENV_DOCKER_HOST: &str = "DOCKER_HOST";
/// Environment: tag of the runner's image, as the vendor's installer reads it.
pub const ENV_MODEL_RUNNER_VERSION: &str = "MODEL_RUNNER_CONTROLLER_VERSION";

/// A snapshot of the environment's variables, taken once, and what settings say of them.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    /// By the providers' names.
    key_names: BTreeMap<&'static str, KeyName>,
}

/// Whether a key is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It is, and may be one.
    Set,
    /// What is there is no key: why.
    Unusable(String),
    /// There is none.
    Missing,
}

/// The variable that holds a provider's key in place of the provider's usual ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName {
    /// Its name.
    pub variable: String,
    /// Where it is named, for messages.
    pub place: String,
}

impl KeyName {
    /// The failure of what needs the key of `provider`, as the variable is not set.
    pub fn missing(&self, provider: &Provider) -> Failure {
        let Self { variable, place } = self;
        let problem = format!("{variable}, which {place} names for the key of {}, is not set", provider.name);
        Failure::input(problem).hint(format!("export {variable}=..., or correct {place}"))
    }
}

impl Environment {
    /// The variables of this process, without those whose value is not UTF-8. A key that is not is there, so that it is told.
    pub fn of_process() -> Self {
        let text = |(name, value): (OsString, OsString)| {
            let name = name.into_string().ok()?;
            let is_key = ["KEY", "TOKEN"].iter().any(|part| name.contains(part));
            let value = match value.into_string() {
                Err(bytes) if is_key => bytes.to_string_lossy().into_owned(),
                value => value.ok()?,
            };
            Some((name, value))
        };
        std::env::vars_os().filter_map(text).collect()
    }

    /// A variable that is set and not empty, without the quotes that Docker's `--env-file` leaves around it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|value| pasted::bare(value)).filter(|value| !value.is_empty())
    }

    /// Has `provider`'s key be read from another variable.
    pub fn name_key(&mut self, provider: &'static str, name: KeyName) {
        self.key_names.insert(provider, name);
    }

    /// The variable that settings name for the key of `provider`.
    pub fn key_name(&self, provider: &Provider) -> Option<&KeyName> {
        self.key_names.get(provider.name)
    }

    /// The variables that may hold the key of `provider`, in order.
    pub fn key_variables(&self, provider: &Provider) -> Vec<&str> {
        match self.key_name(provider) {
            Some(name) => vec![&name.variable],
            None => provider.key_env.to_vec(),
        }
    }

    /// The variable of `provider`'s key, and whether it is set; `None` if it needs none and has none. Of several variables,
    /// the first one that is set.
    pub fn key(&self, provider: &Provider) -> Option<(&str, KeyState)> {
        let keys = self.key_variables(provider);
        let tokens =
            provider.header_env.iter().filter(|header| header.is_token).flat_map(|header| header.env);
        let tokens = tokens.copied().filter(|_| self.key_name(provider).is_none());
        let first = keys.first().copied();
        let state = |name| match pasted::key(self.get(name)?) {
            Ok("") => None,
            Ok(_) => Some((name, KeyState::Set)),
            Err(problem) => Some((name, KeyState::Unusable(problem))),
        };
        keys.into_iter().chain(tokens).find_map(state).or_else(|| Some((first?, KeyState::Missing)))
    }

    /// Has `address` be that of `provider`'s server where no variable names one.
    pub fn suggest_address(&mut self, provider: &Provider, address: &str) {
        let whole = provider.url_parts.iter().filter(|part| provider.is_address(part));
        let parts = whole.flat_map(|part| part.env).map(|name| (*name).to_owned());
        let names: Vec<String> = provider.base_url_names().into_iter().chain(parts).collect();
        if let Some(first) = names.first().filter(|_| names.iter().all(|name| self.get(name).is_none())) {
            self.variables.insert(first.clone(), address.to_owned());
        }
    }

    /// All variables, for a child that gets them.
    pub fn all(&self) -> Vec<(String, String)> {
        self.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Where lock files go: a directory of this user, the same for all its processes.
    pub fn locks(&self) -> std::path::PathBuf {
        let base = ["XDG_RUNTIME_DIR", "TMPDIR"].iter().find_map(|name| self.get(name)).unwrap_or("/tmp");
        std::path::Path::new(base).join(format!("minions-{}", nix::unistd::geteuid()))
    }

    /// Where what outlives a run is kept, as the XDG base directories have it; `None` if no variable names a place.
    pub fn state(&self) -> Option<std::path::PathBuf> {
        let own = self.get("XDG_STATE_HOME").map(std::path::PathBuf::from).filter(|path| path.is_absolute());
        own.or_else(|| Some(std::path::Path::new(self.get("HOME")?).join(".local/state")))
    }

    /// Where what can be made again is kept, as the XDG base directories have it; `None` if no variable names a place.
    pub fn cache(&self) -> Option<std::path::PathBuf> {
        let own = self.get("XDG_CACHE_HOME").map(std::path::PathBuf::from).filter(|path| path.is_absolute());
        own.or_else(|| Some(std::path::Path::new(self.get("HOME")?).join(".cache")))
    }

    /// The addresses at which a Docker Engine may answer: the user's own, else the sockets of the system, of a rootless
    /// engine and of Docker Desktop.
    pub fn docker_engines(&self) -> Vec<String> {
        if let Some(host) = self.get(ENV_DOCKER_HOST) {
            return vec![host.to_owned()];
        }
        let below = |name: &str, path: &str| self.get(name).map(|base| format!("unix://{base}/{path}"));
        [
            Some("unix:///var/run/docker.sock".to_owned()),
            below("XDG_RUNTIME_DIR", "docker.sock"),
            below("HOME", ".docker/run/docker.sock"),
            below("HOME", ".docker/desktop/docker.sock"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The credentials in the variables: the keys and tokens of the providers, values that look like a credential in
    /// variables named like one (a `CACHE_KEY` of 1000000 must not be removed from answers), and those in addresses.
    pub fn credentials(&self) -> impl Iterator<Item = String> {
        let ours = |name: &str| {
            let is_named = self.key_names.values().any(|key| key.variable == name);
            is_named
                || providers::PROVIDERS.iter().any(|provider| {
                    let tokens = provider.header_env.iter().filter(|header| header.is_token);
                    let mut names = provider.key_env.iter().chain(tokens.flat_map(|header| header.env));
                    names.any(|known| *known == name)
                })
        };
        let is_named =
            |name: &str| ["_KEY", "_TOKEN", "_SECRET", "_PASSWORD"].iter().any(|end| name.ends_with(end));
        let looks = |value: &str| {
            value.len() >= 12
                && value.contains(|c: char| c.is_ascii_digit())
                && value.contains(|c: char| c.is_ascii_alphabetic())
        };
        let found =
            self.variables.iter().filter(move |(name, value)| ours(name) || is_named(name) && looks(value));
        let in_addresses =
            self.variables.values().flat_map(|value| base_url::credentials(pasted::bare(value)));
        found.map(|(_, value)| value.clone()).chain(in_addresses)
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self { variables: variables.into_iter().collect(), key_names: BTreeMap::new() }
    }
}
