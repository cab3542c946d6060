//! The questions of `examples/eval`, replayed.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

use serde_json::{Value, json};

use super::eval;
use crate::demo::{chunk_and_task, reply};
use crate::support::program::{Program, last, read_json};
use crate::support::server::{Reply, Server};

pub(super) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/eval")
}

/// The table of a whole replay.
pub(super) fn table() -> &'static str {
    static TABLE: OnceLock<String> = OnceLock::new();
    TABLE.get_or_init(|| {
        let (questions, tape) = (folder().join("questions.jsonl"), folder().join("tape"));
        let replay = ["eval", questions.to_str().unwrap(), "--replay", tape.to_str().unwrap()];
        // Settings of people change nothing.
        let program = Program::unplugged().env("MINIONS_REMOTE", "anthropic").args(replay);
        let ran = program.run("");
        assert_eq!(
            ran.code,
            Some(0),
            "if a prompt was changed on purpose, examples/eval/README.md says how to put the answers under it\n{}{}",
            ran.stdout,
            ran.stderr
        );
        ran.stdout
    })
}

#[test]
fn the_table_needs_no_model_and_no_key() {
    insta::assert_snapshot!(table());
}

#[test]
fn every_document_is_asked_about_and_small() {
    let questions = std::fs::read_to_string(folder().join("questions.jsonl")).unwrap();
    let questions: Vec<Value> = questions.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(questions.len(), 15);
    let mut bytes = 0;
    let mut folders = vec![folder()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
            match entry.metadata().unwrap() {
                meta if meta.is_dir() => folders.push(entry.path()),
                meta => bytes += meta.len(),
            }
        }
    }
    assert!(bytes < 1_500_000, "{bytes}");
    let named = questions.iter().flat_map(|question| question["context_files"].as_array().unwrap());
    let named: Vec<&str> = named.map(|path| path.as_str().unwrap()).collect();
    for entry in std::fs::read_dir(folder().join("documents")).unwrap() {
        let name = format!("documents/{}", entry.unwrap().file_name().into_string().unwrap());
        assert!(named.contains(&&*name), "{name}");
    }
}

/// Has an effect with `MINIONS_TEST_RECORD=1` only: puts the recorded answers under prompts that were changed.
#[test]
fn the_recorded_answers_are_put_under_new_prompts() {
    if std::env::var_os("MINIONS_TEST_RECORD").is_none() {
        return;
    }
    let (kept, dir) = (folder().join("tape"), tempfile::tempdir().unwrap());
    let server = answers_again(&kept);
    let run = std::fs::read(kept.join("eval.json")).unwrap();
    let mut configuration = read_json(&kept.join("eval.json"))["configurations"][0]["job"].take();
    for side in ["local_client", "remote_client"] {
        configuration[side]["kwargs"]["base_url"] = format!("{}/v1", server.url()).into();
        configuration[side]["kwargs"]["api_key"] = json!("none-is-needed");
    }
    let file = dir.path().join("configuration.json");
    std::fs::write(&file, configuration.to_string()).unwrap();
    let tape = dir.path().join("tape");
    let ran = eval([folder().join("questions.jsonl").to_str().unwrap()])
        .args(["--config", &format!("default={}", file.display()), "--record", tape.to_str().unwrap()])
        .run("");
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    std::fs::remove_dir_all(&kept).unwrap();
    std::fs::create_dir(&kept).unwrap();
    for file in std::fs::read_dir(&tape).unwrap().map(|file| file.unwrap()) {
        std::fs::copy(file.path(), kept.join(file.file_name())).unwrap();
    }
    std::fs::write(kept.join("eval.json"), run).unwrap();
}

/// A server that gives the supervisor its replies to each question in their order, and the worker what it said to the same
/// task about the same chunk.
fn answers_again(tape: &Path) -> Server {
    let read = |name: &str| std::fs::read_to_string(folder().join(name)).unwrap();
    let values = |name: &str| {
        read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    let mut replies: HashMap<String, Vec<Value>> = HashMap::new();
    for line in values("replies.jsonl") {
        replies.insert(line["id"].as_str().unwrap().to_owned(), line["replies"].as_array().unwrap().clone());
    }
    let mut scripts: Vec<(String, std::vec::IntoIter<Value>)> = values("questions.jsonl")
        .iter()
        .map(|question| {
            let replies = replies.remove(question["id"].as_str().unwrap()).unwrap();
            (question["task"].as_str().unwrap().to_owned(), replies.into_iter())
        })
        .collect();
    scripts.sort_by_key(|(task, _)| std::cmp::Reverse(task.len()));
    let scripts = Mutex::new(scripts);
    let exchanges = std::fs::read_dir(tape).unwrap().map(|file| read_json(&file.unwrap().path()));
    // What it said at each try: a later try is asked in more words.
    let mut known: BTreeMap<(String, String), Vec<(usize, String)>> = BTreeMap::new();
    for it in exchanges.filter(|exchange| exchange["request"]["side"] == "worker") {
        let asked = last(&it["request"]);
        let text = it["answer"]["reply"]["text"].as_str().unwrap().to_owned();
        known.entry(chunk_and_task(asked)).or_default().push((asked.len(), text));
    }
    known.values_mut().for_each(|tries| tries.sort_unstable());
    let known = Mutex::new(known);
    Server::start(move |request| {
        if !request.path.ends_with("/chat/completions") {
            return Reply::text(404, "not found");
        }
        if request.json()["model"] == "claude" {
            let prompt = request.prompt();
            let mut scripts = scripts.lock().unwrap();
            let (_, script) = scripts.iter_mut().find(|(task, _)| prompt.contains(task.as_str())).unwrap();
            return reply(request, script.next().unwrap().as_str().unwrap());
        }
        let body = request.json();
        let asked = last(&body);
        let mut known = known.lock().unwrap();
        let fits = |(chunk, task): &(String, String)| {
            asked.contains(chunk.as_str()) && asked.contains(task.as_str())
        };
        let nearest =
            known.iter_mut().filter(|(words, _)| fits(words)).max_by_key(|((chunk, _), _)| chunk.len());
        match nearest {
            Some((_, tries)) if tries.len() > 1 => reply(request, &tries.remove(0).1),
            Some((_, tries)) => reply(request, &tries[0].1),
            // A task in other words, or about another part than in the recording.
            None => reply(
                request,
                r#"{"explanation": "The part does not say it.", "citation": null, "answer": null}"#,
            ),
        }
    })
}
