//! The last question as others can use it: as a job, and what of it left this machine.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use minions::documents::Document;
use minions::engine::JobResult;
use minions::error::{Failure, Left};
use minions::history::History;
use minions::sessions::{Contents, TurnMark};
use minions::words;
use serde_json::{Value, json};

use crate::cli::ask::here;
use crate::cli::columns::cut;
use crate::cli::digits::grouped;

/// Characters of a passage that are shown.
const WORDS: usize = 70;

/// Writes `job` into `file`, with the history of its session in the session's place, and with paths that hold anywhere.
/// `turn` is its own turn in there, if it has one. It holds what was said, so the file is the user's alone.
///
/// # Errors
/// The file is there already, or can't be written.
pub(super) fn write(
    job: &Value,
    turn: Option<&TurnMark>,
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
    if let Some(fields) = job["protocol"].as_object_mut() {
        fields.shift_remove("session_dir");
    }
    let here = here()?;
    if let Some(Value::Array(files)) = job["call_params"].get_mut("context_files") {
        for path in files {
            let absolute = path.as_str().map(|path| here.join(path).display().to_string());
            *path = absolute.into();
        }
    }
    let history = contents
        .map(|contents| before(contents, turn))
        .transpose()?
        .filter(|history| history.turns_so_far() > 0);
    if let Some(history) = history {
        job["call_params"]["history"] = json!(history);
    }
    let text = format!("{job:#}\n");
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(file).and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        Failure::input(format!("{} can't be written: {}", file.display(), words::of_io(&error)))
            .hint("/export takes the name of a new file")
    })
}

/// What was said before `turn`, or all. Another conversation may have gone on behind it.
fn before(contents: &Contents, turn: Option<&TurnMark>) -> Result<History, Failure> {
    let mut history =
        contents.history().map_err(|problem| Failure::input(format!("the session {problem}")))?;
    if let Some(turn) = turn {
        history.turns.truncate((turn.number - 1).saturating_sub(history.summarized_turns));
        history.turns_since_last_summary = history.turns.len() as u64;
    }
    Ok(history)
}

/// What left this machine for a question: the sums, and the calls and passages where it has its answer.
/// `document` gives a document that is as it was then.
pub(super) fn egress<'d>(
    left: Left,
    result: Option<&JobResult>,
    document: impl Fn(usize) -> Option<&'d Document>,
) -> String {
    let count = |number: usize| grouped(u64::try_from(number).unwrap_or(u64::MAX));
    let mut text = format!(
        "{} bytes left, {} of them besides your own words; {} of the documents' {} characters were among them\n",
        count(left.bytes),
        count(left.other_bytes),
        count(left.context_chars),
        count(left.of_context_chars)
    );
    let Some(JobResult { egress, .. }) = result else { return text };
    for call in egress.calls.iter().flatten() {
        let outcome = call.error.as_deref().map_or(String::new(), |error| format!(", failed: {error}"));
        text += &format!("{} bytes to {}{outcome}\n", count(call.bytes), call.endpoint);
    }
    for passage in egress.passages.iter().flatten() {
        let name = passage.source.clone().unwrap_or_else(|| format!("document {}", passage.document + 1));
        let (start, chars) = (passage.start, passage.end - passage.start);
        text += &match document(passage.document) {
            Some(document) => {
                let place = document.place_at(start).map_or(String::new(), |place| format!(" {place}"));
                let words: String = document.text.chars().skip(start).take(chars).collect();
                let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
                format!("{name}{place}: \"{}\", {} characters\n", cut(&words, WORDS), count(chars))
            }
            None => format!("{name}: characters {} to {}\n", count(start), count(passage.end)),
        };
    }
    text
}
