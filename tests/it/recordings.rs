//! Answers of the vendors' own programs, and what becomes of each. Those about models, embeddings and addresses are in
//! the tests of these.

use std::fs;
use std::path::Path;
use std::time::Duration;

use minions::chat::{ChatErrorKind as Kind, ChatSettings, Finish, Generation, Thinking, Usage};
use minions::runtimes::{DockerModelRunner, Need, Runtime, RuntimeErrorKind, Timeouts};
use serde_json::json;

use crate::support::chat::{client, json_question, question, settings};
use crate::support::recorded::{self, Player};
use crate::support::server::{Reply, Server};

/// A server that plays these recordings, and fails for good where none is left.
fn playing<const N: usize>(names: [&'static str; N]) -> Server {
    let player = Player::new(names);
    Server::start(move |request| player.answer(request).unwrap_or_else(|| Reply::text(400, "none is left")))
}

#[test]
fn each_recorded_answer_can_be_played_and_has_a_test() {
    let tests = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it"));
    for name in recorded::names() {
        drop(recorded::reply(&name));
        assert!(tests.contains(&format!("\"{name}\"")), "no test plays the recording {name:?}");
    }
}

/// The sources in a folder and below it.
fn sources(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| if path.is_dir() { sources(&path) } else { fs::read_to_string(path).unwrap() })
        .collect()
}

#[tokio::test]
async fn a_recorded_answer_is_its_text() {
    for (provider, name, text, usage) in [
        ("ollama", "ollama/short answer", "The figure is 0.01. The figure is 0.01.", (197, 23)),
        ("docker_model_runner", "model-runner/short answer", "The figure is 10.", (607, 10)),
    ] {
        let server = playing([name]);
        let reply = client(provider, settings(provider, &server.url())).chat(&question("?")).await.unwrap();
        assert_eq!((&*reply.text, reply.finish), (text, Finish::Stop), "{name}");
        assert_eq!(reply.usage, Usage::of_call(usage.0, usage.1, 0), "{name}");
    }
}

#[tokio::test]
async fn a_prompt_that_is_too_long_is_refused_once() {
    for (provider, name) in
        [("ollama", "ollama/prompt too long"), ("docker_model_runner", "model-runner/prompt too long")]
    {
        let server = playing([name]);
        let error =
            client(provider, settings(provider, &server.url())).chat(&question("?")).await.unwrap_err();
        assert_eq!((error.kind, server.requests().len()), (Kind::ContextTooLong, 1), "{error}");
        let said =
            "request (10055 tokens) exceeds the available context size (8192 tokens), try increasing it";
        assert!(error.message.ends_with(said), "{error}");
    }
}

#[tokio::test]
async fn an_answer_in_json_is_its_text() {
    for (provider, name) in
        [("ollama", "ollama/answer in JSON"), ("docker_model_runner", "model-runner/answer in JSON")]
    {
        let server = playing([name]);
        let reply =
            client(provider, settings(provider, &server.url())).chat(&json_question("?")).await.unwrap();
        let object: serde_json::Value = serde_json::from_str(&reply.text).unwrap();
        assert_eq!((&object["answer"], reply.finish), (&serde_json::Value::Null, Finish::Stop), "{name}");
    }
}

#[tokio::test]
async fn a_runner_that_died_is_asked_again_whatever_its_log_says() {
    for deaths in [
        &["ollama/runner dies"][..],
        &["ollama/runner dies late"],
        &["ollama/runner dies", "ollama/runner dies late"],
    ] {
        let names: Vec<_> = deaths.iter().copied().chain(["ollama/short answer"]).collect();
        let player = Player::new(names.iter().copied());
        let server = Server::start(move |request| player.answer(request).unwrap());
        let reply =
            client("ollama", settings("ollama", &server.url())).chat(&json_question("?")).await.unwrap();
        assert_eq!(reply.text, "The figure is 0.01. The figure is 0.01.", "{deaths:?}");
        assert_eq!(server.requests().len(), names.len());
    }
    // One that dies for ever is a fault of the server, with the end of its log.
    let server = Server::replies([recorded::reply("ollama/runner dies")]);
    let settings = ChatSettings { retries: 0, ..settings("ollama", &server.url()) };
    let error = client("ollama", settings).chat(&question("?")).await.unwrap_err();
    assert_eq!(error.kind, Kind::Server, "{error}");
}

#[tokio::test]
async fn thinking_that_a_model_lacks_is_left_out() {
    let server = playing(["ollama/think refused", "ollama/short answer"]);
    let generation = Generation { thinking: Some(Thinking::On), ..Generation::default() };
    let settings = ChatSettings { generation, ..settings("ollama", &server.url()) };
    let reply = client("ollama", settings).chat(&question("?")).await.unwrap();
    assert_eq!(reply.text, "The figure is 0.01. The figure is 0.01.");
    let thinks: Vec<_> = server.requests().iter().map(|request| request.json()["think"].clone()).collect();
    assert_eq!(thinks, [true, false]);
}

#[tokio::test]
async fn a_load_is_no_answer() {
    for (provider, name) in [("ollama", "ollama/load"), ("docker_model_runner", "model-runner/load")] {
        let server = Server::replies([recorded::reply(name)]);
        let settings = ChatSettings { retries: 0, ..settings(provider, &server.url()) };
        let error = client(provider, settings).chat(&question("?")).await.unwrap_err();
        assert!(error.kind.is_transient(), "{error}");
    }
}

#[tokio::test]
async fn a_model_runner_is_configured_and_loads_as_recorded() {
    let player = Player::new([
        "model-runner/engines",
        "model-runner/model",
        "model-runner/configured",
        "model-runner/load",
    ]);
    let server =
        Server::start(move |request| player.answer(request).unwrap_or_else(|| Reply::json(&json!([]))));
    let runner = DockerModelRunner::new(&server.url(), Timeouts::default()).unwrap();
    runner.ensure_ready().await.unwrap();
    let need = Need { model: "ai/smollm2".into(), slots: Some(4), pull: true, ..Need::default() };
    let endpoint = runner.ensure_model(&need).await.unwrap();
    assert_eq!(endpoint.slots, Some(4));
    // The model was trained for 8,192 tokens.
    assert!(endpoint.context_window.is_some_and(|window| window <= 8192), "{endpoint:?}");
    runner.warm_up(&need, &endpoint).await.unwrap();
}

#[tokio::test]
async fn a_pull_that_fails_is_told_in_the_words_of_the_registry() {
    let server = Server::start(|request| match &*request.path {
        "/models/ai/nothere" => recorded::reply("model-runner/no such model"),
        "/models/create" => recorded::reply("model-runner/pull fails"),
        _ => Reply::json(&json!([])),
    });
    let runner =
        DockerModelRunner::new(&server.url(), Timeouts { pause: Duration::ZERO, ..Timeouts::default() })
            .unwrap();
    let need = Need { model: "ai/nothere".into(), pull: true, ..Need::default() };
    let error = runner.ensure_model(&need).await.unwrap_err();
    assert_eq!(error.kind, RuntimeErrorKind::PullFailed, "{error}");
    assert!(error.message.contains("no such host"), "{error}");
}
