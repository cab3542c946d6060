//! Every HTTP client against a server that fails in every way; and against one that does not.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use minions::chat::{ChatError, ChatErrorKind as Kind, ChatReply, ChatSettings, Usage};
use serde_json::json;

use crate::support::chat::{KEY, client, json_question, question, settings};
use crate::support::server::{Reply, Request, Server};
use crate::support::wait::until_async;
use crate::support::wire;

/// A provider and what its vendor's server would send.
struct Vendor {
    name: &'static str,
    path: &'static str,
    key: Option<(&'static str, &'static str)>,
    streamed: fn(&str) -> Reply,
    plain: fn(&str) -> Reply,
    /// An error under status 200.
    late_error: &'static str,
    /// A part of the hint when it cannot be reached, has no such model, refuses the key.
    hints: [&'static str; 3],
}

fn openai_plain(text: &str) -> Reply {
    wire::openai_text(text, wire::TOKENS)
}

const VENDORS: [Vendor; 4] = [
    Vendor {
        name: "openai",
        path: "/chat/completions",
        key: Some(("authorization", "Bearer sk-test-7f3a9c")),
        streamed: wire::openai_sse,
        plain: openai_plain,
        late_error: "data: {\"error\":{\"message\":\"boiler burst\",\"type\":\"server_error\"}}\n\n",
        hints: ["OPENAI_BASE_URL or kwargs.base_url", "model_name", "OPENAI_API_KEY"],
    },
    Vendor {
        name: "anthropic",
        path: "/v1/messages",
        key: Some(("x-api-key", KEY)),
        streamed: wire::anthropic_sse,
        plain: wire::anthropic_text,
        late_error: "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"boiler burst\"}}\n\n",
        hints: ["ANTHROPIC_BASE_URL or kwargs.base_url", "model_name", "ANTHROPIC_API_KEY"],
    },
    Vendor {
        name: "ollama",
        path: "/api/chat",
        key: None,
        streamed: wire::ollama_ndjson,
        plain: wire::ollama_text,
        late_error: "{\"error\":\"boiler burst\"}\n",
        hints: ["`ollama serve`", "`ollama pull`", "kwargs.api_key"],
    },
    Vendor {
        name: "docker_model_runner",
        path: "/engines/v1/chat/completions",
        key: None,
        streamed: wire::openai_sse,
        plain: openai_plain,
        late_error: "error: {\"code\":500,\"message\":\"boiler burst\",\"type\":\"server_error\"}\n\n",
        hints: ["docker model install-runner", "`docker model pull`", "kwargs.api_key"],
    },
];

const TEXT: &str = "Ünser Vogel 🦜 spricht";

impl Vendor {
    fn settings(&self, base_url: &str) -> ChatSettings {
        settings(self.name, base_url)
    }

    async fn ask(&self, server: &Server) -> Result<ChatReply, ChatError> {
        client(self.name, self.settings(&server.url())).chat(&question("Who speaks?")).await
    }

    /// The one outcome of a server that gives these replies in turn, and how often it was asked.
    async fn outcome(
        &self,
        replies: impl IntoIterator<Item = Reply>,
    ) -> (Result<ChatReply, ChatError>, usize) {
        let server = Server::replies(replies);
        let outcome = self.ask(&server).await;
        if let Err(error) = &outcome {
            self.assert_presentable(error, &server.url());
        }
        (outcome, server.requests().len())
    }

    /// Names the place, and the key nowhere.
    fn assert_presentable(&self, error: &ChatError, url: &str) {
        let place = format!("{} at {url}", self.name);
        assert!(error.message.starts_with(&place), "{error}");
        assert!(!format!("{error:?}").contains(KEY), "{error:?}");
    }
}

fn usage(prompt: u64, completion: u64) -> Usage {
    Usage::of_call(prompt, completion, 0)
}

fn soon(reply: Reply) -> Reply {
    reply.header("retry-after", "0")
}

#[tokio::test]
async fn streams_and_plain_json_are_understood_however_they_are_cut() {
    for vendor in &VENDORS {
        let whole = || (vendor.streamed)(TEXT);
        for reply in
            [whole(), whole().rechunk(1), whole().rechunk(7), whole().rechunk(1 << 20), (vendor.plain)(TEXT)]
        {
            let (outcome, asked) = vendor.outcome([reply]).await;
            let reply = outcome.unwrap();
            assert_eq!((&*reply.text, reply.usage, asked), (TEXT, usage(10, 5), 1), "{}", vendor.name);
        }
    }
}

#[tokio::test]
async fn the_key_travels_in_its_header_and_the_path_is_the_vendors() {
    for vendor in &VENDORS {
        let server = Server::replies([(vendor.streamed)(TEXT)]);
        vendor.ask(&server).await.unwrap();
        let [request] = &server.requests()[..] else { panic!("one request") };
        assert_eq!((&*request.method, &*request.path), ("POST", vendor.path));
        let (name, value) = vendor.key.unwrap_or(("authorization", "Bearer sk-test-7f3a9c"));
        assert_eq!(request.header(name), Some(value), "{}", vendor.name);
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.json()["stream"], true);
        let carries_key = |(_, value): &&(String, String)| value.contains(KEY);
        assert_eq!(request.headers.iter().filter(carries_key).count(), 1);
        assert!(!String::from_utf8_lossy(&request.body).contains(KEY));
    }
}

#[tokio::test]
async fn what_cannot_succeed_is_not_tried_again() {
    for vendor in &VENDORS {
        // Some servers repeat the key that they refuse.
        let body = |text: &str| json!({"error": {"message": format!("{text}: {KEY}")}});
        for (status, kind) in
            [(400, Kind::Rejected), (401, Kind::Auth), (403, Kind::Forbidden), (404, Kind::NotFound)]
        {
            let (outcome, asked) = vendor.outcome([Reply::error(status, &body("not that way"))]).await;
            let error = outcome.unwrap_err();
            assert_eq!((error.kind, asked), (kind, 1), "{} {status}", vendor.name);
            assert!(error.message.ends_with("not that way: ***"), "{error}");
            assert!(error.message.contains(&format!("answered {status}")), "{error}");
            let hint = error.hint.unwrap_or_default();
            match kind {
                Kind::NotFound => assert!(hint.contains(vendor.hints[1]), "{hint}"),
                Kind::Auth | Kind::Forbidden => assert!(hint.contains(vendor.hints[2]), "{hint}"),
                _ => assert!(hint.is_empty(), "{hint}"),
            }
        }
        let (outcome, asked) =
            vendor.outcome([Reply::text(307, "").header("location", "http://127.0.0.1:9/")]).await;
        assert_eq!((outcome.unwrap_err().kind, asked), (Kind::Rejected, 1));
    }
}

#[tokio::test]
async fn what_may_succeed_later_is_tried_again() {
    for vendor in &VENDORS {
        let good = || (vendor.streamed)(TEXT);
        let cases = [
            ("429", soon(Reply::text(429, "slow down"))),
            ("500", soon(Reply::text(500, "unable to load runner"))),
            ("503", soon(Reply::error(503, &json!({"error": "server busy"})))),
            ("529", soon(Reply::text(529, ""))),
        ];
        for (case, bad) in cases {
            let (outcome, asked) = vendor.outcome([bad.clone(), bad, good()]).await;
            assert_eq!((&*outcome.unwrap().text, asked), (TEXT, 3), "{} {case}", vendor.name);
        }
    }
}

#[tokio::test]
async fn a_broken_reply_is_tried_again_and_never_taken_for_a_whole_one() {
    // Side by side, as the client waits before each second try.
    join_all(VENDORS.iter().flat_map(|vendor| {
        let good = || (vendor.streamed)(TEXT);
        let cases = [
            ("cut", good().cut_after(2)),
            ("ended early", good().end_after(2)),
            ("garbage", Reply::garbage()),
            ("closed", Reply::close()),
            ("HTML", Reply::new(200, "text/html", "<html>Welcome to the hotel</html>")),
            ("invalid UTF-8", Reply::new(200, "application/json", b"{\"message\": \"\xff\xfe\"}")),
            ("another API", Reply::json(&json!({"result": "fine"}))),
            ("nothing", Reply::new(200, "application/json", "")),
            ("no text", (vendor.streamed)("")),
            ("late error", Reply::stream("text/event-stream", [vendor.late_error])),
        ];
        cases.map(|(case, bad)| async move {
            let (outcome, asked) = vendor.outcome([bad, good()]).await;
            assert_eq!((&*outcome.unwrap().text, asked), (TEXT, 2), "{} {case}", vendor.name);
        })
    }))
    .await;
}

#[tokio::test]
async fn an_error_under_status_200_is_the_servers_and_in_its_words() {
    for vendor in &VENDORS {
        let server = Server::replies([Reply::stream("text/event-stream", [vendor.late_error])]);
        let settings = ChatSettings { retries: 0, ..vendor.settings(&server.url()) };
        let error = client(vendor.name, settings).chat(&question("?")).await.unwrap_err();
        assert_eq!(error.kind, Kind::Server, "{}", vendor.name);
        assert!(error.message.ends_with("failed: boiler burst"), "{error}");
        vendor.assert_presentable(&error, &server.url());
    }
}

#[tokio::test]
async fn a_wait_of_minutes_is_said_instead_of_waited() {
    for vendor in &VENDORS {
        let (outcome, asked) = vendor.outcome([Reply::text(429, "later").header("retry-after", "600")]).await;
        let error = outcome.unwrap_err();
        assert_eq!((error.kind, asked), (Kind::RateLimited, 1));
        assert!(error.message.contains("600 s"), "{error}");
    }
}

#[tokio::test]
async fn silence_is_a_timeout_at_the_start_and_in_the_middle() {
    for vendor in &VENDORS {
        let slow = (vendor.streamed)(TEXT).gap(Duration::from_secs(3));
        for silent in [Reply::hang(), slow] {
            let server = Server::replies([silent]);
            let timeout = Duration::from_millis(100);
            let settings = ChatSettings { timeout, retries: 0, ..vendor.settings(&server.url()) };
            let error = client(vendor.name, settings).chat(&question("?")).await.unwrap_err();
            assert_eq!(error.kind, Kind::Timeout, "{error}");
            assert!(error.message.ends_with("was silent for 0.1 s"), "{error}");
            vendor.assert_presentable(&error, &server.url());
        }
    }
}

#[tokio::test]
async fn a_stream_that_keeps_coming_may_take_longer_than_the_timeout() {
    // 40 gaps of 50 ms: together well over the timeout of each silence.
    let text = "word ".repeat(39) + "end";
    let server = Server::replies([wire::openai_sse(&text).gap(Duration::from_millis(50))]);
    let settings = ChatSettings {
        timeout: Duration::from_millis(1500),
        retries: 0,
        ..settings("openai", &server.url())
    };
    assert_eq!(client("openai", settings).chat(&question("?")).await.unwrap().text, text);
}

#[tokio::test]
async fn an_unreachable_server_is_named_with_what_to_do() {
    for vendor in &VENDORS {
        // Bound, so that no other test gets it, and nobody listens.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let free = socket.local_addr().unwrap();
        let url = format!("http://user:{KEY}@{free}");
        let settings = ChatSettings { retries: 1, ..vendor.settings(&url) };
        let error = client(vendor.name, settings).chat(&question("?")).await.unwrap_err();
        assert_eq!(error.kind, Kind::Unreachable);
        assert!(error.message.ends_with("cannot be reached: connection refused (tried 2 times)"), "{error}");
        assert!(error.hint.as_ref().unwrap().contains(vendor.hints[0]), "{error:?}");
        vendor.assert_presentable(&error, &format!("http://{free}"));
    }
}

#[tokio::test]
async fn dropping_the_call_closes_the_connection() {
    let server = Server::replies([Reply::hang()]);
    let client = client("openai", settings("openai", &server.url()));
    let call = tokio::spawn(async move { client.chat(&question("?")).await });
    until_async("the call", || server.max_in_flight() == 1).await;
    call.abort();
    until_async("the end of the connection", || server.hung_up() == 1).await;
}

#[tokio::test]
async fn a_connection_is_used_again() {
    for vendor in &VENDORS {
        let server =
            Server::start(
                |request| if request.connection == 0 { wire_reply(request) } else { Reply::text(400, "") },
            );
        let client = client(vendor.name, vendor.settings(&server.url()));
        for _ in 0..3 {
            client.chat(&question("?")).await.unwrap();
        }
    }
}

fn wire_reply(request: &Request) -> Reply {
    VENDORS.iter().find(|vendor| vendor.path == request.path).map(|vendor| (vendor.streamed)(TEXT)).unwrap()
}

#[tokio::test]
async fn usage_of_tries_that_broke_off_is_counted() {
    // Anthropic tells the prompt at the beginning; so a try that broke off has cost it.
    let bad = wire::anthropic_sse(TEXT).cut_after(4);
    let server = Server::replies([bad, wire::anthropic_sse(TEXT)]);
    let reply = client("anthropic", settings("anthropic", &server.url())).chat(&question("?")).await.unwrap();
    assert_eq!(reply.usage, usage(20, 6));
    // Empty text, but paid for.
    let server = Server::replies([wire::openai_sse(""), wire::openai_sse(TEXT)]);
    let reply = client("openai", settings("openai", &server.url())).chat(&question("?")).await.unwrap();
    assert_eq!(reply.usage, usage(20, 10));
}

#[tokio::test]
async fn a_refusal_and_a_spent_limit_are_not_tried_again() {
    let ended = |reason: &str| {
        Reply::json(&json!({
            "choices": [{"index": 0, "finish_reason": reason, "message": {"content": "<think>hm"}}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5},
        }))
    };
    let openai = &VENDORS[0];
    let (outcome, asked) = openai.outcome([ended("content_filter")]).await;
    let error = outcome.unwrap_err();
    assert_eq!((error.kind, error.usage, asked), (Kind::Refused, usage(10, 5), 1));
    assert!(error.message.ends_with("refused to answer (content_filter)"), "{error}");
    let (outcome, asked) = openai.outcome([ended("length")]).await;
    let error = outcome.unwrap_err();
    assert_eq!((error.kind, error.usage, asked), (Kind::Rejected, usage(10, 5), 1));
    assert!(error.message.contains("kwargs.max_tokens"), "{error}");
}

#[tokio::test]
async fn a_daemon_that_is_kept_up_may_be_away_for_longer_than_the_retries() {
    let log = Log::default();
    let _guard = log.listen();
    // Bound, so that no other test gets it, and nobody listens yet.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    let settings = ChatSettings { retries: 1, outage: Duration::from_secs(600), ..settings("ollama", &url) };
    let client = client("ollama", settings);
    let asked = question("?");
    let mut call = client.chat(&asked);
    // By count it would have been given up.
    tokio::select! {
        outcome = &mut call => panic!("given up: {outcome:?}"),
        () = until_async("the third try", || log.text().matches("connection refused").count() > 2) => {}
    }
    let listener = socket.listen(16).unwrap().into_std().unwrap();
    listener.set_nonblocking(false).unwrap();
    let _server = Server::on(listener, |_| wire::ollama_ndjson(TEXT));
    assert_eq!(call.await.unwrap().text, TEXT);
    assert!(log.text().contains("try 3 failed, the next in"), "{}", log.text());
}

/// Collects what is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false);
        tracing::subscriber::set_default(subscriber.finish())
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn every_retry_is_logged_with_its_place_cause_and_number_but_no_key() {
    let log = Log::default();
    let _guard = log.listen();
    let busy = soon(Reply::error(503, &json!({"error": format!("no room for {KEY}")})));
    let refusal = Reply::error(400, &json!({"error": {"message": format!("no response_format for {KEY}")}}));
    let server = Server::replies([busy, refusal, wire::openai_sse("{}")]);
    client("openai", settings("openai", &server.url())).chat(&json_question("?")).await.unwrap();
    let log = log.text();
    let place = format!("openai at {}", server.url());
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("WARN")).collect();
    assert_eq!(lines.len(), 2, "{log}");
    let [retry, less] = lines[..] else { unreachable!() };
    assert!(retry.contains(&place) && retry.contains("503"), "{retry}");
    assert!(retry.ends_with("no room for ***; try 1 of 4 failed, the next in 0.0 s"), "{retry}");
    assert!(less.contains(&place) && less.ends_with("from now on without the JSON schema"), "{less}");
    assert!(!log.contains(KEY), "{log}");
}
