//! Whether the worker's model fits into the memory of this machine, and with which slots and window.

use std::path::Path;

use tokio::time::timeout;

use minions::chat::providers::{Provider, RuntimeKind};
use minions::config::Environment;
use minions::engine;
use minions::forecast::known_model;
use minions::llama;
use minions::runtimes::ollama::{self, Host as OllamaHost, Locks};
use minions::runtimes::survey::{self, Answers, Installed};
use minions::settings::Pair;
use minions_machine::footprint::Footprint;
use minions_machine::known::KNOWN;

use super::finding::{Finding, LIMIT};
use super::host::Host;
use minions::servers::Server;

/// A model that the worker would run.
struct Wanted {
    name: String,
    footprint: Footprint,
    /// Whether minions has a say in where it runs, so that a job with it fails if it does not fit.
    is_ours: bool,
}

/// What would be chosen for the worker's model where its figures are known, else for a usual one. Where a job would fail
/// as the model does not fit, that is told as a fault.
pub(super) async fn of(
    environment: &Environment,
    host: &Host<'_>,
    servers: &[Server],
    pair: Option<&Pair>,
) -> Finding {
    let usual = || {
        let name = "a model of 3 billion parameters in 4 bits".to_owned();
        KNOWN[0].footprint().map(|footprint| Wanted { name, footprint, is_ours: false })
    };
    let wanted = match pair {
        Some(pair) => of_worker(environment, servers, pair).await,
        None => None,
    };
    let is_known = wanted.is_some();
    let Some(Wanted { name, footprint, is_ours }) = wanted.or_else(usual) else {
        return Finding::new(None, "not known");
    };
    match forecast(&name, &footprint).await {
        Some(Ok(words)) => Finding::new(true, words),
        Some(Err(problem)) if is_ours => {
            let smaller = smaller(host, servers).await;
            let more = if smaller.is_some() { "" } else { "; nor do the small ones that are known" };
            Finding::new(false, problem + more).remedy(smaller)
        }
        Some(Err(problem)) if is_known => Finding::new(
            None,
            format!("{problem}; the server was not started by minions, and tries it all the same"),
        ),
        Some(Err(problem)) => Finding::new(None, format!("the worker's is not known, and {problem}")),
        None => Finding::new(
            None,
            format!("{name}: the memory is not known, so slots and window are the server's"),
        ),
    }
}

async fn forecast(name: &str, footprint: &Footprint) -> Option<Result<String, String>> {
    let told = timeout(LIMIT, survey::forecast(name, footprint)).await.ok().flatten()?;
    Some(told.map_err(|error| error.message))
}

/// The command that chooses a smaller model of Ollama, which fits; without an Ollama it would be of no use.
async fn smaller(host: &Host<'_>, servers: &[Server]) -> Option<String> {
    let is_there = |server: &Server| {
        let is_ollama = server.types.iter().any(|provider| provider.runtime == RuntimeKind::Ollama);
        is_ollama && matches!(server.answers, Answers::Server(_))
    };
    let get = match host.has("ollama") || servers.iter().any(is_there) {
        true => String::new(),
        false => format!("{}; ", host.get_ollama()),
    };
    for known in &KNOWN[1..] {
        if let Some(Ok(_)) = forecast(known.name, &known.footprint()?).await {
            return Some(format!("{get}export MINIONS_LOCAL=ollama/{}", known.name));
        }
    }
    None
}

async fn of_worker(environment: &Environment, servers: &[Server], pair: &Pair) -> Option<Wanted> {
    let model = &pair.local.model;
    let provider = model.provider;
    let name = model.model.as_deref().unwrap_or(provider.model);
    match provider.runtime {
        RuntimeKind::Embedded => {
            let footprint = llama::inspect(Path::new(name)).ok()?.footprint;
            Some(Wanted { name: name.to_owned(), footprint, is_ours: true })
        }
        RuntimeKind::Ollama if !ollama::is_cloud(name) => {
            let address = engine::usual_address(provider, environment).ok()?;
            let daemon = OllamaHost::read(&address).ok().filter(OllamaHost::is_local)?;
            let server = servers.iter().find(|server| server.is_for(provider));
            let (surveyed, is_ours) = match server.map(|server| &server.answers) {
                Some(Answers::Server(surveyed)) => {
                    let locks = Locks::new(environment.locks(), daemon.port());
                    (Some(surveyed), locks.told_slots().is_some())
                }
                // A job starts it.
                _ => (None, true),
            };
            let there = surveyed.and_then(|surveyed| surveyed.find(provider, name));
            let (name, footprint) = match (there, server) {
                (Some(there), Some(server)) => at_ollama(environment, provider, server, there).await?,
                _ => (name.to_owned(), known_model(name)?.footprint()?),
            };
            Some(Wanted { name, footprint, is_ours })
        }
        RuntimeKind::Ollama | RuntimeKind::DockerModelRunner | RuntimeKind::Foreign => None,
    }
}

async fn at_ollama(
    environment: &Environment,
    provider: &'static Provider,
    server: &Server,
    there: &Installed,
) -> Option<(String, Footprint)> {
    let headers = engine::usual_headers(provider, environment, &server.address).ok()?;
    let footprint = survey::footprint_at_ollama(&server.address, headers, there, LIMIT).await?;
    Some((there.name.clone(), footprint))
}
