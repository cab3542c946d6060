//! The real Ollama, started by hand or by a job.

use std::thread;

use serde_json::{Value, json};

use super::programs::{OLLAMA_MODEL, Ollama};
use super::{answered_calls, asks_once, document, fans_out, free_error, job, too_long};
use crate::support::program::{Program, Ran};
use crate::support::server::Server;
use crate::support::wait::until;

/// A worker that answers in a few words, always the same ones.
fn worker(model: &str) -> Value {
    json!({
        "type": "ollama", "model_name": model,
        "kwargs": {"temperature": 0, "max_tokens": 24, "retries": 3},
    })
}

fn fan_out(supervisor: &Server, characters: usize) -> Value {
    job(worker(OLLAMA_MODEL), supervisor, "minions", &document(characters))
}

/// Runs `job` and does `meanwhile` once llama.cpp works on it.
fn disturbed(ollama: &Ollama, job: &Value, meanwhile: impl FnOnce()) -> Ran {
    let (running, dir) = ollama.program().start(job.to_string().as_bytes());
    until("the first prompt", || ollama.home.log().contains("processing task"));
    meanwhile();
    Ran::of(running, dir)
}

#[test]
#[ignore = "needs the real Ollama: scripts/real-runtimes.sh"]
fn a_fan_out_is_answered_after_one_load() {
    let ollama = Ollama::serving();
    let supervisor = fans_out("Name the ship.");
    let ran = ollama.program().run_job(&fan_out(&supervisor, 7000));
    assert_eq!(answered_calls(&ran), 3);
    assert_eq!(ollama.home.loads(), 1);
    assert!(ran.result()["local_usage"]["prompt_tokens"].as_u64() > Some(2000));
}

#[test]
#[ignore = "needs the real Ollama: scripts/real-runtimes.sh"]
fn what_is_wrong_with_a_job_is_told_before_it_costs() {
    let ollama = Ollama::serving();
    let supervisor = asks_once();
    let told = |job: &Value| free_error(&ollama.program().run_job(job), &supervisor);

    // Its registry is a port of this machine at which nobody listens.
    let absent = told(&job(worker("127.0.0.1:9/none/such"), &supervisor, "minion", "short"));
    assert!(absent.contains("could not fetch \"127.0.0.1:9/none/such\""), "{absent}");
    assert!(absent.contains("connection refused") && absent.contains("Hint: "), "{absent}");

    let long = told(&job(worker(OLLAMA_MODEL), &supervisor, "minion", &too_long()));
    assert!(long.contains("too long") && long.contains("8192"), "{long}");

    let mut embedding = job(worker(OLLAMA_MODEL), &supervisor, "minions", "short");
    embedding["call_params"]["use_retrieval"] = json!("embedding");
    embedding["call_params"]["retrieval_model"] = json!(OLLAMA_MODEL);
    let embedding = told(&embedding);
    assert!(embedding.contains(OLLAMA_MODEL) && embedding.contains("embed"), "{embedding}");
}

#[test]
#[ignore = "needs the real Ollama: scripts/real-runtimes.sh"]
fn a_model_that_cannot_think_does_without() {
    let ollama = Ollama::serving();
    let supervisor = asks_once();
    let mut thinking = job(worker(OLLAMA_MODEL), &supervisor, "minion", "The Aurora lay at Brest.");
    thinking["local_client"]["kwargs"]["thinking"] = json!(true);
    let ran = ollama.program().run_job(&thinking);
    assert_eq!(ran.result()["final_answer"], "Aurora");
    assert!(ran.stderr.contains("does not support thinking; from now on without thinking"), "{}", ran.stderr);
}

#[test]
#[ignore = "needs the real Ollama: scripts/real-runtimes.sh"]
fn a_job_starts_it_and_ends_it() {
    let ollama = Ollama::to_find();
    let supervisor = asks_once();
    let short = job(worker(OLLAMA_MODEL), &supervisor, "minion", "The Aurora lay at Brest.");
    let ran = ollama.program().env("MINIONS_LINGER", "0").run_job(&short);
    assert_eq!(ran.result()["final_answer"], "Aurora");
    until("the end of all that it has started", || ollama.home.processes("").is_empty());
}

#[test]
#[ignore = "needs the real Ollama: scripts/real-runtimes.sh"]
fn no_call_is_lost_with_what_is_killed() {
    // The runner, the daemon with it, and what keeps the daemon.
    for victim in ["--model", "serve", "ollama-watchdog"] {
        let ollama = Ollama::to_find();
        let supervisor = fans_out("Name the ship.");
        let ran = disturbed(&ollama, &fan_out(&supervisor, 7000), || ollama.home.kill(victim));
        assert_eq!(answered_calls(&ran), 3, "{victim}");
    }
}

#[test]
#[ignore = "needs the real Ollama: scripts/real-runtimes.sh"]
fn the_second_question_finds_what_was_read() {
    let ollama = Ollama::to_find();
    let mut evaluated = Vec::new();
    for task in ["Name the ship.", "Name the port.", "How deep was the water?"] {
        let before = ollama.home.evaluated();
        let supervisor = fans_out(task);
        // Seven chunks for four slots: what a slot forgets is kept beside them.
        let lingers = ollama.program().env("MINIONS_LINGER", "5m");
        assert_eq!(answered_calls(&lingers.run_job(&fan_out(&supervisor, 19_000))), 7);
        evaluated.push(ollama.home.evaluated() - before);
    }
    assert!(
        evaluated[1] * 100 <= evaluated[0] * 15 && evaluated[2] * 100 <= evaluated[0] * 15,
        "{evaluated:?}"
    );
}

#[test]
#[ignore = "needs the real Ollama: scripts/real-runtimes.sh"]
fn a_prompt_that_takes_long_to_read_is_no_silent_server() {
    let ollama = Ollama::serving();
    let supervisor = asks_once();
    let mut slow = job(worker(OLLAMA_MODEL), &supervisor, "minion", &document(9000));
    slow["call_params"]["max_rounds"] = json!(1);
    let ran = ollama.program().run_job(&slow);
    assert_eq!(ran.result()["final_answer"], "Aurora");
    assert!(!ran.stderr.contains("again"), "{}", ran.stderr);
}

/// Two programs at once, as users have them.
#[test]
#[ignore = "needs the real Ollama: scripts/real-runtimes.sh"]
fn jobs_at_the_same_time_share_one_daemon() {
    let ollama = Ollama::to_find();
    let ran: Vec<Ran> = thread::scope(|scope| {
        let run = || {
            let supervisor = asks_once();
            let program: Program = ollama.program();
            program.run_job(&job(worker(OLLAMA_MODEL), &supervisor, "minion", "The Aurora lay at Brest."))
        };
        let jobs: Vec<_> = (0..3).map(|_| scope.spawn(run)).collect();
        jobs.into_iter().map(|job| job.join().expect("it has run")).collect()
    });
    for ran in ran {
        assert_eq!(ran.result()["final_answer"], "Aurora");
    }
    assert_eq!(ollama.home.log().matches("Listening on").count(), 1);
}
