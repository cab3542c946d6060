//! Servers whose answers never end: each read has a limit, and a flood is an error.

use std::time::Duration;

use minions::chat::{ChatSettings, connect_embedder, providers};
use minions::runtimes::probe::Props;
use minions::runtimes::{Need, Ollama, Runtime, RuntimeErrorKind as Kind, Timeouts, probe};
use reqwest::header::HeaderMap;
use serde_json::json;

use crate::support::chat::{client, question, settings};
use crate::support::server::{Reply, Server};

/// A piece of a flood.
const PIECE: usize = 1 << 20;

/// An answer of so many MiB without an end of a line.
fn flood(status: u16, mebibytes: usize) -> Reply {
    let pieces = (0..mebibytes).map(|_| vec![b'x'; PIECE]);
    Reply::stream("application/json", pieces).with_status(status)
}

#[tokio::test]
async fn what_a_daemon_says_of_itself_and_its_models_is_bounded() {
    for flooded in ["/api/version", "/api/tags", "/api/show", "/api/ps", "/api/pull"] {
        let server = Server::start(move |request| match &*request.path {
            path if path == flooded => flood(200, 24),
            "/api/version" => Reply::json(&json!({"version": "0.32.0"})),
            "/api/tags" | "/api/ps" => Reply::json(&json!({"models": []})),
            "/api/show" => Reply::error(404, &json!({"error": "model not found"})),
            _ => Reply::json(&json!({"status": "success"})),
        });
        let ollama = Ollama::new(&server.url(), None, Timeouts::default()).unwrap();
        let need = Need { model: "m".into(), pull: true, ..Need::default() };
        let error = ollama.ensure_model(&need).await.unwrap_err();
        assert!(
            matches!(error.kind, Kind::Rejected | Kind::PullFailed | Kind::ModelMissing),
            "{flooded}: {error:?}"
        );
        assert!(error.message.len() < 500, "{flooded}: {error}");
    }
}

#[tokio::test]
async fn what_a_llama_server_says_of_itself_is_bounded() {
    let server = Server::start(|_| flood(200, 24));
    assert_eq!(probe::told(&server.url(), &HeaderMap::new()).await.props, Props::default());
}

#[tokio::test]
async fn errors_and_embeddings_are_bounded() {
    let server = Server::start(|_| flood(500, 24));
    let settings = ChatSettings {
        retries: 0,
        model: "m".into(),
        timeout: Duration::from_secs(60),
        ..settings("openai", &server.url())
    };
    let error = client("openai", settings.clone()).chat(&question("?")).await.unwrap_err();
    assert!(error.message.len() < 700, "{}", error.message.len());
    let server = Server::start(|_| flood(200, 80));
    let settings = ChatSettings { base_url: server.url(), ..settings };
    let embedder = connect_embedder(providers::find("openai").unwrap(), settings).unwrap();
    let error = embedder.embed(&["a".to_owned()]).await.unwrap_err();
    assert!(error.message.ends_with("sent an answer of over 64 MiB"), "{error}");
}
