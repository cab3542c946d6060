//! A stand-in for the Ollama daemon (`serve`), for the llama-server that it runs its models with (`runner`), and for
//! Docker Model Runner (`model-runner`).
//!
//! It does what the daemon of July 2026 does and our code relies on: the order of its start, its log lines and
//! where they go, lines of JSON, errors under HTTP 200, the names' rules, slots, a reload on other options, an
//! abrupt end on SIGTERM, a runner that outlives a SIGKILL. A model is a file of its name; an answer is made up.
//! Switches, all of the environment:
//!
//! * `STANDIN_DISCOVERY_MS`: from listening to answering. `STANDIN_LOAD_MS`, `STANDIN_WORK_MS`: for a model to
//!   load, and to answer.
//! * `STANDIN_GATE`: a path. No answer but a program is given before there is a file.
//! * `STANDIN_MODELS`: names that are there from the start.
//! * `STANDIN_PULL`: what becomes of each pull in turn, the last one for ever: `ok`, `stall:40` and `cut:60`
//!   (at so many percent), `error:TEXT`; separated by `;`.
//! * `STANDIN_PULL_MS`: how long a pull takes that goes well.
//! * `STANDIN_CHATTER`: lines that the runner logs for each answer.
//! * `STANDIN_NOTES`: a file for what the daemon does for the first time, and when, in ms: `ready`, `pull`,
//!   `chat`, `daemon-PROCESS`, `load-PORT` for each runner, `at-once-N` for N calls in hand.
//!   A model runner adds `configure` and `load` each time.
//! * `STANDIN_FIGURES`: more of the model's figures, as JSON; they decide what it takes of the memory.
//! * `STANDIN_MOST_SLOTS`: a runner with more slots is killed for want of memory.
//! * `STANDIN_DIE`: the last words of a model runner that ends at once.
//! * `STANDIN_RECORDED`: names of recorded answers that are given first, each once; separated by `;`.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::exit, reason = "a daemon's logs and exit codes")]

#[path = "../it/support/server.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "shared with the tests")]
mod server;

#[path = "../it/support/recorded.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod recorded;

#[path = "../it/support/wire.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod wire;

mod daemon;
mod model_runner;
mod models;
mod runner;

use std::path::Path;
use std::time::Duration;
use std::{env, thread};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => daemon::serve(),
        ["runner", port] => runner::run(port),
        ["model-runner"] => model_runner::serve(),
        _ => fail("usage: serve | model-runner"),
    }
}

/// Adds a line to the file that `STANDIN_NOTES` names.
fn count(what: &str) {
    let Ok(path) = env::var("STANDIN_NOTES") else { return };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    if let Ok(mut file) = file {
        let _ = std::io::Write::write_all(&mut file, format!("{what}\n").as_bytes());
    }
}

fn fail(message: &str) -> ! {
    eprintln!("Error: {message}");
    std::process::exit(1)
}

/// The recorded answers that are given first.
fn recorded() -> recorded::Player {
    let names = env::var("STANDIN_RECORDED").unwrap_or_default();
    recorded::Player::new(names.split(';').filter(|name| !name.is_empty()))
}

/// The time that an answer takes: `STANDIN_WORK_MS`, and until the file of `STANDIN_GATE` is there.
fn work(answer: &str) {
    thread::sleep(millis("STANDIN_WORK_MS"));
    let Some(gate) = env::var_os("STANDIN_GATE").filter(|_| answer != runner::CODE) else { return };
    while !Path::new(&gate).exists() {
        thread::sleep(Duration::from_millis(5));
    }
}

/// A switch's milliseconds.
fn millis(name: &str) -> Duration {
    Duration::from_millis(env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(0))
}
