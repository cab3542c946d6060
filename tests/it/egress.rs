//! The egress ledger: what it says is what a server got, and nothing goes over its budget.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use ring::digest;
use serde_json::{Value, json};

use crate::support::program::{Program, chats, client, job, scripted};
use crate::support::server::{Reply, Request, Server};
use crate::support::wire::{ollama_ndjson, openai, openai_text};

const DOCUMENT: &str =
    "Head.\r\nThe Aurora lay off the port of Brest in 12 fathoms 👩\u{200D}👩 of water.\r\nTail of it.";
const QUOTED: &str = "Aurora lay off the port of Brest in 12 fathoms 👩\u{200D}👩 of";

const PROGRAM: &str = r#"```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=doc, task="Which ship?", advice="") for doc in context]
```"#;

fn step(decision: &str, answer: Option<&str>) -> String {
    json!({"reasoning": "r", "explanation": "e", "decision": decision, "message": "Which ship?", "answer": answer}).to_string()
}

/// What the supervisor says, and call parameters, for each protocol.
fn cases() -> [(&'static str, Vec<String>, Value); 2] {
    let params = json!({"task": "Which ship?", "context": ["nothing of this leaves the machine", DOCUMENT], "max_rounds": 2});
    let last = || step("provide_final_answer", Some("Aurora"));
    let chat = vec!["no JSON".into(), step("", None), step("request_additional_info", None), last()];
    let programs = vec!["no program".into(), PROGRAM.into(), last()];
    [("minion", chat, params.clone()), ("minions", programs, params)]
}

/// The worker quotes the second document.
fn quoting(request: &Request) -> Reply {
    let quote = json!({"explanation": "é", "citation": QUOTED, "answer": "Aurora"}).to_string();
    match request.prompt().contains("Task: ") {
        true => openai(request, &quote),
        false => openai(request, &format!("It says \"{QUOTED}\".")),
    }
}

/// A server that at first fails the supervisor in every way: an error of its own, a reply that is cut off, and a
/// parameter that it refuses, so that the call is made again without.
fn stumbling(script: Vec<String>) -> Server {
    let script = Mutex::new(script.into_iter());
    let tries = AtomicUsize::new(0);
    Server::start(move |request| match request.json()["model"].as_str() {
        Some("worker") => quoting(request),
        Some(_) => match tries.fetch_add(1, SeqCst) {
            0 => Reply::text(500, "oh").header("retry-after", "0"),
            1 => openai(request, "a reply of some words that is not whole").cut_after(3),
            2 => Reply::error(
                400,
                &json!({"error": {"message": "Unrecognized request argument supplied: stream_options"}}),
            ),
            _ => openai(request, &script.lock().unwrap().next().unwrap()),
        },
        None => Reply::text(404, "not found"),
    })
}

/// What the ledger tells of each call.
fn told(egress: &Value) -> Vec<(usize, String)> {
    let calls = egress["calls"].as_array().unwrap();
    let told = calls
        .iter()
        .map(|call| (call["bytes"].as_u64().unwrap() as usize, call["sha256"].as_str().unwrap().to_owned()));
    told.collect()
}

/// What a server got of these requests.
fn got(server: &Server, which: impl Fn(&Request) -> bool) -> Vec<(usize, String)> {
    let requests = server.requests();
    let got = requests.iter().filter(|request| which(request));
    got.map(|request| (request.body.len(), sha256(&request.body))).collect()
}

fn sha256(bytes: &[u8]) -> String {
    digest::digest(&digest::SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_ledger_is_what_the_server_got_byte_for_byte() {
    for (protocol, script, params) in cases() {
        let server = stumbling(script);
        let mut job = job(&server, protocol, params);
        job["remote_client"]["kwargs"]["retries"] = json!(2);
        let result = Program::new().run_job(&job).result();
        let egress = &result["egress"];
        let got = got(&server, |request| request.json()["model"] == "supervisor");
        let calls = egress["calls"].as_array().unwrap();
        assert_eq!(told(egress), got, "{protocol}");
        assert!(got.len() >= 6, "{protocol}: {calls:?}");
        assert_eq!(egress["bytes"], got.iter().map(|(bytes, _)| bytes).sum::<usize>());
        for (call, error) in calls.iter().zip(["500", "cut", "stream_options"]) {
            assert!(call["error"].as_str().unwrap().contains(error), "those that failed count: {call}");
        }
        assert!(calls[3..].iter().all(|call| call["error"].is_null() && call["side"] == "supervisor"));
        let tokens: u64 = calls.iter().map(|call| call["prompt_tokens"].as_u64().unwrap()).sum();
        assert_eq!(result["remote_usage"]["prompt_tokens"], tokens);

        // What left of the documents: the quote, once, though it may have been sent more often.
        assert_eq!(egress["context_chars"], QUOTED.chars().count(), "{protocol}: {egress}");
        assert_eq!(egress["of_context_chars"], 34 + DOCUMENT.chars().count());
        let passage = &egress["passages"][0];
        let place = |key: &str| passage[key].as_u64().unwrap() as usize;
        assert_eq!((egress["passages"].as_array().unwrap().len(), place("document")), (1, 1));
        let left: String =
            DOCUMENT.chars().skip(place("start")).take(place("end") - place("start")).collect();
        assert_eq!(left, QUOTED);
        assert_eq!(calls[3]["context_chars"], 0);
    }
}

#[test]
fn a_job_fails_before_it_sends_more_than_its_budget() {
    let quoted = QUOTED.chars().count();
    for (protocol, script, mut params) in cases() {
        params["max_rounds"] = json!(1);
        let script: Vec<String> = script.into_iter().filter(|text| !text.contains("request_")).collect();
        for (in_job, flag, fails) in [
            (Some(quoted), None, false),
            (Some(quoted - 1), None, true),
            (None, Some(quoted), false),
            (None, Some(0), true),
            (Some(quoted - 1), Some(quoted), true),
            (Some(quoted), Some(quoted - 1), true),
        ] {
            let server = scripted(script.clone(), quoting);
            let mut job = job(&server, protocol, params.clone());
            if let Some(limit) = in_job {
                job["budget"] = json!({"egress_chars": limit});
            }
            let flag = flag.map(|limit| format!("--max-egress-chars={limit}"));
            let ran = Program::new().args(flag.as_deref()).run_job(&job);
            if !fails {
                assert_eq!(ran.result()["egress"]["context_chars"], quoted);
                continue;
            }
            let error = ran.error(1);
            assert!(
                error.contains(&format!("{quoted} characters of the documents would have left")),
                "{error}"
            );
            assert!(error.contains("raise budget.egress_chars"), "{error}");
            let sent = chats(&server, "supervisor");
            assert!(sent.iter().all(|body| !body.to_string().contains("port of Brest")), "{sent:?}");
            let egress = &ran.log()["egress"];
            assert_eq!(
                (egress["calls"].as_array().unwrap().len(), &egress["context_chars"]),
                (sent.len(), &json!(0))
            );
        }
    }
}

/// Rows of a table, each of which is made of what many others have too.
fn table() -> Vec<String> {
    let row = |n: usize| {
        let (year, place) = (2000 + n % 25, ["EU", "US", "JP"][n / 7 % 3]);
        format!("| {year} | Q{} | {place} | {}.{} |", 1 + n / 25 % 4, 10 + n / 100 % 90, n / 3 % 10)
    };
    (0..8000).map(row).collect()
}

#[test]
fn rows_of_a_table_count_however_alike_they_are() {
    let rows = table();
    let mut quoted: Vec<String> = rows.iter().skip(3000).step_by(13).take(300).cloned().collect();
    quoted.sort();
    quoted.dedup();
    let left = quoted.iter().map(String::len).sum::<usize>();
    let quote = quoted.join("; ");
    let (_, script, mut params) = cases().into_iter().next().unwrap();
    params["context"] = json!([rows.join("\n")]);
    params["max_reply_chars"] = json!(100_000);
    for (limit, fails) in [(left * 11 / 10, false), (left - 1, true)] {
        let quote = quote.clone();
        let server = scripted(script[1..].to_vec(), move |request| openai(request, &quote));
        let mut job = job(&server, "minion", params.clone());
        job["budget"] = json!({"egress_chars": limit});
        let ran = Program::new().run_job(&job);
        if fails {
            assert!(ran.error(1).contains("characters of the documents would have left"));
        } else {
            let counted = ran.result()["egress"]["context_chars"].as_u64().unwrap() as usize;
            assert!((left..=limit).contains(&counted), "{counted} of {left}");
        }
    }
}

/// A worker outside, as far as its address tells: a proxy leads to `server`.
fn outside(server: &Server, job: &mut Value) -> Program {
    job["local_client"]["kwargs"]["base_url"] = json!("http://worker.example.com/v1");
    Program::new().env("HTTP_PROXY", &server.url())
}

#[test]
fn a_worker_outside_is_in_the_ledger_with_all_that_it_reads() {
    let picture = "data:image/png;base64,iVBORw0KGgo=";
    for (protocol, script, mut params) in cases() {
        let mut script = script.into_iter().skip(1);
        if protocol == "minion" {
            params["images"] = json!([picture]);
        } else {
            params["use_retrieval"] = json!("embedding");
            params["retrieval_model"] = json!("embedder");
        }
        let search =
            PROGRAM.replace("in context", "in embedding_retrieve_top_k_chunks(['ship'], context, k=2)");
        let first = script.next().unwrap();
        let script = [if protocol == "minions" { search } else { first }].into_iter().chain(script);
        let (script, stumbles) = (Mutex::new(script), AtomicUsize::new(0));
        let server = Server::start(move |request| match request.json()["model"].as_str() {
            _ if request.path.ends_with("/embeddings") && stumbles.fetch_add(1, SeqCst) == 0 => {
                Reply::text(503, "busy").header("retry-after", "0")
            }
            _ if request.path.ends_with("/embeddings") => {
                let rows = |(index, _)| json!({"index": index, "embedding": [1.0, index]});
                let body = request.json();
                let rows: Vec<Value> =
                    body["input"].as_array().unwrap().iter().enumerate().map(rows).collect();
                Reply::json(&json!({"data": rows, "usage": {"prompt_tokens": 9}}))
            }
            Some("worker") => quoting(request),
            Some(_) => openai(request, &script.lock().unwrap().next().unwrap()),
            None => Reply::text(404, "not found"),
        });
        let mut job = job(&server, protocol, params);
        let ran = outside(&server, &mut job).run_job(&job);
        let egress = &ran.result()["egress"];
        let mut told = told(egress);
        // What is asked before, which models a server has, carries nothing.
        let mut got = got(&server, |request| request.method == "POST");
        assert!(server.requests().iter().all(|request| request.method == "POST" || request.body.is_empty()));
        // Calls at the same time may come in any order.
        told.sort();
        got.sort();
        assert_eq!(told, got, "{protocol}");
        let of_side = |side: &str| {
            egress["calls"].as_array().unwrap().iter().filter(|call| call["side"] == side).count()
        };
        assert_eq!(of_side("embedding"), if protocol == "minions" { 2 } else { 0 }, "{protocol}");
        assert!(of_side("worker") >= 1, "{egress}");
        assert_eq!(egress["context_chars"], egress["of_context_chars"], "{protocol}: it has read them");

        // The documents are more than the budget: not one of them leaves.
        let server =
            scripted(vec![if protocol == "minion" { step("", None) } else { PROGRAM.into() }], quoting);
        job["remote_client"]["kwargs"]["base_url"] = json!(format!("{}/v1", server.url()));
        job["call_params"]["use_retrieval"] = Value::Null;
        job["call_params"]["retrieval_model"] = Value::Null;
        if protocol == "minion" {
            job["call_params"].as_object_mut().unwrap().remove("use_retrieval");
            job["call_params"].as_object_mut().unwrap().remove("retrieval_model");
        }
        let error = outside(&server, &mut job).args(["--max-egress-chars", "30"]).run_job(&job).error(1);
        assert!(error.contains("characters of the documents would have left"), "{error}");
        assert!(chats(&server, "worker").is_empty());
    }
}

/// An Ollama daemon of this machine whose models run on Ollama's.
fn cloud_daemon(script: Vec<String>) -> Server {
    let script = Mutex::new(script.into_iter());
    Server::start(move |request| match (&*request.path, request.json()["model"].as_str()) {
        ("/api/version", _) => Reply::json(&json!({"version": "0.32.15"})),
        ("/api/ps", _) => Reply::json(&json!({"models": []})),
        ("/api/show", Some(model)) => Reply::json(&json!({
            "capabilities": [if model.starts_with("embedder") { "embedding" } else { "completion" }],
            "remote_host": if model.ends_with("cloud") { "" } else { "https://ollama.com:443" },
        })),
        ("/api/embed", _) => {
            let body = request.json();
            let vectors: Vec<[f32; 2]> =
                body["input"].as_array().unwrap().iter().map(|_| [1.0, 0.5]).collect();
            Reply::json(&json!({"embeddings": vectors, "prompt_eval_count": 9}))
        }
        // Loading carries nothing.
        ("/api/chat", _) if request.json()["messages"] == json!([]) => Reply::json(&json!({"done": true})),
        ("/api/chat", Some("worker:1b-cloud")) => {
            let quote = json!({"explanation": "e", "citation": QUOTED, "answer": "Aurora"}).to_string();
            ollama_ndjson(if request.prompt().contains("Task: ") { &quote } else { QUOTED })
        }
        ("/api/chat", _) => ollama_ndjson(&script.lock().unwrap().next().unwrap()),
        _ => Reply::text(404, "404 page not found"),
    })
}

#[test]
fn a_local_daemon_that_passes_the_documents_on_is_outside() {
    for (protocol, script, mut params) in cases() {
        let mut script: Vec<String> = script.into_iter().skip(1).collect();
        if protocol == "minions" {
            params["use_retrieval"] = json!("embedding");
            params["retrieval_model"] = json!("embedder:33m-cloud");
            script[0] =
                PROGRAM.replace("in context", "in embedding_retrieve_top_k_chunks(['ship'], context, k=2)");
        }
        let daemon = cloud_daemon(script);
        let client = |model: &str| json!({"type": "ollama", "model_name": model, "kwargs": {"base_url": daemon.url(), "retries": 0}});
        let job = json!({
            "local_client": client("worker:1b-cloud"), "remote_client": client("remote-by-description"),
            "protocol": {"type": protocol}, "call_params": params,
        });
        let egress = &Program::new().run_job(&job).result()["egress"];
        let mut told = told(egress);
        let carries = |request: &Request| request.path == "/api/embed" || !request.prompt().is_empty();
        let mut got = got(&daemon, carries);
        told.sort();
        got.sort();
        assert_eq!(told, got, "{protocol}: {egress}");
        let sides = |side: &str| egress["calls"].as_array().unwrap().iter().any(|call| call["side"] == side);
        assert!(sides("worker") && sides("supervisor"), "{egress}");
        assert_eq!(sides("embedding"), protocol == "minions", "{egress}");
        assert_eq!(egress["context_chars"], egress["of_context_chars"], "{protocol}: it has read them");

        let daemon = cloud_daemon(vec![if protocol == "minion" { step("", None) } else { PROGRAM.into() }]);
        let mut job = job.clone();
        for side in ["local_client", "remote_client"] {
            job[side]["kwargs"]["base_url"] = json!(daemon.url());
        }
        if protocol == "minions" {
            job["call_params"]["use_retrieval"] = Value::Null;
            job["call_params"]["retrieval_model"] = Value::Null;
        }
        let error = Program::new().args(["--max-egress-chars", "0"]).run_job(&job).error(1);
        assert!(error.contains("characters of the documents would have left"), "{error}");
        let sent = daemon.requests().into_iter().map(|request| request.prompt());
        assert!(sent.into_iter().all(|prompt| !prompt.contains("port of Brest")));
    }
}

#[test]
fn a_worker_call_that_may_not_leave_fails_the_job_though_others_have_been_answered() {
    let context: Vec<_> =
        (0..10).map(|n| format!("Letter {n} says that Ann of house {n} signed it.")).collect();
    let server = scripted(vec![PROGRAM.into(), step("provide_final_answer", Some("Ann"))], quoting);
    let mut job = job(&server, "minions", json!({"task": "Who?", "context": context, "max_rounds": 1}));
    let ran = outside(&server, &mut job).args(["--max-egress-chars", "150"]).run_job(&job);
    let error = ran.error(1);
    assert!(error.contains("and the budget is 150"), "{error}");
    assert!(ran.log()["egress"]["context_chars"].as_u64().unwrap() <= 150);
    // Some had left before, and after the first refusal nothing did.
    let sent = chats(&server, "worker").len();
    assert!(0 < sent && sent < 10, "{sent}");
    assert_eq!(chats(&server, "supervisor").len(), 1);
}

#[test]
fn a_call_that_is_cut_off_counts() {
    let server = Server::start(|request| match request.method.as_str() {
        "POST" => Reply::hang(),
        _ => Reply::text(404, "not found"),
    });
    let mut job = job(&server, "minion", json!({"task": "Which ship?", "context": [DOCUMENT]}));
    job["budget"] = json!({"deadline_s": 1.0});
    let ran = Program::new().run_job(&job);
    ran.error(124);
    let egress = &ran.log()["egress"];
    assert_eq!(told(egress), got(&server, |request| request.method == "POST"));
    assert_eq!(egress["calls"][0]["error"], "cut off before its end");
    // Nobody tells what it has cost.
    let tokens = &egress["calls"][0]["prompt_tokens"];
    assert!(tokens.as_u64().unwrap() > 50, "{egress}");
    assert_eq!(&ran.log()["usage"]["remote"]["prompt_tokens"], tokens);
}

#[test]
fn tries_before_a_cut_off_one_count_as_their_server_told() {
    let tries = AtomicUsize::new(0);
    let server = Server::start(move |request| match &*request.method {
        // Without text it is asked again.
        "POST" if tries.fetch_add(1, SeqCst) == 0 => openai_text("", (1000, 7)),
        "POST" => Reply::hang(),
        _ => Reply::text(404, "not found"),
    });
    let mut job = job(&server, "minion", json!({"task": "Which ship?", "context": [DOCUMENT]}));
    job["budget"] = json!({"deadline_s": 3.0});
    let ran = Program::new().run_job(&job);
    ran.error(124);
    let log = ran.log();
    let usage = &log["usage"]["remote"];
    let last = log["egress"]["calls"][1]["prompt_tokens"].as_u64().unwrap();
    assert_eq!((&usage["prompt_tokens"], &usage["completion_tokens"]), (&json!(1000 + last), &json!(7)));
}

#[test]
fn what_does_not_leave_is_not_in_the_ledger() {
    // A server of this machine as the supervisor.
    let (_, script, params) = cases().into_iter().next().unwrap();
    let server = scripted(script, quoting);
    let mut here = job(&server, "minion", params);
    here["remote_client"]["type"] = json!("vllm");
    let egress = Program::new().run_job(&here).result()["egress"].take();
    assert_eq!((&egress["calls"], &egress["bytes"]), (&json!([]), &json!(0)));

    // A server that isn't there.
    let mut nowhere = here.clone();
    nowhere["remote_client"] = client(&server, "supervisor");
    nowhere["remote_client"]["kwargs"]["base_url"] = json!("http://127.0.0.1:9/v1");
    nowhere["remote_client"]["kwargs"]["retries"] = json!(0);
    let ran = Program::new().run_job(&nowhere);
    ran.error(1);
    let log = ran.log();
    let call = &log["egress"]["calls"][0];
    assert_eq!(
        (&call["bytes"], &call["sha256"], &log["egress"]["bytes"]),
        (&json!(0), &Value::Null, &json!(0))
    );
    assert!(call["error"].as_str().unwrap().contains("connection refused"), "{call}");
}
