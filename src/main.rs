//! minions, the program: a job in, an envelope out; many jobs in, a line out for each.

mod cli;

use std::io;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use minions::chat::secrets::Redactor;
use minions::config::Environment;
use minions::envelope::Envelope;
use minions::error::{Exit, Failure};
use minions::memory;
use minions::reader;
use minions::sandbox;
use serde::Serialize;

use cli::Source;
use cli::args::{self, Cli, Command};
use cli::ask::AskOptions;
use cli::interrupt::Interrupt;
use cli::options::RunOptions;
use cli::program::{self, Program};
use cli::queue::QueueWork;
use cli::run::{RunOutcome, Work};
use cli::{
    batch, completions, demo, doctor, envelope, estimate, last_words, listing, logging, logs, machine,
    manual, models, serve, service, sessions, stdout, usage,
};

/// Counts, so that a sandbox child can be held to its memory limit; elsewhere it is the system's.
#[global_allocator]
static ALLOCATOR: minions::sandbox::LimitedAllocator = minions::sandbox::LimitedAllocator;

fn main() -> ExitCode {
    // Memory may end before the command line is read.
    if usage::may_owe_envelope() {
        last_words::begin();
        last_words::envelope_is_due();
    }
    let exit = program();
    last_words::end();
    exit
}

/// What the command line asks for.
fn program() -> ExitCode {
    let redactor = Redactor::default();
    let asked = match Cli::try_parse() {
        Ok(Cli { command: Some(Command::SandboxChild), .. }) => return sandbox::child_main(),
        Ok(Cli { command: Some(Command::ReaderChild), .. }) => return reader::child_main(),
        Ok(Cli { command: Some(Command::OllamaWatchdog { words }), .. }) => return service::watchdog(&words),
        Ok(Cli { command: Some(Command::Entry { words }), .. }) => return service::entry(words),
        Ok(Cli { command: Some(Command::Health), .. }) => return service::health(),
        Ok(Cli { command: Some(Command::Providers { json }), .. }) => return listing::providers(json),
        Ok(Cli { command: Some(Command::Sessions(args)), .. }) => return sessions::run(args),
        Ok(Cli { command: Some(Command::Doctor(options)), .. }) => return doctor::run(&options),
        Ok(Cli { command: Some(Command::Models(options)), .. }) => return models::run(&options),
        Ok(Cli { command: Some(Command::Serve(options)), .. }) => return serve::run(&options),
        Ok(Cli { command: Some(Command::Estimate(options)), .. }) => return estimate::run(&options),
        Ok(Cli { command: Some(Command::Merge(options)), .. }) => return batch::merge(&options),
        Ok(Cli { command: Some(Command::Logs(options)), .. }) => return logs::run(&options),
        Ok(Cli { command: Some(Command::Completions(options)), .. }) => {
            return completions::completions(&options, &Cli::command());
        }
        Ok(Cli { command: Some(Command::Man(options)), .. }) => {
            return manual::man(&options, &Cli::command());
        }
        Ok(Cli { command: Some(Command::Schema), .. }) => return manual::schema(),
        Ok(Cli { command: Some(Command::Version), .. }) => return listing::version(),
        Ok(Cli { command: Some(Command::Batch(options)), .. }) => {
            let each = options.each.clone();
            let source = Source::of(options.file.clone().or_else(|| options.input.clone()));
            Ok((Work::Batch(source, options), each))
        }
        Ok(Cli { command: Some(Command::Eval(args)), .. }) => {
            let each = args.each.clone();
            Ok((Work::Eval(args), each))
        }
        Ok(Cli { command: Some(Command::Work(options)), .. }) => {
            let each = options.each.clone();
            Ok((Work::Queue(QueueWork::Work(options)), each))
        }
        Ok(Cli { command: Some(Command::Submit(options)), .. }) => {
            Ok((Work::Queue(QueueWork::Submit(options)), RunOptions::default()))
        }
        Ok(Cli { command: Some(Command::Collect(options)), .. }) => {
            Ok((Work::Queue(QueueWork::Collect(options)), RunOptions::default()))
        }
        Ok(Cli { command: Some(Command::Status(options)), .. }) => {
            Ok((Work::Queue(QueueWork::Status(options)), RunOptions::default()))
        }
        Ok(Cli { command: Some(Command::Chat(options)), .. }) => {
            let each = options.each();
            Ok((Work::Chat(Source::of(options.file)), each))
        }
        Ok(Cli { command: Some(Command::Index(options)), .. }) => {
            let each = options.each();
            Ok((Work::Index(options), each))
        }
        Ok(Cli { command: Some(Command::Demo), .. }) => return demo::run(),
        Ok(Cli { command: Some(Command::Ask(args)), .. }) => {
            let each = args.each.clone();
            Ok((Work::Ask(args), each))
        }
        Ok(Cli { command: None, run, question }) if question != AskOptions::default() => {
            let each = run.options.clone();
            args::in_other_form(run, question).map(|args| (Work::Ask(Box::new(args)), each))
        }
        Ok(Cli { command, run, .. }) => {
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
    let owes_envelope = match &asked {
        Ok((work, _)) => work.owes_envelope(),
        Err(_) => usage::owes_envelope(),
    };
    let asked = match asked.map_err(|failure| usage::told(failure, owes_envelope)) {
        Ok(asked) => Ok(asked),
        Err(Ok(failure)) => Err(failure),
        Err(Err(exit)) => return exit,
    };
    // Before anything is read or opened, since it begins the program anew.
    if asked.is_ok() {
        cli::begin_anew::begin_anew();
    }
    let outcome = asked.and_then(|(work, options)| caught(work, options, &redactor));
    let envelope = match outcome {
        Ok(RunOutcome::Told(exit)) => return ExitCode::from(exit as u8),
        Ok(RunOutcome::Result(result)) => Envelope::from(Ok(result)),
        Ok(RunOutcome::Reply(reply)) => return end(&Envelope::from(Ok(reply)), &redactor),
        // Only lines of jobs go to the stdout of a batch: it may be the file that a resume appends to. A person who asks
        // reads words.
        Err(failure) if !owes_envelope => {
            tracing::error!("{failure}");
            return ExitCode::from(failure.kind.exit() as u8);
        }
        Err(failure) => Envelope::from(Err(failure)),
    };
    end(&envelope, &redactor)
}

/// Prints `envelope`, and gives the exit code that goes with it.
fn end(envelope: &Envelope<impl Serialize>, redactor: &Redactor) -> ExitCode {
    let exit = envelope.exit();
    match envelope::write(envelope, &mut io::stdout().lock(), redactor) {
        Ok(()) => ExitCode::from(exit as u8),
        Err(error) => {
            tracing::error!("the envelope can't be written to stdout: {error}");
            ExitCode::from(if exit == Exit::Success { Exit::Failed } else { exit } as u8)
        }
    }
}

/// Does `work`; whatever happens inside, there is an outcome.
fn caught(work: Work, options: RunOptions, redactor: &Redactor) -> Result<RunOutcome, Failure> {
    // Jobs run in a task of their own; this is for what is around them.
    let caught = std::panic::catch_unwind(AssertUnwindSafe(|| run(work, options, redactor)));
    caught.unwrap_or_else(|panic| Err(Failure::of_panic(&*panic)))
}

fn run(work: Work, options: RunOptions, redactor: &Redactor) -> Result<RunOutcome, Failure> {
    last_words::begin();
    match work.owes_envelope() {
        true => last_words::envelope_is_due(),
        false => drop(last_words::take_over()),
    }
    let interrupt = memory::check_start().map(|()| Interrupt::listen());
    let environment = Environment::of_process();
    environment.credentials().for_each(|secret| redactor.learn(&secret));
    let volume = match &work {
        Work::Ask(_) => options.volume_for_person(),
        _ => options.volume(),
    };
    let verbosity = logging::start(&environment, redactor, volume);
    if let Err(failure) = stdout::check(io::stdout(), options.events.is_some() || work.is_silent()) {
        last_words::take_over();
        tracing::error!("{failure}");
        return Ok(RunOutcome::Told(failure.kind.exit()));
    }
    let cant_listen = |error| machine::not_started("the signals can't be listened to", &error);
    let interrupt = interrupt?.map_err(cant_listen)?;
    if let Some(pipe) = options.while_open {
        interrupt.listen_to(pipe.open()?).map_err(cant_listen)?;
    }
    let most_jobs = machine::prepare()?;
    let runtime = machine::runtime()?;
    let program = program::own();
    let redactor = redactor.clone();
    let program =
        Program { environment, program, options, redactor, verbosity, interrupt, most_jobs, common: None };
    let outcome = runtime.block_on(program.run(work));
    // A thread that still waits for stdin must not hold the envelope back.
    runtime.shutdown_background();
    outcome
}
