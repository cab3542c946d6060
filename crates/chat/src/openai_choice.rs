//! The choices and counts in replies of OpenAI's dialect, as OpenAI and the many that speak it write them.
//!
//! Facts: OpenAI's API reference, "The chat completion object"; the sources that are named below.

use serde_json::Value;

use super::Usage;
use super::dialect::Partial;
use super::finish::Ending;

/// The usage in the fields of OpenAI, DeepSeek and Moonshot.
pub(super) fn usage_of(usage: &Value) -> Usage {
    let tokens = |pointer| usage.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
    let places = ["/prompt_tokens_details/cached_tokens", "/prompt_cache_hit_tokens", "/cached_tokens"];
    let cached = places.into_iter().map(tokens).max().unwrap_or_default();
    let told = tokens("/prompt_tokens");
    // Some gateways count cached tokens apart, so there may be more of them than prompt tokens.
    let prompt = if cached > told { told.saturating_add(cached) } else { told };
    Usage::of_call(prompt, tokens("/completion_tokens"), cached)
}

/// Whether `part` tells what Azure's filters found, in which case it has no text. See "Content streaming" in the
/// documentation of Azure OpenAI.
pub(super) fn is_about_filters(part: &Value) -> bool {
    ["prompt_filter_results", "content_filter_results", "content_filter_offsets"]
        .into_iter()
        .any(|key| !part[key].is_null())
}

/// Adds a choice to `reply`. `false` if it is damaged, as then its text is lost.
pub(super) fn take_choice(choice: &Value, reply: &mut Partial) -> bool {
    let is_empty = |message: &Value| message.as_object().is_none_or(serde_json::Map::is_empty);
    // Perplexity sends the message so far beside each delta.
    let (delta, whole) = (&choice["delta"], &choice["message"]);
    let message = if is_empty(delta) && whole.is_object() { whole } else { delta };
    match message {
        Value::Object(_) => take_message(message, reply),
        Value::Null => Ending::of(&choice["finish_reason"]).is_some() || is_about_filters(choice),
        _ => false,
    }
}

fn take_message(message: &Value, reply: &mut Partial) -> bool {
    // vLLM, DeepSeek and most others; OpenRouter, Groq and newer vLLM; some gateways.
    let thoughts = ["reasoning_content", "reasoning", "thinking"].into_iter();
    reply.reasoning.push_str(thoughts.filter_map(|key| message[key].as_str()).next().unwrap_or_default());
    reply.refusal.push_str(message["refusal"].as_str().unwrap_or_default());
    let calls = message["tool_calls"].as_array().is_some_and(|calls| !calls.is_empty());
    reply.calls_tool |= calls || message["function_call"].is_object();
    match &message["content"] {
        Value::Array(parts) => parts.iter().all(|part| take_part(part, reply)),
        content => reply.push_text(content),
    }
}

/// Adds a part of a content to `reply`. Parts of other types than text have no text that is an answer.
fn take_part(part: &Value, reply: &mut Partial) -> bool {
    match part["type"].as_str() {
        Some("text" | "output_text") => part["text"].is_string() && reply.push_text(&part["text"]),
        Some("refusal") => {
            reply.refusal.push_str(part["refusal"].as_str().unwrap_or_default());
            true
        }
        Some(_) => true,
        None => {
            part.is_string() && reply.push_text(part)
                || part["text"].is_string() && reply.push_text(&part["text"])
        }
    }
}
