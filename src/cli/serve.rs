//! `minions serve`: from the command line to a service that listens, and its end.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use minions::chat::secrets::Redactor;
use minions::config::{self, Environment};
use minions::engine::{EngineConfig, JobOptions};
use minions::error::{Exit, Failure};
use minions::serve::{self, ServeOptions, Server, TokenSource};
use minions::settings::Settings;

use super::interrupt::Interrupt;
use super::logging::{self, Volume};
use super::options::CacheOptions;
use super::{demo, last_words, machine, program};

/// Where it listens if nobody says.
const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PORT: u16 = 8501;
/// The recording that is compiled in.
const DEMO: &str = "demo";

pub(crate) const EXAMPLES: &str = "\
Examples:
  minions serve
  minions serve --replay demo
  minions serve --host 0.0.0.0 --token-file tokens --config serve.toml
  curl -H 'Content-Type: application/json' -d @job.json http://127.0.0.1:8501/v1/minions";

/// Options of `serve`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ServeArgs {
    /// The port; 0 takes any that is free. Without it that of the variable PORT, else 8501.
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// The address to listen at, usually 127.0.0.1. Others than this machine's own need --token-file.
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    host: Option<IpAddr>,
    /// The tokens that may ask: a line `NAME TOKEN` each.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Make a token, and tell it once on stderr, behind the address of the page.
    #[arg(long, conflicts_with = "token_file")]
    make_token: bool,
    /// What is allowed: pairs of models, limits, hosts (docs/serve.md).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A name besides localhost by which the service may be called.
    #[arg(long, value_name = "NAME")]
    allowed_host: Vec<String>,
    /// Answer from what --record wrote into DIR, or from the recording of `minions demo`: no network, no keys, no models.
    #[arg(long, value_name = "DIR|demo")]
    replay: Option<PathBuf>,
    /// Where what was read is kept.
    #[command(flatten)]
    cache: CacheOptions,
    /// Let jobs name paths, addresses and keys as a job on stdin may.
    #[arg(long)]
    trust_jobs: bool,
    /// Tell of each request, model and program on stderr, a line each.
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,
    /// Tell of errors alone.
    #[arg(short, long)]
    quiet: bool,
}

fn address(text: &str) -> Result<IpAddr, String> {
    match text {
        "localhost" => Ok(IpAddr::from([127, 0, 0, 1])),
        text => text.parse().map_err(|_| {
            "it must be an address, such as 127.0.0.1 (this machine alone) or 0.0.0.0 (all that reach it)"
                .to_owned()
        }),
    }
}

impl ServeArgs {
    fn volume(&self) -> Volume {
        match (self.quiet, self.verbose) {
            (true, _) => Volume::Quiet,
            (_, true) => Volume::Verbose,
            _ => Volume::Normal,
        }
    }
}

/// `minions serve`.
pub(crate) fn run(args: &ServeArgs) -> ExitCode {
    last_words::take_over();
    let redactor = Redactor::default();
    let environment = Environment::of_process();
    environment.credentials().for_each(|secret| redactor.learn(&secret));
    logging::start(&environment, &redactor, args.volume());
    match serve(args, environment, redactor) {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(failure) => {
            tracing::error!("{failure}");
            ExitCode::from(failure.kind.exit() as u8)
        }
    }
}

fn serve(args: &ServeArgs, mut environment: Environment, redactor: Redactor) -> Result<Exit, Failure> {
    let interrupt = Interrupt::listen()
        .map_err(|error| machine::not_started("the signals can't be listened to", &error))?;
    let most_jobs = machine::prepare()?;
    let runtime = machine::runtime()?;
    let dir = std::env::current_dir().map_err(|error| Failure::system(error.to_string()))?;
    let original = serve::read_environment(&mut environment)?;
    original.notes.iter().for_each(|note| tracing::warn!("{note}"));
    let settings = Settings::load(&environment, &dir)?;
    let replayed = args.replay.as_deref().map(Replayed::open).transpose()?;
    let environment = settings.environment();
    let jobs = JobOptions {
        replay: replayed.as_ref().map(|tape| tape.folder.clone()),
        kv_cache: args.cache.kv_cache.clone(),
        kv_cache_size: args.cache.kv_cache_size,
        ..JobOptions::default()
    };
    let log_dir = match &replayed {
        // The run is not the user's own, and leaves nothing behind.
        Some(Replayed { own: Some(own), .. }) => own.path().join("logs"),
        _ => {
            let own = environment.get(config::ENV_LOG_DIR).or(original.log_dir.as_deref());
            own.unwrap_or(config::LOG_DIR).into()
        }
    };
    let options = ServeOptions {
        host: match (args.host, &original.host) {
            (Some(host), _) => host,
            (None, Some(host)) => {
                address(host).map_err(|problem| Failure::input(format!("HOST: {problem}")))?
            }
            (None, None) => HOST,
        },
        port: args.port.or(original.port).unwrap_or(PORT),
        tokens: match (&args.token_file, args.make_token) {
            (Some(file), _) => TokenSource::File(file.clone()),
            (None, true) => TokenSource::Made,
            (None, false) => TokenSource::None,
        },
        config: args.config.clone(),
        hosts: args.allowed_host.clone(),
        trust_jobs: args.trust_jobs,
        log_dir,
        most_jobs,
        engine: EngineConfig {
            jobs,
            redactor,
            ..EngineConfig::with_environment(program::own(), environment)
        },
        settings,
        example: replayed.as_ref().and_then(|tape| tape.example.clone()),
        original,
    };
    let exit = runtime.block_on(until_told(options, interrupt));
    runtime.shutdown_background();
    exit
}

/// Serves until a signal; a second one ends it at once.
async fn until_told(options: ServeOptions, interrupt: Interrupt) -> Result<Exit, Failure> {
    let server = Server::bind(options).await?;
    interrupt.be_patient(server.grace() * 2);
    let address = server.address();
    match server.made_token() {
        None => tracing::info!("the page is at http://{address}/"),
        // The logger would remove the token, which is a credential.
        Some(token) => {
            let shown = if address.ip().is_unspecified() {
                format!("localhost:{}", address.port())
            } else {
                address.to_string()
            };
            let _ = writeln!(std::io::stderr().lock(), "the page is at http://{shown}/#token={token}");
        }
    }
    let (mut first, mut second) = (interrupt.clone(), interrupt);
    let serving = server.run(async move { drop(first.heard().await) });
    tokio::select! {
        () = serving => Ok(Exit::Success),
        () = second.heard_again() => Ok(second.heard().await.kind.exit()),
    }
}

/// A recording that is replayed.
struct Replayed {
    folder: PathBuf,
    /// A job that it has.
    example: Option<Value>,
    /// The folder, if it is ours.
    own: Option<tempfile::TempDir>,
}

impl Replayed {
    fn open(given: &Path) -> Result<Self, Failure> {
        if given == Path::new(DEMO) && !given.is_dir() {
            let own = tempfile::tempdir()
                .and_then(|folder| demo::unpack(folder.path()).map(|()| folder))
                .map_err(|error| Failure::system(format!("the recording can't be unpacked: {error}")))?;
            return Ok(Self { folder: own.path().to_owned(), example: Some(demo::job()?), own: Some(own) });
        }
        if !given.is_dir() {
            let message = format!("there is no folder {} to replay", given.display());
            return Err(Failure::input(message).hint("name a folder that --record wrote, or demo"));
        }
        let example = std::fs::read(given.join("job.json")).ok();
        let example = example.and_then(|json| serde_json::from_slice(&json).ok());
        Ok(Self { folder: given.to_owned(), example, own: None })
    }
}
