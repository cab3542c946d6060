//! Replies of a model that repeats itself: it is told so once, and asked once more with what breaks a loop.
//!
//! A reply of a server of ours is ended as soon as its loop is seen. One that costs money is read to its end, as only then
//! its vendor says what it cost, and it is not asked for again here: whoever asked decides.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::http_client::HttpClient;
use super::retry::Costs;
use serde_json::{Map, Value};

use super::{ChatError, ChatErrorKind as Kind, ChatReply, ChatRequest, Finish, Usage};

/// The least temperature of the second try where a server takes no penalty.
const WARM: f64 = 0.4;

impl HttpClient {
    /// Makes one try; if the reply repeats itself, one more with what breaks a loop. If that repeats itself as well, the
    /// reply is what came before.
    pub(super) async fn unlooped(&self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        let first = self.turn(request).await;
        let Some((usage, spared)) = looped(&first) else { return first };
        let other = self.breaking_loops();
        self.tell(usage.completion_tokens, spared, other.is_some());
        let Some(other) = other else { return first };
        if let Some(observer) = &request.observer {
            let told = match &first {
                Ok(_) => &self.endpoint.error(Kind::Repeating, " repeated itself"),
                Err(error) => error,
            };
            observer.failed(told, Some(Duration::ZERO));
        }
        match (other.turn(request).await, first) {
            (Ok(mut second), _) => {
                second.add(usage, second.refused);
                second.spared += spared;
                Ok(second)
            }
            (Err(error), Ok(mut first)) => {
                first.add(error.usage, error.kind.is_overload());
                if let Some(observer) = &request.observer {
                    observer.begin_again(&self.endpoint.name());
                    observer.delta(&first.text);
                }
                Ok(first)
            }
            (Err(mut second), Err(first)) => {
                second.usage += first.usage;
                second.spared += first.spared;
                Err(second)
            }
        }
    }

    /// Whether a reply is ended where it repeats itself: it costs time and no money.
    pub(super) fn ends_loops(&self) -> bool {
        self.is_of_ours() && !self.endpoint.settings.generation.is_paid
    }

    /// This client with what breaks a loop: the server's penalty, else a little temperature where the job fixes none.
    /// `None` if there is neither, or if the try would cost money.
    fn breaking_loops(&self) -> Option<Self> {
        let abilities = self.current();
        let mut client = self.clone();
        let generation = &mut client.endpoint.settings.generation;
        generation.breaks_loops = true;
        if abilities.penalty.is_none() {
            if generation.has_fixed_temperature || !abilities.temperature {
                return None;
            }
            generation.temperature = Some(generation.temperature.unwrap_or_default().max(WARM));
        }
        self.ends_loops().then_some(client)
    }

    /// Says once of all calls that the model repeats itself.
    fn tell(&self, tokens: u64, spared: u64, goes_on: bool) {
        let ended = if spared > 0 {
            format!("was ended after {tokens} tokens, up to {spared} before its limit")
        } else {
            format!("ended after {tokens} tokens")
        };
        let next = match self.current().penalty.filter(|_| goes_on) {
            Some(name) => format!("; it is asked for once more, with {name}"),
            None if goes_on => "; it is asked for once more, with a higher temperature".to_owned(),
            None => String::new(),
        };
        let text = format!("{}: a reply that repeats itself {ended}{next}", self.endpoint.name());
        if self.told.loops.swap(true, Ordering::Relaxed) {
            tracing::debug!("{text}");
        } else {
            tracing::warn!("{text}");
        }
    }
}

/// What a try cost whose reply repeats itself, and the tokens that its end spared.
fn looped(outcome: &Result<ChatReply, ChatError>) -> Option<(Usage, u64)> {
    match outcome {
        Ok(reply) => (reply.finish == Finish::Looped).then_some((reply.usage, reply.spared)),
        Err(error) => (error.kind == Kind::Repeating).then_some((error.usage, error.spared)),
    }
}

/// A reply in JSON of `schema`: a whole one, where it was whole before it began to repeat itself, or lacked its last brace
/// alone. `kept`: what the server had written by then, with the white space at its end.
pub(super) fn with_end(reply: ChatReply, schema: &Value, kept: &str) -> ChatReply {
    if reply.finish != Finish::Looped {
        return reply;
    }
    let keys: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let is_whole = |text: &String| {
        let object = serde_json::from_str::<Map<String, Value>>(text);
        object.is_ok_and(|object| !object.is_empty() && keys.iter().all(|key| object.contains_key(*key)))
    };
    let text = reply.text.trim_end();
    // A number is over only where something follows it: more digits may have been to come.
    let closed = (!kept.ends_with(|c: char| c.is_ascii_digit())).then(|| format!("{text}}}"));
    let text = [Some(text.to_owned()), closed].into_iter().flatten().find(is_whole);
    match text {
        Some(text) => ChatReply { text, finish: Finish::Stop, ..reply },
        None => reply,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_that_is_whole_is_a_whole_reply() {
        for (text, expected) in [
            ("{\"a\": \"x\"}\n\n", Some("{\"a\": \"x\"}")),
            ("{\"a\": \"x\"\n", Some("{\"a\": \"x\"}")),
            ("{\"a\": null, ", None),
            ("{\"a\": null", Some("{\"a\": null}")),
            // What is under way is none of the model's answers.
            ("{\"a\": 10", None),
            ("{\"a\": -1.50", None),
            ("{\"a\": 1e9", None),
            ("{\"a\": 1.", None),
            ("{\"a\": tru", None),
            ("{\"a\": \"x\\", None),
            ("{\"a\": \"x\\u00", None),
            ("{\"a\": \"10", None),
            ("{\"a\": [10", None),
            ("{\"a\": {\"c\": 10", None),
            ("{\"a\": 10\n", Some("{\"a\": 10}")),
            ("{\"a\": 10}", Some("{\"a\": 10}")),
            ("{\"a\": \"10\"", Some("{\"a\": \"10\"}")),
            ("{\"a\": [10]", Some("{\"a\": [10]}")),
            ("{\"b\": null\n", None),
            ("{\"a\": \"x", None),
            ("{\"a\": ", None),
            ("{", None),
        ] {
            let reply = ChatReply {
                text: text.into(),
                finish: Finish::Looped,
                usage: Usage::default(),
                refused: false,
                cut: Vec::new(),
                spared: 0,
                times: None,
            };
            let ended = with_end(reply.clone(), &json!({"required": ["a"]}), text);
            match expected {
                Some(text) => assert_eq!((&*ended.text, ended.finish), (text, Finish::Stop)),
                None => assert_eq!(ended, reply),
            }
        }
    }
}
