//! What a recording says of the run that was recorded: its configurations, so that a replay needs no settings.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use minions::chat::secrets::Redactor;
use minions::error::Failure;
use minions::words;
use serde::Deserialize;
use serde_json::{Value, json};

use super::configurations::Configuration;
use super::plan::Run;

/// Its name in the folder of a recording.
const FILE: &str = "eval.json";

/// Runs that a message names.
const NAMED: usize = 8;

/// Whose exchange a file holds.
#[derive(Deserialize)]
struct Exchange {
    request: Request,
}

#[derive(Deserialize)]
struct Request {
    job: Option<String>,
}

/// What was run.
pub(super) struct Recorded {
    pub configurations: Vec<Configuration>,
    pub judge: Option<Value>,
}

/// Writes down what is recorded, without credentials.
pub(super) fn write(folder: &Path, run: &Recorded, redactor: &Redactor) -> Result<(), Failure> {
    let configurations: Vec<Value> =
        run.configurations.iter().map(|it| json!({"name": it.name, "job": it.job})).collect();
    let text = redactor.clean_json_pretty(&json!({"configurations": configurations, "judge": run.judge}));
    let mut text = text.map_err(Failure::defect)?;
    text.push(b'\n');
    fs::create_dir_all(folder).and_then(|()| fs::write(folder.join(FILE), text)).map_err(|error| {
        Failure::input(format!(
            "the folder {} of --record can't be written to: {}",
            folder.display(),
            words::of_io(&error)
        ))
        .hint("name a folder, new or not, that this user may write to")
    })
}

/// What was recorded into `folder`; `None` where nothing says it.
pub(super) fn read(folder: &Path) -> Result<Option<Recorded>, Failure> {
    let path = folder.join(FILE);
    if !folder.is_dir() {
        return Err(Failure::input(format!("there is no folder {} to replay", folder.display())).hint(
            "name the folder that --record wrote; a path counts from the folder in which minions was started",
        ));
    }
    let Ok(text) = fs::read(&path) else { return Ok(None) };
    let broken =
        || Failure::input(format!("{} is broken", path.display())).hint("record the questions again");
    let value: Value = serde_json::from_slice(&text).map_err(|_| broken())?;
    let one = |value: &Value| {
        Some(Configuration { name: value["name"].as_str()?.to_owned(), job: value["job"].clone() })
    };
    let configurations = value["configurations"].as_array().and_then(|list| list.iter().map(one).collect());
    let judge = Some(value["judge"].clone()).filter(|judge| !judge.is_null());
    Ok(Some(Recorded { configurations: configurations.ok_or_else(broken)?, judge }))
}

/// Checks that each of `runs` was recorded into `folder`, before any is replayed.
///
/// # Errors
/// It is the recording of other questions or configurations, or one that lacks some of these.
pub(super) fn check(folder: &Path, runs: &[&Run]) -> Result<(), Failure> {
    let mut lacking: HashSet<&str> = runs.iter().map(|run| &*run.id).collect();
    let files = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut files: Vec<(u64, PathBuf)> =
        files.map(|file| (file.metadata().map_or(0, |data| data.len()), file.path())).collect();
    // Each run has some short exchange, and one tells of it.
    files.sort();
    for (_, path) in files {
        if lacking.is_empty() {
            return Ok(());
        }
        let exchange = fs::read(path).ok().and_then(|text| serde_json::from_slice::<Exchange>(&text).ok());
        if let Some(run) = exchange.and_then(|exchange| exchange.request.job) {
            lacking.remove(&*run);
        }
    }
    let lacking: Vec<&str> = runs.iter().map(|run| &*run.id).filter(|id| lacking.contains(id)).collect();
    let folder = folder.display();
    let problem = match lacking.first() {
        None => return Ok(()),
        Some(first) if lacking.len() == runs.len() => {
            format!("{folder} holds no recording of these questions: nothing in it is of {first}")
        }
        Some(_) => {
            let more = lacking.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let named = lacking[..lacking.len().min(NAMED)].join(", ");
            format!("{folder} lacks {} of {} runs: {named}{more}", lacking.len(), runs.len())
        }
    };
    Err(Failure::input(problem).hint(
        "name the folder that --record wrote for these questions and configurations, or record them again",
    ))
}
