//! minions, the program: a job in, an envelope out.

use std::io;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use minions::cli::{Cli, Command, RunArgs};
use minions::config::Environment;
use minions::envelope::Envelope;
use minions::error::{Exit, Failure};
use minions::runner::{Input, Interrupt, Runner};
use minions::secrets::Redactor;
use minions::{logging, sandbox, service};
use serde_json::Value;

/// Counts, so that a sandbox child can be held to its memory limit; elsewhere it is the system's.
#[global_allocator]
static ALLOCATOR: monty_alloc::LimitedAllocator = monty_alloc::LimitedAllocator;

fn main() -> ExitCode {
    let redactor = Redactor::default();
    let outcome = match Cli::try_parse() {
        Ok(Cli { command: Some(Command::SandboxWorker), .. }) => return sandbox::worker_main(),
        Ok(Cli { command: Some(Command::OllamaKeeper { words }), .. }) => return service::keeper(&words),
        Ok(Cli { command: Some(Command::Entry { words }), .. }) => return service::entry(words),
        Ok(Cli { command: Some(Command::Health), .. }) => return service::health(),
        Ok(Cli { command: Some(Command::Run(args)), .. } | Cli { run: args, .. }) => {
            #[cfg(feature = "embedded")]
            minions::chat::llama_cpp::waits::shorten();
            // Jobs run in a task of their own; this is for what is around them.
            let caught = std::panic::catch_unwind(AssertUnwindSafe(|| run(args, &redactor)));
            caught.unwrap_or_else(|_| Err(Failure::defect("a panic, whose words are on stderr")))
        }
        Err(error) => match usage(&error) {
            Some(failure) => Err(failure),
            None => return ExitCode::SUCCESS,
        },
    };
    let envelope = Envelope::from(outcome);
    let exit = envelope.exit();
    match envelope.write(&mut io::stdout().lock(), &redactor) {
        Ok(()) => ExitCode::from(exit as u8),
        Err(error) => {
            tracing::error!("the envelope can't be written to stdout: {error}");
            ExitCode::from(Exit::Failed as u8)
        }
    }
}

/// Runs one job; whatever happens inside, there is an outcome.
fn run(args: RunArgs, redactor: &Redactor) -> Result<Value, Failure> {
    let interrupt = Interrupt::listen()
        .context("the signals can't be listened to")
        .map_err(|error| Failure::job(format!("{error:#}")))?;
    let environment = Environment::of_process();
    environment.credentials().for_each(|secret| redactor.learn(secret));
    logging::start(&environment, redactor);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("the asynchronous runtime can't be started")
        .map_err(|error| Failure::job(format!("{error:#}")))?;
    // Links to the binary that runs even if its file is replaced meanwhile.
    let program = PathBuf::from("/proc/self/exe");
    let runner = Runner { environment, redactor: redactor.clone(), program, interrupt };
    let outcome = runtime.block_on(runner.run(args.job.map_or(Input::Stdin, Input::File)));
    // A thread that still waits for stdin must not hold the envelope back.
    runtime.shutdown_background();
    outcome
}

/// What a bad command line is told; `None` after `--help` and `--version`, which clap has printed.
fn usage(error: &clap::Error) -> Option<Failure> {
    let printed = error.print();
    if error.use_stderr() || printed.is_err() {
        let line =
            error.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        return Some(Failure::input(line).hint("`minions --help` shows what there is"));
    }
    None
}
