//! The image on a real Docker Engine, with stand-ins for Ollama and Docker Model Runner:
//! `scripts/test-container.sh` builds and runs it all.

mod commands;
mod compose;
mod hardship;
mod model_runner;
mod persistent;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use serde_json::{Value, json};

use crate::support::wait::until;

const PAGE: &str = include_str!("../../../docs/container.md");
/// What `docker build` was given as a tag.
const IMAGE: &str = "minions";
/// What the stand-ins' models say.
const SAID: &str = "The stand-in has answered.";

fn docker(arguments: &[&str], stdin: Option<&str>) -> Output {
    let mut command = Command::new("docker");
    command.args(arguments);
    fed(command, stdin)
}

fn fed(mut command: Command, stdin: Option<&str>) -> Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.spawn().expect("it is installed");
    if let (Some(mut pipe), Some(text)) = (child.stdin.take(), stdin) {
        // A container that ends early does not read it all.
        let _ = pipe.write_all(text.as_bytes());
    }
    child.wait_with_output().expect("it ends")
}

/// A shell as a user has it, in a folder of its own, with the job in `$JOB` and in `job.json`.
fn shell(folder: &Path, line: &str, job: &str) -> Output {
    std::fs::write(folder.join("job.json"), job).unwrap();
    let mut command = Command::new("bash");
    command
        .args(["-c", line])
        .current_dir(folder)
        .env("JOB", job)
        .env("OPENAI_API_KEY", "sk-not-to-be-seen-1");
    fed(command, None)
}

/// The same with a line that docs/container.md shows.
fn documented(folder: &Path, line: &str, job: &str) -> Output {
    assert!(PAGE.contains(line), "docs/container.md does not show: {line}");
    shell(folder, line, job)
}

/// What docker says on stdout, to a question that can't fail.
fn told(arguments: &[&str]) -> String {
    let output = docker(arguments, None);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout).trim().to_owned()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A client of the container's own Ollama.
fn ollama() -> Value {
    json!({"type": "ollama", "model_name": "m"})
}

fn job_with(local: &Value, remote: &Value, protocol: &str) -> String {
    let call = json!({"task": "Who signed?", "context": ["Ann signed."], "max_rounds": 2});
    let protocol = json!({"type": protocol});
    json!({"local_client": local, "remote_client": remote, "protocol": protocol, "call_params": call})
        .to_string()
}

/// A job whose two sides are the container's own Ollama.
fn job(protocol: &str) -> String {
    job_with(&ollama(), &ollama(), protocol)
}

/// A job in a container of its own, with these options.
fn run(options: &[&str], job: &str) -> Output {
    docker(&[&["run", "--rm", "-i"], options, &[IMAGE]].concat(), Some(job))
}

/// The one value on stdout.
fn envelope(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("not one JSON value: {error}\n{}\n{}", text(&output.stdout), text(&output.stderr))
    })
}

/// The answer of a run that ended well.
fn answer(output: &Output) -> Value {
    let (envelope, said) = (envelope(output), text(&output.stderr));
    assert_eq!((output.status.code(), &envelope["success"]), (Some(0), &json!(true)), "{envelope}\n{said}");
    envelope["result"]["final_answer"].clone()
}

/// The message of a run that failed.
fn error(output: &Output) -> String {
    let envelope = envelope(output);
    assert_eq!(output.status.code(), Some(1), "{envelope}\n{}", text(&output.stderr));
    envelope["error"].as_str().expect("a message").to_owned()
}

/// A container that is removed with this.
struct Container(String);

impl Container {
    fn start(name: &str, options: &[&str]) -> Self {
        let _ = docker(&["rm", "-f", name], None);
        let container = Self(name.to_owned());
        told(&[&["run", "-d", "--name", name], options, &[IMAGE]].concat());
        container
    }

    fn job(&self, protocol: &str) -> Output {
        docker(&["exec", "-i", &self.0, "/app/start_minion.sh"], Some(&job(protocol)))
    }

    fn jobs(&self, count: usize, protocol: &str, meanwhile: impl FnOnce()) -> Vec<Output> {
        thread::scope(|scope| {
            let jobs: Vec<_> = (0..count).map(|_| scope.spawn(|| self.job(protocol))).collect();
            meanwhile();
            jobs.into_iter().map(|job| job.join().expect("no panic")).collect()
        })
    }

    /// Whether its daemon answers. The end of a short `docker exec` is lost now and then by engine 20.10 (docker/cli
    /// issue 4553), which then waits for ever: what is asked again and again gets a limit, or does without.
    fn is_healthy(&self) -> bool {
        let mut command = Command::new("timeout");
        command.args(["2", "docker", "exec", &self.0, "minions", "health"]);
        fed(command, None).status.success()
    }

    /// Where this machine sees one of its files while it runs.
    fn path(&self, inside: &str) -> PathBuf {
        let process = docker(&["inspect", "-f", "{{.State.Pid}}", &self.0], None).stdout;
        format!("/proc/{}/root{inside}", text(&process).trim()).into()
    }

    /// Process ids, on this machine, of what runs with these words.
    fn processes(&self, words: &str) -> Vec<i32> {
        let top = text(&docker(&["top", &self.0], None).stdout);
        let lines = top.lines().filter(|line| line.contains(words));
        lines.filter_map(|line| line.split_whitespace().nth(1)?.parse().ok()).collect()
    }

    fn kill(&self, words: &str) {
        until("something to kill", || !self.processes(words).is_empty());
        for id in self.processes(words) {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), nix::sys::signal::Signal::SIGKILL);
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = docker(&["rm", "-f", &self.0], None);
    }
}
