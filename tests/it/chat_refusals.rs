//! Servers that refuse, in the words of many vendors: what is asked again, in which other way, and what is not.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use minions::chat::{
    ChatErrorKind as Kind, ChatRequest, ChatSettings, Generation, Message, Role, Thinking, connect_embedder,
    providers,
};
use serde_json::{Value, json};

use crate::support::chat::{KEY, client, question, settings};
use crate::support::program::{Program, chats, job, scripted};
use crate::support::server::{Reply, Request, Server};
use crate::support::wire;

/// A provider and its whole reply.
type Dialect = (&'static str, fn(&str) -> Reply);

const DIALECTS: [Dialect; 3] = [
    ("openai", |text| wire::openai_text(text, wire::TOKENS)),
    ("anthropic", wire::anthropic_text),
    ("ollama", wire::ollama_text),
];

fn refusal(status: u16, message: &str) -> Reply {
    Reply::error(status, &json!({"error": {"message": message}}))
}

/// A client whose failures are final.
fn once(provider: &str, server: &Server) -> ChatSettings {
    ChatSettings { retries: 0, ..settings(provider, &server.url()) }
}

#[tokio::test]
async fn streaming_that_is_refused_is_done_without_from_then_on() {
    for (name, whole) in DIALECTS {
        for words in
            ["Your organization must be verified to stream this model.", "Streaming is not supported here."]
        {
            let server = Server::start(move |request| match request.json()["stream"].as_bool() {
                Some(true) => Reply::error(400, &json!({"error": {"message": words, "param": "stream"}})),
                _ => whole("Yes."),
            });
            let client = client(name, once(name, &server));
            for _ in 0..2 {
                assert_eq!(client.chat(&question("?")).await.unwrap().text, "Yes.", "{name}");
            }
            let bodies: Vec<Value> = server.requests().iter().map(Request::json).collect();
            assert_eq!(bodies.len(), 3, "{name} {words}");
            assert!(bodies[1..].iter().all(|body| body.get("stream_options").is_none()));
        }
    }
}

#[tokio::test]
async fn instructions_go_to_the_first_question_where_a_model_knows_none() {
    for (status, words) in [
        (400, "System role not supported"),
        (500, "Jinja Exception: Conversation roles must alternate user/assistant/user/assistant/..."),
        (500, "Only user and assistant roles are supported!"),
        (400, "Developer instruction is not enabled for models/gemma-3-27b-it"),
    ] {
        let server = Server::start(move |request| {
            let body = request.json();
            let roles: Vec<_> =
                body["messages"].as_array().unwrap().iter().map(|m| m["role"].clone()).collect();
            if roles.contains(&json!("system")) { refusal(status, words) } else { wire::openai_sse("Yes.") }
        });
        let client = client("openai", once("openai", &server));
        let messages = vec![Message::system("Be brief."), Message::user("Who?")];
        let request = ChatRequest { messages, ..ChatRequest::default() };
        for _ in 0..2 {
            assert_eq!(client.chat(&request).await.unwrap().text, "Yes.", "{words}");
        }
        let requests = server.requests();
        assert_eq!(requests.len(), 3, "{words}");
        for request in &requests[1..] {
            assert_eq!(request.json()["messages"], json!([{"role": "user", "content": "Be brief.\n\nWho?"}]));
        }
        assert_eq!(request.messages[0].role, Role::System);
    }
}

#[tokio::test]
async fn a_parameter_of_which_one_value_is_allowed_is_left_out() {
    for words in [
        "invalid temperature: only 1 is allowed for this model",
        "temperature must be set to 1.0",
        "Unsupported value: 'temperature'. Only the default (1) value is supported.",
    ] {
        let server = Server::start(move |request| match request.json()["temperature"].is_null() {
            true => wire::openai_sse("Yes."),
            false => refusal(400, words),
        });
        let generation = Generation { temperature: Some(0.2), ..Generation::default() };
        let client = client("openai", ChatSettings { generation, ..once("openai", &server) });
        client.chat(&question("?")).await.unwrap();
        assert_eq!(server.requests().len(), 2, "{words}");
    }
}

#[tokio::test]
async fn a_token_limit_that_fills_the_window_is_lowered_for_its_call() {
    let window = |request: &Request, form: fn(u64) -> String| {
        let asked = request.json()["max_tokens"].as_u64().unwrap();
        if asked + 312 > 8192 { refusal(400, &form(asked)) } else { wire::openai_sse("Yes.") }
    };
    let forms: [fn(u64) -> String; 3] = [
        |asked| {
            format!(
                "max_tokens is too large: {asked}. This model's maximum context length is 8192 tokens and your request has 312 input tokens"
            )
        },
        |asked| {
            format!(
                "This model's maximum context length is 8192 tokens. However, you requested {} tokens (312 in the messages, {asked} in the completion).",
                asked + 312
            )
        },
        |asked| {
            format!(
                "`inputs` tokens + `max_new_tokens` must be <= 8192. Given: 312 `inputs` tokens and {asked} `max_new_tokens`"
            )
        },
    ];
    for form in forms {
        let server = Server::start(move |request| window(request, form));
        let generation = Generation { max_tokens: Some(8192), ..Generation::default() };
        let client = client("vllm", ChatSettings { generation, model: "m".into(), ..once("vllm", &server) });
        for _ in 0..2 {
            client.chat(&question("?")).await.unwrap();
        }
        let sent: Vec<_> =
            server.requests().iter().map(|request| request.json()["max_tokens"].clone()).collect();
        assert_eq!(sent, [8192, 7880, 8192, 7880]);
    }
    // One that names no numbers is told of with the option that is to blame.
    let server = Server::start(|_| refusal(400, "max_tokens=8192 is too large"));
    let generation = Generation { max_tokens: Some(8192), ..Generation::default() };
    let settings = ChatSettings { generation, ..once("openai", &server) };
    let error = client("openai", settings).chat(&question("?")).await.unwrap_err();
    assert_eq!(server.requests().len(), 1);
    assert!(error.hint.unwrap().contains("Lower kwargs.max_tokens (it is 8192)"));
}

#[tokio::test]
async fn a_server_that_loads_its_model_is_waited_for_without_retries() {
    for (status, body) in [
        (503, json!({"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}})),
        (503, json!({"error": "Model m is currently loading", "estimated_time": 0.1})),
        (500, json!({"detail": "the model is still warming up"})),
    ] {
        let asked = AtomicUsize::new(0);
        let server = Server::start(move |_| match asked.fetch_add(1, SeqCst) {
            0 | 1 => Reply::error(status, &body),
            _ => wire::openai_sse("Yes."),
        });
        let settings = ChatSettings { model: "m".into(), ..once("llama_server", &server) };
        assert_eq!(client("llama_server", settings).chat(&question("?")).await.unwrap().text, "Yes.");
        assert_eq!(server.requests().len(), 3);
    }
}

#[tokio::test]
async fn a_wait_is_kept_wherever_it_stands() {
    let body = |wait: Value| json!([{"error": {"code": 429, "message": "Quota.", "details": [wait]}}]);
    for reply in [
        Reply::error(429, &body(json!({"retryDelay": "0.4s"}))),
        refusal(429, "Please try again in 400ms."),
        Reply::text(429, "slow").header("retry-after-ms", "400"),
        Reply::text(429, "slow").header("x-ratelimit-remaining", "0").header("x-ratelimit-reset", "0.4"),
    ] {
        let server = Server::replies([reply, wire::openai_sse("Yes.")]);
        let settings = ChatSettings { retries: 1, ..settings("openai", &server.url()) };
        let began = Instant::now();
        client("openai", settings).chat(&question("?")).await.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(400));
    }
    // One of minutes is told of.
    let server = Server::replies([refusal(429, "Please retry in 10m5s.")]);
    let error = client("openai", settings("openai", &server.url())).chat(&question("?")).await.unwrap_err();
    assert!(error.message.contains("it asks to wait 605 s"), "{error}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn errors_are_quoted_and_their_hints_fit() {
    let html = |status, title: &str| {
        Reply::new(
            status,
            "text/html",
            format!("<html><head><title>{title}</title></head><body>{}", "x".repeat(9000)),
        )
    };
    for (reply, kind, message, hint) in [
        (
            Reply::error(
                400,
                &json!([{"error": {"message": "API key not valid.", "status": "INVALID_ARGUMENT"}}]),
            ),
            Kind::Auth,
            "API key not valid",
            "OPENAI_API_KEY",
        ),
        (
            html(403, "Attention Required! | Cloudflare"),
            Kind::Rejected,
            "\"Attention Required! | Cloudflare\"",
            "firewall",
        ),
        (html(413, "413 Request Entity Too Large"), Kind::Rejected, "413", "client_max_body_size"),
        (refusal(403, "unsupported_country_region_territory"), Kind::Rejected, "country", "region"),
        (refusal(402, "Insufficient Balance"), Kind::Quota, "Balance", "Top up"),
        (
            Reply::json(&json!({"error": "Unexpected endpoint or method. (POST /chat/completions)"})),
            Kind::NotFound,
            "Unexpected endpoint",
            "/v1",
        ),
        (
            Reply::error(
                400,
                &json!({"error": {"metadata": {"raw": format!("{{\"error\":\"bad {KEY}\"}}")}}}),
            ),
            Kind::Rejected,
            "bad ***",
            "",
        ),
    ] {
        let server = Server::replies([reply]);
        let error =
            client("openai", settings("openai", &server.url())).chat(&question("?")).await.unwrap_err();
        assert_eq!((error.kind, server.requests().len()), (kind, 1), "{error}");
        assert!(error.message.contains(message) && error.message.len() < 700, "{error}");
        assert!(error.hint.clone().unwrap_or_default().contains(hint), "{error:?}");
        assert!(!format!("{error:?}").contains(KEY));
    }
}

#[tokio::test]
async fn any_success_is_one_and_compressed_errors_are_read() {
    let text = wire::openai_text("Yes.", wire::TOKENS);
    let server = Server::replies([text.with_status(201)]);
    assert_eq!(client("openai", once("openai", &server)).chat(&question("?")).await.unwrap().text, "Yes.");
    // {"error":"no such seed"} by gzip.
    let packed: &[u8] = &[
        0x1f, 0x8b, 0x8, 0x0, 0x0, 0x0, 0x0, 0x0, 0x2, 0x3, 0xab, 0x56, 0x4a, 0x2d, 0x2a, 0xca, 0x2f, 0x52,
        0xb2, 0x52, 0xca, 0xcb, 0x57, 0x28, 0x2e, 0x4d, 0xce, 0x50, 0x28, 0x4e, 0x4d, 0x4d, 0x51, 0xaa, 0x5,
        0x0, 0xe0, 0x29, 0x8, 0x24, 0x18, 0x0, 0x0, 0x0,
    ];
    let server =
        Server::replies([Reply::new(400, "application/json", packed).header("content-encoding", "gzip")]);
    let error = client("openai", once("openai", &server)).chat(&question("?")).await.unwrap_err();
    assert!(error.message.ends_with(": no such seed"), "{error}");
    assert_eq!(server.requests()[0].header("accept-encoding"), Some("identity"));
}

#[tokio::test]
async fn https_at_a_port_of_plain_http_is_called_so() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    // As servers do that get the greeting of TLS in place of a request.
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").unwrap();
    });
    let settings = ChatSettings { retries: 0, ..settings("openai", &url) };
    let error = client("openai", settings).chat(&question("?")).await.unwrap_err();
    assert_eq!(error.hint.as_deref(), Some("That server speaks plain http: use http://."), "{error}");
}

#[tokio::test]
async fn texts_are_embedded_apart_where_one_fails_the_call_of_many() {
    let texts: Vec<String> = ["a", "bad", "c"].map(str::to_owned).into();
    let embed = |status: u16, words: &'static str| {
        Server::start(move |request| {
            let input = request.json()["input"].clone();
            let texts = input.as_array().unwrap();
            if texts.contains(&json!("bad")) {
                return refusal(status, words);
            }
            let rows =
                texts.iter().enumerate().map(|(index, _)| json!({"index": index, "embedding": [1.0, 0.0]}));
            Reply::json(&json!({"data": rows.collect::<Vec<_>>(), "usage": {"prompt_tokens": 1}}))
        })
    };
    for (status, words) in
        [(400, "input is invalid"), (500, "unsupported value: NaN"), (422, "text has no tokens")]
    {
        let server = embed(status, words);
        let settings = ChatSettings { model: "e".into(), ..once("openai", &server) };
        let embedder = connect_embedder(providers::find("openai").unwrap(), settings).unwrap();
        let embedded = embedder.embed(&texts).await.unwrap();
        assert_eq!(embedded.vectors, [vec![1.0, 0.0], vec![], vec![1.0, 0.0]], "{words}");
    }
    // A key that is wrong is wrong for each of them.
    let server = embed(401, "no");
    let settings = ChatSettings { model: "e".into(), ..once("openai", &server) };
    let embedder = connect_embedder(providers::find("openai").unwrap(), settings).unwrap();
    assert_eq!(embedder.embed(&texts).await.unwrap_err().kind, Kind::Auth);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn thinking_is_asked_for_in_the_form_that_the_model_takes() {
    let generation = Generation { thinking: Some(Thinking::High), ..Generation::default() };
    let server = Server::start(|request| match request.json()["think"].is_string() {
        true => Reply::error(400, &json!({"error": "think value \"high\" is not supported for this model"})),
        false => wire::ollama_ndjson("Yes."),
    });
    client("ollama", ChatSettings { generation, ..once("ollama", &server) })
        .chat(&question("?"))
        .await
        .unwrap();
    let sent: Vec<_> = server.requests().iter().map(|request| request.json()["think"].clone()).collect();
    assert_eq!(sent, [json!("high"), json!(true)]);

    let server = Server::start(|request| match request.json()["thinking"]["type"].as_str() {
        Some("enabled") => {
            refusal(400, "\"thinking.type.enabled\" is not supported. Use \"thinking.type.adaptive\".")
        }
        _ => wire::anthropic_sse("Yes."),
    });
    client("anthropic", ChatSettings { generation, ..once("anthropic", &server) })
        .chat(&question("?"))
        .await
        .unwrap();
    assert_eq!(server.requests()[1].json()["output_config"], json!({"effort": "high"}));
}

const PROGRAM: &str = "```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=doc, task='Which?') for doc in context]
```";

/// A `minions` job with a worker call for each of `documents`.
fn many(server: &Server, documents: usize) -> Value {
    let context: Vec<String> = (0..documents).map(|number| format!("Document {number}.")).collect();
    job(server, "minions", json!({"task": "Which?", "context": context}))
}

#[test]
fn a_refusal_for_good_is_asked_once() {
    for (status, words) in [(401, "bad key"), (404, "no such model"), (402, "Insufficient Balance")] {
        let server = scripted(vec![PROGRAM.to_owned()], move |_| refusal(status, words));
        let mut job = many(&server, 12);
        job["local_client"]["kwargs"]["max_concurrency"] = json!(1);
        let error = Program::new().run_job(&job).error(1);
        assert!(error.contains(words), "{error}");
        assert_eq!(chats(&server, "worker").len(), 1, "{words}");
    }
    let server =
        scripted(vec![json!({"reasoning": "r", "message": "Who?"}).to_string()], |_| refusal(401, "bad key"));
    let minion = job(&server, "minion", json!({"task": "Who?", "context": ["Ada."]}));
    assert!(Program::new().run_job(&minion).error(1).contains("bad key"));
    assert_eq!((chats(&server, "worker").len(), chats(&server, "supervisor").len()), (1, 1));
}

#[test]
fn calls_that_wait_for_a_dead_server_tell_of_it_once() {
    let server = scripted(vec![PROGRAM.to_owned()], |_| Reply::close());
    let mut job = many(&server, 8);
    job["local_client"]["kwargs"]["max_concurrency"] = json!(8);
    let ran = Program::new().run_job(&job);
    ran.error(1);
    assert_eq!(ran.stderr.matches("try 1 of 2 failed").count(), 1, "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("a worker call failed").count(), 1, "{}", ran.stderr);
}

#[test]
fn thinking_is_a_level_or_a_yes_or_no_in_the_job() {
    let answer =
        json!({"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": "Ada"});
    let script = || vec![json!({"reasoning": "r", "message": "Who?"}).to_string(), answer.to_string()];
    for (given, sent) in [
        (json!("high"), json!("high")),
        (json!("LOW"), json!("low")),
        (json!(false), json!("none")),
        (json!(true), Value::Null),
    ] {
        let server = scripted(script(), |request| wire::openai(request, "Ada"));
        let mut job = job(&server, "minion", json!({"task": "Who?", "context": ["Ada."]}));
        job["local_client"]["kwargs"]["thinking"] = given.clone();
        Program::new().run_job(&job).result();
        assert_eq!(chats(&server, "worker")[0]["reasoning_effort"], sent, "{given}");
    }
    let server = scripted(script(), |request| wire::openai(request, "Ada"));
    let mut job = job(&server, "minion", json!({"task": "Who?", "context": ["Ada."]}));
    job["local_client"]["kwargs"]["thinking"] = json!("very");
    let error = Program::new().run_job(&job).error(2);
    assert!(error.contains("local_client.kwargs.thinking") && error.contains("\"medium\""), "{error}");
}
