//! Asks a server of a private network for what its inference API does not tell: slots, context window, tokens of a text.
//!
//! A vendor's server has no such routes and is not asked.

use std::time::Duration;

use minions_chat::base_url;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::api::Api;
use super::ollama::OpenAiRoute;

/// The longest wait for a count: megabytes take a tokenizer seconds.
const COUNT_LIMIT: Duration = Duration::from_secs(60);

/// What `/props` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Props {
    /// Requests that it works on at the same time.
    pub slots: Option<usize>,
    /// Tokens of prompt and reply that one request may have.
    pub context_window: Option<u32>,
}

/// What a server that is used as it is found tells of itself.
#[derive(Default)]
pub struct Told {
    /// What `/props` says.
    pub props: Props,
    /// The Ollama that it is.
    pub ollama: Option<OpenAiRoute>,
}

/// Asks the server at `base_url`, which may end in `/v1`, with the `headers` of credentials. A server that does not answer
/// is no failure. One of a private network is asked whether it is an Ollama only after it has said that it has no `/props`,
/// with the status 404 or with a page, as proxies do that know some paths alone; one elsewhere is asked for nothing else.
pub async fn told(base_url: &str, headers: &HeaderMap) -> Told {
    let Ok(api) = Api::new("the server", root(base_url)) else { return Told::default() };
    let api = api.with_headers(None, headers.clone());
    if !base_url::is_private(base_url) {
        return Told { ollama: OpenAiRoute::at(base_url, api).await, ..Told::default() };
    }
    let answer = api.get("/props", Duration::from_secs(5)).await;
    match answer {
        Ok(answer) if answer.status.is_success() && answer.json().is_object() => {
            Told { props: props(&answer.json()), ollama: None }
        }
        Ok(answer) if answer.status.is_success() || answer.status == StatusCode::NOT_FOUND => {
            Told { ollama: OpenAiRoute::at(base_url, api).await, ..Told::default() }
        }
        Ok(_) | Err(_) => Told::default(),
    }
}

fn props(props: &Value) -> Props {
    Props {
        slots: props["total_slots"].as_u64().and_then(|slots| usize::try_from(slots).ok()),
        context_window: props["default_generation_settings"]["n_ctx"]
            .as_u64()
            .and_then(|tokens| u32::try_from(tokens).ok()),
    }
}

/// Whether `model` at the server at `base_url`, which may end in `/v1`, sees pictures; `None` if the server does not tell.
/// llama.cpp's server tells in `/props` (`modalities`, its `tools/server/README.md`), Ollama in `/api/show`
/// (`capabilities`, its `docs/api.md`).
pub async fn sees(base_url: &str, headers: &HeaderMap, model: &str) -> Option<bool> {
    let api = Api::new("the server", root(base_url)).ok()?.with_headers(None, headers.clone());
    let limit = Duration::from_secs(5);
    if let Ok(answer) = api.get("/props", limit).await
        && answer.status.is_success()
        && let Some(sees) = answer.json()["modalities"]["vision"].as_bool()
    {
        return Some(sees);
    }
    let answer = api.post("/api/show", &json!({"model": model}), limit).await.ok()?;
    let shown = answer.json();
    let told = shown["capabilities"].as_array().filter(|_| answer.status.is_success())?;
    Some(told.iter().any(|ability| ability == "vision"))
}

/// Has the server at `base_url`, which may end in `/v1`, count the tokens of `text` with the tokenizer of `model`. `None`
/// if it has no such route. The route is that of llama.cpp's server (its `tools/server/README.md`), of vLLM (its
/// `tokenize/protocol.py`), of SGLang, and of Text Generation Inference (its OpenAPI document); each reads its own key
/// of the body.
pub async fn count(base_url: &str, headers: &HeaderMap, model: &str, text: &str) -> Option<u64> {
    let api = Api::new("the server", root(base_url)).ok()?.with_headers(None, headers.clone());
    let body = json!({
        "content": text, "add_special": true, "prompt": text, "model": model, "inputs": text,
    });
    let answer = api.post("/tokenize", &body, COUNT_LIMIT).await.ok()?;
    if !answer.status.is_success() {
        return None;
    }
    let answer = answer.json();
    let tokens = answer["tokens"].as_array().or(answer.as_array()).map(|tokens| tokens.len() as u64);
    answer["count"].as_u64().or(tokens)
}

/// The address without the `/v1` of the inference API.
fn root(base_url: &str) -> &str {
    let root = base_url.trim_end_matches('/');
    root.strip_suffix("/v1").unwrap_or(root)
}
