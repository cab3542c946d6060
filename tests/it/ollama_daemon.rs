//! A daemon that jobs start, share, lose and leave: our watchdog with the stand-in.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::join_all;
use minions::runtimes::ollama::{Host, Start, WatchdogArgs};
use minions::runtimes::{Endpoint, Need, Ollama, Runtime, RuntimeErrorKind as Kind, Timeouts};
use nix::sys::signal::Signal;
use serde_json::json;
use tempfile::TempDir;

use crate::support::program::{Program, Ran};
use crate::support::server::{Reply, Server};
use crate::support::wait::{until, until_async};

/// A machine of its own: a home with lock files, a free port, and an `ollama` that notes its starts.
pub(crate) struct Machine {
    pub home: TempDir,
    pub port: u16,
    pub environment: Vec<(String, String)>,
    /// How long its daemon stays after the last job.
    pub linger: Duration,
}

/// A job that has its model, and the process ids of what serves it.
pub(crate) struct Loaded {
    pub job: Ollama,
    pub endpoint: Endpoint,
    pub daemon: String,
    pub runner: String,
}

impl Machine {
    pub(crate) fn new(environment: &[(&str, &str)]) -> Self {
        let script = format!("exec {} \"$@\"", env!("CARGO_BIN_EXE_ollama-standin"));
        Self::with_ollama(&script, environment)
    }

    /// `script` is what `ollama` does after its note.
    fn with_ollama(script: &str, environment: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().expect("a folder for the test");
        let ollama = home.path().join("ollama");
        fs::write(&ollama, format!("#!/bin/sh\necho $$ >> \"$HOME/starts\"\n{script}\n")).expect("writable");
        fs::set_permissions(&ollama, fs::Permissions::from_mode(0o755)).expect("ours");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
        let home_path = home.path().display().to_string();
        let own = [("HOME", &*home_path), ("OLLAMA_MODELS", "")];
        let environment = own.iter().chain(environment);
        let environment =
            environment.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { home, port: free.port(), environment, linger: Duration::ZERO }
    }

    pub(crate) fn host(&self) -> Host {
        Host::local(self.port)
    }

    /// A job's view of the daemon.
    pub(crate) fn job(&self) -> Ollama {
        let ollama: PathBuf = self.home.path().join("ollama");
        let mut start =
            Start::new(env!("CARGO_BIN_EXE_minions"), ollama, self.host(), self.home.path().join("locks"));
        start.environment = self.environment.clone();
        start.limit = Duration::from_secs(20);
        start.linger = self.linger;
        let timeouts = Timeouts { answer: Duration::from_secs(20), ..Timeouts::default() };
        Ollama::new(self.host().client_url(), None, timeouts).expect("a usable address").starting(start)
    }

    /// A job whose daemon has started and loaded the model.
    pub(crate) async fn loaded(&self) -> Loaded {
        let job = self.job();
        job.ensure_ready().await.unwrap();
        let endpoint = job.ensure_model(&need()).await.unwrap();
        job.warm_up(&need(), &endpoint).await.unwrap();
        let daemon = self.starts().remove(0);
        let runner = children(&daemon).remove(0);
        Loaded { job, endpoint, daemon, runner }
    }

    /// The process ids of all daemons so far.
    pub(crate) fn starts(&self) -> Vec<String> {
        let starts = fs::read_to_string(self.home.path().join("starts")).unwrap_or_default();
        starts.lines().map(str::to_owned).collect()
    }

    pub(crate) fn listens(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }
}

pub(crate) fn need() -> Need {
    Need { model: "m".to_owned(), tokens: 100, pull: true, ..Need::default() }
}

/// Processes, zombies apart, whose parent is `parent`.
pub(crate) fn children(parent: &str) -> Vec<String> {
    let stats = fs::read_dir("/proc").expect("Linux").flatten();
    let stats = stats.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    let fields = stats.map(|stat| {
        let id = stat.split(' ').next().unwrap_or_default().to_owned();
        (id, stat.rsplit_once(") ").map(|(_, rest)| rest.to_owned()).unwrap_or_default())
    });
    let is_child = |rest: &str| {
        let mut words = rest.split(' ');
        words.next() != Some("Z") && words.next() == Some(parent)
    };
    fields.filter(|(_, rest)| is_child(rest)).map(|(id, _)| id).collect()
}

/// The process that has started it.
pub(crate) fn parent(id: &str) -> String {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).expect("it runs");
    stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)).expect("a line of fields").to_owned()
}

pub(crate) fn kill(signal: Signal, id: &str) {
    let id = nix::unistd::Pid::from_raw(id.parse().expect("a process id"));
    nix::sys::signal::kill(id, signal).expect("it runs");
}

pub(crate) fn is_running(id: &str) -> bool {
    fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn from_nothing_to_a_loaded_model_and_back() {
    let machine = Machine::new(&[("STANDIN_PULL", "cut:50;ok"), ("STANDIN_DISCOVERY_MS", "50")]);
    let job = machine.job();
    job.ensure_ready().await.unwrap();
    let endpoint = job.ensure_model(&need()).await.unwrap();
    assert_eq!((endpoint.context_window, endpoint.slots), (Some(4096), Some(4)));
    job.warm_up(&need(), &endpoint).await.unwrap();
    let daemon = machine.starts().remove(0);
    let runners = children(&daemon);
    assert_eq!(runners.len(), 1);
    // The settings for many calls at once have reached it.
    let environment = fs::read_to_string(format!("/proc/{daemon}/environ")).unwrap();
    for setting in ["OLLAMA_NUM_PARALLEL=4", "LLAMA_ARG_CACHE_RAM=", "OLLAMA_NO_CLOUD=1"] {
        assert!(environment.contains(setting), "{environment}");
    }
    drop(job);
    until_async("the end of the daemon and its runner", || {
        !machine.listens() && !is_running(&runners[0]) && !is_running(&daemon)
    })
    .await;
}

#[tokio::test]
async fn twenty_jobs_at_once_share_one_daemon() {
    let machine = Machine::new(&[("STANDIN_MODELS", "m"), ("STANDIN_DISCOVERY_MS", "100")]);
    let jobs = (0..20).map(|_| async {
        let job = machine.job();
        job.ensure_ready().await.unwrap();
        job.ensure_model(&need()).await.unwrap();
        job
    });
    let mut jobs = join_all(jobs).await;
    assert_eq!(machine.starts().len(), 1);
    // The one that started it may leave first: the last one decides.
    let last = jobs.pop();
    drop(jobs);
    last.as_ref().unwrap().ensure_model(&need()).await.unwrap();
    drop(last);
    until_async("the end of the daemon", || !machine.listens()).await;
    assert_eq!(machine.starts().len(), 1);
}

#[tokio::test]
async fn a_daemon_that_is_killed_comes_back_and_leaves_no_runner() {
    let machine = Machine::new(&[("STANDIN_MODELS", "m")]);
    let Loaded { job, endpoint, daemon, runner } = machine.loaded().await;
    kill(Signal::SIGKILL, &daemon);
    until_async("the second daemon", || !is_running(&runner) && machine.starts().len() == 2).await;
    // Also a job that finds it down waits for the watchdog, and starts none itself.
    machine.job().ensure_ready().await.unwrap();
    job.warm_up(&need(), &endpoint).await.unwrap();
    assert_eq!(machine.starts().len(), 2);

    // A runner that dies is the daemon's own business.
    let runner = children(&machine.starts()[1]).remove(0);
    kill(Signal::SIGKILL, &runner);
    until_async("the end of the runner", || !is_running(&runner)).await;
    job.warm_up(&need(), &endpoint).await.unwrap();
    assert_eq!(machine.starts().len(), 2);
}

#[tokio::test]
async fn a_daemon_that_keeps_dying_is_started_again_after_longer_and_longer_pauses() {
    let script =
        format!("[ -f \"$HOME/well\" ] || exit 1; exec {} \"$@\"", env!("CARGO_BIN_EXE_ollama-standin"));
    let machine = Machine::with_ollama(&script, &[("STANDIN_MODELS", "m")]);
    let home = machine.home.path();
    // As the container's entry step starts it.
    let words = WatchdogArgs::words(&machine.host(), &home.join("ollama"), &home.join("locks"), true);
    let begun = std::time::Instant::now();
    let mut watchdog = tokio::process::Command::new(env!("CARGO_BIN_EXE_minions"))
        .args(words)
        .envs(machine.environment.iter().cloned())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    until_async("the fourth daemon", || machine.starts().len() == 4).await;
    // At once, after half a second, after a second.
    assert!(begun.elapsed() >= Duration::from_millis(1500));
    // A job that has come meanwhile waits for it, and starts none itself.
    let job = machine.job();
    let (ready, ()) = tokio::join!(job.ensure_ready(), async { fs::write(home.join("well"), "").unwrap() });
    ready.unwrap();
    assert_eq!(job.ensure_model(&need()).await.unwrap().slots, Some(4));
    assert_eq!(machine.starts().len(), 5);
    kill(Signal::SIGTERM, &watchdog.id().unwrap().to_string());
    assert!(watchdog.wait().await.unwrap().success());
    assert!(!machine.listens());
}

#[tokio::test]
async fn a_watchdog_that_is_told_to_end_takes_its_daemon_with_it() {
    let machine = Machine::new(&[("STANDIN_MODELS", "m")]);
    let Loaded { job: _job, daemon, runner, .. } = machine.loaded().await;
    let watchdog = parent(&daemon);
    kill(Signal::SIGTERM, &watchdog);
    until_async("the end of all three", || {
        !is_running(&daemon) && !is_running(&runner) && !is_running(&watchdog)
    })
    .await;
}

#[tokio::test]
async fn a_daemon_that_fails_to_start_is_told_in_its_own_words() {
    for (script, part) in [
        ("echo 'Error: could not create directory' >&2; exit 1", "could not create directory"),
        ("kill -9 $$", "signal: 9"),
    ] {
        let machine = Machine::with_ollama(script, &[]);
        let error = machine.job().ensure_ready().await.unwrap_err();
        assert_eq!(error.kind, Kind::Unreachable);
        assert!(error.message.contains(part), "{error}");
        assert_eq!(machine.starts().len(), 1);
    }
    let machine = Machine::new(&[]);
    fs::remove_file(machine.home.path().join("ollama")).unwrap();
    let error = machine.job().ensure_ready().await.unwrap_err();
    assert!(error.message.contains("can't be started as"), "{error}");
}

#[tokio::test]
async fn a_server_of_another_kind_is_not_replaced() {
    let server = Server::replies([Reply::text(404, "404 page not found")]);
    let machine = Machine { port: server.port(), ..Machine::new(&[]) };
    let error = machine.job().ensure_ready().await.unwrap_err();
    assert_eq!(error.kind, Kind::Rejected);
    assert!(machine.starts().is_empty());
}

#[tokio::test]
async fn jobs_know_the_slots_of_a_daemon_that_is_ours_and_of_no_other() {
    let slots = async |job: &Ollama| {
        let endpoint = job.ensure_model(&need()).await.unwrap();
        // Whose daemon it is decides both.
        assert_eq!(endpoint.revival.is_some(), endpoint.slots.is_some());
        endpoint.slots
    };
    let machine = Machine::new(&[("STANDIN_MODELS", "m"), ("OLLAMA_NUM_PARALLEL", "7")]);
    let (first, second) = (machine.job(), machine.job());
    first.ensure_ready().await.unwrap();
    second.ensure_ready().await.unwrap();
    assert_eq!((slots(&first).await, slots(&second).await), (Some(7), Some(7)));
    // Also that of the daemon which takes a dead one's place.
    kill(Signal::SIGKILL, &machine.starts()[0]);
    until_async("the second daemon", || machine.starts().len() == 2).await;
    first.ensure_ready().await.unwrap();
    assert_eq!(slots(&first).await, Some(7));
    drop((first, second));
    until_async("the end of the daemon", || !machine.listens()).await;

    // Somebody else's, where ours was.
    let stranger = TcpListener::bind(("127.0.0.1", machine.port)).expect("free again");
    let _stranger = Server::on(stranger, |request| match &*request.path {
        "/api/version" => Reply::json(&json!({"version": "0.32.15"})),
        _ => Reply::json(&json!({"models": []})),
    });
    let job = machine.job();
    job.ensure_ready().await.unwrap();
    assert_eq!(slots(&job).await, None);

    // A number that the daemon itself does not take.
    let machine = Machine::new(&[("STANDIN_MODELS", "m"), ("OLLAMA_NUM_PARALLEL", "many")]);
    let job = machine.job();
    job.ensure_ready().await.unwrap();
    assert_eq!(slots(&job).await, None);
}

/// The program as it is, with an `ollama` to find: one daemon, one load with the options of all calls, and nothing left.
#[test]
fn a_job_loads_its_model_once_and_leaves_no_daemon() {
    for protocol in ["minion", "minions"] {
        let machine = Machine::new(&[]);
        let home = machine.home.path().display().to_string();
        let client = json!({"type": "ollama", "model_name": "m"});
        let documents: Vec<_> = (0..10).map(|n| format!("Ann signed letter {n}.")).collect();
        let (mut child, dir) = Program::new()
            .env("HOME", &home)
            .env("XDG_RUNTIME_DIR", &home)
            .env("PATH", &format!("{home}:/usr/bin:/bin"))
            .env("OLLAMA_HOST", &machine.host().to_string())
            .env("OLLAMA_NUM_PARALLEL", "6")
            .env("STANDIN_MODELS", "m")
            .env("STANDIN_GATE", &format!("{home}/gate"))
            .env("STANDIN_NOTES", &format!("{home}/notes"))
            .start(
                json!({
                    "local_client": client, "remote_client": client, "protocol": {"type": protocol},
                    "call_params": {"task": "Who signed?", "context": documents},
                })
                .to_string()
                .as_bytes(),
            );
        // Workers take the slots that the daemon was given.
        let all = if protocol == "minions" { "at-once-6 " } else { "at-once-1 " };
        let notes = || fs::read_to_string(machine.home.path().join("notes")).unwrap_or_default();
        until("all calls", || child.try_wait().unwrap().is_some() || notes().contains(all));
        fs::write(machine.home.path().join("gate"), "").unwrap();
        let ran = Ran::of(child, dir);
        assert_eq!(ran.result()["final_answer"], "The stand-in has answered.");
        assert_eq!(machine.starts().len(), 1);
        let notes = notes();
        assert_eq!(notes.lines().filter(|line| line.starts_with("load-")).count(), 1, "{notes}");
        assert_eq!(notes.contains("at-once-6 "), protocol == "minions", "{notes}");
        assert!(!notes.contains("at-once-7 "), "{notes}");
        until("the end of the daemon", || !machine.listens());
    }
}

/// The daemon dies under a job and takes longer to come back than a few retries last.
#[test]
fn a_job_waits_for_a_daemon_that_has_a_watchdog() {
    let standin = env!("CARGO_BIN_EXE_ollama-standin");
    let script = format!(
        "if [ \"$(wc -l < \"$HOME/starts\")\" -gt 1 ]; then until [ -f \"$HOME/go\" ]; do sleep 0.05; done; fi; exec {standin} \"$@\""
    );
    let machine = Machine::with_ollama(&script, &[]);
    let home = machine.home.path().display().to_string();
    let client = json!({"type": "ollama", "model_name": "m"});
    let (mut child, _dir) = Program::new()
        .env("HOME", &home)
        .env("XDG_RUNTIME_DIR", &home)
        .env("PATH", &format!("{home}:/usr/bin:/bin"))
        .env("OLLAMA_HOST", &machine.host().to_string())
        .env("STANDIN_MODELS", "m")
        .env("STANDIN_GATE", &format!("{home}/go"))
        .env("STANDIN_NOTES", &format!("{home}/notes"))
        .start(
            json!({
                "local_client": client, "remote_client": client, "protocol": {"type": "minion"},
                "call_params": {"task": "Who signed?", "context": ["Ann signed."]},
            })
            .to_string()
            .as_bytes(),
        );
    let notes = || fs::read_to_string(machine.home.path().join("notes")).unwrap_or_default();
    until("the first call", || {
        assert!(child.try_wait().unwrap().is_none(), "it ended before its first call");
        notes().contains("chat ")
    });
    kill(Signal::SIGKILL, &machine.starts()[0]);
    let mut said = Vec::new();
    // More tries than there are retries.
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        said.push(line.unwrap());
        if said.iter().filter(|line| line.contains("failed, the next in")).count() == 6 {
            fs::write(machine.home.path().join("go"), "").unwrap();
        }
    }
    let ran = child.wait_with_output().unwrap();
    assert!(ran.status.success(), "{said:#?}\n{}", String::from_utf8_lossy(&ran.stdout));
    assert!(said.iter().any(|line| line.contains("try 6 failed, the next in")), "{said:#?}");
    until("the end of the daemon", || !machine.listens());
}
