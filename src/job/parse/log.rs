//! Where the job's conversation log goes.

use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use crate::job::error::JobError;
use crate::job::fields::Fields;

/// A folder that `protocol` names by `key`, if it names one.
pub(super) fn folder(protocol: &mut Fields, key: &str) -> Result<Option<PathBuf>, JobError> {
    let Some(dir) = protocol.name(key)? else { return Ok(None) };
    if Path::new(&dir).components().any(|part| part == Component::ParentDir) || dir.contains('\0') {
        let problem = "must be a path without `..`".to_owned();
        return Err(JobError::BadValue { place: protocol.place(key), problem });
    }
    Ok(Some(PathBuf::from(dir)))
}

/// The log's path below `log_dir`: `log_path`, or a name made of `logging_id` and the protocol's name.
pub(super) fn log_name(
    params: &mut Fields,
    log_dir: &Path,
    protocol: &str,
) -> Result<Option<PathBuf>, JobError> {
    if let Some(path) = params.name("log_path")? {
        let inside = Path::new(&path).strip_prefix(log_dir).unwrap_or(Path::new(&path));
        return plain(inside).map(Some).ok_or_else(|| outside(params.place("log_path")));
    }
    let id = match params.value("logging_id") {
        None => return Ok(None),
        Some(Value::String(id)) => id,
        Some(Value::Number(id)) => id.to_string(),
        Some(_) => {
            return Err(JobError::BadValue {
                place: params.place("logging_id"),
                problem: "must be a string".into(),
            });
        }
    };
    let is_name = plain(Path::new(&id)).is_some() && !id.contains(['/', '\\']) && id.len() <= 200;
    if is_name {
        Ok(Some(PathBuf::from(format!("{id}_{protocol}.json"))))
    } else {
        let problem = "must be a name without slashes, of at most 200 characters".to_owned();
        Err(JobError::BadValue { place: params.place("logging_id"), problem })
    }
}

/// The path, if it is relative and never goes up.
fn plain(path: &Path) -> Option<PathBuf> {
    let goes_down = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    (goes_down && path.file_name().is_some() && !path.to_string_lossy().contains('\0'))
        .then(|| path.to_owned())
}

fn outside(place: String) -> JobError {
    JobError::BadValue {
        place,
        problem: "must be a path that stays within the log folder: no `..`, and none that begins with /"
            .into(),
    }
}
