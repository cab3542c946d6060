//! Whether the model of a side could be used now, and what makes it usable.

use std::path::Path;

use serde::Serialize;

use minions::chat::base_url;
use minions::chat::providers::{Provider, RuntimeKind};
use minions::config::{self, Environment, KeyState};
use minions::engine;
use minions::job::JobRole;
use minions::llama;
use minions::runtimes::ollama;
use minions::runtimes::survey::{Answers, Surveyed};
use minions::settings::{Chosen, is_hosted};

use super::host::Host;
use crate::cli::shell::shell_word;
use minions::servers::{Server, is_started_by_job};

/// How far a side is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Readiness {
    /// A job can use it.
    Ready,
    /// A job fetches its model first.
    Fetched,
    /// Its server does not list the model, and may have it.
    Unlisted,
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
    /// Why no Docker Engine answers, if none does.
    pub no_docker: Option<&'a str>,
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
    /// The command that names another model for a side.
    fn choose(role: JobRole, model: &str) -> String {
        let variable = match role {
            JobRole::Supervisor => config::ENV_REMOTE,
            JobRole::Worker | JobRole::Embedding => config::ENV_LOCAL,
        };
        format!("export {variable}={}", shell_word(model))
    }

    /// The command that gets a side a server, where none is installed, and has the side use it. A supervisor needs none: there
    /// are vendors.
    fn get_server(&self, role: JobRole, of: &Provider) -> String {
        if role == JobRole::Supervisor {
            return Self::choose(role, config::REMOTE);
        }
        if self.no_docker.is_none() && !self.host.has("curl") {
            return Self::choose(role, "docker_model_runner");
        }
        match of.runtime {
            RuntimeKind::Ollama => self.host.get_ollama(),
            _ => format!("{}; {}", self.host.get_ollama(), Self::choose(role, config::LOCAL)),
        }
    }

    /// The command after which a side needs no engine, or has it.
    fn get_engine(&self, role: JobRole, of: &Provider) -> String {
        let is_source = Path::new("crates/llama/llama.cmake").is_file() && self.host.has("cargo");
        match is_source {
            true => "cargo install --path . --bin minions --features embedded".to_owned(),
            false => self.get_other(role, of),
        }
    }

    /// The command after which a side has a file, or needs none.
    fn get_file(&self, role: JobRole, of: &Provider) -> String {
        match Path::new("scripts/fetch-model.sh").is_file() && self.host.has("pip3") {
            true => "scripts/fetch-model.sh".to_owned(),
            false => self.get_other(role, of),
        }
    }

    fn get_other(&self, role: JobRole, of: &Provider) -> String {
        let is_there = |server: &Server| {
            let is_ollama = server.types.iter().any(|provider| provider.runtime == RuntimeKind::Ollama);
            is_ollama && matches!(server.answers, Answers::Server(_))
        };
        match self.host.has("ollama") || self.servers.iter().any(is_there) {
            true if role != JobRole::Supervisor => Self::choose(role, config::LOCAL),
            _ => self.get_server(role, of),
        }
    }

    /// The side of the worker, which gets the documents.
    pub(crate) fn worker(&self, chosen: &Chosen) -> SideReport {
        let mut side = self.side(chosen, JobRole::Worker);
        let address = engine::usual_address(chosen.model.provider, self.environment).unwrap_or_default();
        let is_elsewhere = !address.is_empty() && !base_url::is_private(&address);
        if is_elsewhere || is_hosted(&chosen.model) && chosen.model.provider.local {
            side.words += "; it reads the documents, which leave this machine";
        }
        side
    }

    /// The side with the model that was `chosen`.
    pub(crate) fn side(&self, chosen: &Chosen, role: JobRole) -> SideReport {
        let provider = chosen.model.provider;
        let told = provider.model_env.iter().find_map(|name| self.environment.get(name));
        let model = chosen.model.model.as_deref().or(told).unwrap_or(provider.model);
        let Seen { state, words, remedy } = match engine::usual_address(provider, self.environment) {
            Err(failure) => {
                Seen { remedy: failure.hint.clone(), ..Seen::new(Readiness::Missing, failure.message) }
            }
            Ok(_) if provider.runtime == RuntimeKind::Embedded => self.embedded(role, provider, model),
            Ok(address) if self.has_bad_key(provider) => self.hosted(provider, &address),
            Ok(address) => {
                match self.servers.iter().find(|server| server.address == address || server.is_for(provider))
                {
                    Some(server) if provider.local || base_url::is_private(&address) => {
                        self.at(role, provider, model, &address, server)
                    }
                    _ => self.hosted(provider, &address),
                }
            }
        };
        SideReport { model: chosen.model.to_string(), chosen_by: chosen.by.to_string(), state, words, remedy }
    }

    fn has_bad_key(&self, provider: &Provider) -> bool {
        matches!(self.environment.key(provider), Some((_, KeyState::Unusable(_))))
    }

    fn embedded(&self, role: JobRole, provider: &Provider, path: &str) -> Seen {
        if llama::check_built().is_err() {
            return Seen::new(Readiness::Missing, "llama.cpp is not built in")
                .remedy(self.get_engine(role, provider));
        }
        match llama::inspect(Path::new(path)) {
            Ok(_) => Seen::new(Readiness::Ready, "the file is there, and llama.cpp is built in"),
            Err(error) => Seen::new(Readiness::Missing, error.message).remedy(self.get_file(role, provider)),
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
    fn at(
        &self,
        role: JobRole,
        provider: &'static Provider,
        model: &str,
        address: &str,
        server: &Server,
    ) -> Seen {
        let place = base_url::shown(address);
        match &server.answers {
            Answers::Server(surveyed) if server.is_for(provider) => {
                self.with_server(role, provider, model, &place, surveyed)
            }
            Answers::Server(surveyed) => {
                let is = server.types.iter().map(|provider| provider.name).collect::<Vec<_>>().join(" or ");
                let seen = Seen::new(Readiness::Missing, format!("at {place} answers {is}"));
                match surveyed.models.first() {
                    Some(there) => {
                        seen.remedy(Self::choose(role, &format!("{}/{}", server.types[0].name, there.name)))
                    }
                    None => seen.remedy(self.get_server(role, provider)),
                }
            }
            Answers::Other(words) => {
                Seen::new(Readiness::Missing, words.clone()).remedy(format!("curl -i {place}"))
            }
            Answers::Nothing(_) => self.without_server(role, provider, model, address),
        }
    }

    fn with_server(
        &self,
        role: JobRole,
        provider: &Provider,
        model: &str,
        place: &str,
        surveyed: &Surveyed,
    ) -> Seen {
        if surveyed.has(provider, model) {
            return Seen::new(Readiness::Ready, format!("the server at {place} has it"));
        }
        match provider.runtime {
            RuntimeKind::Ollama => {
                let seen = Seen::new(
                    Readiness::Fetched,
                    format!("Ollama at {place} does not have it: a job fetches it first"),
                );
                if self.host.has("ollama") {
                    seen.remedy(format!("ollama pull {}", shell_word(model)))
                } else {
                    seen
                }
            }
            RuntimeKind::DockerModelRunner => {
                let words =
                    format!("Docker Model Runner at {place} does not have it: a job fetches it first");
                let seen = Seen::new(Readiness::Fetched, words);
                seen.remedy(self.host.pull_for_runner(place, model))
            }
            RuntimeKind::Embedded | RuntimeKind::Foreign => {
                // Some take names that they don't list, so only a call tells.
                let words =
                    format!("the server at {place} does not list it; a job asks it before anything is paid");
                let seen = Seen::new(Readiness::Unlisted, words);
                match surveyed.models.first() {
                    Some(there) => {
                        seen.remedy(Self::choose(role, &format!("{}/{}", provider.name, there.name)))
                    }
                    None => seen,
                }
            }
        }
    }

    fn without_server(&self, role: JobRole, provider: &Provider, model: &str, address: &str) -> Seen {
        let place = base_url::shown(address);
        let silent = format!("nothing answers at {place}");
        let is_here = base_url::is_this_machine(address);
        let (has_ollama, has_docker) = (self.host.has("ollama"), self.no_docker.is_none());
        let is_started = is_started_by_job(provider, address, has_ollama, has_docker);
        match provider.runtime {
            RuntimeKind::Ollama if is_started => {
                let is_there =
                    self.host.ollama_models().is_some_and(|folder| ollama::is_on_disk(&folder, model));
                match is_there {
                    true => Seen::new(Readiness::Ready, "a job starts Ollama, which has it"),
                    false => Seen::new(Readiness::Fetched, "a job starts Ollama and fetches it first")
                        .remedy(format!("ollama serve & sleep 3; ollama pull {}", shell_word(model))),
                }
            }
            RuntimeKind::DockerModelRunner if is_started => {
                Seen::new(Readiness::Fetched, "a job starts Docker Model Runner and fetches it first")
            }
            RuntimeKind::DockerModelRunner if is_here => {
                let start = self.host.start_docker();
                Seen::new(Readiness::Missing, format!("{silent}, and {}", self.no_docker.unwrap_or_default()))
                    .remedy(start.unwrap_or_else(|| self.get_other(role, provider)))
            }
            RuntimeKind::Ollama if is_here => {
                Seen::new(Readiness::Missing, format!("{silent}, and Ollama is not installed"))
                    .remedy(self.get_server(role, provider))
            }
            _ if is_here && self.host.has(provider.program) => {
                let command = provider.start_hint.split('`').nth(1).unwrap_or(provider.program);
                Seen::new(Readiness::Missing, silent).remedy(command)
            }
            _ if is_here => {
                let words =
                    format!("{silent}, and {} is not on the PATH ({})", provider.program, provider.install);
                Seen::new(Readiness::Missing, words).remedy(self.get_server(role, provider))
            }
            _ => Seen::new(Readiness::Missing, silent).remedy(format!("curl -i {place}")),
        }
    }
}
