//! What the operator allows: queues, turns, days, dollars, `serve.toml`.

use std::sync::Arc;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::{JSON, Service, ada, file, instant, job, models, question, with_models};
use crate::support::program::Program;
use crate::support::server::{Reply, Server};
use crate::support::wait::{self, Door};
use crate::support::wire::{openai, openai_usage};

const TOKENS: &str = "ada ada-0123456789abcdef\nbob bob-0123456789abcdef\n";

fn send(service: &Service, name: &str, job: &Value) -> super::Answer {
    let headers = format!("{JSON}Authorization: Bearer {name}-0123456789abcdef\r\n");
    service.ask("POST", "/v1/runs", &headers, job.to_string())
}

fn asked(task: &str) -> Value {
    job("local_only", json!({"task": task, "context": ["Signed by Ada."]}))
}

#[test]
fn a_full_queue_says_so() {
    let models = models(|_| Reply::hang());
    let (_dir, config) = file("serve.toml", "[limits]\nruns_at_once = 1\nqueue = 2\n");
    let service = Service::start_with(with_models(&models), &["--config", &config]);
    let first = service.send(&question());
    service.until(&first, "running");
    let waiting = [service.send(&question()), service.send(&question())];
    let refused = service.post("/v1/runs", &question());
    assert_eq!(refused.error(429)["code"], "queue_full");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(service.get(&format!("/v1/runs/{}", waiting[1])).json()["position"], 1);
    service.ask("DELETE", &format!("/v1/runs/{}", waiting[0]), "", "");
    assert_eq!(service.state(&waiting[0]), "cancelled");
    let all = service.events(&waiting[0], "");
    assert_eq!((all.len(), &all[0]["type"], &all[0]["seq"]), (1, &json!("finished"), &json!(0)));
    assert_eq!(service.post("/v1/runs", &question()).status, 202);
    service.ask("DELETE", &format!("/v1/runs/{first}"), "", "");
    service.until(&waiting[1], "running");
}

#[test]
fn owners_take_turns() {
    let door = Door::default();
    let order = Arc::new(Mutex::new(Vec::new()));
    let (held, told) = (door.clone(), Arc::clone(&order));
    let models = models(move |request| {
        let prompt = request.prompt();
        let name =
            ["first", "ada-1", "ada-2", "ada-3", "bob-1"].into_iter().find(|name| prompt.contains(name));
        told.lock().unwrap().push(name.unwrap());
        held.wait("the door");
        openai(request, &ada())
    });
    let (_dir, tokens) = file("tokens", TOKENS);
    let (_dir, config) = file("serve.toml", "[limits]\nruns_at_once = 1\n");
    let service = Service::start_with(with_models(&models), &["--config", &config, "--token-file", &tokens]);
    for (name, task) in
        [("ada", "first"), ("ada", "ada-1"), ("ada", "ada-2"), ("ada", "ada-3"), ("bob", "bob-1")]
    {
        assert_eq!(send(&service, name, &asked(task)).status, 202);
        wait::until("the first call", || !order.lock().unwrap().is_empty());
    }
    door.open();
    wait::until("all calls", || order.lock().unwrap().len() == 5);
    assert_eq!(*order.lock().unwrap(), ["first", "ada-1", "bob-1", "ada-2", "ada-3"]);
}

#[test]
fn a_token_has_so_much_of_a_day() {
    let models = instant();
    let (_dir, tokens) = file("tokens", TOKENS);
    let (_dir, config) =
        file("serve.toml", "[tokens.ada]\nruns_per_day = 2\n[tokens.bob]\nruns_at_once = 1\n");
    let service = Service::start_with(with_models(&models), &["--config", &config, "--token-file", &tokens]);
    for _ in 0..2 {
        assert_eq!(send(&service, "ada", &question()).status, 202);
    }
    assert_eq!(send(&service, "ada", &question()).error(429)["code"], "runs_per_day");
    for _ in 0..3 {
        assert_eq!(send(&service, "bob", &question()).status, 202);
    }
}

/// A dollar a run: each reply of the supervisor is a token, and `minions.toml` says what one costs.
const A_DOLLAR: &str = "[prices.'openai/supervisor']\ninput = 0\noutput = 1000000\n";

/// A service that knows what its supervisor costs.
fn priced(models: &Server, config: &str, tokens: &str) -> Service {
    let program = with_models(models);
    let home = program.dir.path().to_owned();
    let own = home.join(".config/minions");
    std::fs::create_dir_all(&own).unwrap();
    std::fs::write(own.join("minions.toml"), A_DOLLAR).unwrap();
    let program = program.env("HOME", home.to_str().unwrap());
    Service::start_with(program, &["--config", config, "--token-file", tokens])
}

fn get(service: &Service, name: &str, path: &str) -> Value {
    let headers = format!("Authorization: Bearer {name}-0123456789abcdef\r\n");
    service.ask("GET", path, &headers, "").json()
}

/// The run that was sent, once it has ended.
#[track_caller]
fn ended(service: &Service, name: &str, sent: &super::Answer) -> Value {
    let path = format!("/v1/runs/{}", sent.with(202)["id"].as_str().unwrap());
    wait::until("the run's end", || get(service, name, &path)["envelope"].is_object());
    get(service, name, &path)
}

fn paid() -> Value {
    job("remote_only", json!({"task": "Who signed?", "context": ["Signed by Ada."]}))
}

#[test]
fn dollars_without_prices_are_refused() {
    let models = instant();
    let (_dir, tokens) = file("tokens", TOKENS);
    let (_dir, config) = file("serve.toml", "[tokens.bob]\nusd_per_day = 100\n");
    // The vendor's prices are known at the vendor's own address alone, so that nobody says what this one costs.
    let service = Service::start_with(with_models(&models), &["--config", &config, "--token-file", &tokens]);
    let mut own = paid();
    own["protocol"]["kwargs"] = json!({"prices": {"input": 0, "output": 0}});
    for job in [&paid(), &own] {
        let error = send(&service, "bob", job).error(403);
        assert!(error["message"].as_str().unwrap().contains("nobody says what"), "{error}");
    }
}

#[test]
fn dollars_of_a_day_hold_every_run() {
    let models = models(|request| openai_usage(request, &ada(), (10, 1)));
    let (_dir, tokens) = file("tokens", TOKENS);
    let (_dir, config) = file("serve.toml", "[tokens.ada]\nusd_per_day = 2\nusd_per_run = 2\n");
    let service = priced(&models, &config, &tokens);
    for _ in 0..2 {
        let sent = send(&service, "ada", &paid());
        assert_eq!(ended(&service, "ada", &sent)["envelope"]["success"], true, "{}", service.told());
    }
    let refused = send(&service, "ada", &paid());
    assert_eq!(refused.error(429)["code"], "usd_per_day");
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
    // Those of one are not those of another.
    assert_eq!(ended(&service, "bob", &send(&service, "bob", &paid()))["envelope"]["success"], true);
    let calls = models.requests().iter().filter(|request| request.path.ends_with("completions")).count();
    assert_eq!(calls, 3);
}

#[test]
fn dollars_are_set_aside_for_runs_under_way() {
    let models = models(|_| Reply::hang());
    let (_dir, tokens) = file("tokens", TOKENS);
    let (_dir, config) = file("serve.toml", "[tokens.ada]\nusd_per_day = 2\nusd_per_run = 2\n");
    let service = priced(&models, &config, &tokens);
    let first = send(&service, "ada", &paid()).with(202)["id"].take();
    assert_eq!(send(&service, "ada", &paid()).error(429)["code"], "usd_per_day");
    let headers = "Authorization: Bearer ada-0123456789abcdef\r\n";
    let path = format!("/v1/runs/{}", first.as_str().unwrap());
    service.ask("DELETE", &path, headers, "");
    wait::until("its end", || get(&service, "ada", &path)["envelope"].is_object());
    // What was set aside is there again.
    wait::until("room", || send(&service, "ada", &paid()).status == 202);
}

#[test]
fn a_job_can_not_raise_what_its_token_may_spend() {
    let models = models(|request| openai_usage(request, &ada(), (10, 1)));
    let (_dir, tokens) = file("tokens", TOKENS);
    let (_dir, config) = file("serve.toml", "[tokens.default]\nusd_per_day = 100\negress_chars = 5\n");
    let service = priced(&models, &config, &tokens);
    let mut job = paid();
    job["budget"] = json!({"egress_chars": 1_000_000, "deadline_s": 1_000_000});
    let run = ended(&service, "ada", &send(&service, "ada", &job));
    assert_eq!(run["envelope"]["success"], false);
    let told = run["envelope"]["error"].as_str().unwrap();
    assert!(told.contains("would have left this machine, and the budget is 5"), "{told}");
    assert!(models.requests().iter().all(|request| !request.path.ends_with("completions")));
    // One that keeps to it is run; the worker's side leaves nothing.
    let run = ended(&service, "ada", &send(&service, "ada", &question()));
    assert_eq!(run["envelope"]["result"]["final_answer"], "Ada", "{run}");
}

#[test]
fn a_file_that_says_what_is_not_known_is_refused() {
    for (text, complaint) in [
        ("quue = 1\n", "serve.toml:1: unknown field `quue`"),
        ("[limits]\n\nqeue = 1\n", "serve.toml:3: unknown field `qeue`"),
        ("[limits]\nqueue = \"many\"\n", "serve.toml:2: invalid type"),
        ("[pairs.a]\nlocal = \"ollama/llama3.2\"\n", "missing field `remote`"),
        ("[pairs.a]\nlocal = \"x y\"\nremote = \"openai\"\n", "pairs.a.local"),
        ("[pairs.remote-only]\nlocal = \"ollama\"\nremote = \"openai\"\n", "has the name of a protocol"),
        ("[tokens.eve]\nruns_per_day = 1\n", "[tokens.eve] is the table of no token"),
        ("[tokens.default]\nusd_per_day = -1\n", "must be a number from 0 on"),
        ("origins = [\"*\"]\n", "must hold origins"),
        ("hosts = [\"http://a\"]\n", "must hold bare names"),
        ("[limits]\nruns_at_once = 0\n", "must leave room"),
        ("= 1\n", "serve.toml:1: "),
    ] {
        let (_dir, path) = file("serve.toml", text);
        let ran = Program::new().args(["serve", "--port", "0", "--config", &path]).run("");
        assert_eq!(ran.code, Some(2), "{text}: {}", ran.stderr);
        assert!(ran.stderr.contains(complaint), "{text}: {}", ran.stderr);
    }
}

#[test]
fn a_worker_that_costs_dollars_is_refused_where_they_are_limited() {
    let models = instant();
    let (_dir, tokens) = file("tokens", TOKENS);
    let (_dir, config) = file("serve.toml", "[tokens.ada]\nusd_per_day = 2\n");
    let service = priced(&models, &config, &tokens);
    let mut job = question();
    job["remote_client"] = job["local_client"].take();
    for hosted in ["supervisor", "nobody-knows"] {
        job["local_client"] = json!({"type": "openai", "model_name": hosted});
        let error = send(&service, "ada", &job).error(403);
        assert_eq!((&error["param"], &error["code"]), (&json!("local_client"), &json!("not_allowed")));
    }
    assert!(models.requests().iter().all(|request| !request.path.ends_with("completions")));
    // Who has no limit may pay for a worker, and a worker of one's own costs nothing.
    assert_eq!(send(&service, "bob", &job).status, 202);
    assert_eq!(send(&service, "ada", &question()).status, 202);
}
