//! `minions demo`: a recorded run, shown to people.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::program::{Program, Ran, last, read_json};
use crate::support::server::{Reply, Request, Server};
use crate::support::wire::{openai_sse_usage, openai_text};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/demo")
}

/// The recorded job with its document.
fn the_job() -> Value {
    let mut job = read_json(&folder().join("job.json"));
    job["call_params"]["context"] = json!([std::fs::read_to_string(folder().join("opticks.txt")).unwrap()]);
    job
}

fn demo(program: Program) -> Ran {
    let ran = program.args(["demo"]).run("");
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (Some(0), ""),
        "if a prompt was changed on purpose, examples/demo/README.md says how to record the run again\n{}",
        ran.stdout
    );
    ran
}

#[test]
fn the_demo_needs_nothing_and_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let ran = demo(Program::unplugged().env("TMPDIR", temporary.path().to_str().unwrap()));
    for dir in [temporary.path(), ran.dir.path()] {
        assert_eq!(std::fs::read_dir(dir).unwrap().count(), 0, "{}", dir.display());
    }
    let (before, rest) = ran.stdout.split_once("replayed in ").unwrap();
    let (seconds, after) = rest.split_once(" s ").unwrap();
    assert!(seconds.parse::<f64>().is_ok(), "{seconds}");
    insta::assert_snapshot!(format!("{before}replayed in [time] s {after}"));
}

#[test]
fn the_demo_shows_what_the_recorded_job_gives() {
    let shown = demo(Program::new()).stdout;
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    let tape = folder().join("tape");
    let result = Program::unplugged().args(["--replay", tape.to_str().unwrap()]).run_job(&the_job()).result();
    let quotes = result["evidence"].as_array().unwrap();
    assert!(quotes.len() >= 5 && quotes.iter().all(|quote| quote["verified"] == true), "{quotes:?}");
    let texts = quotes.iter().map(|quote| &quote["citation"]).chain([&result["final_answer"]]);
    for text in texts.map(|text| text.as_str().unwrap()) {
        assert!(shown.contains(text), "{text}");
    }
    assert!(result["savings"]["saved_tokens"].as_i64().unwrap() > 10_000, "{}", result["savings"]);
}

/// Has an effect with `MINIONS_TEST_RECORD=1` only: puts the recorded answers under prompts that were changed.
#[test]
fn the_recorded_answers_are_put_under_new_prompts() {
    if std::env::var_os("MINIONS_TEST_RECORD").is_none() {
        return;
    }
    let (kept, dir) = (folder().join("tape"), tempfile::tempdir().unwrap());
    let files = std::fs::read_dir(&kept).unwrap().map(|file| read_json(&file.unwrap().path()));
    let server = answers_again(files.collect());
    let mut job = the_job();
    for side in ["local_client", "remote_client"] {
        job[side]["kwargs"] =
            json!({"base_url": format!("{}/v1", server.url()), "api_key": "none-is-needed"});
    }
    Program::new().args(["--record", dir.path().to_str().unwrap()]).run_job(&job).result();
    std::fs::remove_dir_all(&kept).unwrap();
    std::fs::create_dir(&kept).unwrap();
    let mut names = Vec::new();
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), kept.join(file.file_name())).unwrap();
        names.push(format!("    {:?},\n", file.file_name()));
    }
    names.sort();
    std::fs::write(folder().join("tape.list"), format!("files![\n{}]\n", names.concat())).unwrap();
}

/// A server that gives the answers of a tape: to the supervisor its programs first and then its verdicts, to the worker
/// what it said to the same task about the same chunk.
fn answers_again(tape: Vec<Value>) -> Server {
    let text = |exchange: &Value| exchange["answer"]["reply"]["text"].as_str().unwrap().to_owned();
    let side = |side: &'static str| tape.iter().filter(move |exchange| exchange["request"]["side"] == side);
    let mut script: Vec<_> = side("supervisor").map(text).collect();
    script.sort_by_key(|reply| !reply.contains("def prepare_jobs"));
    let script = std::sync::Mutex::new(script.into_iter());
    let known: Vec<_> = side("worker").map(|it| (chunk_and_task(last(&it["request"])), text(it))).collect();
    Server::start(move |request| {
        if !request.path.ends_with("/chat/completions") {
            return Reply::text(404, "not found");
        }
        let body = request.json();
        if body["model"] == "claude" {
            return reply(request, &script.lock().unwrap().next().unwrap());
        }
        let asked = last(&body);
        let fits = |(chunk, task): &(String, String)| asked.contains(chunk) && asked.contains(task);
        reply(request, &known.iter().find(|(words, _)| fits(words)).unwrap().1)
    })
}

pub(crate) fn chunk_and_task(prompt: &str) -> (String, String) {
    let between =
        |from: &str, to: &str| prompt.split_once(from).unwrap().1.split_once(to).unwrap().0.to_owned();
    (between("<part>\n", "\n</part>"), between("\nTask: ", "\n"))
}

/// Its tokens are estimates, four characters each.
pub(crate) fn reply(request: &Request, text: &str) -> Reply {
    let body = request.json();
    let messages = body["messages"].as_array().unwrap().iter();
    let prompt: usize = messages.map(|it| it["content"].as_str().unwrap().chars().count()).sum();
    let usage = (prompt as u64 / 4, text.chars().count() as u64 / 4);
    if body["stream"] == true { openai_sse_usage(text, usage) } else { openai_text(text, usage) }
}
