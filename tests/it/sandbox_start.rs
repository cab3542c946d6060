//! The sandbox's process: it starts while the supervisor writes, and none is left behind.

use std::sync::Arc;
use std::sync::mpsc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::support::program::{Program, Ran, client, job};
use crate::support::sandboxes::{is_sandbox, own_memory, sandboxes_of};
use crate::support::server::{Reply, Request, Server};
use crate::support::wait::{Barrier, next, until};
use crate::support::wire::openai;

const PROGRAM: &str = "```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=doc, task='Which ship?') for doc in context]
```";
const FOUND: &str = r#"{"explanation": "e", "citation": "the Aurora", "answer": "Aurora"}"#;
/// What an interpreter takes at least, and a process without one does not.
const INTERPRETER: u64 = 8 << 20;

fn params() -> Value {
    json!({"task": "Which ship?", "context": ["We saw the Aurora."]})
}

/// A server on which `program` answers the request for a program, and `worker` sees those of the workers.
fn served(
    program: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    worker: impl Fn() + Send + Sync + 'static,
) -> Server {
    let verdict =
        json!({"explanation": "e", "decision": "provide_final_answer", "answer": "Aurora"}).to_string();
    Server::start(move |request| match request.json()["model"].as_str() {
        Some("worker") => {
            worker();
            openai(request, FOUND)
        }
        Some(_) if request.prompt().contains("<answers>") => openai(request, &verdict),
        Some(_) => program(request),
        None => Reply::text(404, "not found"),
    })
}

fn lines(jobs: impl IntoIterator<Item = Value>) -> String {
    jobs.into_iter().map(|job| format!("{job}\n")).collect()
}

#[test]
fn the_sandbox_is_up_before_the_supervisor_has_written() {
    let program = Program::new();
    let folder = program.dir.path().canonicalize().unwrap();
    let (up, is_up) = mpsc::channel();
    let (used, in_use) = mpsc::channel();
    let of_workers = folder.clone();
    let server = served(
        move |request| {
            let ready = || sandboxes_of(&folder).into_iter().find(|child| own_memory(*child) > INTERPRETER);
            until("a sandbox with its interpreter", || ready().is_some());
            up.send(ready().unwrap()).unwrap();
            openai(request, PROGRAM)
        },
        move || used.send(sandboxes_of(&of_workers)).unwrap(),
    );
    let ran = program.run_job(&job(&server, "minions", params()));
    assert_eq!(ran.result()["final_answer"], "Aurora");
    // And the program runs in it, not in another one.
    assert_eq!(next("the workers' sandboxes", &in_use), [next("the sandbox", &is_up)]);
}

#[test]
fn no_sandbox_outlives_a_program_that_is_stopped() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL] {
        let (asked, is_asked) = mpsc::channel();
        let server = served(
            move |_| {
                asked.send(()).unwrap();
                Reply::hang()
            },
            || (),
        );
        let job = job(&server, "minions", params());
        let (child, dir) = Program::new().start(job.to_string().as_bytes());
        next("the request for a program", &is_asked);
        let sandboxes = sandboxes_of(&dir.path().canonicalize().unwrap());
        assert_eq!(sandboxes.len(), 1, "{signal}");
        kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
        Ran::of(child, dir);
        until("the end of the sandbox", || !is_sandbox(sandboxes[0]));
    }
}

#[test]
fn a_job_that_fails_leaves_no_sandbox_to_the_next() {
    let program = Program::new().args(["batch", "--max-jobs", "1", "--fail-on", "never"]);
    let folder = program.dir.path().canonicalize().unwrap();
    let server = served(
        move |request| {
            let prompt = request.prompt();
            until("the job's own sandbox alone", || sandboxes_of(&folder).len() == 1);
            match prompt {
                prompt if prompt.contains("task-refused") => {
                    Reply::error(400, &json!({"error": {"message": "no"}}))
                }
                prompt if prompt.contains("task-prose") => openai(request, "I would rather not."),
                prompt if prompt.contains("task-broken") => openai(request, "```python\n1 / 0\n```"),
                _ => openai(request, PROGRAM),
            }
        },
        || (),
    );
    let tasks = ["task-refused", "task-prose", "task-broken", "task-fine"];
    let jobs = tasks.map(|task| job(&server, "minions", json!({"task": task, "context": ["the Aurora"]})));
    let ran = program.run(lines(jobs));
    let lines: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), tasks.len());
    for (task, line) in tasks.iter().zip(&lines) {
        assert_eq!(line["success"], *task == "task-fine", "{task}: {line}");
    }
}

#[test]
fn a_chat_starts_no_sandbox() {
    let program = Program::new();
    let folder = program.dir.path().canonicalize().unwrap();
    let server = Server::start(move |request| {
        assert_eq!(sandboxes_of(&folder), []);
        match request.json()["model"].as_str() {
            Some("worker") => openai(request, "The Aurora."),
            _ => {
                openai(request, r#"{"decision": "provide_final_answer", "answer": "Aurora", "message": "m"}"#)
            }
        }
    });
    let mut job = job(&server, "minion", params());
    job["remote_client"] = client(&server, "supervisor");
    assert_eq!(program.run_job(&job).result()["final_answer"], "Aurora");
}

#[test]
fn sixteen_jobs_have_sixteen_sandboxes_at_once() {
    const JOBS: usize = 16;
    let program = Program::new().args(["batch", "--max-jobs", "16"]);
    let folder = program.dir.path().canonicalize().unwrap();
    let together = Arc::new(Barrier::new(JOBS));
    let (counted, counts) = mpsc::channel();
    let server = served(
        move |request| {
            together.wait();
            counted.send(sandboxes_of(&folder)).unwrap();
            together.wait();
            openai(request, PROGRAM)
        },
        || (),
    );
    let ran = program.run(lines((0..JOBS).map(|_| job(&server, "minions", params()))));
    let answers = ran.stdout.lines().filter(|line| line.contains(r#""final_answer":"Aurora""#)).count();
    assert_eq!((ran.code, answers), (Some(0), JOBS), "{}", ran.stderr);
    let first = next("the first count", &counts);
    assert_eq!(first.len(), JOBS);
    until("the end of all sandboxes", || !first.iter().copied().any(is_sandbox));
}
