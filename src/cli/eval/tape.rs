//! What a recording says of the run that was recorded: its configurations, so that a replay needs no settings.

use std::fs;
use std::path::Path;

use minions::chat::secrets::Redactor;
use minions::error::Failure;
use minions::words;
use serde_json::{Value, json};

use super::configurations::Configuration;
use super::plan::Run;

/// Its name in the folder of a recording.
const FILE: &str = "eval.json";

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

/// Checks that at least one of `runs` was recorded into `folder`.
///
/// # Errors
/// None was: it is the recording of other questions or configurations.
pub(super) fn check(folder: &Path, runs: &[Run]) -> Result<(), Failure> {
    let is_recorded = |path: &Path| {
        let exchange = fs::read(path).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        let exchange = exchange.unwrap_or_default();
        runs.iter().any(|run| exchange["request"]["job"].as_str() == Some(&run.id))
    };
    let files = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    if files.map(|file| file.path()).any(|path| is_recorded(&path)) {
        return Ok(());
    }
    let first = runs.first().map_or("", |run| &run.id);
    let problem =
        format!("{} holds no recording of these questions: nothing in it is of {first}", folder.display());
    Err(Failure::input(problem).hint(
        "name the folder that --record wrote for these questions and configurations, or record them again",
    ))
}
