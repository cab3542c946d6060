//! The `minion` protocol through the real executable, against a scripted server.

use serde_json::{Value, json};

use crate::support::program::{self, Program, chats, job, last};
use crate::support::server::Server;
use crate::support::wire::openai;

/// Answers the supervisor with `script` in turn and the worker always the same.
fn scripted(script: Vec<String>, worker: &'static str) -> Server {
    program::scripted(script, move |request| openai(request, worker))
}

fn ask(message: &str) -> String {
    json!({"reasoning": "r", "decision": "request_additional_info", "message": message, "answer": null})
        .to_string()
}

fn answer(text: &str) -> String {
    json!({"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": text}).to_string()
}

fn params() -> Value {
    json!({"task": "Who signed?", "context": ["Signed by Ada.", "Countersigned by Bob."], "max_rounds": 3})
}

#[test]
fn a_chat_to_its_answer() {
    let server = scripted(
        vec![
            ask("Which names are there?"),
            format!("Sure:\n```json\n{}\n```", ask("Who is first?")),
            answer("Ada"),
        ],
        "Ada, it says \"Signed by Ada.\"",
    );
    let ran = Program::new().run_job(&job(&server, "minion", params()));
    let result = ran.result();
    assert_eq!(result["final_answer"], "Ada");
    assert_eq!(result["status"], "answered");

    // One remote call, and one per round.
    let (remote, local) = (chats(&server, "supervisor"), chats(&server, "worker"));
    assert_eq!((remote.len(), local.len()), (3, 2));
    // The supervisor never sees the documents, the worker sees them first and in the same words each time.
    assert!(remote.iter().all(|body| !body.to_string().contains("Countersigned")));
    let system = local[0]["messages"][0]["content"].as_str().unwrap();
    assert!(system.find("Signed by Ada.").unwrap() < system.find("Who signed?").unwrap());
    assert_eq!(local[1]["messages"].as_array().unwrap()[..2], local[0]["messages"].as_array().unwrap()[..]);
    assert_eq!(local[1]["messages"][3]["content"], "Who is first?");

    for side in ["remote_usage", "local_usage"] {
        let usage = &result[side];
        let calls = if side == "remote_usage" { 3 } else { 2 };
        assert_eq!(usage["prompt_tokens"], 10 * calls, "{usage}");
        assert_eq!(usage["total_tokens"], 15 * calls, "{usage}");
    }
    let roles = |side: &str| -> Vec<String> {
        result[side].as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(roles("worker_messages"), ["system", "user", "assistant", "user", "assistant"]);
    assert_eq!(roles("supervisor_messages"), ["user", "assistant"].repeat(3));

    let log = ran.log();
    assert_eq!(log, result["conversation_log"]);
    assert_eq!(log["context"], json!(["Signed by Ada.", "Countersigned by Bob."]));
    assert_eq!(log["generated_final_answer"], "Ada");
    let users: Vec<_> = log["conversation"].as_array().unwrap().iter().map(|e| e["user"].clone()).collect();
    assert_eq!(users, ["remote", "local", "remote", "local", "remote"]);
    let timing = &result["timing"];
    let seconds = |key: &str| timing[key].as_f64().unwrap();
    let parts = seconds("local_call_time") + seconds("remote_call_time") + seconds("overhead_time");
    assert!((parts - seconds("total_time")).abs() < 1e-6, "{timing}");
}

#[test]
fn documents_keep_their_names() {
    let server = scripted(vec![ask("Who?"), answer("Ada")], "Ada, it says \"Signed by Ada, in Brest.\"");
    let context = json!([{"name": "a.pdf", "text": "Signed by Ada, in Brest."}, "Countersigned by Bob."]);
    let params = json!({"task": "Who signed?", "context": context, "max_rounds": 3});
    let result = Program::new().run_job(&job(&server, "minion", params)).result();
    let read = chats(&server, "worker")[0]["messages"][0]["content"].as_str().unwrap().to_owned();
    let joined =
        "[Document 1 of 2: a.pdf]\nSigned by Ada, in Brest.\n\n[Document 2 of 2]\nCountersigned by Bob.";
    assert!(read.contains(joined), "{read}");
    assert_eq!(result["conversation_log"]["context"], context);
    let passages = json!([{"document": 0, "start": 0, "end": 24, "source": "a.pdf"}]);
    assert_eq!(result["egress"]["passages"], passages);
}

#[test]
fn the_last_round_must_answer() {
    let server = scripted(vec![ask("Q"), ask("more"), ask("more"), answer("Ada")], "Ada");
    let mut job = job(&server, "minion", params());
    job["call_params"]["max_rounds"] = json!(1);
    assert_eq!(Program::new().run_job(&job).result()["final_answer"], "Ada");
    let remote = chats(&server, "supervisor");
    assert_eq!(
        remote[1]["response_format"]["json_schema"]["schema"]["properties"]["decision"]["enum"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert!(last(&remote[2]).contains("no messages are left"));
}

#[test]
fn rounds_used_up_are_no_failure() {
    let server = scripted([vec![ask("Q")], vec![ask("more"); 4]].concat(), "Ada");
    let mut job = job(&server, "minion", params());
    job["call_params"]["max_rounds"] = json!(1);
    let result = Program::new().run_job(&job).result();
    assert_eq!(result["final_answer"], "No answer found.");
    assert_eq!(result["status"], "no_answer");
}

#[test]
fn a_reply_that_stays_unusable_is_quoted() {
    let server = scripted(vec!["I would rather talk about boats.".into(); 4], "Ada");
    let ran = Program::new().run_job(&job(&server, "minion", params()));
    let error = ran.error(1);
    assert!(error.contains("after 4 tries") && error.contains("about boats"), "{error}");
    // What it cost is in the log all the same.
    let log = ran.log();
    assert_eq!(log["usage"]["remote"]["prompt_tokens"], 40);
    assert_eq!(log["error"], error);
}

#[test]
fn without_documents_the_worker_answers_from_what_it_knows() {
    for context in [json!(null), json!([]), json!([""])] {
        let server = scripted(vec![ask("Q"), answer("Paris")], "Paris");
        let job = job(&server, "minion", json!({"task": "Capital of France?", "context": context}));
        assert_eq!(Program::new().run_job(&job).result()["final_answer"], "Paris");
        let system = chats(&server, "worker")[0]["messages"][0]["content"].as_str().unwrap().to_owned();
        assert!(!system.contains("<documents>"), "{system}");
    }
}

#[test]
fn a_budget_of_tokens_is_kept() {
    let server = scripted(vec![ask("Q"), ask("Q"), answer("Ada")], "Ada");
    let mut job = job(&server, "minion", params());
    job["budget"] = json!({"remote_tokens": 300});
    let error = Program::new().run_job(&job).error(1);
    assert!(error.contains("budget of 300 remote tokens"), "{error}");
    assert!(chats(&server, "supervisor").len() < 3);
}

#[test]
fn the_workers_replies_take_the_jobs_schema() {
    let server = scripted(vec![ask("Q"), answer("Ada")], "{\"name\": \"Ada\"}");
    let mut job = job(&server, "minion", params());
    let schema = json!({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]});
    job["local_client"]["kwargs"]["structured_output_schema"] = schema.clone();
    Program::new().run_job(&job).result();
    assert_eq!(chats(&server, "worker")[0]["response_format"]["json_schema"]["schema"], schema);
}

#[test]
fn a_log_is_named_by_the_job_and_its_loss_is_no_failure() {
    let server = scripted(vec![ask("Q"), answer("Ada")], "Ada");
    let mut named = job(&server, "minion", params());
    named["call_params"]["logging_id"] = json!("run-7");
    named["protocol"]["log_dir"] = json!("logs/today");
    let ran = Program::new().run_job(&named);
    assert_eq!(ran.result()["log_file"], "logs/today/run-7_minion.json");
    assert!(ran.dir.path().join("logs/today/run-7_minion.json").exists());

    let server = scripted(vec![ask("Q"), answer("Ada")], "Ada");
    let mut lost = job(&server, "minion", params());
    lost["protocol"]["log_dir"] = json!("/proc/no/such/place");
    let ran = Program::new().run_job(&lost);
    assert_eq!(ran.result()["log_file"], Value::Null);
    assert!(ran.stderr.contains("no conversation log"), "{}", ran.stderr);
}

#[test]
fn an_answer_that_is_there_is_taken() {
    let odd = |decision: Value, message: Value| {
        json!({"reasoning": "r", "decision": decision, "message": message, "answer": "Ada"}).to_string()
    };
    // In the last round nothing but an answer can follow; before it, a plain slip of the pen is no reason to ask again.
    for (rounds, reply) in [
        (1, odd(json!("request_additional_info"), json!("more"))),
        (1, odd(json!(null), json!(null))),
        (2, odd(json!(null), json!(null))),
        (2, odd(json!("Provide Final Answer"), json!("none"))),
    ] {
        let server = scripted(vec![ask("Q"), reply], "Ada");
        let mut job = job(&server, "minion", params());
        job["call_params"]["max_rounds"] = json!(rounds);
        assert_eq!(Program::new().run_job(&job).result()["final_answer"], "Ada");
    }
}

#[test]
fn a_worker_that_says_nothing_is_asked_in_other_words() {
    let script = vec![ask("Who?"), ask("Which name is there?"), answer("nobody")];
    let server = program::scripted(script, |request| match last(&request.json()) {
        "Who?" => openai(request, ""),
        _ => openai(request, "None."),
    });
    let result = Program::new().run_job(&job(&server, "minion", params())).result();
    assert_eq!(result["final_answer"], "nobody");
    assert!(last(&chats(&server, "supervisor")[1]).contains("[the small model said nothing]"));
    // Asked twice: 1 retry.
    assert_eq!(result["local_usage"]["prompt_tokens"], 30);
}
