//! `remote_only` and `local_only`: one call of one side, with all that every protocol has.

use serde_json::{Value, json};

use crate::support::program::{Program, Ran, chats, job, last, scripted};
use crate::support::server::{Reply, Server};
use crate::support::wire::openai;

const TEXT: &str = "The Aurora lay off Brest.\nSigned by Ada on 3 May.";

fn reply(citation: &str) -> String {
    json!({"explanation": "e", "answer": "Ada", "citations": [citation]}).to_string()
}

/// A server of both sides, each of which answers at once.
fn server() -> Server {
    scripted(vec![reply("Signed by Ada"); 4], |request| openai(request, &reply("signed by Ada on 3 May")))
}

fn dead() -> Value {
    json!({"type": "vllm", "model_name": "m", "kwargs": {"base_url": "http://127.0.0.1:9/v1", "retries": 0}})
}

fn the_job(server: &Server, protocol: &str) -> Value {
    let documents = json!([{"name": "log.txt", "text": TEXT}, {"name": "b.txt", "text": "Fog all day."}]);
    job(
        server,
        protocol,
        json!({"task": "Who signed?", "doc_metadata": "A ship's log.", "context": documents}),
    )
}

fn run(job: &Value) -> Ran {
    Program::new().env("DOCKER_HOST", "unix:///nowhere/docker.sock").run_job(job)
}

#[test]
fn the_supervisor_alone_reads_the_documents() {
    let server = server();
    let mut job = the_job(&server, "remote_only");
    // Nobody asks the worker.
    job["local_client"] = dead();
    let result = run(&job).result();
    assert_eq!((&result["final_answer"], &result["status"]), (&json!("Ada"), &json!("answered")));
    let calls = chats(&server, "supervisor");
    assert_eq!(calls.len(), 1);
    for words in [TEXT, "Fog all day.", "Who signed?", "A ship's log.", "log.txt"] {
        assert!(last(&calls[0]).contains(words), "{words}: {}", last(&calls[0]));
    }
    let evidence = &result["evidence"][0];
    assert_eq!(
        (&evidence["source"], &evidence["verified"], &evidence["start"]),
        (&json!("log.txt"), &json!(true), &json!(26))
    );
    assert_eq!(result["evidence_summary"], json!({"citations": 1, "verified": 1}));
    assert_eq!((&result["rounds"], &result["local_usage"]["total_tokens"]), (&json!(1), &json!(0)));
    // All but the blank at an end.
    let egress = &result["egress"];
    assert!(egress["context_chars"].as_u64().unwrap() + 1 >= (TEXT.len() + 12) as u64, "{egress}");
    let log = &result["conversation_log"];
    assert_eq!(
        (&log["protocol"], &log["context"][1]["text"]),
        (&json!("remote_only"), &json!("Fog all day."))
    );
    assert!(!result["supervisor_messages"].to_string().contains("Aurora"), "the documents are told once");
}

#[test]
fn the_worker_alone_answers_and_nothing_leaves() {
    let server = server();
    let mut job = the_job(&server, "local_only");
    // Nobody asks the supervisor, so nobody needs its key.
    job["remote_client"] = Value::Null;
    let ran = run(&job);
    let result = ran.result();
    assert_eq!((&result["final_answer"], &result["status"]), (&json!("Ada"), &json!("answered")));
    assert_eq!(
        (&result["evidence"][0]["verified"], &result["evidence"][0]["source"]),
        (&json!(true), &json!("log.txt"))
    );
    assert_eq!((&result["egress"]["bytes"], &result["remote_usage"]["total_tokens"]), (&json!(0), &json!(0)));
    assert_eq!(chats(&server, "worker").len(), 1);
    assert!(chats(&server, "supervisor").is_empty());
}

#[test]
fn words_that_no_document_has_make_an_answer_partial() {
    for protocol in ["remote_only", "local_only"] {
        let said =
            || json!({"explanation": "e", "answer": "Bert", "citations": ["Signed by Bert"]}).to_string();
        let server = scripted(vec![said()], move |request| openai(request, &said()));
        let ran = run(&the_job(&server, protocol));
        let result = ran.result();
        assert_eq!(
            (&result["status"], &result["evidence"][0]["verified"]),
            (&json!("partial"), &json!(false))
        );
        assert!(ran.stderr.contains("have none of the words"), "{}", ran.stderr);
    }
}

#[test]
fn a_reply_that_is_no_json_is_the_answer_and_null_is_none() {
    for protocol in ["remote_only", "local_only"] {
        for (said, answer, status) in [
            ("Ada signed it.", "Ada signed it.", "answered"),
            (r#"{"explanation": "e", "answer": null, "citations": []}"#, "No answer found.", "no_answer"),
        ] {
            let server = scripted(vec![said.to_owned()], move |request| openai(request, said));
            let result = run(&the_job(&server, protocol)).result();
            assert_eq!((&result["final_answer"], &result["status"]), (&json!(answer), &json!(status)));
            let asked = chats(&server, "worker").len() + chats(&server, "supervisor").len();
            assert_eq!(asked, 1, "the documents are not read twice");
        }
    }
}

#[test]
fn what_may_not_leave_does_not_and_budgets_hold() {
    for (budget, words) in [
        (
            json!({"egress_chars": 20}),
            "characters of the documents would have left this machine, and the budget is 20",
        ),
        (json!({"egress_bytes": 60}), "would have left this machine, and the budget is 60"),
        (json!({"remote_tokens": 40}), "budget of 40 remote tokens does not cover"),
    ] {
        let server = server();
        let mut job = the_job(&server, "remote_only");
        job["budget"] = budget;
        let error = run(&job).error(1);
        assert!(error.contains(words), "{error}");
        assert!(chats(&server, "supervisor").is_empty());
    }
}

#[test]
fn documents_that_no_window_holds_cost_nothing() {
    let text = "The Aurora lay off Brest. ".repeat(4000);
    for (protocol, side) in [("remote_only", "remote_client"), ("local_only", "local_client")] {
        let server = Server::start(|request| match request.path.as_str() {
            "/props" => {
                Reply::json(&json!({"default_generation_settings": {"n_ctx": 4096}, "total_slots": 1}))
            }
            _ => Reply::text(404, "not found"),
        });
        let mut job = the_job(&server, protocol);
        job["call_params"]["context"] = json!([text]);
        job[side] = json!({"type": "llama_server", "model_name": "m", "kwargs": {"base_url": server.url()}});
        let error = run(&job).error(1);
        assert!(error.contains("4096"), "{protocol}: {error}");
        let posts = server.requests().into_iter().filter(|request| request.path.ends_with("completions"));
        assert_eq!(posts.count(), 0, "{protocol}");
    }
}

#[test]
fn both_are_recorded_and_replayed_and_are_lines_of_a_batch() {
    for protocol in ["remote_only", "local_only"] {
        let server = server();
        let (tape, mut job) = (tempfile::tempdir().unwrap(), the_job(&server, protocol));
        Program::new().args(["--record", tape.path().to_str().unwrap()]).run_job(&job).result();
        drop(server);
        for side in ["local_client", "remote_client"] {
            job[side]["kwargs"] = json!({"base_url": "http://127.0.0.1:9/v1"});
        }
        let replayed =
            Program::new().args(["--replay", tape.path().to_str().unwrap()]).run_job(&job).result();
        assert_eq!(replayed["final_answer"], "Ada");
        let server = self::server();
        let mut body = the_job(&server, protocol);
        body.as_object_mut().unwrap().remove("protocol");
        let line =
            json!({"custom_id": "a", "method": "POST", "url": format!("/v1/{protocol}"), "body": body});
        let ran = Program::new().args(["batch"]).run(line.to_string());
        let line: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(line["result"]["final_answer"], "Ada", "{line}");
    }
}

#[test]
fn pictures_go_to_the_side_that_is_asked() {
    let picture = "data:image/png;base64,iVBORw0KGgo=";
    for (protocol, model) in [("remote_only", "supervisor"), ("local_only", "worker")] {
        let server = server();
        let mut job = the_job(&server, protocol);
        job["call_params"]["images"] = json!([picture]);
        run(&job).result();
        assert!(chats(&server, model)[0].to_string().contains("iVBORw0KGgo"), "{protocol}");
    }
}

#[test]
fn a_follow_up_is_understood_by_the_side_that_is_asked() {
    let history =
        json!([{"role": "user", "content": "Where?"}, {"role": "assistant", "content": "Off Brest."}]);
    let understood = json!({"refers_to": "the log", "task": "Who signed the log?"}).to_string();
    for (protocol, model, other) in
        [("remote_only", "supervisor", "local"), ("local_only", "worker", "remote")]
    {
        let words = understood.clone();
        let server = scripted(vec![understood.clone(), reply("Signed by Ada")], move |request| {
            let is_first = request.json().to_string().contains("Off Brest.")
                && !request.json().to_string().contains("Aurora");
            openai(request, if is_first { &words } else { r#"{"answer": "Ada", "citations": []}"# })
        });
        let mut job = the_job(&server, protocol);
        job["call_params"]["history"] = history.clone();
        let result = run(&job).result();
        assert_eq!(
            (&result["standalone_task"], &result["final_answer"]),
            (&json!("Who signed the log?"), &json!("Ada"))
        );
        assert_eq!(chats(&server, model).len(), 2, "{protocol}");
        assert_eq!(result["conversation_history"]["turns"][1]["remote_output"], "Ada");
        job["protocol"]["kwargs"] = json!({"rewrite": other});
        let error = run(&job).error(2);
        assert!(error.contains("does not ask the"), "{error}");
    }
}

#[test]
fn a_dry_run_says_that_an_egress_limit_refuses_the_job() {
    let server = server();
    let dry = |protocol: &str, args: &[&str], local: &str| {
        let mut job = the_job(&server, protocol);
        if local.is_empty() {
            job["local_client"] = json!({"type": "vllm", "model_name": "m"});
        }
        let ran = Program::new().args(["run", "--dry-run"]).args(args.iter().copied()).run_job(&job);
        assert!(!ran.stderr.contains("no effect"), "{}", ran.stderr);
        ran.result()["egress_refusal"].clone()
    };
    for (args, unit) in
        [(["--max-egress-chars", "10"], "characters"), (["--max-egress-bytes", "10"], "bytes")]
    {
        let why = dry("remote_only", &args, "here");
        assert!(
            why.as_str().unwrap().contains(unit) && why.as_str().unwrap().ends_with("the egress limit is 10"),
            "{why}"
        );
        assert_eq!(dry("local_only", &args, ""), Value::Null, "its worker is on this machine");
        assert_eq!(dry("minions", &args, ""), Value::Null, "it may send less");
        let why = dry("minions", &[args[0], "0"], "");
        assert!(why.as_str().unwrap().contains("sends quotes"), "{why}");
    }
    assert_eq!(dry("remote_only", &["--max-egress-chars", "100000"], "here"), Value::Null);
}

#[test]
fn a_dry_run_says_what_leaves() {
    let server = server();
    let dry = |protocol: &str| {
        let ran = Program::new().args(["run", "--dry-run"]).run_job(&the_job(&server, protocol));
        ran.result()
    };
    let remote = dry("remote_only");
    assert_eq!((&remote["remote_calls"], &remote["local_tokens"]), (&json!(1), &json!(0)));
    assert_eq!(remote["leaves"]["document_names"], json!(["log.txt", "b.txt"]));
    let local = dry("local_only");
    assert_eq!((&local["remote_calls"], &local["leaves"]["document_names"]), (&json!(0), &json!([])));
    let chars = [&remote, &local].map(|told| &told["leaves"]["context_chars"]);
    assert_eq!(chars, [&json!(TEXT.len() + 12), &Value::Null]);
    let mut job = the_job(&server, "remote_only");
    job["remote_client"] = json!({"type": "vllm", "model_name": "m"});
    let here = Program::new().args(["run", "--dry-run"]).run_job(&job).result();
    assert_eq!(here["leaves"], json!({"document_names": []}), "the supervisor is on this machine");
}
