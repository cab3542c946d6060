//! Reads the lines of `/api/pull`. An error comes under HTTP 200, since the status is sent before the first line.

use reqwest::StatusCode;
use serde::Deserialize;

use crate::RuntimeErrorKind::{self, ModelMissing, PullFailed, Rejected};
use crate::fetch::{Dialect, ErrorBody, Step};

/// Reads what Ollama says of a fetch.
pub(super) struct Pull;

#[derive(Default, Deserialize)]
#[serde(default)]
struct PullLine {
    status: String,
    error: Option<String>,
    digest: Option<String>,
    total: u64,
    completed: u64,
}

impl Dialect for Pull {
    fn read(&self, line: &str) -> Step {
        match serde_json::from_str::<PullLine>(line) {
            Err(_) => Step::ErrorBody(fault(&format!("it sent a line that is no JSON: {line}"))),
            Ok(PullLine { error: Some(error), .. }) => Step::ErrorBody(fault(&error)),
            Ok(PullLine { digest: Some(id), completed: done, total, .. }) if total > 0 => {
                Step::Layer { id, done, total }
            }
            Ok(PullLine { status, .. }) if status == "success" => Step::Done,
            Ok(PullLine { status, .. }) => Step::Status(status),
        }
    }

    fn refusal(&self, _status: StatusCode, said: &str) -> ErrorBody {
        fault(said)
    }
}

/// Words of the daemon's errors, with the kind of the error and what to do.
const SIGNS: [(&[&str], RuntimeErrorKind, &str); 5] = [
    (
        &["file does not exist", "http 404"],
        ModelMissing,
        "no library has a model of this name and tag: check the spelling",
    ),
    (
        &["no space left", "disk quota"],
        PullFailed,
        "the disk of the Ollama server is full: make room, or let OLLAMA_MODELS name a directory with more",
    ),
    (
        &["dial tcp", "no such host", "network is unreachable", "i/o timeout", "tls handshake"],
        PullFailed,
        "the Ollama server reaches no model library: give it network or a proxy (HTTPS_PROXY), or a model directory \
         that has the model",
    ),
    (&["newer version", "http 412"], PullFailed, "update the Ollama server"),
    (&["http 4"], Rejected, "check the model's name"),
];

/// The daemon has tried each part six times by itself; a blob with a wrong digest is dropped, so that the next
/// try fetches it afresh.
const PASSING: [&str; 4] = ["digest mismatch", "max retries exceeded", "unexpected eof", "connection reset"];

fn fault(said: &str) -> ErrorBody {
    let lower = said.to_lowercase();
    let known = SIGNS.iter().find(|(signs, ..)| signs.iter().any(|sign| lower.contains(sign)));
    match known {
        Some((_, kind, hint)) => ErrorBody::Final(*kind, said.to_owned(), (*hint).to_owned()),
        None if PASSING.iter().any(|sign| lower.contains(sign)) => ErrorBody::Resumable(said.to_owned()),
        None => {
            let hint = "try `ollama pull` by hand, and see the daemon's log";
            ErrorBody::Final(PullFailed, said.to_owned(), hint.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemons_errors_are_told_apart() {
        for (said, kind) in [
            ("pull model manifest: file does not exist", Some(ModelMissing)),
            ("write /root/.ollama/models/blobs/x-partial: no space left on device", Some(PullFailed)),
            ("max retries exceeded: write x: no space left on device", Some(PullFailed)),
            (
                "pull model manifest: Get \"https://registry.ollama.ai/v2\": dial tcp: lookup registry.ollama.ai: no such host",
                Some(PullFailed),
            ),
            ("max retries exceeded: unexpected EOF", None),
            ("digest mismatch, file must be downloaded again: want sha256:a, got sha256:b", None),
            ("HTTP 400: invalid model name", Some(Rejected)),
            ("something new", Some(PullFailed)),
        ] {
            let found = match fault(said) {
                ErrorBody::Final(kind, ..) => Some(kind),
                ErrorBody::Resumable(_) => None,
            };
            assert_eq!(found, kind, "{said}");
        }
    }

    #[test]
    fn every_line_of_a_pull_is_understood() {
        let layer = |done| Step::Layer { id: "sha256:a".to_owned(), done, total: 9 };
        for (line, expected) in [
            (r#"{"status":"pulling manifest"}"#, Step::Status("pulling manifest".to_owned())),
            (r#"{"status":"pulling a","digest":"sha256:a","total":9}"#, layer(0)),
            (r#"{"status":"pulling a","digest":"sha256:a","total":9,"completed":4}"#, layer(4)),
            (r#"{"status":"success"}"#, Step::Done),
        ] {
            assert_eq!(Pull.read(line), expected, "{line}");
        }
        for line in [r#"{"error":"boom"}"#, "<html>"] {
            assert!(matches!(Pull.read(line), Step::ErrorBody(_)), "{line}");
        }
    }
}
