//! The real Docker Model Runner, without Docker: its program and llama.cpp's server.

use serde_json::{Value, json};

use super::programs::{ModelRunner, RUNNER_MODEL};
use super::{answered_calls, asks_once, document, fans_out, free_error, job, too_long};
use crate::support::program::{Program, Ran};
use crate::support::wait::until;

fn worker(runner: &ModelRunner, model: &str) -> Value {
    json!({
        "type": "docker_model_runner", "model_name": model,
        "kwargs": {
            "base_url": runner.home.url(), "temperature": 0, "max_tokens": 24, "retries": 3, "timeout": 300,
        },
    })
}

#[test]
#[ignore = "needs the real Docker Model Runner: scripts/real-runtimes.sh"]
fn both_protocols_in_turns_share_one_configuration() {
    let runner = ModelRunner::serving();
    let local = worker(&runner, RUNNER_MODEL);
    for turn in 0..4 {
        let (supervisor, protocol) =
            if turn % 2 == 0 { (fans_out("Name the ship."), "minions") } else { (asks_once(), "minion") };
        let ran = Program::new().run_job(&job(local.clone(), &supervisor, protocol, &document(3500)));
        assert_eq!(ran.result()["final_answer"], "Aurora", "{}", ran.stderr);
    }
    let configured = runner.get("/engines/_configure").expect("a list");
    assert_eq!(configured.as_array().map(Vec::len), Some(1), "{configured}");
    assert_eq!(runner.home.loads(), 1);
}

#[test]
#[ignore = "needs the real Docker Model Runner: scripts/real-runtimes.sh"]
fn what_is_wrong_with_a_job_is_told_before_it_costs() {
    let runner = ModelRunner::serving();
    let supervisor = asks_once();
    let told = |job: &Value| free_error(&Program::new().run_job(job), &supervisor);

    let absent = told(&job(worker(&runner, "127.0.0.1:9/none/such"), &supervisor, "minion", "short"));
    assert!(absent.contains("could not fetch \"127.0.0.1:9/none/such\""), "{absent}");
    assert!(absent.contains("connection refused") && absent.contains("Hint: "), "{absent}");

    let long = told(&job(worker(&runner, RUNNER_MODEL), &supervisor, "minion", &too_long()));
    assert!(long.contains("8192 tokens") && long.contains("\"minions\""), "{long}");
}

#[test]
#[ignore = "needs the real Docker Model Runner: scripts/real-runtimes.sh"]
fn no_call_is_lost_with_a_runner_that_is_killed() {
    let runner = ModelRunner::serving();
    let supervisor = fans_out("Name the ship.");
    let job = job(worker(&runner, RUNNER_MODEL), &supervisor, "minions", &document(7000));
    let (running, dir) = Program::new().start(job.to_string().as_bytes());
    until("the first prompt", || runner.home.log().contains("processing task"));
    runner.home.kill("--model");
    assert_eq!(answered_calls(&Ran::of(running, dir)), 3);
}

#[test]
#[ignore = "needs the real Docker Model Runner: scripts/real-runtimes.sh"]
fn the_second_question_finds_what_was_read() {
    let runner = ModelRunner::serving();
    let mut evaluated = Vec::new();
    for task in ["Name the ship.", "Name the port."] {
        let before = runner.home.evaluated();
        let supervisor = fans_out(task);
        let fan_out = job(worker(&runner, RUNNER_MODEL), &supervisor, "minions", &document(19_000));
        assert_eq!(answered_calls(&Program::new().run_job(&fan_out)), 7);
        evaluated.push(runner.home.evaluated() - before);
    }
    assert!(evaluated[1] * 100 <= evaluated[0] * 15, "{evaluated:?}");
}
