//! Reads the lines of `/models/create`. They are JSON; the last line of a fetch that failed may be plain text.

use reqwest::StatusCode;
use serde::Deserialize;

use crate::RuntimeErrorKind::{ModelMissing, PullFailed, Rejected};
use crate::fetch::{Dialect, ErrorBody, Step};

/// Reads what Docker Model Runner says of a fetch.
pub(super) struct Create;

#[derive(Deserialize)]
struct CreateLine {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    layer: Layer,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Layer {
    id: String,
    size: u64,
    current: u64,
}

impl Dialect for Create {
    fn read(&self, line: &str) -> Step {
        let Ok(CreateLine { kind, message, layer }) = serde_json::from_str(line) else {
            return Step::ErrorBody(failed(line));
        };
        match &*kind {
            "error" => Step::ErrorBody(failed(&message)),
            "success" => Step::Done,
            _ if !layer.id.is_empty() => Step::Layer { id: layer.id, done: layer.current, total: layer.size },
            // Progress without a layer repeats one message with other numbers, so only a warning's message is shown.
            "warning" => Step::Status(message),
            _ => Step::Status(kind),
        }
    }

    fn refusal(&self, status: StatusCode, said: &str) -> ErrorBody {
        match status {
            StatusCode::NOT_FOUND => final_fault(
                ModelMissing,
                said,
                "no registry has it: names look like ai/llama3.2:3B-Q4_0 or hf.co/org/repo:Q4_K_M",
            ),
            StatusCode::UNAUTHORIZED => final_fault(
                Rejected,
                said,
                "the model is private, or its name is misspelt; see `docker login`",
            ),
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
                ErrorBody::Resumable(said.to_owned())
            }
            status if status.is_client_error() => final_fault(Rejected, said, "check the model's name"),
            _ => failed(said),
        }
    }
}

fn failed(said: &str) -> ErrorBody {
    let said = said.strip_prefix("Error: ").unwrap_or(said);
    let hint = if said.contains("no space left") {
        "the runner's disk is full: remove models with `docker model rm`"
    } else {
        "it needs network; `docker model pull` by hand and `docker model logs` may say more"
    };
    final_fault(PullFailed, said, hint)
}

fn final_fault(kind: crate::RuntimeErrorKind, said: &str, hint: &str) -> ErrorBody {
    ErrorBody::Final(kind, said.to_owned(), hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_a_fetch_is_understood() {
        let layer = Step::Layer { id: "sha256:a".to_owned(), done: 4, total: 9 };
        for (line, expected) in [
            (
                r#"{"type":"progress","message":"Downloaded: 4 B","total":9,"layer":{"id":"sha256:a","size":9,"current":4},"mode":"pull"}"#,
                layer,
            ),
            (
                r#"{"type":"success","message":"Model pulled successfully","total":0,"layer":{"size":0,"current":0},"mode":"pull"}"#,
                Step::Done,
            ),
            (r#"{"type":"warning","message":"old format"}"#, Step::Status("old format".to_owned())),
        ] {
            assert_eq!(Create.read(line), expected, "{line}");
        }
    }

    #[test]
    fn a_failure_is_one_in_json_and_in_plain_text() {
        for line in [r#"{"type":"error","message":"Error: no route"}"#, "Error: no route", "no route"] {
            let Step::ErrorBody(ErrorBody::Final(PullFailed, said, _)) = Create.read(line) else {
                panic!("{line}")
            };
            assert_eq!(said, "no route");
        }
    }
}
