//! `minions serve`: the real program over real connections.

mod batches;
mod clients;
mod files;
mod guard;
mod hostile;
mod kept;
mod limits;
mod metrics;
mod openai;
mod openapi;
mod original;
mod rules;
mod runs;
mod slow;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::program::{Program, Running};
use crate::support::server::{Reply, Request, Server};
use crate::support::wait;

/// A service that runs.
struct Service {
    running: Running,
    address: SocketAddr,
    told: Arc<Mutex<String>>,
    dir: tempfile::TempDir,
}

/// What a service answered.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.head, String::from_utf8_lossy(&self.body)))
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    /// Its error, of the shape that every error has.
    #[track_caller]
    fn error(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{} {}", self.head, String::from_utf8_lossy(&self.body));
        let json = self.json();
        let keys: Vec<_> = json["error"].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["message", "type", "code", "param", "hint"]);
        json["error"].clone()
    }
}

impl Service {
    fn start(program: Program) -> Self {
        Self::start_with(program, &[])
    }

    /// A service of `program` with further arguments, at a port that is free.
    fn start_with(program: Program, more: &[&str]) -> Self {
        let args = ["serve", "--port", "0"].into_iter().chain(more.iter().copied());
        let (mut running, dir) = program.args(args).start(b"");
        let told = Arc::new(Mutex::new(String::new()));
        let mut lines = BufReader::new(running.stderr.take().unwrap()).lines();
        let kept = Arc::clone(&told);
        let (tell, address) = std::sync::mpsc::channel();
        thread::spawn(move || {
            while let Some(Ok(line)) = lines.next() {
                kept.lock().unwrap().push_str(&format!("{line}\n"));
                let found = line.split_once("the page is at http://").map(|(_, rest)| rest);
                if let Some(found) = found.and_then(|rest| rest.split('/').next()) {
                    let _ = tell.send(found.replace("localhost", "127.0.0.1").parse().unwrap());
                }
            }
        });
        let address = address.recv_timeout(Duration::from_secs(60));
        let address = address.unwrap_or_else(|_| panic!("it did not start: {}", told.lock().unwrap()));
        Self { running, address, told, dir }
    }

    /// For `models` on both sides.
    fn of(models: &Server) -> Self {
        Self::start(with_models(models))
    }

    /// Where it works.
    fn folder(&self) -> &std::path::Path {
        self.dir.path()
    }

    fn told(&self) -> String {
        self.told.lock().unwrap().clone()
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// Sends these bytes, and reads to the end of the connection.
    fn raw(&self, bytes: impl AsRef<[u8]>) -> Answer {
        let mut stream = self.connect();
        // It may refuse the head, and close before the rest has come.
        let _ = stream.write_all(bytes.as_ref());
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
        answer(&all)
    }

    /// A request whose headers are what is given, with the host and the length.
    fn ask(&self, method: &str, path: &str, headers: &str, body: impl AsRef<[u8]>) -> Answer {
        let body = body.as_ref();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            self.address,
            body.len()
        );
        self.raw([head.as_bytes(), body].concat())
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "", "")
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, JSON, body.to_string())
    }

    /// Sends a job, and gives the run's id.
    #[track_caller]
    fn send(&self, job: &Value) -> String {
        let answer = self.post("/v1/runs", job);
        assert_eq!(answer.status, 202, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    fn state(&self, id: &str) -> String {
        self.get(&format!("/v1/runs/{id}")).json()["state"].as_str().unwrap().to_owned()
    }

    /// Waits until a run has this state.
    #[track_caller]
    fn until(&self, id: &str, state: &str) {
        wait::until(state, || self.state(id) == state);
    }

    /// The events of a run from a number on, to their end.
    fn events(&self, id: &str, query: &str) -> Vec<Value> {
        events(&self.get(&format!("/v1/runs/{id}/events{query}")))
    }

    fn signal(&self, name: &str) {
        let pid = self.running.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Its exit code.
    fn end(self) -> Option<i32> {
        self.running.wait_with_output().unwrap().status.code()
    }
}

const JSON: &str = "Content-Type: application/json\r\n";

/// The events of a stream: each is whole, and its `id` and `event` are those of its data.
#[track_caller]
fn events(answer: &Answer) -> Vec<Value> {
    let text = String::from_utf8(answer.body.clone()).unwrap();
    let mut all = Vec::new();
    for frame in text.split_terminator("\n\n") {
        let field = |name: &str| {
            let lines = frame.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            lines.collect::<Vec<_>>().join("\n")
        };
        if field("data").is_empty() {
            continue;
        }
        let event: Value = serde_json::from_str(&field("data")).unwrap();
        assert_eq!(event["seq"].to_string(), field("id"));
        assert_eq!(event["type"], field("event"));
        all.push(event);
    }
    all
}

fn answer(all: &[u8]) -> Answer {
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(all.len());
    let head = String::from_utf8_lossy(&all[..end]).into_owned();
    let mut body = all.get(end + 4..).unwrap_or_default().to_vec();
    if head.to_lowercase().contains("transfer-encoding: chunked") {
        body = chunks(&body);
    }
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    Answer { status, head, body }
}

/// The bytes of a chunked body, as far as it came.
fn chunks(mut rest: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(&String::from_utf8_lossy(&rest[..end]), 16).unwrap();
        let Some(chunk) = rest.get(end + 2..end + 2 + size) else { break };
        all.extend_from_slice(chunk);
        rest = &rest[(end + 4 + size).min(rest.len())..];
    }
    all
}

/// A program whose environment leads to `models` on both sides.
fn with_models(models: &Server) -> Program {
    Program::new()
        .env("OPENAI_BASE_URL", &format!("{}/v1", models.url()))
        .env("OPENAI_API_KEY", "sk-test-0123456789")
        .env("VLLM_BASE_URL", &models.url())
}

/// A job that names no address: the service knows them.
fn job(protocol: &str, call_params: Value) -> Value {
    json!({
        "local_client": {"type": "vllm", "model_name": "worker"},
        "remote_client": {"type": "openai", "model_name": "supervisor"},
        "protocol": {"type": protocol},
        "call_params": call_params,
    })
}

/// A question to the worker alone.
fn question() -> Value {
    job(
        "local_only",
        json!({"task": "Who signed?", "context": [{"name": "log.txt", "text": "Signed by Ada on 3 May."}]}),
    )
}

/// The reply of a worker that answers.
fn ada() -> String {
    json!({"explanation": "e", "answer": "Ada", "citations": ["Signed by Ada"]}).to_string()
}

/// Models that answer at once.
fn instant() -> Server {
    models(|request| crate::support::wire::openai(request, &ada()))
}

/// Models whose chats are answered by `chat`; other questions find nothing.
fn models(chat: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |request| match request.path.ends_with("/chat/completions") {
        true => chat(request),
        false => Reply::text(404, "not found"),
    })
}

/// A file with this text, and its folder.
fn file(name: &str, text: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    (dir, path.display().to_string())
}
