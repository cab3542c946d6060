//! Ollama's native `/api/chat`: settings and messages to a body, lines to a reply.
//!
//! Facts: Ollama's `docs/api.md` and `api/types.go`. The OpenAI route of Ollama has no way to set the context
//! window, so it is not used.

use serde_json::{Map, Value, json};

use super::dialect::{Abilities, Dialect, JsonMode, Partial};
use super::{ChatRequest, ChatSettings, Finish, Format, Usage};

/// The dialect.
pub struct Ollama;

impl Dialect for Ollama {
    fn path(&self) -> &'static str {
        "/chat"
    }

    fn body(&self, settings: &ChatSettings, request: &ChatRequest, abilities: Abilities) -> Value {
        let mut body = json!({
            "model": settings.model,
            "messages": request.messages,
            "stream": true,
            // Left out it means true for models that can think.
            "think": settings.thinking && abilities.thinking,
            // A prompt that does not fit is an error, not a shorter prompt.
            "truncate": false,
            "options": options(settings),
        });
        if let Format::Schema { schema, .. } = &request.format
            && abilities.json != JsonMode::Prompt
        {
            body["format"] = if abilities.json == JsonMode::Schema { schema.clone() } else { "json".into() };
        }
        if let Some(keep_alive) = &settings.keep_alive {
            body["keep_alive"] = keep_alive.clone();
        }
        body
    }

    fn take(&self, event: &Value, reply: &mut Partial) -> bool {
        if !event["done"].is_boolean() && !event["message"].is_object() {
            return false;
        }
        reply.text.push_str(event["message"]["content"].as_str().unwrap_or_default());
        if event["done"] == true {
            let count = |name: &str| event[name].as_u64().unwrap_or_default();
            reply.usage = Usage::of_call(count("prompt_eval_count"), count("eval_count"), 0);
            reply.finish = Some(if event["done_reason"] == "length" { Finish::Length } else { Finish::Stop });
            reply.complete = true;
        }
        true
    }

    /// Servers that do not know `truncate` cut silently, to the window or to about half of it. Words are a
    /// sure lower bound of tokens: no tokenizer of these models has tokens across white space. The count
    /// alone proves nothing, as some versions leave cached tokens out of it.
    fn cut_prompt(&self, settings: &ChatSettings, request: &ChatRequest, reply: &Partial) -> Option<String> {
        let window = u64::from(settings.num_ctx?);
        let words = request.messages.iter().flat_map(|message| message.content.split_whitespace());
        let words = words.filter(|word| word.contains(char::is_alphanumeric)).count() as u64;
        let counted = reply.usage.prompt_tokens;
        let cut_to = |length: u64| counted.abs_diff(length) <= 16;
        let cut = words > window || words > counted && (cut_to(window) || cut_to(window / 2));
        cut.then(|| {
            format!("the prompt has over {words} tokens, but the server has read {counted} of them (num_ctx {window})")
        })
    }
}

/// The same on every call of a client: another `num_ctx` makes Ollama load the model anew.
fn options(settings: &ChatSettings) -> Map<String, Value> {
    let options = [
        ("num_ctx", settings.num_ctx.map(Value::from)),
        ("num_predict", settings.max_tokens.map(Value::from)),
        ("temperature", settings.temperature.map(Value::from)),
        ("seed", settings.seed.map(Value::from)),
    ];
    options.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
