//! From the address of a local model server to an endpoint: requests asserted, faults scripted.

mod docker_model_runner;
mod ollama;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use minions::runtimes::probe::Props;
use minions::runtimes::{
    DockerModelRunner, Endpoint, ModelUse, Need, Ollama, Runtime, RuntimeError, RuntimeErrorKind as Kind,
    Timeouts, probe,
};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::support::server::{Reply, Request, Server};

const TIMEOUTS: Timeouts = Timeouts {
    answer: Duration::from_secs(20),
    stall: Duration::from_millis(500),
    store: Duration::from_secs(20),
    resumes: 3,
    pause: Duration::ZERO,
    load: Duration::from_secs(20),
};

fn need(model: &str) -> Need {
    Need { model: model.to_owned(), tokens: 5000, pull: true, ..Need::default() }
}

fn lines(lines: &[Value]) -> Reply {
    Reply::stream("application/x-ndjson", lines.iter().map(|line| format!("{line}\n")))
}

fn asked(server: &Server) -> Vec<String> {
    server.requests().iter().map(|request| format!("{} {}", request.method, request.path)).collect()
}

/// An address of this machine at which nobody listens.
fn nobody() -> String {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let free = free.expect("loopback has a free port");
    format!("http://{free}")
}

fn message(error: &RuntimeError) -> String {
    format!("{error}. Hint: {}", error.hint.clone().unwrap_or_default())
}

#[tokio::test]
async fn a_llama_cpp_server_tells_its_slots_and_window() {
    let props = json!({"total_slots": 8, "default_generation_settings": {"n_ctx": 4096}});
    let server = Server::start(move |request| match &*request.path {
        "/props" => Reply::json(&props),
        _ => Reply::text(404, ""),
    });
    let found = probe::told(&format!("{}/v1/", server.url()), &HeaderMap::new()).await.props;
    assert_eq!((found.slots, found.context_window), (Some(8), Some(4096)));
    for reply in [Reply::text(404, "not found"), Reply::json(&json!({})), Reply::close()] {
        let told = probe::told(&Server::replies([reply]).url(), &HeaderMap::new()).await;
        assert!(told.props == Props::default() && told.ollama.is_none());
    }
}
