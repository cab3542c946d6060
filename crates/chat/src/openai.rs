//! OpenAI's chat completions, which most servers speak: settings and messages to a body, chunks to a reply.
//!
//! Facts: OpenAI's API reference, "Create chat completion" and "The chat completion chunk object".

use ring::digest::{Context, SHA256};
use serde_json::{Value, json};

use super::anthropic::mark_cached;
use super::dialect::{Abilities, Caching, Dialect, JsonMode, Partial, Taken, ThinkingForm, vector};
use super::llama_server;
use super::openai_choice::{is_about_filters, take_choice, usage_of};
use super::{
    ChatRequest, ChatSettings, Format, Generation, Image, Message, Role, Thinking, Usage, truncation,
};

/// The number of characters of a message that decide whether prompts begin alike.
const BEGINNING: usize = 1000;

/// The dialect of OpenAI's chat completions.
pub(crate) struct OpenAi;

impl Dialect for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn path(&self) -> &'static str {
        "/chat/completions"
    }

    fn body(
        &self,
        settings: &ChatSettings,
        request: &ChatRequest,
        format: &Format,
        abilities: Abilities,
    ) -> Value {
        let mut messages: Vec<Value> = request.messages.iter().map(message).collect();
        if abilities.caching == Caching::Marks && settings.model.starts_with("anthropic/") {
            mark(&request.messages, &mut messages);
        }
        let mut body = json!({"model": settings.model, "messages": messages, "stream": abilities.stream});
        if abilities.caching == Caching::Key {
            body["prompt_cache_key"] = cache_key(&request.messages).into();
        }
        if abilities.stream && abilities.stream_options {
            body["stream_options"] = json!({"include_usage": true});
        }
        if abilities.stream && abilities.progress {
            body["return_progress"] = true.into();
        }
        if let Some(limit) = settings.generation.max_tokens {
            let name = if abilities.max_completion_tokens { "max_completion_tokens" } else { "max_tokens" };
            body[name] = limit.into();
        }
        if let Some(temperature) = settings.generation.temperature.filter(|_| abilities.temperature) {
            body["temperature"] = temperature.into();
        }
        if let Some((name, penalty)) = abilities.penalty(settings.generation) {
            body[name] = penalty.into();
        }
        if let (Some(seed), Some(name)) = (settings.generation.seed_of(request), abilities.seed) {
            body[name] = seed.into();
        }
        think(settings.generation, abilities, &mut body);
        if let Format::Schema { name, schema, .. } = format {
            match abilities.json {
                JsonMode::Schema => {
                    // Perplexity takes letters and digits alone.
                    let name = name.replace('_', "");
                    let schema = json!({"name": name, "strict": true, "schema": schema});
                    body["response_format"] = json!({"type": "json_schema", "json_schema": schema});
                }
                JsonMode::Object => body["response_format"] = json!({"type": "json_object"}),
                JsonMode::Prompt => {}
            }
        }
        body
    }

    fn embeddings_path(&self) -> Option<&'static str> {
        Some("/embeddings")
    }

    /// By "Create embeddings", each vector of the list has the number of its text.
    fn take_embeddings(&self, reply: &Value) -> Option<(Vec<Vec<f32>>, u64)> {
        let mut rows: Vec<&Value> = reply["data"].as_array()?.iter().collect();
        rows.sort_by_key(|row| row["index"].as_u64());
        let vectors = rows.into_iter().map(|row| vector(&row["embedding"])).collect::<Option<_>>()?;
        Some((vectors, reply["usage"]["prompt_tokens"].as_u64().unwrap_or_default()))
    }

    fn take(&self, event: &Value, reply: &mut Partial) -> Taken {
        // Groq has the usage elsewhere: API reference, "The chat completion chunk object".
        let usage = if event["usage"].is_object() { &event["usage"] } else { &event["x_groq"]["usage"] };
        if let Some(usage) = usage.is_object().then(|| usage_of(usage)).filter(|usage| usage.total_tokens > 0)
        {
            reply.usage = usage;
        }
        // Older versions of llama.cpp's server tell the cached tokens beside the usage alone.
        if let Some(cached) = llama_server::cached(&event["timings"]) {
            let Usage { prompt_tokens, completion_tokens, cached_prompt_tokens: told, .. } = reply.usage;
            reply.usage = Usage::of_call(prompt_tokens, completion_tokens, cached.max(told));
        }
        reply.progress = llama_server::progress(&event["prompt_progress"]).or(reply.progress);
        reply.prompt_time = llama_server::prompt_time(&event["timings"]).or(reply.prompt_time);
        reply.written = llama_server::written(&event["timings"]).or(reply.written);
        reply.is_ollama |= event["system_fingerprint"] == "fp_ollama";
        let is_chunk = event["object"] == "chat.completion.chunk";
        let choices = match &event["choices"] {
            Value::Array(choices) => choices,
            // The last chunk, with the usage, has no choice. Gateways write null for what is empty, or leave it out.
            Value::Null if usage.is_object() || reply.complete || event.get("choices").is_some() => {
                return Taken::Part;
            }
            Value::Null if is_about_filters(event) => return Taken::Part,
            _ => return Taken::Foreign,
        };
        let number = |choice: &Value| choice["index"].as_u64().unwrap_or_default();
        // One choice is asked for; others that come all the same are not appended to it.
        let ours = reply.choice.or_else(|| choices.iter().map(number).min());
        let Some(choice) = choices.iter().find(|choice| Some(number(choice)) == ours) else {
            return Taken::Part;
        };
        reply.choice = ours;
        let is_whole = !is_chunk && choice["message"].is_object();
        if !take_choice(choice, reply) {
            return Taken::Foreign;
        }
        reply.end(&choice["finish_reason"]);
        reply.complete |= is_whole && event["object"] == "chat.completion";
        Taken::Part
    }

    fn has_choices(&self) -> bool {
        true
    }

    /// Local servers that take any prompt cut a long one, such as Ollama behind its route of this dialect. Other
    /// servers refuse it. Their counts prove nothing: they may count cached tokens apart, and gateways to Anthropic's
    /// models leave out the tokens that are written into the cache.
    fn cut_prompt(&self, settings: &ChatSettings, request: &ChatRequest, reply: &Partial) -> Option<String> {
        if settings.model.contains("claude") {
            return None;
        }
        let counted = reply.usage.prompt_tokens.saturating_add(reply.usage.cached_prompt_tokens);
        truncation::prompt(request.least_tokens(), counted, settings.generation.num_ctx)
    }
}

/// Says how much the model thinks: in `reasoning_effort`, which has the levels and `none`, and for the templates of
/// llama.cpp's server and the like in `chat_template_kwargs`, where gpt-oss has its level. Models think by themselves
/// where nothing is said. See "Reasoning models" in OpenAI's documentation.
fn think(generation: Generation, abilities: Abilities, body: &mut Value) {
    let level = generation.thinking.and_then(Thinking::level);
    if abilities.template_thinking {
        match level {
            Some(level) => body["chat_template_kwargs"] = json!({"reasoning_effort": level}),
            None if !generation.thinks() => body["chat_template_kwargs"] = json!({"enable_thinking": false}),
            None => {}
        }
    }
    let off = generation.thinking == Some(Thinking::Off) && !abilities.template_thinking;
    if let Some(effort) = level.or(off.then_some("none"))
        && abilities.thinking != ThinkingForm::Absent
    {
        body["reasoning_effort"] = effort.into();
    }
}

/// Marks the parts that later requests send again: the instructions, and a conversation up to its last message. By
/// "Prompt Caching" in OpenRouter's documentation, marks stand on text parts, as in Anthropic's own API.
fn mark(messages: &[Message], written: &mut [Value]) {
    let is_going = messages.iter().any(|message| message.role == Role::Assistant);
    let last = messages.len().saturating_sub(1);
    for (at, (message, value)) in messages.iter().zip(written).enumerate() {
        if message.role != Role::System && !(is_going && at == last) {
            continue;
        }
        mark_cached(value, &message.content);
    }
}

/// The `prompt_cache_key`, which is the same for prompts that begin alike: the turns of a conversation, the questions
/// about a chunk. See "Prompt caching" in the documentation of OpenAI and of Mistral.
fn cache_key(messages: &[Message]) -> String {
    let mut hash = Context::new(&SHA256);
    for message in messages.iter().take_while(|message| message.role != Role::Assistant) {
        let end = message.content.char_indices().nth(BEGINNING).map_or(message.content.len(), |(at, _)| at);
        hash.update(&message.content.as_bytes()[..end]);
        hash.update(&[0]);
    }
    hash.finish().as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A message as JSON. By "Images and vision", pictures are parts of a list, with a data URL for those that the server
/// does not fetch.
fn message(message: &Message) -> Value {
    if message.images.is_empty() {
        return json!(message);
    }
    let url = |image: &Image| match image {
        Image::Data { media_type, base64 } => format!("data:{media_type};base64,{base64}"),
        Image::Url(url) => url.clone(),
    };
    let pictures =
        message.images.iter().map(|image| json!({"type": "image_url", "image_url": {"url": url(image)}}));
    let parts: Vec<Value> = pictures.chain([json!({"type": "text", "text": message.content})]).collect();
    json!({"role": message.role, "content": parts})
}

/// Whether OpenAI itself takes `max_completion_tokens` and no temperature for this model: the o series and
/// the families from gpt-5 on, but not their chat variants. Says nothing about other servers that use such names.
pub(crate) fn is_reasoning_model(model: &str) -> bool {
    let o_series = model.strip_prefix('o').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let is_late =
        model.strip_prefix("gpt-").is_some_and(|rest| rest.starts_with(|c| ('5'..='9').contains(&c)));
    o_series || is_late && !model.contains("chat")
}

/// Whether Moonshot fixes the temperature of this model: its K2.5, K2.6 and later ones.
pub(crate) fn is_fixed_kimi(model: &str) -> bool {
    model.starts_with("kimi-k") && !model.starts_with("kimi-k2-")
}

#[cfg(test)]
mod tests;
