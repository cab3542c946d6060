//! Tests of the dialect.

use std::time::Duration;

use super::super::anthropic::cached;
use super::super::dialect::{body_of, read};
use super::super::finish::Ending;
use super::super::pace::{PromptProgress, PromptTime};
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
    let messages = json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who?"}]);
    let bare = body_of(&OpenAi, &ChatSettings::new("gpt-4o", ""), &asked(Format::Text), Abilities::USUAL);
    let stream = json!({"include_usage": true});
    assert_eq!(
        bare,
        json!({"model": "gpt-4o", "messages": messages, "stream": true, "stream_options": stream})
    );
    let generation =
        Generation { temperature: Some(0.5), max_tokens: Some(100), seed: Some(7), ..Generation::default() };
    let settings = ChatSettings { generation, ..ChatSettings::new("gpt-4o", "") };
    let schema = json!({"type": "object", "properties": {}, "required": [], "additionalProperties": false});
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
fn llama_cpp_s_server_is_asked_how_far_it_is_and_tells() {
    let telling = Abilities { progress: true, ..Abilities::USUAL };
    let body = |abilities| body_of(&OpenAi, &ChatSettings::new("m", ""), &asked(Format::Text), abilities);
    assert_eq!(body(telling)["return_progress"], true);
    assert!(body(Abilities { stream: false, ..telling }).get("return_progress").is_none());
    // As it comes, through Docker Model Runner as well.
    let told = r#"data: {"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],"created":1795709268,"id":"chatcmpl-1","model":"m","object":"chat.completion.chunk","prompt_progress":{"total":1721,"cache":0,"processed":512,"time_ms":4949}}"#;
    let reply = read(&OpenAi, &format!("{told}\n\n:\n\n"));
    let took = Duration::from_millis(4949);
    assert_eq!(reply.progress, Some(PromptProgress { total: 1721, cached: 0, read: 512, took }));
    assert!(!reply.has_begun(), "nothing of the model has come");
    let end = r#"data: {"choices":[],"object":"chat.completion.chunk","usage":{"completion_tokens":5,"prompt_tokens":1721,"total_tokens":1726},"timings":{"cache_n":209,"prompt_n":1512,"prompt_ms":4949.0}}"#;
    let time = PromptTime { tokens: 1512, took, may_count_cached: false };
    let reply = read(&OpenAi, &format!("{told}\n\n{end}\n\n"));
    assert_eq!((reply.prompt_time, reply.usage), (Some(time), Usage::of_call(1721, 5, 209)));
    // Newer versions tell it in the usage, too.
    let end =
        end.replace(r#""total_tokens""#, r#""prompt_tokens_details":{"cached_tokens":209},"total_tokens""#);
    assert_eq!(read(&OpenAi, &format!("{end}\n\n")).usage, Usage::of_call(1721, 5, 209));
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
        [begin.clone(), chunk(r#"{"content":"Hel"}"#, "null"), chunk(r#"{"content":"lo"}"#, "null")].concat();
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
        let request =
            ChatRequest { messages: vec![Message::user("word ".repeat(60_000))], ..ChatRequest::default() };
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
    let key = |messages| body(Caching::Key, "m", messages)["prompt_cache_key"].as_str().unwrap().to_owned();
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
