//! Ollama's native `/api/chat`: settings and messages to a body, lines to a reply.
//!
//! Facts: Ollama's `docs/api.md` and `api/types.go`. The OpenAI route of Ollama has no way to set the context
//! window, so it is not used.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::dialect::{Abilities, Dialect, JsonMode, Partial, Taken, ThinkingForm, vector};
use super::pace::PromptTime;
use super::{ChatRequest, ChatSettings, Format, Generation, Image, Message, Thinking, Usage, truncation};

/// The dialect of Ollama's native API.
pub(crate) struct Ollama;

impl Dialect for Ollama {
    fn name(&self) -> &'static str {
        "ollama"
    }

    fn path(&self) -> &'static str {
        "/chat"
    }

    fn body(
        &self,
        settings: &ChatSettings,
        request: &ChatRequest,
        format: &Format,
        abilities: Abilities,
    ) -> Value {
        let messages: Vec<Value> = request.messages.iter().map(message).collect();
        let mut body = json!({
            "model": settings.model,
            "messages": messages,
            "stream": abilities.stream,
            // Without `think`, models that can think do so.
            "think": think(settings.generation, abilities.thinking),
            // A prompt that does not fit is an error, not a shorter prompt.
            "truncate": false,
            "options": options(settings, request, abilities),
        });
        if let Format::Schema { schema, .. } = format
            && abilities.json != JsonMode::Prompt
        {
            body["format"] = if abilities.json == JsonMode::Schema { schema.clone() } else { "json".into() };
        }
        if let Some(keep_alive) = settings.vendor.keep_alive() {
            body["keep_alive"] = keep_alive.clone();
        }
        body
    }

    fn fetches_images(&self) -> bool {
        false
    }

    fn embeddings_path(&self) -> Option<&'static str> {
        Some("/embed")
    }

    fn embeddings_body(&self, settings: &ChatSettings, texts: &[String]) -> Value {
        // Without `truncate`, only the beginning of a long text would be embedded.
        let mut body = json!({"model": settings.model, "input": texts, "truncate": false});
        // The daemon's own window may be shorter than the model's.
        if let Some(window) = settings.generation.num_ctx {
            body["options"] = json!({"num_ctx": window});
        }
        if let Some(keep_alive) = settings.vendor.keep_alive() {
            body["keep_alive"] = keep_alive.clone();
        }
        body
    }

    fn take_embeddings(&self, reply: &Value) -> Option<(Vec<Vec<f32>>, u64)> {
        let vectors = reply["embeddings"].as_array()?.iter().map(vector).collect::<Option<_>>()?;
        Some((vectors, reply["prompt_eval_count"].as_u64().unwrap_or_default()))
    }

    /// `llm/llama_server.go`: after 31 pieces that are the same the stream ends without a line that is `done`.
    fn has_silent_guard(&self) -> bool {
        true
    }

    fn take(&self, event: &Value, reply: &mut Partial) -> Taken {
        let (message, done) = (&event["message"], &event["done"]);
        // The last line may have no message; without one, another line has lost its text.
        let is_line = done.is_boolean() && (message.is_object() || *done == true);
        let is_whole = message.is_object() && done.is_null();
        if !is_line && !is_whole || !reply.push_text(&message["content"]) {
            return Taken::Foreign;
        }
        reply.reasoning.push_str(message["thinking"].as_str().unwrap_or_default());
        reply.calls_tool |= message["tool_calls"].as_array().is_some_and(|calls| !calls.is_empty());
        if *done == true {
            let count = |name: &str| event[name].as_u64().unwrap_or_default();
            // Versions from August 2026 on tell the cached tokens. Those since 0.30 count them among the prompt's, but do not
            // tell how many they are. See https://github.com/ollama/ollama/pull/17943.
            let cached = event["prompt_eval_cached_count"].as_u64();
            reply.usage =
                Usage::of_call(count("prompt_eval_count"), count("eval_count"), cached.unwrap_or_default());
            let took = Duration::from_nanos(count("prompt_eval_duration"));
            let tokens = reply.usage.new_prompt_tokens;
            let time = PromptTime { tokens, took, may_count_cached: cached.is_none() };
            reply.prompt_time = Some(time).filter(|_| !took.is_zero());
            let took = Duration::from_nanos(count("eval_duration"));
            reply.written = Some((reply.usage.completion_tokens, took)).filter(|_| !took.is_zero());
            reply.end(&event["done_reason"]);
            reply.complete = true;
        }
        Taken::Part
    }

    /// Servers that do not know `truncate` cut silently, to the window or to about half of it. The count alone proves
    /// nothing, as some versions leave cached tokens out of it.
    fn cut_prompt(&self, settings: &ChatSettings, request: &ChatRequest, reply: &Partial) -> Option<String> {
        truncation::prompt(
            request.least_tokens(),
            reply.usage.prompt_tokens,
            Some(settings.generation.num_ctx?),
        )
    }
}

/// How much the model thinks. By "Thinking" in Ollama's documentation, some models take levels, others true and false.
fn think(generation: Generation, form: ThinkingForm) -> Value {
    match (form, generation.thinking.and_then(Thinking::level)) {
        (ThinkingForm::Absent, _) => false.into(),
        (ThinkingForm::Usual, Some(level)) => level.into(),
        _ => generation.thinks().into(),
    }
}

/// A message as JSON: pictures are a list of base64 beside the text. Those with a URL were fetched before.
fn message(message: &Message) -> Value {
    let mut value = json!(message);
    if !message.images.is_empty() {
        let pictures = message.images.iter().map(|image| match &**image {
            Image::Data { base64, .. } => base64,
            Image::Url(url) => url,
        });
        value["images"] = json!(pictures.collect::<Vec<_>>());
    }
    value
}

/// The options, which are the same on every call of a client: another `num_ctx` makes Ollama load the model anew.
fn options(settings: &ChatSettings, request: &ChatRequest, abilities: Abilities) -> Map<String, Value> {
    let penalty = abilities.penalty(settings.generation);
    let options = [
        ("num_ctx", settings.generation.num_ctx.map(Value::from)),
        ("num_predict", settings.generation.max_tokens.map(Value::from)),
        ("temperature", settings.generation.temperature.map(Value::from)),
        ("seed", settings.generation.seed_of(request).map(Value::from)),
        (penalty.map_or("", |(name, _)| name), penalty.map(|(_, penalty)| penalty.into())),
    ];
    options.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::dialect::{body_of, read};
    use super::super::finish::Ending;
    use super::super::{Generation, VendorOptions};
    use super::*;

    fn asked(text: &str, format: Format) -> ChatRequest {
        ChatRequest { messages: vec![Message::user(text)], format, ..ChatRequest::default() }
    }

    #[test]
    fn the_body_has_what_was_set_and_never_lets_the_server_truncate() {
        let bare = body_of(
            &Ollama,
            &ChatSettings::new("llama3.2:3b", ""),
            &asked("Who?", Format::Text),
            Abilities::USUAL,
        );
        let messages = json!([{"role": "user", "content": "Who?"}]);
        assert_eq!(
            bare,
            json!({
                "model": "llama3.2:3b", "messages": messages, "stream": true, "think": false,
                "truncate": false, "options": {},
            })
        );
        let generation = Generation {
            temperature: Some(0.0),
            max_tokens: Some(100),
            seed: Some(7),
            num_ctx: Some(8192),
            thinking: Some(Thinking::On),
            ..Generation::default()
        };
        let vendor = VendorOptions::Ollama { keep_alive: Some(json!("10m")) };
        let settings = ChatSettings { generation, vendor, ..ChatSettings::new("qwen3", "") };
        let schema = json!({"type": "object", "properties": {}});
        let format = Format::Schema { name: "x", schema: schema.clone(), shares: false };
        assert_eq!(
            body_of(&Ollama, &settings, &asked("Who?", format), Abilities::USUAL),
            json!({
                "model": "qwen3", "messages": messages, "stream": true, "think": true, "truncate": false,
                "options": {"num_ctx": 8192, "num_predict": 100, "temperature": 0.0, "seed": 7},
                "format": schema, "keep_alive": "10m",
            })
        );
        let thoughtless = Abilities { thinking: ThinkingForm::Absent, ..Abilities::USUAL };
        assert_eq!(body_of(&Ollama, &settings, &asked("Who?", Format::Text), thoughtless)["think"], false);
        let whole = Abilities { stream: false, ..Abilities::USUAL };
        assert_eq!(body_of(&Ollama, &settings, &asked("Who?", Format::Text), whole)["stream"], false);
    }

    #[test]
    fn thinking_is_a_level_where_the_model_has_levels() {
        let think = |thinking, form| think(Generation { thinking, ..Generation::default() }, form);
        for (thinking, usual, other) in [
            (None, json!(false), json!(false)),
            (Some(Thinking::Off), json!(false), json!(false)),
            (Some(Thinking::On), json!(true), json!(true)),
            (Some(Thinking::Low), json!("low"), json!(true)),
            (Some(Thinking::High), json!("high"), json!(true)),
        ] {
            assert_eq!(
                (think(thinking, ThinkingForm::Usual), think(thinking, ThinkingForm::Other)),
                (usual, other)
            );
            assert_eq!(think(thinking, ThinkingForm::Absent), json!(false));
        }
    }

    #[test]
    fn documented_replies_are_read() {
        // docs/api.md, "Generate a chat completion", streamed; then with a thought and the limit reached.
        let line = r#"{"model":"llama3.2","created_at":"2023-08-04T08:52:19.385406455-07:00","message":{"role":"assistant","content":"The","images":null},"done":false}"#;
        let done = r#"{"model":"llama3.2","created_at":"2023-08-04T19:22:45.499127Z","message":{"role":"assistant","content":""},"done":true,"total_duration":4883583458,"load_duration":1334875,"prompt_eval_count":26,"prompt_eval_duration":342546000,"eval_count":282,"eval_duration":4535599000}"#;
        let expected = Partial {
            text: "The".into(),
            // Older servers give no reason.
            usage: Usage::of_call(26, 282, 0),
            prompt_time: Some(PromptTime {
                tokens: 26,
                took: Duration::from_nanos(342_546_000),
                may_count_cached: true,
            }),
            written: Some((282, Duration::from_nanos(4_535_599_000))),
            complete: true,
            ..Partial::default()
        };
        assert_eq!(read(&Ollama, &format!("{line}\n{done}\n")), expected);
        // A newer server, which had read some of the prompt before.
        let told = done
            .replace(r#""prompt_eval_count":26"#, r#""prompt_eval_count":26,"prompt_eval_cached_count":20"#);
        let reply = read(&Ollama, &format!("{line}\n{told}\n"));
        let took = Duration::from_nanos(342_546_000);
        let time = PromptTime { tokens: 6, took, may_count_cached: false };
        assert_eq!((reply.usage, reply.prompt_time), (Usage::of_call(26, 282, 20), Some(time)));
        let thought = r#"{"message":{"role":"assistant","content":"","thinking":"hm"},"done":false}"#;
        let cut = r#"{"message":{"role":"assistant","content":"Th"},"done":true,"done_reason":"length","eval_count":2}"#;
        let reply = read(&Ollama, &format!("{thought}\n{cut}"));
        assert_eq!((&*reply.text, reply.ending), ("Th", Some(Ending::Cut)));
        // Not streamed and aborted: the text is there, but not all of it.
        assert!(!read(&Ollama, line).complete);
        assert_eq!(Ollama.take(&json!({"result": 1}), &mut Partial::default()), Taken::Foreign);
    }
}
