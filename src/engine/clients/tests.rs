//! From a job's options to the key of its model and the address of its calls.

use std::path::Path;
use std::time::Duration;

use minions_machine::footprint::CacheType;
use serde_json::{Value, json};

use super::*;
use crate::chat::secrets::Redactor;
use crate::chat::{Revival, VendorOptions};
use crate::config;
use crate::events::{EventKind, EventLog, Events};
use crate::runtimes::{DockerModelRunner, Timeouts};

fn job(local: Value, remote: Value) -> Job {
    let job = json!({"local_client": local, "remote_client": remote, "call_params": {"task": "t"}});
    crate::job::parse(job, Path::new("logs")).unwrap()
}

/// A server that was found there.
fn endpoint(base_url: &str) -> Endpoint {
    Endpoint {
        base_url: base_url.to_owned(),
        model: "ai/m".to_owned(),
        context_window: Some(8192),
        slots: None,
        forwards: false,
        is_window_certain: true,
        revival: None,
    }
}

#[test]
fn the_embedded_engines_options_get_into_its_key() {
    let kwargs = json!({
        "n_ctx": 2048, "n_gpu_layers": 3, "chat_format": "chatml", "n_threads": 5, "max_concurrency": 6,
        "kv_type": "q8_0",
    });
    let local = json!({"type": "llama_cpp", "model_path": "m.gguf", "kwargs": kwargs});
    let job = job(local, json!({"type": "ollama"}));
    let key = SideConfig::worker(&job, &Environment::from_iter([]), false).unwrap().key("");
    assert_eq!(key.model_path.as_deref(), Some(Path::new("m.gguf")));
    assert_eq!((key.num_ctx, key.lanes), (Some(2048), Some(6)));
    let (n_gpu_layers, n_threads) = (Some(3), Some(5));
    let (chat_format, kv_type) = (Some("chatml".to_owned()), CacheType::Q8_0);
    assert_eq!(key.vendor, VendorOptions::LlamaCpp { n_gpu_layers, chat_format, n_threads, kv_type });
}

#[test]
fn what_only_the_user_knows_of_an_address_is_filled_in() {
    let gateway = json!({
        "type": "cloudflare", "kwargs": {"account_id": "a1", "gateway_id": "g2", "api_key": "sk-0123456789"},
    });
    let job = job(json!({"type": "ollama"}), gateway);
    let supervisor = SideConfig::supervisor(&job, &Environment::from_iter([])).unwrap();
    assert_eq!(supervisor.base_urls, ["https://gateway.ai.cloudflare.com/v1/a1/g2/compat"]);
}

#[test]
fn an_option_without_effect_is_told_to_whoever_gave_it() {
    let remote = json!({"type": "anthropic", "model_name": "claude", "kwargs": {"seed": 7}});
    let job = job(json!({"type": "ollama"}), remote);
    let log = Arc::new(EventLog::default());
    let events = Events::new(vec![Arc::clone(&log) as _], None, &Redactor::default());
    SideConfig::supervisor(&job, &Environment::from_iter([])).unwrap().warn(&events);
    let last = log.last().unwrap();
    assert!(
        matches!(&last.kind, EventKind::Warning { text } if text.contains("kwargs.seed has no effect")),
        "{last:?}"
    );
}

#[test]
fn embeddings_go_where_the_server_was_found() {
    let local = json!({"type": "docker_model_runner", "model_name": "ai/m"});
    let job = job(local, json!({"type": "ollama"}));
    let environment = Environment::from_iter([]);
    let worker = SideConfig::worker(&job, &environment, false).unwrap();
    // A container does not find the runner where its machine does.
    let found = "http://172.17.0.1:12434/engines/v1";
    let runtime = DockerModelRunner::new(found, Timeouts::default()).unwrap();
    let endpoint = endpoint(found);
    let ready = Ready::Managed(endpoint, Arc::new(runtime));
    let settings = worker.embedding_settings(&worker.base_urls[0], &ready, Some("ai/embedder"));
    assert_eq!((&*settings.base_url, &*settings.model), (found, "ai/embedder"));
    assert_eq!(settings.retries, config::RETRIES);
    assert_eq!(worker.base_urls, ["http://localhost:12434"]);
}

#[test]
fn a_key_goes_to_the_address_that_the_user_named_and_to_no_other() {
    for (base_url, found, goes) in [
        ("http://localhost:12434", "http://localhost:12434/engines/v1", true),
        ("http://localhost:12434/v1", "http://localhost:12434/engines/v1", true),
        ("https://gw.example.com/runner", "https://gw.example.com/runner/engines/v1", true),
        ("http://localhost:12434", "http://172.17.0.1:12434/engines/v1", false),
        ("http://localhost:12434", "http://model-runner.docker.internal/engines/v1", false),
        ("http://localhost:12434", "http://localhost:12435/engines/v1", false),
    ] {
        let kwargs = json!({"base_url": base_url, "api_key": "sk-0123456789", "headers": {"X-Team": "blue"}});
        let local = json!({"type": "docker_model_runner", "model_name": "ai/m", "kwargs": kwargs});
        let job = job(local, json!({"type": "ollama"}));
        let worker = SideConfig::worker(&job, &Environment::from_iter([]), false).unwrap();
        let endpoint = endpoint(found);
        let base_url = &worker.base_urls[0];
        let settings = worker.settings(base_url, Some(&endpoint));
        assert_eq!(
            (settings.api_key.is_some(), settings.headers.len()),
            (goes, usize::from(goes)),
            "{found}"
        );
        let runtime = DockerModelRunner::new(found, Timeouts::default()).unwrap();
        let ready = Ready::Managed(endpoint, Arc::new(runtime));
        assert_eq!(worker.embedding_settings(base_url, &ready, None).api_key.is_some(), goes, "{found}");
    }
}

#[test]
fn calls_wait_for_a_daemon_that_has_a_watchdog() {
    let outage = |has_watchdog: bool, kwargs: Value| {
        let local = json!({"type": "ollama", "model_name": "m", "kwargs": kwargs});
        let job = job(local, json!({"type": "openai"}));
        let environment = Environment::from_iter([]);
        let worker = SideConfig::worker(&job, &environment, false).unwrap();
        let endpoint =
            Endpoint { revival: has_watchdog.then(|| Revival::new(|| {})), ..endpoint(&worker.base_urls[0]) };
        let settings = worker.settings(&worker.base_urls[0], Some(&endpoint));
        (settings.outage, settings.retries)
    };
    assert_eq!(outage(true, json!({})), (config::OUTAGE, config::RETRIES));
    assert_eq!(outage(false, json!({})), (Duration::ZERO, config::RETRIES));
    // With which there is no outage either.
    assert_eq!(outage(true, json!({"retries": 0})).1, 0);
}
