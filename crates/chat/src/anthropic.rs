//! Anthropic's messages API: settings and messages to a body, events to a reply.
//!
//! Facts: Anthropic's documentation, "Messages", "Streaming messages", "Prompt caching", "Errors".

use serde_json::{Value, json};

use super::dialect::{Abilities, Dialect, Partial, Taken, ThinkingForm};
use super::finish::Ending;
use super::turns::merged;
use super::{ChatRequest, ChatSettings, Format, Generation, Image, Message, Role, Thinking, Usage};

/// The `max_tokens` of a job that gives none: Anthropic requires it.
const DEFAULT_MAX_TOKENS: u32 = 4096;

/// The dialect of Anthropic's API.
pub(crate) struct Anthropic;

impl Dialect for Anthropic {
    fn name(&self) -> &'static str {
        "anthropic"
    }

    fn path(&self) -> &'static str {
        "/messages"
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("anthropic-version", "2023-06-01")]
    }

    fn body(
        &self,
        settings: &ChatSettings,
        request: &ChatRequest,
        _: &Format,
        abilities: Abilities,
    ) -> Value {
        let turns = merged(&request.messages);
        let (system, turns): (Vec<_>, Vec<_>) = turns.into_iter().partition(|turn| turn.role == Role::System);
        let mut body = json!({
            "model": settings.model,
            "max_tokens": settings.generation.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS),
            "stream": abilities.stream,
        });
        if !system.is_empty() {
            let text = system.iter().map(|turn| &*turn.content).collect::<Vec<_>>().join("\n\n");
            body["system"] = json!([cached(&text)]);
        }
        // The next turn of a conversation sends all its messages again, so they are cached. A single question does not
        // come again, and writing it into the cache would only cost.
        let going = turns.iter().any(|turn| turn.role == Role::Assistant);
        let mut messages: Vec<Value> = turns.iter().map(message).collect();
        if let (true, Some(last), Some(turn)) = (going, messages.last_mut(), turns.last()) {
            mark_cached(last, &turn.content);
        }
        body["messages"] = messages.into();
        let thinks = think(settings.generation, abilities.thinking, &mut body);
        // The API takes no temperature beside thoughts.
        let temperature = settings.generation.temperature.filter(|_| abilities.temperature && !thinks);
        if let Some(temperature) = temperature {
            body["temperature"] = temperature.into();
        }
        body
    }

    fn take(&self, event: &Value, reply: &mut Partial) -> Taken {
        let is_whole = match event["type"].as_str() {
            Some("message_start") => {
                take_usage(&event["message"]["usage"], reply);
                take_blocks(&event["message"]["content"], reply)
            }
            // Gateways put the first words of a block there.
            Some("content_block_start") => take_block(&event["content_block"], reply),
            Some("content_block_delta") => take_delta(&event["delta"], reply),
            Some("message_delta") => {
                take_usage(&event["usage"], reply);
                reply.ending = ending(&event["delta"]["stop_reason"], reply);
                true
            }
            Some("message_stop") => {
                reply.stopped = true;
                reply.complete = reply.ending.is_some();
                true
            }
            Some("message") => {
                take_usage(&event["usage"], reply);
                reply.ending = ending(&event["stop_reason"], reply);
                let is_whole = event["content"].is_array() && take_blocks(&event["content"], reply);
                reply.complete = true;
                is_whole
            }
            None | Some("") => false,
            // "Streaming messages": new types may come and are to be ignored.
            Some(_) => return Taken::Nothing,
        };
        if is_whole { Taken::Part } else { Taken::Foreign }
    }
}

/// Adds the blocks of a message. `false` if they are damaged, as then text is lost.
fn take_blocks(blocks: &Value, reply: &mut Partial) -> bool {
    match blocks {
        Value::Null => true,
        Value::Array(blocks) => blocks.iter().all(|block| take_block(block, reply)),
        _ => false,
    }
}

fn take_block(block: &Value, reply: &mut Partial) -> bool {
    match block["type"].as_str() {
        Some("text") => block["text"].is_string() && reply.push_text(&block["text"]),
        None | Some("") => false,
        Some("tool_use") => {
            reply.calls_tool = true;
            true
        }
        Some(_) => {
            reply.reasoning.push_str(block["thinking"].as_str().unwrap_or_default());
            true
        }
    }
}

fn take_delta(delta: &Value, reply: &mut Partial) -> bool {
    match delta["type"].as_str() {
        Some("text_delta" | "") | None => delta["text"].is_string() && reply.push_text(&delta["text"]),
        Some(_) if delta["text"].is_string() => reply.push_text(&delta["text"]),
        Some(_) => {
            reply.reasoning.push_str(delta["thinking"].as_str().unwrap_or_default());
            true
        }
    }
}

/// The end of `reply`, given a further reason for it.
fn ending(reason: &Value, reply: &mut Partial) -> Option<Ending> {
    let before = reply.ending.take();
    match Ending::of(reason) {
        Some(ending) => Some(ending.after(before)),
        None => before,
    }
}

/// Asks for thoughts, if the job does, and says whether it did. By "Extended thinking", they have a budget of at least 1,024
/// tokens, which count for `max_tokens`; by "Adaptive thinking" and "Effort", newer models have a level instead.
fn think(generation: Generation, form: ThinkingForm, body: &mut Value) -> bool {
    let Some(thinking) = generation.thinking.filter(|_| generation.thinks()) else { return false };
    match form {
        ThinkingForm::Absent => return false,
        ThinkingForm::Usual => {
            let budget = match thinking {
                Thinking::Off | Thinking::Low => 1024,
                Thinking::On | Thinking::Medium => 4096,
                Thinking::High => 16_384,
            };
            let reply = generation.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS);
            body["max_tokens"] = reply.saturating_add(budget).into();
            body["thinking"] = json!({"type": "enabled", "budget_tokens": budget});
        }
        ThinkingForm::Other => {
            body["thinking"] = json!({"type": "adaptive"});
            if let Some(level) = thinking.level() {
                body["output_config"] = json!({"effort": level});
            }
        }
    }
    true
}

/// A message as JSON. By "Vision", pictures are blocks of a list and come before the text.
fn message(turn: &Message) -> Value {
    if turn.images.is_empty() {
        return json!(turn);
    }
    let source = |image: &Image| match image {
        Image::Data { media_type, base64 } => {
            json!({"type": "base64", "media_type": media_type, "data": base64})
        }
        Image::Url(url) => json!({"type": "url", "url": url}),
    };
    let pictures = turn.images.iter().map(|image| json!({"type": "image", "source": source(image)}));
    let blocks: Vec<Value> = pictures.chain([json!({"type": "text", "text": turn.content})]).collect();
    json!({"role": turn.role, "content": blocks})
}

/// Marks a written message, whose text is its last part, as the end of what the vendor's cache keeps.
pub(super) fn mark_cached(message: &mut Value, text: &str) {
    match &mut message["content"] {
        Value::Array(parts) => {
            parts.pop();
            parts.push(cached(text));
        }
        content => *content = json!([cached(text)]),
    }
}

/// A text block up to which the prompt is kept in the vendor's cache.
pub(super) fn cached(text: &str) -> Value {
    json!({"type": "text", "text": text, "cache_control": {"type": "ephemeral"}})
}

/// Takes the counts of an event. The prompt's tokens are those that were read anew, read from the cache and written
/// into it. Counts grow over a stream, and a later event may leave some out.
fn take_usage(usage: &Value, reply: &mut Partial) {
    let count = |name: &str| usage[name].as_u64();
    let (read, write) = (count("cache_read_input_tokens"), count("cache_creation_input_tokens"));
    let known = reply.usage;
    let (prompt, cached) = match count("input_tokens") {
        Some(input) => {
            let read = read.unwrap_or_default();
            (input.saturating_add(read).saturating_add(write.unwrap_or_default()), read)
        }
        None => (known.prompt_tokens, known.cached_prompt_tokens),
    };
    let completion = count("output_tokens").unwrap_or(known.completion_tokens);
    reply.usage =
        Usage::of_call(prompt.max(known.prompt_tokens), completion, cached.max(known.cached_prompt_tokens));
}

#[cfg(test)]
mod tests {
    use super::super::dialect::{body_of, read};
    use super::*;

    fn body(messages: Vec<Message>) -> Value {
        let format = Format::Schema { name: "x", schema: json!({}), shares: false };
        let generation = Generation { temperature: Some(0.2), ..Generation::default() };
        let settings = ChatSettings { generation, ..ChatSettings::new("claude-3-5-sonnet-20241022", "") };
        body_of(
            &Anthropic,
            &settings,
            &ChatRequest { messages, format, ..ChatRequest::default() },
            Abilities::USUAL,
        )
    }

    #[test]
    fn the_body_has_the_system_apart_and_no_parameter_that_is_refused() {
        let question = body(vec![
            Message::system("Be brief."),
            Message::user("Read this."),
            Message::user(""),
            Message::user("Who?"),
        ]);
        assert_eq!(
            question,
            json!({
                "model": "claude-3-5-sonnet-20241022", "max_tokens": 4096, "stream": true, "temperature": 0.2,
                "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
                "messages": [{"role": "user", "content": "Read this.\n\nWho?"}],
            })
        );
        let generation = Generation { max_tokens: Some(9), seed: Some(1), ..Generation::default() };
        let settings = ChatSettings { generation, ..ChatSettings::new("claude", "") };
        let request = ChatRequest { messages: vec![Message::user("?")], ..ChatRequest::default() };
        let bare =
            body_of(&Anthropic, &settings, &request, Abilities { temperature: false, ..Abilities::USUAL });
        let messages = json!([{"role": "user", "content": "?"}]);
        assert_eq!(bare, json!({"model": "claude", "max_tokens": 9, "stream": true, "messages": messages}));
    }

    #[test]
    fn thoughts_have_a_budget_or_an_effort_and_no_temperature() {
        let request = ChatRequest { messages: vec![Message::user("?")], ..ChatRequest::default() };
        let body = |thinking, form| {
            let generation = Generation {
                thinking,
                temperature: Some(0.2),
                max_tokens: Some(500),
                ..Generation::default()
            };
            let settings = ChatSettings { generation, ..ChatSettings::new("claude", "") };
            body_of(&Anthropic, &settings, &request, Abilities { thinking: form, ..Abilities::USUAL })
        };
        for (thinking, budget) in [(Thinking::Low, 1024), (Thinking::On, 4096), (Thinking::High, 16_384)] {
            let sent = body(Some(thinking), ThinkingForm::Usual);
            assert_eq!(sent["thinking"], json!({"type": "enabled", "budget_tokens": budget}));
            assert_eq!((&sent["max_tokens"], sent.get("temperature")), (&json!(500 + budget), None));
        }
        let adaptive = body(Some(Thinking::High), ThinkingForm::Other);
        assert_eq!(adaptive["thinking"], json!({"type": "adaptive"}));
        assert_eq!(
            (&adaptive["output_config"]["effort"], &adaptive["max_tokens"]),
            (&json!("high"), &json!(500))
        );
        for (thinking, form) in [
            (None, ThinkingForm::Usual),
            (Some(Thinking::Off), ThinkingForm::Usual),
            (Some(Thinking::High), ThinkingForm::Absent),
        ] {
            let sent = body(thinking, form);
            assert_eq!((sent.get("thinking"), &sent["temperature"]), (None, &json!(0.2)), "{thinking:?}");
        }
    }

    #[test]
    fn a_going_conversation_is_kept_in_the_cache_up_to_its_last_message() {
        let going = body(vec![Message::user("a"), Message::assistant("b"), Message::user("c")]);
        let last = json!([{"type": "text", "text": "c", "cache_control": {"type": "ephemeral"}}]);
        assert_eq!(
            going["messages"],
            json!([
                {"role": "user", "content": "a"},
                {"role": "assistant", "content": "b"},
                {"role": "user", "content": last},
            ])
        );
    }

    #[test]
    fn the_pictures_of_a_going_conversation_are_sent() {
        let picture = Image::Data { media_type: "image/png", base64: "iVBORw0KGgo=".into() };
        let shown = Message { images: vec![picture.into()], ..Message::user("c") };
        let going = body(vec![Message::user("a"), Message::assistant("b"), shown]);
        let source = json!({"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="});
        let parts = json!([
            {"type": "image", "source": source},
            {"type": "text", "text": "c", "cache_control": {"type": "ephemeral"}},
        ]);
        assert_eq!(going["messages"][2], json!({"role": "user", "content": parts}));
    }

    /// "Streaming messages", the basic request, with a cached prefix and the given end.
    fn stream(stop_reason: &str) -> String {
        format!(
            r#"event: message_start
data: {{"type": "message_start", "message": {{"id": "msg_1nZdL29xx5MUA1yADyHTEsnR8uuvGzszyY", "type": "message", "role": "assistant", "content": [], "model": "claude-3-5-sonnet-20241022", "stop_reason": null, "stop_sequence": null, "usage": {{"input_tokens": 25, "cache_creation_input_tokens": 300, "cache_read_input_tokens": 2000, "output_tokens": 1}}}}}}

event: content_block_start
data: {{"type": "content_block_start", "index": 0, "content_block": {{"type": "thinking", "thinking": ""}}}}

event: content_block_delta
data: {{"type": "content_block_delta", "index": 0, "delta": {{"type": "thinking_delta", "thinking": "hm"}}}}

event: ping
data: {{"type": "ping"}}

event: content_block_delta
data: {{"type": "content_block_delta", "index": 1, "delta": {{"type": "text_delta", "text": "Hello"}}}}

event: content_block_delta
data: {{"type": "content_block_delta", "index": 1, "delta": {{"type": "text_delta", "text": "!"}}}}

event: content_block_stop
data: {{"type": "content_block_stop", "index": 1}}

event: message_delta
data: {{"type": "message_delta", "delta": {{"stop_reason": "{stop_reason}", "stop_sequence":null}}, "usage": {{"output_tokens": 15}}}}

event: message_stop
data: {{"type": "message_stop"}}

"#
        )
    }

    #[test]
    fn documented_replies_are_read() {
        for (stop_reason, ending) in [
            ("end_turn", Ending::Whole),
            ("stop_sequence", Ending::Whole),
            ("max_tokens", Ending::Cut),
            ("refusal", Ending::Refused("refusal".into())),
        ] {
            let expected = Partial {
                text: "Hello!".into(),
                reasoning: "hm".into(),
                ending: Some(ending),
                usage: Usage::of_call(2325, 15, 2000),
                complete: true,
                stopped: true,
                ..Partial::default()
            };
            assert_eq!(read(&Anthropic, &stream(stop_reason)), expected, "{stop_reason}");
        }
        let whole = r#"{"id": "msg_013Zva2CMHLNnXjNJJKqJ2EF", "type": "message", "role": "assistant",
            "content": [{"type": "thinking", "thinking": "hm"}, {"text": "Hi!", "type": "text"}],
            "model": "claude-3-5-sonnet-20241022", "stop_reason": "end_turn", "stop_sequence": null,
            "usage": {"input_tokens": 2095, "output_tokens": 503}}"#;
        let expected = Partial {
            text: "Hi!".into(),
            ending: Some(Ending::Whole),
            reasoning: "hm".into(),
            usage: Usage::of_call(2095, 503, 0),
            complete: true,
            ..Partial::default()
        };
        assert_eq!(read(&Anthropic, whole), expected);
        assert_eq!(Anthropic.take(&json!({"result": 1}), &mut Partial::default()), Taken::Foreign);
    }

    #[test]
    fn a_stream_without_message_stop_is_not_complete_but_has_cost_its_prompt() {
        let whole = stream("end_turn");
        let reply = read(&Anthropic, &whole[..whole.find("event: message_delta").unwrap()]);
        assert_eq!((reply.complete, reply.usage), (false, Usage::of_call(2325, 1, 2000)));
    }
}
