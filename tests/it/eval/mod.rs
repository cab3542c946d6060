//! `minions eval`: questions with known answers.

mod asking;
mod refusals;
mod shipped;
mod stopping;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::program::{Program, client};
use crate::support::server::{Reply, Request, Server};
use crate::support::wire::openai;

/// A server that answers each question by what stands in it: the supervisor's message names it.
fn knowing(answers: &'static [(&'static str, &'static str)]) -> Server {
    Server::start(move |request| answer(request, answers))
}

/// The reply to the supervisor's question, to the judge's and to the worker's.
fn answer(request: &Request, answers: &[(&str, &str)]) -> Reply {
    if !request.path.ends_with("/chat/completions") {
        return Reply::text(404, "not found");
    }
    let prompt = request.prompt();
    let text = match request.json()["model"].as_str() {
        Some("judge") => {
            let verdict = if prompt.contains("Ada and Bob") { "partly" } else { "right" };
            json!({"reason": "so it is", "verdict": verdict}).to_string()
        }
        Some("worker") => "It says so.".to_owned(),
        _ => {
            let known = answers.iter().find(|(words, _)| prompt.contains(words));
            match known {
                Some((_, "")) => return Reply::error(400, &json!({"error": {"message": "no such model"}})),
                Some((_, answer)) => json!({
                    "reasoning": "r", "decision": "provide_final_answer", "message": "Which?", "answer": answer,
                })
                .to_string(),
                None => panic!("nobody asks this: {prompt}"),
            }
        }
    };
    openai(request, &text)
}

/// A configuration of the protocol `minion`, two calls and an answer, in a file of `dir`.
fn configuration(dir: &Path, name: &str, server: &Server) -> String {
    let path = dir.join(format!("{name}.json"));
    let configuration = json!({
        "local_client": client(server, "worker"), "remote_client": client(server, "supervisor"),
        "protocol": {"type": "minion", "max_rounds": 1, "kwargs": {"prices": {"input": 2, "output": 10}}},
    });
    std::fs::write(&path, configuration.to_string()).unwrap();
    format!("{name}={}", path.display())
}

/// A file of questions in `dir`.
fn questions(dir: &Path, questions: &[Value]) -> PathBuf {
    let path = dir.join("questions.jsonl");
    let lines: String = questions.iter().map(|question| format!("{question}\n")).collect();
    std::fs::write(&path, lines).unwrap();
    path
}

fn question(id: &str, task: &str, answer: Value) -> Value {
    json!({"id": id, "task": task, "context": ["Ada signed on 3 May; it took 12 days."], "answer": answer})
}

/// `minions eval` with these arguments.
fn eval<'a>(args: impl IntoIterator<Item = &'a str>) -> Program {
    Program::new().args(["eval"]).args(args)
}
