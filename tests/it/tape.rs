//! Record and replay: the same result from the folder alone.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use serde_json::{Value, json};

use crate::real_model_tape::{folder, kept, the_job as the_job_of};
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
pub(crate) fn timeless(ran: &Ran) -> String {
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

/// Lines by their names, without what is a time.
fn timeless_lines(stdout: &str) -> Vec<String> {
    let mut lines: Vec<String> = stdout
        .lines()
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            line["result"]["timing"] = Value::Null;
            line["result"]["conversation_log"]["timing"] = Value::Null;
            // Of the job, whose addresses are others now.
            line["result"]["job_hash"] = Value::Null;
            line.to_string()
        })
        .collect();
    lines.sort();
    lines
}

/// Answers each request in words of its own, so that no two are alike.
fn never_the_same() -> Server {
    let count = AtomicUsize::new(0);
    Server::start(move |request| {
        let n = count.fetch_add(1, SeqCst);
        let body = request.json();
        if request.path.ends_with("/embeddings") {
            let rows = |(index, text): (usize, &Value)| {
                let near = if text.as_str().unwrap().contains("Hermine") { 1.0 } else { 0.1 };
                json!({"index": index, "embedding": [near, 0.3 / (n + 1) as f64]})
            };
            let rows: Vec<Value> = body["input"].as_array().unwrap().iter().enumerate().map(rows).collect();
            return Reply::json(&json!({"data": rows, "usage": {"prompt_tokens": 7}}));
        }
        let wants = body["response_format"]["json_schema"]["name"].as_str();
        let text = match (body["model"].as_str(), wants) {
            (Some("worker"), Some(_)) => {
                json!({"explanation": format!("e{n}"), "citation": "lay off the port", "answer": format!("a{n}")})
                    .to_string()
            }
            (Some("worker"), None) => format!("It is the {n}th."),
            (_, None) => SEARCH.to_owned(),
            _ => step("provide_final_answer", Some(&format!("ship {n}"))),
        };
        openai(request, &text)
    })
}

const SEARCH: &str = r#"```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    chunks = [chunk for doc in context for chunk in chunk_by_section(doc, max_chunk_size=20, overlap=5)]
    found = embedding_retrieve_top_k_chunks(["Hermine"], chunks, k=2)
    return [JobManifest(chunk=chunk, task="Which ship?", advice="") for chunk in found]
```"#;

fn with_embeddings(server: &Server) -> Value {
    let mut job = the_job(server, "minions");
    job["call_params"]["use_retrieval"] = json!("embedding");
    job["call_params"]["retrieval_model"] = json!("embedder");
    job
}

#[test]
fn embeddings_are_recorded_and_replayed() {
    let dir = tempfile::tempdir().unwrap();
    let server = never_the_same();
    let job = with_embeddings(&server);
    let recorded = Program::new().args(["--record", dir.path().to_str().unwrap()]).run_job(&job);
    let recorded = timeless(&recorded);
    assert!(server.requests().iter().any(|request| request.path == "/v1/embeddings"));
    drop(server);
    let job = unplugged(job);
    assert_eq!(timeless(&replay(dir.path(), &job)), recorded);
    assert!(recorded.contains("\"chunk\": \"[20 characters]\""), "{recorded}");

    // Other texts, or no vectors any more.
    let mut other = job.clone();
    other["call_params"]["retrieval_model"] = json!("another");
    let error = replay(dir.path(), &other).error(1);
    assert!(error.contains("texts to embed were not recorded"), "{error}");
    let files = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().path());
    let vectors: Vec<_> =
        files.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("embedding-")).collect();
    assert_eq!(vectors.len(), 1);
    std::fs::remove_file(&vectors[0]).unwrap();
    let error = replay(dir.path(), &job).error(1);
    let name = vectors[0].file_name().unwrap().to_str().unwrap();
    assert!(error.contains("texts to embed were not recorded") && error.contains(name), "{error}");
    assert!(error.contains("--record"), "{error}");
}

#[test]
fn a_batch_is_recorded_and_replayed_job_by_job() {
    let dir = tempfile::tempdir().unwrap();
    let tape = dir.path().to_str().unwrap();
    let server = never_the_same();
    let mut jobs = Vec::new();
    for n in 0..9 {
        // The same three jobs three times, which are answered differently.
        let mut job = match n % 3 {
            0 => the_job(&server, "minion"),
            1 => the_job(&server, "minions"),
            _ => with_embeddings(&server),
        };
        if n % 3 == 1 {
            job["call_params"]["use_retrieval"] = json!("embedding");
            job["call_params"]["retrieval_model"] = json!("embedder");
            job["call_params"]["task"] = json!("Which port?");
        }
        job["call_params"]["logging_id"] = json!(format!("log {n}"));
        jobs.push(job);
    }
    let lines = |jobs: &[Value]| jobs.iter().map(|job| format!("{job}\n")).collect::<String>();
    let recorded = Program::new().args(["batch", "--record", tape]).run(lines(&jobs));
    assert_eq!(recorded.code, Some(0), "{}", recorded.stdout);
    let recorded = timeless_lines(&recorded.stdout);
    drop(server);
    let jobs: Vec<Value> = jobs.into_iter().map(unplugged).collect();
    for _ in 0..2 {
        let replayed = Program::new().args(["batch", "--replay", tape]).run(lines(&jobs));
        assert_eq!(replayed.code, Some(0), "{}", replayed.stdout);
        for (replayed, recorded) in timeless_lines(&replayed.stdout).iter().zip(&recorded) {
            assert_eq!(replayed, recorded);
        }
        assert_eq!(timeless_lines(&replayed.stdout).len(), recorded.len());
    }
    // A line that was not there fails alone.
    let mut more = jobs.clone();
    more.push(jobs[0].clone());
    let replayed = Program::new().args(["batch", "--replay", tape]).run(lines(&more));
    assert_eq!(replayed.code, Some(3));
    let failed: Vec<String> = timeless_lines(&replayed.stdout)
        .into_iter()
        .filter(|line| line.contains("\"success\":false"))
        .collect();
    assert_eq!(failed.len(), 1);
    assert!(failed[0].contains("line-10") && failed[0].contains("was not recorded"), "{failed:?}");
}

#[test]
fn a_call_that_one_of_several_servers_lost_is_replayed_with_the_one_that_took_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let server = scripted(script("minions"), worker);
    let broken = Server::start(|_| Reply::text(500, "oh"));
    let mut job = the_job(&server, "minions");
    job["local_client"]["kwargs"]["base_url"] =
        json!([format!("{}/v1", broken.url()), format!("{}/v1", server.url())]);
    job["local_client"]["kwargs"]["retries"] = json!(0);
    let recorded = Program::new().args(["--record", dir.path().to_str().unwrap()]).run_job(&job);
    let recorded = timeless(&recorded);
    assert!(!broken.requests().is_empty());
    drop((server, broken));
    assert_eq!(timeless(&replay(dir.path(), &job)), recorded);
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

/// The runs of a real model, which `real_model_tape` records again with `MINIONS_TEST_RECORD=1`.
#[test]
fn the_recorded_runs_of_a_real_model_replay() {
    for protocol in ["minion", "minions"] {
        let dir = folder(protocol);
        let job = the_job_of(protocol, "http://127.0.0.1:9");
        let ran = Program::unplugged().args(["--replay", dir.join("tape").to_str().unwrap()]).run_job(&job);
        let known: Value = read_json(&dir.join("result.json"));
        assert_eq!(kept(&ran), format!("{known:#}"), "{protocol}");
    }
}
