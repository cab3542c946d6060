//! With `anytime` an answer does not wait for the worker jobs that it does not need.

use std::sync::Mutex;

use serde_json::{Value, json};

use crate::events::follows_the_schema;
use crate::support::program::{Program, Ran, chats, job, last, scripted};
use crate::support::server::{Reply, Request, Server};
use crate::support::wait::Door;
use crate::support::wire::openai;

/// A job for each document.
const PROGRAM: &str = "```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=doc, task='Where lay the Aurora?') for doc in context]
```";
const WORDS: &str = "the Aurora lay off Brest";

fn verdict(decision: &str, answer: Option<&str>) -> String {
    json!({"explanation": "e", "decision": decision, "answer": answer, "feedback": null, "scratchpad": null})
        .to_string()
}

fn settled() -> String {
    verdict("provide_final_answer", Some("off Brest"))
}

fn says(request: &Request, citation: Option<&str>) -> Reply {
    let answer = citation.map(|_| "off Brest");
    openai(request, &json!({"explanation": "e", "citation": citation, "answer": answer}).to_string())
}

/// A worker that finds `citation` where the ship is named, and nothing elsewhere.
fn finds(citation: &'static str) -> impl Fn(&Request) -> Reply {
    move |request| says(request, request.prompt().contains("Report").then_some(citation))
}

/// The same for calls on the three documents; the others get no answer until the door is opened. The supervisor draws its
/// early conclusions while such a call is under way.
fn stuck(script: Vec<String>) -> (Server, Door) {
    let (door, is_behind) = (Door::default(), Door::default());
    let (end, script) = (door.clone(), Mutex::new(script.into_iter()));
    let server = Server::start(move |request| match request.json()["model"].as_str() {
        Some("worker") => {
            if request.prompt().contains("Day") {
                is_behind.open();
                end.wait("the end of the test");
            }
            finds(WORDS)(request)
        }
        Some(_) => {
            if request.prompt().contains("jobs are done") {
                is_behind.wait("a call on another document");
            }
            openai(request, &script.lock().unwrap().next().unwrap())
        }
        None => Reply::text(404, "not found"),
    });
    (server, door)
}

/// Twelve documents, of which three name the ship; the worker does one job after the other.
fn asked(server: &Server, is_anytime: bool) -> Value {
    let document = |number: usize| match number % 4 {
        2 => format!("Report {number}: in the evening the Aurora lay off Brest."),
        _ => format!("Day {number}: rain, and nothing else was seen from here."),
    };
    let context: Vec<_> = (0..12).map(document).collect();
    let mut job = job(server, "minions", json!({"task": "Where was the ship?", "context": context}));
    job["local_client"]["kwargs"]["max_concurrency"] = json!(1);
    job["budget"] = json!({"deadline_s": 60});
    if is_anytime {
        job["call_params"]["anytime"] = json!(true);
    }
    job
}

fn states(ran: &Ran) -> Vec<Value> {
    let text = std::fs::read_to_string(ran.dir.path().join("e.ndjson")).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().all(follows_the_schema));
    events.iter().filter(|event| event["type"] == "worker_job").map(|event| event["state"].clone()).collect()
}

fn number_of(states: &[Value], state: &str) -> usize {
    states.iter().filter(|other| *other == state).count()
}

#[test]
fn an_answer_that_the_first_chunks_settle_does_not_wait_for_the_others() {
    let (server, door) = stuck(vec![PROGRAM.into(), settled()]);
    let ran = Program::new().args(["--events", "e.ndjson"]).run_job(&asked(&server, true));
    door.open();
    let states = states(&ran);
    assert_eq!((number_of(&states, "cancelled"), number_of(&states, "cited")), (9, 3));
    let result = ran.result();
    assert_eq!((&result["final_answer"], &result["status"]), (&json!("off Brest"), &json!("answered")));
    assert_eq!((&result["unread_jobs"], &result["rounds"]), (&json!(9), &json!(1)));
    assert_eq!(result["evidence_summary"], json!({"citations": 3, "verified": 3}));
    assert_eq!(result["meta"][0]["local"]["jobs"].as_array().unwrap().len(), 3);
    // Three calls and no more: the one that was cut off counts none.
    assert_eq!(result["local_usage"]["prompt_tokens"], 30);
    let remote = chats(&server, "supervisor");
    assert_eq!(remote.len(), 2);
    let told = last(&remote[1]);
    assert!(told.contains("3 of 12 jobs are done") && told.contains("the Aurora lay"), "{told}");
    assert_eq!(
        result["meta"][0]["remote"]["answers"].as_str().map(|answers| told.contains(answers)),
        Some(true)
    );
}

#[test]
fn slots_of_calls_that_are_not_waited_for_are_free_for_the_next_job() {
    let of_one = [PROGRAM.to_owned(), settled()];
    let (server, door) = stuck([of_one.clone(), of_one].concat());
    let job = asked(&server, true).to_string();
    let ran = Program::new().args(["batch", "--max-jobs", "1"]).run(format!("{job}\n{job}\n"));
    door.open();
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    for line in ran.stdout.lines() {
        let envelope: Value = serde_json::from_str(line).unwrap();
        assert_eq!(envelope["result"]["unread_jobs"], 9, "{envelope}");
    }
}

#[test]
fn a_round_that_needs_the_rest_goes_on_as_without() {
    let more = verdict("request_additional_info", None);
    let server = scripted(vec![PROGRAM.into(), more, settled()], finds(WORDS));
    let result = Program::new().run_job(&asked(&server, true)).result();
    assert_eq!((&result["final_answer"], result.get("unread_jobs")), (&json!("off Brest"), None));
    assert_eq!(chats(&server, "worker").len(), 12);
    let remote = chats(&server, "supervisor");
    assert_eq!(remote.len(), 3);
    assert!(last(&remote[1]).contains("3 of 12 jobs are done"));
    let plain = scripted(vec![PROGRAM.into(), settled()], finds(WORDS));
    let without = Program::new().run_job(&asked(&plain, false)).result();
    assert_eq!(last(&remote[2]), last(&chats(&plain, "supervisor")[1]));
    assert_eq!(result["meta"][0]["local"], without["meta"][0]["local"]);
    assert_eq!(result["evidence"], without["evidence"]);
}

#[test]
fn nobody_is_asked_early_without_a_verified_citation_or_for_few_jobs() {
    let rounds = |job: &dyn Fn(&Server) -> Value, citation| {
        let server = scripted(vec![PROGRAM.into(), settled()], finds(citation));
        Program::new().run_job(&job(&server)).result();
        let told = chats(&server, "supervisor");
        assert_eq!(told.len(), 2);
        assert!(last(&told[1]).contains("This was round 1 of 3"), "{}", last(&told[1]));
        chats(&server, "worker").len()
    };
    assert_eq!(rounds(&|server| asked(server, true), "the Borealis sank"), 12);
    assert_eq!(rounds(&|server| asked(server, false), WORDS), 12);
    let few = |server: &Server| {
        let mut job = asked(server, true);
        job["call_params"]["context"].as_array_mut().unwrap().truncate(7);
        job
    };
    assert_eq!(rounds(&few, WORDS), 7);
}

#[test]
fn samples_are_waited_for_and_vote() {
    let server = scripted(vec![PROGRAM.into(), settled()], finds(WORDS));
    let mut job = asked(&server, true);
    job["call_params"]["num_samples_per_task"] = json!(2);
    let result = Program::new().run_job(&job).result();
    let jobs = result["meta"][0]["local"]["jobs"].as_array().unwrap();
    assert!(jobs.iter().all(|job| job["samples"] == 2) && jobs.len() == 3, "{jobs:?}");
}

#[test]
fn it_is_refused_where_it_means_nothing() {
    let server = scripted(vec![], finds(WORDS));
    for protocol in ["minion", "local_only", "remote_only"] {
        let mut job = asked(&server, true);
        job["protocol"]["type"] = json!(protocol);
        let error = Program::new().run_job(&job).error(2);
        assert!(error.contains("anytime") && error.contains("minions"), "{protocol}: {error}");
    }
    let mut wrong = asked(&server, true);
    wrong["call_params"]["anytime"] = json!("soon");
    assert!(Program::new().run_job(&wrong).error(2).contains("call_params.anytime"));
    for option in ["--record", "--replay"] {
        let ran = Program::new().args([option, "tape"]).run_job(&asked(&server, true));
        assert!(ran.error(2).contains("can't be recorded or replayed"), "{option}: {}", ran.stdout);
    }
    assert!(server.requests().is_empty());
}
