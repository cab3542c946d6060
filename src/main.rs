//! minions, the program. On this branch: the hidden subcommands of the container and the runtimes alone.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use minions::container::{self, Entry, Places};
use minions::runtimes::ollama::{self, Host, KeeperArgs, Start};
use minions::runtimes::{Limits, Ollama, Runtime, RuntimeError};

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let first = words.first().and_then(|word| word.to_str()).unwrap_or_default().to_owned();
    let done = match &*first {
        container::COMMAND => return entry(words[1..].to_vec()),
        ollama::KEEPER_COMMAND => KeeperArgs::parse(&words[1..], std::env::vars().collect())
            .map(|args| block_on(ollama::keeper_main(args))),
        "health" => Some(block_on(health())),
        // What a job does with the daemon, for trying it out in a container.
        "ready" => Some(block_on(ready())),
        _ => Some(Ok(())),
    };
    match done {
        Some(Ok(())) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn entry(arguments: Vec<OsString>) -> ExitCode {
    let host = host();
    let path = std::env::var("PATH").unwrap_or_default();
    let keeper = ollama::find_program("ollama", &path)
        .filter(|_| host.is_local())
        .map(|program| KeeperArgs::words(&host, &program, &locks(), true));
    let entry = Entry { arguments, minions: "/proc/self/exe".into(), keeper, places: Places::default() };
    entry.run().map_or(ExitCode::FAILURE, |code| ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

async fn health() -> Result<(), RuntimeError> {
    Ollama::new(&host().client_url(), None, Limits::default())?.ensure_ready().await
}

async fn ready() -> Result<(), RuntimeError> {
    let path = std::env::var("PATH").unwrap_or_default();
    let ollama = Ollama::new(&host().client_url(), None, Limits::default())?;
    let ollama = match ollama::find_program("ollama", &path) {
        Some(program) => ollama.starting(Start::new("/proc/self/exe", program, host(), locks())),
        None => ollama,
    };
    ollama.ensure_ready().await
}

fn block_on<T>(future: impl Future<Output = Result<T, RuntimeError>>) -> Result<T, RuntimeError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_or_else(|_| std::process::abort(), |runtime| runtime.block_on(future))
}

fn host() -> Host {
    std::env::var("OLLAMA_HOST").map_or_else(|_| Host::default(), |text| Host::parse(&text))
}

fn locks() -> PathBuf {
    Path::new("/tmp").join("minions-locks")
}
