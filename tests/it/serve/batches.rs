//! Batches of requests in files.

use serde_json::{Value, json};

use super::clients::{answer, ask, form, serving};
use super::{JSON, Service, ada, file, question};
use crate::support::program::{chats, scripted};
use crate::support::server::{Reply, Server};
use crate::support::wait::{Door, until};
use crate::support::wire::openai;

fn line(id: &str, model: &str) -> Value {
    let body =
        json!({"model": model, "messages": [{"role": "user", "content": format!("Who signed {id}?")}]});
    json!({"custom_id": id, "method": "POST", "url": "/v1/chat/completions", "body": body})
}

fn upload(serving: &Service, lines: &[Value]) -> String {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let file = serving.form("/v1/files", "file", "requests.jsonl", text.as_bytes()).with(200);
    file["id"].as_str().unwrap().to_owned()
}

fn create(serving: &Service, lines: &[Value], endpoint: &str) -> Value {
    let body = json!({"input_file_id": upload(serving, lines), "endpoint": endpoint, "completion_window": "24h",
                      "metadata": {"a": "b"}});
    serving.post("/v1/batches", &body).with(200)
}

fn ended(serving: &Service, batch: &Value) -> Value {
    let path = format!("/v1/batches/{}", batch["id"].as_str().unwrap());
    let ends = ["completed", "failed", "cancelled"];
    until("the end of the batch", || {
        ends.contains(&serving.get(&path).with(200)["status"].as_str().unwrap())
    });
    serving.get(&path).with(200)
}

/// The lines of a file of answers, by their ids.
fn lines(serving: &Service, id: &Value) -> Vec<Value> {
    let text = serving.get(&format!("/v1/files/{}/content", id.as_str().unwrap())).text();
    let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.sort_by_key(|line| line["custom_id"].as_str().unwrap().to_owned());
    lines
}

/// A supervisor that knows once it has asked.
fn models() -> Server {
    Server::start(|request| match request.json()["model"].as_str() {
        Some("worker") => openai(request, "Ada signed."),
        Some(_) if !request.json()["messages"].to_string().contains("\"assistant\"") => {
            openai(request, &ask("Who signed?"))
        }
        Some(_) => openai(request, &answer("Ada")),
        None => Reply::text(404, "not found"),
    })
}

#[test]
fn each_line_gets_its_answer_or_its_failure() {
    let server = models();
    let serving = serving(&server, &[]);
    let batch = create(
        &serving,
        &[line("a", "minion"), line("b", "gpt-4o"), line("c", "minion")],
        "/v1/chat/completions",
    );
    assert_eq!((&batch["object"], &batch["metadata"]), (&json!("batch"), &json!({"a": "b"})));
    let batch = ended(&serving, &batch);
    assert_eq!(batch["status"], "completed");
    let failures = lines(&serving, &batch["error_file_id"]);
    assert_eq!(batch["request_counts"], json!({"total": 3, "completed": 2, "failed": 1}), "{failures:?}");
    let answers = lines(&serving, &batch["output_file_id"]);
    assert_eq!(answers.len(), 2);
    for (answer, id) in answers.iter().zip(["a", "c"]) {
        assert_eq!((&answer["custom_id"], &answer["response"]["status_code"]), (&json!(id), &json!(200)));
        assert_eq!(answer["response"]["body"]["choices"][0]["message"]["content"], "Ada");
    }
    let response = &failures[0]["response"];
    assert_eq!((&failures[0]["custom_id"], &response["status_code"]), (&json!("b"), &json!(404)));
    assert_eq!(response["body"]["error"]["code"], "model_not_found");
    assert_eq!(serving.get("/v1/batches").with(200)["data"].as_array().unwrap().len(), 1);
}

#[test]
fn jobs_are_lines_as_well() {
    let server = models();
    let serving = serving(&server, &[]);
    let side = |kind: &str, model: &str| json!({"type": kind, "model_name": model});
    let job = json!({"local_client": side("vllm", "worker"), "remote_client": side("openai", "supervisor"),
                     "protocol": {"type": "minion"}, "call_params": {"task": "Who signed?"}});
    let batch =
        create(&serving, &[json!({"custom_id": "a", "url": "/v1/minions", "body": job})], "/v1/minions");
    let batch = ended(&serving, &batch);
    let answers = lines(&serving, &batch["output_file_id"]);
    assert_eq!(answers[0]["response"]["body"]["result"]["final_answer"], "Ada");
}

#[test]
fn a_batch_that_is_cancelled_asks_nothing_more() {
    let server = Server::start(|request| match request.json()["model"].as_str() {
        Some(_) => Reply::hang(),
        None => Reply::text(404, "not found"),
    });
    let serving = serving(&server, &[]);
    let all: Vec<Value> = (0..20).map(|at| line(&format!("{at}"), "minion")).collect();
    let batch = create(&serving, &all, "/v1/chat/completions");
    until("calls", || chats(&server, "supervisor").len() == 8);
    let cancel = format!("/v1/batches/{}/cancel", batch["id"].as_str().unwrap());
    assert_eq!(serving.post(&cancel, &json!({})).with(200)["status"], "cancelling");
    let batch = ended(&serving, &batch);
    assert_eq!((&batch["status"], &batch["request_counts"]["failed"]), (&json!("cancelled"), &json!(20)));
    until("the end of the calls", || server.hung_up() == 8);
    assert_eq!(chats(&server, "supervisor").len(), 8);
    assert_eq!(lines(&serving, &batch["error_file_id"])[0]["error"]["code"], "batch_cancelled");
    serving.post(&cancel, &json!({})).with(409);
}

#[test]
fn a_batch_waits_behind_its_owners_runs_and_reads_its_files_once() {
    let door = Door::default();
    let held = door.clone();
    let server = Server::start(move |request| match request.json()["model"].as_str() {
        Some(_) => {
            held.wait("the door");
            openai(request, &ada())
        }
        None => Reply::text(404, "not found"),
    });
    let (_dir, config) = file("serve.toml", "[limits]\nruns_at_once = 1\nqueue = 1\n");
    let serving = serving(&server, &["--config", &config]);
    let lines = ["a", "b", "c"].map(|id| line(id, "local_only"));
    let batch = create(&serving, &lines, "/v1/chat/completions");
    // Each line is a run, though the queue has room for one.
    let states = || {
        let runs = serving.get("/v1/runs").with(200)["data"].take();
        runs.as_array()
            .unwrap()
            .iter()
            .map(|run| run["state"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    until("the runs of the batch", || states() == ["queued", "queued", "running"]);
    let own = serving.post("/v1/runs", &question()).with(202);
    assert_eq!(own["position"], 0, "{own}");
    serving.post("/v1/runs", &question()).error(429);
    door.open();
    assert_eq!(ended(&serving, &batch)["request_counts"]["completed"], 3);
    let asked: Vec<bool> = chats(&server, "worker")
        .iter()
        .map(|body| body.to_string().contains("Signed by Ada on 3 May"))
        .collect();
    assert_eq!(asked, [false, true, false, false]);
}

#[test]
fn a_batch_of_somebody_else_is_not_there() {
    let server = models();
    let tokens = "ada ada-0123456789abcdef\nbob bob-0123456789abcdef\n";
    let (_dir, tokens) = file("tokens", tokens);
    let serving = serving(&server, &["--token-file", &tokens]);
    let bearer = |name: &str| format!("Authorization: Bearer {name}-0123456789abcdef\r\n");
    let form_of =
        |name: &str| format!("{}Content-Type: multipart/form-data; boundary=limit\r\n", bearer(name));
    let ask = |method: &str, path: &str, name: &str| serving.ask(method, path, &bearer(name), "");
    let lines = format!("{}\n", line("a", "minion"));
    let sent =
        serving.ask("POST", "/v1/files", &form_of("ada"), form("file", "requests.jsonl", lines.as_bytes()));
    let body = json!({"input_file_id": sent.with(200)["id"], "endpoint": "/v1/chat/completions"});
    let create =
        |name: &str| serving.ask("POST", "/v1/batches", &format!("{JSON}{}", bearer(name)), body.to_string());
    create("bob").error(404);
    let path = format!("/v1/batches/{}", create("ada").with(200)["id"].as_str().unwrap());
    ask("GET", &path, "bob").error(404);
    ask("POST", &format!("{path}/cancel"), "bob").error(404);
    assert_eq!(ask("GET", "/v1/batches", "bob").with(200)["data"], json!([]));
    until("the end of the batch", || ask("GET", &path, "ada").with(200)["status"] == "completed");
    let output = ask("GET", &path, "ada").with(200)["output_file_id"].take();
    let content = format!("/v1/files/{}/content", output.as_str().unwrap());
    assert_eq!(ask("GET", &content, "ada").status, 200);
    ask("GET", &content, "bob").error(404);
}

#[test]
fn a_bad_file_or_request_makes_no_batch() {
    let serving = serving(&scripted(vec![], |request| openai(request, "?")), &[]);
    let bad = create(
        &serving,
        &[json!({"body": {}}), line("a", "minion"), line("a", "minion")],
        "/v1/chat/completions",
    );
    let bad = ended(&serving, &bad);
    let problems = bad["errors"]["data"].as_array().unwrap();
    let told: Vec<_> =
        problems.iter().map(|one| (one["line"].as_u64().unwrap(), one["code"].as_str().unwrap())).collect();
    assert_eq!(
        (&bad["status"], told),
        (&json!("failed"), vec![(1, "invalid_line"), (3, "duplicate_custom_id")])
    );
    let id = upload(&serving, &[line("a", "minion")]);
    for (body, param) in [
        (json!({"endpoint": "/v1/chat/completions"}), "input_file_id"),
        (json!({"input_file_id": "file-0", "endpoint": "/v1/chat/completions"}), "input_file_id"),
        (json!({"input_file_id": id, "endpoint": "/v1/embeddings"}), "endpoint"),
        (
            json!({"input_file_id": id, "endpoint": "/v1/minions", "completion_window": "1h"}),
            "completion_window",
        ),
        (json!({"input_file_id": id, "endpoint": "/v1/minions", "colour": 1}), "colour"),
    ] {
        let refused = serving.post("/v1/batches", &body);
        assert!([400, 404].contains(&refused.status), "{body}");
        assert_eq!(refused.json()["error"]["param"], param, "{body}");
    }
    serving.get("/v1/batches/batch_0").with(404);
    serving.get("/v1/batches?limit=0").with(400);
}

#[test]
fn a_batch_without_room_for_its_files_asks_nothing() {
    let server = models();
    let (_dir, config) = file("serve.toml", "[limits]\nowner_files = 2\n");
    let serving = serving(&server, &["--config", &config]);
    let batch = ended(&serving, &create(&serving, &[line("a", "minion")], "/v1/chat/completions"));
    let error = &batch["errors"]["data"][0];
    assert_eq!((&batch["status"], &error["code"]), (&json!("failed"), &json!("quota")));
    assert!(error["message"].as_str().unwrap().contains("DELETE /v1/files/ID"), "{error}");
    assert_eq!(chats(&server, "supervisor").len(), 0);
    // What was set aside for its files is there again.
    upload(&serving, &[line("b", "minion")]);
}

#[test]
fn answers_that_found_room_are_kept() {
    let long = "A".repeat(50_000);
    let server = Server::start(move |request| match request.json()["model"].as_str() {
        Some(_) => openai(request, &long),
        None => Reply::text(404, "not found"),
    });
    let (_dir, config) = file("serve.toml", "[limits]\nowner_bytes = 130000\n");
    let serving = serving(&server, &["--config", &config]);
    let all = ["a", "b", "c"].map(|id| line(id, "remote_only"));
    let batch = ended(&serving, &create(&serving, &all, "/v1/chat/completions"));
    assert_eq!((&batch["status"], &batch["errors"]["data"][0]["code"]), (&json!("failed"), &json!("quota")));
    let answers = lines(&serving, &batch["output_file_id"]);
    assert_eq!(answers.len(), 2, "{batch}");
    let first = &answers[0]["response"]["body"]["choices"][0]["message"]["content"];
    assert_eq!(first.as_str().unwrap().len(), 50_000);
}

#[test]
fn a_batch_that_takes_long_is_kept_from_its_end_on() {
    let door = Door::default();
    let held = door.clone();
    let server = Server::start(move |request| match request.json()["model"].as_str() {
        Some(_) => {
            held.wait("the door");
            openai(request, "Ada")
        }
        None => Reply::text(404, "not found"),
    });
    let (_dir, config) = file("serve.toml", "[limits]\nkeep_s = 5\n");
    let serving = serving(&server, &["--config", &config]);
    let batch = create(&serving, &[line("a", "remote_only")], "/v1/chat/completions");
    until("the call", || chats(&server, "supervisor").len() == 1);
    // What comes after the batch is forgotten after the batch would be.
    let later = upload(&serving, &[line("b", "remote_only")]);
    until("the time for which things are kept", || serving.get(&format!("/v1/files/{later}")).status == 404);
    let path = format!("/v1/batches/{}", batch["id"].as_str().unwrap());
    assert_eq!(serving.get(&path).with(200)["expires_at"], Value::Null);
    door.open();
    let batch = ended(&serving, &batch);
    assert_eq!(batch["expires_at"].as_u64(), batch["completed_at"].as_u64().map(|at| at + 5));
    assert_eq!(lines(&serving, &batch["output_file_id"]).len(), 1);
}
