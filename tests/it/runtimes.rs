//! From the address of a local model server to an endpoint: requests asserted, faults scripted.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use minions::runtimes::{
    DockerModelRunner, Endpoint, Limits, Need, Ollama, Runtime, RuntimeError, RuntimeErrorKind as Kind, probe,
};
use serde_json::{Value, json};

use crate::support::server::{Reply, Request, Server};

const LIMITS: Limits = Limits {
    answer: Duration::from_secs(20),
    stall: Duration::from_millis(200),
    store: Duration::from_secs(20),
    resumes: 3,
    pause: Duration::ZERO,
    load: Duration::from_secs(20),
};

fn need(model: &str) -> Need {
    Need { model: model.to_owned(), tokens: 5000, pull: true, ..Need::default() }
}

fn lines(lines: &[Value]) -> Reply {
    Reply::stream("application/x-ndjson", lines.iter().map(|line| format!("{line}\n")))
}

fn asked(server: &Server) -> Vec<String> {
    server.requests().iter().map(|request| format!("{} {}", request.method, request.path)).collect()
}

/// An address of this machine at which nobody listens.
fn nobody() -> String {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let free = free.expect("loopback has a free port");
    format!("http://{free}")
}

fn message(error: &RuntimeError) -> String {
    format!("{error}. Hint: {}", error.hint.clone().unwrap_or_default())
}

mod ollama {
    use super::*;

    fn at(server: &Server) -> Ollama {
        Ollama::new(&server.url(), Some(4), LIMITS).expect("a usable address")
    }

    /// A daemon that has `model` once `pulls` have succeeded, whose pulls are answered by `pull`.
    fn daemon(pull: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Server {
        let (pulls, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Server::start(move |request| match &*request.path {
            "/api/version" => Reply::json(&json!({"version": "0.32.15"})),
            "/api/show" if done.load(SeqCst) == 0 => {
                Reply::error(404, &json!({"error": "model 'llama3.2:3b' not found"}))
            }
            "/api/show" => shown(),
            "/api/tags" => {
                Reply::json(&json!({"models": [{"name": "qwen3:4b"}, {"name": "me/small:latest"}]}))
            }
            "/api/ps" => Reply::json(&json!({"models": []})),
            "/api/pull" => {
                let reply = pull(pulls.fetch_add(1, SeqCst));
                // The stream itself decides what the client believes; the model appears with any pull.
                done.store(1, SeqCst);
                reply
            }
            _ => Reply::text(404, "404 page not found"),
        })
    }

    fn shown() -> Reply {
        Reply::json(&json!({
            "parameters": "", "capabilities": ["completion", "tools"], "details": {"family": "llama"},
            "model_info": {"general.architecture": "llama", "llama.context_length": 131_072},
        }))
    }

    fn layer(done: u64) -> Value {
        json!({"status": "pulling dde5aa3fc5ff", "digest": "sha256:dde5aa3fc5ff", "total": 100, "completed": done})
    }

    fn manifest() -> Value {
        json!({"status": "pulling manifest"})
    }

    fn whole_pull() -> Reply {
        let verifying = json!({"status": "verifying sha256 digest"});
        lines(&[manifest(), layer(0), layer(55), layer(100), verifying, json!({"status": "success"})])
    }

    #[tokio::test]
    async fn a_model_that_is_there_is_not_pulled() {
        let server = Server::start(|request| match &*request.path {
            "/api/version" => Reply::json(&json!({"version": "0.32.15"})),
            "/api/show" => shown(),
            "/api/ps" => Reply::json(&json!({"models": []})),
            _ => Reply::text(500, "not to be asked"),
        });
        let ollama = at(&server);
        ollama.ensure_ready().await.unwrap();
        let endpoint = ollama.ensure_model(&need("llama3.2:3b")).await.unwrap();
        let expected = Endpoint {
            base_url: server.url(),
            model: "llama3.2:3b".to_owned(),
            context_window: Some(6144),
            slots: Some(4),
        };
        assert_eq!(endpoint, expected);
        assert_eq!(asked(&server), ["GET /api/version", "POST /api/show", "GET /api/ps"]);
        assert_eq!(server.requests()[1].json(), json!({"model": "llama3.2:3b"}));
    }

    #[tokio::test]
    async fn a_window_that_is_loaded_already_is_kept() {
        let server = Server::start(|request| match &*request.path {
            "/api/show" => shown(),
            "/api/ps" => Reply::json(&json!({"models": [
                {"name": "other:latest", "context_length": 1},
                {"name": "Llama3.2:latest", "model": "Llama3.2:latest", "context_length": 16_384},
            ]})),
            _ => Reply::text(500, "not to be asked"),
        });
        let ollama = at(&server);
        let window = async |need: Need| ollama.ensure_model(&need).await.unwrap().context_window;
        assert_eq!(window(need("library/llama3.2")).await, Some(16_384));
        let longer = Need { tokens: 20_000, ..need("llama3.2") };
        assert_eq!(window(longer).await, Some(24_576));
        let asked = Need { window: Some(2048), ..need("llama3.2") };
        assert_eq!(window(asked).await, Some(2048));
    }

    #[tokio::test]
    async fn the_model_is_loaded_once_with_the_options_of_the_calls() {
        let server = Server::replies([Reply::json(&json!({"done": true, "done_reason": "load"}))]);
        let endpoint = Endpoint {
            base_url: server.url(),
            model: "m".to_owned(),
            context_window: Some(8192),
            slots: None,
        };
        let need = Need { keep_alive: Some(json!("10m")), ..need("m") };
        at(&server).warm_up(&need, &endpoint).await.unwrap();
        at(&server).warm_up(&super::need("m"), &endpoint).await.unwrap();
        let body = json!({"model": "m", "messages": [], "stream": false, "options": {"num_ctx": 8192}});
        let mut kept = body.clone();
        kept["keep_alive"] = json!("10m");
        let bodies: Vec<_> = server.requests().iter().map(Request::json).collect();
        assert_eq!(bodies, [kept, body]);
    }

    #[tokio::test]
    async fn a_model_that_does_not_load_is_told_in_the_daemons_words() {
        let said = json!({"error": "llama-server process has terminated: cudaMalloc failed: out of memory"});
        let server = Server::replies([Reply::error(500, &said)]);
        let endpoint =
            Endpoint { base_url: server.url(), model: "m".into(), context_window: None, slots: None };
        let error = at(&server).warm_up(&need("m"), &endpoint).await.unwrap_err();
        assert_eq!(error.kind, Kind::Rejected);
        assert!(message(&error).contains("cudaMalloc failed: out of memory"), "{error}");
    }

    #[tokio::test]
    async fn a_missing_model_is_pulled() {
        let server = daemon(|_| whole_pull().rechunk(7));
        let endpoint = at(&server).ensure_model(&need("llama3.2:3b")).await.unwrap();
        assert_eq!(endpoint.context_window, Some(6144));
        let expected = ["POST /api/show", "GET /api/tags", "POST /api/pull", "POST /api/show", "GET /api/ps"];
        assert_eq!(asked(&server), expected);
        assert_eq!(server.requests()[2].json(), json!({"model": "llama3.2:3b", "stream": true}));
    }

    #[tokio::test]
    async fn a_missing_model_is_named_with_those_that_are_there_where_pulling_is_not_allowed() {
        let server = daemon(|_| whole_pull());
        let error = at(&server).ensure_model(&Need { pull: false, ..need("llama3.2:3b") }).await.unwrap_err();
        assert_eq!(error.kind, Kind::ModelMissing);
        let message = message(&error);
        for part in ["\"llama3.2:3b\"", "qwen3:4b, me/small:latest", "ollama pull llama3.2:3b"] {
            assert!(message.contains(part), "{message}");
        }
        assert!(!asked(&server).contains(&"POST /api/pull".to_owned()));
    }

    #[tokio::test]
    async fn a_daemon_that_minds_upper_case_gets_its_own_spelling() {
        let server = Server::start(|request| match (&*request.path, request.json()["model"].as_str()) {
            ("/api/show", Some("Llama3.2:latest")) => shown(),
            ("/api/show", _) => Reply::error(404, &json!({"error": "not found"})),
            ("/api/tags", _) => Reply::json(&json!({"models": [{"name": "Llama3.2:latest"}]})),
            _ => Reply::json(&json!({})),
        });
        let endpoint = at(&server).ensure_model(&need("library/llama3.2")).await.unwrap();
        assert_eq!(endpoint.model, "Llama3.2:latest");
    }

    #[tokio::test]
    async fn an_error_within_a_successful_answer_is_seen() {
        for (said, kind, words) in [
            ("pull model manifest: file does not exist", Kind::ModelMissing, "check the spelling"),
            ("write /root/.ollama/x: no space left on device", Kind::PullFailed, "full"),
            (
                "pull model manifest: Get \"https://r/v2/\": dial tcp: lookup r: no such host",
                Kind::PullFailed,
                "no model library",
            ),
        ] {
            let server = daemon(move |_| lines(&[manifest(), json!({"error": said})]));
            let error = at(&server).ensure_model(&need("llama3.2:3b")).await.unwrap_err();
            assert_eq!(error.kind, kind, "{said}");
            let message = message(&error);
            assert!(message.contains(said) && message.contains(words), "{message}");
            assert!(message.contains(&server.url()), "{message}");
            assert_eq!(asked(&server).iter().filter(|path| *path == "POST /api/pull").count(), 1);
        }
    }

    #[tokio::test]
    async fn success_is_believed_only_as_the_last_line() {
        let early = || lines(&[json!({"status": "success"}), manifest(), layer(10)]);
        let server = daemon(move |_| early());
        let error = at(&server).ensure_model(&need("llama3.2:3b")).await.unwrap_err();
        assert_eq!(error.kind, Kind::PullFailed);
        assert!(error.message.contains("ended before the end"), "{error}");
    }

    #[tokio::test]
    async fn a_pull_that_is_cut_goes_on() {
        // Every other way to break off, then the whole.
        let server = daemon(|n| match n {
            0 => whole_pull().cut_after(3),
            1 => whole_pull().end_after(4),
            2 => lines(&[
                manifest(),
                layer(100),
                json!({"error": "digest mismatch, file must be downloaded again"}),
            ]),
            _ => whole_pull(),
        });
        at(&server).ensure_model(&need("llama3.2:3b")).await.unwrap();
        assert_eq!(asked(&server).iter().filter(|path| *path == "POST /api/pull").count(), 4);
    }

    #[tokio::test]
    async fn a_pull_that_stands_still_is_taken_up_again_three_times() {
        // Lines keep coming, and always say the same.
        let still = || {
            let again = std::iter::repeat_n(layer(40), 1000);
            lines(&again.collect::<Vec<_>>()).gap(Duration::from_millis(5))
        };
        let server = daemon(move |_| still());
        let error = at(&server).ensure_model(&need("llama3.2:3b")).await.unwrap_err();
        assert_eq!(error.kind, Kind::PullFailed);
        assert!(error.message.contains("not one new byte for 0.2 s"), "{error}");
        // The first try brought 40 bytes that were not there before, so it does not count.
        assert_eq!(asked(&server).iter().filter(|path| *path == "POST /api/pull").count(), 1 + 3);
    }

    #[tokio::test]
    async fn a_pull_that_falls_silent_is_taken_up_again() {
        let server =
            daemon(|n| if n == 0 { Reply::stream("x", [""; 0]).delay(Duration::ZERO) } else { whole_pull() });
        at(&server).ensure_model(&need("llama3.2:3b")).await.unwrap();
        let server = daemon(|n| match n {
            0 => lines(&[manifest(), layer(40), layer(41)]).gap(Duration::from_secs(2)),
            _ => whole_pull(),
        });
        at(&server).ensure_model(&need("llama3.2:3b")).await.unwrap();
        assert_eq!(asked(&server).iter().filter(|path| *path == "POST /api/pull").count(), 2);
    }

    #[tokio::test]
    async fn what_cannot_be_run_is_refused_before_it_is_loaded() {
        let embedding = json!({"capabilities": ["embedding"], "model_info": {}});
        let server = Server::replies([Reply::json(&embedding)]);
        let error = at(&server).ensure_model(&need("nomic-embed-text")).await.unwrap_err();
        assert_eq!(error.kind, Kind::Rejected);
        assert!(error.message.contains("cannot chat"), "{error}");

        let server = Server::replies([Reply::text(500, "not to be asked")]);
        let error = at(&server).ensure_model(&need("../../x")).await.unwrap_err();
        assert_eq!(error.kind, Kind::Rejected);
        assert!(server.requests().is_empty());
    }

    #[tokio::test]
    async fn a_job_longer_than_the_trained_context_is_told_both_numbers() {
        let server = daemon(|_| whole_pull());
        let long = Need { tokens: 250_000, at_least: 200_000, ..need("llama3.2:3b") };
        let error = at(&server).ensure_model(&long).await.unwrap_err();
        assert_eq!(error.kind, Kind::ContextTooLong);
        let message = message(&error);
        for part in ["200000", "131072", "minions"] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[tokio::test]
    async fn a_family_that_ollama_runs_one_by_one_has_one_slot() {
        let shown = json!({"details": {"family": "qwen35"}, "capabilities": ["completion"]});
        let server = Server::replies([Reply::json(&shown), Reply::json(&json!({"models": []}))]);
        assert_eq!(at(&server).ensure_model(&need("qwen3.5")).await.unwrap().slots, Some(1));
    }

    #[tokio::test]
    async fn what_answers_is_looked_at() {
        for (reply, kind, part) in [
            (Reply::text(404, "404 page not found"), Kind::Rejected, "is no Ollama server: HTTP 404"),
            (Reply::text(200, "<html>"), Kind::Rejected, "is no Ollama server"),
            (Reply::text(403, ""), Kind::Rejected, "refuses this host name"),
            (Reply::json(&json!({"version": "0.1.0"})), Kind::Rejected, "docker_model_runner"),
            (Reply::garbage(), Kind::Unreachable, "the answer is not HTTP"),
            (Reply::close(), Kind::Unreachable, "closed the connection"),
        ] {
            let server = Server::replies([reply]);
            let error = at(&server).ensure_ready().await.unwrap_err();
            assert_eq!(error.kind, kind, "{error}");
            let message = message(&error);
            assert!(message.contains(part) && message.contains(&server.url()), "{message}");
        }
    }

    #[tokio::test]
    async fn a_server_that_hangs_or_is_not_there_is_unreachable() {
        let server = Server::replies([Reply::hang()]);
        let limits = Limits { answer: Duration::from_millis(100), ..LIMITS };
        let hanging = Ollama::new(&server.url(), None, limits).unwrap();
        let error = hanging.ensure_ready().await.unwrap_err();
        assert_eq!(error.kind, Kind::Unreachable);
        assert!(error.message.contains("does not answer within 0.1 s"), "{error}");

        let absent = Ollama::new(&nobody(), None, LIMITS).unwrap();
        let error = absent.ensure_ready().await.unwrap_err();
        assert_eq!(error.kind, Kind::Unreachable);
        let message = message(&error);
        assert!(message.contains("connection refused") && message.contains("ollama serve"), "{message}");
    }
}

mod docker_model_runner {
    use super::*;

    fn at(server: &Server) -> DockerModelRunner {
        DockerModelRunner::new(&format!("{}/engines/v1/", server.url()), LIMITS).expect("a usable address")
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
        let need = Need { slots: Some(3), keep_alive: Some(json!(-1)), ..need("ai/smollm2") };
        let endpoint = runner.ensure_model(&need).await.unwrap();
        let expected = Endpoint {
            base_url: format!("{}/engines/v1", server.url()),
            model: "ai/smollm2".to_owned(),
            context_window: Some(6144),
            slots: Some(3),
        };
        assert_eq!(endpoint, expected);
        runner.warm_up(&need, &endpoint).await.unwrap();
        let requests = server.requests();
        assert_eq!(
            asked(&server),
            [
                "GET /engines/status",
                "GET /models/ai/smollm2",
                "POST /engines/_configure",
                "POST /engines/v1/chat/completions",
            ]
        );
        let configured = json!({
            "model": "ai/smollm2", "mode": "completion", "context-size": 3 * 6144,
            "runtime-flags": ["--parallel", "3"], "keep_alive": "-1",
        });
        assert_eq!(requests[2].json(), configured);
        assert_eq!(requests[3].header("x-preload-only"), Some("true"));
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
        let absent = DockerModelRunner::new(&nobody(), LIMITS).unwrap();
        let error = absent.ensure_ready().await.unwrap_err();
        assert_eq!(error.kind, Kind::Unreachable);
        let message = message(&error);
        assert!(message.contains("connection refused") && message.contains("--tcp 12434"), "{message}");
    }
}

#[tokio::test]
async fn a_llama_cpp_server_tells_its_slots_and_window() {
    let props = json!({"total_slots": 8, "default_generation_settings": {"n_ctx": 4096}});
    let server = Server::start(move |request| match &*request.path {
        "/props" => Reply::json(&props),
        _ => Reply::text(404, ""),
    });
    let found = probe::props(&format!("{}/v1/", server.url())).await.unwrap();
    assert_eq!((found.slots, found.context_window), (Some(8), Some(4096)));
    for reply in [Reply::text(404, "not found"), Reply::json(&json!({})), Reply::close()] {
        assert_eq!(probe::props(&Server::replies([reply]).url()).await, None);
    }
}
