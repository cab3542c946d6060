//! A run of a real model on both sides, recorded, and played again with the model gone and the network unplugged.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::llama_server::LlamaServer;
use crate::support::program::{Program, Ran, read_json};
use crate::tape::timeless;

/// The folder of a protocol's tape.
pub(crate) fn folder(protocol: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tapes").join(format!("real_{protocol}"))
}

/// Its job, at a server. The model is too small to write a program: the prompt of the second job says it over and
/// over.
pub(crate) fn the_job(protocol: &str, url: &str) -> Value {
    let mut job = read_json(&folder(protocol).join("job.json"));
    for side in ["local_client", "remote_client"] {
        job[side]["kwargs"]["base_url"] = json!(format!("{url}/v1"));
    }
    if let Some(Value::String(name)) = job.pointer_mut("/protocol/kwargs/prompts/minions_decompose") {
        *name = folder(protocol).join(&name).display().to_string();
    }
    job
}

fn run(program: Program, flag: &str, tape: &Path, job: &Value) -> Ran {
    program.args([flag, tape.to_str().unwrap()]).run_job(job)
}

#[test]
fn a_real_models_minion_replays_with_the_network_unplugged() {
    replays_with_the_network_unplugged("minion");
}

#[test]
fn a_real_models_minions_replay_with_the_network_unplugged() {
    replays_with_the_network_unplugged("minions");
}

fn replays_with_the_network_unplugged(protocol: &str) {
    let server = LlamaServer::start();
    let dir = tempfile::tempdir().unwrap();
    let job = the_job(protocol, &server.url);
    let recorded = run(Program::new(), "--record", dir.path(), &job);
    let calls = recorded.result()["egress"]["calls"].as_array().unwrap().len();
    assert!(calls >= 2, "the real server was asked");
    assert!(recorded.result()["local_usage"]["completion_tokens"].as_u64().unwrap() > 0);
    drop(server);
    let replayed = run(Program::unplugged(), "--replay", dir.path(), &job);
    assert_eq!(timeless(&replayed), timeless(&recorded));
    // Without the recording there is nobody to ask.
    Program::unplugged().run_job(&job).error(1);
    if std::env::var_os("MINIONS_TEST_RECORD").is_some() {
        keep(protocol, dir.path(), &recorded);
    }
}

/// Puts the recording among the tapes.
fn keep(protocol: &str, tape: &Path, recorded: &Ran) {
    let dir = folder(protocol);
    let _ = std::fs::remove_dir_all(dir.join("tape"));
    std::fs::create_dir_all(dir.join("tape")).unwrap();
    for file in std::fs::read_dir(tape).unwrap() {
        let path = file.unwrap().path();
        std::fs::copy(&path, dir.join("tape").join(path.file_name().unwrap())).unwrap();
    }
    std::fs::write(dir.join("result.json"), format!("{}\n", kept(recorded))).unwrap();
}

/// What is kept of a result: not the savings, which are counted anew.
pub(crate) fn kept(ran: &Ran) -> String {
    let mut result: Value = serde_json::from_str(&timeless(ran)).unwrap();
    result["savings"] = Value::Null;
    result["minions_version"] = Value::Null;
    format!("{result:#}")
}
