//! OpenAI's chat completions, which most servers speak: settings and messages to a body, chunks to a reply.
//!
//! Facts: OpenAI's API reference, "Create chat completion" and "The chat completion chunk object".

use ring::digest::{Context, SHA256};
use serde_json::{Value, json};

use super::anthropic::mark_cached;
use super::dialect::{Abilities, Caching, Dialect, JsonMode, Partial, Taken, ThinkingForm, vector};
use super::openai_choice::{is_about_filters, take_choice, usage_of};
use super::{ChatRequest, ChatSettings, Format, Generation, Image, Message, Role, Thinking, truncation};

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
        if let Some(limit) = settings.generation.max_tokens {
            let name = if abilities.max_completion_tokens { "max_completion_tokens" } else { "max_tokens" };
            body[name] = limit.into();
        }
        if let Some(temperature) = settings.generation.temperature.filter(|_| abilities.temperature) {
            body["temperature"] = temperature.into();
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
mod tests {
    use super::super::anthropic::cached;
    use super::super::dialect::{body_of, read};
    use super::super::finish::Ending;
    use super::super::{Generation, Usage};
    use super::*;

    fn asked(format: Format) -> ChatRequest {
        ChatRequest {
            messages: vec![Message::system("Be brief."), Message::user("Who?")],
            format,
            ..ChatRequest::default()
        }
    }

    #[test]
    fn the_body_has_what_was_set_and_nothing_else() {
        let messages =
            json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who?"}]);
        let bare = body_of(&OpenAi, &ChatSettings::new("gpt-4o", ""), &asked(Format::Text), Abilities::USUAL);
        let stream = json!({"include_usage": true});
        assert_eq!(
            bare,
            json!({"model": "gpt-4o", "messages": messages, "stream": true, "stream_options": stream})
        );
        let generation = Generation {
            temperature: Some(0.5),
            max_tokens: Some(100),
            seed: Some(7),
            ..Generation::default()
        };
        let settings = ChatSettings { generation, ..ChatSettings::new("gpt-4o", "") };
        let schema =
            json!({"type": "object", "properties": {}, "required": [], "additionalProperties": false});
        let format = Format::Schema { name: "verdict", schema: schema.clone(), shares: false };
        let full = body_of(&OpenAi, &settings, &asked(format.clone()), Abilities::USUAL);
        assert_eq!(
            full,
            json!({
                "model": "gpt-4o", "messages": messages, "stream": true, "stream_options": stream,
                "max_tokens": 100, "temperature": 0.5, "seed": 7,
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "verdict", "strict": true, "schema": schema},
                },
            })
        );
        let reasoning = Abilities { max_completion_tokens: true, temperature: false, ..Abilities::USUAL };
        let body = body_of(&OpenAi, &settings, &asked(Format::Text), reasoning);
        assert_eq!((&body["max_completion_tokens"], body.get("max_tokens")), (&json!(100), None));
        assert_eq!(body.get("temperature"), None);
        let object = Abilities { json: JsonMode::Object, ..Abilities::USUAL };
        assert_eq!(
            body_of(&OpenAi, &settings, &asked(format.clone()), object)["response_format"],
            json!({"type": "json_object"})
        );
        let prompt = Abilities { json: JsonMode::Prompt, ..Abilities::USUAL };
        assert_eq!(body_of(&OpenAi, &settings, &asked(format), prompt).get("response_format"), None);
    }

    #[test]
    fn a_llama_cpp_server_is_told_not_to_think() {
        let abilities = Abilities { template_thinking: true, ..Abilities::USUAL };
        let body = |thinking| {
            let generation = Generation { thinking, ..Generation::default() };
            let settings = ChatSettings { generation, ..ChatSettings::new("m", "") };
            body_of(&OpenAi, &settings, &asked(Format::Text), abilities)
        };
        assert_eq!(body(None)["chat_template_kwargs"], json!({"enable_thinking": false}));
        assert_eq!(body(Some(Thinking::Off))["chat_template_kwargs"], json!({"enable_thinking": false}));
        assert_eq!(body(Some(Thinking::On)).get("chat_template_kwargs"), None);
        assert_eq!(body(Some(Thinking::High))["chat_template_kwargs"], json!({"reasoning_effort": "high"}));
    }

    #[test]
    fn thinking_is_an_effort_and_a_whole_reply_is_asked_for_without_options() {
        let body = |thinking, abilities| {
            let generation = Generation { thinking, ..Generation::default() };
            let settings = ChatSettings { generation, ..ChatSettings::new("gpt-5.1", "") };
            body_of(&OpenAi, &settings, &asked(Format::Text), abilities)
        };
        for (thinking, effort) in [
            (None, None),
            (Some(Thinking::Off), Some("none")),
            (Some(Thinking::On), None),
            (Some(Thinking::Low), Some("low")),
            (Some(Thinking::Medium), Some("medium")),
            (Some(Thinking::High), Some("high")),
        ] {
            let sent = body(thinking, Abilities::USUAL);
            assert_eq!(sent.get("reasoning_effort").and_then(Value::as_str), effort, "{thinking:?}");
            let absent = Abilities { thinking: ThinkingForm::Absent, ..Abilities::USUAL };
            assert_eq!(body(thinking, absent).get("reasoning_effort"), None);
        }
        let whole = body(None, Abilities { stream: false, ..Abilities::USUAL });
        assert_eq!((&whole["stream"], whole.get("stream_options")), (&json!(false), None));
    }

    fn expect(bytes: &str, text: &str, ending: Ending, usage: Usage) {
        let expected = Partial {
            text: text.into(),
            ending: Some(ending),
            usage,
            complete: true,
            choice: Some(0),
            ..Partial::default()
        };
        assert_eq!(read(&OpenAi, bytes), expected, "{bytes}");
    }

    #[test]
    fn documented_replies_are_read() {
        // API reference, "Create chat completion": the reply with its usage details.
        let whole = r#"{
          "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT", "object": "chat.completion", "created": 1741569952,
          "model": "gpt-4.1-2025-04-14",
          "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": "Hello! How can I assist you today?", "refusal": null, "annotations": []},
            "logprobs": null, "finish_reason": "stop"
          }],
          "usage": {
            "prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29,
            "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0}
          },
          "service_tier": "default"
        }"#;
        expect(whole, "Hello! How can I assist you today?", Ending::Whole, Usage::of_call(19, 10, 4));

        let chunk = |delta: &str, finish: &str| {
            format!(
                "data: {{\"object\":\"chat.completion.chunk\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{finish}}}],\"usage\":null}}\n\n"
            )
        };
        let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":12,\"total_tokens\":21}}\n\n";
        let begin = chunk(r#"{"role":"assistant","content":"","refusal":null}"#, "null");
        let stream =
            [begin.clone(), chunk(r#"{"content":"Hel"}"#, "null"), chunk(r#"{"content":"lo"}"#, "null")]
                .concat();
        let end = |finish: &str| stream.clone() + &chunk("{}", finish) + usage + "data: [DONE]\n\n";
        expect(&end("\"stop\""), "Hello", Ending::Whole, Usage::of_call(9, 12, 0));
        expect(&end("\"length\""), "Hello", Ending::Cut, Usage::of_call(9, 12, 0));
        expect(
            &end("\"content_filter\""),
            "Hello",
            Ending::Refused("content_filter".into()),
            Usage::of_call(9, 12, 0),
        );
        // Structured outputs: a refusal comes in place of the content.
        let refused = begin + &chunk(r#"{"refusal":"I can't."}"#, "null") + &chunk("{}", "\"stop\"");
        let reply = read(&OpenAi, &refused);
        assert_eq!((&*reply.text, &*reply.refusal, reply.complete), ("", "I can't.", true));
    }

    #[test]
    fn cached_tokens_are_found_where_each_vendor_puts_them() {
        for usage in [
            json!({"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}),
            // DeepSeek API docs, Context Caching.
            json!({"prompt_tokens": 9, "completion_tokens": 2, "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 5}),
            json!({"prompt_tokens": 9, "completion_tokens": 2, "cached_tokens": 4}),
        ] {
            for event in
                [json!({"choices": [], "usage": usage}), json!({"choices": [], "x_groq": {"usage": usage}})]
            {
                let mut reply = Partial::default();
                assert_eq!(OpenAi.take(&event, &mut reply), Taken::Part);
                assert_eq!(reply.usage, Usage::of_call(9, 2, 4));
            }
        }
    }

    #[test]
    fn cached_tokens_that_are_counted_apart_are_of_the_prompt_too() {
        let usage = json!({"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 40}});
        let mut reply = Partial::default();
        assert_eq!(OpenAi.take(&json!({"choices": [], "usage": usage}), &mut reply), Taken::Part);
        assert_eq!(reply.usage, Usage::of_call(43, 0, 40));
    }

    #[test]
    fn a_prompt_that_was_cut_is_told_from_one_that_was_cached() {
        let cut = |model: &str, window, prompt, cached| {
            let generation = Generation { num_ctx: window, ..Generation::default() };
            let settings = ChatSettings { generation, ..ChatSettings::new(model, "") };
            let request = ChatRequest {
                messages: vec![Message::user("word ".repeat(60_000))],
                ..ChatRequest::default()
            };
            let reply = Partial { usage: Usage::of_call(prompt, 1, cached), ..Partial::default() };
            OpenAi.cut_prompt(&settings, &request, &reply).is_some()
        };
        assert!(cut("m", None, 4096, 0) && cut("m", None, 4096, 4000) && cut("m", Some(8192), 8190, 0));
        assert!(!cut("m", None, 61_000, 0) && !cut("m", None, 0, 0));
        assert!(!cut("m", None, 35_000, 30_000), "perhaps counted apart");
        assert!(!cut("anthropic/claude-sonnet-4.5", None, 2000, 0), "written into the cache");
    }

    fn body(caching: Caching, model: &str, messages: Vec<Message>) -> Value {
        let abilities = Abilities { caching, ..Abilities::USUAL };
        body_of(
            &OpenAi,
            &ChatSettings::new(model, ""),
            &ChatRequest { messages, ..ChatRequest::default() },
            abilities,
        )
    }

    #[test]
    fn prompts_that_begin_alike_have_one_cache_key() {
        let key =
            |messages| body(Caching::Key, "m", messages)["prompt_cache_key"].as_str().unwrap().to_owned();
        let (system, user) = (|text: &str| Message::system(text), |text: &str| Message::user(text));
        let first = key(vec![system("Be brief."), user("Who?")]);
        assert_eq!(first.len(), 32);
        let next = vec![system("Be brief."), user("Who?"), Message::assistant("I."), user("Why?")];
        assert_eq!(key(next), first);
        assert_ne!(key(vec![system("Be brief."), user("Whom?")]), first);
        assert_ne!(key(vec![system("Be brief.Who?")]), first);
        let chunk = |task: &str| key(vec![system("s"), user(&("é".repeat(1000) + task))]);
        assert_eq!(chunk("one"), chunk("two"));
        assert_eq!(body(Caching::Itself, "m", vec![user("?")]).get("prompt_cache_key"), None);
    }

    #[test]
    fn models_of_anthropics_get_their_marks() {
        let mut picture = Message::user("c");
        picture.images = vec![std::sync::Arc::new(Image::Url("http://x/a.png".into()))];
        let going = vec![Message::system("s"), Message::user("a"), Message::assistant("b"), picture];
        let marked = body(Caching::Marks, "anthropic/claude-sonnet-4.5", going.clone())["messages"].take();
        assert_eq!(
            marked,
            json!([
                {"role": "system", "content": [cached("s")]},
                {"role": "user", "content": "a"},
                {"role": "assistant", "content": "b"},
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/a.png"}}, cached("c")]},
            ])
        );
        // A single question does not come again, and other models have no marks.
        let single = body(Caching::Marks, "anthropic/claude-sonnet-4.5", going[..2].to_vec());
        assert_eq!(single["messages"][1], json!({"role": "user", "content": "a"}));
        let other = body(Caching::Marks, "openai/gpt-4o", going);
        assert!(!other.to_string().contains("cache_control"));
    }

    #[test]
    fn thoughts_are_no_text_and_a_stream_without_its_end_is_not_complete() {
        let thinking = "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"hm\"},\"finish_reason\":null}]}\n\n";
        let text = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":[{\"type\":\"thinking\"},{\"type\":\"text\",\"text\":\"Yes\"}]},\"finish_reason\":null}]}\n\n";
        let reply = read(&OpenAi, &[thinking, text].concat());
        assert_eq!((&*reply.text, reply.complete), ("Yes", false));
        assert_eq!(OpenAi.take(&json!({"result": 1}), &mut Partial::default()), Taken::Foreign);
    }
}
