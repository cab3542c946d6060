//! `--events`: one ordered stream of what happens in a job, whatever ends it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::support::program::{Program, Ran, chats, job, scripted};
use crate::support::server::{Reply, Server};
use crate::support::wait::until;
use crate::support::wire::openai;

const FAILING: &str =
    "```python\ndef prepare_jobs(context, prev_job_manifests, prev_job_outputs):\n    return 1 / 0\n```";
const PROGRAM: &str = r#"```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=doc, task="Name the ship.", advice="") for doc in context]
```"#;
const ASK: &str = r#"{"reasoning": "r", "message": "Who?"}"#;
const ANSWER: &str =
    r#"{"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": "Ada"}"#;

fn verdict() -> String {
    json!({"explanation": "e", "decision": "provide_final_answer", "answer": "Aurora", "feedback": null, "scratchpad": null})
        .to_string()
}

/// A job of `minions` over two documents, one with a name, whose first program fails.
fn fan_out() -> (Server, Value) {
    let server = scripted(vec![FAILING.into(), PROGRAM.into(), verdict()], |request| {
        let (citation, answer) = if request.prompt().contains("Aurora") {
            ("\"The  Aurora sailed\"", "\"Aurora\"")
        } else {
            ("\"The Zephyr sank\"", "null")
        };
        openai(request, &format!(r#"{{"explanation": "e", "citation": {citation}, "answer": {answer}}}"#))
    });
    let context =
        json!([{"name": "log.txt", "text": "The Aurora sailed at dawn."}, "Nothing of note happened."]);
    let job = job(&server, "minions", json!({"task": "Which ship?", "context": context}));
    (server, job)
}

/// A job of `minion` that asks once.
fn chat() -> (Server, Value) {
    let server =
        scripted(vec![ASK.into(), ANSWER.into()], |request| openai(request, "Ada  signed.\n\nShe did. "));
    let job = job(&server, "minion", json!({"task": "Who signed?", "context": ["Ada signed."]}));
    (server, job)
}

fn recorded(program: Program, job: &Value) -> (Ran, Vec<Value>) {
    let ran = program.args(["--events", "events.ndjson"]).run_job(job);
    let events = events(ran.dir.path());
    (ran, events)
}

/// The events that a run wrote: gapless, `started` first, `finished` last and once.
fn events(dir: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(dir.join("events.ndjson")).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (seq, event) in events.iter().enumerate() {
        assert_eq!(event["seq"], seq, "{event}");
        assert_eq!(event["type"] == "finished", seq + 1 == events.len(), "{event}");
        assert!(follows_the_schema(event), "{event}");
    }
    assert_eq!(events[0]["type"], "started");
    events
}

fn of_type<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["type"] == name).collect()
}

/// Checks an event by the schema of the docs: its fields are known, the required ones are there, the types are right.
pub(crate) fn follows_the_schema(event: &Value) -> bool {
    let schema: Value = serde_json::from_str(include_str!("../../docs/events.schema.json")).unwrap();
    let kinds = schema["oneOf"].as_array().unwrap();
    let Some(kind) = kinds.iter().find(|kind| kind["properties"]["type"]["const"] == event["type"]) else {
        return false;
    };
    let common = ["seq", "t_ms", "job"];
    is_of(event, kind, &common) && is_of(event, &schema, &["*"])
}

fn is_of(value: &Value, schema: &Value, also: &[&str]) -> bool {
    let types = match &schema["type"] {
        Value::Array(types) => types.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is_kind =
        types.is_empty() || types.iter().any(|name| name == kind || name == "number" && kind == "integer");
    let is_listed = schema["enum"].as_array().is_none_or(|list| list.contains(value));
    let has_all = !value.is_object()
        || schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .all(|key| value.get(key.as_str().unwrap()).is_some());
    let fields_fit = match (value.as_object(), schema["properties"].as_object()) {
        (Some(fields), Some(known)) => fields.iter().all(|(key, field)| match known.get(key) {
            Some(schema) => is_of(field, schema, &[]),
            None => also.contains(&"*") || also.contains(&key.as_str()),
        }),
        _ => true,
    };
    let items_fit = value.as_array().into_iter().flatten().all(|item| is_of(item, &schema["items"], &[]));
    is_kind && is_listed && has_all && fields_fit && items_fit
}

/// The deltas of each call, put together.
fn streamed(events: &[Value]) -> BTreeMap<u64, String> {
    let mut texts: BTreeMap<u64, String> = BTreeMap::new();
    for delta in of_type(events, "delta") {
        texts.entry(delta["call"].as_u64().unwrap()).or_default().push_str(delta["text"].as_str().unwrap());
    }
    texts
}

#[test]
fn a_chat_is_told_message_by_message() {
    let (_server, job) = chat();
    let (ran, events) = recorded(Program::new(), &job);
    let result = ran.result();
    let messages: Vec<_> =
        of_type(&events, "message").iter().map(|event| event["text"].as_str().unwrap()).collect();
    for side in ["supervisor_messages", "worker_messages"] {
        for message in result[side].as_array().unwrap() {
            assert!(messages.contains(&message["content"].as_str().unwrap()), "{message}");
        }
    }
    assert_eq!(messages.len(), 7);
    assert_eq!(events.last().unwrap()["envelope"], ran.envelope());
    assert_eq!((of_type(&events, "round").len(), of_type(&events, "call").len()), (1, 3));
}

#[test]
fn the_pieces_of_a_reply_are_its_message() {
    for (_server, job) in [chat(), fan_out()] {
        let (_, events) = recorded(Program::new(), &job);
        let streamed = streamed(&events);
        let replies: Vec<_> =
            of_type(&events, "message").into_iter().filter(|message| !message["call"].is_null()).collect();
        assert!(replies.len() >= 3);
        for reply in replies {
            let call = reply["call"].as_u64().unwrap();
            let purpose =
                &of_type(&events, "call").into_iter().find(|event| event["call"] == call).unwrap()["purpose"];
            // The replies of a fan-out are one message each.
            let is_streamed = purpose != "worker_job";
            assert_eq!(
                streamed.get(&call).map(String::as_str),
                is_streamed.then(|| reply["text"].as_str().unwrap())
            );
        }
        assert!(of_type(&events, "delta").len() > streamed.len(), "they come in pieces");
    }
}

#[test]
fn a_fan_out_is_told_job_by_job() {
    let (_server, job) = fan_out();
    let (ran, events) = recorded(Program::new(), &job);
    let result = ran.result();
    let started = &events[0];
    assert_eq!(started["documents"], json!([{"name": "log.txt", "chars": 26}, {"name": null, "chars": 25}]));
    assert_eq!(started["local"], result["local_client"]);
    let programs = of_type(&events, "program");
    assert_eq!(programs.len(), 2);
    assert!(programs[0]["error"].as_str().unwrap().contains("ZeroDivisionError"), "{}", programs[0]);
    assert_eq!((&programs[1]["error"], &programs[1]["jobs"]), (&Value::Null, &json!(2)));
    let states = |index: u64| -> Vec<_> {
        let jobs = of_type(&events, "worker_job").into_iter().filter(|event| event["index"] == index);
        jobs.map(|event| event["state"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(states(0), ["waiting", "running", "answered", "cited"]);
    assert_eq!(states(1), ["waiting", "running", "none", "unverified"]);
    let cited = of_type(&events, "worker_job").into_iter().find(|event| event["state"] == "cited").unwrap();
    assert_eq!((&cited["document"], &cited["start"], &cited["end"]), (&json!(0), &json!(0), &json!(17)));
    assert_eq!(of_type(&events, "usage").last().unwrap()["remote"], result["remote_usage"]);
    assert_eq!(result["evidence_summary"], json!({"citations": 2, "verified": 1}));
}

#[test]
fn a_try_that_fails_is_a_call_of_its_own() {
    let tries = AtomicUsize::new(0);
    let server = Server::start(move |request| match request.json()["model"].as_str() {
        None => Reply::text(404, "not found"),
        Some("worker") => openai(request, "Ada signed."),
        Some(_) => match tries.fetch_add(1, SeqCst) {
            // Cut in the middle of its text.
            0 => openai(request, ASK).cut_after(3),
            1 => openai(request, ASK),
            _ => openai(request, ANSWER),
        },
    });
    let job = job(&server, "minion", json!({"task": "Who signed?", "context": ["Ada signed."]}));
    let (ran, events) = recorded(Program::new(), &job);
    assert_eq!(ran.result()["final_answer"], "Ada");
    let steps: Vec<_> =
        of_type(&events, "call").into_iter().filter(|call| call["purpose"] == "step").collect();
    assert_eq!(steps.len(), 3);
    let streamed = streamed(&events);
    let first = |call: &Value| streamed[&call["call"].as_u64().unwrap()].clone();
    assert!(ASK.starts_with(&first(steps[0])) && first(steps[0]) != ASK, "{}", first(steps[0]));
    assert_eq!(first(steps[1]), ASK);
    let of_size =
        |event: &&Value| event["text"].to_string().contains("sending the documents would cost less");
    assert_eq!(of_type(&events, "warning").into_iter().filter(|event| !of_size(event)).count(), 1);
}

#[test]
fn a_job_that_fails_says_what_it_had_cost() {
    let server = scripted(vec![ASK.into()], |request| openai(request, "Ada signed."));
    let mut job = job(&server, "minion", json!({"task": "t", "context": ["x"]}));
    job["remote_client"]["kwargs"]["retries"] = json!(0);
    let (ran, events) = recorded(Program::new(), &job);
    ran.error(1);
    assert_eq!(of_type(&events, "usage")[0]["remote"]["prompt_tokens"], 10);
    let finished = events.last().unwrap();
    assert_eq!((&finished["success"], &finished["kind"]), (&json!(false), &json!({"model": "rejected"})));
    assert_eq!(finished["envelope"]["error"], ran.envelope()["error"]);
}

#[test]
fn a_slow_reader_gets_every_event() {
    let long = "lorem ipsum ".repeat(30_000);
    let answer =
        json!({"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": long});
    let server = scripted(vec![ASK.into(), answer.to_string()], |request| openai(request, "Ada signed."));
    let job = job(&server, "minion", json!({"task": "t", "context": ["x"]}));
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("events");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let args = ["--events", pipe.to_str().unwrap()];
    let (child, dir) = Program::new().args(args).start(job.to_string().as_bytes());
    let mut reader = std::fs::File::open(&pipe).unwrap();
    // It reads nothing until the job is done, when far more waits than a pipe holds.
    until("the last call", || chats(&server, "supervisor").len() == 2);
    let mut text = String::new();
    std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
    assert_eq!(Ran::of(child, dir).code, Some(0));
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().enumerate().all(|(seq, event)| event["seq"] == seq));
    assert_eq!(events.last().unwrap()["envelope"]["result"]["final_answer"], long.trim());
}

#[test]
fn finished_is_last_also_where_a_signal_or_the_deadline_ends_the_job() {
    let hanging = || scripted(vec![ASK.into()], |_| Reply::hang());
    let server = hanging();
    let mut late = job(&server, "minion", json!({"task": "t", "context": ["x"]}));
    late["budget"] = json!({"deadline_s": 1});
    let (ran, events_of_late) = recorded(Program::new(), &late);
    ran.error(124);
    assert_eq!(events_of_late.last().unwrap()["kind"], "deadline");

    let server = hanging();
    let stuck = job(&server, "minion", json!({"task": "t", "context": ["x"]}));
    let (child, dir) = Program::new().args(["--events", "events.ndjson"]).start(stuck.to_string().as_bytes());
    until("a worker call", || !chats(&server, "worker").is_empty());
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    let ran = Ran::of(child, dir);
    ran.error(143);
    assert_eq!(events(ran.dir.path()).last().unwrap()["kind"], "terminated");
}

#[test]
fn a_batch_tells_each_job_by_its_name() {
    let server = Server::start(|request| match request.json()["model"].as_str() {
        None => Reply::text(404, "not found"),
        Some("worker") => openai(request, "Ada signed."),
        _ if request.json()["messages"].as_array().unwrap().len() > 1 => openai(request, ANSWER),
        _ => openai(request, ASK),
    });
    let line = |id: &str| {
        let mut job = job(&server, "minion", json!({"task": "Who signed?", "context": ["Ada signed."]}));
        job["custom_id"] = json!(id);
        job.to_string()
    };
    let jobs = [line("a"), line("b")].join("\n");
    // The lines of the output have the envelopes.
    let ran = Program::new().args(["batch", "--events", "events.ndjson"]).run(&jobs);
    let lean = std::fs::read_to_string(ran.dir.path().join("events.ndjson")).unwrap();
    for line in lean.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        assert!(follows_the_schema(&line), "{line}");
        assert!(
            !["delta", "message", "program", "egress"].contains(&line["type"].as_str().unwrap()),
            "{line}"
        );
        assert_eq!(line["type"] == "finished", line["success"] == true, "{line}");
        assert!(line["envelope"].is_null(), "{line}");
    }
    let ran = Program::new().args(["batch", "--events", "events.ndjson", "--events-texts"]).run(&jobs);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let text = std::fs::read_to_string(ran.dir.path().join("events.ndjson")).unwrap();
    let all: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for name in ["a", "b"] {
        let own: Vec<_> = all.iter().filter(|event| event["job"] == name).collect();
        assert!(own.iter().enumerate().all(|(seq, event)| event["seq"] == seq), "{own:?}");
        assert_eq!(own.last().unwrap()["type"], "finished");
        assert_eq!(own.last().unwrap()["envelope"]["result"]["final_answer"], "Ada");
    }
}

#[test]
fn a_replay_tells_the_same_events() {
    let (server, job) = fan_out();
    let (ran, recorded_events) = recorded(Program::new().args(["--record", "tape"]), &job);
    drop(server);
    let tape = ran.dir.path().join("tape");
    let (_, replayed) = recorded(Program::unplugged().args(["--replay", tape.to_str().unwrap()]), &job);
    // One piece a reply, and no time; the order of jobs side by side may differ.
    let told = |events: &[Value]| {
        let mut told: Vec<String> = Vec::new();
        for event in events {
            if ["message", "program", "round", "egress"].contains(&event["type"].as_str().unwrap()) {
                let mut event = event.clone();
                ["seq", "t_ms", "call"]
                    .iter()
                    .for_each(|key| drop(event.as_object_mut().unwrap().remove(*key)));
                told.push(event.to_string());
            }
        }
        told.sort();
        told
    };
    assert_eq!(told(&recorded_events), told(&replayed));
}

#[test]
fn no_key_is_in_events() {
    let key = "sk-test-0123456789";
    let server = scripted(vec![ASK.into(), ANSWER.into()], move |request| {
        openai(request, &format!("The key is {key}."))
    });
    let job = job(&server, "minion", json!({"task": "Who signed?", "context": ["Ada signed."]}));
    let (ran, events) = recorded(Program::new(), &job);
    ran.result();
    let text = std::fs::read_to_string(ran.dir.path().join("events.ndjson")).unwrap();
    assert!(!text.contains(key) && text.contains("[redacted]"));
    let streamed: String =
        of_type(&events, "delta").iter().map(|delta| delta["text"].as_str().unwrap()).collect();
    assert!(!streamed.contains(key), "not even in pieces");
}

#[test]
fn where_events_cannot_go_is_said_before_anything_is_sent() {
    let (server, job) = chat();
    for (target, complaint) in [
        ("fd:1", "--events fd:1 is stdout"),
        ("fd:77", "--events fd:77 can't be written to"),
        ("no/such/folder/x", "--events no/such/folder/x can't be written to"),
    ] {
        let ran = Program::new().args(["--events", target]).run_job(&job);
        let error = ran.error(2);
        assert!(error.starts_with(complaint), "{error}");
    }
    assert!(server.requests().is_empty());
    // A disk that is full costs the events, not the answer.
    let ran = Program::new().args(["--events", "/dev/full"]).run_job(&job);
    assert_eq!(ran.result()["final_answer"], "Ada");
    assert!(ran.stderr.contains("no more events are written"), "{}", ran.stderr);
}

#[test]
fn a_slim_result_leaves_out_what_repeats() {
    let (_server, mut job) = fan_out();
    let full = Program::new().run_job(&job).result();
    let (_server, again) = fan_out();
    let slim = Program::new().args(["--slim"]).run_job(&again).result();
    let left_out = ["supervisor_messages", "worker_messages", "conversation_log", "meta"];
    for (key, value) in full.as_object().unwrap() {
        let is_left_out = left_out.contains(&key.as_str());
        assert_eq!(slim.get(key).is_none(), is_left_out, "{key}: {value}");
    }
    assert!(slim["egress"].get("calls").is_none() && slim["egress"]["context_chars"].is_u64());
    assert!(slim.to_string().len() < 2500, "{}", slim.to_string().len());
    // The log has it all.
    let (_server, fresh) = fan_out();
    job["local_client"] = fresh["local_client"].clone();
    job["remote_client"] = fresh["remote_client"].clone();
    job["output"] = json!("slim");
    let ran = Program::new().run_job(&job);
    assert!(ran.result().get("conversation_log").is_none());
    assert!(ran.log()["conversation"].as_array().unwrap().len() > 2);
    job["output"] = json!("small");
    assert!(Program::new().run_job(&job).error(2).contains("`output` must be \"full\" or \"slim\""));
}
