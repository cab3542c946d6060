//! The image on a real Docker Engine, with the stand-in for Ollama: `scripts/test-container.sh` builds and runs it.

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// What `docker build` was given as a tag.
const IMAGE: &str = "minions";

fn docker(arguments: &[&str], stdin: Option<&str>) -> Output {
    let mut command = Command::new("docker");
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.spawn().expect("docker is installed");
    if let (Some(mut pipe), Some(text)) = (child.stdin.take(), stdin) {
        // A container that ends early does not read it all.
        let _ = pipe.write_all(text.as_bytes());
    }
    child.wait_with_output().expect("docker ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A job whose two sides are the container's own Ollama.
fn job(protocol: &str) -> String {
    let side = json!({"type": "ollama", "model_name": "m"});
    let call = json!({"task": "Who signed?", "context": ["Ann signed."], "max_rounds": 2});
    let protocol = json!({"type": protocol});
    json!({"local_client": side, "remote_client": side, "protocol": protocol, "call_params": call})
        .to_string()
}

/// The one value on stdout, of a run that ended well.
fn answer(output: &Output) -> Value {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{}\n{said}", text(&output.stdout));
    let envelope: Value =
        serde_json::from_slice(&output.stdout).expect("one JSON value and nothing after it");
    assert_eq!(envelope["success"], true, "{envelope}\n{said}");
    envelope["result"]["final_answer"].clone()
}

/// A container that is removed with this.
struct Container(String);

impl Container {
    fn start(name: &str, options: &[&str]) -> Self {
        let _ = docker(&["rm", "-f", name], None);
        let container = Self(name.to_owned());
        let output = docker(&[&["run", "-d", "--name", name], options, &[IMAGE]].concat(), None);
        assert!(output.status.success(), "{}", text(&output.stderr));
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

    /// Process ids, on this machine, of what runs with these words.
    fn processes(&self, words: &str) -> Vec<i32> {
        let top = text(&docker(&["top", &self.0], None).stdout);
        let lines = top.lines().filter(|line| line.contains(words));
        lines.filter_map(|line| line.split_whitespace().nth(1)?.parse().ok()).collect()
    }

    fn kill(&self, words: &str) {
        let running = loop {
            let found = self.processes(words);
            if !found.is_empty() {
                break found;
            }
        };
        for id in running {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), nix::sys::signal::Signal::SIGKILL);
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = docker(&["rm", "-f", &self.0], None);
    }
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn one_job_alone_pulls_its_model_and_ends_with_the_job() {
    for protocol in ["minion", "minions"] {
        answer(&docker(&["run", "--rm", "-i", IMAGE], Some(&job(protocol))));
    }
    let empty = docker(&["run", "--rm", "-i", IMAGE], Some(""));
    assert_eq!(empty.status.code(), Some(2));
    let envelope: Value = serde_json::from_slice(&empty.stdout).expect("one JSON value");
    assert_eq!(envelope["success"], false);
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn the_documented_options_work() {
    let folder = tempfile::tempdir().unwrap();
    let logs = format!("{}:/app/minion_logs", folder.path().display());
    let read_only = format!("{logs}:ro");
    let cases: [&[&str]; 9] = [
        &["-e", "OPENAI_API_KEY=sk-not-to-be-seen"],
        &["-e", "OLLAMA_HOST=0.0.0.0:11434"],
        &["-v", "/var/run/docker.sock:/var/run/docker.sock"],
        &["-v", &logs, "-v", "minions-test-models:/root/.ollama"],
        &["-v", &read_only],
        &["--user", "4711"],
        &["--read-only", "--tmpfs", "/tmp"],
        &["--network", "none", "--memory", "512m"],
        &["--cap-drop", "ALL"],
    ];
    for options in cases {
        let output = docker(&[&["run", "--rm", "-i"], options, &[IMAGE]].concat(), Some(&job("minion")));
        assert_eq!(answer(&output), "The stand-in has answered.", "{options:?}");
        let all = text(&output.stdout) + &text(&output.stderr);
        assert!(!all.contains("sk-not-to-be-seen"), "{all}");
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    let _ = docker(&["volume", "rm", "minions-test-models"], None);

    // Without any place for a lock or a home it says so.
    let nowhere = docker(&["run", "--rm", "-i", "--read-only", IMAGE], Some(&job("minion")));
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(text(&nowhere.stdout).contains("must be writable"), "{}", text(&nowhere.stdout));
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn any_other_command_is_executed_and_not_as_root() {
    let output = docker(&["run", "--rm", IMAGE, "bash", "-c", "id -u; echo $HOME; exit 5"], None);
    assert_eq!((output.status.code(), &*text(&output.stdout)), (Some(5), "10001\n/home/minions\n"));
    let absent = docker(&["run", "--rm", IMAGE, "no-such-program"], None);
    assert_eq!(absent.status.code(), Some(127));
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn the_persistent_container_serves_many_jobs_and_survives_its_daemons_death() {
    let container =
        Container::start("minions-test-host", &["-e", "STANDIN_MODELS=m", "-e", "STANDIN_WORK_MS=50"]);
    container.jobs(20, "minion", || ()).iter().for_each(|output| drop(answer(output)));
    for victim in ["ollama serve", "ollama runner"] {
        let outputs = container.jobs(10, "minions", || {
            thread::sleep(Duration::from_millis(300));
            container.kill(victim);
        });
        outputs.iter().for_each(|output| drop(answer(output)));
        assert_eq!(container.processes("ollama serve").len(), 1);
        assert_eq!(container.processes("ollama runner").len(), 1);
    }
    // Nothing but envelopes is for stdout, and here are none.
    assert_eq!(text(&docker(&["logs", "minions-test-host"], None).stdout), "");
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn docker_stop_ends_it_in_time_and_running_jobs_print_their_envelopes() {
    let container =
        Container::start("minions-test-stop", &["-e", "STANDIN_MODELS=m", "-e", "STANDIN_WORK_MS=60000"]);
    let mut took = Duration::ZERO;
    // One that has come so far that its model is loaded: before, it may not be there to be told.
    let outputs = container.jobs(1, "minion", || {
        while container.processes("ollama runner").is_empty() {}
        let begun = Instant::now();
        assert!(docker(&["stop", &container.0], None).status.success());
        took = begun.elapsed();
    });
    assert!(took < Duration::from_secs(10), "{took:?}");
    for output in outputs {
        let envelope: Value = serde_json::from_slice(&output.stdout).expect("one JSON value");
        assert_eq!((&envelope["success"], output.status.code()), (&json!(false), Some(143)), "{envelope}");
    }
    let code = docker(&["inspect", "-f", "{{.State.ExitCode}}", &container.0], None);
    assert_eq!(text(&code.stdout).trim(), "0");
}
