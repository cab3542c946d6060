//! Docker Model Runner: finding, pulling and configuring a model.

use minions::runtimes::docker_model_runner::Seek;

use super::*;

fn at(server: &Server) -> DockerModelRunner {
    DockerModelRunner::new(&format!("{}/engines/v1/", server.url()), TIMEOUTS).expect("a usable address")
}

/// A runner that has its model after a pull, which `pull` answers, and takes configurations with `configure`.
fn runner(has: bool, pull: fn(usize) -> Reply, configure: fn() -> Reply) -> Server {
    let (pulls, done) = (AtomicUsize::new(0), AtomicUsize::new(usize::from(has)));
    Server::start(move |request| match &*request.path {
        "/engines/status" => Reply::json(&json!({"llama.cpp": "Running: llama.cpp b9879"})),
        "/models/ai/smollm2" if done.load(SeqCst) == 0 => {
            Reply::text(404, "error while getting model: model not found\n")
        }
        "/models/ai/smollm2" => Reply::json(&json!({
            "id": "sha256:a", "tags": ["docker.io/ai/smollm2:latest"],
            "config": {"format": "gguf", "gguf": {"llama.context_length": "8192"}, "size": "256.35 MiB"},
        })),
        "/models" => Reply::json(&json!([{"id": "sha256:b", "tags": ["docker.io/ai/qwen3:latest"]}])),
        "/models/create" => {
            done.store(1, SeqCst);
            pull(pulls.fetch_add(1, SeqCst))
        }
        "/engines/_configure" => configure(),
        "/engines/v1/chat/completions" => Reply::text(200, ""),
        _ => Reply::text(404, "not found\n"),
    })
}

fn accepted() -> Reply {
    Reply::text(202, "")
}

fn whole_pull() -> Reply {
    let progress = |done: u64| {
        json!({
            "type": "progress", "message": "Downloaded", "total": 100, "mode": "pull",
            "layer": {"id": "sha256:a", "size": 100, "current": done},
        })
    };
    let done = json!({
        "type": "success", "message": "Model pulled successfully", "total": 0,
        "layer": {"size": 0, "current": 0}, "mode": "pull",
    });
    lines(&[progress(10), progress(60), progress(100), done])
}

#[tokio::test]
async fn a_model_that_is_there_is_configured_and_loaded() {
    let server = runner(true, |_| whole_pull(), accepted);
    let runner = at(&server);
    runner.ensure_ready().await.unwrap();
    let need =
        Need { slots: Some(3), has_set_slots: true, keep_alive: Some(json!(-1)), ..need("ai/smollm2") };
    let endpoint = runner.ensure_model(&need).await.unwrap();
    let expected = Endpoint {
        base_url: format!("{}/engines/v1", server.url()),
        model: "ai/smollm2".to_owned(),
        context_window: Some(6144),
        is_window_certain: true,
        slots: Some(3),
        forwards: false,
        revival: None,
    };
    assert_eq!(endpoint, expected);
    runner.warm_up(&need, &endpoint).await.unwrap();
    let requests = server.requests();
    assert_eq!(
        asked(&server),
        [
            "GET /engines/status",
            "GET /models/ai/smollm2",
            "GET /engines/_configure?model=ai/smollm2",
            "POST /engines/_configure",
            "POST /engines/v1/chat/completions",
        ]
    );
    let configured = json!({
        "model": "ai/smollm2", "mode": "completion", "context-size": 3 * 6144,
        "runtime-flags": ["--parallel", "3"], "keep_alive": "-1",
    });
    assert_eq!(requests[3].json(), configured);
    assert_eq!(requests[4].header("x-preload-only"), Some("true"));
}

#[tokio::test]
async fn a_missing_model_is_pulled_and_a_cut_pull_goes_on() {
    let server = runner(
        false,
        |n| match n {
            0 => whole_pull().cut_after(2),
            1 => Reply::text(503, "installer not started\n"),
            _ => whole_pull(),
        },
        accepted,
    );
    at(&server).ensure_model(&need("ai/smollm2")).await.unwrap();
    let pulls: Vec<_> =
        server.requests().into_iter().filter(|request| request.path == "/models/create").collect();
    assert_eq!(pulls.len(), 3);
    assert_eq!(pulls[0].json(), json!({"from": "ai/smollm2"}));
    // Anything else makes it write plain text with escaped quotes.
    assert_eq!(pulls[0].header("accept"), Some("application/json"));
}

#[tokio::test]
async fn failures_of_a_pull_are_told_apart() {
    type Case = (fn(usize) -> Reply, Kind, &'static str);
    let cases: [Case; 4] = [
        (|_| Reply::text(404, "Model not found\n"), Kind::ModelMissing, "HTTP 404: Model not found"),
        (|_| Reply::text(401, "Unauthorized\n"), Kind::Rejected, "docker login"),
        (
            |_| {
                Reply::stream(
                    "application/json",
                    ["{\"type\":\"error\",\"message\":\"Error: no route\"}\nError: no route\n"],
                )
            },
            Kind::PullFailed,
            "\"ai/smollm2\": no route",
        ),
        (|_| Reply::stream("application/json", ["plain words\n"]), Kind::PullFailed, "plain words"),
    ];
    for (pull, kind, part) in cases {
        let server = runner(false, pull, accepted);
        let error = at(&server).ensure_model(&need("ai/smollm2")).await.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(message(&error).contains(part), "{}", message(&error));
    }
}

#[tokio::test]
async fn a_model_in_use_keeps_its_configuration_and_the_job_goes_on() {
    let server = runner(true, |_| whole_pull(), || Reply::text(409, "runner already active\n"));
    let endpoint = at(&server).ensure_model(&need("ai/smollm2")).await.unwrap();
    assert_eq!((endpoint.context_window, endpoint.slots), (None, None));

    let server = runner(true, |_| whole_pull(), || Reply::text(500, "flag not allowed\n"));
    let error = at(&server).ensure_model(&need("ai/smollm2")).await.unwrap_err();
    assert_eq!(error.kind, Kind::Rejected);
    assert!(error.message.contains("flag not allowed"), "{error}");
}

/// A runner that has its model, remembers configurations and counts what it loads for them.
fn remembering(there: Value) -> Server {
    let there = std::sync::Mutex::new(there);
    Server::start(move |request| match (&*request.method, request.path.split('?').next().unwrap()) {
        (_, "/models/ai/smollm2") => Reply::json(&json!({
            "config": {"format": "gguf", "gguf": {"llama.context_length": "32768"}, "size": "256.35 MiB"},
        })),
        ("GET", "/engines/_configure") => Reply::json(&there.lock().unwrap()),
        ("POST", "/engines/_configure") => {
            let config = request.json();
            *there.lock().unwrap() = json!([{
                "Backend": "llama.cpp", "Model": "ai/smollm2", "Mode": "completion", "Config": config,
            }]);
            accepted()
        }
        _ => Reply::text(404, "not found\n"),
    })
}

#[tokio::test]
async fn a_configuration_that_holds_the_job_is_kept() {
    let minion = || Need { slots: Some(1), tokens: 3000, ..need("ai/smollm2") };
    let minions = || Need { tokens: 8192, ..need("ai/smollm2") };
    let long = || Need { slots: Some(1), tokens: 20_000, ..need("ai/smollm2") };
    let fixed = || Need { window: Some(2048), slots: Some(2), has_set_slots: true, ..need("ai/smollm2") };
    let configured =
        |server: &Server| asked(server).iter().filter(|path| *path == "POST /engines/_configure").count();
    for (jobs, expected, slots) in [
        // In turns, whoever comes first: one configuration.
        (vec![minion(), minions(), minion(), minions()], 1, Some(4)),
        (vec![minions(), minion(), minions()], 1, Some(4)),
        (vec![long(), minion(), long()], 1, Some(1)),
        (vec![minion(), long()], 2, Some(1)),
        (vec![fixed(), fixed()], 1, Some(2)),
        (vec![minions(), fixed()], 1, Some(4)),
        (vec![Need { keep_alive: Some(json!(-1)), ..minion() }, minion()], 1, Some(4)),
        (vec![minion(), Need { keep_alive: Some(json!(-1)), ..minion() }], 2, Some(4)),
    ] {
        let server = remembering(json!([]));
        let mut last = None;
        for job in &jobs {
            let endpoint = at(&server).ensure_model(job).await.unwrap();
            assert!(endpoint.context_window >= job.window.or(Some(job.tokens)), "{job:?}: {endpoint:?}");
            last = endpoint.slots;
        }
        assert_eq!((configured(&server), last), (expected, slots), "{jobs:?}");
    }
    // A runner that tells nothing, or something else than chats.
    for there in [Value::Null, json!("x"), json!([{"Mode": "embedding"}])] {
        let server = remembering(there);
        at(&server).ensure_model(&minion()).await.unwrap();
        assert_eq!(configured(&server), 1);
    }
}

#[tokio::test]
async fn prompts_that_were_read_are_kept_within_a_budget() {
    let flags = async |given: Option<i64>, there: Value| {
        let server = remembering(there);
        let runner = at(&server).keeping(given);
        runner.ensure_model(&need("ai/smollm2")).await.unwrap();
        let requests = server.requests();
        let sent = requests.iter().find(|request| request.method == "POST").unwrap().json();
        sent["runtime-flags"][3].as_str().unwrap().parse::<i64>().unwrap()
    };
    let ours = flags(None, json!([])).await;
    assert!((512..=8192).contains(&ours), "{ours}");
    // The user's own setting wins.
    assert_eq!((flags(Some(0), json!([])).await, flags(Some(-1), json!([])).await), (0, -1));

    // An older runner refuses the flag.
    let configures = AtomicUsize::new(0);
    let server = Server::start(move |request| match (&*request.method, &*request.path) {
        ("GET", "/models/ai/smollm2") => Reply::json(&json!({"config": {}})),
        ("POST", "/engines/_configure") if configures.fetch_add(1, SeqCst) == 0 => {
            Reply::text(500, "runtime flag \"--cache-ram\" is not allowed\n")
        }
        ("POST", "/engines/_configure") => accepted(),
        _ => Reply::text(404, "not found\n"),
    });
    let endpoint = at(&server).keeping(None).ensure_model(&need("ai/smollm2")).await.unwrap();
    assert_eq!(endpoint.slots, Some(4));
    assert_eq!(server.requests().last().unwrap().json()["runtime-flags"], json!(["--parallel", "4"]));
}

#[tokio::test]
async fn a_missing_model_or_too_long_a_job_is_an_error() {
    let server = runner(false, |_| whole_pull(), accepted);
    let unpulled = Need { pull: false, ..need("ai/smollm2") };
    let error = at(&server).ensure_model(&unpulled).await.unwrap_err();
    assert_eq!(error.kind, Kind::ModelMissing);
    assert!(error.message.contains("docker.io/ai/qwen3:latest"), "{error}");

    let server = runner(true, |_| whole_pull(), accepted);
    let error = at(&server)
        .ensure_model(&Need { tokens: 12_000, at_least: 9000, ..need("ai/smollm2") })
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::ContextTooLong);
    assert!(error.message.contains("9000") && error.message.contains("8192"), "{error}");
}

#[tokio::test]
async fn what_answers_is_looked_at() {
    for (reply, part) in [
        (Reply::text(404, "404 page not found"), "is no Docker Model Runner: HTTP 404"),
        (Reply::json(&json!({"llama.cpp": "Error: no GPU"})), "no working llama.cpp: Error: no GPU"),
    ] {
        let server = Server::replies([reply]);
        let error = at(&server).ensure_ready().await.unwrap_err();
        assert_eq!(error.kind, Kind::Rejected);
        assert!(error.message.contains(part), "{error}");
    }
    let absent = DockerModelRunner::new(&nobody(), TIMEOUTS).unwrap();
    let error = absent.ensure_ready().await.unwrap_err();
    assert_eq!(error.kind, Kind::Unreachable);
    let message = message(&error);
    assert!(message.contains("connection refused") && message.contains("--tcp 12434"), "{message}");
}

#[tokio::test]
async fn one_that_is_not_there_is_started_on_this_machine_alone() {
    let seek = Seek { engines: vec!["unix:///nowhere/docker.sock".to_owned()], version: "latest".to_owned() };
    let here = DockerModelRunner::new(&nobody(), TIMEOUTS).unwrap().seeking(seek.clone());
    let said = message(&here.ensure_ready().await.unwrap_err());
    assert!(said.contains("connection refused; and it was not started: there is no Docker Engine"), "{said}");
    assert!(said.contains("/nowhere/docker.sock"), "{said}");

    let elsewhere = DockerModelRunner::new("http://runner.invalid:12434", TIMEOUTS).unwrap().seeking(seek);
    let said = message(&elsewhere.ensure_ready().await.unwrap_err());
    assert!(said.contains("does not answer") && !said.contains("Docker Engine at"), "{said}");
    assert!(!said.contains("not started"), "{said}");
}
