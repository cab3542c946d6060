//! One budget for all workers.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{ANSWER, ASK, Broker, by_id, tasks};
use crate::support::program::Running;
use crate::support::server::{Reply, Server};
use crate::support::wire::{openai, openai_usage};

/// Tokens of each prompt and reply of the supervisor, as the server counts them: no more than we expect.
const CALL: (u64, u64) = (300, 100);

/// When the supervisor's calls began.
type Begun = Arc<Mutex<Vec<Instant>>>;

/// Models whose supervisor takes its time.
fn models(delay: Duration) -> (Server, Begun) {
    let begun = Begun::default();
    let calls = Arc::clone(&begun);
    let server = Server::start(move |request| match request.json()["model"].as_str() {
        Some("worker") => openai(request, "Ada signed."),
        Some(_) => {
            calls.lock().unwrap().push(Instant::now());
            let is_second = request.json()["messages"].as_array().unwrap().len() > 1;
            openai_usage(request, if is_second { ANSWER } else { ASK }, CALL).delay(delay)
        }
        None => Reply::text(404, "not found"),
    });
    (server, begun)
}

/// Jobs with prices.
fn priced(models: &Server, count: usize) -> Vec<Value> {
    let mut jobs = tasks(models, count);
    for job in &mut jobs {
        job["protocol"]["kwargs"]["prices"] = json!({"input": 10, "output": 10});
        job["remote_client"]["kwargs"]["max_tokens"] = json!(CALL.1);
    }
    jobs
}

#[test]
#[ignore = "needs NATS: scripts/test-scale.sh"]
fn dollars_and_tokens_hold_over_all_workers_and_may_be_raised() {
    const JOBS: usize = 12;
    const WORKERS: usize = 2;
    for [limit, raised] in
        [[["--usd", "0.042"], ["--usd", "5"]], [["--remote-tokens", "4200"], ["--remote-tokens", "500000"]]]
    {
        let (models, begun) = models(Duration::from_millis(50));
        let broker = Broker::start();
        let cache = tempfile::tempdir().unwrap();
        let jobs = priced(&models, JOBS);
        let ran = broker.submit(&jobs, &limit);
        assert!(ran.code == Some(0) && ran.stderr.contains("left"), "{}", ran.stderr);
        let _workers = [(); WORKERS].map(|()| broker.work(cache.path(), &["--max-jobs", "3"]));
        let first = broker.collect(&["--follow"]);
        assert_eq!(first.code, Some(3), "{}", first.stderr);
        assert!(first.stderr.contains("used up"), "{}", first.stderr);
        let refused: Vec<_> =
            by_id(&first.stdout).into_values().filter(|line| line["success"] == false).collect();
        assert!(
            !refused.is_empty()
                && refused.iter().all(|line| line["error"].as_str().unwrap().contains("the queue's budget"))
        );
        // The limit is that of ten calls and a half.
        let calls = begun.lock().unwrap().len();
        assert!((7..=10 + WORKERS).contains(&calls), "{calls} calls");
        let status = broker.status();
        assert_eq!(status["budget"]["is_used_up"], true, "{status}");
        assert!(status["waiting"].as_u64().unwrap() > 0, "{status}");

        let ran = broker.submit(&jobs, &raised);
        assert!(ran.code == Some(0) && ran.stderr.contains("again"), "{}", ran.stderr);
        let all = broker.collect(&["--follow"]);
        assert_eq!(all.code, Some(0), "{}", all.stderr);
        assert_eq!(by_id(&all.stdout).len(), JOBS);
        let (budget, calls) = (broker.status()["budget"].clone(), begun.lock().unwrap().len());
        let spent = match limit[0] {
            "--usd" => (5.0 - budget["usd_left"].as_f64().unwrap()) / 0.004,
            _ => (500_000.0 - budget["remote_tokens_left"].as_f64().unwrap()) / 400.0,
        };
        assert!((spent - calls as f64).abs() < 0.01, "{spent}, {calls} calls: {budget}");
        let metrics = broker.program("status", &["--metrics"]).run("").stdout;
        let gauge =
            if limit[0] == "--usd" { "minions_queue_usd_left{" } else { "minions_queue_remote_tokens_left{" };
        assert!(metrics.contains(gauge), "{metrics}");
    }
}

#[test]
#[ignore = "needs NATS: scripts/test-scale.sh"]
fn requests_in_a_minute_hold_over_all_workers() {
    const JOBS: usize = 10;
    let (models, begun) = models(Duration::ZERO);
    let broker = Broker::start();
    let cache = tempfile::tempdir().unwrap();
    assert_eq!(broker.submit(&tasks(&models, JOBS), &["--requests-per-minute", "300"]).code, Some(0));
    // The clocks of the machines may be hours apart.
    let mut workers = vec![broker.work(cache.path(), &[])];
    for shift in ["-3h", "+3h"] {
        workers.push(shifted(&broker, shift, cache.path()));
    }
    let all = broker.collect(&["--follow"]);
    assert_eq!((all.code, by_id(&all.stdout).len()), (Some(0), JOBS), "{}", all.stderr);
    let begun = begun.lock().unwrap();
    assert_eq!(begun.len(), 2 * JOBS);
    // A second's worth may begin at once: the others are a fifth of a second apart.
    let (first, last) = (begun.iter().min().unwrap(), begun.iter().max().unwrap());
    let least = Duration::from_millis(200) * u32::try_from(2 * JOBS - 1 - 5).unwrap();
    assert!(*last - *first >= least - Duration::from_millis(500), "{:?}", *last - *first);
}

/// A worker whose clock is wrong, and whose stdout is as services have it: a worker needs none.
fn shifted(broker: &Broker, shift: &str, cache: &Path) -> (Running, tempfile::TempDir) {
    let library = std::env::var("MINIONS_TEST_FAKETIME").expect("scripts/test-scale.sh sets it");
    let program = broker.program("work", &["--cache", cache.to_str().unwrap()]);
    let program = program.env("LD_PRELOAD", &library).env("FAKETIME", shift);
    let nowhere = File::options().read(true).write(true).open("/dev/null").unwrap();
    program.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").start_into(b"", Stdio::from(nowhere))
}

#[test]
#[ignore = "needs NATS: scripts/test-scale.sh"]
fn a_job_without_prices_is_refused_where_dollars_count() {
    let (models, _) = models(Duration::ZERO);
    let broker = Broker::start();
    let ran = broker.submit(&tasks(&models, 1), &["--usd", "1"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(ran.stderr.contains("the job has no prices") && ran.stderr.contains("prices"), "{}", ran.stderr);
    // Those that were there before the budget fail where they run.
    let broker = Broker::start();
    let cache = tempfile::tempdir().unwrap();
    broker.submit(&tasks(&models, 1), &[]);
    assert_eq!(broker.program("submit", &["--usd", "1"]).run("").code, Some(0));
    let _worker = broker.work(cache.path(), &[]);
    let failed = broker.collect(&["--follow"]);
    assert_eq!(failed.code, Some(3), "{}", failed.stderr);
    assert!(
        by_id(&failed.stdout)["job-0"]["error"].as_str().unwrap().contains("no prices"),
        "{}",
        failed.stdout
    );
    assert!(failed.stderr.contains("$1.0000 of $1 left"), "{}", failed.stderr);
    assert_eq!(broker.status()["remote_tokens"], 0);
}
