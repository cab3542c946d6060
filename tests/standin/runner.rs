//! The runner of one model: takes a prompt, makes up an answer.

use std::net::TcpListener;
use std::thread;

use serde_json::{Map, Value, json};

use crate::server::{Reply, Server};

pub(crate) fn run(port: &str) {
    thread::sleep(crate::millis("STANDIN_LOAD_MS"));
    let listener = match TcpListener::bind(format!("127.0.0.1:{port}")) {
        Ok(listener) => listener,
        Err(error) => crate::fail(&error.to_string()),
    };
    let chatter: usize = std::env::var("STANDIN_CHATTER").ok().and_then(|n| n.parse().ok()).unwrap_or(10);
    let _server = Server::on(listener, move |request| {
        if request.path == "/health" {
            return Reply::json(&json!({"status": "ok"}));
        }
        for line in 0..chatter {
            eprintln!("slot update_slots: id {line} | task 0 | prompt processing progress, n_tokens = 2048");
        }
        let answer = answer(&request.prompt(), &request.json()["format"]);
        crate::work(&answer);
        Reply::text(200, &answer)
    });
    loop {
        thread::park();
    }
}

/// What a model might say that is held to `schema`, if that is one.
pub(crate) fn answer(prompt: &str, schema: &Value) -> String {
    if schema.is_object() {
        return made_up(schema).to_string();
    }
    if prompt.contains("prepare_jobs") {
        return CODE.to_owned();
    }
    "The stand-in has answered.".to_owned()
}

/// A value of the schema: of several allowed ones the first.
fn made_up(schema: &Value) -> Value {
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    if let Some(first) = schema["anyOf"].get(0) {
        return made_up(first);
    }
    let kind = schema["type"].as_str().or(schema["type"][0].as_str()).unwrap_or_default();
    match kind {
        "object" => {
            let properties = schema["properties"].as_object().into_iter().flatten();
            Value::Object(
                properties.map(|(name, schema)| (name.clone(), made_up(schema))).collect::<Map<_, _>>(),
            )
        }
        "array" => json!([made_up(&schema["items"])]),
        "integer" | "number" => json!(1),
        "boolean" => json!(true),
        _ => json!("The stand-in has answered."),
    }
}

pub(crate) const CODE: &str = "```python
def prepare_jobs(context, prev_job_manifests=None, prev_job_outputs=None):
    jobs = []
    for document in context:
        for chunk in chunk_by_section(document):
            jobs.append(JobManifest(chunk=chunk, task='What does it say?', advice='Be brief.'))
    return jobs

def transform_outputs(jobs):
    return '\\n'.join(str(job.output.answer) for job in jobs)
```";
