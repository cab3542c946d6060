//! Chat clients for tests.

use std::sync::Arc;
use std::time::Duration;

use minions::chat::secrets::Secret;
use minions::chat::{ChatClient, ChatRequest, ChatSettings, Format, Message, connect, providers};
use serde_json::json;

/// The key that every client of these tests carries; no message may show it.
pub(crate) const KEY: &str = "sk-test-7f3a9c";

/// Settings for a server at `base_url`: three retries, and a timeout that only a silent server reaches.
pub(crate) fn settings(provider: &str, base_url: &str) -> ChatSettings {
    let model = providers::find(provider).expect("a known provider").model;
    ChatSettings {
        api_key: Some(Secret::new(KEY)),
        timeout: Duration::from_secs(60),
        is_timeout_set: true,
        retries: 3,
        ..ChatSettings::new(model, base_url)
    }
}

/// A client of `provider` with these settings.
pub(crate) fn client(provider: &str, settings: ChatSettings) -> Arc<dyn ChatClient> {
    connect(providers::find(provider).expect("a known provider"), settings).expect("usable settings")
}

/// One question.
pub(crate) fn question(text: &str) -> ChatRequest {
    ChatRequest { messages: vec![Message::user(text)], ..ChatRequest::default() }
}

/// One question that is to be answered in JSON with the one key `answer`.
pub(crate) fn json_question(text: &str) -> ChatRequest {
    let schema = json!({
        "type": "object", "properties": {"answer": {"type": "string"}},
        "required": ["answer"], "additionalProperties": false,
    });
    ChatRequest { format: Format::Schema { name: "answer", schema, shares: false }, ..question(text) }
}
