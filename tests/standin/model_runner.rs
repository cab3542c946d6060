//! Docker Model Runner: plain text for its own errors, JSON for those of the llama.cpp server behind it.

use std::collections::HashMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::exit;
use std::sync::{Arc, Mutex};
use std::{env, fs, thread};

use nix::sys::signal::{SigSet, Signal};
use serde_json::{Value, json};

use crate::server::{Reply, Request, Server};
use crate::{runner, wire};

/// Bytes of every model.
const SIZE: u64 = 1_000_000;
/// Tokens of a model that nobody has configured.
const WINDOW: u64 = 4096;

struct ModelRunner {
    /// A file a model.
    directory: PathBuf,
    /// The last configuration of each model.
    configured: Mutex<HashMap<String, Value>>,
    /// The configuration that each model is in memory with.
    loaded: Mutex<HashMap<String, Value>>,
    recorded: crate::recorded::Player,
}

pub(crate) fn serve() {
    let mut ends = SigSet::empty();
    ends.add(Signal::SIGTERM);
    ends.add(Signal::SIGINT);
    ends.thread_block().expect("signals can be blocked");
    if let Ok(words) = env::var("STANDIN_DIE") {
        crate::fail(&words);
    }
    let get = |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let port = get("MODEL_RUNNER_PORT", "12434");
    let directory = PathBuf::from(get("MODELS_PATH", "/models"));
    thread::sleep(crate::millis("STANDIN_DISCOVERY_MS"));
    let listener = TcpListener::bind(format!("0.0.0.0:{port}"));
    let listener = listener.unwrap_or_else(|error| crate::fail(&format!("listen tcp :{port}: {error}")));
    eprintln!("level=info msg=\"Listening on TCP port {port}\" component=http");
    let recorded = crate::recorded();
    let runner =
        Arc::new(ModelRunner { directory, configured: Mutex::default(), loaded: Mutex::default(), recorded });
    let server = Server::on(listener, move |request| runner.answer(request));
    let _ = ends.wait();
    drop(server);
    exit(0);
}

impl ModelRunner {
    fn answer(&self, request: &Request) -> Reply {
        if let Some(reply) = self.recorded.answer(request) {
            return reply;
        }
        let body = request.json();
        match (&*request.method, &*request.path) {
            ("GET", "/") => Reply::text(200, "Docker Model Runner is running"),
            ("GET", "/version") => Reply::json(&json!({"version": "v1.2.6"})),
            ("GET", "/engines/status") => Reply::json(&json!({
                "llama.cpp": "Running: llama.cpp b9879", "vllm": "Not Installed: not for this platform",
            })),
            ("GET", "/engines/ps") => Reply::json(&json!([])),
            ("GET", "/models") => Reply::json(&self.list()),
            ("GET", path) if path.starts_with("/models/") => self.inspect(&path["/models/".len()..]),
            ("POST", "/models/create") => self.create(request, &body),
            ("POST", "/engines/_configure" | "/engines/llama.cpp/_configure") => {
                let model = name(body["model"].as_str().unwrap_or_default());
                let before = self.configured.lock().expect("no panic").insert(model.clone(), body.clone());
                // The same one again is no change.
                if before.as_ref() != Some(&body) {
                    crate::count("configure");
                    self.loaded.lock().expect("no panic").remove(&model);
                }
                Reply::text(202, "")
            }
            ("GET", path) if path.starts_with("/engines/_configure") => {
                let asked = path.split_once("?model=").map(|(_, model)| name(model));
                Reply::json(&self.configurations(asked.as_deref()))
            }
            ("POST", "/engines/v1/chat/completions" | "/engines/llama.cpp/v1/chat/completions") => {
                self.chat(request, &body)
            }
            _ => Reply::text(404, "404 page not found\n"),
        }
    }

    /// Those that are not its own alone: fields of Go's names around one in JSON's.
    fn configurations(&self, asked: Option<&str>) -> Value {
        let configured = self.configured.lock().expect("no panic");
        let entry = |(model, body): (&String, &Value)| {
            let mut config = body.clone();
            let object = config.as_object_mut().expect("it was one");
            let mode = object.remove("mode").unwrap_or_else(|| "completion".into());
            object.remove("model");
            json!({
                "Backend": "llama.cpp", "Model": format!("docker.io/{model}"), "ModelID": "sha256:dde5aa3fc5ff",
                "Mode": mode, "Config": config,
            })
        };
        configured.iter().filter(|(model, _)| asked.is_none_or(|asked| asked == *model)).map(entry).collect()
    }

    /// Loads the model with its configuration, if it is not.
    fn load(&self, model: &str) {
        let mut loaded = self.loaded.lock().expect("no panic");
        if !loaded.contains_key(model) {
            let config = self.configured.lock().expect("no panic").get(model).cloned();
            thread::sleep(crate::millis("STANDIN_LOAD_MS"));
            crate::count("load");
            loaded.insert(model.to_owned(), config.unwrap_or_default());
        }
    }

    fn file(&self, model: &str) -> PathBuf {
        self.directory.join(name(model).replace('/', "%"))
    }

    fn list(&self) -> Value {
        let files = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        files
            .map(|file| described(&file.file_name().to_string_lossy().replace('%', "/")))
            .collect::<Vec<_>>()
            .into()
    }

    fn inspect(&self, model: &str) -> Reply {
        if self.file(model).is_file() { Reply::json(&described(&name(model))) } else { not_found() }
    }

    /// JSON lines for those who accept just that; an error is told twice, and the second time in plain text.
    fn create(&self, request: &Request, body: &Value) -> Reply {
        let Some(model) = body["from"].as_str() else { return Reply::text(400, "Invalid model reference\n") };
        if model.contains("absent") {
            return Reply::text(404, "Model not found\n");
        }
        if model.contains("nothere") {
            let words = format!(
                "error while pulling model: reading model from registry: failed to pull model \"{}\": UNKNOWN - \
                 resolving: dial tcp: lookup registry.example: no such host\n",
                name(model)
            );
            return Reply::text(500, &words);
        }
        let progress = |done: u64| {
            json!({
                "type": "progress", "message": format!("Downloaded: {done} B"), "total": SIZE, "mode": "pull",
                "layer": {"id": "sha256:dde5aa3fc5ff", "size": SIZE, "current": done},
            })
        };
        let stored = fs::write(self.file(model), vec![0; SIZE as usize]);
        let (last, plain) = match stored {
            Ok(()) => {
                let done = json!({
                    "type": "success", "message": "Model pulled successfully", "total": 0, "mode": "pull",
                    "layer": {"size": 0, "current": 0},
                });
                (done, String::new())
            }
            Err(error) => {
                let words = format!("Error: writing blob: {error}");
                (json!({"type": "error", "message": words}), format!("{words}\n"))
            }
        };
        let lines = (0..=10).map(|step| progress(SIZE / 10 * step)).chain([last]);
        if request.header("accept") == Some("application/json") {
            let lines = lines.map(|line| format!("{line}\n")).chain([plain]);
            return Reply::stream("application/json", lines.filter(|line| !line.is_empty()));
        }
        Reply::stream("text/plain", lines.map(|line| line.to_string().replace('"', "&#34;") + "\n"))
    }

    fn chat(&self, request: &Request, body: &Value) -> Reply {
        let model = body["model"].as_str().unwrap_or_default();
        if !self.file(model).is_file() {
            return not_found();
        }
        self.load(&name(model));
        if request.header("x-preload-only") == Some("true") {
            return Reply::text(200, "");
        }
        let window = self.configured.lock().expect("no panic").get(&name(model)).map_or(WINDOW, slot_window);
        let tokens = request.body.len() as u64 / 4;
        if tokens > window {
            let message =
                format!("request ({tokens} tokens) exceeds the available context size ({window} tokens)");
            return Reply::error(
                400,
                &json!({"error": {
                    "code": 400, "message": message, "type": "exceed_context_size_error",
                    "n_prompt_tokens": tokens, "n_ctx": window,
                }}),
            );
        }
        let schema = &body["response_format"]["json_schema"]["schema"];
        let answer = runner::answer(&request.prompt(), schema);
        crate::work(&answer);
        wire::openai(request, &answer)
    }
}

/// llama.cpp divides its context among its slots.
fn slot_window(configuration: &Value) -> u64 {
    let slots = configuration["runtime-flags"][1].as_str().and_then(|slots| slots.parse().ok()).unwrap_or(1);
    configuration["context-size"].as_u64().unwrap_or(WINDOW) / slots
}

/// `ai/` before a name alone, `latest` as tag, in lower case but for the tag.
fn name(model: &str) -> String {
    let (path, tag) = match model.rsplit_once('/').map_or(model, |(_, last)| last).split_once(':') {
        Some((_, tag)) => (&model[..model.len() - tag.len() - 1], tag),
        None => (model, "latest"),
    };
    let path = if path.contains('/') { path.to_lowercase() } else { format!("ai/{}", path.to_lowercase()) };
    format!("{path}:{tag}")
}

fn described(name: &str) -> Value {
    json!({
        "id": "sha256:dde5aa3fc5ff", "tags": [format!("docker.io/{name}")], "created": 1_740_000_000,
        "config": {
            "format": "gguf", "quantization": "Q4_0", "parameters": "3.21 B", "architecture": "llama",
            "size": "1.00 MB", "gguf": {"llama.context_length": "131072"},
        },
    })
}

fn not_found() -> Reply {
    Reply::text(404, "error while getting model: model not found\n")
}
