//! The memo of the worker's answers through the real executable: what was asked once costs no tokens again.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::program::{Program, Ran, chats, job, scripted};
use crate::support::server::{Reply, Request, Server};
use crate::support::wire::openai;

const PROGRAM: &str = r#"```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=doc, task=task, advice="") for doc in context for task in ["Which ship?", "Which port?"]]
```"#;

fn script(jobs: usize) -> Vec<String> {
    let verdict = json!({"explanation": "e", "decision": "provide_final_answer", "answer": "A", "feedback": null, "scratchpad": null});
    (0..jobs).flat_map(|_| [PROGRAM.to_owned(), verdict.to_string()]).collect()
}

fn worker(request: &Request) -> Reply {
    openai(request, r#"{"explanation": "e", "citation": "The Aurora", "answer": "Aurora"}"#)
}

fn the_job(server: &Server, task: &str) -> Value {
    let context =
        json!(["The Aurora lay off Brest.", "The Hermine lay off Lorient.", "The Gloire lay off Toulon."]);
    job(server, "minions", json!({"task": task, "context": context, "max_rounds": 1}))
}

fn with_memo(memo: &Path, job: &Value) -> Ran {
    Program::new().args(["--memo", memo.to_str().unwrap()]).run_job(job)
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let below =
        |dir: &Path| std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path()).collect::<Vec<_>>();
    below(dir).iter().flat_map(|folder| below(folder)).collect()
}

#[test]
fn what_was_asked_once_costs_nothing_again() {
    let dir = tempfile::tempdir().unwrap();
    let memo = dir.path().join("memo");
    let server = scripted(script(4), worker);
    let first = with_memo(&memo, &the_job(&server, "Which ships?")).result();
    assert_eq!(first["memo"], json!({"recalled": 0, "asked": 6}));
    // Another question, whose program asks the same of the same chunks.
    let second = Program::new()
        .args(["--memo", memo.to_str().unwrap(), "--events", "events"])
        .run_job(&the_job(&server, "And which ports?"));
    let events = std::fs::read_to_string(second.dir.path().join("events")).unwrap();
    assert_eq!(events.matches("\"is_recalled\":true").count(), 6);
    let second = second.result();
    assert_eq!(second["memo"], json!({"recalled": 6, "asked": 0}));
    assert_eq!((&second["local_usage"]["total_tokens"], chats(&server, "worker").len()), (&json!(0), 6));
    assert_eq!(second["evidence"], first["evidence"]);
    assert_eq!(second["worker_messages"], first["worker_messages"]);
    // Another temperature is another question; one that was lost is asked again, with a warning.
    let mut warmer = the_job(&server, "Which ships?");
    warmer["local_client"]["kwargs"]["seed"] = json!(7);
    assert_eq!(with_memo(&memo, &warmer).result()["memo"]["asked"], 6);
    let damaged = files(&memo);
    damaged.iter().for_each(|file| std::fs::write(file, "junk").unwrap());
    let ran = with_memo(&memo, &the_job(&server, "Which ships?"));
    assert_eq!(ran.stderr.matches("6 answers in the memo").count(), 1, "{}", ran.stderr);
    assert_eq!(ran.result()["memo"], json!({"recalled": 0, "asked": 6}));
}

#[test]
fn a_job_or_a_session_names_the_memo() {
    let dir = tempfile::tempdir().unwrap();
    let server = scripted(script(2), worker);
    let mut named = the_job(&server, "Which ships?");
    named["protocol"]["kwargs"] = json!({"memo": dir.path().join("own")});
    assert_eq!(Program::new().run_job(&named).result()["memo"]["asked"], 6);
    assert_eq!(files(&dir.path().join("own")).len(), 6);
    let mut turn = the_job(&server, "Which ships?");
    turn["session"] = json!("acme");
    turn["protocol"]["session_dir"] = json!(dir.path().join("sessions"));
    assert_eq!(Program::new().run_job(&turn).result()["memo"]["asked"], 6);
    assert_eq!(files(&dir.path().join("sessions/acme.memo")).len(), 6);
    let said = json!({"refers_to": null, "task": "Which ships?"}).to_string();
    let server = scripted([vec![said], script(1)].concat(), worker);
    turn["local_client"] = the_job(&server, "")["local_client"].clone();
    turn["remote_client"] = the_job(&server, "")["remote_client"].clone();
    // Another address may be another model.
    assert_eq!(Program::new().run_job(&turn).result()["memo"]["recalled"], 0);
}

#[test]
fn answers_that_are_drawn_by_chance_are_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let server = scripted(script(3), worker);
    let mut job = the_job(&server, "Which ships?");
    job["call_params"]["num_samples_per_task"] = json!(2);
    let ran = with_memo(dir.path(), &job);
    assert!(
        ran.stderr
            .contains("the memo has no effect: the worker's answers are drawn by chance (temperature 0.7)"),
        "{}",
        ran.stderr
    );
    assert!(ran.result().get("memo").is_none());
    // With a seed each sample has its own place.
    job["local_client"]["kwargs"]["seed"] = json!(1);
    assert_eq!(with_memo(dir.path(), &job).result()["memo"]["asked"], 12);
    assert_eq!(with_memo(dir.path(), &job).result()["memo"]["recalled"], 12);
    let both = Program::new().args(["--memo", "m", "--record", "r"]).run_job(&job).error(2);
    assert!(both.contains("cannot be used with"), "{both}");
}
