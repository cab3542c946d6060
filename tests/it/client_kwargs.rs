//! Every option of a client gets where it belongs: each of these fails when its option is ignored.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::program::{Program, Ran, chats, client, job, scripted};
use crate::support::server::{Reply, Request, Server};
use crate::support::wait::Barrier;
use crate::support::wire::{ollama_ndjson, openai};

const PROGRAM: &str = "```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=doc, task='Which?') for doc in context]
```";

/// What the supervisor of a `minion` says.
fn script() -> Vec<String> {
    let ask = json!({"reasoning": "r", "message": "Who?"});
    let answer =
        json!({"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": "Ada"});
    vec![ask.to_string(), answer.to_string()]
}

/// A `minion` job with `change`d clients, its run, and the server that it ran at.
fn run(change: impl Fn(&mut Value, &Server)) -> (Server, Ran) {
    let server = scripted(script(), |request| openai(request, "Ada"));
    let mut job = job(&server, "minion", json!({"task": "Who signed?", "context": ["Ada."]}));
    change(&mut job, &server);
    let ran = Program::new().run_job(&job);
    (server, ran)
}

/// The chats of a server, which may be asked for its models before.
fn asked(server: &Server) -> Vec<Request> {
    server.requests().into_iter().filter(|request| request.method == "POST").collect()
}

#[test]
fn sampling_options_are_sent_for_the_side_that_has_them() {
    for (option, value, field) in [
        ("temperature", json!(0.3), "temperature"),
        ("max_tokens", json!(77), "max_tokens"),
        ("seed", json!(5), "seed"),
    ] {
        for (side, model, other) in
            [("local_client", "worker", "supervisor"), ("remote_client", "supervisor", "worker")]
        {
            let (server, ran) = run(|job, _| job[side]["kwargs"][option] = value.clone());
            assert_eq!(ran.code, Some(0), "{}", ran.stderr);
            assert!(chats(&server, model).iter().all(|body| body[field] == value), "{side} {option}");
            assert!(chats(&server, other).iter().all(|body| body[field] != value), "{side} {option}");
        }
    }
}

#[test]
fn model_name_key_and_address_are_the_sides_own() {
    let (server, ran) = run(|job, _| {
        job["local_client"]["kwargs"]["api_key"] = json!("sk-of-the-worker");
        job["remote_client"]["model_name"] = json!("another-supervisor");
    });
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for request in asked(&server) {
        let key = request.header("authorization").unwrap();
        match request.json()["model"].as_str() {
            Some("worker") => assert_eq!(key, "Bearer sk-of-the-worker"),
            model => {
                assert_eq!((model, key), (Some("another-supervisor"), "Bearer sk-test-0123456789"));
            }
        }
    }
}

#[test]
fn what_a_model_can_not_be_told_is_said() {
    let warned = |client: Value| {
        let (_, ran) = run(|job, _| job["remote_client"] = client.clone());
        ran.stderr
    };
    let remote = |kind: &str, model: &str, kwargs: Value| {
        let mut client = json!({"type": kind, "model_name": model, "kwargs": kwargs});
        client["kwargs"]["api_key"] = json!("sk-test-0123456789");
        client["kwargs"]["retries"] = json!(0);
        client["timeout"] = json!(0.2);
        client
    };
    // At addresses where nobody is, but the vendor's own where its models decide.
    let nowhere = "http://127.0.0.1:9/v1";
    let stderr = warned(remote("anthropic", "claude", json!({"seed": 1, "base_url": nowhere})));
    assert!(stderr.contains("remote_client.kwargs.seed has no effect: claude of anthropic"), "{stderr}");
    let stderr = warned(remote("deepseek", "m", json!({"seed": 1, "temperature": 0.5, "base_url": nowhere})));
    assert!(
        stderr.contains("kwargs.seed has no effect") && !stderr.contains("temperature has no"),
        "{stderr}"
    );
    let stderr = warned(remote("openai", "m", json!({"seed": 1, "temperature": 0.5, "base_url": nowhere})));
    assert!(!stderr.contains("has no effect"), "{stderr}");
}

#[test]
fn a_silent_server_is_waited_for_as_long_as_the_job_says() {
    for pointer in ["/local_client/timeout", "/local_client/kwargs/timeout"] {
        let silent = Server::start(|_| Reply::hang());
        let began = Instant::now();
        let (_, ran) = run(|job, _| {
            job["local_client"] = client(&silent, "worker");
            job["local_client"]["kwargs"]["retries"] = json!(0);
            let (parent, key) = pointer.rsplit_once('/').unwrap();
            job.pointer_mut(parent).unwrap()[key] = json!(0.4);
        });
        let error = ran.error(1);
        assert!(error.contains("was silent for 0.4 s"), "{pointer}: {error}");
        assert!(began.elapsed() < Duration::from_secs(30), "{pointer}");
    }
}

#[test]
fn as_many_tries_are_made_as_the_job_says() {
    for retries in [0, 2] {
        let broken = Server::start(|request| match request.method.as_str() {
            "GET" => Reply::text(404, "no list of models"),
            _ => Reply::text(500, "oh").header("retry-after", "0"),
        });
        let (_, ran) = run(|job, _| {
            job["local_client"] = client(&broken, "worker");
            job["local_client"]["kwargs"]["retries"] = json!(retries);
        });
        ran.error(1);
        assert_eq!(asked(&broken).len(), retries + 1);
    }
}

#[test]
fn calls_at_the_same_time_are_limited() {
    for (client_limit, batch_limit, most) in [(Some(2), None, 2), (None, Some(3), 3), (Some(2), Some(3), 2)] {
        // Passes only if as many are here.
        let barrier = Barrier::new(most);
        let worker = Server::start(move |request| {
            if request.method == "POST" {
                barrier.wait();
            }
            openai(request, r#"{"explanation": "e", "citation": null, "answer": "a"}"#)
        });
        let verdict = json!({"explanation": "e", "decision": "provide_final_answer", "answer": "x"});
        let server =
            scripted(vec![PROGRAM.into(), verdict.to_string()], |_| Reply::text(500, "not the worker"));
        let context: Vec<String> = (0..24).map(|n| format!("Document {n}.")).collect();
        let mut job = job(&server, "minions", json!({"task": "T", "context": context}));
        job["local_client"] = client(&worker, "worker");
        if let Some(limit) = client_limit {
            job["local_client"]["kwargs"]["max_concurrency"] = json!(limit);
        }
        if let Some(limit) = batch_limit {
            job["protocol"]["kwargs"] = json!({"worker_batch_size": limit});
        }
        job["budget"] = json!({"deadline_s": 60});
        Program::new().run_job(&job).result();
        assert_eq!(asked(&worker).len(), 24);
        assert_eq!(worker.max_in_flight(), most, "{client_limit:?} {batch_limit:?}");
    }
}

#[test]
fn options_without_an_effect_are_taken_and_tools_are_not() {
    for (option, value) in [("verbose", true), ("local", true), ("use_async", false), ("tool_calling", false)]
    {
        let (_, ran) = run(|job, _| job["local_client"]["kwargs"][option] = json!(value));
        assert_eq!(ran.result()["final_answer"], "Ada", "{option}");
        assert!(!ran.stderr.contains("not known"), "{option}: {}", ran.stderr);
    }
}

/// An Ollama daemon that has every model.
fn ollama() -> Server {
    Server::start(|request| match &*request.path {
        "/api/version" => Reply::json(&json!({"version": "0.32.15"})),
        "/api/ps" => Reply::json(&json!({"models": []})),
        "/api/show" => Reply::json(&json!({
            "capabilities": ["completion", "thinking"],
            "model_info": {"general.architecture": "llama", "llama.context_length": 131_072},
        })),
        "/api/chat" => ollama_ndjson("Ada"),
        _ => Reply::text(404, "404 page not found"),
    })
}

#[test]
fn ollamas_own_options_are_sent_to_it() {
    let asked = |kwargs: Value| {
        let daemon = ollama();
        let (_, ran) = run(|job, _| {
            job["local_client"] = json!({"type": "ollama", "kwargs": kwargs});
            // Its port alone leads to it.
            let port = daemon.url().rsplit(':').next().unwrap().parse::<u16>().unwrap();
            job["local_client"]["port"] = json!(port);
        });
        assert_eq!(ran.result()["final_answer"], "Ada", "{}", ran.stderr);
        let chats = daemon.requests().iter().map(Request::json).collect::<Vec<_>>();
        chats.into_iter().find(|body| body["messages"][1]["content"] == "Who?").unwrap()
    };
    let lifted = asked(json!({"max_tokens": -1, "seed": "-1", "keep_alive": "-1", "temperature": "0.5"}));
    let options = &lifted["options"];
    assert!(options["num_predict"].is_null() && options["seed"].is_null(), "{options}");
    assert_eq!((&lifted["keep_alive"], &options["temperature"]), (&json!(-1), &json!(0.5)));
    let plain = asked(json!({}));
    assert_eq!((&plain["think"], &plain["model"]), (&json!(false), &json!("llama3.2:3b")));
    assert_ne!(plain["options"]["num_ctx"], 5000);
    let told = asked(
        json!({"num_ctx": 5000, "thinking": true, "keep_alive": "7m", "seed": 3, "max_tokens": 90, "temperature": 0.4}),
    );
    assert_eq!((&told["think"], &told["keep_alive"]), (&json!(true), &json!("7m")));
    assert_eq!(told["options"], json!({"num_ctx": 5000, "num_predict": 90, "temperature": 0.4, "seed": 3}));
}
