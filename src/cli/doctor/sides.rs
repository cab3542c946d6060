//! Whether the model of a side could be used now, and what makes it usable.

use std::path::Path;

use serde::Serialize;

use minions::chat::base_url;
use minions::chat::providers::{Provider, RuntimeKind};
use minions::config::{Environment, KeyState};
use minions::engine;
use minions::llama;
use minions::runtimes::ollama::{self, Host as OllamaHost};
use minions::runtimes::survey::{Answers, Surveyed};
use minions::settings::{Chosen, is_hosted};

use super::host::Host;
use crate::cli::servers::Server;

/// How far a side is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Readiness {
    /// A job can use it.
    Ready,
    /// A job fetches its model first.
    Fetched,
    /// No job can use it.
    Missing,
}

/// One side.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SideReport {
    /// `provider/model`.
    pub model: String,
    /// Who chose it.
    pub chosen_by: String,
    pub state: Readiness,
    /// What is there or lacks, in words.
    pub words: String,
    /// The command that mends it, or that saves a job the time.
    pub remedy: Option<String>,
}

/// What is looked at.
pub(crate) struct Sight<'a> {
    pub environment: &'a Environment,
    pub host: Host<'a>,
    pub servers: &'a [Server],
    /// Whether a Docker Engine answers.
    pub has_docker: bool,
}

/// What a look at one side says.
struct Seen {
    state: Readiness,
    words: String,
    remedy: Option<String>,
}

impl Seen {
    fn new(state: Readiness, words: impl Into<String>) -> Self {
        Self { state, words: words.into(), remedy: None }
    }

    fn remedy(self, command: impl Into<String>) -> Self {
        Self { remedy: Some(command.into()), ..self }
    }
}

impl Sight<'_> {
    /// The command that gets a server for a worker, where none is installed.
    fn get_server(&self) -> String {
        match self.has_docker && !self.host.has("curl") && !self.host.has("wget") {
            true => "export MINIONS_LOCAL=docker_model_runner".to_owned(),
            false => self.host.get_ollama(),
        }
    }

    /// The command after which a worker needs no engine, or has it.
    fn get_engine(&self) -> String {
        let is_source = Path::new("crates/llama/llama.cmake").is_file() && self.host.has("cargo");
        match is_source {
            true => "cargo install --path . --bin minions --features embedded".to_owned(),
            false => self.get_other(),
        }
    }

    /// The command after which a worker has a file, or needs none.
    fn get_file(&self) -> String {
        match Path::new("scripts/fetch-model.sh").is_file() && self.host.has("pip3") {
            true => "scripts/fetch-model.sh".to_owned(),
            false => self.get_other(),
        }
    }

    fn get_other(&self) -> String {
        let is_there = |server: &Server| {
            let is_ollama = server.types.iter().any(|provider| provider.runtime == RuntimeKind::Ollama);
            is_ollama && matches!(server.answers, Answers::Server(_))
        };
        match self.host.has("ollama") || self.servers.iter().any(is_there) {
            true => format!("export MINIONS_LOCAL={}", minions::config::LOCAL),
            false => self.get_server(),
        }
    }

    /// The side of the worker, which gets the documents.
    pub(crate) fn worker(&self, chosen: &Chosen) -> SideReport {
        let mut side = self.side(chosen);
        let address = engine::usual_address(chosen.model.provider, self.environment).unwrap_or_default();
        let is_elsewhere = !address.is_empty() && !base_url::is_private(&address);
        if is_elsewhere || is_hosted(&chosen.model) && chosen.model.provider.local {
            side.words += "; it reads the documents, which leave this machine";
        }
        side
    }

    /// The side with the model that was `chosen`.
    pub(crate) fn side(&self, chosen: &Chosen) -> SideReport {
        let provider = chosen.model.provider;
        let told = provider.model_env.iter().find_map(|name| self.environment.get(name));
        let model = chosen.model.model.as_deref().or(told).unwrap_or(provider.model);
        let Seen { state, words, remedy } = match engine::usual_address(provider, self.environment) {
            Err(failure) => {
                Seen { remedy: failure.hint.clone(), ..Seen::new(Readiness::Missing, failure.message) }
            }
            Ok(_) if provider.runtime == RuntimeKind::Embedded => self.embedded(model),
            Ok(address) => {
                match self.servers.iter().find(|server| server.address == address || server.is_for(provider))
                {
                    Some(server) if provider.local || base_url::is_private(&address) => {
                        self.at(provider, model, &address, server)
                    }
                    _ => self.hosted(provider, &address),
                }
            }
        };
        SideReport { model: chosen.model.to_string(), chosen_by: chosen.by.to_string(), state, words, remedy }
    }

    fn embedded(&self, path: &str) -> Seen {
        if llama::check_built().is_err() {
            return Seen::new(Readiness::Missing, "llama.cpp is not built in").remedy(self.get_engine());
        }
        match llama::inspect(Path::new(path)) {
            Ok(_) => Seen::new(Readiness::Ready, "the file is there, and llama.cpp is built in"),
            Err(error) => Seen::new(Readiness::Missing, error.message).remedy(self.get_file()),
        }
    }

    fn hosted(&self, provider: &Provider, address: &str) -> Seen {
        let shown = base_url::shown(address);
        if let Some(part) = provider.missing_url_part(address) {
            let name = part.env.first().copied().unwrap_or_default();
            return Seen::new(Readiness::Missing, format!("{name} is not set"))
                .remedy(format!("export {name}=..."));
        }
        match self.environment.key(provider) {
            Some((name, KeyState::Set)) => Seen::new(Readiness::Ready, format!("at {shown}, {name} is set")),
            Some((name, KeyState::Unusable(problem))) => {
                Seen::new(Readiness::Missing, format!("{name} {problem}"))
                    .remedy(format!("export {name}=..."))
            }
            Some((name, KeyState::Missing)) if provider.needs_key(address) => {
                Seen::new(Readiness::Missing, format!("{name} is not set"))
                    .remedy(format!("export {name}=..."))
            }
            Some(_) | None => Seen::new(Readiness::Ready, format!("at {shown}, which needs no key")),
        }
    }

    /// A side whose server is at an address that was asked.
    fn at(&self, provider: &'static Provider, model: &str, address: &str, server: &Server) -> Seen {
        let place = base_url::shown(address);
        match &server.answers {
            Answers::Server(surveyed) if server.is_for(provider) => {
                self.with_server(provider, model, &place, surveyed)
            }
            Answers::Server(_) => {
                let is = server.types.iter().map(|provider| provider.name).collect::<Vec<_>>().join(" or ");
                Seen::new(Readiness::Missing, format!("at {place} answers {is}"))
                    .remedy(format!("export MINIONS_LOCAL={}/...", server.types[0].name))
            }
            Answers::Other(words) => {
                Seen::new(Readiness::Missing, words.clone()).remedy(format!("curl -i {place}"))
            }
            Answers::Nothing(_) => self.without_server(provider, model, address),
        }
    }

    fn with_server(&self, provider: &Provider, model: &str, place: &str, surveyed: &Surveyed) -> Seen {
        if surveyed.has(provider, model) {
            return Seen::new(Readiness::Ready, format!("the server at {place} has it"));
        }
        match provider.runtime {
            RuntimeKind::Ollama => {
                let seen = Seen::new(
                    Readiness::Fetched,
                    format!("Ollama at {place} does not have it: a job fetches it first"),
                );
                if self.host.has("ollama") { seen.remedy(format!("ollama pull {model}")) } else { seen }
            }
            RuntimeKind::DockerModelRunner => {
                let words =
                    format!("Docker Model Runner at {place} does not have it: a job fetches it first");
                let seen = Seen::new(Readiness::Fetched, words);
                seen.remedy(self.host.pull_for_runner(place, model))
            }
            RuntimeKind::Embedded | RuntimeKind::Foreign => {
                let seen = Seen::new(Readiness::Missing, format!("the server at {place} does not have it"));
                match surveyed.models.first() {
                    Some(there) => {
                        seen.remedy(format!("export MINIONS_LOCAL={}/{}", provider.name, there.name))
                    }
                    None => seen,
                }
            }
        }
    }

    fn without_server(&self, provider: &Provider, model: &str, address: &str) -> Seen {
        let place = base_url::shown(address);
        let silent = format!("nothing answers at {place}");
        let is_here = base_url::is_this_machine(address);
        match provider.runtime {
            RuntimeKind::Ollama
                if OllamaHost::read(address).is_ok_and(|host| host.is_local()) && self.host.has("ollama") =>
            {
                let is_there =
                    self.host.ollama_models().is_some_and(|folder| ollama::is_on_disk(&folder, model));
                match is_there {
                    true => Seen::new(Readiness::Ready, "a job starts Ollama, which has it"),
                    false => Seen::new(Readiness::Fetched, "a job starts Ollama and fetches it first")
                        .remedy(format!("ollama serve & sleep 3; ollama pull {model}")),
                }
            }
            RuntimeKind::DockerModelRunner if is_here && self.has_docker => {
                Seen::new(Readiness::Fetched, "a job starts Docker Model Runner and fetches it first")
            }
            RuntimeKind::Ollama if is_here => {
                Seen::new(Readiness::Missing, format!("{silent}, and Ollama is not installed"))
                    .remedy(self.get_server())
            }
            _ if is_here && self.host.has(provider.program) => {
                let command = provider.start_hint.split('`').nth(1).unwrap_or(provider.program);
                Seen::new(Readiness::Missing, silent).remedy(command)
            }
            _ if is_here => {
                let words =
                    format!("{silent}, and {} is not on the PATH ({})", provider.program, provider.install);
                Seen::new(Readiness::Missing, words).remedy(self.get_server())
            }
            _ => Seen::new(Readiness::Missing, silent).remedy(format!("curl -i {place}")),
        }
    }
}
