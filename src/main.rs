//! minions, the program: a job in, an envelope out; many jobs in, a line out for each.

mod cli;

use std::io;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use minions::chat::secrets::Redactor;
use minions::config::Environment;
use minions::envelope::Envelope;
use minions::error::{Exit, Failure};
use minions::sandbox;

use cli::Source;
use cli::args::{Cli, Command};
use cli::interrupt::Interrupt;
use cli::options::RunOptions;
use cli::program::Program;
use cli::run::{RunOutcome, Work};
use cli::{demo, envelope, listing, logging, service, usage};

/// Counts, so that a sandbox child can be held to its memory limit; elsewhere it is the system's.
#[global_allocator]
static ALLOCATOR: minions::sandbox::LimitedAllocator = minions::sandbox::LimitedAllocator;

fn main() -> ExitCode {
    let redactor = Redactor::default();
    let asked = match Cli::try_parse() {
        Ok(Cli { command: Some(Command::SandboxChild), .. }) => return sandbox::child_main(),
        Ok(Cli { command: Some(Command::OllamaWatchdog { words }), .. }) => return service::watchdog(&words),
        Ok(Cli { command: Some(Command::Entry { words }), .. }) => return service::entry(words),
        Ok(Cli { command: Some(Command::Health), .. }) => return service::health(),
        Ok(Cli { command: Some(Command::Providers { json }), .. }) => return listing::providers(json),
        Ok(Cli { command: Some(Command::Version), .. }) => return listing::version(),
        Ok(Cli { command: Some(Command::Batch(options)), .. }) => {
            let each = options.each.clone();
            let source = Source::of(options.file.clone().or_else(|| options.input.clone()));
            Ok((Work::Batch(source, options), each))
        }
        Ok(Cli { command: Some(Command::Demo), .. }) => return demo::run(),
        Ok(Cli { command, run }) => {
            let is_run = command.is_some();
            let args = match command {
                Some(Command::Run(args)) => args,
                _ => run,
            };
            match (args.job, args.file) {
                (Some(job), _) => Ok((Work::One(Source::File(job)), args.options)),
                (None, file) => {
                    usage::file_or_word(file, is_run).map(|file| (Work::Look(Source::of(file)), args.options))
                }
            }
        }
        Err(error) => match usage::failure(&error) {
            Some(failure) => Err(failure),
            None => return ExitCode::SUCCESS,
        },
    };
    let asked = match asked.map_err(usage::told) {
        Ok(asked) => Ok(asked),
        Err(Ok(failure)) => Err(failure),
        Err(Err(exit)) => return exit,
    };
    // Before anything is read or opened, since it begins the program anew.
    #[cfg(feature = "embedded")]
    if asked.is_ok() {
        cli::openmp::reexec_with_passive_wait();
    }
    let outcome = asked.and_then(|(work, options)| caught(work, options, &redactor));
    let envelope = match outcome {
        Ok(RunOutcome::Lines(exit)) => return ExitCode::from(exit as u8),
        Ok(RunOutcome::Result(result)) => Envelope::from(Ok(result)),
        Err(failure) => Envelope::from(Err(failure)),
    };
    let exit = envelope.exit();
    match envelope::write(&envelope, &mut io::stdout().lock(), &redactor) {
        Ok(()) => ExitCode::from(exit as u8),
        Err(error) => {
            tracing::error!("the envelope can't be written to stdout: {error}");
            ExitCode::from(Exit::Failed as u8)
        }
    }
}

/// Does `work`; whatever happens inside, there is an outcome.
fn caught(work: Work, options: RunOptions, redactor: &Redactor) -> Result<RunOutcome, Failure> {
    // Jobs run in a task of their own; this is for what is around them.
    let caught = std::panic::catch_unwind(AssertUnwindSafe(|| run(work, options, redactor)));
    caught.unwrap_or_else(|_| Err(Failure::defect("a panic, whose words are on stderr")))
}

fn run(work: Work, options: RunOptions, redactor: &Redactor) -> Result<RunOutcome, Failure> {
    let interrupt = Interrupt::listen()
        .context("the signals can't be listened to")
        .map_err(|error| Failure::system(format!("{error:#}")))?;
    let environment = Environment::of_process();
    environment.credentials().for_each(|secret| redactor.learn(secret));
    let verbosity = logging::start(&environment, redactor, options.volume());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("the asynchronous runtime can't be started")
        .map_err(|error| Failure::system(format!("{error:#}")))?;
    // Links to the binary that runs even if its file is replaced meanwhile.
    let program = PathBuf::from("/proc/self/exe");
    let program = Program { environment, program, options, redactor: redactor.clone(), verbosity, interrupt };
    let outcome = runtime.block_on(program.run(work));
    // A thread that still waits for stdin must not hold the envelope back.
    runtime.shutdown_background();
    outcome
}
