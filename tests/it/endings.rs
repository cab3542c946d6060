//! Whatever ends a job, there is one envelope, the right exit code, and a log of what it cost.

use std::sync::mpsc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::support::program::{Program, Ran, Running, job, scripted};
use crate::support::server::{Reply, Server};
use crate::support::wait::{next, until};
use crate::support::wire::openai;

/// A server whose supervisor asks and whose worker never answers; says when the worker is asked.
fn stuck() -> (Server, mpsc::Receiver<()>) {
    let (asked, waits) = mpsc::sync_channel(100);
    let server = Server::start(move |request| match request.json()["model"].as_str() {
        Some("worker") => {
            let _ = asked.try_send(());
            Reply::hang()
        }
        Some(_) => openai(request, r#"{"reasoning": "r", "message": "Who?"}"#),
        None => Reply::text(404, "not found"),
    });
    (server, waits)
}

fn params() -> Value {
    json!({"task": "Who signed?", "context": ["Ada."]})
}

#[test]
fn a_signal_ends_the_job_with_its_envelope() {
    for (signal, code, name) in
        [(Signal::SIGTERM, 143, "SIGTERM"), (Signal::SIGINT, 130, "SIGINT"), (Signal::SIGHUP, 129, "SIGHUP")]
    {
        let (server, asked) = stuck();
        // The tests themselves may run under nohup.
        let program = Program::in_shell("exec env --default-signal=HUP \"$0\" \"$@\"", "");
        let (child, dir) = program.start(job(&server, "minion", params()).to_string().as_bytes());
        next("the call of the worker", &asked);
        kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
        let ran = Ran::of(child, dir);
        assert!(ran.error(code).contains(&format!("stopped by {name}")));
        let log = ran.log();
        assert_eq!(log["usage"]["remote"]["prompt_tokens"], 10);
        assert_eq!(log["conversation"].as_array().unwrap().len(), 1);
        assert!(log["error"].as_str().unwrap().contains(name));
    }
}

#[test]
fn a_signal_while_the_job_is_read_has_its_envelope() {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_minions"));
    let piped = std::process::Stdio::piped;
    command.env("RUST_LOG", "minions=debug").stdin(piped()).stdout(piped()).stderr(piped());
    let mut child = Running::spawn(&mut command);
    // It says that it listens before it reads.
    let stderr = child.stderr.take().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(stderr));
    assert!(lines.any(|line| line.unwrap().contains("reading the job")));
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    // stdin stays open.
    let stdin = child.stdin.take();
    let ran = Ran::of(child, tempfile::tempdir().unwrap());
    drop(stdin);
    assert!(ran.error(143).contains("SIGTERM"));
}

#[test]
fn a_signal_is_heard_before_anything_is_set_up() {
    let piped = std::process::Stdio::piped;
    for _ in 0..20 {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_minions"));
        let mut child = Running::spawn(command.stdin(piped()).stdout(piped()).stderr(piped()));
        // The kernel's word for "this signal has a handler": a bit of a hexadecimal number. That of SIGXFSZ, the 25th, is set
        // once the handler of SIGTERM is complete: one that is being set up can lose its signal.
        let status = format!("/proc/{}/status", child.id());
        let caught = || {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let mask = text.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0");
            u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask & (1 << 24) != 0)
        };
        until("the handler of signals", caught);
        kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
        let stdin = child.stdin.take();
        assert!(Ran::of(child, tempfile::tempdir().unwrap()).error(143).contains("SIGTERM"));
        drop(stdin);
    }
}

#[test]
fn a_reader_that_stops_reading_does_not_keep_it_alive() {
    let ask = r#"{"reasoning": "r", "message": "Who?"}"#.to_owned();
    let answer =
        json!({"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": "Ada"});
    let server = scripted(vec![ask, answer.to_string()], |request| openai(request, "Ada"));
    let mut params = params();
    // Longer than a pipe holds.
    params["context"] = json!(["Ada. ".repeat(100_000)]);
    let (mut child, dir) = Program::new().start(job(&server, "minion", params).to_string().as_bytes());
    // The log is written before the envelope.
    until("the log", || dir.path().join("minion_logs").is_dir());
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn nohup_keeps_it_going_without_its_terminal() {
    let (server, asked) = stuck();
    let job = job(&server, "minion", params()).to_string();
    let (child, dir) = Program::in_shell("trap '' HUP", "").start(job.as_bytes());
    next("the call of the worker", &asked);
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    kill(pid, Signal::SIGHUP).unwrap();
    kill(pid, Signal::SIGTERM).unwrap();
    assert!(Ran::of(child, dir).error(143).contains("SIGTERM"));
}

#[test]
fn a_reader_that_stops_reading_does_not_keep_it_alive_beyond_its_deadline() {
    let ask = r#"{"reasoning": "r", "message": "Who?"}"#.to_owned();
    let answer =
        json!({"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": "Ada"});
    let script = [ask, answer.to_string()].into_iter().cycle().take(4).collect();
    let server = scripted(script, |request| openai(request, "Ada"));
    let mut params = params();
    // Longer than a pipe holds.
    params["context"] = json!(["Ada. ".repeat(100_000)]);
    let mut job = job(&server, "minion", params);
    job["budget"] = json!({"deadline_s": 10});
    let (mut child, dir) = Program::new().start(job.to_string().as_bytes());
    // The log is written before the envelope.
    until("the log", || dir.path().join("minion_logs").is_dir());
    // A batch, too.
    job["custom_id"] = json!("a");
    job["budget"] = json!({});
    let (mut batch, _dirs) =
        Program::new().args(["batch", "--deadline", "10"]).start(format!("{job}\n").as_bytes());
    assert_eq!(batch.wait().unwrap().code(), Some(124));
    assert_eq!(child.wait().unwrap().code(), Some(124));
}

#[test]
fn a_deadline_ends_the_job_with_its_envelope() {
    let (server, _asked) = stuck();
    let mut job = job(&server, "minion", params());
    job["budget"] = json!({"deadline_s": 0.5});
    let ran = Program::new().run_job(&job);
    let error = ran.error(124);
    assert!(error.contains("deadline of 0.5 s") && error.contains("budget.deadline_s"), "{error}");
    assert_eq!(ran.log()["usage"]["remote"]["prompt_tokens"], 10);
}

#[test]
fn a_job_from_a_file() {
    let (server, _asked) = stuck();
    let mut job = job(&server, "minion", params());
    job["budget"] = json!({"deadline_s": 0.2});
    let program = Program::new();
    let file = program.dir.path().join("job.json");
    std::fs::write(&file, job.to_string()).unwrap();
    let file = file.to_str().unwrap().to_owned();
    program.args(["run", "--job", &file]).run("").error(124);
}

#[test]
fn help_and_version_are_for_people() {
    let ran = Program::new().args(["--help"]).run("");
    assert_eq!(ran.code, Some(0));
    assert!(ran.stdout.contains("Reads a JSON job from stdin") && !ran.stdout.contains("sandbox-child"));
    let ran = Program::new().args(["--version"]).run("");
    assert_eq!(ran.stdout, concat!("minions ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn a_deadline_passes_while_a_long_reply_is_read() {
    // Each line could be the end of the reply.
    let lines = |count| ",{}\n".repeat(count);
    let chunks: Vec<String> =
        (0..100).map(|number| if number == 0 { "{\"a\":[{}\n".to_owned() } else { lines(4000) }).collect();
    let server = Server::start(move |request| match request.path.ends_with("completions") {
        true => Reply::stream("application/json", chunks.clone()).gap(std::time::Duration::from_millis(50)),
        false => Reply::text(404, "not found"),
    });
    let mut job = job(&server, "minion", params());
    job["budget"] = json!({"deadline_s": 1});
    assert!(Program::new().run_job(&job).error(124).contains("deadline of 1 s"));
}

#[test]
fn a_deadline_that_ends_a_long_conversation_leaves_it_whole() {
    let (server, _asked) = stuck();
    let mut params = params();
    params["context"] = json!(["Ada signed it. ".repeat(200_000)]);
    let mut job = job(&server, "minion", params.clone());
    job["budget"] = json!({"deadline_s": 2});
    let ran = Program::new().run_job(&job);
    assert!(ran.error(124).contains("deadline of 2 s"), "{}", ran.stderr);
    assert_eq!(ran.log()["context"], params["context"]);
}
