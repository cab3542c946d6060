//! What the supervisor of `minion` reads of long replies, and what it is told of short documents.

use serde_json::{Value, json};

use crate::support::program::{Program, chats, job, last, scripted};
use crate::support::server::Server;
use crate::support::wire::openai;

fn ask(message: &str) -> String {
    json!({"reasoning": "r", "decision": "request_additional_info", "message": message, "answer": null})
        .to_string()
}

fn answer() -> String {
    json!({"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": "Ada"})
        .to_string()
}

/// A reply with so many numbered sentences of 24 bytes.
fn sentences(count: usize) -> String {
    (0..count).map(|n| format!("Sentence {n:04} says it so. ")).collect()
}

fn served(reply: String) -> Server {
    scripted(vec![ask("One?"), ask("Two?"), ask("Three?"), answer()], move |request| openai(request, &reply))
}

fn params(extra: Value) -> Value {
    let mut params = json!({"task": "Who?", "context": ["Ada signed. ".repeat(4000)], "max_rounds": 3});
    params.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    params
}

/// The texts that the supervisor is sent in its last call.
fn read_last(server: &Server) -> Vec<String> {
    let calls = chats(server, "supervisor");
    let messages = calls.last().unwrap()["messages"].as_array().unwrap().clone();
    messages.iter().map(|message| message["content"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn long_replies_are_cut_and_older_ones_shrink() {
    let reply = sentences(400);
    let server = served(reply.clone());
    let ran = Program::new().run_job(&job(&server, "minion", params(json!({}))));
    let result = ran.result();
    assert_eq!(result["status"], "answered", "{result}");
    let calls = chats(&server, "supervisor");
    let second = last(&calls[1]);
    assert!(second.contains("Sentence 0095 says") && !second.contains("Sentence 0110"), "{second}");
    assert!(
        second.contains("more characters: cut off here, as the reply is too long; ask for what is missing]"),
        "{second}"
    );
    // In the last call the first two replies are short, the last one is not.
    let texts = read_last(&server);
    let [first, older, newest] = [2, 4, 6].map(|at| &texts[at]);
    for text in [first, older] {
        assert!(text.contains("Sentence 0020 says") && !text.contains("Sentence 0030"), "{text}");
        assert!(text.contains("left out here, as you have read them]"), "{text}");
    }
    assert!(newest.contains("Sentence 0095 says"), "{newest}");
    // The worker keeps what it said, and so does the log.
    let worker = chats(&server, "worker");
    assert!(worker.last().unwrap()["messages"].to_string().contains("Sentence 0399"));
    assert!(result["worker_messages"].to_string().contains("Sentence 0399"), "{}", result["worker_messages"]);
}

#[test]
fn the_limit_is_the_jobs_own() {
    for (limit, has, has_not) in
        [(300, "Sentence 0008", "Sentence 0020"), (100_000, "Sentence 0399", "Sentence 0400")]
    {
        let server = served(sentences(400));
        let params = params(json!({"max_reply_chars": limit, "max_rounds": 1}));
        Program::new().run_job(&job(&server, "minion", params));
        let told = last(&chats(&server, "supervisor")[1]).to_owned();
        assert!(told.contains(has) && !told.contains(has_not), "{limit}: {told}");
    }
    let server = served(String::new());
    let mut bad = job(&server, "minion", params(json!({"max_reply_chars": 5})));
    let ran = Program::new().run_job(&bad);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stdout.contains("`call_params.max_reply_chars` must be from 100 to 1000000, not 5"),
        "{}",
        ran.stdout
    );
    bad["protocol"]["type"] = json!("minions");
    assert_eq!(Program::new().run_job(&bad).code, Some(2));
}

#[test]
fn replies_of_other_scripts_are_cut_at_characters() {
    let server = served((1000..1400).map(|n| format!("第{n}天船长签署文件。")).collect());
    Program::new().run_job(&job(&server, "minion", params(json!({"max_rounds": 1}))));
    let told = last(&chats(&server, "supervisor")[1]).to_owned();
    let words = told.split("<reply>\n").nth(1).unwrap().split("\n[").next().unwrap();
    assert_eq!(words.chars().count(), 2500, "{words}");
}

#[test]
fn documents_that_cost_less_than_the_rounds_are_told_before_the_first_call() {
    let small = json!({"context": ["Ada signed.", "Bob too."]});
    for (kind, extra, is_told) in [
        ("openai", small.clone(), true),
        ("openai", json!({}), false),
        ("openai", json!({"context": []}), false),
        // Tokens of a model of one's own cost nothing.
        ("vllm", small, false),
    ] {
        let server = served("Ada".to_owned());
        let mut job = job(&server, "minion", params(extra));
        job["remote_client"]["type"] = json!(kind);
        let ran = Program::new().run_job(&job);
        let at = ran.stderr.find("sending the documents would cost less. Hint: ");
        assert_eq!(at.is_some(), is_told, "{kind}: {}", ran.stderr);
        if let Some(at) = at {
            assert!(
                ran.stderr.contains("3 rounds of minion cost about 5100 remote tokens"),
                "{}",
                ran.stderr
            );
            assert!(ran.stderr.find("round 1/3").is_none_or(|round| at < round), "{}", ran.stderr);
            assert_eq!(ran.code, Some(0), "{}", ran.stdout);
        }
    }
}
