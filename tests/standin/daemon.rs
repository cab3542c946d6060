//! The daemon: HTTP at `OLLAMA_HOST`, one runner process at a time.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio, exit, id};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, fs, thread};

use nix::sys::signal::{SigSet, Signal};
use serde_json::{Value, json};

use crate::models::Models;
use crate::server::{Reply, Request, Server};

const VERSION: &str = "0.32.15";
/// Tokens that every model was trained for.
const TRAINED: u64 = 131_072;

/// Tokens that every model that embeds was trained for.
const EMBEDDED: u64 = 2048;

struct Daemon {
    models: Models,
    recorded: crate::recorded::Player,
    /// `OLLAMA_NUM_PARALLEL`.
    slots: usize,
    /// The window of a call that names none.
    window: u64,
    loaded: Mutex<Option<Loaded>>,
    /// What `/api/ps` says; apart from `loaded`, whose lock is held while a call waits for its slot.
    shown: Mutex<Value>,
    busy: Mutex<usize>,
    freed: Condvar,
    /// Calls that have come and not gone, with a slot or without.
    in_hand: AtomicUsize,
}

struct Loaded {
    model: String,
    window: u64,
    port: u16,
    runner: Child,
}

pub(crate) fn serve() {
    let mut ends = SigSet::empty();
    ends.add(Signal::SIGTERM);
    ends.add(Signal::SIGINT);
    // Before any thread: they all inherit it.
    ends.thread_block().expect("signals can be blocked");
    let Ok(home) = env::var("HOME") else { crate::fail("$HOME is not defined") };
    let keys = format!("{home}/.ollama");
    if let Err(error) = fs::create_dir_all(&keys).and_then(|()| fs::write(format!("{keys}/id_ed25519"), "")) {
        crate::fail(&format!("could not create directory mkdir {keys}: {error}"));
    }
    println!("Couldn't find '{keys}/id_ed25519'. Generating new private key.");
    let host = env::var("OLLAMA_HOST").unwrap_or_else(|_| "127.0.0.1:11434".to_owned());
    let listener = match TcpListener::bind(&host) {
        Ok(listener) => listener,
        Err(_) => crate::fail(&format!("listen tcp {host}: bind: address already in use")),
    };
    let number = |name: &str, default| env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let daemon = Arc::new(Daemon {
        models: Models::open(&home),
        recorded: crate::recorded(),
        slots: number("OLLAMA_NUM_PARALLEL", 1) as usize,
        window: number("OLLAMA_CONTEXT_LENGTH", 4096),
        loaded: Mutex::default(),
        shown: Mutex::new(json!({"models": []})),
        busy: Mutex::default(),
        freed: Condvar::new(),
        in_hand: AtomicUsize::new(0),
    });
    note(&format!("daemon-{}", id()));
    let settings: Vec<_> = env::vars().filter(|(name, _)| name.starts_with("OLLAMA_")).collect();
    log(&format!("msg=\"server config\" env={:?}", format!("{settings:?}")));
    let address = listener.local_addr().map(|address| address.to_string()).unwrap_or_default();
    log(&format!("msg=\"Listening on {address} (version {VERSION})\""));
    // The port is open and nobody answers: GPUs are being looked for.
    thread::sleep(crate::millis("STANDIN_DISCOVERY_MS"));
    log("msg=\"inference compute\" id=cpu library=cpu");
    let answering = Arc::clone(&daemon);
    let server = Server::on(listener, move |request| answering.answer(request));
    let _ = ends.wait();
    drop(server);
    if let Some(mut loaded) = daemon.loaded.lock().expect("no panic").take() {
        loaded.end();
    }
    exit(0);
}

impl Daemon {
    fn answer(&self, request: &Request) -> Reply {
        if let Some(reply) = self.recorded.answer(request) {
            return reply;
        }
        let body = request.json();
        let model = body["model"].as_str().unwrap_or_default();
        match &*request.path {
            "/api/version" => note("ready"),
            "/api/pull" => note("pull"),
            _ => {}
        }
        let reply = match (&*request.method, &*request.path) {
            ("GET", "/") => Reply::text(200, "Ollama is running"),
            ("GET", "/api/version") => Reply::json(&json!({"version": VERSION})),
            ("GET", "/api/tags") => Reply::json(&self.models.list()),
            ("GET", "/api/ps") => Reply::json(&self.shown.lock().expect("no panic")),
            ("POST", "/api/pull") => self.models.pull(model),
            ("POST", "/api/show" | "/api/chat" | "/api/embed") if !self.models.has(model) => {
                Reply::error(404, &json!({"error": format!("model '{model}' not found")}))
            }
            ("POST", "/api/show") => Reply::json(&json!({
                "parameters": "", "details": {"family": "llama"}, "capabilities": capabilities(model),
                "model_info": {"general.architecture": "llama", "llama.context_length": TRAINED},
            })),
            ("POST", "/api/chat") if body["messages"].get(0).is_some() => {
                note("chat");
                note(&format!("at-once-{}", self.in_hand.fetch_add(1, SeqCst) + 1));
                let reply = self.chat(model, &body, request);
                self.in_hand.fetch_sub(1, SeqCst);
                reply
            }
            ("POST", "/api/chat") => self.chat(model, &body, request),
            ("POST", "/api/embed") => self.embed(model, &body),
            _ => Reply::text(404, "404 page not found"),
        };
        println!(
            "[GIN] 2026/08/01 - 10:00:00 | 200 | 1.2ms | 127.0.0.1 | {} {:?}",
            request.method, request.path
        );
        reply
    }

    fn chat(&self, model: &str, body: &Value, request: &Request) -> Reply {
        let window = body["options"]["num_ctx"].as_u64().unwrap_or(self.window).min(TRAINED);
        let tokens = request.prompt().split_whitespace().count() as u64;
        if body["truncate"] == false && tokens > window {
            let message =
                format!("request ({tokens} tokens) exceeds the available context size ({window} tokens)");
            let inner = json!({"error": {
                "code": 400, "message": message, "type": "exceed_context_size_error",
                "n_prompt_tokens": tokens, "n_ctx": window,
            }});
            return Reply::error(400, &json!({"error": inner.to_string()}));
        }
        let port = match self.load(model, window) {
            Ok(port) => port,
            Err(error) => return Reply::error(500, &json!({"error": error})),
        };
        let text = match body["messages"].as_array() {
            Some(messages) if !messages.is_empty() => ask(port, &request.body),
            _ => Some(String::new()),
        };
        let is_load = text.as_deref() == Some("");
        *self.busy.lock().expect("no panic") -= 1;
        self.freed.notify_all();
        let Some(text) = text else {
            let error = "model runner has unexpectedly stopped, this may be due to resource limitations or an \
                         internal error, check ollama server logs for details";
            return Reply::error(500, &json!({"error": error}));
        };
        let line = |text: &str| json!({"model": model, "message": {"role": "assistant", "content": text}});
        let mut first = line(&text);
        let mut last = if body["stream"] == false { line(&text) } else { line("") };
        first["done"] = json!(false);
        last["done"] = json!(true);
        last["done_reason"] = json!(if is_load { "load" } else { "stop" });
        last["prompt_eval_count"] = json!(tokens.max(1));
        last["eval_count"] = json!(text.split_whitespace().count());
        if body["stream"] == false {
            return Reply::json(&last);
        }
        Reply::stream("application/x-ndjson", [first, last].map(|line| format!("{line}\n")))
    }

    /// A vector for each text. A model that chats is run without that, and a text that is too long fails all of them.
    fn embed(&self, model: &str, body: &Value) -> Reply {
        let window = body["options"]["num_ctx"].as_u64().unwrap_or(self.window).min(EMBEDDED);
        if let Err(error) = self.load(model, window) {
            return Reply::error(500, &json!({"error": error}));
        }
        *self.busy.lock().expect("no panic") -= 1;
        self.freed.notify_all();
        if capabilities(model) != ["embedding"] {
            let error = "This server does not support embeddings. Start it with `--embeddings`";
            return Reply::error(501, &json!({"error": error}));
        }
        let texts = body["input"].as_array().cloned().unwrap_or_else(|| vec![body["input"].clone()]);
        let tokens = |text: &Value| text.as_str().unwrap_or_default().split_whitespace().count() as u64;
        if body["truncate"] == false && texts.iter().any(|text| tokens(text) > window) {
            return Reply::error(400, &json!({"error": "the input length exceeds the context length"}));
        }
        let vectors: Vec<[u64; 2]> = texts.iter().map(|text| [1, tokens(text)]).collect();
        let read: u64 = texts.iter().map(|text| tokens(text).min(window)).sum();
        Reply::json(&json!({"model": model, "embeddings": vectors, "prompt_eval_count": read}))
    }

    /// The port of a runner with a free slot, which is taken. Another model or window, or a runner that does not
    /// answer, means a new one, as soon as nothing runs.
    fn load(&self, model: &str, window: u64) -> Result<u16, String> {
        let mut loaded = self.loaded.lock().expect("no panic");
        let fits = loaded.as_ref().is_some_and(|loaded| {
            loaded.model == model
                && loaded.window == window
                && TcpStream::connect(("127.0.0.1", loaded.port)).is_ok()
        });
        let room = if fits { self.slots } else { 1 };
        let busy = self.busy.lock().expect("no panic");
        let mut busy = self.freed.wait_while(busy, |busy| *busy >= room).expect("no panic");
        *busy += 1;
        drop(busy);
        if !fits {
            if let Some(mut old) = loaded.take() {
                old.end();
            }
            *loaded = Some(start(model, window, self.slots).inspect_err(|_| {
                *self.busy.lock().expect("no panic") -= 1;
                self.freed.notify_all();
            })?);
            *self.shown.lock().expect("no panic") = json!({"models": [
                {"name": model, "model": model, "context_length": window, "size_vram": 0},
            ]});
        }
        Ok(loaded.as_ref().map_or(0, |loaded| loaded.port))
    }
}

impl Loaded {
    fn end(&mut self) {
        let _ = self.runner.kill();
        let _ = self.runner.wait();
    }
}

/// What a model can. One that embeds has that in its name.
fn capabilities(model: &str) -> Vec<&'static str> {
    if model.contains("embed") { vec!["embedding"] } else { vec!["completion", "tools"] }
}

/// A runner in the daemon's own process group, which nothing ends when the daemon is killed.
fn start(model: &str, window: u64, slots: usize) -> Result<Loaded, String> {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let port = free.map_err(|error| error.to_string())?.port();
    note(&format!("load-{port}"));
    log(&format!(
        "msg=\"starting llama-server\" cmd=\"llama-server --port {port} -c {} -np {slots}\"",
        window * slots as u64
    ));
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let mut runner = Command::new(program)
        .args(["runner", &port.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::inherit())
        .spawn()
        .map_err(|error| error.to_string())?;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if let Ok(Some(status)) = runner.try_wait() {
            return Err(format!("llama-server process has terminated: {status}"));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(Loaded { model: model.to_owned(), window, port, runner })
}

/// The runner's answer, if it lives to give it.
fn ask(port: u16, body: &[u8]) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "POST /completion HTTP/1.1\r\ncontent-length: {}\r\n\r\n", body.len()).ok()?;
    stream.write_all(body).ok()?;
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = stream.read(&mut piece).ok().filter(|&read| read > 0)?;
        answer.extend(&piece[..read]);
        let text = String::from_utf8_lossy(&answer);
        let Some((head, text)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.rsplit_once("content-length: ").and_then(|(_, length)| length.trim().parse().ok());
        if length.is_some_and(|length: usize| text.len() >= length) {
            return Some(text.to_owned());
        }
    }
}

/// Writes down when something happens for the first time, where `STANDIN_NOTES` says: one at a time, a line at once.
fn note(what: &str) {
    static NOTING: Mutex<()> = Mutex::new(());
    let Ok(path) = env::var("STANDIN_NOTES") else { return };
    let _noting = NOTING.lock().expect("no panic");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let file = fs::OpenOptions::new().create(true).append(true).open(&path);
    let is_noted = |notes: String| notes.lines().any(|line| line.split(' ').next() == Some(what));
    let is_new = fs::read_to_string(path).is_ok_and(|notes| !is_noted(notes));
    if let (Ok(mut file), true) = (file, is_new) {
        let _ = file.write_all(format!("{what} {now}\n").as_bytes());
    }
}

fn log(message: &str) {
    eprintln!("time=2026-08-01T10:00:00.000Z level=INFO source=routes.go:1 {message}");
}
