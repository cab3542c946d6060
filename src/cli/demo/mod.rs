//! `minions demo`: a recorded run, replayed on this machine and told to people.
//!
//! In: the recording in `examples/demo`, compiled in. Out: text on stdout. Only the models' answers come from the
//! recording; the sandbox, the check of the citations and the ledger work as in any job. Nothing is left behind.

mod show;
mod tape;

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;
use std::{fs, iter};

use anyhow::Context;
use minions::config::{self, Environment};
use minions::engine::{CancelToken, Engine, EngineConfig, JobOptions};
use minions::error::Failure;
use minions::events::Events;
use serde_json::{Value, json};

use crate::cli::stdout;
use show::Run;

const JOB: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/demo/job.json"));
const DOCUMENT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/demo/opticks.txt"));
const RECORDED: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/demo/recorded.txt"));

/// `minions demo`.
pub(crate) fn run() -> ExitCode {
    let started = Instant::now();
    let (job, result) = match job().and_then(|job| replay(&job).map(|result| (job, result))) {
        Ok(run) => run,
        Err(failure) => {
            // A closed stderr changes nothing: the exit code tells.
            let _ = writeln!(io::stderr().lock(), "the recorded run can't be replayed: {failure}");
            return ExitCode::from(failure.kind.exit() as u8);
        }
    };
    let run =
        Run { job: &job, document: DOCUMENT, recorded: RECORDED, result: &result, took: started.elapsed() };
    let bold = io::stdout().is_terminal() && Environment::of_process().get("NO_COLOR").is_none();
    stdout::print(show::text(&run, bold))
}

/// The recorded job with its document.
pub(crate) fn job() -> Result<Value, Failure> {
    let mut job: Value = serde_json::from_str(JOB).map_err(Failure::defect)?;
    job["call_params"]["context"] = json!([DOCUMENT]);
    Ok(job)
}

/// The result of the job, all of whose models' answers come from the recording.
fn replay(job: &Value) -> Result<Value, Failure> {
    let failed = |error: anyhow::Error| Failure::system(format!("{error:#}"));
    let folder = tempfile::tempdir().context("no temporary folder can be made").map_err(failed)?;
    unpack(folder.path()).context("the recording can't be unpacked").map_err(failed)?;
    let logs = folder.path().join("logs").display().to_string();
    let environment = iter::once((config::ENV_LOG_DIR.to_owned(), logs)).collect();
    let engine = Engine::new(EngineConfig {
        is_for_many: false,
        jobs: JobOptions { replay: Some(folder.path().to_owned()), ..JobOptions::default() },
        ..EngineConfig::with_environment("/proc/self/exe", environment)
    });
    let job = engine.job(job.clone())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("the asynchronous runtime can't be started")
        .map_err(failed)?;
    let result = runtime.block_on(engine.run(job, Events::off(), &CancelToken::new()))?;
    serde_json::to_value(result).map_err(Failure::defect)
}

/// Writes the recording into `folder`.
pub(crate) fn unpack(folder: &Path) -> io::Result<()> {
    tape::FILES.iter().try_for_each(|(name, content)| fs::write(folder.join(name), content))
}
