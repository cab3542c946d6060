//! A real model behind llama.cpp's own HTTP server, shared by all tests of the binary.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// The path of the small real model.
pub(crate) fn model() -> String {
    required_env("MINIONS_TEST_MODEL", "the path of a small GGUF model")
}

/// The environment variable `name`, which `scripts/test.sh` sets.
fn required_env(name: &str, what: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("set {name} to {what}; scripts/test.sh does"))
}

/// Its base URL, `http://127.0.0.1:PORT`, once it answers. It ends with this process.
pub(crate) fn llama_server() -> &'static str {
    static SERVER: OnceLock<LlamaServer> = OnceLock::new();
    &SERVER.get_or_init(LlamaServer::start).url
}

/// One of its own for a test; it ends with this value.
pub(crate) struct LlamaServer {
    child: Child,
    pub url: String,
}

impl LlamaServer {
    pub(crate) fn start() -> Self {
        let (child, url) = start();
        Self { child, url }
    }
}

impl Drop for LlamaServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start() -> (Child, String) {
    let python = required_env("MINIONS_TEST_PYTHON", "a python that has xllamacpp");
    let model = model();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/llama_server.py");
    let mut child = Command::new(&python)
        .arg(script)
        .arg(&model)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{python} does not start: {error}"));
    let mut url = String::new();
    BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut url).expect("a line of text");
    assert!(url.starts_with("http"), "{python} cannot serve {model}: is xllamacpp installed there?");
    (child, url.trim().to_owned())
}
