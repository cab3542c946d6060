//! What jobs that come over HTTP may not name.

use serde_json::{Value, json};

use super::{JSON, Service, file, instant, job, question, with_models};
use crate::support::program::chats;
use crate::support::server::{Reply, Server};

fn with(path: &str, value: Value) -> Value {
    let mut job = question();
    let mut at = &mut job;
    for key in path.split('.') {
        at = &mut at[key];
    }
    *at = value;
    job
}

#[test]
fn a_job_names_no_path_address_or_key() {
    let models = instant();
    let service = Service::of(&models);
    for (path, value, param) in [
        ("call_params.context_files", json!(["/etc/passwd"]), "call_params.context_files[0]"),
        ("call_params.context", json!([{"file": "/etc/passwd"}]), "call_params.context[0].file"),
        ("call_params.images", json!(["/etc/passwd"]), "call_params.images[0]"),
        ("call_params.images", json!(["http://169.254.169.254/latest"]), "call_params.images[0]"),
        ("call_params.log_path", json!("a.json"), "call_params.log_path"),
        ("protocol.log_dir", json!("/tmp/x"), "protocol.log_dir"),
        ("protocol.session_dir", json!("/tmp/x"), "protocol.session_dir"),
        ("session", json!("acme"), "session"),
        ("protocol.kwargs", json!({"prompts": {"minion_worker": "/etc/passwd"}}), "protocol.kwargs.prompts"),
        (
            "remote_client.kwargs",
            json!({"base_url": "http://127.0.0.1:9/v1"}),
            "remote_client.kwargs.base_url",
        ),
        ("local_client.kwargs", json!({"base_url": "http://127.0.0.1:9"}), "local_client.kwargs.base_url"),
        ("remote_client.kwargs", json!({"api_key": "sk-1234567890abcdef"}), "remote_client.kwargs.api_key"),
        ("remote_client.kwargs", json!({"headers": {"x-a": "b"}}), "remote_client.kwargs.headers"),
        ("remote_client.kwargs", json!({"default_headers": {"x-a": "b"}}), "remote_client.kwargs.headers"),
        ("local_client.port", json!(22), "local_client.port"),
        (
            "local_client",
            json!({"type": "llama_cpp", "model_path": "/etc/passwd"}),
            "local_client.model_path",
        ),
    ] {
        let job = with(path, value);
        for route in ["/v1/runs", "/v1/minions", "/v1/estimate"] {
            let error = service.post(route, &job).error(403);
            assert_eq!((&error["param"], &error["code"]), (&json!(param), &json!("not_allowed")), "{job}");
        }
    }
    let memo = job("minions", json!({"task": "Who?", "context": ["Ada."]}));
    let mut memo = memo;
    memo["protocol"]["kwargs"] = json!({"memo": "/tmp/x"});
    assert_eq!(service.post("/v1/runs", &memo).error(403)["param"], "protocol.kwargs.memo");
    let bad = service.post("/v1/runs", &with("call_params.tsk", json!("x"))).error(400);
    assert_eq!(bad["param"], "call_params.tsk");
    assert!(
        models.requests().iter().all(|request| !request.path.contains("completions")),
        "a model was asked"
    );
}

#[test]
fn a_job_that_is_trusted_may_name_all() {
    let models = instant();
    let service = Service::start_with(with_models(&models), &["--trust-jobs"]);
    let (_dir, path) = file("log.txt", "Signed by Ada on 3 May.");
    let answer = service.post("/v1/minions", &with("call_params.context_files", json!([path]))).json();
    assert_eq!(answer["result"]["final_answer"], "Ada", "{answer}");
}

#[test]
fn pairs_of_the_operator_are_all_that_there_is() {
    let models = instant();
    let (_dir, config) =
        file("serve.toml", "[pairs.usual]\nlocal = \"vllm/worker\"\nremote = \"openai/supervisor\"\n");
    let service = Service::start_with(with_models(&models), &["--config", &config]);
    assert_eq!(service.post("/v1/minions", &question()).json()["success"], true);
    let error = service.post("/v1/runs", &with("local_client.model_name", json!("other"))).error(403);
    assert_eq!(error["param"], "local_client");
    // The worker alone is asked, so that the supervisor may be anything.
    assert_eq!(service.post("/v1/runs", &with("remote_client.model_name", json!("gpt-9"))).status, 202);
    let mut job = job("remote_only", json!({"task": "Who?", "context": ["Ada."]}));
    job["remote_client"]["model_name"] = json!("gpt-9");
    assert_eq!(service.post("/v1/runs", &job).error(403)["param"], "remote_client");
    let setup = service.get("/v1/setup").json();
    assert_eq!(setup["pairs"][0]["id"], "usual");
    assert_eq!(
        (&setup["local"][0]["model_name"], setup["local"].as_array().unwrap().len()),
        (&json!("worker"), 1)
    );
}

#[test]
fn the_setup_shows_no_key() {
    let models = instant();
    let service = Service::of(&models);
    let text = service.get("/v1/setup").json().to_string();
    assert!(text.contains("OPENAI_API_KEY") && !text.contains("sk-test"), "{text}");
    let setup = service.get("/v1/setup").json();
    let openai = setup["remote"].as_array().unwrap().iter().find(|side| side["type"] == "openai").unwrap();
    assert_eq!(openai["key"], json!({"env": "OPENAI_API_KEY", "is_set": true}));
    assert_eq!(setup["protocols"][0], "auto");
}

#[test]
fn the_first_pair_is_the_usual_one() {
    let models = instant();
    let pair = |name: &str, remote: &str| {
        format!("[pairs.{name}]\nlocal = \"vllm/worker\"\nremote = \"openai/{remote}\"\n")
    };
    let (_dir, config) = file("serve.toml", &(pair("usual", "first") + &pair("best", "second")));
    let service = Service::start_with(with_models(&models), &["--config", &config]);
    let mut bare = job("remote_only", json!({"task": "Who?", "context": ["Ada."]}));
    for side in ["local_client", "remote_client"] {
        bare.as_object_mut().unwrap().remove(side);
    }
    assert_eq!(service.post("/v1/minions", &bare).json()["success"], true);
    let chat = json!({"model": "remote_only", "messages": [{"role": "user", "content": "Who?"}]});
    assert_eq!(service.post("/v1/chat/completions", &chat).status, 200);
    assert_eq!((chats(&models, "first").len(), chats(&models, "second").len()), (2, 0));
}

/// A daemon that has no model and fetches none.
fn daemon() -> Server {
    Server::start(|request| match &*request.path {
        "/api/version" => Reply::json(&json!({"version": "0.32.15"})),
        "/api/tags" | "/api/ps" => Reply::json(&json!({"models": []})),
        "/api/show" => Reply::error(404, &json!({"error": "not found"})),
        "/api/pull" => Reply::error(500, &json!({"error": "no such host"})),
        _ => Reply::text(404, "not found"),
    })
}

fn pulled(daemon: &Server, model: &str) -> bool {
    let pulls = daemon.requests().into_iter().filter(|request| request.path == "/api/pull");
    pulls.map(|request| request.json()).any(|body| body["model"] == model)
}

#[test]
fn a_token_fetches_the_operators_own_models_alone() {
    let (models, daemon) = (instant(), daemon());
    let program = || {
        with_models(&models)
            .env("OLLAMA_HOST", &daemon.url())
            .env("MINIONS_LOCAL", "ollama/usual")
            .env("MINIONS_REMOTE", "openai/supervisor")
    };
    let ask = |service: &Service, token: &str, model: &str| {
        let mut job = question();
        job["local_client"] = json!({"type": "ollama", "model_name": model});
        let answer = service.ask("POST", "/v1/minions", &format!("{JSON}{token}"), job.to_string()).json();
        answer["error"].as_str().unwrap().to_owned()
    };
    let (_dir, tokens) = file("tokens", "ada ada-0123456789abcdef\n");
    let service = Service::start_with(program(), &["--token-file", &tokens]);
    let ada = "Authorization: Bearer ada-0123456789abcdef\r\n";
    for model in ["other", "169.254.169.254:80/x/y:z"] {
        let told = ask(&service, ada, model);
        assert!(told.contains("ollama pull"), "{told}");
        assert!(!pulled(&daemon, model), "{model}");
    }
    ask(&service, ada, "usual");
    assert!(pulled(&daemon, "usual"));
    // Nobody else is there where no token is asked for.
    ask(&Service::start(program()), "", "other");
    assert!(pulled(&daemon, "other"));
}
