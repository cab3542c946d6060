//! The model servers that answer at their usual addresses, and what they have; the GGUF files that are here.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use crate::chat::base_url;
use crate::chat::providers::{PROVIDERS, Provider, RuntimeKind};
use crate::config::Environment;
use crate::engine;
use crate::runtimes::docker_model_runner::docker_engine;
use crate::runtimes::ollama::{Host as OllamaHost, find_program};
use crate::runtimes::survey::{Answers, survey};

/// The folder of GGUF files.
pub const FOLDER: &str = "models";
/// How long a server may take.
const LIMIT: Duration = Duration::from_secs(1);

/// What is at an address.
pub struct Server {
    /// The client types for which it is asked there: one where the server says which it is.
    pub types: Vec<&'static Provider>,
    /// Its address.
    pub address: String,
    /// What answers there.
    pub answers: Answers,
}

/// Asks all at once. Hosted vendors are asked only where the environment leads to a private address.
pub async fn look(environment: &Environment) -> Vec<Server> {
    let asked = PROVIDERS.iter().filter(|provider| provider.dialect.is_some()).filter_map(|provider| {
        let address = engine::usual_address(provider, environment).ok()?;
        (provider.local || base_url::is_private(&address)).then_some((provider, address))
    });
    let answers = join_all(asked.map(|(provider, address)| async move {
        let answers = ask(provider, &address, environment).await;
        (provider, address, answers)
    }));
    let mut servers: BTreeMap<usize, Server> = BTreeMap::new();
    let mut places: Vec<String> = Vec::new();
    for (provider, address, answers) in answers.await {
        let place = place(&address);
        let at = places.iter().position(|known| *known == place).unwrap_or_else(|| {
            places.push(place);
            places.len() - 1
        });
        match servers.get_mut(&at) {
            Some(there) => there.merge(provider, answers),
            None => drop(servers.insert(at, Server { types: vec![provider], address, answers })),
        }
    }
    servers.into_values().map(Server::named).collect()
}

/// Why no job could use `provider` now: nothing answers at its usual address, and no job starts what would. `None` where one
/// could, and for hosted vendors, of whom only a call tells.
pub async fn missing(provider: &'static Provider, environment: &Environment) -> Option<String> {
    let address = engine::usual_address(provider, environment).ok()?;
    if provider.dialect.is_none() || !provider.local && !base_url::is_private(&address) {
        return None;
    }
    let Answers::Nothing(why) = ask(provider, &address, environment).await else { return None };
    let has_ollama = find_program("ollama", environment.get("PATH").unwrap_or_default()).is_some();
    let engines = environment.docker_engines();
    let has_docker = provider.runtime == RuntimeKind::DockerModelRunner
        && timeout(LIMIT, docker_engine(&engines)).await.is_ok_and(|engine| engine.is_ok());
    (!is_started_by_job(provider, &address, has_ollama, has_docker))
        .then(|| format!("no {} answers at {}: {why}", provider.name, base_url::shown(&address)))
}

/// Whether a job starts the server of `provider` where nothing answers at `address`, on a machine that has or lacks Ollama's
/// program and a Docker Engine.
#[must_use]
pub fn is_started_by_job(provider: &Provider, address: &str, has_ollama: bool, has_docker: bool) -> bool {
    match provider.runtime {
        RuntimeKind::Ollama => has_ollama && OllamaHost::read(address).is_ok_and(|host| host.is_local()),
        RuntimeKind::DockerModelRunner => has_docker && base_url::is_this_machine(address),
        RuntimeKind::Embedded | RuntimeKind::Foreign => false,
    }
}

async fn ask(provider: &'static Provider, address: &str, environment: &Environment) -> Answers {
    let headers = match engine::usual_headers(provider, environment, address) {
        Ok(headers) => headers,
        Err(failure) => return Answers::Other(failure.message),
    };
    let late = |_| Answers::Nothing(format!("does not answer within {} s", LIMIT.as_secs()));
    timeout(LIMIT, survey(provider, address, headers, LIMIT)).await.unwrap_or_else(late)
}

/// The GGUF files in `models/`, in order.
pub fn model_files() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(FOLDER).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_model = |path: &PathBuf| {
        path.extension().is_some_and(|end| end.eq_ignore_ascii_case("gguf")) && path.is_file()
    };
    let mut files: Vec<PathBuf> = entries.filter(is_model).collect();
    files.sort();
    files
}

/// The address without the names that all have for this machine.
fn place(address: &str) -> String {
    address.replace("://localhost", "://127.0.0.1")
}

impl Server {
    /// Whether a client type may use it.
    pub fn is_for(&self, provider: &Provider) -> bool {
        self.types.contains(&provider)
    }

    /// Another client type was asked for at the same address.
    fn merge(&mut self, provider: &'static Provider, answers: Answers) {
        let rank = |answers: &Answers| match answers {
            Answers::Server(_) => 2,
            Answers::Other(_) => 1,
            Answers::Nothing(_) => 0,
        };
        match rank(&answers).cmp(&rank(&self.answers)) {
            std::cmp::Ordering::Greater => {
                (self.types, self.answers) = (vec![provider], answers);
            }
            std::cmp::Ordering::Equal => self.types.push(provider),
            std::cmp::Ordering::Less => {}
        }
    }

    /// With the one type that the server says it is.
    fn named(mut self) -> Self {
        if let Answers::Server(surveyed) = &self.answers
            && let Some(name) = surveyed.client_type
            && let Some(provider) = self.types.iter().find(|provider| provider.name == name)
        {
            self.types = vec![provider];
        }
        self
    }
}
