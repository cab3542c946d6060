//! Ollama: finding, pulling and preloading a model.

use super::*;
use crate::support::recorded::{self, Player};
use minions::chat::providers::find;
use minions::chat::{ChatErrorKind, ChatSettings, connect_embedder};

fn at(server: &Server) -> Ollama {
    Ollama::new(&server.url(), Some(4), TIMEOUTS).expect("a usable address")
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
        "/api/tags" => Reply::json(&json!({"models": [{"name": "qwen3:4b"}, {"name": "me/small:latest"}]})),
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
        forwards: false,
        has_watchdog: false,
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

fn loading(server: &Server, context_window: Option<u32>) -> Endpoint {
    Endpoint {
        base_url: server.url(),
        model: "m".to_owned(),
        context_window,
        slots: None,
        forwards: false,
        has_watchdog: false,
    }
}

#[tokio::test]
async fn the_model_is_loaded_once_with_the_options_of_the_calls() {
    let server = Server::replies([Reply::json(&json!({"done": true, "done_reason": "load"}))]);
    let endpoint = loading(&server, Some(8192));
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
    let endpoint = loading(&server, None);
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
    assert!(error.message.contains("not one new byte for 0.5 s"), "{error}");
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

    let picture = json!({"capabilities": ["image"], "model_info": {}});
    let server = Server::replies([Reply::json(&picture)]);
    let error = at(&server).ensure_model(&embedding_need("z-image")).await.unwrap_err();
    assert_eq!(error.kind, Kind::Rejected);
    assert!(message(&error).contains("cannot embed; it can: image"), "{error}");
    assert!(message(&error).contains("`ollama pull nomic-embed-text`"), "{error:?}");
    assert!(message(&error).contains("retrieval_model"), "{error:?}");

    // A model that chats is run without embeddings.
    let server = Server::replies([recorded::reply("ollama/model")]);
    let error = at(&server).ensure_model(&embedding_need("smollm2")).await.unwrap_err();
    assert!(message(&error).contains("cannot embed; it can: completion"), "{error}");

    let server = Server::replies([Reply::text(500, "not to be asked")]);
    let error = at(&server).ensure_model(&need("../../x")).await.unwrap_err();
    assert_eq!(error.kind, Kind::Rejected);
    assert!(server.requests().is_empty());
}

fn embedding_need(model: &str) -> Need {
    Need { model: model.to_owned(), model_use: ModelUse::Embed, pull: true, ..Need::default() }
}

#[tokio::test]
async fn what_can_embed_is_not_asked_to_chat() {
    // Old versions do not tell.
    for capabilities in [json!(["embedding"]), json!(["completion", "embedding"]), Value::Null] {
        let shown = json!({"capabilities": capabilities, "model_info": {}});
        let server = Server::replies([Reply::json(&shown), Reply::json(&json!({"models": []}))]);
        let endpoint = at(&server).ensure_model(&embedding_need("nomic-embed-text")).await.unwrap();
        assert_eq!(endpoint.model, "nomic-embed-text");
    }
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
async fn a_model_on_ollamas_own_machines_is_known_by_its_name_or_its_description() {
    let forwards = async |model: &str, remote_host: &str| {
        let shown = json!({"capabilities": ["completion"], "remote_host": remote_host});
        let server = Server::replies([Reply::json(&shown), Reply::json(&json!({"models": []}))]);
        at(&server).ensure_model(&need(model)).await.unwrap().forwards
    };
    assert!(forwards("gpt-oss:120b-cloud", "").await);
    assert!(forwards("mine", "https://ollama.com:443").await);
    assert!(!forwards("mine", "").await);
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
    let timeouts = Timeouts { answer: Duration::from_millis(100), ..TIMEOUTS };
    let hanging = Ollama::new(&server.url(), None, timeouts).unwrap();
    let error = hanging.ensure_ready().await.unwrap_err();
    assert_eq!(error.kind, Kind::Unreachable);
    assert!(error.message.contains("does not answer within 0.1 s"), "{error}");

    let absent = Ollama::new(&nobody(), None, TIMEOUTS).unwrap();
    let error = absent.ensure_ready().await.unwrap_err();
    assert_eq!(error.kind, Kind::Unreachable);
    let message = message(&error);
    assert!(message.contains("connection refused") && message.contains("ollama serve"), "{message}");
}

#[tokio::test]
async fn the_recorded_answers_about_models_are_understood() {
    // What there is, is loaded, and comes to be loaded.
    let player = Player::new(["ollama/version", "ollama/model", "ollama/loaded", "ollama/load"]);
    let server = Server::start(move |request| player.answer(request).expect("a recording"));
    let ollama = at(&server);
    ollama.ensure_ready().await.unwrap();
    let endpoint = ollama.ensure_model(&need("smollm2")).await.unwrap();
    assert_eq!((endpoint.model.as_str(), endpoint.context_window), ("smollm2", Some(6144)));
    ollama.warm_up(&need("smollm2"), &endpoint).await.unwrap();

    // What there is not, and can't be fetched.
    let player = Player::new(["ollama/no such model", "ollama/models", "ollama/pull fails"]);
    let server = Server::start(move |request| player.answer(request).expect("a recording"));
    let error = at(&server).ensure_model(&need("llama3.2:3b")).await.unwrap_err();
    assert_eq!(error.kind, Kind::PullFailed);
    assert!(message(&error).contains("reaches no model library"), "{error:?}");
    assert_eq!(asked(&server).last().unwrap(), "POST /api/pull");

    // What is on Ollama's own machines, where that is off.
    let server = Server::replies([recorded::reply("ollama/cloud is off")]);
    let error = at(&server).ensure_model(&need("gpt-oss:120b-cloud")).await.unwrap_err();
    assert_eq!(error.kind, Kind::Rejected);
    assert!(message(&error).contains("ollama cloud is disabled"), "{error}");
}

#[tokio::test]
async fn the_recorded_answers_to_embeddings_are_asked_for_once() {
    for (name, kind, part) in [
        ("ollama/no embeddings", ChatErrorKind::NotFound, "ollama pull nomic-embed-text"),
        ("ollama/text to embed too long", ChatErrorKind::ContextTooLong, "the input length exceeds"),
    ] {
        let server = Server::start(move |_| recorded::reply(name));
        let settings = ChatSettings { retries: 3, ..ChatSettings::new("smollm2", server.url()) };
        let embedder = connect_embedder(find("ollama").unwrap(), settings).unwrap();
        let error = embedder.embed(&["a b".to_owned(), "c".to_owned()]).await.unwrap_err();
        assert_eq!((error.kind, server.requests().len()), (kind, 1), "{error}");
        assert!(format!("{error} {:?}", error.hint).contains(part), "{error:?}");
        assert_eq!(
            server.requests()[0].json(),
            json!({"model": "smollm2", "input": ["a b", "c"], "truncate": false})
        );
    }
}
