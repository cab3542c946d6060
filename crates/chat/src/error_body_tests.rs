//! Tests of `error_body`.

use std::time::Duration;

use serde_json::json;

use super::ChatErrorKind as Kind;
use super::error_body::{of_event, of_status};

#[test]
fn each_vendors_error_body_gets_its_kind_and_its_words() {
    let nested = json!({"error": json!({"error": {
        "code": 400, "type": "exceed_context_size_error", "n_prompt_tokens": 7900, "n_ctx": 4096,
        "message": "request (7900 tokens) exceeds the available context size (4096 tokens), try increasing it",
    }}).to_string()});
    let cases = [
        (
            401,
            json!({"error": {"message": "Incorrect API key provided", "type": "invalid_request_error", "code": "invalid_api_key"}}),
            Kind::Auth,
            "Incorrect API key provided",
        ),
        (
            400,
            nested,
            Kind::ContextTooLong,
            "request (7900 tokens) exceeds the available context size (4096 tokens), try increasing it",
        ),
        (
            400,
            json!({"error": {"message": "too many", "type": "invalid_request_error", "param": "messages", "code": "context_length_exceeded"}}),
            Kind::ContextTooLong,
            "too many",
        ),
        (
            400,
            json!({"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 208656 tokens > 200000 maximum"}}),
            Kind::ContextTooLong,
            "prompt is too long: 208656 tokens > 200000 maximum",
        ),
        (
            400,
            json!({"error": "the input length exceeds the context length"}),
            Kind::ContextTooLong,
            "the input length exceeds the context length",
        ),
        (
            500,
            json!({"error": {"code": 500, "message": "input (900 tokens) is too large to process. increase the physical batch size", "type": "server_error"}}),
            Kind::ContextTooLong,
            "input (900 tokens) is too large to process. increase the physical batch size",
        ),
        (404, json!({"error": "model 'x' not found"}), Kind::NotFound, "model 'x' not found"),
        (
            429,
            json!({"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}}),
            Kind::RateLimited,
            "slow down",
        ),
        (
            429,
            json!({"error": {"message": "no credit", "code": "insufficient_quota"}}),
            Kind::Quota,
            "no credit",
        ),
        (
            529,
            json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
            Kind::Busy,
            "Overloaded",
        ),
        (422, json!({"detail": [{"loc": ["body"], "msg": "bad"}]}), Kind::Rejected, "body: bad"),
        (
            500,
            json!({"type": "error", "code": null, "message": "crashed", "param": null}),
            Kind::Server,
            "crashed",
        ),
        (400, json!({"other": 1}), Kind::Rejected, r#"{"other":1}"#),
    ];
    for (status, body, kind, text) in cases {
        let read = of_status(status, body.to_string().as_bytes());
        assert_eq!((read.kind, &*read.text), (kind, text), "{body}");
    }
    for (status, body, text) in
        [(500, &b" unable to load runner \n"[..], "unable to load runner"), (502, b"", "")]
    {
        let read = of_status(status, body);
        assert_eq!((read.kind, &*read.text), (Kind::Server, text));
    }
}

#[test]
fn words_are_found_wherever_they_are_nested() {
    let raw = json!({"error": {"message": "slow down", "type": "rate_limit_error"}}).to_string();
    for (status, body, kind, text) in [
        (
            400,
            json!([{"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}]).to_string(),
            Kind::Auth,
            "API key not valid.",
        ),
        (400, json!({"errors": [{"message": "a"}, {"message": "b"}]}).to_string(), Kind::Rejected, "a; b"),
        (
            429,
            json!({"error": {"message": "Provider returned error", "code": 429, "metadata": {"raw": raw}}}).to_string(),
            Kind::RateLimited,
            "slow down",
        ),
        (
            400,
            json!({"error": {"message": "Provider returned error", "metadata": {"raw": "no seed here"}}}).to_string(),
            Kind::Rejected,
            "no seed here",
        ),
        (
            500,
            json!({"error": {"message": "litellm.AuthenticationError: - {\"error\": {\"message\": \"bad key\", \"code\": 401}}"}}).to_string(),
            Kind::Auth,
            "litellm.AuthenticationError: - bad key",
        ),
        (
            400,
            json!({"status": 400, "error": "Bad Request", "message": "temperature unknown"}).to_string(),
            Kind::Rejected,
            "Bad Request: temperature unknown",
        ),
        (422, json!({"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs"}]}).to_string(), Kind::Rejected, "body.seed: Extra inputs"),
        (400, json!({"title": "Bad", "Message": "No."}).to_string(), Kind::Rejected, "No."),
        (404, json!({"base_resp": {"status_code": 1004, "status_msg": "none"}}).to_string(), Kind::NotFound, "none"),
        (
            403,
            "<!DOCTYPE html><html><head><title>\n Attention Required!\n| Cloudflare</title></head>".to_owned(),
            Kind::Rejected,
            "a page with the title \"Attention Required! | Cloudflare\"",
        ),
        (500, "<html><body><h1 class=x>Oops</h1>".to_owned(), Kind::Server, "a page with the title \"Oops\""),
        (500, "<html>".to_owned(), Kind::Server, "a page without a title"),
    ] {
        let read = of_status(status, body.as_bytes());
        assert_eq!((read.kind, &*read.text), (kind, text), "{body}");
    }
    let binary = of_status(500, &[0x1f, 0x8b, 0xff, 0xfe]);
    assert_eq!(binary.text, "4 bytes that are no text");
    let stream = json!({"error": {"message": "You must be verified.", "param": "stream", "code": "unsupported_value"}});
    assert_eq!(of_status(400, stream.to_string().as_bytes()).tags, "unsupported_value stream");
    // However deep: no overflow, and the whole is quoted.
    let deep = format!("{}1{}", "{\"error\":".repeat(60), "}".repeat(60));
    assert_eq!(of_status(400, deep.as_bytes()).kind, Kind::Rejected);
}

#[test]
fn waits_are_found_in_the_body() {
    let body = json!([{"error": {"code": 429, "message": "Quota.", "details": [{"retryDelay": "4.2s"}]}}]);
    assert_eq!(of_status(429, body.to_string().as_bytes()).wait, Some(Duration::from_millis(4200)));
    assert_eq!(of_status(429, b"Please retry in 38s").wait, Some(Duration::from_secs(38)));
    let loading = of_status(503, br#"{"error":"Model x","estimated_time":20.0}"#);
    assert_eq!((loading.kind, loading.wait), (Kind::Loading, Some(Duration::from_secs(20))));
}

#[test]
fn errors_within_a_stream_are_told_from_content() {
    let cases = [
        (json!({"error": "model runner has unexpectedly stopped"}), Some(Kind::Server)),
        (
            json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
            Some(Kind::Busy),
        ),
        (
            json!({"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}}),
            Some(Kind::RateLimited),
        ),
        (
            json!({"error": {"code": 429, "message": "provider is busy"}, "choices": []}),
            Some(Kind::RateLimited),
        ),
        (
            json!({"error": {"code": 400, "message": "x", "type": "exceed_context_size_error"}}),
            Some(Kind::ContextTooLong),
        ),
        (
            json!({"code": 404, "message": "The model `m` does not exist.", "object": "error"}),
            Some(Kind::NotFound),
        ),
        (json!({"error": "Unexpected endpoint or method. (POST /chat/completions)"}), Some(Kind::NotFound)),
        (json!([{"error": {"code": 503, "message": "x", "status": "UNAVAILABLE"}}]), Some(Kind::Busy)),
        (json!({"code": "InvalidApiKey", "message": "Invalid API key", "request_id": "1"}), Some(Kind::Auth)),
        (json!({"detail": "Not Found"}), Some(Kind::Server)),
        (json!({"error": "", "choices": []}), None),
        (json!({"error": {}, "choices": []}), None),
        (json!({"error": {"code": 0, "message": "", "param": null}, "choices": []}), None),
        (json!({"error": false, "code": 0, "choices": []}), None),
        (json!({"error": null, "choices": []}), None),
        (json!({"message": {"content": "error"}, "done": false}), None),
    ];
    for (event, kind) in cases {
        assert_eq!(of_event(&event).map(|fault| fault.kind), kind, "{event}");
    }
}

#[test]
fn what_follows_the_news_of_a_dead_runner_is_of_its_log() {
    let too_long =
        "request (10055 tokens) exceeds the available context size (8192 tokens), try increasing it";
    for log in [
        format!("error: task id = 452, error: {too_long}"),
        json!({"error": {"code": 400, "message": too_long, "type": "exceed_context_size_error"}}).to_string(),
        "error: model 'x' not found, please retry in 300 s".to_owned(),
        "Error: grammar is not supported, flagged by the content filter".to_owned(),
        "error: 429 rate limit, invalid api key".to_owned(),
        "warn: failed to allocate a buffer, not enough memory for slot 3".to_owned(),
        String::new(),
    ] {
        for news in [
            "an error was encountered while running the model:",
            "model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, check \
             ollama server logs for details:",
            "llama.cpp terminated unexpectedly: llama.cpp failed: exit status 1",
            "llama-server process no longer running: -1",
            "The model has crashed without additional information. (Exit code: 11)",
        ] {
            let body = json!({"error": format!("{news} {log}")});
            for status in [500, 502, 503] {
                let read = of_status(status, body.to_string().as_bytes());
                let is_of_log = (read.kind, read.wait, read.is_of_log);
                assert_eq!(is_of_log, (Kind::Server, None, true), "{status} {body}");
            }
            assert_eq!(of_event(&body).map(|read| read.kind), Some(Kind::Server), "{body}");
        }
    }
}

#[test]
fn too_long_is_believed_of_a_refusal_alone() {
    let said = "request (10055 tokens) exceeds the available context size (8192 tokens), try increasing it";
    let inner = |code: u16| json!({"error": {"code": code, "message": said, "type": "x"}}).to_string();
    for (status, body, kind) in [
        (400, json!({"error": said}).to_string(), Kind::ContextTooLong),
        (413, json!({"error": said}).to_string(), Kind::ContextTooLong),
        (500, json!({"error": said}).to_string(), Kind::Server),
        (503, said.to_owned(), Kind::Server),
        (
            500,
            json!({"error": "This model's maximum context length is 4096 tokens"}).to_string(),
            Kind::Server,
        ),
        // A refusal of the server behind a gateway.
        (500, json!({"error": inner(400)}).to_string(), Kind::ContextTooLong),
        (502, inner(400), Kind::ContextTooLong),
        (502, inner(500), Kind::Server),
        (400, json!({"error": json!({"error": inner(400)}).to_string()}).to_string(), Kind::ContextTooLong),
    ] {
        let read = of_status(status, body.as_bytes());
        assert_eq!(read.kind, kind, "{status} {body}");
        assert!(read.text.ends_with("try increasing it") || !read.text.contains('{'), "{}", read.text);
        assert!(
            kind != Kind::Server || read.hint.is_some_and(|hint| hint.contains("shorten")),
            "{status} {body}"
        );
    }
    let coded = json!({"error": {"code": "context_length_exceeded", "message": "Too many tokens."}});
    assert_eq!(of_event(&coded).map(|read| read.kind), Some(Kind::ContextTooLong));
    let guarded = json!({"error": "prediction aborted, token repeat limit reached"});
    assert_eq!(of_event(&guarded).map(|read| read.kind), Some(Kind::Repeating));
}

#[test]
fn what_stands_behind_the_json_in_a_text_is_kept() {
    let body = json!({"error": "{\"error\":{\"code\":500,\"message\":\"Compute error.\"}}\nCUDA error: out of memory"});
    assert_eq!(of_status(500, body.to_string().as_bytes()).text, "Compute error. CUDA error: out of memory");
}
