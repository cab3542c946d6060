//! What is asked: each question of each configuration, as often as wanted, as jobs of a batch.

use std::path::PathBuf;

use minions::engine::Engine;
use minions::error::Failure;
use minions::job;
use serde_json::{Value, json};

use super::configurations::{Configuration, merge};
use super::questions::{Asked, placed};
use crate::cli::batch::Contents;

/// A question that a configuration is asked.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// `small/ships`, the second time `small/ships#2`: the `custom_id` of its job.
    pub id: String,
    /// Positions in the lists of configurations and questions.
    pub configuration: usize,
    pub question: usize,
    /// From 1.
    pub repeat: u32,
    pub job: Value,
    /// What tells its job apart, with the files that it names.
    pub hash: String,
}

/// All runs. Configurations take turns, so that a run that is broken off has some of each.
pub(super) fn runs(
    configurations: &[Configuration],
    asked: &[Asked],
    repeats: u32,
    folder: Option<PathBuf>,
) -> Vec<Run> {
    let mut contents = Contents::new(folder);
    let mut runs = Vec::new();
    for repeat in 1..=repeats {
        for (question, Asked { question: it, .. }) in asked.iter().enumerate() {
            for (configuration, Configuration { name, job }) in configurations.iter().enumerate() {
                let again = if repeat == 1 { String::new() } else { format!("#{repeat}") };
                let id = format!("{name}/{}{again}", it.id);
                let mut job = job.clone();
                merge(&mut job, &json!({"custom_id": id, "call_params": it.call_params}));
                let hash = contents.hash(&job);
                runs.push(Run { id, configuration, question, repeat, job, hash });
            }
        }
    }
    runs
}

/// The jobs as a batch reads them.
pub(super) fn lines(runs: &[Run]) -> Vec<u8> {
    runs.iter().flat_map(|run| format!("{}\n", run.job).into_bytes()).collect()
}

/// Checks all jobs before anything is spent: their keys, and unless they are replayed that their files are there.
///
/// # Errors
/// What is wrong with the first that can't be used, with the line of its question and its configuration.
pub(super) fn check(
    engine: &Engine,
    runs: &[Run],
    (configurations, asked): (&[Configuration], &[Asked]),
    folder: Option<&PathBuf>,
    is_replay: bool,
) -> Result<(), Failure> {
    for run in runs.iter().filter(|run| run.repeat == 1) {
        let (asked, name) = (&asked[run.question], &configurations[run.configuration].name);
        engine.job(run.job.clone()).map_err(|failure| placed(asked, name, failure))?;
        let paths = job::paths(&run.job)
            .into_iter()
            .map(|path| folder.map_or_else(|| path.into(), |folder| folder.join(path)));
        if let Some(lost) = paths.filter(|_| !is_replay).find(|path| !path.exists()) {
            let problem =
                format!("{} ({}): there is no file {}", asked.place, asked.question.id, lost.display());
            return Err(Failure::input(problem).hint("paths count from the folder of the file of questions"));
        }
    }
    Ok(())
}
