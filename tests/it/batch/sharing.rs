//! What the jobs of a batch share: slots, servers, connections, models.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use super::*;
use crate::support::wait::Barrier;
use crate::support::wire::ollama_ndjson;

#[test]
fn as_many_jobs_run_at_once_as_allowed() {
    const JOBS: usize = 3;
    let (barrier, now, most) = (Barrier::new(JOBS), AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let server = server(move |request| {
        seen.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
        // Passes only if as many are here.
        barrier.wait();
        now.fetch_sub(1, SeqCst);
        openai(request, "Ada.")
    });
    let jobs = (0..4 * JOBS).map(|n| task(&server, &n.to_string()));
    let ran = batch(["--max-jobs", "3"]).run(json_lines(jobs));
    assert_eq!((ran.code, succeeded(&ran.stdout).len()), (Some(0), 4 * JOBS), "{}", ran.stderr);
    assert_eq!(most.load(SeqCst), JOBS);
}

#[test]
fn all_jobs_together_keep_to_the_workers_slots() {
    let (now, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let (seen, barrier) = (Arc::clone(&most), Barrier::new(2));
    let server = server(move |request| {
        seen.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
        barrier.wait();
        now.fetch_sub(1, SeqCst);
        openai(request, "Ada.")
    });
    let jobs = (0..10).map(|n| {
        let mut job = task(&server, &n.to_string());
        job["local_client"]["kwargs"]["max_concurrency"] = json!(2);
        // Other settings, the same server.
        job["local_client"]["kwargs"]["seed"] = json!(n % 3);
        job
    });
    let ran = batch(["--max-jobs", "10"]).run(json_lines(jobs));
    assert_eq!((ran.code, succeeded(&ran.stdout).len()), (Some(0), 10), "{}", ran.stderr);
    assert_eq!(most.load(SeqCst), 2);
}

#[test]
fn a_server_is_asked_once_for_all_jobs_and_connections_are_shared() {
    let server = prompt_server();
    let jobs = (0..40).map(|n| task(&server, &n.to_string()));
    let ran = batch(["--max-jobs", "4"]).run(json_lines(jobs));
    assert_eq!((ran.code, succeeded(&ran.stdout).len()), (Some(0), 40), "{}", ran.stderr);
    let requests = server.requests();
    assert_eq!(requests.iter().filter(|request| request.path == "/props").count(), 2, "once a side");
    let connections = requests.iter().map(|request| request.connection).max().unwrap() + 1;
    // A connection is free again a moment after its reply, by which another may have been made.
    assert!(connections <= 2 * (2 * 4), "{connections} connections for {} requests", requests.len());
    assert!(requests.len() >= 80);
}

#[test]
fn a_failure_is_not_remembered() {
    let server = Server::start(|request| match request.path.as_str() {
        "/api/version" if request.index == 0 => Reply::error(500, &json!({"error": "not yet"})),
        "/api/version" => Reply::json(&json!({"version": "0.30.0"})),
        "/api/show" => Reply::json(&json!({"capabilities": ["completion"], "model_info": {}})),
        _ => Reply::error(400, &json!({"error": "no chat here"})),
    });
    let jobs = ["a", "b"].map(|id| {
        json!({
            "custom_id": id,
            "local_client": {"type": "ollama", "kwargs": {"base_url": server.url(), "retries": 0}},
            "remote_client": {"type": "ollama", "kwargs": {"base_url": server.url(), "retries": 0}},
            "call_params": {"task": "Who?"},
        })
    });
    let ran = batch(["--max-jobs", "1"]).run(json_lines(jobs));
    let all = by_id(lines(&ran.stdout));
    assert!(all["a"]["error"].as_str().unwrap().contains("not yet"), "{}", all["a"]);
    assert!(all["b"]["error"].as_str().unwrap().contains("no chat here"), "{}", all["b"]);
}

#[test]
fn an_ollama_model_is_found_once_and_its_window_only_grows() {
    let server = Server::start(|request| match request.path.as_str() {
        "/api/version" => Reply::json(&json!({"version": "0.30.0"})),
        "/api/show" => Reply::json(&json!({
            "capabilities": ["completion"],
            "model_info": {"general.architecture": "llama", "llama.context_length": 131_072},
        })),
        "/api/ps" => Reply::json(&json!({"models": []})),
        "/api/chat" => ollama_ndjson("Ada."),
        _ if request.json()["messages"].as_array().is_some_and(|all| all.len() > 1) => {
            openai(request, ANSWER)
        }
        _ => openai(request, ASK),
    });
    let jobs = [("a", 1), ("b", 1), ("long", 30_000), ("c", 1)].map(|(id, length)| {
        let mut job = task(&server, id);
        job["local_client"] = json!({"type": "ollama", "kwargs": {"base_url": server.url()}});
        job["call_params"]["context"] = json!(["x ".repeat(length / 2 + 1)]);
        job
    });
    let ran = batch(["--max-jobs", "1"]).run(json_lines(jobs));
    assert_eq!((ran.code, succeeded(&ran.stdout).len()), (Some(0), 4), "{}", ran.stderr);
    let requests = server.requests();
    assert_eq!(requests.iter().filter(|request| request.path == "/api/show").count(), 2, "once a window");
    let windows: Vec<_> = requests
        .iter()
        .map(Request::json)
        // Loading ahead has no message.
        .filter(|body| body["options"].is_object() && !body["messages"].as_array().unwrap().is_empty())
        // The long one is read ahead.
        .filter(|body| body["options"]["num_predict"] != 1)
        .map(|body| body["options"]["num_ctx"].as_u64().unwrap())
        .collect();
    assert_eq!((windows.len(), windows[0], windows[1]), (4, windows[1], windows[0]));
    assert!(windows[2] > windows[1] && windows[3] == windows[2], "{windows:?}");
}

#[test]
fn an_outage_is_one_line_for_all_jobs() {
    let server = prompt_server();
    let nobody = ["http://127.0.0.1:9", "http://127.0.0.1:7"];
    for (urls, line) in [
        (json!(nobody[0]), "try 1 of 2 failed"),
        (json!(nobody), "try 1 of 2 failed"),
        (json!([nobody[0], server.url()]), "the other servers do its work"),
    ] {
        let jobs = (0..20).map(|n| {
            let mut job = task(&server, &n.to_string());
            job["local_client"] = json!({"type": "vllm", "model_name": "worker"});
            job["local_client"]["kwargs"] = json!({"base_url": urls, "retries": 1});
            job
        });
        let ran = batch(["--max-jobs", "10"]).run(json_lines(jobs));
        assert_eq!(lines(&ran.stdout).len(), 20, "{}", ran.stderr);
        assert_eq!(ran.stderr.matches(line).count(), 1, "{}", ran.stderr);
    }
}
