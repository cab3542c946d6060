//! Jobs in turns at one Docker Model Runner: the program with the stand-in.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use serde_json::json;
use tempfile::TempDir;

use crate::support::program::Program;
use crate::support::wait::until;

struct ModelRunner {
    child: Child,
    home: TempDir,
    port: u16,
}

impl ModelRunner {
    fn start() -> Self {
        let home = tempfile::tempdir().expect("a folder for the test");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
        let child = Command::new(env!("CARGO_BIN_EXE_ollama-standin"))
            .arg("model-runner")
            .env("MODEL_RUNNER_PORT", free.port().to_string())
            .env("MODELS_PATH", home.path())
            .env("STANDIN_NOTES", home.path().join("notes"))
            .stderr(Stdio::null())
            .spawn()
            .expect("the stand-in");
        let runner = Self { child, home, port: free.port() };
        until("an open port", || TcpStream::connect(("127.0.0.1", runner.port)).is_ok());
        runner
    }

    /// How often it has done this.
    fn count(&self, what: &str) -> usize {
        let notes = fs::read_to_string(self.home.path().join("notes")).unwrap_or_default();
        notes.lines().filter(|line| *line == what).count()
    }

    fn run(&self, protocol: &str, kwargs: &serde_json::Value) {
        let client = json!({"type": "docker_model_runner", "model_name": "ai/smollm2", "kwargs": kwargs});
        let ran = Program::new()
            .env("MODEL_RUNNER_HOST", &format!("http://127.0.0.1:{}", self.port))
            .run_job(&json!({
                "local_client": client, "remote_client": client, "protocol": {"type": protocol},
                "call_params": {"task": "Who signed?", "context": ["Ann signed.", "Bob did not."]},
            }));
        assert_eq!(ran.result()["final_answer"], "The stand-in has answered.");
    }
}

impl Drop for ModelRunner {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn both_protocols_in_turns_configure_and_load_once() {
    for first in ["minion", "minions"] {
        let runner = ModelRunner::start();
        let second = if first == "minion" { "minions" } else { "minion" };
        for protocol in [first, second, first, second] {
            runner.run(protocol, &json!({}));
        }
        assert_eq!((runner.count("configure"), runner.count("load")), (1, 1), "{first} first");
        // What the user sets counts, once.
        for _ in 0..2 {
            runner.run(first, &json!({"max_concurrency": 6, "num_ctx": 4096}));
        }
        assert_eq!(runner.count("configure"), 2);
    }
}

#[test]
fn a_registry_that_cannot_be_reached_is_told_in_the_runner_s_words() {
    let runner = ModelRunner::start();
    let client = json!({"type": "docker_model_runner", "model_name": "ai/nothere"});
    let ran = Program::new().env("MODEL_RUNNER_HOST", &format!("http://127.0.0.1:{}", runner.port)).run_job(
        &json!({
            "local_client": client, "remote_client": client,
            "call_params": {"task": "Who signed?", "context": ["Ann signed."]},
        }),
    );
    let error = ran.error(1);
    assert!(error.contains("ai/nothere") && error.contains("no such host"), "{error}");
}
