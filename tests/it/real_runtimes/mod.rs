//! Our program against the vendors' own, Ollama and Docker Model Runner, with a small real model as the worker and a
//! scripted supervisor. `scripts/real-runtimes.sh` finds them and runs these tests, one at a time.

mod model_runner;
mod ollama;
mod programs;

use serde_json::{Value, json};

use crate::support::program::{Ran, chats, client, scripted};
use crate::support::server::{Reply, Request, Server};

/// The longest window of the model, in tokens.
const WINDOW: usize = 8192;

/// A supervisor that asks the worker once, then answers.
fn asks_once() -> Server {
    let ask = json!({
        "reasoning": "r", "decision": "request_additional_info", "message": "Which ship is it?", "answer": null,
    });
    let answer =
        json!({"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": "Aurora"});
    scripted(vec![ask.to_string(), answer.to_string()], no_worker)
}

/// A supervisor that asks `task` about every chunk of 3,000 characters, then answers.
fn fans_out(task: &str) -> Server {
    let program = format!(
        r#"```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [
        JobManifest(chunk=chunk, task={task:?}, advice="One word.")
        for doc in context for chunk in chunk_by_section(doc, max_chunk_size=3000, overlap=20)
    ]

def transform_outputs(jobs):
    return "\n".join(f"{{j.manifest.chunk_id}}={{j.output.answer}}" for j in jobs)
```"#
    );
    let verdict = json!({
        "explanation": "e", "decision": "provide_final_answer", "answer": "Aurora", "feedback": null,
        "scratchpad": null,
    });
    scripted(vec![program, verdict.to_string()], no_worker)
}

fn no_worker(_: &Request) -> Reply {
    Reply::text(500, "the worker is elsewhere")
}

/// A ship's log of `length` characters, in which no two chunks are equal.
fn document(length: usize) -> String {
    let days =
        (1..).map(|day| format!("Day {day}. The Aurora lay off the port in {} fathoms. ", day * 7 % 90));
    days.scan(0, |written, text| {
        *written += text.len();
        (*written <= length).then_some(text)
    })
    .collect()
}

/// A job over `document` for a worker with `local` client, which answers briefly.
fn job(local: Value, supervisor: &Server, protocol: &str, document: &str) -> Value {
    json!({
        "local_client": local,
        "remote_client": client(supervisor, "supervisor"),
        "protocol": {"type": protocol, "max_rounds": 2},
        "call_params": {"task": "Which ship is it?", "context": [document]},
        "budget": {"deadline_s": 500},
    })
}

/// A document that no window of the model holds.
fn too_long() -> String {
    document(8 * WINDOW)
}

/// The number of worker calls of a job that succeeded, none of which was given up.
#[track_caller]
fn answered_calls(ran: &Ran) -> usize {
    let result = ran.result();
    assert_eq!(result["final_answer"], "Aurora", "{}", ran.stderr);
    assert!(!ran.stderr.contains("worker call failed"), "{}", ran.stderr);
    result["meta"][0]["local"]["jobs"].as_array().map_or(0, Vec::len)
}

/// The message of a job that failed before the supervisor was asked.
#[track_caller]
fn free_error(ran: &Ran, supervisor: &Server) -> String {
    let error = ran.error(1);
    assert_eq!(chats(supervisor, "supervisor").len(), 0, "{error}");
    error
}
