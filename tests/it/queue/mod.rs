//! A batch over a real NATS server: every job once, whoever is killed.

mod budget;
mod faults;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::minion::{ANSWER, ASK, minion_server as models};
use crate::support::program::{Program, Ran, Running, job};
use crate::support::server::{Reply, Server};
use crate::support::wait::until;
use crate::support::wire::openai;

/// A job without a key: workers have it in their environment.
fn task(models: &Server, id: &str, params: Value) -> Value {
    let mut job = job(models, "minion", params);
    for side in ["local_client", "remote_client"] {
        job[side]["kwargs"].as_object_mut().unwrap().remove("api_key");
    }
    job["custom_id"] = json!(id);
    job
}

fn tasks(models: &Server, count: usize) -> Vec<Value> {
    let params = |id: &str| json!({"task": format!("Who signed {id}?"), "context": ["Signed: Ada."]});
    (0..count).map(|number| format!("job-{number}")).map(|id| task(models, &id, params(&id))).collect()
}

fn lines(jobs: &[Value]) -> String {
    jobs.iter().map(|job| format!("{job}\n")).collect()
}

/// A NATS server with JetStream.
struct Broker {
    process: Option<Running>,
    port: u16,
    dir: tempfile::TempDir,
    /// Bytes that it may keep.
    room: u64,
}

impl Broker {
    fn start() -> Self {
        Self::with_room(1 << 30)
    }

    fn with_room(room: u64) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut broker = Self { process: None, port, dir: tempfile::tempdir().unwrap(), room };
        broker.restart();
        broker
    }

    /// Kills it.
    fn stop(&mut self) {
        self.process = None;
    }

    /// Where it keeps to whom it has given jobs.
    fn deliveries(&self) -> PathBuf {
        self.dir.path().join("store/jetstream/$G/streams/minions-q-jobs/obs/work/o.dat")
    }

    /// Starts it, or kills it and starts it on what it has kept.
    fn restart(&mut self) {
        self.stop();
        let conf = self.dir.path().join("nats.conf");
        let store = self.dir.path().join("store");
        let text = format!(
            "listen: 127.0.0.1:{}\njetstream {{ store_dir: {:?}, max_mem: 64MB, max_file: {} }}\n",
            self.port, store, self.room
        );
        fs::write(&conf, text).unwrap();
        let program = std::env::var_os("MINIONS_TEST_NATS").expect("scripts/test-scale.sh sets it");
        let mut command = Command::new(program);
        command.arg("-c").arg(&conf).stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(Running::spawn(&mut command));
        until("the NATS server", || std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    fn url(&self) -> String {
        format!("nats://127.0.0.1:{}/q", self.port)
    }

    fn program(&self, command: &str, options: &[&str]) -> Program {
        let program = Program::new().args([command, "--queue", &self.url()]).args(options.iter().copied());
        program.env("OPENAI_API_KEY", "sk-test-0123456789")
    }

    fn submit(&self, jobs: &[Value], options: &[&str]) -> Ran {
        self.program("submit", options).run(lines(jobs))
    }

    /// A worker that keeps documents in `cache`.
    fn work(&self, cache: &Path, options: &[&str]) -> (Running, tempfile::TempDir) {
        self.program("work", options).args(["--cache", cache.to_str().unwrap()]).start(b"")
    }

    fn collect(&self, options: &[&str]) -> Ran {
        self.program("collect", options).run("")
    }

    fn status(&self) -> Value {
        let ran = self.program("status", &["--json"]).run("");
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stderr))
    }
}

/// The lines of an output by their custom_id, each of which is there once.
fn by_id(output: &str) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for line in output.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let id = line["custom_id"].as_str().unwrap().to_owned();
        assert!(all.insert(id.clone(), line).is_none(), "{id} is there twice");
    }
    all
}

#[test]
#[ignore = "needs NATS: scripts/test-scale.sh"]
fn jobs_go_through_a_queue_with_their_documents() {
    let models = models(|request| {
        let found = ["lease", "notes"].iter().find(|word| request.prompt().contains(**word));
        openai(request, found.unwrap_or(&"nothing"))
    });
    let broker = Broker::start();
    let here = tempfile::tempdir().unwrap();
    fs::create_dir(here.path().join("texts")).unwrap();
    fs::write(here.path().join("lease.txt"), "This lease is signed by Ada.").unwrap();
    fs::write(here.path().join("texts/notes.txt"), "These notes are by Ada.").unwrap();
    fs::write(here.path().join("texts/.hidden"), "stays here").unwrap();
    let mut jobs: Vec<Value> = (0..10)
        .map(|number| {
            let path = if number % 2 == 0 { "lease.txt" } else { "texts" };
            task(&models, &format!("job-{number}"), json!({"task": "Who signed?", "context_files": [path]}))
        })
        .collect();
    // Longer than a message may be.
    jobs.push(task(&models, "long", json!({"task": "Who?", "context": ["lease ".repeat(200_000)]})));
    let file = here.path().join("jobs.jsonl");
    fs::write(&file, lines(&jobs)).unwrap();
    let submit = || broker.program("submit", &[file.to_str().unwrap()]).run("");
    let first = submit();
    assert_eq!((first.code, &*first.stdout), (Some(0), ""), "{}", first.stderr);
    assert!(
        first.stderr.contains("11 jobs submitted") && first.stderr.contains("2 files sent"),
        "{}",
        first.stderr
    );
    let second = submit();
    assert!(
        second.stderr.contains("0 jobs submitted") && second.stderr.contains("11 there already"),
        "{}",
        second.stderr
    );
    assert_eq!(broker.status()["waiting"], 11);

    // The documents are gone from where they came from.
    fs::remove_dir_all(here.path().join("texts")).unwrap();
    let cache = tempfile::tempdir().unwrap();
    let workers = [(); 2].map(|()| broker.work(cache.path(), &["--idle-exit", "1"]));
    let collected = broker.collect(&["--follow"]);
    assert_eq!(collected.code, Some(0), "{}", collected.stderr);
    let results = by_id(&collected.stdout);
    assert_eq!(results.len(), 11);
    for (id, line) in &results {
        assert_eq!(
            (&line["success"], &line["result"]["final_answer"]),
            (&json!(true), &json!("Ada")),
            "{id}: {line}"
        );
    }
    let name = |id: &str| results[id]["result"]["files"][0]["name"].clone();
    assert_eq!((name("job-0"), name("job-1")), (json!("lease.txt"), json!("texts/notes.txt")));
    assert_eq!(fs::read_dir(cache.path().join("files")).unwrap().count(), 2);
    for (worker, dir) in workers {
        let ran = Ran::of(worker, dir);
        assert_eq!((ran.code, &*ran.stdout), (Some(0), ""), "{}", ran.stderr);
    }
    let status = broker.status();
    assert_eq!(
        (&status["done"], &status["waiting"], &status["running"]),
        (&json!(11), &json!(0), &json!(0)),
        "{status}"
    );
    assert!(!fs::read_to_string(broker.dir.path().join("nats.conf")).unwrap().is_empty());
    let metrics = broker.program("status", &["--metrics"]).run("").stdout;
    assert!(metrics.contains("minions_queue_jobs_done{queue=") && metrics.contains("} 11\n"), "{metrics}");

    // What was collected is collected no more.
    let out = here.path().join("out.jsonl");
    fs::write(&out, &collected.stdout[..collected.stdout.len() - 20]).unwrap();
    let script = format!(
        "'{}' collect --queue {} --resume '{out}' >> '{out}'",
        env!("CARGO_BIN_EXE_minions"),
        broker.url(),
        out = out.display()
    );
    let again = Program::new().through_shell(&script).run("");
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    let told = "1 written; 11 of 11 jobs have ended, 11 done and 0 failed";
    assert!(again.stderr.contains(told), "{}", again.stderr);
    assert_eq!(by_id(&fs::read_to_string(&out).unwrap()).len(), 11);
}

#[test]
#[ignore = "needs NATS: scripts/test-scale.sh"]
fn what_may_not_go_is_refused() {
    let models = models(|request| openai(request, "Ada signed."));
    let broker = Broker::start();
    let with_key = job(&models, "minion", json!({"task": "Who?", "context": ["Ada."]}));
    let mut session = tasks(&models, 1).remove(0);
    session["session"] = json!("s");
    let absent = task(&models, "absent", json!({"task": "Who?", "context_files": ["absent.txt"]}));
    let bad = json!({"custom_id": "bad", "call_parms": {}});
    // A key of the environment, wherever it stands.
    let told = task(&models, "told", json!({"task": "Who?", "context": ["The key is sk-test-0123456789."]}));
    let ran = broker.submit(&[with_key, session, absent, bad, told, tasks(&models, 2).remove(1)], &[]);
    assert_eq!((ran.code, &*ran.stdout), (Some(3), ""), "{}", ran.stderr);
    for problem in [
        "line 1: the job holds a key",
        "line 2: sessions don't travel",
        "line 3: absent.txt",
        "line 4:",
        "line 5: the job holds a key",
    ] {
        assert!(ran.stderr.contains(problem), "{problem}: {}", ran.stderr);
    }
    assert!(ran.stderr.contains("1 job submitted") && ran.stderr.contains("5 refused"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("sk-test-0123456789"));

    // The same name with another content.
    let mut other = tasks(&models, 2).remove(1);
    other["call_params"]["task"] = json!("Another question?");
    let ran = broker.submit(&[other], &[]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.contains("a job \"job-1\" with another content"), "{}", ran.stderr);

    let missing = Program::new().args(["collect", "--queue", &broker.url().replace("/q", "/other")]).run("");
    assert_eq!(missing.code, Some(2), "{}", missing.stderr);
    assert!(missing.stderr.contains("there is no queue"), "{}", missing.stderr);
    for (url, problem) in
        [("nats://127.0.0.1", "nats://HOST:PORT/NAME"), ("http://127.0.0.1/q", "nats://HOST:PORT/NAME")]
    {
        let ran = Program::new().args(["status", "--queue", url]).run("");
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains(problem), "{}", ran.stderr);
    }
    let nobody = Program::new().args(["status"]).run("");
    assert!(nobody.code == Some(2) && nobody.stderr.contains("MINIONS_QUEUE"), "{}", nobody.stderr);
}

#[test]
#[ignore = "needs NATS: scripts/test-scale.sh"]
fn a_failed_job_is_a_failed_line_and_runs_again_when_it_is_submitted_again() {
    let is_mended = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mended = std::sync::Arc::clone(&is_mended);
    let models = models(move |request| match mended.load(std::sync::atomic::Ordering::SeqCst) {
        true => openai(request, "Ada signed."),
        false => Reply::error(400, &json!({"error": {"message": "broken"}})),
    });
    let broker = Broker::start();
    let cache = tempfile::tempdir().unwrap();
    let jobs = tasks(&models, 2);
    broker.submit(&jobs, &[]);
    let (worker, _dir) = broker.work(cache.path(), &[]);
    let failed = broker.collect(&["--follow"]);
    assert_eq!(failed.code, Some(3), "{}", failed.stderr);
    assert!(by_id(&failed.stdout).values().all(|line| line["success"] == false), "{}", failed.stdout);
    is_mended.store(true, std::sync::atomic::Ordering::SeqCst);
    let again = broker.submit(&jobs, &[]);
    assert!(again.stderr.contains("2 of them again"), "{}", again.stderr);
    let done = broker.collect(&["--follow"]);
    assert_eq!((done.code, by_id(&done.stdout).len()), (Some(0), 2), "{}", done.stderr);
    drop(worker);
}
