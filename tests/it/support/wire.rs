//! Replies of the vendors' APIs, in the shapes their documentation shows.

use serde_json::{Value, json};

use super::server::{Reply, Request};

/// Prompt and completion tokens that every reply of this module reports, unless it is told others.
pub(crate) const TOKENS: (u64, u64) = (10, 5);

/// OpenAI `/v1/chat/completions`, not streamed. `usage`: prompt and completion tokens.
pub(crate) fn openai_text(text: &str, usage: (u64, u64)) -> Reply {
    Reply::json(&json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "gpt-4o",
        "choices": [{
            "index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text, "refusal": null},
        }],
        "usage": usage_object(usage),
    }))
}

/// OpenAI, streamed: a chunk a word, the finish, the usage, `[DONE]`.
pub(crate) fn openai_sse(text: &str) -> Reply {
    openai_sse_usage(text, TOKENS)
}

/// [`openai_sse`] with other token counts.
pub(crate) fn openai_sse_usage(text: &str, usage: (u64, u64)) -> Reply {
    let chunk = |delta: Value, finish: Value| {
        json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "gpt-4o",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], "usage": null,
        })
    };
    let mut chunks = vec![chunk(json!({"role": "assistant", "content": ""}), Value::Null)];
    chunks.extend(words(text).map(|word| chunk(json!({"content": word}), Value::Null)));
    chunks.push(chunk(json!({}), json!("stop")));
    chunks.push(json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "gpt-4o",
        "choices": [], "usage": usage_object(usage),
    }));
    let events = chunks.iter().map(|chunk| format!("data: {chunk}\n\n"));
    Reply::stream("text/event-stream", events.chain(["data: [DONE]\n\n".to_owned()]))
}

/// OpenAI, streamed if the request asks for it.
pub(crate) fn openai(request: &Request, text: &str) -> Reply {
    openai_usage(request, text, TOKENS)
}

/// [`openai`] with other token counts.
pub(crate) fn openai_usage(request: &Request, text: &str, usage: (u64, u64)) -> Reply {
    if request.json()["stream"] == true { openai_sse_usage(text, usage) } else { openai_text(text, usage) }
}

fn usage_object((prompt, completion): (u64, u64)) -> Value {
    json!({
        "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0},
    })
}

/// Ollama `/api/chat`, streamed: a line a word, then the line with `done`.
pub(crate) fn ollama_ndjson(text: &str) -> Reply {
    let line = |content: &str| {
        json!({
            "model": "llama3.2:3b", "created_at": "2026-08-01T10:00:00Z",
            "message": {"role": "assistant", "content": content}, "done": false,
        })
    };
    let mut lines: Vec<Value> = words(text).map(line).collect();
    lines.push(ollama_done(line("")));
    Reply::stream("application/x-ndjson", lines.iter().map(|line| format!("{line}\n")))
}

/// Ollama, not streamed.
pub(crate) fn ollama_text(text: &str) -> Reply {
    Reply::json(&ollama_done(json!({
        "model": "llama3.2:3b", "created_at": "2026-08-01T10:00:00Z",
        "message": {"role": "assistant", "content": text},
    })))
}

fn ollama_done(mut line: Value) -> Value {
    line["done"] = true.into();
    line["done_reason"] = "stop".into();
    line["total_duration"] = 5_043_500_667_u64.into();
    line["load_duration"] = 5_025_959.into();
    line["prompt_eval_count"] = TOKENS.0.into();
    line["prompt_eval_duration"] = 325_953_000.into();
    line["eval_count"] = TOKENS.1.into();
    line["eval_duration"] = 4_709_213_000_u64.into();
    line
}

/// Anthropic `/v1/messages`, streamed.
pub(crate) fn anthropic_sse(text: &str) -> Reply {
    let start = json!({
        "type": "message_start",
        "message": {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-3-5-sonnet-20241022",
            "content": [], "stop_reason": null, "stop_sequence": null,
            "usage": {
                "input_tokens": TOKENS.0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
                "output_tokens": 1,
            },
        },
    });
    let mut events = vec![
        start,
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "ping"}),
    ];
    events.extend(words(text).map(|word| {
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}})
    }));
    events.extend([
        json!({"type": "content_block_stop", "index": 0}),
        json!({
            "type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
            "usage": {"output_tokens": TOKENS.1},
        }),
        json!({"type": "message_stop"}),
    ]);
    let name = |event: &Value| event["type"].as_str().unwrap_or_default().to_owned();
    Reply::stream(
        "text/event-stream",
        events.iter().map(|event| format!("event: {}\ndata: {event}\n\n", name(event))),
    )
}

/// Anthropic, not streamed.
pub(crate) fn anthropic_text(text: &str) -> Reply {
    Reply::json(&json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-3-5-sonnet-20241022",
        "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": null,
        "usage": {
            "input_tokens": TOKENS.0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
            "output_tokens": TOKENS.1,
        },
    }))
}

/// The words of a text, each with the space that follows it.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(' ')
}
