//! Anthropic's messages API: settings and messages to a body, events to a reply.
//!
//! Facts: Anthropic's documentation, "Messages", "Streaming messages", "Prompt caching", "Errors".

use serde_json::{Value, json};

use super::dialect::{Abilities, Dialect, Partial};
use super::{ChatRequest, ChatSettings, Finish, Message, Role, Usage};

/// `max_tokens` is required; this is sent when the job does not say.
const DEFAULT_MAX_TOKENS: u32 = 4096;

/// The dialect.
pub struct Anthropic;

impl Dialect for Anthropic {
    fn path(&self) -> &'static str {
        "/messages"
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("anthropic-version", "2023-06-01")]
    }

    fn body(&self, settings: &ChatSettings, request: &ChatRequest, abilities: Abilities) -> Value {
        let turns = merged(&request.messages);
        let (system, turns): (Vec<_>, Vec<_>) = turns.into_iter().partition(|turn| turn.role == Role::System);
        let mut body = json!({
            "model": settings.model,
            "max_tokens": settings.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS),
            "stream": true,
        });
        if !system.is_empty() {
            let text = system.iter().map(|turn| &*turn.content).collect::<Vec<_>>().join("\n\n");
            body["system"] = json!([cached(&text)]);
        }
        // What a going conversation has said so far comes again with its next turn. Writing a single
        // question into the cache would only cost.
        let going = turns.iter().any(|turn| turn.role == Role::Assistant);
        let mut messages: Vec<Value> = turns.iter().map(|turn| json!(turn)).collect();
        if let (true, Some(last), Some(turn)) = (going, messages.last_mut(), turns.last()) {
            last["content"] = json!([cached(&turn.content)]);
        }
        body["messages"] = messages.into();
        if let Some(temperature) = settings.temperature.filter(|_| abilities.temperature) {
            body["temperature"] = temperature.into();
        }
        body
    }

    fn take(&self, event: &Value, reply: &mut Partial) -> bool {
        match event["type"].as_str() {
            Some("message_start") => take_usage(&event["message"]["usage"], reply),
            Some("content_block_delta") => {
                // Deltas of thinking have another key.
                reply.text.push_str(event["delta"]["text"].as_str().unwrap_or_default());
            }
            Some("message_delta") => {
                take_usage(&event["usage"], reply);
                reply.finish = finish(&event["delta"]["stop_reason"]).or(reply.finish);
            }
            Some("message_stop") => reply.complete = true,
            Some("message") => {
                let blocks = event["content"].as_array().into_iter().flatten();
                reply.text.extend(blocks.filter_map(|block| block["text"].as_str()));
                take_usage(&event["usage"], reply);
                reply.finish = finish(&event["stop_reason"]);
                reply.complete = true;
            }
            // "Streaming messages": new types may come and are to be ignored.
            Some(_) => {}
            None => return false,
        }
        true
    }
}

/// A text block up to which the prompt is kept in the vendor's cache.
fn cached(text: &str) -> Value {
    json!({"type": "text", "text": text, "cache_control": {"type": "ephemeral"}})
}

/// Messages without empty ones, which the API refuses, and with neighbours of one role made one.
fn merged(messages: &[Message]) -> Vec<Message> {
    let mut turns: Vec<Message> = Vec::new();
    for message in messages.iter().filter(|message| !message.content.trim().is_empty()) {
        match turns.last_mut() {
            Some(last) if last.role == message.role => last.content += &format!("\n\n{}", message.content),
            _ => turns.push(message.clone()),
        }
    }
    turns
}

/// The prompt is what was read afresh, from the cache and into it. Counts grow over a stream and a later
/// event may leave some out.
fn take_usage(usage: &Value, reply: &mut Partial) {
    let count = |name: &str| usage[name].as_u64();
    let (read, write) = (count("cache_read_input_tokens"), count("cache_creation_input_tokens"));
    let known = reply.usage;
    let (prompt, cached) = match count("input_tokens") {
        Some(input) => {
            let read = read.unwrap_or_default();
            (input + read + write.unwrap_or_default(), read)
        }
        None => (known.prompt_tokens, known.cached_prompt_tokens),
    };
    let completion = count("output_tokens").unwrap_or(known.completion_tokens);
    reply.usage =
        Usage::of_call(prompt.max(known.prompt_tokens), completion, cached.max(known.cached_prompt_tokens));
}

fn finish(stop_reason: &Value) -> Option<Finish> {
    Some(match stop_reason.as_str()? {
        "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "refusal" => Finish::Filtered,
        _ => Finish::Stop,
    })
}
