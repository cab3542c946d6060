//! `auto`: what it chooses in a real run, what it says of it, and what follows an answer that does not hold.

use serde_json::{Value, json};

use crate::ask::asking;
use crate::events::follows_the_schema;
use crate::support::program::{Program, Ran, chats, job, scripted};
use crate::support::server::{Reply, Request, Server};
use crate::support::wire::openai;

const TEXT: &str = "The Aurora lay off Brest.\nSigned by Ada on 3 May.";
const PROGRAM: &str = r#"```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=chunk, task="Who signed?", advice="") for doc in context for chunk in chunk_by_section(doc)[:2]]
```"#;

fn alone(answer: &str, citation: &str) -> String {
    json!({"explanation": "e", "answer": answer, "citations": [citation]}).to_string()
}

fn verdict() -> String {
    json!({"explanation": "e", "decision": "provide_final_answer", "answer": "Ada, by the supervisor"})
        .to_string()
}

/// A worker that answers worker jobs, and whole documents with `whole`.
fn worker(
    whole: impl Fn(usize) -> String + Send + Sync + 'static,
) -> impl Fn(&Request) -> Reply + Send + Sync {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    move |request| {
        let is_part = request.prompt().contains("<part>");
        let part = r#"{"explanation": "e", "citation": "Signed by Ada", "answer": "Ada"}"#;
        let text = match is_part {
            true => part.to_owned(),
            false => whole(asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst)),
        };
        openai(request, &text)
    }
}

fn auto(server: &Server, text: &str, kwargs: Value) -> Value {
    let mut job =
        job(server, "auto", json!({"task": "Who signed?", "context": [{"name": "log.txt", "text": text}]}));
    job["protocol"]["kwargs"] = kwargs;
    job
}

fn run(job: &Value) -> Ran {
    Program::new().env("DOCKER_HOST", "unix:///nowhere/docker.sock").run_job(job)
}

fn long() -> String {
    format!("{TEXT}\n{}", "Fog, and more fog, all day long.\n".repeat(6000))
}

#[test]
fn a_short_document_is_sent_and_no_worker_is_looked_for() {
    let server = scripted(vec![alone("Ada", "Signed by Ada")], |_| Reply::text(500, "no"));
    let mut job = auto(&server, TEXT, Value::Null);
    job["local_client"] = json!({"type": "vllm", "model_name": "m", "kwargs": {"base_url": "http://127.0.0.1:9/v1", "retries": 0}});
    let ran = run(&job);
    let result = ran.result();
    let routing = &result["routing"];
    assert_eq!((&routing["chosen"], &routing["cost_sensitivity"]), (&json!("remote_only"), &json!("high")));
    let reason = routing["reason"].as_str().unwrap();
    assert!(
        reason.contains("estimated to cost the least") && ran.stderr.contains(reason),
        "{reason}\n{}",
        ran.stderr
    );
    let names: Vec<_> = routing["estimates"].as_array().unwrap().iter().map(|one| &one["protocol"]).collect();
    assert_eq!(names, ["minion", "minions", "remote_only", "local_only"]);
    assert_eq!(
        (&result["final_answer"], &result["conversation_log"]["protocol"]),
        (&json!("Ada"), &json!("remote_only"))
    );
}

#[test]
fn a_long_one_is_cut_for_the_worker() {
    let server = scripted(vec![PROGRAM.to_owned(), verdict()], worker(|_| alone("x", "y")));
    let result = run(&auto(&server, &long(), Value::Null)).result();
    assert_eq!(result["routing"]["chosen"], "minions");
    assert_eq!(result["final_answer"], "Ada, by the supervisor");
    assert!(result["meta"].is_array() && result["egress"]["context_chars"].as_u64().unwrap() < 600);
    let excluded = &result["routing"]["estimates"][0]["doubt"];
    assert!(excluded.as_str().unwrap().contains("is not trusted with more than"), "{excluded}");
}

#[test]
fn a_worker_that_is_down_is_told_and_done_without() {
    let server = scripted(vec![alone("Ada", "Signed by Ada")], |_| Reply::text(500, "no"));
    let mut job = auto(&server, &long(), Value::Null);
    job["local_client"] = json!({"type": "vllm", "model_name": "m", "kwargs": {"base_url": "http://127.0.0.1:9/v1", "retries": 0}});
    let result = run(&job).result();
    let routing = &result["routing"];
    assert_eq!(routing["chosen"], "remote_only");
    assert_eq!(routing["reason"], "remote_only is the only protocol that can do this job");
    let excluded = routing["estimates"][1]["excluded"].as_str().unwrap();
    assert!(
        excluded.starts_with("the worker can't be used: ") && excluded.contains("127.0.0.1:9"),
        "{excluded}"
    );
    // Where the documents may not leave, nothing is left.
    job["budget"] = json!({"egress_chars": 100});
    job["remote_client"]["kwargs"]["base_url"] = json!("http://192.0.2.1/v1");
    let error = run(&job).error(1);
    assert!(error.contains("no protocol can do this job: minion: the worker can't be used"), "{error}");
    assert!(error.contains("egress limit is 100"), "{error}");
}

#[test]
fn nothing_leaves_where_nothing_is_to_be_spent() {
    let server = scripted(vec![], worker(|_| alone("Ada", "Signed by Ada")));
    let mut job = auto(&server, TEXT, json!({"cost_sensitivity": "uber"}));
    job["remote_client"] = json!({"type": "anthropic"});
    let result = run(&job).result();
    assert_eq!((&result["routing"]["chosen"], &result["egress"]["bytes"]), (&json!("local_only"), &json!(0)));
    assert_eq!(
        (&result["final_answer"], &result["remote_usage"]["total_tokens"]),
        (&json!("Ada"), &json!(0))
    );
}

#[test]
fn an_answer_of_the_worker_that_holds_is_kept() {
    let server = scripted(vec![], worker(|_| alone("Ada", "Signed by Ada")));
    let result = run(&auto(&server, TEXT, json!({"escalate": true}))).result();
    assert_eq!(
        (&result["final_answer"], &result["routing"]["chosen"]),
        (&json!("Ada"), &json!("local_only"))
    );
    let escalation = &result["routing"]["escalation"];
    let told = json!({
        "to": "minions", "escalated": false, "samples": 3, "agreed": 3, "citations": 1, "verified": 1,
        "reason": "3 of 3 answers of the worker say the same, and the documents have its quotes",
    });
    assert_eq!(escalation, &told);
    assert_eq!(chats(&server, "worker").len(), 3);
    assert_eq!(result["remote_usage"]["total_tokens"], 0);
}

#[test]
fn one_that_does_not_hold_is_followed_by_minions_and_both_count() {
    type Whole = fn(usize) -> String;
    let cases: [(Whole, &str); 3] = [
        (|_| alone("Bert", "Signed by Bert"), "of 1 quote in the worker's answer the documents have 0"),
        (
            |at| alone(["Ada", "Bert", "Cleo"][at % 3], "Signed by Ada"),
            "only 1 of 3 answers of the worker say the same",
        ),
        (|_| r#"{"answer": null, "citations": []}"#.to_owned(), "the worker found no answer"),
    ];
    for (whole, why) in cases {
        let server = scripted(vec![PROGRAM.to_owned(), verdict()], worker(whole));
        let result = run(&auto(&server, TEXT, json!({"escalate": true}))).result();
        let escalation = &result["routing"]["escalation"];
        assert_eq!((&escalation["escalated"], &escalation["reason"]), (&json!(true), &json!(why)));
        assert_eq!(
            (&result["final_answer"], &result["status"]),
            (&json!("Ada, by the supervisor"), &json!("answered"))
        );
        assert_eq!(result["conversation_log"]["protocol"], "minions");
        // What the first answer cited does not count any more.
        assert!(
            result["evidence"].as_array().unwrap().iter().all(|cited| cited["citation"] == "Signed by Ada")
        );
        let calls = chats(&server, "worker").len() as u64;
        assert!(
            calls > 3 && result["local_usage"]["total_tokens"] == calls * 15,
            "{calls}: {}",
            result["local_usage"]
        );
        assert_eq!(result["remote_usage"]["total_tokens"], 30);
    }
}

#[test]
fn a_recording_is_replayed_with_the_same_choice() {
    let server = scripted(vec![PROGRAM.to_owned(), verdict()], worker(|_| alone("x", "y")));
    let (tape, mut job) = (tempfile::tempdir().unwrap(), auto(&server, &long(), Value::Null));
    let tape = tape.path().to_str().unwrap();
    let recorded = Program::new().args(["--record", tape]).run_job(&job).result();
    drop(server);
    for side in ["local_client", "remote_client"] {
        job[side]["kwargs"] = json!({"base_url": "http://127.0.0.1:9/v1"});
    }
    let replayed = Program::new().args(["--replay", tape]).run_job(&job).result();
    assert_eq!(
        (&replayed["routing"], &replayed["final_answer"]),
        (&recorded["routing"], &recorded["final_answer"])
    );
}

#[test]
fn a_dry_run_shows_the_choice_and_asks_nobody() {
    let server = scripted(vec![], |_| Reply::text(500, "no"));
    let prices = json!({"prices": {"input": 2.5, "output": 10}});
    let told = Program::new().args(["run", "--dry-run"]).run_job(&auto(&server, &long(), prices)).result();
    assert_eq!((&told["protocol"], &told["routing"]["chosen"]), (&json!("minions"), &json!("minions")));
    assert!(told["routing"]["estimates"][2]["usd"].as_f64().unwrap() > 0.05, "{}", told["routing"]);
    assert!(server.requests().is_empty());
}

#[test]
fn a_worker_that_would_be_late_is_doubted() {
    let server = scripted(vec![], |_| Reply::text(500, "no"));
    let mut job = auto(&server, &long(), json!({}));
    job["local_client"] = json!({"type": "ollama", "model_name": "llama3.2"});
    let doubts = |job: &Value| {
        let told = Program::new().args(["run", "--dry-run"]).run_job(job).result();
        let doubts: Vec<String> = (0..4)
            .map(|at| told["routing"]["estimates"][at]["doubt"].as_str().unwrap_or_default().to_owned())
            .collect();
        (told["routing"]["chosen"].clone(), doubts)
    };
    let (chosen, no_deadline) = doubts(&job);
    assert!(chosen == "minions" && no_deadline[1].is_empty(), "{no_deadline:?}");
    job["budget"] = json!({"deadline_s": 0.5});
    let (chosen, late) = doubts(&job);
    assert!(late[1].starts_with("the worker alone is likely to need "), "{late:?}");
    assert!(late[1].ends_with("and the deadline is 0.5 s") && late[2].is_empty(), "{late:?}");
    assert_eq!(chosen, "remote_only");
}

#[test]
fn a_dry_run_counts_what_follows_the_workers_own_answer() {
    let server = scripted(vec![], |_| Reply::text(500, "no"));
    let dry = |kwargs: Value| {
        Program::new().args(["run", "--dry-run"]).run_job(&auto(&server, TEXT, kwargs)).result()
    };
    let told = dry(json!({"escalate": true}));
    assert_eq!(
        (&told["protocol"], &told["routing"]["escalation"]["to"]),
        (&json!("local_only"), &json!("minions"))
    );
    assert!(told["remote_calls"].as_u64().unwrap() >= 2, "{told}");
    assert!(server.requests().is_empty());
}

#[test]
fn a_picture_that_is_missing_is_told_before_anybody_is_asked() {
    let server = scripted(vec![], |_| Reply::text(500, "no"));
    let mut job = auto(&server, TEXT, json!({}));
    job["call_params"]["images"] = json!(["lost.png"]);
    for args in [&["run"][..], &["run", "--dry-run"]] {
        let error = Program::new().args(args.iter().copied()).run_job(&job).error(2);
        assert!(error.contains("`call_params.images[0]` is no file here"), "{error}");
    }
    assert!(server.requests().is_empty());
}

#[test]
fn what_auto_alone_heeds_is_told_to_others() {
    for (option, protocol) in
        [("--escalate", None), ("--escalate", Some("minion")), ("--cost-sensitivity=low", None)]
    {
        let named = protocol.map(|name| format!("--protocol={name}"));
        let args = ["ask", "--dry-run", option, "Who?"].map(str::to_owned).into_iter().chain(named);
        let ran = Program::new().args(args.collect::<Vec<_>>().iter().map(String::as_str)).run("");
        let name = option.split('=').next().unwrap();
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains(&format!("{name} is for --protocol auto")), "{}", ran.stderr);
    }
}

#[test]
fn a_level_that_is_misspelt_is_told() {
    let server = scripted(vec![], |_| Reply::text(500, "no"));
    let error = run(&auto(&server, TEXT, json!({"cost_sensitivity": "hihg"}))).error(2);
    assert!(error.contains("unknown level `hihg`") && error.contains("high"), "{error}");
    let mut job = auto(&server, TEXT, json!({"escalate": true}));
    job["protocol"]["type"] = json!("minions");
    let error = run(&job).error(2);
    assert!(error.contains("is an option of the protocol auto"), "{error}");
}

#[test]
fn the_choice_and_the_check_are_events() {
    let server = scripted(vec![PROGRAM.to_owned(), verdict()], worker(|_| alone("Bert", "Signed by Bert")));
    let ran = Program::new().args(["--events", "events.ndjson"]).run_job(&auto(
        &server,
        TEXT,
        json!({"escalate": true, "prices": {"input": 1, "output": 1}}),
    ));
    ran.result();
    let text = std::fs::read_to_string(ran.dir.path().join("events.ndjson")).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().all(follows_the_schema));
    let told: Vec<_> = events.iter().filter(|event| event["type"] == "routing").collect();
    let escalated: Vec<_> = told.iter().map(|event| &event["escalation"]["escalated"]).collect();
    assert_eq!(escalated, [&Value::Null, &json!(true)]);
    assert_eq!(events.iter().filter(|event| event["purpose"] == "sample").count(), 3);
    // What does not count is no warning.
    assert!(!ran.stderr.contains("WARN"), "{}", ran.stderr);
}

#[test]
fn the_command_line_takes_each_protocol_by_name() {
    for form in [&["--context", "lease.txt", "--protocol"][..], &["ask", "lease.txt", "--protocol"]] {
        for protocol in ["minion", "minions", "remote_only", "local_only", "auto"] {
            let first = match protocol {
                "minion" => json!({"reasoning": "r", "message": "Who?"}).to_string(),
                "minions" => PROGRAM.to_owned(),
                _ => alone("Ada, by the supervisor", "Signed: Ada"),
            };
            let server =
                scripted(vec![first, verdict()], worker(|_| alone("Ada, by the supervisor", "Signed: Ada")));
            let program = asking(&server);
            std::fs::write(program.dir.path().join("lease.txt"), "Signed: Ada.").unwrap();
            let ran = program.args(form.iter().copied().chain([protocol])).run("Who signed?");
            assert_eq!(
                (ran.code, &*ran.stdout),
                (Some(0), "Ada, by the supervisor\n"),
                "{protocol}: {}",
                ran.stderr
            );
            assert_eq!(
                ran.stderr.contains("auto: remote_only is estimated"),
                protocol == "auto",
                "{}",
                ran.stderr
            );
        }
    }
    let server = scripted(vec![], worker(|_| alone("Ada", "Signed: Ada")));
    let program = asking(&server);
    std::fs::write(program.dir.path().join("lease.txt"), "Signed: Ada.").unwrap();
    let args = ["ask", "Who signed?", "lease.txt", "--protocol", "auto", "--cost-sensitivity", "uber"];
    let ran = program.args(args).run("");
    assert!(ran.stdout == "Ada\n" && ran.stderr.contains("nothing left this machine"), "{}", ran.stderr);
}
