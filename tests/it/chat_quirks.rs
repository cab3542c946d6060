//! What a client leaves out, keeps the same or refuses by itself, as its server or its vendor wants it.

use minions::chat::{ChatErrorKind as Kind, ChatSettings, Generation, Usage, connect, providers};
use serde_json::{Value, json};

use crate::support::chat::{client, json_question, question, settings};
use crate::support::server::{Reply, Request, Server};
use crate::support::wire;

/// The `response_format` types and other parameters of the requests that a picky server got.
async fn asked_of(refuses: fn(&Value) -> Option<&'static str>, calls: usize) -> Vec<Value> {
    let server = Server::start(move |request| match refuses(&request.json()) {
        Some(refusal) => Reply::error(400, &json!({"error": {"message": refusal}})),
        None => wire::openai(request, r#"{"answer": "x"}"#),
    });
    let settings = ChatSettings {
        generation: Generation { temperature: Some(0.2), max_tokens: Some(9), ..Generation::default() },
        ..settings("openai", &server.url())
    };
    let client = client("openai", settings);
    for _ in 0..calls {
        client.chat(&json_question("?")).await.unwrap();
    }
    server.requests().iter().map(Request::json).collect()
}

#[tokio::test]
async fn what_a_server_refuses_by_name_is_left_out_from_then_on() {
    let formats = |bodies: &[Value]| {
        bodies.iter().map(|body| body["response_format"]["type"].clone()).collect::<Vec<_>>()
    };
    let no_schema = asked_of(
        |body| (body["response_format"]["type"] == "json_schema").then_some("json_schema is not supported"),
        2,
    )
    .await;
    assert_eq!(formats(&no_schema), [json!("json_schema"), json!("json_object"), json!("json_object")]);
    let no_format =
        asked_of(|body| (!body["response_format"].is_null()).then_some("response_format: unknown field"), 2)
            .await;
    assert_eq!(formats(&no_format), [json!("json_schema"), json!("json_object"), Value::Null, Value::Null]);

    let no_options = asked_of(
        |body| (!body["stream_options"].is_null()).then_some("Unrecognized request argument: stream_options"),
        2,
    )
    .await;
    assert_eq!(no_options.iter().filter(|body| body["stream_options"].is_null()).count(), 2);
    assert_eq!(no_options.len(), 3);

    let reasoning = asked_of(
        |body| {
            if !body["max_tokens"].is_null() {
                return Some("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.");
            }
            (!body["temperature"].is_null()).then_some("Unsupported value: 'temperature' does not support 0.2 with this model.")
        },
        2,
    )
    .await;
    assert_eq!(reasoning.len(), 4);
    assert_eq!(reasoning[3]["max_completion_tokens"], 9);
    assert!(reasoning[3]["temperature"].is_null());
}

#[tokio::test]
async fn every_request_of_an_ollama_client_has_the_same_options() {
    let server =
        Server::replies([Reply::text(500, "").header("retry-after", "0"), wire::ollama_ndjson("{}")]);
    let settings = ChatSettings {
        generation: Generation { num_ctx: Some(4096), temperature: Some(0.0), ..Generation::default() },
        ..settings("ollama", &server.url())
    };
    let client = client("ollama", settings);
    client.chat(&question("?")).await.unwrap();
    client.chat(&json_question("?")).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    for request in requests {
        let body = request.json();
        assert_eq!(body["options"], json!({"num_ctx": 4096, "temperature": 0.0}));
        assert_eq!((&body["truncate"], &body["think"]), (&json!(false), &json!(false)));
    }
}

#[tokio::test]
async fn a_prompt_that_ollama_cut_in_silence_is_an_error() {
    // The wire module's reply has read 10 tokens.
    let server = Server::replies([wire::ollama_ndjson("Fine.")]);
    let settings = ChatSettings {
        generation: Generation { num_ctx: Some(64), ..Generation::default() },
        ..settings("ollama", &server.url())
    };
    let error = client("ollama", settings).chat(&question(&"word ".repeat(65))).await.unwrap_err();
    assert_eq!((error.kind, server.requests().len()), (Kind::ContextTooLong, 1), "{error}");
    assert_eq!(error.usage, Usage::of_call(10, 5, 0));
}

#[tokio::test]
async fn a_prompt_that_another_local_server_cut_in_silence_is_an_error() {
    let long = question(&"word ".repeat(60_000));
    let settings = |name, url: &str| ChatSettings { model: "m".to_owned(), ..settings(name, url) };
    for name in ["lm_studio", "openai", "docker_model_runner"] {
        let server = Server::replies([wire::openai_sse_usage("Fine.", (4096, 5))]);
        let error = client(name, settings(name, &server.url())).chat(&long).await.unwrap_err();
        assert_eq!((error.kind, server.requests().len()), (Kind::ContextTooLong, 1), "{error}");
        assert!(error.message.contains("60000 tokens, but the server has read 4096"), "{error}");
        assert_eq!(error.usage, Usage::of_call(4096, 5, 0));
        // One that read all of it, and one that does not tell.
        for tokens in [61_000, 0] {
            let server = Server::replies([wire::openai_sse_usage("Fine.", (tokens, 5))]);
            client(name, settings(name, &server.url())).chat(&long).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_stream_that_ends_without_a_reason_is_asked_for_again_as_a_whole() {
    let openai = "data: {\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"It came in 18\"}, \"finish_reason\": null}]}\n\n";
    let anthropic = concat!(
        "data: {\"type\": \"content_block_delta\", \"delta\": {\"type\": \"text_delta\", \"text\": \"It came in 18\"}}\n\n",
        "data: {\"type\": \"message_stop\"}\n\n",
    );
    type Whole = fn(&str) -> Reply;
    let cases: [(&str, String, Whole); 2] = [
        ("openai", format!("{openai}data: [DONE]\n\n"), |text| wire::openai_text(text, wire::TOKENS)),
        ("anthropic", anthropic.to_owned(), wire::anthropic_text),
    ];
    for (name, stream, whole) in cases {
        let server = Server::start(move |request| match request.json()["stream"].as_bool() {
            Some(true) => Reply::stream("text/event-stream", [stream.clone()]),
            _ => whole("It came in 1931."),
        });
        let client = client(name, ChatSettings { retries: 0, ..settings(name, &server.url()) });
        for _ in 0..2 {
            assert_eq!(client.chat(&question("?")).await.unwrap().text, "It came in 1931.", "{name}");
        }
        assert_eq!(server.requests().len(), 3, "{name}");
    }
    // A server that streams all the same.
    let server =
        Server::start(move |_| Reply::stream("text/event-stream", [format!("{openai}data: [DONE]\n\n")]));
    let client = client("openai", ChatSettings { retries: 0, ..settings("openai", &server.url()) });
    let error = client.chat(&question("?")).await.unwrap_err();
    assert_eq!((error.kind, server.requests().len()), (Kind::Unfinished, 2), "{error}");
}

#[tokio::test]
async fn what_stands_beside_a_reply_is_passed_over() {
    let beside = [
        "{\"status\": \"queued\", \"position\": 2}",
        "{\"ts\": 1}",
        "{\"sources\": []}",
        "[PING]",
        "{\"choices\": null}",
    ];
    for beside in beside {
        let server = Server::start(move |_| {
            let chunk = |delta: Value, reason: Value| {
                format!("data: {}\n\n", json!({"choices": [{"delta": delta, "finish_reason": reason}]}))
            };
            let events =
                [chunk(json!({"content": "Yes"}), Value::Null), chunk(json!({"content": "."}), Value::Null)];
            let between = format!("data: {beside}\n\n");
            let end = chunk(json!({}), json!("stop"));
            Reply::stream(
                "text/event-stream",
                [&between, &events[0], &between, &events[1], &end, &between].map(Clone::clone),
            )
        });
        let reply = client("openai", settings("openai", &server.url())).chat(&question("?")).await;
        assert_eq!((&*reply.unwrap().text, server.requests().len()), ("Yes.", 1), "{beside}");
    }
}

#[tokio::test]
async fn no_call_is_made_without_a_key_that_is_needed() {
    for (name, url) in [("openai", "https://api.openai.com/v1"), ("anthropic", "https://api.anthropic.com")] {
        let settings = ChatSettings { api_key: None, ..settings(name, url) };
        let error = connect(providers::find(name).unwrap(), settings).err().unwrap();
        assert_eq!(error.kind, Kind::Auth);
        assert_eq!(error.message, format!("{name} at {url}: there is no API key"));
    }
    let settings = ChatSettings { api_key: None, ..settings("openai", "http://localhost:1/v1") };
    assert!(connect(providers::find("openai").unwrap(), settings).is_ok());
}
