//! The worker of `minion` reads the documents while the supervisor writes its first message.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Barrier};

use serde_json::{Value, json};

use crate::support::program::{Program, Ran, client};
use crate::support::server::{Reply, Request, Server};

const ASK: &str =
    r#"{"reasoning": "r", "decision": "request_additional_info", "message": "Who?", "answer": null}"#;
const ANSWER: &str =
    r#"{"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": "Ada"}"#;

/// Documents that are worth a call of their own.
fn pages() -> String {
    "consectetur adipiscing elit ".repeat(200)
}

fn said(text: &str) -> Reply {
    Reply::json(&json!({
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }))
}

/// Whether the worker is to read alone: its reply may have one token.
fn is_reading(request: &Request) -> bool {
    request.json()["max_tokens"] == 1
}

/// A worker whose window is told; `chat` answers its turns.
fn worker(chat: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |request| match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/v1/models") => Reply::json(&json!({"data": [{"id": "worker", "max_model_len": 131_072}]})),
        ("POST", "/v1/chat/completions") => chat(request),
        _ => Reply::text(404, "not found"),
    })
}

/// A supervisor that asks once and then answers; `before` it asks.
fn supervisor(before: impl Fn() + Send + Sync + 'static) -> Server {
    Server::start(move |request| match request.method.as_str() {
        "POST" if request.json()["messages"].as_array().is_some_and(|turns| turns.len() > 1) => said(ANSWER),
        "POST" => {
            before();
            said(ASK)
        }
        _ => Reply::text(404, "not found"),
    })
}

fn job(worker: &Server, supervisor: &Server, text: &str) -> Value {
    json!({
        "local_client": client(worker, "worker"),
        "remote_client": client(supervisor, "supervisor"),
        "protocol": {"type": "minion", "max_rounds": 1},
        "call_params": {"task": "Who signed?", "context": [text]},
        "budget": {"deadline_s": 120},
    })
}

fn run(job: &Value) -> Ran {
    Program::new().run_job(job)
}

/// The bodies that `worker` got, in order: whether each was to read alone.
fn calls(worker: &Server) -> Vec<bool> {
    let posted = worker.requests().into_iter().filter(|request| request.method == "POST");
    posted.map(|request| is_reading(&request)).collect()
}

#[test]
fn the_worker_reads_while_the_supervisor_writes_and_is_asked_when_it_has_read() {
    // Neither is answered before both are asked.
    let both = Arc::new(Barrier::new(2));
    let has_read = Arc::new(AtomicBool::new(false));
    let worker = worker({
        let both = Arc::clone(&both);
        move |request| {
            if is_reading(request) {
                both.wait();
                has_read.store(true, SeqCst);
                return said("");
            }
            assert!(has_read.load(SeqCst), "the question comes while the documents are read");
            said("Ada signed.")
        }
    });
    let supervisor = supervisor(move || {
        both.wait();
    });
    let result = run(&job(&worker, &supervisor, &pages())).result();
    assert_eq!(result["final_answer"], "Ada");
    assert_eq!(calls(&worker), [true, false]);
    let [read, asked] =
        worker.requests().into_iter().filter(|request| request.method == "POST").collect::<Vec<_>>()[..]
            .iter()
            .map(|request| request.json()["messages"][0].clone())
            .collect::<Vec<_>>()
            .try_into()
            .expect("two calls");
    assert_eq!(read, asked, "what is read ahead is what the question comes after");
    assert_eq!(result["local_usage"]["total_tokens"], 30);
}

#[test]
fn what_is_not_worth_it_or_not_wanted_is_not_read_ahead() {
    let worker = || worker(|_| said("Ada signed."));
    let (short, unwanted, shared) = (worker(), worker(), worker());
    let asks = || supervisor(|| ());
    assert_eq!(run(&job(&short, &asks(), "Signed by Ada.")).result()["final_answer"], "Ada");
    assert_eq!(calls(&short), [false]);

    let supervisor = asks();
    let mut plain = job(&unwanted, &supervisor, &pages());
    plain["call_params"]["read_ahead"] = json!(false);
    assert_eq!(run(&plain).result()["final_answer"], "Ada");
    assert_eq!(calls(&unwanted), [false]);
    plain["call_params"]["read_ahead"] = json!("no");
    let error = run(&plain).error(2);
    assert!(error.contains("call_params.read_ahead"), "{error}");

    // One model of one server on both sides has one cache.
    let mut twice = job(&shared, &shared, &pages());
    twice["remote_client"] = twice["local_client"].clone();
    assert!(run(&twice).error(1).contains("supervisor"));
    assert!(calls(&shared).iter().all(|is_reading| !is_reading));
}

#[test]
fn a_prompt_that_is_refused_late_ends_the_job() {
    // The server refuses only once the supervisor has been asked, which gets no answer before.
    let asked = Arc::new(Barrier::new(2));
    let worker = Server::start({
        let asked = Arc::clone(&asked);
        move |request| match request.method.as_str() {
            "POST" if request.path.ends_with("/chat/completions") => {
                asked.wait();
                Reply::error(400, &json!({"error": {"message": "maximum context length is 512 tokens"}}))
            }
            _ => Reply::text(404, "not found"),
        }
    });
    let supervisor = Server::start(move |request| match request.method.as_str() {
        "POST" => {
            asked.wait();
            Reply::hang()
        }
        _ => Reply::text(404, "not found"),
    });
    let error = run(&job(&worker, &supervisor, &pages().repeat(4))).error(1);
    assert!(error.contains("cannot read the documents") && error.contains("512"), "{error}");
    assert_eq!(calls(&worker), [true]);
}

#[test]
fn a_worker_that_fails_to_read_is_told_before_more_is_paid() {
    let worker = worker(|request| {
        assert!(is_reading(request));
        Reply::error(500, &json!({"error": {"message": "the model has crashed"}}))
    });
    let mut job = job(&worker, &supervisor(|| ()), &pages());
    job["local_client"]["kwargs"]["retries"] = json!(0);
    let error = run(&job).error(1);
    assert!(error.contains("local_client") && error.contains("the model has crashed"), "{error}");
}
