//! What becomes of a reply that is refused, cut off, failed or no answer, as the user of a job sees it.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use serde_json::{Value, json};

use crate::support::program::{Program, Ran, chats, job, last, scripted};
use crate::support::server::{Reply, Server};
use crate::support::wire::{self, openai};

const PROGRAM: &str = r#"```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=doc, task="Which year?", advice="") for doc in context]
```"#;

fn ask() -> String {
    json!({"reasoning": "r", "decision": "request_additional_info", "message": "Which year?", "answer": null})
        .to_string()
}

fn answer() -> String {
    json!({
        "reasoning": "r", "explanation": "e", "decision": "provide_final_answer", "message": null, "answer": "1931",
        "feedback": null, "scratchpad": null,
    })
    .to_string()
}

fn params() -> Value {
    let documents = ["Electric light came in 1931.", "A cable was laid.", "The tower is white."];
    json!({"task": "When?", "context": documents, "max_rounds": 2})
}

/// A whole reply whose choice has these fields.
fn choice(message: Value, reason: Value) -> Reply {
    Reply::json(&json!({
        "object": "chat.completion", "usage": {"prompt_tokens": 10, "completion_tokens": 5},
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
    }))
}

/// A job whose supervisor always gets `reply`, without further tries.
fn supervised(reply: &Reply) -> (Ran, usize) {
    let reply = reply.clone();
    let server = Server::start(move |_| reply.clone());
    let mut job = job(&server, "minion", params());
    job["remote_client"]["kwargs"]["retries"] = json!(0);
    let ran = Program::new().run_job(&job);
    (ran, chats(&server, "supervisor").len())
}

#[test]
fn a_refusal_of_the_supervisor_ends_the_job_at_once_by_its_name() {
    let refusal = json!({"role": "assistant", "content": null, "refusal": "I can't help with that."});
    let part = json!({"role": "assistant", "content": "{\"message\": \"Which ye"});
    for (reply, how) in [
        (choice(refusal, json!("stop")), "refused to answer: I can't help with that."),
        (choice(part.clone(), json!("content_filter")), "refused to answer (content_filter)"),
        (choice(part, json!("SAFETY")), "refused to answer (SAFETY)"),
        (Reply::json(&json!({"object": "chat.completion", "choices": []})), "gave no choice: a filter may"),
    ] {
        let (ran, asked) = supervised(&reply);
        let error = ran.error(1);
        assert!(error.contains(how) && error.contains("Ask in other words"), "{error}");
        assert_eq!(asked, 1, "{error}");
    }
}

#[test]
fn a_reply_that_is_no_whole_answer_fails_by_its_reason() {
    let said = |text: &str| json!({"role": "assistant", "content": text});
    let thought = json!({"role": "assistant", "content": "", "reasoning_content": "The user wants a year."});
    let call = json!({"role": "assistant", "content": "Let me look.", "tool_calls": [{"id": "1", "type": "function"}]});
    for (reply, how) in [
        (choice(said(&ask()), json!("error")), "broke its reply off, for the reason \"error\""),
        (choice(said(&ask()), json!("because")), "for the reason \"because\", which is not known here"),
        (choice(thought, json!("stop")), "sent its reasoning alone, and no answer"),
        (choice(said("<think>The user wants"), json!("stop")), "sent its reasoning alone, and no answer"),
        (choice(call, json!("tool_calls")), "asked for a tool, though it was offered none"),
    ] {
        let error = supervised(&reply).0.error(1);
        assert!(error.contains(how), "{error}");
    }
}

#[test]
fn json_that_is_all_of_the_reasoning_is_the_reply() {
    let script = [ask(), answer()].map(|text| json!({"role": "assistant", "content": "", "reasoning": text}));
    let server = Server::start(move |request| match request.json()["model"].as_str() {
        Some("worker") => openai(request, "In 1931."),
        Some(_) => {
            choice(script[request.json()["messages"].as_array().unwrap().len() / 2].clone(), json!("stop"))
        }
        None => Reply::text(404, "not found"),
    });
    assert_eq!(Program::new().run_job(&job(&server, "minion", params())).result()["final_answer"], "1931");
}

#[test]
fn a_lost_reply_of_a_workers_chat_is_told_and_makes_the_answer_partial() {
    let said = |text: &str, reason: &str| choice(json!({"content": text}), json!(reason));
    for (reply, told, warning) in [
        (said("I will not.", "content_filter"), "[the small model refused to answer]", "refused to answer"),
        (
            said("In 19", "MAX_TOKENS"),
            "In 19\n[cut off here by the token limit]",
            "cut off by the token limit",
        ),
        (said("", "stop"), "[the small model said nothing]", "without text"),
    ] {
        let server = scripted(vec![ask(), answer()], move |_| reply.clone());
        let mut job = job(&server, "minion", params());
        job["local_client"]["kwargs"]["retries"] = json!(0);
        let ran = Program::new().run_job(&job);
        assert_eq!(ran.result()["status"], "partial", "{warning}");
        assert!(ran.stderr.contains(warning), "{}", ran.stderr);
        let prompt = chats(&server, "supervisor")[1].clone();
        assert!(last(&prompt).contains(told) && !last(&prompt).contains("I will not"), "{prompt}");
    }
}

#[test]
fn a_refused_worker_job_is_a_lost_one() {
    let found = r#"{"explanation": "e", "citation": "Electric light came in 1931", "answer": "1931"}"#;
    let server = scripted(vec![PROGRAM.into(), answer()], move |request| {
        if request.prompt().contains("cable") {
            choice(json!({"content": found}), json!("content_filter"))
        } else {
            openai(request, found)
        }
    });
    let ran = Program::new().run_job(&job(&server, "minions", params()));
    assert_eq!(ran.result()["status"], "partial");
    assert!(ran.stderr.contains("refused to answer (content_filter)"), "{}", ran.stderr);
    assert_eq!(chats(&server, "worker").len(), 3);
    assert!(last(&chats(&server, "supervisor")[1]).contains("% of the text, 2 with an answer, 1 lost)"));
}

#[test]
fn a_refusal_for_the_content_by_a_status_is_a_refusal_on_both_sides() {
    for (status, error) in [
        (400, json!({"code": "content_filter", "message": "triggered the content management policy"})),
        (
            400,
            json!({"code": "data_inspection_failed", "message": "Input may contain inappropriate content."}),
        ),
        (403, json!({"message": "Your input was flagged by the moderation"})),
        (200, json!({"code": "content_policy_violation", "message": "no"})),
    ] {
        let refusal = match status {
            200 => Reply::json(&json!({"error": error})),
            _ => Reply::error(status, &json!({"error": error})),
        };
        let (ran, asked) = supervised(&refusal);
        let told = ran.error(1);
        assert!(told.contains("the supervisor refused") && told.contains("Ask in other words"), "{told}");
        assert_eq!(asked, 1, "{told}");
        let server = scripted(vec![ask(), answer()], move |_| refusal.clone());
        assert_eq!(Program::new().run_job(&job(&server, "minion", params())).result()["status"], "partial");
        assert_eq!(chats(&server, "worker").len(), 1, "{error}");
        assert!(last(&chats(&server, "supervisor")[1]).contains("[the small model refused to answer]"));
    }
}

#[test]
fn the_first_call_of_a_round_that_is_forbidden_is_a_lost_one() {
    let found = r#"{"explanation": "e", "citation": "Electric light came in 1931", "answer": "1931"}"#;
    for body in ["", "Request blocked", r#"{"error": {"message": "Forbidden"}}"#] {
        let asked = AtomicUsize::new(0);
        let server =
            scripted(vec![PROGRAM.into(), answer()], move |request| match asked.fetch_add(1, SeqCst) {
                0 => Reply::text(403, body),
                _ => openai(request, found),
            });
        let mut job = job(&server, "minions", params());
        job["local_client"]["kwargs"]["max_concurrency"] = json!(1);
        assert_eq!(Program::new().run_job(&job).result()["status"], "partial", "{body}");
        assert_eq!(chats(&server, "worker").len(), 3, "{body}");
    }
}

#[test]
fn an_answer_that_nothing_in_the_documents_proves_is_partial() {
    for (citation, status) in [
        (json!("Electric light came in 1931"), "answered"),
        (json!("the lamp was lit in 1931"), "partial"),
        (Value::Null, "answered"),
    ] {
        let found = json!({"explanation": "e", "citation": citation, "answer": "1931"}).to_string();
        let server = scripted(vec![PROGRAM.into(), answer()], move |request| openai(request, &found));
        let ran = Program::new().run_job(&job(&server, "minions", params()));
        assert_eq!(ran.result()["status"], status, "{citation}");
        let is_told = ran.stderr.contains("the documents have none of the words that the worker cites");
        assert_eq!(is_told, status == "partial", "{}", ran.stderr);
    }
}

#[test]
fn a_program_that_was_cut_off_is_not_run() {
    let cut = PROGRAM.replace("\n```", "\n\ndef transform_outputs(jobs):");
    let server = Server::start(move |request| match request.json()["messages"].as_array().map(Vec::len) {
        _ if request.json()["model"] == "worker" => {
            openai(request, r#"{"explanation": "e", "citation": null, "answer": "1931"}"#)
        }
        Some(1) if request.prompt().contains("<answers>") => wire::openai(request, &answer()),
        Some(1) => choice(json!({"content": cut}), json!("length")),
        _ => wire::openai(request, PROGRAM),
    });
    let ran = Program::new().run_job(&job(&server, "minions", params()));
    assert_eq!(ran.result()["status"], "answered");
    let mending = chats(&server, "supervisor")[1].clone();
    assert!(last(&mending).contains("the token limit cut your program off"), "{mending}");
}

#[test]
fn counts_that_cannot_be_are_told_and_not_believed() {
    let server = Server::start(move |request| {
        let text = match request.json()["model"].as_str() {
            Some("worker") => return openai(request, "In 1931."),
            Some(_) if request.prompt().contains("<reply>") => answer(),
            Some(_) => ask(),
            None => return Reply::text(404, "not found"),
        };
        Reply::json(&json!({
            "choices": [{"index": 0, "message": {"content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": u64::MAX, "completion_tokens": 1_000_000_000_000_000_u64},
        }))
    });
    let ran = Program::new().run_job(&job(&server, "minion", params()));
    let total = ran.result()["remote_usage"]["total_tokens"].as_u64().unwrap();
    assert!(total > 100 && total < 10_000, "{total}");
    assert!(ran.stderr.contains("which cannot be"), "{}", ran.stderr);
}
