//! What the doctor finds.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::Serialize;
use tokio::time::timeout;

use minions::chat::providers::{PROVIDERS, RuntimeKind};
use minions::chat::{base_url, http};
use minions::config::{self, Environment, KeyState};
use minions::job::{JobRole, ModelId};
use minions::llama;
use minions::runtimes::docker_model_runner::docker_engine;
use minions::runtimes::survey::Answers;
use minions::settings::{Settings, Whose};
use minions_machine::gpu::{self, Gpu};
use minions_machine::memory;

use super::finding::{Finding, LIMIT};
use super::host::{Host, free_at};
use super::sides::{Readiness, SideReport, Sight};
use super::{speed, window};
use crate::cli::columns;
use crate::cli::shell::shell_word;
use minions::servers::{self, Server};

/// Less room than that is too little for most models.
const LITTLE_ROOM: u64 = 5_000_000_000;

/// A model server.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ServerReport {
    pub types: Vec<&'static str>,
    pub address: String,
    pub answers: bool,
    pub version: Option<String>,
    pub models: Vec<String>,
    /// What answers in place of a model server.
    pub problem: Option<String>,
}

/// The key of a provider.
#[derive(Clone, Debug, Serialize)]
pub(super) struct KeyReport {
    pub types: Vec<&'static str>,
    pub variable: String,
    /// Why it is no key.
    pub problem: Option<String>,
}

/// All that was found.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Facts {
    pub version: &'static str,
    /// Whether a job of the usual pair could run.
    pub ready: bool,
    pub settings: Vec<Finding>,
    pub worker: Option<SideReport>,
    pub supervisor: Option<SideReport>,
    pub servers: Vec<ServerReport>,
    pub keys: Vec<KeyReport>,
    pub engine: Finding,
    pub docker: Finding,
    pub memory: Finding,
    pub window: Finding,
    pub speed: Finding,
    pub disk: Vec<Finding>,
    pub certificates: Finding,
    pub proxy: Finding,
    /// Commands, in order, to the first answer.
    pub next: Vec<String>,
}

/// Looks at everything at once. The servers, and the environment with what the settings say, are for the next steps.
pub(super) async fn gather(environment: &Environment, dir: &Path) -> (Facts, Vec<Server>, Environment) {
    let (environment, mut findings) = without_bad_sides(environment);
    let (is_told, host) = (findings.is_empty(), Host::new(&environment));
    let (settings, files) = Settings::look(&environment, dir);
    findings.extend(settings.warnings().iter().map(|warning| {
        let path = &warning.path;
        let remedy = if warning.is_foreign { host.take(path) } else { host.edit(path) };
        Finding::new(false, &warning.words).remedy(Some(remedy))
    }));
    let with_settings = settings.environment();
    for file in &files {
        let whose = if file.whose == Whose::User { "yours" } else { "the project's" };
        findings.push(match &file.problem {
            None => Finding::new(true, format!("{} ({whose})", host.short(&file.path))),
            Some(failure) => Finding::new(false, failure.to_string()).remedy(Some(host.mend(&file.path))),
        });
    }
    if files.iter().all(|file| file.whose != Whose::User) {
        let place = Settings::users_place(&environment).map(|path| host.short(&path));
        let place = place.unwrap_or_else(|| "nowhere, as HOME is not set".to_owned());
        findings.push(Finding::new(None, format!("none of your own; it would be {place}")));
    }
    let engines = environment.docker_engines();
    let docker = async { timeout(LIMIT, docker_engine(&engines)).await.map_err(|_| ()) };
    let card = async { timeout(LIMIT, tokio::task::spawn_blocking(gpu::gpu)).await };
    let (servers, docker, card) = tokio::join!(servers::look(&with_settings), docker, card);
    let docker = match docker {
        Ok(Ok(engine)) => Ok(engine),
        Ok(Err(error)) => Err(error.message),
        Err(()) => Err("the Docker Engine does not answer within 1 s".to_owned()),
    };
    let no_docker = docker.as_ref().err().map(String::as_str);
    let sight =
        Sight { environment: &with_settings, host: Host::new(&environment), servers: &servers, no_docker };
    let pair = settings.pair(None);
    let (worker, supervisor) = match &pair {
        Ok(pair) => (Some(sight.worker(&pair.local)), Some(sight.side(&pair.remote, JobRole::Supervisor))),
        Err(failure) => {
            findings.push(Finding::new(false, failure.to_string()).remedy(failure.hint.clone()));
            (None, None)
        }
    };
    let is_usable =
        |side: &Option<SideReport>| side.as_ref().is_some_and(|side| side.state != Readiness::Missing);
    let is_sound = files.iter().all(|file| file.problem.is_none());
    let certificates = certificates(&host);
    let proxy = proxy();
    let is_away = pair.as_ref().is_ok_and(|pair| !pair.remote.model.provider.local);
    let reaches = !is_away || certificates.ok != Some(false) && proxy.ok != Some(false);
    let window = window::of(&with_settings, &host, &servers, pair.as_ref().ok()).await;
    let speed = {
        let (environment, pair) = (with_settings.clone(), pair.as_ref().ok().cloned());
        tokio::task::spawn_blocking(move || speed::of(&environment, pair.as_ref())).await
    };
    let speed = speed.unwrap_or_else(|_| Finding::new(None, "not known"));
    let fits = window.ok != Some(false);
    let ready = is_told && is_sound && is_usable(&worker) && is_usable(&supervisor) && reaches && fits;
    let card = card.ok().and_then(Result::ok).unwrap_or(Gpu::Unknown);
    let facts = Facts {
        version: env!("CARGO_PKG_VERSION"),
        ready,
        settings: findings,
        worker,
        supervisor,
        servers: servers.iter().map(report).collect(),
        keys: keys(&with_settings),
        engine: match llama::check_built() {
            Ok(()) => Finding::new(true, "llama.cpp is built in"),
            Err(_) => Finding::new(None, "llama.cpp is not built in (client type llama_cpp)"),
        },
        docker: match docker {
            Ok(engine) => Finding::new(true, engine),
            Err(problem) => Finding::new(None, problem),
        },
        memory: of_memory(card),
        window,
        speed,
        disk: disk(&host, &servers),
        certificates,
        proxy,
        next: Vec::new(),
    };
    (facts, servers, with_settings)
}

/// The environment without the names of models that can't be read, which are told.
fn without_bad_sides(environment: &Environment) -> (Environment, Vec<Finding>) {
    let (mut rest, mut findings) = (environment.all(), Vec::new());
    for name in [config::ENV_LOCAL, config::ENV_REMOTE] {
        if let Some(Err(failure)) = environment.get(name).map(|text| ModelId::parse(name, text)) {
            rest.retain(|(variable, _)| variable != name);
            findings.push(Finding::new(false, failure.to_string()).remedy(Some(format!("unset {name}"))));
        }
    }
    (rest.into_iter().collect(), findings)
}

fn report(server: &Server) -> ServerReport {
    let (version, models, problem) = match &server.answers {
        Answers::Server(surveyed) => {
            let names = surveyed.models.iter().map(|model| model.name.clone()).collect();
            (surveyed.version.clone(), names, None)
        }
        Answers::Other(words) => (None, Vec::new(), Some(words.clone())),
        Answers::Nothing(_) => (None, Vec::new(), None),
    };
    ServerReport {
        types: server.types.iter().map(|provider| provider.name).collect(),
        address: base_url::shown(&server.address),
        answers: matches!(server.answers, Answers::Server(_)),
        version,
        models,
        problem,
    }
}

/// The keys that are set, each with all the client types that use it.
fn keys(environment: &Environment) -> Vec<KeyReport> {
    let mut keys: Vec<KeyReport> = Vec::new();
    for provider in PROVIDERS {
        let (variable, problem) = match environment.key(provider) {
            Some((name, KeyState::Set)) => (name, None),
            Some((name, KeyState::Unusable(problem))) => (name, Some(problem)),
            Some((_, KeyState::Missing)) | None => continue,
        };
        match keys.iter_mut().find(|key| key.variable == variable) {
            Some(key) => key.types.push(provider.name),
            None => {
                keys.push(KeyReport { types: vec![provider.name], variable: variable.to_owned(), problem });
            }
        }
    }
    keys
}

fn of_memory(card: Gpu) -> Finding {
    let card = match card {
        Gpu::None => "no graphics card with memory of its own".to_owned(),
        Gpu::Free(bytes) => format!("{} MiB free on the graphics card", bytes >> 20),
        Gpu::Unknown => "a graphics card that does not tell its memory, or may not be used".to_owned(),
    };
    match memory::free() {
        Some(free) => Finding::new(true, format!("{}; {card}", free.words())),
        None => Finding::new(None, format!("this machine does not tell; {card}")),
    }
}

fn disk(host: &Host<'_>, servers: &[Server]) -> Vec<Finding> {
    let mut places = Vec::new();
    let is_used = |server: &Server| {
        server.types.iter().any(|provider| provider.runtime == RuntimeKind::Ollama)
            && base_url::is_this_machine(&server.address)
            && matches!(server.answers, Answers::Server(_))
    };
    if host.has("ollama") || servers.iter().any(is_used) {
        places.extend(host.ollama_models().map(|path| (path, "Ollama's models")));
    }
    places.push((Path::new("models").to_owned(), "GGUF files"));
    let finding = |(path, what): (std::path::PathBuf, &str)| {
        let at = if path.is_absolute() { path.clone() } else { std::env::current_dir().ok()?.join(&path) };
        let (there, free) = free_at(&at)?;
        let words = format!("{} free for {what}, in {}", columns::bytes(free), host.short(&path));
        let has_room = free >= LITTLE_ROOM;
        let remedy = (!has_room).then(|| what_takes_room(there));
        Some(Finding::new(has_room, words).remedy(remedy))
    };
    places.into_iter().filter_map(finding).collect()
}

/// The command that shows what fills the disk of a folder.
fn what_takes_room(folder: &Path) -> String {
    let disk = |path: &Path| path.metadata().ok().map(|about| about.dev());
    let is_same = |path: &&Path| disk(path) == disk(folder);
    let root = folder.ancestors().take_while(is_same).last().unwrap_or(folder);
    format!("du -xhd1 {} | sort -h", shell_word(&root.display().to_string()))
}

/// Whether calls over TLS can know a server.
fn certificates(host: &Host<'_>) -> Finding {
    let told =
        ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().find_map(|name| Some((name, host.environment.get(name)?)));
    match http::client("https://api.openai.com/v1") {
        Err(none) if none.remedy.is_some() => {
            let install = host.install(&["ca-certificates"]);
            let remedy = told.map_or(install, |(name, _)| Some(format!("unset {name}")));
            Finding::new(false, none.problem).remedy(remedy)
        }
        Ok(_) | Err(_) => Finding::new(
            true,
            told.map_or_else(|| "the system's".to_owned(), |(name, value)| format!("{value}, by {name}")),
        ),
    }
}

fn proxy() -> Finding {
    match http::proxy("https://api.openai.com/v1") {
        Ok(None) => Finding::new(None, "none"),
        Ok(Some((proxy, variable))) => Finding::new(true, format!("{proxy}, by {variable}")),
        Err(problem) => {
            let variable = problem.split_whitespace().next().unwrap_or_default();
            let remedy = format!("unset {variable}");
            Finding::new(false, problem.clone()).remedy(Some(remedy))
        }
    }
}
