//! A model that repeats itself: it is told so once, it costs one call, and the job goes on.

use std::time::Duration;

use minions::chat::{
    ChatError, ChatErrorKind as Kind, ChatReply, ChatRequest, ChatSettings, Finish, Generation,
};
use serde_json::{Value, json};

use crate::support::chat::{client, json_question, question, settings};
use crate::support::program::{Program, job, scripted};
use crate::support::recorded;
use crate::support::server::{Reply, Request, Server};
use crate::support::wait::until_async;
use crate::support::wire::{TOKENS, ollama_ndjson, openai, openai_sse};

/// How a server writes a piece of a reply's text.
type Piece = fn(&str) -> String;

const WIRES: [(&str, &str, Piece); 3] = [
    ("ollama", "repeat_penalty", ollama_line),
    ("llama_server", "repeat_penalty", openai_event),
    ("vllm", "repetition_penalty", openai_event),
];

fn ollama_line(text: &str) -> String {
    json!({"message": {"role": "assistant", "content": text}, "done": false}).to_string() + "\n"
}

fn openai_event(text: &str) -> String {
    let choice = json!({"index": 0, "delta": {"content": text}, "finish_reason": null});
    format!("data: {}\n\n", json!({"object": "chat.completion.chunk", "choices": [choice]}))
}

/// A stream that begins with `begin` and repeats `block` for as long as anybody reads.
fn endless(piece: Piece, begin: &str, block: &[&str]) -> Reply {
    let blocks = block.iter().cycle().take(5000).map(|text| piece(text));
    Reply::stream("text/event-stream", [piece(begin)].into_iter().chain(blocks)).gap(Duration::from_millis(1))
}

fn limited(provider: &str, server: &Server) -> ChatSettings {
    let generation = Generation { max_tokens: Some(1024), ..Generation::default() };
    ChatSettings { generation, model: "m".into(), ..settings(provider, &server.url()) }
}

async fn ask(provider: &str, server: &Server, request: &ChatRequest) -> Result<ChatReply, ChatError> {
    client(provider, limited(provider, server)).chat(request).await
}

/// The penalty of a request by this name, wherever its dialect has it.
fn penalty(request: &Request, name: &str) -> Value {
    let body = request.json();
    if body["options"].is_object() { body["options"][name].clone() } else { body[name].clone() }
}

#[tokio::test]
async fn a_loop_that_no_guard_stops_is_ended_and_asked_once_more() {
    for (provider, name, piece) in WIRES {
        for block in
            [&[" lease"][..], &[" the", " lease", " of"], &["\n"], &["0"], &["I do", " not know", ". "]]
        {
            let server = Server::start(move |_| endless(piece, "The part says", block));
            let reply = ask(provider, &server, &question("?")).await.unwrap();
            let case = format!("{provider} {block:?}");
            assert_eq!(reply.finish, Finish::Looped, "{case}");
            assert!(
                reply.text.starts_with("The part says") && reply.text.len() < 40,
                "{case}: {}",
                reply.text
            );
            // Both tries, each with the text before the loop.
            assert!(reply.usage.completion_tokens <= 2 * 132, "{case}: {:?}", reply.usage);
            assert!(reply.spared >= 2 * (1024 - 132), "{case}: {}", reply.spared);
            let [first, second] = &server.requests()[..] else { panic!("{case}: two requests") };
            assert_eq!(penalty(first, name), Value::Null, "{case}");
            assert!(penalty(second, name).as_f64().unwrap() > 1.0, "{case}");
            // The server is free again.
            until_async("both streams are given up", || server.hung_up() == 2).await;
        }
    }
}

#[tokio::test]
async fn a_loop_that_is_broken_gives_the_second_reply() {
    for (provider, name, piece) in WIRES {
        let server = Server::start(move |request| match penalty(request, name) {
            Value::Null => endless(piece, "The part says", &[" lease"]),
            _ if provider == "ollama" => ollama_ndjson("The rent is 12."),
            _ => openai_sse("The rent is 12."),
        });
        let reply = ask(provider, &server, &question("?")).await.unwrap();
        assert_eq!((&*reply.text, reply.finish), ("The rent is 12.", Finish::Stop), "{provider}");
        assert!(reply.usage.completion_tokens > 60 && reply.spared > 900, "{provider}: {reply:?}");
    }
}

#[tokio::test]
async fn a_guard_that_ends_a_stream_is_no_fault_of_the_network() {
    for (recording, text) in [
        ("ollama/repeats in JSON", "{\n  \"explanation\": \"The part says lease"),
        ("ollama/repeats, newer", "The figure is lease"),
    ] {
        let server = Server::replies([recorded::reply(recording)]);
        let reply = ask("ollama", &server, &json_question("?")).await.unwrap();
        assert_eq!((&*reply.text, reply.finish), (text, Finish::Looped), "{recording}");
        assert_eq!(server.requests().len(), 2, "{recording}");
    }
    for recording in ["ollama/repeats, not streamed", "ollama/repeats white space"] {
        let server = Server::replies([recorded::reply(recording)]);
        let outcome = ask("ollama", &server, &json_question("?")).await;
        assert_eq!(server.requests().len(), 2, "{recording}");
        match outcome {
            Ok(reply) => assert_eq!((&*reply.text, reply.finish), ("{", Finish::Looped), "{recording}"),
            Err(error) => assert_eq!(error.kind, Kind::Repeating, "{error}"),
        }
    }
    // A part that does not repeat itself is a part.
    let server = Server::replies([recorded::reply("ollama/short answer").end_after(6)]);
    let settings = ChatSettings { retries: 0, ..limited("ollama", &server) };
    let error = client("ollama", settings).chat(&question("?")).await.unwrap_err();
    assert_eq!(error.kind, Kind::Connection, "{error}");
}

#[tokio::test]
async fn json_that_was_whole_before_the_loop_is_whole() {
    for (begin, text) in
        [("{\"answer\": \"12\"}", "{\"answer\": \"12\"}"), ("{\"answer\": \"12\"", "{\"answer\": \"12\"}")]
    {
        for (provider, _, piece) in WIRES {
            let server = Server::start(move |_| endless(piece, begin, &["\n"]));
            let reply = ask(provider, &server, &json_question("?")).await.unwrap();
            assert_eq!((&*reply.text, reply.finish), (text, Finish::Stop), "{provider}");
            assert_eq!(server.requests().len(), 1, "{provider}");
        }
    }
}

#[tokio::test]
async fn a_number_that_repeats_a_digit_is_no_answer() {
    for (begin, block) in [("{\"answer\": 1", "0"), ("{\"answer\": 0.", "3"), ("{\"answer\": 1", "42")] {
        for (provider, _, piece) in WIRES {
            let server = Server::start(move |_| endless(piece, begin, &[block]));
            let reply = ask(provider, &server, &json_question("?")).await.unwrap();
            assert_eq!((reply.finish, server.requests().len()), (Finish::Looped, 2), "{provider}: {reply:?}");
            assert!(reply.text.starts_with(begin) && !reply.text.ends_with('}'), "{provider}: {reply:?}");
        }
    }
}

#[test]
fn each_try_of_a_loop_is_one_call_in_the_events() {
    let script = [
        json!({"reasoning": "r", "message": "Who?"}),
        json!({"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": "nobody"}),
    ];
    let server = scripted(script.map(|reply| reply.to_string()).to_vec(), |_| {
        endless(openai_event, "The part says", &[" the", " lease", " of"])
    });
    let params = json!({"task": "Who?", "context": ["Ada signed."], "max_rounds": 1, "read_ahead": false});
    let ran = Program::new().args(["--events", "events.ndjson"]).run_job(&job(&server, "minion", params));
    let text = std::fs::read_to_string(ran.dir.path().join("events.ndjson")).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_worker = |event: &&Value| event["side"] == "worker";
    let calls = events.iter().filter(of_worker).filter(|event| event["type"] == "call");
    let calls: std::collections::BTreeSet<u64> = calls.map(|event| event["call"].as_u64().unwrap()).collect();
    assert_eq!(calls.len(), 2, "two tries: {text}");
    let is_reply = |event: &&Value| event["type"] == "message" && event["call"].is_u64();
    let reply = events.iter().filter(of_worker).find(is_reply).expect("a reply");
    let mut streamed = String::new();
    for event in events.iter().filter(|event| event["call"] == reply["call"]) {
        match event["type"].as_str() {
            Some("call") => streamed.clear(),
            Some("delta") => streamed += event["text"].as_str().unwrap(),
            _ => {}
        }
    }
    assert_eq!(streamed, reply["text"].as_str().unwrap());
}

#[tokio::test]
async fn thoughts_that_repeat_themselves_are_no_answer() {
    let thought = |text: &str| {
        json!({"message": {"role": "assistant", "content": "", "thinking": text}, "done": false}).to_string()
            + "\n"
    };
    let lines: Vec<String> =
        [thought("Well")].into_iter().chain((0..3000).map(|_| thought(" wait"))).collect();
    let server = Server::replies([Reply::stream("application/x-ndjson", lines)]);
    let error = ask("ollama", &server, &question("?")).await.unwrap_err();
    assert_eq!((error.kind, server.requests().len()), (Kind::Repeating, 2), "{error}");
    assert!(error.message.contains("while it thought"), "{error}");
    assert!(error.hint.unwrap().contains("thinking"));
    assert!(error.usage.completion_tokens <= 2 * 66, "{:?}", error.usage);
}

#[tokio::test]
async fn a_temperature_that_the_job_fixes_is_left_alone() {
    // Anthropic's API has no penalty.
    let event = |event: Value| format!("event: x\ndata: {event}\n\n");
    let delta = move |text: &str| {
        event(
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
        )
    };
    for (is_fixed, asked) in [(false, 2), (true, 1)] {
        let server = Server::start(move |_| {
            let start = event(
                json!({"type": "message_start", "message": {"content": [], "usage": {"input_tokens": 9}}}),
            );
            Reply::stream("text/event-stream", [start].into_iter().chain((0..3000).map(|_| delta(" lease"))))
        });
        let generation = Generation {
            temperature: Some(0.0),
            has_fixed_temperature: is_fixed,
            ..limited("anthropic", &server).generation
        };
        let settings = ChatSettings { generation, ..limited("anthropic", &server) };
        let reply = client("anthropic", settings).chat(&question("?")).await.unwrap();
        assert_eq!((reply.finish, server.requests().len()), (Finish::Looped, asked));
        let temperatures: Vec<f64> =
            server.requests().iter().map(|request| request.json()["temperature"].as_f64().unwrap()).collect();
        assert_eq!(temperatures.iter().filter(|temperature| **temperature > 0.0).count(), asked - 1);
    }
}

#[tokio::test]
async fn a_penalty_that_a_server_refuses_is_left_out() {
    let server = Server::start(|request| match request.json()["frequency_penalty"] {
        Value::Null => endless(openai_event, "It says", &[" lease"]),
        _ => Reply::error(400, &json!({"error": {"message": "Unsupported parameter: 'frequency_penalty'"}})),
    });
    let reply = ask("openai", &server, &question("?")).await.unwrap();
    assert_eq!((reply.finish, server.requests().len()), (Finish::Looped, 3));
}

#[tokio::test]
async fn a_reply_that_its_limit_cut_within_a_loop_says_so() {
    let text = format!("It says: {}", "the lease of the lease ".repeat(40));
    let body = json!({
        "object": "chat.completion", "usage": {"prompt_tokens": 10, "completion_tokens": 200},
        "choices": [{"index": 0, "finish_reason": "length", "message": {"role": "assistant", "content": text}}],
    });
    let server = Server::replies([Reply::json(&body)]);
    let reply = ask("llama_server", &server, &question("?")).await.unwrap();
    assert_eq!((reply.finish, reply.spared), (Finish::Looped, 0));
    assert!(reply.text.len() < 60, "{}", reply.text);
    // The server ended it, and counted; the texts are estimated at more.
    assert_eq!(reply.usage.completion_tokens, 2 * 200);
}

const PROGRAM: &str = r#"```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=c, task=t, advice="") for c in context for t in ["Who signed?", "When?"]]

def transform_outputs(jobs):
    return "\n".join(f"{j.manifest.task} {j.output.answer}" for j in jobs)
```"#;

#[test]
fn a_worker_that_loops_for_ever_costs_one_call_and_the_job_goes_on() {
    let minion = vec![
        json!({"reasoning": "r", "message": "Who?"}).to_string(),
        json!({"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": "nobody"})
            .to_string(),
    ];
    let verdict = json!({
        "explanation": "e", "decision": "provide_final_answer", "answer": "nobody", "feedback": "", "scratchpad": "",
    });
    let minions = vec![PROGRAM.to_owned(), verdict.to_string()];
    // With a guard on, the server ends the stream itself.
    for (protocol, script, said) in [("minion", minion, "Who?"), ("minions", minions, "Who signed?")] {
        for is_guarded in [false, true] {
            let server = scripted(script.clone(), move |request| {
                // One worker job of the two is answered.
                if request.prompt().contains("When?") {
                    return openai(request, r#"{"explanation": "e", "citation": null, "answer": "1931"}"#);
                }
                let reply = endless(openai_event, "The part says", &[" lease"]);
                if !is_guarded {
                    return reply;
                }
                let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "repetition"}]});
                let pieces = [openai_event("The part says")].into_iter();
                let pieces = pieces.chain((0..31).map(|_| openai_event(" lease")));
                Reply::stream("text/event-stream", pieces.chain([format!("data: {end}\n\ndata: [DONE]\n\n")]))
            });
            let params = json!({"task": "Who signed?", "context": ["Ada signed in 1931."], "max_rounds": 1});
            let ran = Program::new().run_job(&job(&server, protocol, params));
            let result = ran.result();
            let case = format!("{protocol}, guard {is_guarded}: {}", ran.stderr);
            assert_eq!(
                (&result["final_answer"], &result["status"]),
                (&json!("nobody"), &json!("partial")),
                "{case}"
            );
            let looped = server
                .requests()
                .iter()
                .filter(|request| {
                    request.json()["model"] == "worker"
                        && request.prompt().contains(said)
                        && !request.prompt().contains("When?")
                })
                .count();
            assert_eq!(looped, 2, "{case}");
            let written = result["local_usage"]["completion_tokens"].as_u64().unwrap();
            assert!(written <= 2 * 66 + TOKENS.1, "{case}: {written} tokens");
            assert_eq!(ran.stderr.contains("saved up to"), !is_guarded, "{case}");
            assert!(ran.stderr.contains("repeat"), "{case}");
        }
    }
}

#[tokio::test]
async fn a_reply_that_may_cost_money_is_read_to_its_end_and_asked_once() {
    let text = format!("It says: {}", "the lease of the lease ".repeat(100));
    let server = Server::start(move |request| openai(request, &text));
    let generation = Generation { is_paid: true, ..limited("openai", &server).generation };
    let settings = ChatSettings { generation, ..limited("openai", &server) };
    let reply = client("openai", settings).chat(&question("?")).await.unwrap();
    assert_eq!((reply.finish, reply.text.len(), server.requests().len()), (Finish::Stop, 2308, 1));
}
