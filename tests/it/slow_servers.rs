//! Servers that take long over a prompt: reading is no silence, and how far they are is told.
//!
//! No test takes as long as a real prompt does: what a server may take here is some thousand times what it takes.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use minions::chat::{CallObserver, ChatError, ChatErrorKind as Kind, ChatRequest, ChatSettings, Reading};

use crate::support::chat::{client, question, settings};
use crate::support::program::{Program, job, scripted};
use crate::support::server::{Reply, Request, Server};
use crate::support::wire;

/// A limit of silence that the servers of these tests exceed.
const SHORT: Duration = Duration::from_millis(50);

/// Settings whose limit is not the user's own.
fn patient(provider: &str, url: &str) -> ChatSettings {
    ChatSettings { timeout: SHORT, is_timeout_set: false, retries: 1, ..settings(provider, url) }
}

/// A question over 20,000 words, which may take a quarter of an hour to be read.
fn long_question() -> ChatRequest {
    question(&"ship ".repeat(20_000))
}

fn chats(server: &Server) -> Vec<Value> {
    let posts = server.requests().into_iter().filter(|request| request.method == "POST");
    posts.map(|request| request.json()).collect()
}

#[tokio::test]
async fn a_prompt_takes_as_long_as_it_takes() {
    let whole: fn() -> Reply = || wire::openai_text("Aurora", wire::TOKENS);
    for (name, reply) in [
        ("ollama", (|| wire::ollama_text("Aurora")) as fn() -> Reply),
        ("llama_server", whole),
        ("docker_model_runner", whole),
        ("lm_studio", whole),
        // Any server in a private network.
        ("openai", whole),
    ] {
        let server = Server::replies([reply().delay(10 * SHORT)]);
        let settings = ChatSettings { model: "m".into(), ..patient(name, &server.url()) };
        let reply = client(name, settings).chat(&long_question()).await.unwrap();
        assert_eq!((reply.text.as_str(), chats(&server).len()), ("Aurora", 1), "{name}");
    }
}

#[tokio::test]
async fn a_limit_that_the_user_sets_is_kept_to() {
    for name in ["ollama", "llama_server", "openai"] {
        let server = Server::replies([Reply::hang()]);
        let settings = ChatSettings { is_timeout_set: true, retries: 0, ..patient(name, &server.url()) };
        let error = client(name, settings).chat(&long_question()).await.unwrap_err();
        assert_eq!(error.kind, Kind::Timeout, "{error}");
        assert!(error.message.ends_with("was silent for 0.05 s"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_answers_nothing_for_ever_comes_to_its_limit() {
    for name in ["ollama", "llama_server", "docker_model_runner"] {
        let server = Server::start(|request| match request.method.as_str() {
            "POST" => Reply::hang(),
            _ => Reply::text(404, "not found"),
        });
        // Longer than such a prompt may take to be read.
        let settings = ChatSettings { timeout: 20 * SHORT, ..patient(name, &server.url()) };
        let error = client(name, settings).chat(&question("Who speaks?")).await.unwrap_err();
        assert_eq!((error.kind, chats(&server).len()), (Kind::Timeout, 2), "{error}");
        assert!(error.message.contains("was silent for 1."), "{error}");
        assert!(error.message.ends_with("(tried 2 times)"), "{error}");
    }
}

#[tokio::test]
async fn a_silence_that_took_longer_than_all_tries_is_not_repeated() {
    for name in ["ollama", "llama_server", "openai"] {
        let server = Server::replies([Reply::hang()]);
        let settings = ChatSettings { retries: 3, ..patient(name, &server.url()) };
        // 20 words may take a second and a quarter; four limits of silence are 0.2 s.
        let error = client(name, settings).chat(&question(&"ship ".repeat(16))).await.unwrap_err();
        assert_eq!((error.kind, chats(&server).len()), (Kind::Timeout, 1), "{error}");
    }
}

#[tokio::test]
async fn silence_in_the_midst_of_a_reply_has_its_limit_whatever_the_prompt() {
    let server = Server::replies([wire::openai_sse("one two").gap(20 * SHORT)]);
    let settings = ChatSettings { retries: 0, ..patient("llama_server", &server.url()) };
    let error = client("llama_server", settings).chat(&long_question()).await.unwrap_err();
    assert!(error.message.ends_with("was silent for 0.05 s"), "{error}");
}

/// The answer of a list of models of `owner`, and of a chat.
fn listing(owner: &'static str) -> impl Fn(&Request) -> Reply + Send + Sync + 'static {
    move |request| match request.path.rsplit('/').next() {
        Some("models") => Reply::json(&json!({"data": [{"id": "gpt-4o", "owned_by": owner}]})),
        Some("completions") => wire::openai(request, "Aurora"),
        _ => Reply::text(404, "not found"),
    }
}

#[tokio::test]
async fn only_servers_that_are_known_to_tell_are_asked_how_far_they_are() {
    for (name, owner, is_asked) in [
        ("llama_server", "", true),
        ("docker_model_runner", "docker", true),
        ("openai", "llamacpp", true),
        ("openai", "vllm", false),
        ("vllm", "vllm", false),
        ("lm_studio", "organization_owner", false),
    ] {
        let server = Server::start(listing(owner));
        let settings = ChatSettings { model: "gpt-4o".into(), ..settings(name, &server.url()) };
        let client = client(name, settings);
        client.look().await.unwrap();
        client.chat(&question("Which ship?")).await.unwrap();
        let asked = chats(&server).last().unwrap()["return_progress"].clone();
        assert_eq!(asked, if is_asked { json!(true) } else { Value::Null }, "{name} {owner}");
    }
}

#[tokio::test]
async fn a_gateway_that_refuses_to_be_asked_is_asked_without() {
    let server = Server::start(|request| match request.json()["return_progress"] {
        Value::Null => wire::openai(request, "Aurora"),
        _ => Reply::error(400, &json!({"error": {"message": "Unknown parameter: 'return_progress'."}})),
    });
    let client = client("llama_server", settings("llama_server", &server.url()));
    for _ in 0..2 {
        assert_eq!(client.chat(&question("Which ship?")).await.unwrap().text, "Aurora");
    }
    let asked: Vec<_> = chats(&server).iter().map(|body| body["return_progress"] == true).collect();
    assert_eq!(asked, [true, false, false]);
}

#[tokio::test]
async fn the_next_try_waits_until_the_server_is_free() {
    let looks = Arc::new(AtomicUsize::default());
    let slots = Arc::clone(&looks);
    let server = Server::start(move |request| match (request.method.as_str(), slots.load(SeqCst)) {
        ("GET", look) => {
            slots.store(look + 1, SeqCst);
            Reply::json(&json!([{"id": 0, "is_processing": look == 0}, {"id": 1, "is_processing": false}]))
        }
        ("POST", 0) => Reply::hang(),
        _ => wire::openai(request, "Aurora"),
    });
    let timeout = Duration::from_secs(3);
    let settings = ChatSettings { timeout, ..patient("llama_server", &(server.url() + "/v1")) };
    let reply = client("llama_server", settings).chat(&question("Which ship?")).await.unwrap();
    assert_eq!(reply.text, "Aurora");
    assert_eq!(paths(&server), ["/v1/chat/completions", "/slots", "/slots", "/v1/chat/completions"]);
}

fn paths(server: &Server) -> Vec<String> {
    server.requests().into_iter().map(|request| request.path).collect()
}

#[tokio::test]
async fn the_wait_for_a_free_server_keeps_to_a_limit_that_the_user_sets() {
    // A server that is never free, one that never says, and one without the route.
    for look in [
        || Reply::json(&json!([{"id": 0, "is_processing": true}])),
        Reply::hang,
        || Reply::text(404, "not found"),
    ] as [fn() -> Reply; 3]
    {
        let tries = AtomicUsize::default();
        let server = Server::start(move |request| match request.method.as_str() {
            "GET" => look(),
            _ if tries.fetch_add(1, SeqCst) == 0 => Reply::hang(),
            _ => wire::openai(request, "Aurora"),
        });
        let settings = ChatSettings { is_timeout_set: true, ..patient("llama_server", &server.url()) };
        // Without the limit this would take a minute and more.
        let asking = async { client("llama_server", settings).chat(&long_question()).await };
        let reply = tokio::time::timeout(Duration::from_secs(20), asking).await.expect("in time").unwrap();
        assert_eq!(reply.text, "Aurora");
        assert_eq!(paths(&server), ["/v1/chat/completions", "/slots", "/v1/chat/completions"]);
    }
}

#[tokio::test]
async fn all_calls_that_timed_out_wait_until_the_server_is_free() {
    let (asked, looks) = (AtomicUsize::default(), AtomicUsize::default());
    let server = Server::start(move |request| match request.method.as_str() {
        "GET" => {
            let is_busy = looks.fetch_add(1, SeqCst) < 2;
            Reply::json(&json!([{"id": 0, "is_processing": is_busy}, {"id": 1, "is_processing": is_busy}]))
        }
        _ if asked.fetch_add(1, SeqCst) < 3 => Reply::hang(),
        _ => wire::openai(request, "Aurora"),
    });
    let timeout = Duration::from_secs(3);
    let settings = ChatSettings { timeout, ..patient("llama_server", &server.url()) };
    let client = client("llama_server", settings);
    let question = question("Which ship?");
    let (first, second, third) =
        tokio::join!(client.chat(&question), client.chat(&question), client.chat(&question));
    for reply in [first, second, third] {
        assert_eq!(reply.unwrap().text, "Aurora");
    }
    let [chat, slots] = ["/v1/chat/completions", "/slots"];
    assert_eq!(paths(&server), [chat, chat, chat, slots, slots, slots, chat, chat, chat]);
}

/// A reply of llama.cpp's server that tells how far it is with a prompt of 3,000 tokens, of which 1,000 are cached.
fn telling(text: &str, steps: u64) -> Reply {
    let told = (0..=steps).map(|step| {
        let event = json!({
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "finish_reason": null, "delta": {"role": "assistant", "content": null}}],
            "prompt_progress":
                {"total": 3000, "cache": 1000, "processed": 1000 + 2000 * step / steps, "time_ms": step * 1000},
        });
        format!("data: {event}\n\n")
    });
    let piece = json!({
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "finish_reason": null, "delta": {"content": text}}],
    });
    let end = json!({
        "object": "chat.completion.chunk", "choices": [{"index": 0, "finish_reason": "stop", "delta": {}}],
        "timings": {"cache_n": 1000, "prompt_n": 2000, "prompt_ms": steps * 1000},
    });
    let rest = [piece, end].map(|event| format!("data: {event}\n\n"));
    let last = ["data: [DONE]\n\n".to_owned()];
    Reply::stream("text/event-stream", told.chain(rest).chain(last))
}

/// The readings of a call.
#[derive(Default)]
struct Readings(Mutex<Vec<Reading>>);

impl CallObserver for Readings {
    fn begin(&self, _: &str) {}
    fn delta(&self, _: &str) {}
    fn failed(&self, _: &ChatError, _: Option<Duration>) {}

    fn reading(&self, reading: &Reading) {
        self.0.lock().unwrap().push(*reading);
    }
}

#[tokio::test]
async fn an_estimate_takes_the_place_of_what_a_server_does_not_tell() {
    let slow = wire::ollama_text("Aurora").delay(Duration::from_millis(1500));
    let server = Server::replies([slow]);
    let readings = Arc::new(Readings::default());
    let request = ChatRequest { observer: Some(Arc::clone(&readings) as _), ..long_question() };
    client("ollama", settings("ollama", &server.url())).chat(&request).await.unwrap();
    let told = readings.0.lock().unwrap().clone();
    let (last, before) = told.split_last().expect("it took more than a second");
    assert!(last.is_done && last.read == Some(25_000) && last.is_estimate, "{last:?}");
    assert!(before.iter().all(|reading| !reading.is_done && reading.read.is_none()), "{before:?}");
}

#[test]
fn how_far_a_prompt_is_stands_on_stderr_and_in_the_events() {
    let ask = r#"{"reasoning": "r", "message": "Which ship?"}"#;
    let answer =
        r#"{"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": "Aurora"}"#;
    let server =
        scripted(vec![ask.into(), answer.into()], |_| telling("Aurora", 4).gap(Duration::from_millis(1600)));
    let params = json!({"task": "Which ship?", "context": ["The Aurora sailed."], "read_ahead": false});
    let mut job = job(&server, "minion", params);
    job["local_client"]["type"] = "llama_server".into();
    let ran = Program::new().args(["--events", "events.ndjson"]).run_job(&job);
    assert_eq!(ran.result()["final_answer"], "Aurora");
    // The first line comes after five seconds.
    let line = ran.stderr.lines().find(|line| line.contains("reading ")).expect("a line");
    assert!(line.contains(" of 3,000 tokens, 0:0"), "{line}");
    let text = std::fs::read_to_string(ran.dir.path().join("events.ndjson")).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Before the server's first word it is an estimate.
    let readings = events.iter().filter(|event| event["type"] == "reading");
    let readings: Vec<_> = readings.skip_while(|reading| reading["is_estimate"] == true).collect();
    let (last, before) = readings.split_last().unwrap();
    assert_eq!((&last["is_done"], &last["read"], &last["total"]), (&json!(true), &json!(3000), &json!(3000)));
    assert!(before.len() >= 4, "{before:?}");
    for reading in &readings {
        assert_eq!((&reading["side"], &reading["is_estimate"]), (&json!("worker"), &json!(false)));
        let calls = events.iter().filter(|event| event["type"] == "call" && event["call"] == reading["call"]);
        assert_eq!(calls.count(), 1, "{reading}");
    }
    let read = before.iter().map(|reading| reading["read"].as_u64().unwrap());
    assert!(read.is_sorted(), "{before:?}");
}
