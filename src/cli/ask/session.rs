//! The session that a question belongs to: `--session NAME`, `--continue`.

use std::path::{Path, PathBuf};

use minions::config::Environment;
use minions::error::Failure;
use minions::sessions::{Contents, Name, Sessions};

use super::options::AskOptions;

/// The session that `options` name, if they do.
///
/// # Errors
/// A name that can't be one; nothing to continue.
pub(in crate::cli) fn named(
    options: &AskOptions,
    environment: &Environment,
) -> Result<Option<Name>, Failure> {
    if let Some(name) = &options.session {
        return Name::new(name).map(Some).map_err(|problem| Failure::input(format!("--session {problem}")));
    }
    if !options.resume {
        return Ok(None);
    }
    let latest = Sessions::of(environment)?.latest()?;
    let none =
        || Failure::input("there is no conversation to continue").hint("begin one: minions ask report.pdf");
    latest.ok_or_else(none).map(Some)
}

/// What was said in the session `name`; `None` if it is new.
///
/// # Errors
/// It can't be used.
pub(in crate::cli) fn contents(name: &Name, environment: &Environment) -> Result<Option<Contents>, Failure> {
    Sessions::of(environment)?.find(name)
}

/// The files that a session is about, as they are named from `here`.
pub(in crate::cli) fn files(contents: &Contents, here: &Path) -> Vec<PathBuf> {
    let from_here = |given: &str, folder: &str| match Path::new(folder) == here {
        true => PathBuf::from(given),
        false => Path::new(folder).join(given),
    };
    contents.files.iter().map(|file| from_here(&file.given, &file.folder)).collect()
}
