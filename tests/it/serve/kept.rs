//! What is kept of runs, and for how long.

use serde_json::{Value, json};

use super::{JSON, Service, file, instant, job, models, question, with_models};
use crate::support::server::Reply;

#[test]
fn runs_with_one_logging_id_have_a_log_each() {
    let models = instant();
    let service = Service::of(&models);
    let runs = ["Who signed first?", "Who signed last?"].map(|task| {
        let mut job = question();
        job["call_params"]["task"] = json!(task);
        job["call_params"]["logging_id"] = json!("same");
        let id = service.send(&job);
        service.until(&id, "done");
        (id, task)
    });
    for (id, task) in runs {
        let log = service.get(&format!("/v1/runs/{id}/log"));
        assert!(log.text().contains(task), "{}", log.text());
    }
}

#[test]
fn kept_runs_weigh_what_is_kept_of_them() {
    let models = models(|_| Reply::hang());
    let (_dir, config) = file("serve.toml", "[limits]\nruns_at_once = 1\nkept_bytes = 1000000\n");
    let service = Service::start_with(with_models(&models), &["--config", &config]);
    let first = service.send(&question());
    service.until(&first, "running");
    // Runs that end in the queue leave nothing but what came.
    let cancelled = |params: Value| {
        let id = service.send(&job("local_only", params));
        service.ask("DELETE", &format!("/v1/runs/{id}"), "", "").with(200);
        id
    };
    let long = "Words. ".repeat(100_000);
    let uploaded = service.form("/v1/files", "file", "long.txt", long.as_bytes()).with(200)["id"].take();
    let runs = [(); 2].map(|()| cancelled(json!({"task": "Who?", "file_ids": [uploaded]})));
    for id in &runs {
        service.get(&format!("/v1/runs/{id}/documents")).with(200);
    }
    service.get(&format!("/v1/runs/{}", runs[0])).error(404);
    service.get(&format!("/v1/runs/{}", runs[1])).with(200);
    let runs = [(); 2].map(|()| cancelled(json!({"task": "Words. ".repeat(50_000), "context": ["Ada."]})));
    service.get(&format!("/v1/runs/{}", runs[0])).error(404);
    service.get(&format!("/v1/runs/{}", runs[1])).with(200);
}

#[test]
fn kept_runs_weigh_files_that_nobody_else_has() {
    let models = models(|_| Reply::hang());
    let (_dir, config) = file("serve.toml", "[limits]\nruns_at_once = 1\nkept_bytes = 1000000\n");
    let service = Service::start_with(with_models(&models), &["--config", &config]);
    let first = service.send(&question());
    service.until(&first, "running");
    let long = "Words. ".repeat(50_000);
    let runs = [(); 2].map(|()| {
        let uploaded = service.form("/v1/files", "file", "long.txt", long.as_bytes()).with(200)["id"].take();
        let id = service.send(&job("local_only", json!({"task": "Who?", "file_ids": [uploaded]})));
        service.ask("DELETE", &format!("/v1/runs/{id}"), "", "").with(200);
        (id, format!("/v1/files/{}", uploaded.as_str().unwrap()))
    });
    for (id, file) in &runs {
        service.get(&format!("/v1/runs/{id}")).with(200);
        service.ask("DELETE", file, "", "").with(200);
    }
    service.get(&format!("/v1/runs/{}", runs[0].0)).error(404);
    service.get(&format!("/v1/runs/{}", runs[1].0)).with(200);
}

#[test]
fn a_token_that_was_made_stays_out_of_logs() {
    let models = instant();
    let service = Service::start_with(with_models(&models), &["--make-token"]);
    let told = service.told();
    let token = told.split("#token=").nth(1).unwrap().split_whitespace().next().unwrap();
    let headers = format!("{JSON}Authorization: Bearer {token}\r\n");
    let mut job = question();
    job["call_params"]["task"] = json!(format!("What opens {token}?"));
    let answer = service.ask("POST", "/v1/minions", &headers, job.to_string());
    let run = answer.header("x-minions-run").unwrap();
    let log = service.ask("GET", &format!("/v1/runs/{run}/log"), &headers, "");
    assert!(log.text().contains("What opens") && !log.text().contains(token), "{}", log.text());
}
