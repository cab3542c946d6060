//! OpenAI's chat completions, which most servers speak: settings and messages to a body, chunks to a reply.
//!
//! Facts: OpenAI's API reference, "Create chat completion" and "The chat completion chunk object".

use serde_json::{Value, json};

use super::dialect::{Abilities, Dialect, JsonMode, Partial};
use super::{ChatRequest, ChatSettings, Finish, Format, Usage};

/// The dialect.
pub struct OpenAi;

impl Dialect for OpenAi {
    fn path(&self) -> &'static str {
        "/chat/completions"
    }

    fn body(&self, settings: &ChatSettings, request: &ChatRequest, abilities: Abilities) -> Value {
        let mut body = json!({"model": settings.model, "messages": request.messages, "stream": true});
        if abilities.stream_options {
            body["stream_options"] = json!({"include_usage": true});
        }
        if let Some(limit) = settings.max_tokens {
            let name = if abilities.max_completion_tokens { "max_completion_tokens" } else { "max_tokens" };
            body[name] = limit.into();
        }
        if let Some(temperature) = settings.temperature.filter(|_| abilities.temperature) {
            body["temperature"] = temperature.into();
        }
        if let Some(seed) = settings.seed.filter(|_| abilities.seed) {
            body["seed"] = seed.into();
        }
        if abilities.template_thinking && !settings.thinking {
            body["chat_template_kwargs"] = json!({"enable_thinking": false});
        }
        if let Format::Schema { name, schema } = &request.format {
            match abilities.json {
                JsonMode::Schema => {
                    let schema = json!({"name": name, "strict": true, "schema": schema});
                    body["response_format"] = json!({"type": "json_schema", "json_schema": schema});
                }
                JsonMode::Object => body["response_format"] = json!({"type": "json_object"}),
                JsonMode::Prompt => {}
            }
        }
        body
    }

    fn take(&self, event: &Value, reply: &mut Partial) -> bool {
        let usage = &event["usage"];
        if usage.is_object() {
            let tokens = |pointer| usage.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
            let cached = tokens("/prompt_tokens_details/cached_tokens");
            reply.usage = Usage::of_call(tokens("/prompt_tokens"), tokens("/completion_tokens"), cached);
        }
        let Some(choices) = event["choices"].as_array() else { return false };
        // The last chunk, with the usage, has no choice.
        let Some(choice) = choices.first() else { return true };
        let message = if choice["message"].is_object() { &choice["message"] } else { &choice["delta"] };
        push_text(&message["content"], &mut reply.text);
        if let Some(refusal) = message["refusal"].as_str().filter(|refusal| !refusal.is_empty()) {
            reply.text.push_str(refusal);
            reply.finish = Some(Finish::Filtered);
        }
        if let Some(reason) = choice["finish_reason"].as_str() {
            reply.complete = true;
            reply.finish = reply.finish.or(Some(match reason {
                "length" => Finish::Length,
                "content_filter" => Finish::Filtered,
                _ => Finish::Stop,
            }));
        }
        true
    }
}

/// Content is a string, or for some servers a list of parts of which those of type `text` count.
fn push_text(content: &Value, text: &mut String) {
    match content {
        Value::String(part) => text.push_str(part),
        Value::Array(parts) => {
            text.extend(
                parts.iter().filter(|part| part["type"] == "text").filter_map(|part| part["text"].as_str()),
            );
        }
        _ => {}
    }
}

/// Whether OpenAI itself takes `max_completion_tokens` and no temperature for this model: the o series and
/// the gpt-5 family, but not its chat variants. Says nothing about other servers that use such names.
pub fn is_reasoning_model(model: &str) -> bool {
    let o_series = model.strip_prefix('o').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    o_series || model.starts_with("gpt-5") && !model.contains("chat")
}
