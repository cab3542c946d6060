//! Which model `--model` means, and what is known of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use minions::chat::base_url;
use minions::chat::providers::{self, Provider, RuntimeKind};
use minions::config::Environment;
use minions::engine;
use minions::error::Failure;
use minions::estimate::facts::Facts;
use minions::estimate::gguf::Unusable;
use minions::estimate::seed;
use minions::forecast::{Forecaster, Subject, known_facts};
use minions::job::ModelId;
use minions::runtimes::RuntimeError;
use minions::runtimes::described::{self, Described};
use minions::runtimes::survey::{Answers, survey};
use minions::settings::Settings;

use crate::cli::waiting::wait_for;

/// How long a server may take to answer.
const LIMIT: Duration = Duration::from_secs(5);

/// A model, and how it is called.
pub(super) struct Named {
    pub subject: Subject,
    /// None of a model that is not here.
    pub provider: Option<&'static Provider>,
    /// Its file, where this process would load it.
    pub file: Option<PathBuf>,
}

/// What `given` names; the usual worker where nothing is given.
///
/// # Errors
/// No such file, server or model; a file that is no chat model.
pub(super) fn named(
    given: Option<&str>,
    environment: &Environment,
    forecaster: &mut Forecaster,
) -> Result<Named, Failure> {
    let given = given.map(str::trim);
    match given {
        Some(text) if is_file(text) => of_file(Path::new(text), forecaster),
        Some(text) if text.starts_with("http://") || text.starts_with("https://") => {
            of_address(text, environment, forecaster)
        }
        _ => {
            let (id, environment) = id(given, environment)?;
            if id.provider.runtime == RuntimeKind::Embedded {
                return of_file(Path::new(id.model.as_deref().unwrap_or_default()), forecaster);
            }
            of_server(&id, &environment, forecaster)
        }
    }
}

/// What is said where neither the model nor its calls tell.
pub(super) fn unknown(subject: &Subject) -> Failure {
    let place = subject.base_url.as_deref().map_or("this process".to_owned(), base_url::shown);
    let problem = format!("nothing is known of {} at {place} yet", subject.name);
    let hint = match subject.is_here() {
        true => "name its GGUF file, or run a job with it: the times of its calls are kept",
        false => "run a job with it: a server elsewhere is known by the times of its calls alone",
    };
    Failure::input(problem).hint(hint)
}

fn is_file(text: &str) -> bool {
    text.to_lowercase().ends_with(".gguf") && !text.contains("://") && provider_of(text).is_none()
        || Path::new(text).is_file()
}

/// The provider before the first `/`, if there is one of that name and no such folder.
fn provider_of(text: &str) -> Option<&'static Provider> {
    let (first, _) = text.split_once('/')?;
    providers::find(first).filter(|_| !Path::new(first).is_dir())
}

/// The model's name as settings and the command line have it, and the environment with what settings say.
fn id(given: Option<&str>, environment: &Environment) -> Result<(ModelId, Environment), Failure> {
    let here = std::env::current_dir().map_err(|error| Failure::system(error.to_string()))?;
    let settings = Settings::load(environment, &here)?;
    let id = match given {
        Some(text) => ModelId::parse("--model", text)?,
        None => settings.pair(None)?.local.model,
    };
    Ok((id, settings.environment()))
}

fn of_file(path: &Path, forecaster: &mut Forecaster) -> Result<Named, Failure> {
    let subject = forecaster.file(path).map_err(|Unusable { what, hint }| {
        Failure::input(format!("--model: cannot use the model {}: {what}", path.display())).hint(hint)
    })?;
    Ok(Named { subject, provider: providers::find("llama_cpp"), file: Some(path.to_path_buf()) })
}

/// A llama.cpp server.
fn of_address(text: &str, environment: &Environment, forecaster: &mut Forecaster) -> Result<Named, Failure> {
    let provider =
        providers::find("llama_server").ok_or_else(|| Failure::defect("llama_server is no client type"))?;
    let read = provider.read_address(text).map_err(|problem| Failure::input(format!("--model {problem}")))?;
    let subject = ask(provider, read.base_url, provider.model, environment, forecaster)?;
    Ok(Named { subject, provider: Some(provider), file: None })
}

fn of_server(id: &ModelId, environment: &Environment, forecaster: &mut Forecaster) -> Result<Named, Failure> {
    let provider = id.provider;
    let name = id.model.as_deref().unwrap_or(provider.model);
    let address = engine::usual_address(provider, environment)?;
    let subject = ask(provider, address, name, environment, forecaster)?;
    Ok(Named { subject, provider: Some(provider), file: None })
}

/// Asks the server, if it is on this machine, what it has. A model that it lacks may be known all the same.
fn ask(
    provider: &'static Provider,
    address: String,
    name: &str,
    environment: &Environment,
    forecaster: &mut Forecaster,
) -> Result<Subject, Failure> {
    let subject = |name: &str, facts| {
        let base_url = Some(address.clone());
        Subject { name: name.to_owned(), base_url, facts, at_once: 1 }
    };
    if !base_url::is_this_machine(&address) {
        return Ok(subject(name, None));
    }
    let headers = engine::usual_headers(provider, environment, &address)?;
    let asked = wait_for(async {
        if provider.runtime == RuntimeKind::Foreign {
            let told = described::at_llama_server(&address, headers, LIMIT).await;
            return told.map(|told| (name.to_owned(), told)).map_err(|error| Some(unanswered(error)));
        }
        match survey(provider, &address, headers.clone(), LIMIT).await {
            Answers::Server(surveyed) => {
                let Some(there) = surveyed.find(provider, name) else { return Err(None) };
                let told = match provider.runtime {
                    RuntimeKind::Ollama => described::at_ollama(&address, headers, there, LIMIT).await,
                    _ => described::at_model_runner(&address, headers, &there.name, LIMIT).await,
                };
                Ok((name.to_owned(), told))
            }
            Answers::Other(problem) | Answers::Nothing(problem) => Err(Some(Failure::input(problem))),
        }
    });
    match asked {
        Some(Ok((name, told))) => Ok(subject(&name, told.and_then(|told| facts(&told, forecaster)))),
        Some(Err(problem)) => match known_facts(provider, name) {
            Some(facts) => Ok(subject(name, Some(facts))),
            None if provider.runtime == RuntimeKind::Foreign => {
                Err(problem.unwrap_or_else(|| absent(provider, name, None)))
            }
            None => Err(absent(provider, name, problem.map(|problem| problem.message))),
        },
        None => Err(Failure::system("the asynchronous runtime can't be started")),
    }
}

/// By the model's file, if this process may read it; else by what its server tells.
fn facts(told: &Described, forecaster: &mut Forecaster) -> Option<Facts> {
    let by_file = told.file.as_deref().filter(|file| file.is_file());
    let by_file = by_file.and_then(|file| forecaster.facts_of_file(file).ok());
    let by_account = || {
        let Described { parameters, bytes, quantisation, footprint, experts, .. } = told;
        let is_known = *parameters > 0 && *bytes > 0;
        is_known.then(|| Facts::of_server(*parameters, *bytes, quantisation.as_deref(), *footprint, *experts))
    };
    by_file.or_else(by_account)
}

/// A server that was named by its address tells nothing.
fn unanswered(error: RuntimeError) -> Failure {
    let hint = error.hint.unwrap_or_else(|| "start it, or name a GGUF file".to_owned());
    Failure::input(format!("--model: {}", error.message)).hint(hint)
}

/// `problem`: why the server does not answer; none if it lacks the model.
fn absent(provider: &Provider, name: &str, problem: Option<String>) -> Failure {
    let get = match provider.name {
        "ollama" => format!("ollama pull {name}, or name a GGUF file"),
        "docker_model_runner" => format!("docker model pull {name}, or name a GGUF file"),
        _ => "name a GGUF file".to_owned(),
    };
    let known: Vec<_> = seed::names().collect();
    let problem = match problem {
        Some(problem) => format!("--model {name}: {problem}"),
        None => format!("--model {name}: {} has no such model", provider.name),
    };
    Failure::input(problem).hint(format!("{get}; without a server these are known: {}", known.join(", ")))
}
