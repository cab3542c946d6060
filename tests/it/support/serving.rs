//! `minions serve` as it really runs, and a client for it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::program::{Program, Running};
use super::server::Server;

/// The key of the supervisor; no answer may show it.
pub(crate) const KEY: &str = "sk-test-0123456789";

/// A service that runs. It is killed at the end of its test.
pub(crate) struct Serving {
    _child: Running,
    pub dir: tempfile::TempDir,
    pub url: String,
    runtime: Runtime,
    client: Client,
    stderr: Arc<Mutex<String>>,
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

/// An answer that is still coming.
pub(crate) struct Coming<'a> {
    serving: &'a Serving,
    response: Response,
    read: String,
}

impl Answer {
    /// The JSON of the body.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The JSON of an answer with this status.
    #[track_caller]
    pub(crate) fn with(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Serving {
    /// A service whose worker and supervisor are models of `server`.
    pub(crate) fn start(server: &Server, args: &[&str]) -> Self {
        Self::with(server, args, &[])
    }

    /// The same with further variables.
    pub(crate) fn with(server: &Server, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let models = format!("{}/v1", server.url());
        let mut program = Program::new()
            .args(["serve", "--port", "0"].into_iter().chain(args.iter().copied()))
            .env("MINIONS_LOCAL", "vllm/worker")
            .env("VLLM_BASE_URL", &models)
            .env("MINIONS_REMOTE", "openai/supervisor")
            .env("OPENAI_BASE_URL", &models)
            .env("OPENAI_API_KEY", KEY);
        for (name, value) in variables {
            program = program.env(name, value);
        }
        let (mut child, dir) = program.open();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut told = String::new();
        let url = loop {
            let mut line = String::new();
            assert!(lines.read_line(&mut line).unwrap() > 0, "the service has ended: {told}");
            told += &line;
            if let Some((_, rest)) = line.split_once("http://") {
                let end = rest.find('/').unwrap();
                break format!("http://{}", &rest[..end]);
            }
        };
        let stderr = Arc::new(Mutex::new(told));
        let heard = Arc::clone(&stderr);
        thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                *heard.lock().unwrap() += &(line + "\n");
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        Self { _child: child, dir, url, runtime, client, stderr }
    }

    /// What it has said on stderr so far.
    pub(crate) fn told(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// A request with these headers.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let response = self.open(method, path, headers, body);
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = self.runtime.block_on(response.bytes()).unwrap().to_vec();
        Answer { status, headers, body }
    }

    fn open(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Response {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(method, format!("{}{path}", self.url)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.runtime.block_on(request.send()).unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], Vec::new())
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], body.to_string().into_bytes())
    }

    /// A form with a file in `field`.
    pub(crate) fn upload(&self, path: &str, field: &str, name: &str, bytes: &[u8]) -> Answer {
        let (kind, body) = form(field, name, bytes);
        self.send("POST", path, &[("content-type", &kind)], body)
    }

    /// An answer as it comes.
    pub(crate) fn stream(&self, path: &str, body: &Value) -> Coming<'_> {
        let headers = [("content-type", "application/json")];
        let response = self.open("POST", path, &headers, body.to_string().into_bytes());
        assert_eq!(response.status(), 200);
        Coming { serving: self, response, read: String::new() }
    }

    /// Files below its working directory.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// A form with one file: its content type and its bytes.
pub(crate) fn form(field: &str, name: &str, bytes: &[u8]) -> (String, Vec<u8>) {
    let head = format!(
        "--limit\r\ncontent-disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\
         content-type: application/octet-stream\r\n\r\n"
    );
    let body = [head.as_bytes(), bytes, b"\r\n--limit--\r\n"].concat();
    ("multipart/form-data; boundary=limit".to_owned(), body)
}

impl Coming<'_> {
    /// The next frame's data; `None` at the end.
    pub(crate) fn data(&mut self) -> Option<String> {
        loop {
            if let Some((frame, rest)) = self.read.split_once("\n\n") {
                let data = frame.lines().filter_map(|line| line.strip_prefix("data: "));
                let data = data.collect::<Vec<_>>().join("\n");
                self.read = rest.to_owned();
                if data.is_empty() {
                    continue;
                }
                return Some(data);
            }
            let piece = self.serving.runtime.block_on(self.response.chunk()).unwrap()?;
            self.read += std::str::from_utf8(&piece).unwrap();
        }
    }

    /// All that is still to come.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.data()).collect()
    }
}

/// What a supervisor says that asks the worker.
pub(crate) fn ask(message: &str) -> String {
    json!({"reasoning": "r", "decision": "request_additional_info", "message": message, "answer": null})
        .to_string()
}

/// What a supervisor says that knows the answer.
pub(crate) fn answer(text: &str) -> String {
    json!({"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": text}).to_string()
}
