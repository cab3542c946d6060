//! An Ollama behind a proxy that wants a key, a user and a password, or a path, and one that is used in OpenAI's dialect.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use serde_json::{Value, json};

use crate::support::program::{Program, Ran, chats, client, scripted};
use crate::support::server::{Reply, Request, Server};
use crate::support::wire::{ollama_ndjson, openai};

const KEY: &str = "ol-key-Zq91-0123";
const PASSWORD: &str = "pass/w@rd-Zq91";
/// User and password as they are written in an address, and as a header has them.
const USER: &str = "alice:pass%2Fw%40rd-Zq91@";
const BASIC: &str = "Basic YWxpY2U6cGFzcy93QHJkLVpxOTE=";

const PROGRAM: &str = "```python
def prepare_jobs(context, prev_job_manifests=None, prev_job_outputs=None):
    chunks = embedding_retrieve_top_k_chunks(['Ada'], context, k=1)
    return [JobManifest(chunk=chunk, task='Who?', advice='') for chunk in chunks]

def transform_outputs(jobs):
    return '; '.join(str(job.output.answer) for job in jobs)
```";

/// A daemon below `prefix` that has no model until it has pulled it, behind a proxy that lets only `authorization` in and
/// asks for it by `challenge`.
fn daemon(prefix: &'static str, challenge: &'static str, authorization: &'static str) -> Server {
    let pulled = Mutex::new(Vec::<String>::new());
    Server::start(move |request| {
        if !authorization.is_empty() && request.header("authorization") != Some(authorization) {
            // Some proxies say what they got.
            let said = format!("401: {}", request.header("authorization").unwrap_or("nothing"));
            return Reply::text(401, &said).header("www-authenticate", challenge);
        }
        let Some(path) = request.path.strip_prefix(prefix) else { return Reply::text(404, "nginx") };
        let body = request.json();
        let model = body["model"].as_str().unwrap_or_default().to_owned();
        let mut pulled = pulled.lock().unwrap();
        match path {
            "/api/version" => Reply::json(&json!({"version": "0.32.15"})),
            "/api/tags" | "/api/ps" => Reply::json(&json!({"models": []})),
            "/api/pull" => {
                pulled.push(model);
                Reply::stream("application/x-ndjson", ["{\"status\":\"success\"}\n"])
            }
            "/api/show" if pulled.contains(&model) => Reply::json(&json!({
                "capabilities": [if model.contains("embed") { "embedding" } else { "completion" }],
                "model_info": {"general.architecture": "x", "x.context_length": 8192},
            })),
            "/api/show" => Reply::error(404, &json!({"error": format!("model '{model}' not found")})),
            "/api/embed" => {
                let vectors: Vec<_> = body["input"].as_array().unwrap().iter().map(|_| [1.0, 0.5]).collect();
                Reply::json(&json!({"embeddings": vectors, "prompt_eval_count": 9}))
            }
            "/api/chat" if body["messages"] == json!([]) => Reply::json(&json!({"done": true})),
            "/api/chat" => ollama_ndjson(&quote()),
            _ => Reply::text(404, "404 page not found"),
        }
    })
}

fn quote() -> String {
    json!({"explanation": "e", "citation": "Signed by Ada.", "answer": "Ada"}).to_string()
}

fn step(decision: &str, answer: Option<&str>) -> String {
    json!({"reasoning": "r", "explanation": "e", "decision": decision, "message": "Who?", "answer": answer})
        .to_string()
}

/// A supervisor of `minions`, and one of `minion`.
fn supervisor() -> Server {
    scripted(vec![PROGRAM.to_owned(), step("provide_final_answer", Some("Ada"))], |_| Reply::text(500, ""))
}

fn chatting_supervisor() -> Server {
    scripted(vec![step("", None), step("provide_final_answer", Some("Ada"))], |_| Reply::text(500, ""))
}

/// A job whose worker is an Ollama with these `kwargs`, in which texts are embedded as well.
fn run(kwargs: Value, variables: &[(&str, String)]) -> (Server, Ran) {
    let supervisor = supervisor();
    let job = json!({
        "local_client": {"type": "ollama", "model_name": "worker", "kwargs": kwargs},
        "remote_client": client(&supervisor, "supervisor"),
        "protocol": {"type": "minions", "max_rounds": 1},
        "call_params": {"task": "Who signed?", "context": ["Signed by Ada."], "use_retrieval": "embedding"},
    });
    let program = Program::new().env("RUST_LOG", "trace").env("PATH", "/nowhere");
    let program = variables.iter().fold(program, |program, (name, value)| program.env(name, value));
    let ran = program.run_job(&job);
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains("Zq91"), "{text}");
    }
    (supervisor, ran)
}

/// The routes that were asked, each once.
fn routes(daemon: &Server) -> Vec<String> {
    let mut routes: Vec<_> = daemon.requests().into_iter().map(|request| request.path).collect();
    routes.sort();
    routes.dedup();
    routes
}

const ROUTES: [&str; 7] =
    ["/api/chat", "/api/embed", "/api/ps", "/api/pull", "/api/show", "/api/tags", "/api/version"];

fn with(url: &str, userinfo: &str, path: &str) -> String {
    url.replace("http://", &format!("http://{userinfo}")) + path
}

#[test]
fn a_key_goes_with_each_question() {
    let bearer = format!("Bearer {KEY}");
    let in_the_job = json!({"api_key": KEY});
    let as_a_header = json!({"headers": {"Authorization": bearer}});
    for (kwargs, variables) in [
        (in_the_job, vec![]),
        (as_a_header, vec![]),
        (json!({}), vec![("OLLAMA_API_KEY", KEY.to_owned())]),
        (json!({"api_key": KEY}), vec![("OLLAMA_API_KEY", "another-key-1".to_owned())]),
    ] {
        for place in ["job", "OLLAMA_HOST"] {
            let daemon = daemon("/a/b", "Bearer", "Bearer ol-key-Zq91-0123");
            let (mut kwargs, mut variables) = (kwargs.clone(), variables.clone());
            match place {
                "job" => kwargs["base_url"] = json!(daemon.url() + "/a/b/v1/"),
                name => variables.push((name, daemon.url() + "/a/b/api/chat")),
            }
            let (_, ran) = run(kwargs, &variables);
            assert_eq!(ran.result()["final_answer"], "Ada", "{place} {}", ran.stderr);
            assert_eq!(routes(&daemon), ROUTES.map(|route| format!("/a/b{route}")));
        }
    }
}

#[test]
fn a_user_and_a_password_of_the_address_go_with_each_question() {
    assert!(USER.contains("-Zq91") && PASSWORD.ends_with("-Zq91"));
    for place in ["job", "OLLAMA_HOST", "OLLAMA_HOST without a scheme", "OLLAMA_BASE_URL"] {
        let daemon = daemon("", "Basic realm=\"models\"", BASIC);
        // A key of the environment is for other servers.
        let mut variables = vec![("OLLAMA_API_KEY", KEY.to_owned())];
        let address = with(&daemon.url(), USER, "/api/");
        let mut kwargs = json!({});
        match place {
            "job" => kwargs["base_url"] = json!(address),
            "OLLAMA_BASE_URL" => variables.push(("OLLAMA_BASE_URL", address)),
            "OLLAMA_HOST" => variables.push(("OLLAMA_HOST", address)),
            _ => variables.push(("OLLAMA_HOST", address.replace("http://", ""))),
        }
        let (_, ran) = run(kwargs, &variables);
        assert_eq!(ran.result()["final_answer"], "Ada", "{place} {}", ran.stderr);
        assert_eq!(routes(&daemon), ROUTES);
    }
}

#[test]
fn what_a_proxy_asks_for_is_said_before_anything_is_paid() {
    let basic = "Basic realm=\"models\"";
    for (challenge, authorization, kwargs, userinfo, said, remedy) in [
        (
            "Bearer",
            "Bearer x",
            json!({}),
            "",
            "asks for a credential, and there is none",
            "Set OLLAMA_API_KEY",
        ),
        ("", "Bearer x", json!({"api_key": KEY}), "", "does not take the key", "kwargs.api_key"),
        (basic, BASIC, json!({}), "", "asks for a credential", "user:password@host"),
        (
            basic,
            BASIC,
            json!({}),
            "bob:wrong-Zq91@",
            "does not take the user and the password",
            "correct them",
        ),
        (basic, BASIC, json!({"api_key": KEY}), USER, "does not take the key", "leave the key out"),
    ] {
        let daemon = daemon("", challenge, authorization);
        let mut kwargs = kwargs;
        kwargs["base_url"] = json!(with(&daemon.url(), userinfo, ""));
        let (supervisor, ran) = run(kwargs, &[]);
        let error = ran.error(1);
        assert!(error.contains(said) && error.contains(remedy) && error.contains("Ollama at"), "{error}");
        assert!(supervisor.requests().is_empty(), "{error}");
    }
    // Without the path it is the proxy itself that answers; a page for logging in is none.
    let prefixed = daemon("/ollama", "", "");
    let error = run(json!({"base_url": prefixed.url()}), &[]).1.error(1);
    assert!(error.contains("is no Ollama server: HTTP 404") && error.contains("path"), "{error}");
    let login = Server::start(|_| Reply::text(302, "").header("location", "https://login.example.com/?k=1"));
    let error = run(json!({"base_url": login.url()}), &[]).1.error(1);
    assert!(error.contains("redirects (HTTP 302)"), "{error}");
}

#[test]
fn a_user_of_any_clients_address_is_sent_and_asked_for() {
    let gate = |request: &Request| {
        let is_let_in = request.header("authorization") == Some(BASIC);
        (!is_let_in).then(|| Reply::text(401, "no").header("www-authenticate", "Basic"))
    };
    let server = Server::start(move |request| gate(request).unwrap_or_else(|| openai(request, "Ada")));
    for kind in ["openai", "vllm", "llama_server"] {
        let run = |userinfo: &str| {
            let supervisor = chatting_supervisor();
            let kwargs = json!({"base_url": with(&server.url(), userinfo, "/v1"), "retries": 0});
            let job = json!({
                "local_client": {"type": kind, "model_name": "worker", "kwargs": kwargs},
                "remote_client": client(&supervisor, "supervisor"),
                "call_params": {"task": "Who signed?", "context": ["Signed by Ada."]},
            });
            Program::new().env("OPENAI_API_KEY", "sk-of-the-vendor-1").run_job(&job)
        };
        assert_eq!(run(USER).result()["final_answer"], "Ada", "{kind}");
        let error = run("").error(1);
        assert!(error.contains("It asks for a user and a password"), "{kind}: {error}");
    }
}

#[test]
fn a_model_of_a_stranger_is_not_pulled() {
    for (model, meant) in [("ollama/worker", "worker"), ("ollama_chat/worker:1b", "worker:1b")] {
        let daemon = daemon("", "", "");
        let supervisor = supervisor();
        let job = json!({
            "local_client": {"type": "ollama", "model_name": model, "kwargs": {"base_url": daemon.url()}},
            "remote_client": client(&supervisor, "supervisor"),
            "call_params": {"task": "Who signed?", "context": ["Signed by Ada."]},
        });
        let error = Program::new().run_job(&job).error(1);
        assert!(error.contains(&format!("write \"{meant}\"")), "{error}");
        assert!(error.contains(&format!("ollama pull {model}")), "{error}");
        assert!(!routes(&daemon).contains(&"/api/pull".to_owned()) && supervisor.requests().is_empty());
    }
}

/// An Ollama whose routes in OpenAI's dialect have a window of 4,096 tokens, as real ones have on small machines.
fn small_ollama() -> Server {
    let is_loaded = AtomicBool::new(false);
    Server::start(move |request| {
        let tokens = request.prompt().split_whitespace().count() as u64;
        let body = request.json();
        match &*request.path {
            "/api/version" => Reply::json(&json!({"version": "0.32.15"})),
            "/v1/models" => Reply::json(&json!({"data": [{"id": "worker:latest", "owned_by": "library"}]})),
            "/api/show" => Reply::json(&json!({
                "capabilities": ["completion"],
                "model_info": {"general.architecture": "x", "x.context_length": 131_072},
            })),
            "/api/ps" if is_loaded.load(SeqCst) => {
                Reply::json(&json!({"models": [{"name": "worker:latest", "context_length": 4096}]}))
            }
            "/api/ps" => Reply::json(&json!({"models": []})),
            "/api/chat" if body["messages"] == json!([]) => {
                assert!(body["options"]["num_ctx"].is_null(), "{body}");
                is_loaded.store(true, SeqCst);
                Reply::json(&json!({"done": true}))
            }
            "/api/chat" if body["truncate"] == false && tokens > 4096 => {
                Reply::error(400, &json!({"error": "request exceeds the available context size"}))
            }
            "/api/chat" => ollama_ndjson("Ada"),
            "/v1/chat/completions" => openai(request, "Ada"),
            _ => Reply::text(404, "404 page not found"),
        }
    })
}

#[test]
fn an_ollama_in_openais_dialect_is_recognised_before_anything_is_paid() {
    for (words, fits) in [(30, true), (2500, true), (6000, false), (40_000, false)] {
        for kind in ["openai", "vllm"] {
            let (daemon, supervisor) = (small_ollama(), chatting_supervisor());
            let job = json!({
                "local_client": {
                    "type": kind, "model_name": "worker", "kwargs": {"base_url": daemon.url() + "/v1", "retries": 0},
                },
                "remote_client": client(&supervisor, "supervisor"),
                "call_params": {"task": "Who signed?", "context": ["signed ".repeat(words)]},
            });
            let ran = Program::new().run_job(&job);
            if fits {
                assert_eq!(ran.result()["final_answer"], "Ada", "{words} {kind}");
                continue;
            }
            let error = ran.error(1);
            assert!(error.contains("the client type \"ollama\""), "{words} {kind}: {error}");
            assert_eq!(chats(&supervisor, "supervisor").len(), 0, "{words} {kind}: {error}");
        }
    }
}

#[test]
fn a_chat_model_is_refused_for_embeddings_before_anything_starts() {
    let daemon = small_ollama();
    let ollama = json!({"base_url": daemon.url()});
    let dialect = json!({"base_url": daemon.url() + "/v1"});
    for (kind, kwargs) in [("ollama", ollama), ("openai", dialect)] {
        let supervisor = supervisor();
        let job = json!({
            "local_client": {"type": kind, "model_name": "worker", "kwargs": kwargs},
            "remote_client": client(&supervisor, "supervisor"),
            "protocol": {"type": "minions", "max_rounds": 1},
            "call_params": {
                "task": "Who signed?", "context": ["Signed by Ada."], "use_retrieval": "embedding",
                "retrieval_model": "worker",
            },
        });
        let error = Program::new().run_job(&job).error(1);
        assert!(error.contains("\"worker\", which cannot embed; it can: completion"), "{kind}: {error}");
        assert!(error.contains("`ollama pull nomic-embed-text`"), "{kind}: {error}");
        assert_eq!(chats(&supervisor, "supervisor").len(), 0, "{kind}");
        if kind == "ollama" {
            assert_eq!(routes(&daemon), ["/api/show"]);
        }
    }
}
