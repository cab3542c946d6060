//! The energy of jobs: what `--energy` refuses, and what it takes a job's models for.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::llama_server::llama_server;
use crate::support::program::Program;

fn has_counters() -> bool {
    Path::new("/sys/class/powercap/intel-rapl:0").exists() || Path::new("/dev/nvidiactl").exists()
}

#[test]
fn energy_that_can_not_be_measured_is_an_error_if_it_was_asked_for() {
    let has_counters = has_counters();
    let job = json!({
        "local_client": {"type": "llama_server", "kwargs": {"base_url": format!("{}/v1", llama_server())}},
        "protocol": {"type": "local_only"},
        "call_params": {"task": "Who?", "context": ["The captain was Ann."]},
    });
    let ran = Program::new().args(["--energy"]).run(job.to_string());
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    if !has_counters {
        assert!(ran.code == Some(1) && ran.stdout.contains("no counter of energy"), "{}", ran.stdout);
        assert!(
            ran.stdout.contains("leave --energy out") || ran.stdout.contains("docker run -v"),
            "{}",
            ran.stdout
        );
    } else if ran.code == Some(0) {
        assert!(told["result"]["energy"]["joules"].as_f64().unwrap() > 0.0, "{told}");
    }
    // A batch is measured as a whole.
    let many = format!("{job}\n{job}\n");
    let ran = Program::new().args(["batch", "--energy"]).run(&many);
    if !has_counters {
        assert!(ran.code == Some(1) && ran.stdout.is_empty(), "{:?} {}", ran.code, ran.stdout);
        assert!(ran.stderr.contains("no counter of energy"), "{}", ran.stderr);
    } else if ran.code == Some(0) {
        assert!(ran.stderr.contains("energy by the counters of this machine: "), "{}", ran.stderr);
    }
    for (args, complaint) in [
        (&["batch", "--energy", "--quiet"][..], "--quiet"),
        (&["eval", "--energy", "questions.jsonl"], "an evaluation run at the same time"),
    ] {
        let ran = Program::new().args(args.iter().copied()).run(&many);
        assert!(ran.code == Some(2) && ran.stderr.contains(complaint), "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn a_side_is_here_by_its_address() {
    if has_counters() {
        return;
    }
    let (here, elsewhere) = ("http://127.0.0.1:9/v1", "http://192.0.2.1:9/v1");
    let side = |provider: &str, url: &str| json!({"type": provider, "model_name": "m", "kwargs": {"base_url": url, "api_key": "k"}});
    let nothing_here = "no model of this job runs on this machine";
    let no_counter = "no counter of energy";
    for (key, protocol, provider, url, words) in [
        ("remote_client", "remote_only", "ollama", here, no_counter),
        ("remote_client", "remote_only", "openai", here, no_counter),
        ("remote_client", "remote_only", "ollama", elsewhere, nothing_here),
        ("local_client", "local_only", "ollama", elsewhere, nothing_here),
    ] {
        let mut job = json!({
            "protocol": {"type": protocol},
            "call_params": {"task": "Who?", "context": ["The captain was Ann."]},
        });
        job[key] = side(provider, url);
        let ran = Program::new().args(["--energy"]).run(job.to_string());
        assert!(ran.code != Some(0) && ran.stdout.contains(words), "{job}: {}", ran.stdout);
    }
}
