//! What servers and proxies send between the events of a reply to keep its connection alive. Pure.

use serde_json::Value;

/// Their words, in lower case and without what is no letter.
const WORDS: &[&str] = &["ping", "pong", "keepalive", "heartbeat", "noop"];
/// Keys of events under which such a word stands.
const NAMES: &[&str] = &["type", "event", "object"];
/// Keys of the parts of replies, in all dialects.
const OF_REPLIES: &[&str] = &[
    "candidates",
    "choices",
    "completion",
    "content",
    "content_block",
    "delta",
    "done",
    "generated_text",
    "message",
    "object",
    "output",
    "response",
    "result",
    "text",
    "token",
    "type",
];

/// Whether `text` is such a word, in whatever spelling: `ping`, `[PING]`, `keep-alive`.
pub(crate) fn is_word(text: &str) -> bool {
    let letters: String =
        text.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase()).collect();
    text.len() < 20 && text.is_ascii() && WORDS.contains(&&*letters)
}

/// Whether `event` only keeps the connection alive.
pub(crate) fn is_event(event: &Value) -> bool {
    match event {
        Value::Object(fields) => {
            fields.is_empty() || NAMES.iter().any(|key| event[key].as_str().is_some_and(is_word))
        }
        Value::Null | Value::Number(_) | Value::Bool(_) => true,
        Value::String(_) | Value::Array(_) => false,
    }
}

/// Whether `event` stands beside the reply, as it has nothing that any dialect's replies have: a gateway's place in its
/// queue, its sources, the time.
pub(crate) fn is_beside(event: &Value) -> bool {
    event.as_object().is_some_and(|fields| !OF_REPLIES.iter().any(|key| fields.contains_key(*key)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pauses_are_known_in_whatever_spelling() {
        for word in
            ["ping", "PING", "[PING]", "[ping]", "keep-alive", "Keep_Alive", "heartbeat", "<heartbeat>"]
        {
            assert!(is_word(word), "{word}");
        }
        for word in ["", "[]", "pinged", "stop", "ping 1931 is the answer"] {
            assert!(!is_word(word), "{word}");
        }
        for event in
            [json!({}), json!(null), json!(7), json!({"type": "ping"}), json!({"object": "heartbeat"})]
        {
            assert!(is_event(&event), "{event}");
        }
        for event in [json!({"ts": 1}), json!({"status": "queued", "position": 3}), json!({"sources": []})] {
            assert!(!is_event(&event) && is_beside(&event), "{event}");
        }
        for event in [
            json!({"object": "chat.completion.chunk"}),
            json!({"delta": {}}),
            json!({"message": "x"}),
            json!("x"),
            json!([]),
        ] {
            assert!(!is_event(&event) && !is_beside(&event), "{event}");
        }
    }
}
