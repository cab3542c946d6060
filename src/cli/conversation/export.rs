//! The last question as others can use it: as a job, and what of it left this machine.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use minions::engine::JobResult;
use minions::error::Failure;
use minions::history::History;
use minions::sessions::Contents;
use minions::words;
use serde_json::{Value, json};

use crate::cli::ask::here;
use crate::cli::digits::grouped;

/// Writes `job` into `file`, with the history of its session in the session's place, and with paths that hold anywhere.
/// `is_kept` says that it is the session's last turn.
///
/// # Errors
/// The file is there already, or can't be written.
pub(super) fn write(
    job: &Value,
    is_kept: bool,
    contents: Option<&Contents>,
    file: &Path,
) -> Result<(), Failure> {
    if job.is_null() {
        return Err(Failure::input("the job of that question is not known any more")
            .hint("/retry asks it again, and /export writes it then"));
    }
    let mut job = job.clone();
    if let Some(fields) = job.as_object_mut() {
        fields.shift_remove("session");
    }
    let here = here()?;
    if let Some(files) = job["call_params"]["context_files"].as_array_mut() {
        for path in files {
            let absolute = path.as_str().map(|path| here.join(path).display().to_string());
            *path = absolute.into();
        }
    }
    let history = contents
        .map(|contents| before(contents, is_kept))
        .transpose()?
        .filter(|history| history.turns_so_far() > 0);
    if let Some(history) = history {
        job["call_params"]["history"] = json!(history);
    }
    let text = format!("{job:#}\n");
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    options.open(file).and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        Failure::input(format!("{} can't be written: {}", file.display(), words::of_io(&error)))
            .hint("/export takes the name of a new file")
    })
}

/// What was said before the last turn.
fn before(contents: &Contents, is_kept: bool) -> Result<History, Failure> {
    let mut history =
        contents.history().map_err(|problem| Failure::input(format!("the session {problem}")))?;
    if is_kept {
        history.turns.pop();
        history.turns_since_last_summary = history.turns_since_last_summary.saturating_sub(1);
    }
    Ok(history)
}

/// What left this machine for an answer.
pub(super) fn egress(result: &JobResult) -> String {
    let egress = &result.egress;
    let count = |number: usize| grouped(u64::try_from(number).unwrap_or(u64::MAX));
    let mut text = format!(
        "{} bytes left, {} of them besides your own words; {} of the documents' {} characters were among them\n",
        count(egress.bytes),
        count(egress.other_bytes),
        count(egress.context_chars),
        count(egress.of_context_chars)
    );
    for call in egress.calls.iter().flatten() {
        let outcome = call.error.as_deref().map_or(String::new(), |error| format!(", failed: {error}"));
        text += &format!("{} bytes to {}{outcome}\n", count(call.bytes), call.endpoint);
    }
    for passage in egress.passages.iter().flatten() {
        let name = passage.source.clone().unwrap_or_else(|| format!("document {}", passage.document + 1));
        text += &format!("{name}: characters {} to {}\n", count(passage.start), count(passage.end));
    }
    text
}
