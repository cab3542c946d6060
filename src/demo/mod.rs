//! `minions demo`: a recorded run, replayed on this machine and told to people.
//!
//! In: the recording in `examples/demo`, compiled in. Out: text on stdout. Only the models' answers come from the
//! recording; the sandbox, the check of the citations and the ledger work as in any job. Nothing is left behind.

mod show;
mod tape;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;
use std::{fs, iter};

use anyhow::Context;
use minions::chat::secrets::Redactor;
use minions::config::{self, Environment};
use minions::engine::{Ending, Interrupt, JobOptions, Runner, Surroundings, Work};
use minions::error::Failure;
use minions::logging::Verbosity;
use serde_json::{Value, json};

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
            return ExitCode::from(failure.exit as u8);
        }
    };
    let run =
        Run { job: &job, document: DOCUMENT, recorded: RECORDED, result: &result, took: started.elapsed() };
    let bold = io::stdout().is_terminal() && Environment::of_process().get("NO_COLOR").is_none();
    match io::stdout().lock().write_all(show::text(&run, bold).as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// The recorded job with its document.
fn job() -> Result<Value, Failure> {
    let mut job: Value = serde_json::from_str(JOB).map_err(Failure::defect)?;
    job["call_params"]["context"] = json!([DOCUMENT]);
    Ok(job)
}

/// The result of the job, all of whose models' answers come from the recording.
fn replay(job: &Value) -> Result<Value, Failure> {
    let failed = |error: anyhow::Error| Failure::job(format!("{error:#}"));
    let folder = tempfile::tempdir().context("no temporary folder can be made").map_err(failed)?;
    let tape = unpack(folder.path(), job).context("the recording can't be unpacked").map_err(failed)?;
    let logs = folder.path().display().to_string();
    let runner = Runner {
        surroundings: Arc::new(Surroundings {
            environment: iter::once((config::ENV_LOG_DIR.to_owned(), logs)).collect(),
            program: PathBuf::from("/proc/self/exe"),
            options: JobOptions { replay: Some(tape), ..JobOptions::default() },
        }),
        redactor: Redactor::default(),
        verbosity: Verbosity::default(),
        interrupt: Interrupt::listen().context("the signals can't be listened to").map_err(failed)?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("the asynchronous runtime can't be started")
        .map_err(failed)?;
    match runtime.block_on(runner.run(Work::File(folder.path().join("job.json"))))? {
        Ending::Result(result) => Ok(result),
        Ending::Lines(_) => Err(Failure::defect("one job ran as a batch")),
    }
}

/// Writes the job and the recording into `folder`, and says where the recording is.
fn unpack(folder: &Path, job: &Value) -> io::Result<PathBuf> {
    fs::write(folder.join("job.json"), job.to_string())?;
    let tape = folder.join("tape");
    fs::create_dir(&tape)?;
    for (name, content) in tape::FILES {
        fs::write(tape.join(name), content)?;
    }
    Ok(tape)
}
