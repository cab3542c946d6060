//! What the worker is given of a file, as far as a user has to know it.

use serde_json::{Value, json};

use crate::support::program::{Program, chats, job, scripted};
use crate::support::wire::openai;

const PROGRAM: &str = "```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=doc, task='Which?') for doc in context]
```";

/// What the worker is told of these files, and the result.
fn told(files: &[(&str, Vec<u8>)]) -> (String, Value) {
    let verdict = json!({"decision": "provide_final_answer", "answer": "5", "explanation": "e"}).to_string();
    let server = scripted(vec![PROGRAM.to_owned(), verdict], |request| {
        openai(request, &json!({"explanation": "e", "citation": null, "answer": "5"}).to_string())
    });
    let program = Program::new();
    for (name, bytes) in files {
        std::fs::write(program.dir.path().join(name), bytes).unwrap();
    }
    let names: Vec<_> = files.iter().map(|(name, _)| *name).collect();
    let job = job(&server, "minions", json!({"task": "Which?", "context_files": names, "max_rounds": 1}));
    let result = program.run_job(&job).result();
    (chats(&server, "worker").iter().map(Value::to_string).collect(), result)
}

#[test]
fn what_is_struck_out_is_not_taken_for_valid() {
    let page = b"<html><p>Revenue: <s>4,120</s> 5,000".to_vec();
    let rtf = br"{\rtf1 Due {\strike in March} in May}".to_vec();
    let (told, _) = told(&[("page.html", page), ("lease.rtf", rtf)]);
    assert!(told.contains("Revenue: ~~4,120~~ 5,000") && told.contains("Due ~~in March~~ in May"), "{told}");
}
