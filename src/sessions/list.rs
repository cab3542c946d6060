//! What a list of the sessions shows.

use std::io;
use std::time::SystemTime;

use serde::Serialize;

use super::contents::Contents;
use super::name::Name;
use super::store::Sessions;
use crate::error::Failure;
use crate::words;

/// A session as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionInfo {
    /// Its name.
    pub name: String,
    /// Its turns.
    pub turns: usize,
    /// The names of its documents.
    pub documents: Vec<String>,
    /// The last question.
    pub last: Option<String>,
    /// When it was made, in ISO 8601.
    pub created: String,
    /// When something was added last, in ISO 8601.
    pub changed: String,
    /// Why it can't be used, if so. It has no turns then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Sessions {
    /// All sessions, the newest first.
    ///
    /// # Errors
    /// The folder can't be read. One that is not there has no sessions.
    pub fn list(&self) -> Result<Vec<SessionInfo>, Failure> {
        let files = match std::fs::read_dir(self.folder()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            files => files.map_err(|error| self.unreadable(&error))?,
        };
        let mut sessions = Vec::new();
        for file in files {
            let file = file.map_err(|error| self.unreadable(&error))?;
            let Some(name) = file.file_name().to_str().and_then(Name::of_file) else { continue };
            let changed =
                file.metadata().and_then(|found| found.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
            match self.read(&name) {
                // Somebody has begun it, and has not written yet.
                Ok(contents) if contents.is_new() => {}
                read => sessions.push((changed, info(&name, changed, read))),
            }
        }
        sessions.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.name.cmp(&b.1.name)));
        Ok(sessions.into_iter().map(|(_, info)| info).collect())
    }

    /// The name of the session to which something was added last, whether it can be used or not.
    ///
    /// # Errors
    /// Those of [`Sessions::list`].
    pub fn latest(&self) -> Result<Option<Name>, Failure> {
        Ok(self.list()?.first().and_then(|info| Name::new(&info.name).ok()))
    }

    fn unreadable(&self, error: &io::Error) -> Failure {
        Failure::system(format!(
            "the sessions in {} can't be read: {}",
            self.folder().display(),
            words::of_io(error)
        ))
    }
}

fn info(name: &Name, changed: SystemTime, read: Result<Contents, Failure>) -> SessionInfo {
    let last = |contents: &Contents| {
        let newest = contents.len().checked_sub(1)?;
        Some(contents.turns(newest..newest + 1).ok()?.pop()?.turn.query)
    };
    let changed = jiff::Timestamp::try_from(changed).unwrap_or_default();
    let empty = SessionInfo {
        name: name.to_string(),
        turns: 0,
        documents: Vec::new(),
        last: None,
        created: String::new(),
        changed: changed.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string(),
        problem: None,
    };
    match read {
        Err(failure) => SessionInfo { problem: Some(failure.message), ..empty },
        Ok(contents) => SessionInfo {
            turns: contents.len(),
            documents: contents.documents.iter().filter_map(|document| document.name.clone()).collect(),
            last: last(&contents),
            created: contents.created,
            ..empty
        },
    }
}
