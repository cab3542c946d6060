//! What the tests of the dialects share: a service with models of its own, forms, frames.

use serde_json::{Value, json};

use super::{Answer, JSON, Service, with_models};
use crate::support::server::Server;

/// The key of the supervisor; no answer may show it.
pub(super) const KEY: &str = "sk-test-0123456789";

/// A program of the supervisor that asks one question of each document.
pub(super) const PROGRAM: &str = r#"```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=text, task="Who signed?", advice="One word.") for text in context]

def transform_outputs(jobs):
    return "\n".join(str(job.output.answer) for job in jobs)
```"#;

/// A service whose usual pair are the worker and the supervisor of `server`.
pub(super) fn serving(server: &Server, args: &[&str]) -> Service {
    serving_with(server, args, &[])
}

/// The same with further variables.
pub(super) fn serving_with(server: &Server, args: &[&str], variables: &[(&str, &str)]) -> Service {
    let usual = [("MINIONS_LOCAL", "vllm/worker"), ("MINIONS_REMOTE", "openai/supervisor")];
    let all = usual.iter().chain(variables);
    let program = all.fold(with_models(server), |program, (name, value)| program.env(name, value));
    Service::start_with(program, args)
}

impl Answer {
    /// The JSON of an answer with this status.
    #[track_caller]
    pub(super) fn with(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{} {}", self.head, self.text());
        self.json()
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

impl Service {
    /// Sends a form with one file.
    pub(super) fn form(&self, path: &str, field: &str, name: &str, bytes: &[u8]) -> Answer {
        self.ask(
            "POST",
            path,
            "Content-Type: multipart/form-data; boundary=limit\r\n",
            form(field, name, bytes),
        )
    }

    /// The data of all frames of a stream.
    pub(super) fn frames(&self, path: &str, body: &Value) -> Vec<String> {
        let answer = self.ask("POST", path, JSON, body.to_string());
        assert_eq!(answer.status, 200, "{}", answer.text());
        let data = |frame: &str| frame.strip_prefix("data: ").map(str::to_owned);
        answer.text().split_terminator("\n\n").filter_map(data).collect()
    }
}

/// A form with one file.
pub(super) fn form(field: &str, name: &str, bytes: &[u8]) -> Vec<u8> {
    let head = format!(
        "--limit\r\ncontent-disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\
         content-type: application/octet-stream\r\n\r\n"
    );
    [head.as_bytes(), bytes, b"\r\n--limit--\r\n"].concat()
}

/// What a supervisor says that asks the worker.
pub(super) fn ask(message: &str) -> String {
    json!({"reasoning": "r", "decision": "request_additional_info", "message": message, "answer": null})
        .to_string()
}

/// What a supervisor says that knows the answer, whatever the protocol.
pub(super) fn answer(text: &str) -> String {
    json!({
        "reasoning": "r", "explanation": "e", "decision": "provide_final_answer", "message": "Who signed?", "answer": text,
        "citations": ["Signed by Ada"], "feedback": "", "scratchpad": "",
    })
    .to_string()
}
