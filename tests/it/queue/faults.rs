//! Workers, the broker, the submitter and the collector end when they like.

use std::fs::{self, File};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use super::{Broker, by_id, lines, models, task, tasks};
use crate::support::program::{Program, Ran, Running};
use crate::support::server::{Reply, Server};
use crate::support::wait::{Door, next, until};
use crate::support::wire::openai;

fn signal(worker: &Running, signal: Signal) {
    kill(Pid::from_raw(worker.id().try_into().unwrap()), signal).unwrap();
}

#[test]
#[ignore = "needs NATS: scripts/test-scale.sh"]
fn no_result_is_lost_or_there_twice_whoever_is_killed() {
    const JOBS: usize = 200;
    const SLOTS: usize = 4;
    const KILLS: usize = 24;
    const WORKERS: usize = 3;
    let models = models(|request| openai(request, "Ada signed.").delay(Duration::from_millis(150)));
    let mut broker = Broker::start();
    let here = tempfile::tempdir().unwrap();
    let (cache, out) = (here.path().join("cache"), here.path().join("out.jsonl"));
    File::create(&out).unwrap();
    let jobs = tasks(&models, JOBS);
    let slots = SLOTS.to_string();
    // Leases of those that are killed hold nobody up.
    let submitting = ["--lost-after", "5", "--remote-tokens", "1000000", "--requests-per-minute", "60000"];
    let work = |broker: &Broker| broker.work(&cache, &["--max-jobs", &slots]);
    let collect = |broker: &Broker| {
        let out = File::options().append(true).open(&out).unwrap();
        let program = broker
            .program("collect", &["--follow", "--resume", here.path().join("out.jsonl").to_str().unwrap()]);
        program.start_into(b"", Stdio::from(out))
    };
    let submit = |broker: &Broker| broker.program("submit", &submitting).start(lines(&jobs).as_bytes());

    let mut submitter = submit(&broker);
    until("the queue", || broker.program("status", &[]).run("").code == Some(0));
    let mut workers: Vec<_> = (0..WORKERS).map(|_| work(&broker)).collect();
    let mut collector = collect(&broker);
    // A small generator: the order is the same in each run, the moments are not.
    let mut dice = 7_u64;
    let mut killed = 0;
    for _ in 0..KILLS {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_millis(100 + (dice >> 33) % 200));
        match (dice >> 40) % 6 {
            victim @ 0..3 => {
                // A worker is killed when it is dropped.
                workers[usize::try_from(victim).unwrap()] = work(&broker);
                killed += 1;
            }
            // It has no slots: what workers run goes on.
            3 => broker.restart(),
            4 => collector = collect(&broker),
            _ => submitter = submit(&broker),
        }
    }
    drop(submitter);
    let submitted = broker.submit(&jobs, &[]);
    assert_eq!(submitted.code, Some(0), "{}", submitted.stderr);
    drop(collector);
    let last = collect(&broker);
    let ran = Ran::of(last.0, last.1);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let results = by_id(&fs::read_to_string(&out).unwrap());
    assert_eq!(results.len(), JOBS);
    assert!(results.values().all(|line| line["success"] == true));
    let calls = models.requests().iter().filter(|request| request.json()["model"].is_string()).count();
    let most = 3 * (JOBS + killed * SLOTS);
    assert!((3 * JOBS..=most).contains(&calls), "{calls} calls, {most} at most");
    assert_eq!(broker.status()["done"], JOBS);
}

#[test]
#[ignore = "needs NATS: scripts/test-scale.sh"]
fn a_job_that_ends_its_workers_gets_a_failed_line() {
    let (asked, asks) = mpsc::channel();
    let models = models(move |request| {
        if request.prompt().contains("job-0") {
            let _ = asked.send(());
            return Reply::hang();
        }
        openai(request, "Ada signed.")
    });
    let broker = Broker::start();
    let cache = tempfile::tempdir().unwrap();
    broker.submit(&tasks(&models, 2), &["--lost-after", "0.5"]);
    for _ in 0..4 {
        let worker = broker.work(cache.path(), &[]);
        next("the call of the poison job", &asks);
        drop(worker);
    }
    let _worker = broker.work(cache.path(), &[]);
    let ran = broker.collect(&["--follow"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let results = by_id(&ran.stdout);
    assert_eq!(results["job-1"]["success"], true);
    assert!(results["job-0"]["error"].as_str().unwrap().contains("4 workers ended"), "{}", results["job-0"]);
    assert!(asks.try_recv().is_err(), "the fifth worker ran it");
}

#[test]
#[ignore = "needs NATS: scripts/test-scale.sh"]
fn a_worker_that_is_told_to_end_hands_its_jobs_back() {
    let door = Door::default();
    let opened = door.clone();
    let models = models(move |request| match request.prompt().contains("job-0") && !opened.is_open() {
        true => Reply::hang(),
        false => openai(request, "Ada signed.").delay(Duration::from_millis(300)),
    });
    let broker = Broker::start();
    let cache = tempfile::tempdir().unwrap();
    let asked = || models.requests().iter().filter(|request| request.json()["model"] == "worker").count();
    // Handing back is no attempt, however often.
    broker.submit(&tasks(&models, 1), &[]);
    for round in 1..=6 {
        let (worker, dir) = broker.work(cache.path(), &["--grace", "0.1"]);
        until("the call of the job", || asked() >= round);
        signal(&worker, Signal::SIGTERM);
        let ran = Ran::of(worker, dir);
        assert_eq!(ran.code, Some(143), "{}", ran.stderr);
    }
    assert_eq!((broker.status()["done"].clone(), broker.status()["failed"].clone()), (json!(0), json!(0)));
    // Within its grace a job ends, and no other is begun.
    door.open();
    broker.submit(&tasks(&models, 8), &[]);
    let (worker, dir) = broker.work(cache.path(), &["--max-jobs", "2", "--grace", "20"]);
    let before = asked();
    until("the first calls", || asked() >= before + 2);
    signal(&worker, Signal::SIGTERM);
    let ran = Ran::of(worker, dir);
    assert_eq!(ran.code, Some(143), "{}", ran.stderr);
    let status = broker.status();
    let done = status["done"].as_u64().unwrap();
    assert!((2..8).contains(&done) && status["running"] == 0 && status["failed"] == 0, "{status}");
    let _worker = broker.work(cache.path(), &[]);
    assert_eq!(by_id(&broker.collect(&["--follow"]).stdout).len(), 8);
}

#[test]
#[ignore = "needs NATS: scripts/test-scale.sh"]
fn two_workers_that_have_a_job_give_one_result() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let models = models(move |request| match counted.fetch_add(1, SeqCst) {
        0 => openai(request, "Ada signed.").delay(Duration::from_secs(3)),
        _ => openai(request, "Ada signed."),
    });
    let broker = Broker::start();
    let cache = tempfile::tempdir().unwrap();
    broker.submit(&tasks(&models, 1), &["--lost-after", "0.6"]);
    let (slow, slow_dir) = broker.work(cache.path(), &["--idle-exit", "1"]);
    until("the first call", || calls.load(SeqCst) == 1);
    // It gives no sign, as if its machine slept.
    signal(&slow, Signal::SIGSTOP);
    let (other, other_dir) = broker.work(cache.path(), &["--idle-exit", "1"]);
    let first = broker.collect(&["--follow"]);
    assert_eq!(by_id(&first.stdout).len(), 1, "{}", first.stderr);
    signal(&slow, Signal::SIGCONT);
    for (worker, dir) in [(slow, slow_dir), (other, other_dir)] {
        let ran = Ran::of(worker, dir);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
    let again = broker.collect(&[]);
    assert_eq!((again.code, &again.stdout), (Some(0), &first.stdout), "{}", again.stderr);
    assert_eq!(calls.load(SeqCst), 2);
}

/// Models of which the worker's answers only once the door is open, and how often that was asked.
fn behind(door: &Door) -> (Server, Arc<AtomicUsize>) {
    let (opened, asked) = (door.clone(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&asked);
    let models = models(move |request| {
        counted.fetch_add(1, SeqCst);
        opened.wait("the end of what the broker goes through");
        openai(request, "Ada signed.")
    });
    (models, asked)
}

#[test]
#[ignore = "needs NATS: scripts/test-scale.sh"]
fn a_broker_that_was_killed_gives_no_job_away_that_is_running() {
    const SILENCE: Duration = Duration::from_secs(4);
    let door = Door::default();
    let (models, asked) = behind(&door);
    let mut broker = Broker::start();
    let cache = tempfile::tempdir().unwrap();
    broker.submit(&tasks(&models, 6), &["--lost-after", "4"]);
    // It keeps when a job was submitted, and not when it was given away: so all of them are silent for it when it starts again.
    std::thread::sleep(SILENCE);
    let four = ["--max-jobs", "4"];
    let _workers = [broker.work(cache.path(), &four), broker.work(cache.path(), &four)];
    until("all jobs", || asked.load(SeqCst) == 6);
    until("its notes", || fs::metadata(broker.deliveries()).is_ok_and(|file| file.len() > 2 * 6));
    for _ in 0..5 {
        broker.restart();
        until("the workers", || {
            broker.status()["workers"].as_array().is_some_and(|workers| workers.len() == 2)
        });
    }
    door.open();
    let ran = broker.collect(&["--follow"]);
    // Five deliveries are no five workers that ended.
    assert_eq!((ran.code, by_id(&ran.stdout).len()), (Some(0), 6), "{}", ran.stderr);
    assert_eq!(asked.load(SeqCst), 6);
}

#[test]
#[ignore = "needs NATS: scripts/test-scale.sh"]
fn a_broker_that_forgets_whom_it_gave_jobs_has_them_run_once() {
    let door = Door::default();
    let (models, asked) = behind(&door);
    let mut broker = Broker::start();
    let cache = tempfile::tempdir().unwrap();
    broker.submit(&tasks(&models, 6), &[]);
    let _worker = broker.work(cache.path(), &["--max-jobs", "4"]);
    until("the first jobs", || asked.load(SeqCst) == 4);
    // As where it was killed before it had written them down.
    broker.stop();
    fs::remove_file(broker.deliveries()).unwrap();
    broker.restart();
    assert_eq!(broker.status()["waiting"], 6);
    let (other, dir) = broker.work(cache.path(), &["--max-jobs", "4"]);
    until("the other jobs", || asked.load(SeqCst) == 6 && broker.status()["waiting"] == 0);
    door.open();
    let ran = broker.collect(&["--follow"]);
    assert_eq!((ran.code, by_id(&ran.stdout).len()), (Some(0), 6), "{}", ran.stderr);
    assert_eq!(asked.load(SeqCst), 6);
    signal(&other, Signal::SIGTERM);
    let ran = Ran::of(other, dir);
    assert!(ran.stderr.contains("2 done, 0 failed"), "{}", ran.stderr);
}

#[test]
#[ignore = "needs NATS: scripts/test-scale.sh"]
fn a_broker_without_room_says_so_and_loses_nothing() {
    let models = models(|request| openai(request, "Ada signed."));
    let mut broker = Broker::with_room(300 << 10);
    let cache = tempfile::tempdir().unwrap();
    let mut jobs = tasks(&models, 20);
    for job in &mut jobs {
        job["call_params"]["context"] = json!(["Signed: Ada. ".repeat(4000)]);
    }
    let ran = broker.submit(&jobs, &[]);
    assert_eq!((ran.code, &*ran.stdout), (Some(1), ""), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("has no room left") && ran.stderr.contains("max_file_store"),
        "{}",
        ran.stderr
    );
    // The results have no room either: a worker waits with them.
    let (worker, _dir) = broker.work(cache.path(), &[]);
    until("jobs under way", || !models.requests().is_empty());
    broker.room = 1 << 30;
    broker.restart();
    let ran = broker.submit(&jobs, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let done = broker.collect(&["--follow"]);
    assert_eq!((done.code, by_id(&done.stdout).len()), (Some(0), 20), "{}", done.stderr);
    drop(worker);
}

#[test]
#[ignore = "needs NATS: scripts/test-scale.sh"]
fn a_worker_without_room_for_documents_hands_its_jobs_back_and_ends() {
    let models = models(|request| openai(request, "Ada signed."));
    let broker = Broker::start();
    let here = tempfile::tempdir().unwrap();
    let document = here.path().join("lease.txt");
    fs::write(&document, "This lease is signed by Ada. ".repeat(20_000)).unwrap();
    let params = json!({"task": "Who signed?", "context_files": [document.to_str().unwrap()]});
    assert_eq!(broker.submit(&[task(&models, "job", params)], &[]).code, Some(0));
    let script = format!(
        "trap '' XFSZ; ulimit -f 100; exec '{}' work --queue {} --cache '{}'",
        env!("CARGO_BIN_EXE_minions"),
        broker.url(),
        here.path().join("cache").display()
    );
    let ran = Program::new().through_shell(&script).run("");
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("can't be written"), "{}", ran.stderr);
    let status = broker.status();
    assert_eq!((&status["waiting"], &status["failed"]), (&json!(0), &json!(0)), "{status}");
    let _worker = broker.work(&here.path().join("roomy"), &[]);
    let all = broker.collect(&["--follow"]);
    assert_eq!((all.code, by_id(&all.stdout).len()), (Some(0), 1), "{}", all.stderr);
}
