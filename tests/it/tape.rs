//! Record and replay: the same result from the folder alone.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::program::{Program, Ran, job, read_json, scripted};
use crate::support::server::{Reply, Request, Server};
use crate::support::wire::openai;

const KEY: &str = "sk-test-0123456789";
const DOCUMENT: &str = "The Aurora lay off the port of Brest. The Hermine lay off the port of Lorient.";

const PROGRAM: &str = r#"```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=chunk, task="Which ship?", advice="") for doc in context
            for chunk in chunk_by_section(doc, max_chunk_size=20, overlap=5)]
```"#;

fn step(decision: &str, answer: Option<&str>) -> String {
    json!({"reasoning": "r", "explanation": "e", "decision": decision, "message": "Which ship?", "answer": answer}).to_string()
}

fn worker(request: &Request) -> Reply {
    let prompt = request.prompt();
    let reply =
        json!({"explanation": KEY, "citation": "lay off the port", "answer": prompt.len().to_string()});
    openai(request, &reply.to_string())
}

fn script(protocol: &str) -> Vec<String> {
    let first = if protocol == "minion" { step("", None) } else { PROGRAM.to_owned() };
    vec![first, step("provide_final_answer", Some("the Aurora"))]
}

fn the_job(server: &Server, protocol: &str) -> Value {
    let params = json!({"task": "Which ship?", "context": [DOCUMENT], "max_rounds": 1, "logging_id": "one"});
    job(server, protocol, params)
}

/// The result without what is a time.
fn timeless(ran: &Ran) -> String {
    let mut result = ran.result();
    result["timing"] = Value::Null;
    result["conversation_log"]["timing"] = Value::Null;
    format!("{result:#}")
}

fn replay(dir: &Path, job: &Value) -> Ran {
    Program::new().args(["--replay", dir.to_str().unwrap()]).run_job(job)
}

/// The job without its keys, at an address where nobody is.
fn unplugged(mut job: Value) -> Value {
    for side in ["local_client", "remote_client"] {
        let kwargs = job[side]["kwargs"].as_object_mut().unwrap();
        kwargs.remove("api_key");
        kwargs["base_url"] = json!("http://127.0.0.1:9/v1");
    }
    job
}

#[test]
fn a_recorded_job_replays_without_network_or_keys() {
    for protocol in ["minion", "minions"] {
        let dir = tempfile::tempdir().unwrap();
        let tape = dir.path().join("new/tape");
        let server = scripted(script(protocol), worker);
        let job = the_job(&server, protocol);
        let recorded = Program::new().args(["--record", tape.to_str().unwrap()]).run_job(&job);
        let recorded = timeless(&recorded);
        drop(server);
        let job = unplugged(job);
        let (first, second) = (timeless(&replay(&tape, &job)), timeless(&replay(&tape, &job)));
        assert_eq!(first, second, "{protocol}");
        assert_eq!(first, recorded, "{protocol}");
        for file in std::fs::read_dir(&tape).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            assert!(!text.contains(KEY), "{text}");
        }
    }
}

#[test]
fn a_request_that_was_not_recorded_fails_the_job_by_its_name() {
    for protocol in ["minion", "minions"] {
        let dir = tempfile::tempdir().unwrap();
        let server = scripted(script(protocol), worker);
        let mut job = the_job(&server, protocol);
        Program::new().args(["--record", dir.path().to_str().unwrap()]).run_job(&job).result();
        // One of the worker's is lost.
        let lost = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap());
        let lost =
            lost.into_iter().find(|file| file.file_name().to_str().unwrap().starts_with("worker-")).unwrap();
        let name = lost.file_name().into_string().unwrap();
        std::fs::remove_file(lost.path()).unwrap();
        let error = replay(dir.path(), &job).error(1);
        assert!(
            error.contains("a request to the worker was not recorded") && error.contains(&name),
            "{error}"
        );
        // Another task.
        job["call_params"]["task"] = json!("Which port?");
        let error = replay(dir.path(), &job).error(1);
        assert!(error.contains("a request to the supervisor was not recorded"), "{error}");
        assert!(error.contains("supervisor-") && error.contains("--record"), "{error}");
    }
    let ran = Program::new().args(["--record", "a", "--replay", "b"]).run("{}");
    assert!(ran.error(2).contains("cannot be used with"));
}

/// The runs that are kept in the repository go as they went. Whoever changes a prompt records them again, with
/// `MINIONS_TEST_RECORD=1`.
#[test]
fn the_recorded_runs_of_the_repository_replay() {
    for protocol in ["minion", "minions"] {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tapes").join(protocol);
        let job = read_json(&dir.join("job.json"));
        let tape = dir.join("tape");
        if std::env::var_os("MINIONS_TEST_RECORD").is_some() {
            let _ = std::fs::remove_dir_all(&tape);
            let server = scripted(script(protocol), worker);
            let mut job = job.clone();
            for side in ["local_client", "remote_client"] {
                job[side]["kwargs"] = json!({"base_url": format!("{}/v1", server.url()), "api_key": KEY});
            }
            Program::new().args(["--record", tape.to_str().unwrap()]).run_job(&job).result();
        }
        let result = replay(&tape, &job).result();
        assert_eq!(result["final_answer"], "the Aurora", "{protocol}");
        assert!(result["egress"]["calls"].as_array().is_some_and(|calls| calls.len() == 2), "{result}");
    }
}
