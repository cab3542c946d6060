//! Models that the memory has no room for with four slots: a daemon of ours with the stand-in, through the program.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;

use minions_machine::memory;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::program::{Program, client};
use crate::support::server::{Request, Server};
use crate::support::wire::openai;

/// The supervisor of a `minion` job that ends at once.
fn supervisor() -> Server {
    Server::start(|request: &Request| {
        openai(
            request,
            &json!({"message": "?", "decision": "provide_final_answer", "answer": "a"}).to_string(),
        )
    })
}

/// A home with an `ollama` in it.
fn home() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    symlink(env!("CARGO_BIN_EXE_ollama-standin"), home.path().join("ollama")).unwrap();
    home
}

/// What became of a job, the daemon's notes, and how often the supervisor was asked.
struct Outcome {
    error: String,
    said: String,
    notes: String,
    asked: usize,
}

impl Outcome {
    fn has_noted(&self, what: &str) -> bool {
        self.notes.lines().any(|line| line.split(' ').next() == Some(what))
    }
}

fn run(kwargs: &Value, environment: &[(&str, &str)]) -> Outcome {
    let (home, supervisor) = (home(), supervisor());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let path = home.path().display().to_string();
    let notes = home.path().join("notes");
    let mut program = Program::new()
        .args(["-v"])
        .env("HOME", &path)
        .env("XDG_RUNTIME_DIR", &path)
        .env("PATH", &format!("{path}:/usr/bin:/bin"))
        .env("OLLAMA_HOST", &format!("127.0.0.1:{port}"))
        .env("MINIONS_LINGER", "0")
        .env("STANDIN_MODELS", "m")
        .env("STANDIN_NOTES", notes.to_str().unwrap());
    for (name, value) in environment {
        program = program.env(name, value);
    }
    let ran = program.run_job(&json!({
        "local_client": {"type": "ollama", "model_name": "m", "kwargs": kwargs},
        "remote_client": client(&supervisor, "supervisor"),
        "protocol": {"type": "minion"},
        "call_params": {"task": "What?", "context": ["A word."], "max_rounds": 2},
    }));
    let envelope: Value = serde_json::from_str(&ran.stdout).unwrap();
    Outcome {
        error: envelope["error"].as_str().unwrap_or_default().to_owned(),
        said: ran.stderr,
        notes: fs::read_to_string(notes).unwrap_or_default(),
        asked: supervisor.requests().len(),
    }
}

/// Figures of a model of which one slot with 2048 tokens takes so many percent of the memory that is free.
fn figures(percent: u64) -> String {
    let free = memory::free().unwrap().bytes;
    json!({
        "llama.block_count": 1, "llama.embedding_length": 8, "llama.attention.head_count": 1, "llama.vocab_size": 10,
        "llama.attention.key_length": 64, "llama.attention.value_length": 64,
        "llama.attention.head_count_kv": free * percent / 100 / 2048 / 256,
    })
    .to_string()
}

#[test]
fn a_daemon_gets_as_many_slots_as_fit() {
    let ran = run(&json!({"num_ctx": 2048}), &[("STANDIN_FIGURES", &figures(36))]);
    assert_eq!(ran.error, "", "{}", ran.said);
    assert!(!ran.has_noted("slots-4"), "{}", ran.notes);
    assert!(["slots-1", "slots-2", "slots-3"].iter().any(|slots| ran.has_noted(slots)), "{}", ran.notes);
    assert!(ran.said.contains("of 2048 tokens take"), "{}", ran.said);
}

#[test]
fn where_the_window_is_ours_it_is_shorter_rather_than_none() {
    let ran = run(&json!({}), &[("STANDIN_FIGURES", &figures(75))]);
    assert_eq!(ran.error, "", "{}", ran.said);
    assert!(ran.said.contains("1 slot of 2048 tokens takes about"), "{}", ran.said);
    assert!(ran.has_noted("slots-1"), "{}", ran.notes);
}

#[test]
fn what_does_not_fit_costs_nothing() {
    for (kwargs, percent) in [(json!({"num_ctx": 4096}), 90), (json!({}), 300)] {
        let ran = run(&kwargs, &[("STANDIN_FIGURES", &figures(percent))]);
        for part in ["m does not fit into the memory: 1 slot of", "MiB are free of this", "smaller num_ctx"] {
            assert!(ran.error.contains(part), "{}", ran.error);
        }
        assert_eq!(ran.asked, 0, "{}", ran.error);
        assert!(!ran.notes.contains("slots-"), "{}", ran.notes);
    }
}

#[test]
fn the_user_s_slots_are_kept_with_a_warning() {
    let environment = [("STANDIN_FIGURES", &*figures(36)), ("OLLAMA_NUM_PARALLEL", "4")];
    let ran = run(&json!({"num_ctx": 2048}), &environment);
    assert_eq!(ran.error, "", "{}", ran.said);
    assert!(ran.has_noted("slots-4") && ran.said.contains("OLLAMA_NUM_PARALLEL is kept"), "{}", ran.said);
}

#[test]
fn a_runner_that_is_killed_gets_fewer_slots_once() {
    let ran = run(&json!({}), &[("STANDIN_MOST_SLOTS", "2")]);
    assert_eq!(ran.error, "", "{}", ran.said);
    assert!(ran.has_noted("slots-4") && ran.has_noted("slots-2"), "{}", ran.notes);
    let ran = run(&json!({}), &[("STANDIN_MOST_SLOTS", "1")]);
    for part in ["signal: killed", "most likely the memory is used up", "fewer slots"] {
        assert!(ran.error.contains(part), "{}", ran.error);
    }
    assert!(ran.has_noted("slots-2") && !ran.has_noted("slots-1"), "{}", ran.notes);
    // Not where the user set them.
    let ran = run(&json!({}), &[("STANDIN_MOST_SLOTS", "2"), ("OLLAMA_NUM_PARALLEL", "4")]);
    assert!(ran.error.contains("most likely the memory is used up"), "{}", ran.error);
    assert!(!ran.has_noted("slots-2"), "{}", ran.notes);
}
