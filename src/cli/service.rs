//! What the program does besides jobs: the container's first step, the watchdog of a daemon, the health check.
//!
//! In: words of the command line. Out: an exit code. Nothing here writes an envelope.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::CommandFactory;
use reqwest::header::HeaderMap;

use crate::cli::args::Cli;
use crate::cli::container::{Entry, Places, Watchdog};
use crate::cli::logging::{self, Volume};
use minions::chat::providers::{Key, Provider, find};
use minions::chat::secrets::{Redactor, Secret};
use minions::chat::{base_url, credentials};
use minions::config::{self, Environment};
use minions::error::Failure;
use minions::runtimes::ollama::{self, Host, WatchdogArgs};
use minions::runtimes::{Ollama, Runtime, RuntimeError, Timeouts};

/// The hidden subcommand that keeps an Ollama daemon up, or becomes it.
pub(crate) fn watchdog(words: &[OsString]) -> ExitCode {
    let environment = started();
    if let Some(error) = ollama::become_daemon(words) {
        tracing::error!("{error}");
        return ExitCode::from(127);
    }
    let Some(args) = WatchdogArgs::parse(words, environment.all()) else {
        tracing::error!("not a watchdog's command line");
        return ExitCode::from(2);
    };
    ended(ollama::watchdog_main(args))
}

/// The container's first step. It returns only where it stays.
pub(crate) fn entry(words_of_entry: Vec<OsString>) -> ExitCode {
    let environment = started();
    let host = match host(&environment) {
        Ok(host) => host,
        Err(failure) => return unusable(&failure),
    };
    let is_local = host.is_local();
    let program = ollama::find_program("ollama", environment.get("PATH").unwrap_or_default());
    let words = move |program: PathBuf| -> Watchdog {
        // The lock files of the user that we have become: those of the jobs.
        Box::new(move || WatchdogArgs::words(&host, &program, &environment.locks(), true))
    };
    let mut commands: Vec<_> =
        Cli::command().get_subcommands().map(|one| one.get_name().to_owned()).collect();
    commands.push("help".to_owned());
    let entry = Entry {
        arguments: words_of_entry,
        commands,
        minions: "/proc/self/exe".into(),
        watchdog: program.filter(|_| is_local).map(words),
        places: Places::default(),
    };
    match entry.run() {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(error) => {
            tracing::error!("{error}");
            // As a shell says that a program is not there.
            ExitCode::from(127)
        }
    }
}

const START: &str = "start it with `ollama serve`, or name its address in OLLAMA_HOST";

/// Whether the daemon answers.
pub(crate) fn health() -> ExitCode {
    let environment = started();
    let told = host(&environment).and_then(|host| Ok((headers(&environment, &host)?, host)));
    let (headers, host) = match told {
        Ok(told) => told,
        Err(failure) => return unusable(&failure),
    };
    ended(async {
        let ollama = Ollama::new(host.client_url(), None, Timeouts::default())?.with_headers(headers);
        let ready = ollama.ensure_ready().await;
        ready.map_err(|error| match error.hint {
            None => RuntimeError { hint: Some(START.to_owned()), ..error },
            Some(_) => error,
        })
    })
}

fn started() -> Environment {
    let environment = Environment::of_process();
    let redactor = Redactor::default();
    environment.credentials().for_each(|secret| redactor.learn(&secret));
    logging::start(&environment, &redactor, Volume::Normal);
    environment
}

/// The daemon's address, by the names that jobs read, too.
fn host(environment: &Environment) -> Result<Host, Failure> {
    let names = find("ollama").map(Provider::base_url_names).unwrap_or_default();
    let told = names.iter().find_map(|name| Some((name, environment.get(name)?)));
    let Some((name, text)) = told else { return Ok(Host::default()) };
    Host::read(text).map_err(|problem| Failure::input(format!("{name} in the environment {problem}")))
}

/// The headers of the key in the environment. A user and a password of the address go in its place, as in a job.
fn headers(environment: &Environment, host: &Host) -> Result<HeaderMap, Failure> {
    let key = environment.get(config::ENV_OLLAMA_API_KEY).filter(|_| !base_url::has_user(host.client_url()));
    let headers = credentials::headers(Key::Bearer, key.map(Secret::new).as_ref(), &BTreeMap::new());
    headers.map_err(|(_, problem)| {
        Failure::input(format!("{} in the environment {problem}", config::ENV_OLLAMA_API_KEY))
    })
}

fn unusable(failure: &Failure) -> ExitCode {
    tracing::error!("{failure}");
    ExitCode::FAILURE
}

fn ended(task: impl Future<Output = Result<(), RuntimeError>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map(|runtime| runtime.block_on(task)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            tracing::error!("{}", Failure::from(error));
            ExitCode::FAILURE
        }
        Err(error) => {
            tracing::error!("the asynchronous runtime can't be started: {error}");
            ExitCode::FAILURE
        }
    }
}
