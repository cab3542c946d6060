//! What a job cost against a run that would have sent the documents, in tokens and in dollars.

use serde_json::{Value, json};

use crate::support::program::{Program, chats, job, scripted};
use crate::support::server::Server;
use crate::support::wire::openai;

fn server() -> Server {
    let step = |decision: &str, answer: Value| {
        json!({"reasoning": "r", "decision": decision, "message": "Which ship?", "answer": answer})
            .to_string()
    };
    scripted(vec![step("", Value::Null), step("provide_final_answer", json!("Aurora"))], |request| {
        openai(request, "the Aurora")
    })
}

/// A task of 4 characters, documents of 4,000, a note of 40: 1,011 tokens; the answer has 2.
fn the_job(server: &Server, prices: Value) -> Value {
    let document = "é ".repeat(1000);
    let params = json!({"task": "Who?", "context": [document, document], "doc_metadata": "x".repeat(40)});
    let mut job = job(server, "minion", params);
    job["protocol"]["kwargs"] = json!({"prices": prices});
    job
}

#[test]
fn savings_are_told_with_their_method() {
    let server = server();
    let savings = Program::new().run_job(&the_job(&server, Value::Null)).result()["savings"].take();
    let remote_only = json!({"prompt_tokens": 1011, "completion_tokens": 2, "total_tokens": 1013});
    assert_eq!(savings["remote_only"], remote_only);
    let used = savings["remote"]["total_tokens"].as_i64().unwrap();
    assert!(used > 0);
    assert_eq!(savings["saved_tokens"], 1013 - used);
    assert_eq!(savings["ratio"], (1013.0 / used as f64 * 100.0).round() / 100.0);
    assert!(savings["method"].as_str().unwrap().contains("characters / 4"));
    assert_eq!(savings["usd"], Value::Null);
}

#[test]
fn long_documents_are_counted_by_a_tokenizer() {
    let server = server();
    let mut job = the_job(&server, Value::Null);
    job["call_params"]["context"] =
        json!(["Nobody remembered when the lighthouse had been switched off. ".repeat(4000)]);
    let savings = Program::new().run_job(&job).result()["savings"].take();
    // 10 tokens to a sentence with its space; by characters it would be 61,000.
    let tokens = savings["remote_only"]["prompt_tokens"].as_u64().unwrap();
    assert!(tokens.abs_diff(40_000) < 100, "{tokens}");
    assert!(savings["method"].as_str().unwrap().ends_with("tokens by the tokenizer o200k_base"), "{savings}");
}

#[test]
fn prices_make_dollars() {
    let server = server();
    let prices = json!({"input": 1000.0, "output": 2000, "cached_input": 100});
    let result = Program::new().run_job(&the_job(&server, prices)).result();
    let usage = |key: &str| result["remote_usage"][key].as_f64().unwrap();
    let spent = (usage("prompt_tokens") * 1000.0 + usage("completion_tokens") * 2000.0) / 1e6;
    let usd = &result["savings"]["usd"];
    let near = |value: &Value, expected: f64| (value.as_f64().unwrap() - expected).abs() < 1e-5;
    assert!(near(&usd["remote"], spent) && near(&usd["remote_only"], 1.015), "{usd}");
    assert!(near(&usd["saved"], 1.015 - spent), "{usd}");
}

#[test]
fn a_job_ends_before_a_call_over_its_dollars() {
    let server = server();
    let mut job = the_job(&server, json!({"input": 1000, "output": 1000}));
    // Each call is 15 tokens by the server's count; the prompts are some hundred characters.
    job["budget"] = json!({"usd": 10});
    Program::new().run_job(&job).result();
    job["budget"] = json!({"usd": 0.001});
    let server = self::server();
    job["remote_client"] = crate::support::program::client(&server, "supervisor");
    let error = Program::new().run_job(&job).error(1);
    assert!(error.contains("the budget of $0.001 does not cover the next call: $0.000000 spent"), "{error}");
    assert!(error.contains("raise budget.usd"), "{error}");
    assert_eq!(chats(&server, "supervisor").len(), 0);
}
