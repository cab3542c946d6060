//! The life of a run: sent, watched, ended, found again.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{JSON, Service, ada, clients, events, instant, job, models, question, with_models};
use crate::support::server::{Reply, Server};
use crate::support::wait::{self, Door};
use crate::support::wire::openai;

#[test]
fn a_job_goes_in_and_its_envelope_comes_out() {
    let models = instant();
    let service = Service::of(&models);
    let answer = service.post("/v1/minions", &question());
    assert_eq!(answer.status, 200, "{}", service.told());
    let envelope = answer.json();
    let keys: Vec<_> = envelope.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["success", "result", "error"]);
    assert_eq!(envelope["result"]["final_answer"], "Ada", "{envelope}");
    let run = answer.header("x-minions-run").unwrap();
    assert_eq!(service.get(&format!("/v1/runs/{run}")).json()["envelope"], envelope);
}

#[test]
fn a_run_is_sent_watched_and_found_again() {
    let models = instant();
    let service = Service::of(&models);
    let sent = service.post("/v1/runs", &question());
    assert_eq!(sent.status, 202);
    let id = sent.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(sent.header("location"), Some(&*format!("/v1/runs/{id}")));
    service.until(&id, "done");
    let shown = service.get(&format!("/v1/runs/{id}")).json();
    assert_eq!(
        (&shown["task"], &shown["envelope"]["success"], &shown["job"]["call_params"]["context"]),
        (&json!("Who signed?"), &json!(true), &json!([{"name": "log.txt", "chars": 23}])),
    );
    let list = service.get("/v1/runs").json();
    assert_eq!((&list["data"][0]["id"], list["data"].as_array().unwrap().len()), (&json!(id), 1));
    let all = service.events(&id, "");
    let numbers: Vec<_> = all.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..all.len() as u64).collect::<Vec<_>>());
    assert_eq!((&all[0]["type"], &all[all.len() - 1]["type"]), (&json!("started"), &json!("finished")));
    assert_eq!(all[all.len() - 1]["envelope"], shown["envelope"]);
    // From each number on, by either way.
    for after in 0..all.len() {
        assert_eq!(service.events(&id, &format!("?after={after}")), all[after + 1..], "{after}");
        let header = format!("Last-Event-ID: {after}\r\n");
        let resumed = service.ask("GET", &format!("/v1/runs/{id}/events"), &header, "");
        assert_eq!(events(&resumed), all[after + 1..], "{after}");
    }
    let error = service.get(&format!("/v1/runs/{id}/events?after=x")).error(400);
    assert_eq!(error["param"], "after");
}

#[test]
fn what_belongs_to_a_run_is_there() {
    let models = instant();
    let service = Service::of(&models);
    let id = service.send(&question());
    service.until(&id, "done");
    let documents = service.get(&format!("/v1/runs/{id}/documents")).json();
    assert_eq!(documents["data"], json!([{"n": 0, "name": "log.txt", "chars": 23}]));
    let document = service.get(&format!("/v1/runs/{id}/documents/0")).json();
    assert_eq!(
        (&document["name"], &document["text"]),
        (&json!("log.txt"), &json!("Signed by Ada on 3 May."))
    );
    let envelope = service.get(&format!("/v1/runs/{id}")).json()["envelope"].take();
    let evidence = &envelope["result"]["evidence"][0];
    let at = |key: &str| evidence[key].as_u64().unwrap() as usize;
    assert_eq!(&document["text"].as_str().unwrap()[at("start")..at("end")], "Signed by Ada");
    service.get(&format!("/v1/runs/{id}/documents/1")).error(404);
    service.get(&format!("/v1/runs/{id}/documents/x")).error(404);
    let log = service.get(&format!("/v1/runs/{id}/log")).json();
    assert_eq!((&log["task"], &log["generated_final_answer"]), (&json!("Who signed?"), &json!("Ada")));
    let history = service.get("/v1/history").json();
    assert_eq!((&history["data"][0]["id"], &history["data"][0]["final_answer"]), (&json!(id), &json!("Ada")));
    assert_eq!(service.get(&format!("/v1/history/{id}")).json(), log);
    service.get("/v1/history/..%2f..%2fetc%2fpasswd").error(404);
    service.get(&format!("/v1/runs/{id}/recording")).error(404);
}

#[test]
fn options_without_effect_are_told_to_whoever_sent_them() {
    let models = instant();
    let service = Service::of(&models);
    let mut job = question();
    job["local_client"]["kwargs"] = json!({"service_tier": "priority"});
    job["call_params"]["is_follow_up"] = json!(true);
    let id = service.send(&job);
    let events = service.events(&id, "");
    let told: Vec<&str> = events
        .iter()
        .filter(|event| event["type"] == "warning")
        .filter_map(|event| event["text"].as_str())
        .collect();
    assert!(told.iter().any(|text| text.contains("local_client.kwargs.service_tier")), "{told:?}");
    assert!(told.iter().any(|text| text.contains("call_params.is_follow_up")), "{told:?}");
}

#[test]
fn logs_beyond_a_list_are_told() {
    let models = instant();
    let service = Service::of(&models);
    for _ in 0..2 {
        let id = service.send(&question());
        service.until(&id, "done");
    }
    for (limit, has_more) in [(1, true), (2, false)] {
        let list = service.get(&format!("/v1/history?limit={limit}")).json();
        assert_eq!((list["data"].as_array().unwrap().len(), &list["has_more"]), (limit, &json!(has_more)));
    }
}

#[test]
fn a_recorded_run_can_be_replayed() {
    let models = instant();
    let service = Service::of(&models);
    let sent = service.post("/v1/runs?record=true", &question());
    let id = sent.json()["id"].as_str().unwrap().to_owned();
    service.until(&id, "done");
    let tar = service.get(&format!("/v1/runs/{id}/recording"));
    assert_eq!((tar.status, tar.header("content-type")), (200, Some("application/x-tar")));
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("run.tar"), &tar.body).unwrap();
    let unpacked =
        std::process::Command::new("tar").args(["-xf", "run.tar"]).current_dir(dir.path()).status();
    assert!(unpacked.unwrap().success());
    let folder = dir.path().join(&id).display().to_string();
    let replay = Service::start_with(crate::support::program::Program::new(), &["--replay", &folder]);
    let answer = replay.post("/v1/minions", &question()).json();
    assert_eq!(answer["result"]["final_answer"], "Ada", "{answer}");
    assert_eq!(replay.get("/v1/setup").json()["replay"], true);
}

#[test]
fn the_demo_runs_without_models_and_keys() {
    let service = Service::start_with(crate::support::program::Program::new(), &["--replay", "demo"]);
    let example = service.get("/v1/setup").json()["example"].take();
    let answer = service.post("/v1/minions", &example).json();
    assert_eq!(answer["success"], true, "{answer}");
    let other = service.post("/v1/minions", &question()).json();
    assert_eq!(other["success"], false, "{other}");
}

#[test]
fn a_cancelled_run_calls_no_model_any_more() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let models = models(move |_| {
        counted.fetch_add(1, SeqCst);
        Reply::hang()
    });
    let service = Service::of(&models);
    let id = service.send(&question());
    wait::until("a call", || calls.load(SeqCst) == 1);
    let answer = service.ask("DELETE", &format!("/v1/runs/{id}"), "", "");
    assert_eq!(answer.status, 200);
    service.until(&id, "cancelled");
    let all = service.events(&id, "");
    let last = &all[all.len() - 1];
    assert_eq!(
        (&last["type"], &last["success"], &last["kind"]),
        (&json!("finished"), &json!(false), &json!("cancelled"))
    );
    wait::until("the end of its call", || models.hung_up() == 1);
    assert_eq!(calls.load(SeqCst), 1);
    // Once more changes nothing.
    assert_eq!(service.ask("DELETE", &format!("/v1/runs/{id}"), "", "").json()["state"], "cancelled");
}

#[test]
fn a_client_that_goes_away_spends_nothing_more() {
    let chat = |stream: bool| {
        json!({"model": "minion", "stream": stream, "minions": {"context": ["Ada signed."]},
                                     "messages": [{"role": "user", "content": "Who signed?"}]})
    };
    let of_original = json!({"task": "Who signed?", "context": ["Ada signed."]});
    for (path, body) in [
        ("/v1/minions", job("minion", json!({"task": "Who signed?", "context": ["Ada signed."]}))),
        ("/v1/chat/completions", chat(true)),
        ("/v1/chat/completions", chat(false)),
        ("/run", json!({"query": "Who signed?", "context": ["Ada signed."]})),
        ("/minions", of_original.clone()),
        ("/remote-only", of_original),
    ] {
        let models = models(|_| Reply::hang());
        let service = clients::serving(&models, &[]);
        let calls = || models.requests().iter().filter(|call| call.path.ends_with("completions")).count();
        let mut stream = service.connect();
        let body = body.to_string();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\n{JSON}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        wait::until("a call", || calls() == 1);
        drop(stream);
        wait::until("the end of its call", || models.hung_up() == 1);
        wait::until("the end of the run", || {
            service.get("/v1/runs").json()["data"][0]["state"] == "cancelled"
        });
        // With the service every run has ended, so that no call is still to come.
        service.signal("-TERM");
        assert_eq!(service.end(), Some(0));
        assert_eq!(calls(), 1, "{path}");
    }
}

#[test]
fn a_call_that_only_looks_at_a_server_ends_with_the_last_run_that_waits() {
    // One that lists no models is asked for a token.
    let models = Server::start(|request| match request.method.as_str() {
        "POST" => Reply::hang(),
        _ => Reply::text(500, "no list"),
    });
    let service = Service::of(&models);
    let calls = || models.requests().iter().filter(|call| call.method == "POST").count();
    let is_shared = || {
        let before = calls();
        let runs = [service.send(&question()), service.send(&question())];
        runs.iter().for_each(|id| service.until(id, "running"));
        wait::until("a call", || calls() > before);
        for (id, going) in runs.iter().zip([1, 0]) {
            service.ask("DELETE", &format!("/v1/runs/{id}"), "", "");
            service.until(id, "cancelled");
            wait::until("the end of calls that nobody waits for", || calls() == models.hung_up() + going);
        }
        calls() == before + 1
    };
    // A run that is told to be running may come to the call only when the other has left it, and then makes its own.
    assert!((0..5).any(|_| is_shared()), "{} calls", calls());
    // The next run looks anew.
    let before = calls();
    service.send(&question());
    wait::until("another call", || calls() > before);
}

#[test]
fn a_stream_that_is_left_leaves_its_run_alone() {
    let door = Door::default();
    let held = door.clone();
    let models = models(move |request| {
        held.wait("the door");
        openai(request, &ada())
    });
    let service = Service::of(&models);
    let id = service.send(&question());
    let mut stream = service.connect();
    write!(stream, "GET /v1/runs/{id}/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut some = [0; 64];
    assert!(stream.read(&mut some).unwrap() > 0);
    drop(stream);
    door.open();
    service.until(&id, "done");
}

#[test]
fn a_key_makes_a_request_count_once() {
    let models = instant();
    let service = Service::of(&models);
    let headers = format!("{JSON}Idempotency-Key: a-1\r\n");
    let send = |job: &Value| service.ask("POST", "/v1/runs", &headers, job.to_string());
    let first = send(&question()).json()["id"].clone();
    assert_eq!(send(&question()).json()["id"], first);
    service.until(first.as_str().unwrap(), "done");
    assert_eq!(send(&question()).json()["id"], first);
    let mut other = question();
    other["call_params"]["task"] = json!("Who else signed?");
    assert_eq!(send(&other).error(422)["param"], "Idempotency-Key");
    assert_eq!(service.get("/v1/runs").json()["data"].as_array().unwrap().len(), 1);
    let recorded = service.ask("POST", "/v1/runs?record=true", &headers, question().to_string());
    assert_eq!(recorded.error(422)["param"], "Idempotency-Key");
    // Where it would have no effect it is refused.
    for route in ["/v1/minions", "/v1/chat/completions", "/v1/batches", "/minions"] {
        let error = service.ask("POST", route, &headers, question().to_string()).error(400);
        assert_eq!(error["param"], "Idempotency-Key", "{route}");
    }
    let twice = format!("{headers}Idempotency-Key: a-2\r\n");
    service.ask("POST", "/v1/runs", &twice, question().to_string()).error(400);
}

#[test]
fn the_end_of_the_service_is_told() {
    let door = Door::default();
    let held = door.clone();
    let models = models(move |request| {
        held.wait("the door");
        openai(request, &ada())
    });
    let service = Service::of(&models);
    let id = service.send(&question());
    service.until(&id, "running");
    service.signal("-TERM");
    wait::until("the end", || service.get("/readyz").status == 503);
    assert_eq!(service.post("/v1/runs", &question()).error(503)["code"], "draining");
    assert_eq!(service.get("/healthz").status, 200);
    let mut stream = service.connect();
    write!(stream, "GET /v1/runs/{id}/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .unwrap();
    door.open();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    let all = events(&super::answer(&all));
    assert_eq!(all[all.len() - 1]["success"], true);
    assert_eq!(service.end(), Some(0));
}

#[test]
fn jobs_that_take_too_long_are_ended_with_the_service() {
    let models = models(|_| Reply::hang());
    let (_dir, config) = super::file("serve.toml", "[limits]\ngrace_s = 1\nruns_at_once = 1\n");
    let service = Service::start_with(with_models(&models), &["--config", &config]);
    let (first, second) = (service.send(&question()), service.send(&question()));
    service.until(&first, "running");
    assert_eq!(service.state(&second), "queued");
    assert_eq!(service.get(&format!("/v1/runs/{second}")).json()["position"], 0);
    let streams: Vec<_> = [&first, &second]
        .map(|id| {
            let mut stream = service.connect();
            write!(
                stream,
                "GET /v1/runs/{id}/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            )
            .unwrap();
            stream
        })
        .into();
    service.signal("-TERM");
    for mut stream in streams {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        let all = events(&super::answer(&all));
        assert_eq!(all[all.len() - 1]["kind"], "terminated");
    }
    assert_eq!(service.end(), Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let models = models(|_| Reply::hang());
    let service = Service::of(&models);
    let id = service.send(&question());
    service.until(&id, "running");
    service.signal("-TERM");
    wait::until("the end", || service.get("/readyz").status == 503);
    let began = Instant::now();
    service.signal("-TERM");
    assert_eq!(service.end(), Some(143));
    assert!(began.elapsed() < Duration::from_secs(15), "it waited for its grace");
}

#[test]
fn an_estimate_makes_no_call() {
    let models = instant();
    let service = Service::of(&models);
    let answer = service.post("/v1/estimate", &job("minions", json!({"task": "Who?", "context": ["Ada."]})));
    assert_eq!((answer.status, &answer.json()["success"]), (200, &json!(true)));
    assert!(models.requests().is_empty());
}
