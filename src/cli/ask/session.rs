//! The session that a question belongs to: `--session NAME`, `--continue`, and where it is: `--session-dir`.

use std::path::{Path, PathBuf};

use minions::config::Environment;
use minions::error::Failure;
use minions::sessions::{Contents, Name, Sessions};
use minions::words::count;

use super::options::AskOptions;

/// Where the sessions are.
///
/// # Errors
/// Nothing says where.
pub(in crate::cli) fn sessions(options: &AskOptions, environment: &Environment) -> Result<Sessions, Failure> {
    match &options.session_dir {
        Some(dir) => Ok(Sessions::in_folder(dir)),
        None => Sessions::of(environment),
    }
}

/// The session that `options` name, if they do.
///
/// # Errors
/// A name that can't be one; nothing to continue; a folder of sessions without a session.
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
    let latest = sessions(options, environment)?.latest()?;
    let none =
        || Failure::input("there is no conversation to continue").hint("begin one: minions ask report.pdf");
    latest.ok_or_else(none).map(Some)
}

/// The files that a session is about, as they are named from `here`.
pub(in crate::cli) fn files(contents: &Contents, here: &Path) -> Vec<PathBuf> {
    let from_here = |given: &str, folder: &str| match Path::new(folder) == here {
        true => PathBuf::from(given),
        false => Path::new(folder).join(given),
    };
    contents.files.iter().map(|file| from_here(&file.given, &file.folder)).collect()
}

/// What the session `name` is about and no file has: texts that were piped in, or that a job held.
pub(in crate::cli) fn lost_texts(name: &Name, contents: &Contents) -> Option<String> {
    let texts = match contents.texts {
        0 => return None,
        1 => "a text that was".to_owned(),
        texts => format!("{} that were", count(texts, "text")),
    };
    Some(format!(
        "the session {name} is about {texts} piped in, or held by a job, and a session keeps no text"
    ))
}
