//! `minions doctor`: what this machine has for a job, what is missing, and the command that mends it.
//!
//! In: the environment, the settings, and what answers on this machine. Out: text or JSON on stdout, and whether a job of
//! the usual pair could run. No key is shown, nothing is started, fetched or sent elsewhere.

mod facts;
mod finding;
mod host;
mod next;
mod show;
mod sides;
mod speed;
mod window;

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use minions::config::Environment;

use super::stdout;
use super::waiting::wait_for;

/// Options of `doctor`.
#[derive(Args, Debug)]
pub(crate) struct DoctorOptions {
    /// As JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// What is found, and what to do next.
async fn report(dir: &Path) -> facts::Facts {
    let (mut facts, servers, environment) = facts::gather(&Environment::of_process(), dir).await;
    facts.next = next::steps(&facts, &servers, &environment);
    facts
}

/// `minions doctor`. The exit code says whether a job of the usual pair could run.
pub(crate) fn run(options: &DoctorOptions) -> ExitCode {
    let dir = std::env::current_dir().unwrap_or_default();
    let Some(facts) = wait_for(report(&dir)) else {
        return ExitCode::FAILURE;
    };
    let text = match options.json {
        true => format!("{:#}\n", serde_json::json!(facts)),
        false => show::text(&facts),
    };
    let written = stdout::print(&text);
    if facts.ready { written } else { ExitCode::FAILURE }
}
