//! What can be known before the supervisor is asked is known then: such a job costs no remote token.

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use minions::chat::providers::{PROVIDERS, RuntimeKind};
use serde_json::{Value, json};

use crate::support::program::{Program, Ran, chats, client, scripted};
use crate::support::server::{Reply, Request, Server};
use crate::support::wire;

/// Client types whose server is used as it is found.
const FOUND: [&str; 7] = ["vllm", "llama_server", "lm_studio", "sglang", "mlx_lm", "openai", "anthropic"];

/// A supervisor that asks once and then answers.
fn supervisor() -> Server {
    let ask =
        json!({"reasoning": "r", "decision": "request_additional_info", "message": "Q?", "answer": null});
    let answer =
        json!({"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": "Ada"});
    scripted(vec![ask.to_string(), answer.to_string()], |_| Reply::text(500, "no worker here"))
}

/// An address of this machine at which nobody listens.
fn nobody() -> String {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    format!("http://{}", free.expect("loopback has a free port"))
}

/// All client types whose server is used as it is found.
fn all_found() -> impl Iterator<Item = &'static str> {
    PROVIDERS.iter().filter(|row| row.runtime == RuntimeKind::Foreign).map(|row| row.name)
}

/// A worker of the client type `kind`, whose address is its server's root.
fn worker(kind: &str, url: &str) -> Value {
    let root = if kind == "openai" { "/v1" } else { "" };
    let address = if kind == "azure_openai" { "azure_endpoint" } else { "base_url" };
    json!({
        "type": kind, "model_name": "worker",
        "kwargs": {address: format!("{url}{root}"), "api_key": "sk-test-0123456789", "retries": 0},
    })
}

fn run(supervisor: &Server, worker: Value, text: &str) -> Ran {
    let job = json!({
        "local_client": worker,
        "remote_client": client(supervisor, "supervisor"),
        "protocol": {"type": "minion", "max_rounds": 1},
        "call_params": {"task": "Who signed?", "context": [text]},
        "budget": {"deadline_s": 60},
    });
    Program::new().env("DOCKER_HOST", "unix:///nowhere/docker.sock").run_job(&job)
}

/// The error of a job that cost no remote call.
#[track_caller]
fn free_error(worker: Value, text: &str) -> String {
    let supervisor = supervisor();
    let error = run(&supervisor, worker, text).error(1);
    assert_eq!(chats(&supervisor, "supervisor").len(), 0, "{error}");
    error
}

#[track_caller]
fn assert_answered(worker: Value, text: &str) -> Value {
    let supervisor = supervisor();
    let result = run(&supervisor, worker, text).result();
    assert_eq!(result["final_answer"], "Ada");
    result
}

/// A reply of the dialect that the request is in.
fn reply(request: &Request, text: &str) -> Reply {
    match request.path.rsplit('/').next() {
        Some("messages") => wire::anthropic_sse(text),
        Some("chat") => wire::ollama_ndjson(text),
        _ => wire::openai(request, text),
    }
}

/// A server with these answers to GET, which answers each POST with a chat's reply.
fn serving(get: impl Fn(&str) -> Option<Reply> + Send + Sync + 'static) -> Server {
    Server::start(move |request| match request.method.as_str() {
        "GET" => get(&request.path).unwrap_or_else(|| Reply::text(404, "not found")),
        _ if request.path == "/tokenize" => Reply::text(404, "not found"),
        _ => reply(request, "Ada signed."),
    })
}

fn models(list: Value) -> impl Fn(&str) -> Option<Reply> + Send + Sync + 'static {
    move |path| path.ends_with("/models").then(|| Reply::json(&json!({"object": "list", "data": list})))
}

#[test]
fn a_worker_that_is_down_costs_nothing() {
    for kind in all_found().chain(["ollama", "docker_model_runner"]) {
        let url = nobody();
        let error = free_error(worker(kind, &url), "Signed by Ada.");
        assert!(error.contains("local_client: ") && error.contains(&url), "{kind}: {error}");
        assert!(error.contains("connection refused"), "{kind}: {error}");
    }
}

#[test]
fn a_base_url_that_leads_nowhere_costs_nothing() {
    for kind in ["vllm", "openai", "llama_server", "anthropic"] {
        let server = Server::start(|_| Reply::json(&json!({"detail": "Not Found"})).with_status(404));
        let error = free_error(worker(kind, &format!("{}/no-such", server.url())), "Signed by Ada.");
        assert!(error.contains("local_client: ") && error.contains("404"), "{kind}: {error}");
        assert!(error.contains("base URL"), "{kind}: {error}");
    }
}

#[test]
fn a_server_that_fails_is_down_and_one_without_a_list_is_not() {
    for kind in ["vllm", "openai", "anthropic"] {
        for status in [500, 502, 503] {
            let server = Server::start(move |_| Reply::text(status, "what?"));
            let error = free_error(worker(kind, &server.url()), "Signed by Ada.");
            assert!(error.contains(&format!("answered {status}")), "{kind}: {error}");
        }
        for status in [301, 400, 404, 405, 429, 501] {
            let server = serving(move |_| Some(Reply::text(status, "what?")));
            assert_answered(worker(kind, &server.url()), "Signed by Ada.");
        }
    }
}

#[test]
fn a_list_alone_refuses_nothing() {
    let refused = json!({"error": {"message": "Incorrect API key provided"}});
    for status in [401, 402, 403, 500, 502, 503] {
        let refused = refused.clone();
        let server = serving(move |_| Some(Reply::error(status, &refused)));
        assert_answered(worker("openai", &server.url()), "Signed by Ada.");
    }
    for list in
        [Reply::text(200, "<html>Welcome</html>"), Reply::text(200, "[null, {\"id\": 3}]"), Reply::hang()]
    {
        let list = std::sync::Mutex::new(Some(list));
        let server = serving(move |path| {
            path.ends_with("/models")
                .then(|| list.lock().unwrap().take().unwrap_or_else(|| Reply::text(404, "")))
        });
        assert_answered(worker("vllm", &server.url()), "Signed by Ada.");
    }
}

#[test]
fn a_server_that_is_starting_is_waited_for() {
    let asked = AtomicUsize::new(0);
    let server = serving(move |path| {
        let is_early = path.ends_with("/models") && asked.fetch_add(1, SeqCst) < 2;
        is_early.then(|| Reply::text(503, "Loading model").header("retry-after", "0"))
    });
    let mut worker = worker("llama_server", &server.url());
    worker["kwargs"]["retries"] = json!(2);
    assert_answered(worker, "Signed by Ada.");
}

#[test]
fn a_model_that_is_not_there_costs_nothing() {
    for kind in all_found() {
        let server = Server::start(|request| match request.method.as_str() {
            "GET" => models(json!([{"id": "other"}]))(&request.path).unwrap_or_else(|| Reply::text(404, "")),
            _ => Reply::error(404, &json!({"error": {"message": "The model `worker` does not exist."}})),
        });
        let error = free_error(worker(kind, &server.url()), "Signed by Ada.");
        assert!(error.contains("does not exist") && error.contains("it lists other"), "{kind}: {error}");
    }
}

#[test]
fn a_server_that_serves_any_name_is_used() {
    for list in [json!([{"id": "other"}]), json!([{"id": "WORKER:latest"}]), json!([])] {
        let server = serving(models(list));
        assert_answered(worker("lm_studio", &server.url()), "Signed by Ada.");
    }
}

#[test]
fn a_key_that_is_refused_costs_nothing() {
    let refused = |status| Reply::error(status, &json!({"error": {"message": "Incorrect API key provided"}}));
    for kind in FOUND {
        for status in [401, 403] {
            let server = Server::start(move |_| refused(status));
            let error = free_error(worker(kind, &server.url()), "Signed by Ada.");
            assert!(error.contains("Incorrect API key"), "{kind}: {error}");
        }
    }
    // llama.cpp's server shows its models to everybody.
    let server = Server::start(move |request| {
        let list = models(json!([{"id": "worker", "owned_by": "llamacpp"}]));
        list(&request.path).unwrap_or_else(|| refused(401))
    });
    let error = free_error(worker("llama_server", &server.url()), "Signed by Ada.");
    assert!(error.contains("Incorrect API key"), "{error}");
    // A key may be good for calls and not for lists.
    let scopes = json!({"error": {"message": "Missing scopes: api.model.read"}});
    let server = serving(move |_| Some(Reply::error(403, &scopes)));
    assert_answered(worker("openai", &server.url()), "Signed by Ada.");
}

#[test]
fn an_embedding_model_that_is_not_there_costs_nothing() {
    let server = Server::start(|request| match request.path.as_str() {
        "/v1/embeddings" => {
            Reply::error(404, &json!({"error": {"message": "The model `embedder` does not exist."}}))
        }
        "/v1/models" => Reply::json(&json!({"data": [{"id": "worker"}]})),
        _ => reply(request, "Ada signed."),
    });
    for kind in ["vllm", "lm_studio", "openai"] {
        let supervisor = supervisor();
        let job = json!({
            "local_client": worker(kind, &server.url()),
            "remote_client": client(&supervisor, "supervisor"),
            "protocol": {"type": "minions", "max_rounds": 1},
            "call_params": {
                "task": "Who signed?", "context": ["Signed by Ada."],
                "use_retrieval": "embedding", "retrieval_model": "embedder",
            },
        });
        let error = Program::new().run_job(&job).error(1);
        assert!(error.contains("the embedding model cannot be used"), "{kind}: {error}");
        assert!(error.contains("does not exist"), "{kind}: {error}");
        assert_eq!(chats(&supervisor, "supervisor").len(), 0, "{error}");
    }
}

#[test]
fn a_cut_that_the_server_does_not_tell_costs_nothing() {
    // More Chinese than its window has tokens, without a blank between two words.
    let text = "船长在五月三日签署了文件，港口主管当晚确认。".repeat(600);
    let server = Server::start(|request| match request.method.as_str() {
        "POST" if request.path.ends_with("/chat/completions") => Reply::json(&json!({
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "?"}}],
            "usage": {"prompt_tokens": 2050, "completion_tokens": 1, "total_tokens": 2051},
        })),
        _ => Reply::text(404, "not found"),
    });
    let error = free_error(worker("openai", &server.url()), &text);
    assert!(error.contains("the server has read 2050 of them"), "{error}");
}

#[test]
fn one_server_of_several_is_enough() {
    let server = serving(|_| None);
    let urls = [nobody(), server.url()];
    let mut worker = worker("vllm", &urls[0]);
    worker["kwargs"]["base_url"] = json!(urls);
    assert_answered(worker.clone(), "Signed by Ada.");

    let urls = [nobody(), nobody()];
    worker["kwargs"]["base_url"] = json!(urls);
    let error = free_error(worker, "Signed by Ada.");
    assert!(error.contains("none of the 2 servers of local_client can be used"), "{error}");
    assert!(urls.iter().all(|url| error.contains(url)), "{error}");
}

/// A text of so many words.
fn words(count: usize) -> String {
    "consectetur adipiscing ".repeat(count / 2)
}

#[test]
fn documents_that_cannot_fit_cost_nothing_where_the_server_counts() {
    let vllm = |request: &Request| match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/v1/models") => Reply::json(&json!({"data": [{"id": "worker", "max_model_len": 4096}]})),
        ("POST", "/tokenize") => {
            assert!(request.json()["prompt"].as_str().unwrap().contains("consectetur"));
            Reply::json(&json!({"count": 5000, "max_model_len": 4096, "tokens": []}))
        }
        _ => Reply::text(404, "not found"),
    };
    let llama_server = |request: &Request| match request.path.as_str() {
        "/props" => Reply::json(&json!({"total_slots": 1, "default_generation_settings": {"n_ctx": 4096}})),
        "/tokenize" => Reply::json(&json!({"tokens": vec![7; 5000]})),
        _ => Reply::text(404, "not found"),
    };
    let tgi = |request: &Request| match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/v1/models") => Reply::json(&json!({"data": [{"id": "worker", "max_model_len": 4096}]})),
        ("POST", "/tokenize") => Reply::json(&json!(vec![json!({"id": 7, "text": "a"}); 5000])),
        _ => Reply::text(404, "not found"),
    };
    type Handler = fn(&Request) -> Reply;
    let cases: [(&str, Handler); 4] =
        [("vllm", vllm), ("sglang", vllm), ("llama_server", llama_server), ("openai", tgi)];
    for (kind, handler) in cases {
        let server = Server::start(handler);
        let error = free_error(worker(kind, &server.url()), &words(2000));
        assert!(error.contains("5000 tokens") && error.contains("4096 tokens"), "{kind}: {error}");
        assert!(error.contains("\"minions\""), "{kind}: {error}");
        assert_eq!(chats(&server, "worker").iter().filter(|body| body["messages"].is_array()).count(), 0);
    }
}

#[test]
fn documents_that_cannot_fit_cost_nothing_where_nobody_counts() {
    for kind in FOUND {
        let server = Server::start(|request| match request.method.as_str() {
            "POST" if request.path != "/tokenize" => {
                assert!(request.prompt().contains("consectetur") || request.path.ends_with("messages"));
                assert_eq!(request.json()["max_tokens"], 1);
                Reply::error(400, &json!({"error": {"message": "maximum context length is 4096 tokens"}}))
            }
            _ => Reply::text(404, "not found"),
        });
        let error = free_error(worker(kind, &server.url()), &words(2000));
        assert!(error.contains("cannot read the documents") && error.contains("4096"), "{kind}: {error}");
    }
}

/// An Ollama daemon whose model was trained for so many tokens.
fn ollama(trained: u32, chat: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |request| match request.path.as_str() {
        "/api/version" => Reply::json(&json!({"version": "0.30.0"})),
        "/api/show" => Reply::json(&json!({
            "capabilities": ["completion"],
            "model_info": {"general.architecture": "llama", "llama.context_length": trained},
        })),
        "/api/ps" => Reply::json(&json!({"models": []})),
        "/api/chat" if request.json()["messages"] == json!([]) => wire::ollama_ndjson(""),
        "/api/chat" => chat(request),
        _ => Reply::text(404, "not found"),
    })
}

#[test]
fn an_ollama_worker_reads_what_may_not_fit_before_the_supervisor_is_asked() {
    let too_long = || Reply::error(400, &json!({"error": "the input length exceeds the context length"}));
    let server = ollama(4096, move |_| too_long());
    let error = free_error(worker("ollama", &server.url()), &words(2000));
    assert!(error.contains("cannot read the documents"), "{error}");

    // More words than the window has tokens: nobody needs to be asked.
    let server = ollama(4096, move |_| panic!("no call is needed"));
    let error = free_error(worker("ollama", &server.url()), &words(5000));
    assert!(error.contains("4096 tokens"), "{error}");

    let server = ollama(4096, |_| wire::ollama_ndjson("Ada signed."));
    let result = assert_answered(worker("ollama", &server.url()), &words(2000));
    let asked: Vec<_> =
        chats(&server, "worker").into_iter().filter(|body| body["options"].is_object()).collect();
    let limits: Vec<_> = asked
        .iter()
        .filter(|body| body["messages"] != json!([]))
        .map(|body| &body["options"]["num_predict"])
        .collect();
    assert_eq!(limits, [&json!(1), &json!(1024)]);
    assert_eq!(result["local_usage"]["total_tokens"], 30);

    let server = ollama(131_072, |_| wire::ollama_ndjson("Ada signed."));
    let result = assert_answered(worker("ollama", &server.url()), &words(20));
    assert_eq!(result["local_usage"]["total_tokens"], 15, "what is short and fits is read once");
}

#[test]
fn a_budget_counts_each_try() {
    let server = Server::start(|request| match request.method.as_str() {
        "POST" => Reply::hang(),
        _ => Reply::text(404, "not found"),
    });
    for (budget, prices) in [
        (json!({"remote_tokens": 300}), Value::Null),
        (json!({"usd": 0.003}), json!({"input": 10, "output": 10})),
    ] {
        let mut job = json!({
            "local_client": worker("openai", &server.url()),
            "remote_client": client(&server, "supervisor"),
            "protocol": {"type": "minion", "kwargs": {}},
            "call_params": {"task": "Who signed?", "context": ["Signed by Ada."]},
            "budget": budget,
        });
        if !prices.is_null() {
            job["protocol"]["kwargs"]["prices"] = prices;
        }
        job["remote_client"]["kwargs"]["timeout"] = json!(0.3);
        job["remote_client"]["kwargs"]["retries"] = json!(3);
        let before = chats(&server, "supervisor").len();
        let error = Program::new().run_job(&job).error(1);
        assert!(error.contains("the supervisor was not asked: the budget of"), "{error}");
        assert_eq!(chats(&server, "supervisor").len() - before, 1, "{error}");
    }
}
