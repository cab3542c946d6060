//! A run that ends early and goes on gives the table of one that did not.

use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::eval;
use super::shipped::{folder, table};
use crate::support::program::{Program, Ran};
use crate::support::wait;

fn replaying(out: &Path) -> Program {
    let (questions, tape) = (folder().join("questions.jsonl"), folder().join("tape"));
    eval([
        questions.to_str().unwrap(),
        "--replay",
        tape.to_str().unwrap(),
        "--max-jobs",
        "1",
        "--out",
        out.to_str().unwrap(),
    ])
}

fn lines(out: &Path) -> usize {
    std::fs::read_to_string(out).map_or(0, |text| text.lines().count())
}

/// Begins a run, and sends it `signal` once three questions are answered.
fn stopped_by(signal: Signal, out: &Path) -> Ran {
    let (child, dir) = replaying(out).start(b"");
    wait::until("three answers", || lines(out) >= 3);
    kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
    Ran::of(child, dir)
}

fn resumed(out: &Path) {
    let before = lines(out);
    let ran = replaying(out).args(["--resume"]).run("");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stdout, table());
    // What was answered was not asked again; a line that was cut off may be gone.
    assert!(lines(out) >= before.max(15), "{before}");
    assert!(ran.stderr.contains("skipped"), "{}", ran.stderr);
}

#[test]
fn after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.jsonl");
    let ran = stopped_by(Signal::SIGKILL, &out);
    assert_eq!((ran.code, &*ran.stdout), (None, ""));
    resumed(&out);
}

#[test]
fn after_an_interrupt() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.jsonl");
    let ran = stopped_by(Signal::SIGINT, &out);
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    let failed = ran.stdout.lines().find(|line| line.starts_with("default ")).unwrap();
    assert!(failed.contains("  0 (+") && !ran.stdout.contains("failed:"), "{}", ran.stdout);
    assert!(ran.stdout.contains("NOT COMPLETE") && ran.stdout.contains("--resume goes on"), "{}", ran.stdout);
    resumed(&out);
}

#[test]
fn after_a_limit() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.jsonl");
    let ran = replaying(&out).args(["--limit", "7"]).run("");
    assert!(ran.stdout.starts_with("7 questions, 1 configuration"), "{}", ran.stdout);
    resumed(&out);
    assert_eq!(lines(&out), 15);
}
