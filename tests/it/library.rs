//! The engine inside another program.

use std::collections::BTreeMap;
use std::fs::File;
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};

use minions::engine::{CancelToken, Engine, EngineConfig};
use minions::error::FailureKind;
use minions::events::{Event, EventKind, EventListener, EventLog, Events};
use serde_json::{Value, json};

use crate::support::program::{chats, job, scripted};
use crate::support::server::{Reply, Server};
use crate::support::wait::until_async;
use crate::support::wire::openai;

const ASK: &str = r#"{"reasoning": "r", "message": "Who?"}"#;
const ANSWER: &str =
    r#"{"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": "Ada"}"#;
const PROGRAM: &str = r#"```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=doc, task="Name the ship.", advice="") for doc in context]
```"#;

/// An engine with an environment of its own, whose logs go to `logs`.
fn engine(logs: &tempfile::TempDir) -> Engine {
    let logs = ("MINIONS_LOG_DIR".to_owned(), logs.path().display().to_string());
    Engine::new(EngineConfig {
        environment: [logs].into_iter().collect(),
        ..EngineConfig::new(env!("CARGO_BIN_EXE_minions"))
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn chat(worker: fn(&crate::support::server::Request) -> Reply) -> (Server, Value) {
    let server = scripted(vec![ASK.into(), ANSWER.into()], worker);
    let job = job(&server, "minion", json!({"task": "Who signed?", "context": ["Ada signed."]}));
    (server, job)
}

#[test]
fn two_jobs_share_an_engine_and_one_is_cancelled() {
    let logs = tempfile::tempdir().unwrap();
    let engine = engine(&logs);
    let (_quick_server, quick) = chat(|request| openai(request, "Ada signed."));
    let (stuck_server, stuck) = chat(|_| Reply::hang());
    runtime().block_on(async {
        let (cancel, never) = (CancelToken::new(), CancelToken::new());
        let log = Arc::new(EventLog::default());
        let events = engine.events(vec![Arc::clone(&log) as _], Some("stuck"));
        let stuck = engine.run(engine.job(stuck).unwrap(), events, &cancel);
        let quick = async {
            let result = engine.run(engine.job(quick).unwrap(), Events::off(), &never).await;
            until_async("the stuck worker's call", || !chats(&stuck_server, "worker").is_empty()).await;
            cancel.cancel();
            result
        };
        let (stuck, quick) = tokio::join!(stuck, quick);
        let result = quick.unwrap();
        assert_eq!((&*result.final_answer, result.rounds), ("Ada", 1));
        let failure = stuck.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Cancelled);
        assert_eq!(failure.spent.remote.prompt_tokens, 10);
        // Its events came to their end.
        let last = log.all().last().cloned().unwrap();
        assert!(matches!(last.kind, EventKind::Finished { success: false, .. }), "{last:?}");
        let mut again = log.read_from(0);
        let mut count = 0;
        while again.next().await.is_some() {
            count += 1;
        }
        assert_eq!(count, log.all().len());
    });
}

/// Panics at the first round.
struct Panics;

impl EventListener for Panics {
    fn event(&self, event: &Arc<Event>) {
        assert!(!matches!(event.kind, EventKind::Round { .. }), "a listener that panics");
    }
}

#[test]
fn a_listener_that_panics_costs_the_job_nothing() {
    let logs = tempfile::tempdir().unwrap();
    let engine = engine(&logs);
    let (_server, job) = chat(|request| openai(request, "Ada signed."));
    let log = Arc::new(EventLog::default());
    let events = engine.events(vec![Arc::new(Panics), Arc::clone(&log) as _], None);
    let outcome = runtime().block_on(engine.run(engine.job(job).unwrap(), events, &CancelToken::new()));
    assert_eq!(outcome.unwrap().final_answer, "Ada");
    let seqs: Vec<_> = log.all().iter().map(|event| event.seq).collect();
    assert!(seqs.len() > 10 && seqs.iter().copied().eq(0..seqs.len() as u64), "{seqs:?}");
}

/// Panics in the midst of a job: where the protocol says that its round begins.
struct PanicsInside;

impl tracing::Subscriber for PanicsInside {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let is_of_protocols = event.metadata().target().starts_with("minions::protocols");
        assert!(!is_of_protocols, "a panic in a job");
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn a_panic_is_a_failure_and_finished_is_last() {
    let logs = tempfile::tempdir().unwrap();
    let engine = engine(&logs);
    let (_server, job) = chat(|request| openai(request, "Ada signed."));
    let log = Arc::new(EventLog::default());
    let events = engine.events(vec![Arc::clone(&log) as _], None);
    // Its tasks run on this thread, which has the subscriber.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _panics = tracing::subscriber::set_default(PanicsInside);
    let outcome = runtime.block_on(engine.run(engine.job(job).unwrap(), events, &CancelToken::new()));
    assert_eq!(outcome.unwrap_err().kind, FailureKind::Defect);
    assert!(matches!(log.all().last().unwrap().kind, EventKind::Finished { success: false, .. }));
}

#[test]
fn finished_is_last_also_where_a_run_is_dropped() {
    let logs = tempfile::tempdir().unwrap();
    let engine = engine(&logs);
    let (server, job) = chat(|_| Reply::hang());
    let log = Arc::new(EventLog::default());
    let events = engine.events(vec![Arc::clone(&log) as _], None);
    runtime().block_on(async {
        let never = CancelToken::new();
        let run = engine.run(engine.job(job).unwrap(), events, &never);
        tokio::select! {
            _ = run => panic!("the worker hangs"),
            () = until_async("the worker's call", || !chats(&server, "worker").is_empty()) => {}
        }
        let mut reader = log.read_from(0);
        let mut last = None;
        while let Some(event) = reader.next().await {
            last = Some(event);
        }
        let kind = &last.unwrap().kind;
        assert!(matches!(
            kind,
            EventKind::Finished { success: false, kind: Some(FailureKind::Cancelled), .. }
        ));
        assert!(log.read_from(u64::MAX).next().await.is_none());
    });
}

/// What a process has that the engine must leave alone.
fn belongings() -> BTreeMap<String, String> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let signals =
        status.lines().filter(|line| ["SigIgn:", "SigCgt:"].iter().any(|name| line.starts_with(name)));
    // The runtime takes SIGCHLD over with a child that is dropped before its end, and passes it on.
    let others = |mask: &str| u64::from_str_radix(mask.trim(), 16).unwrap() & !(1 << 16);
    let mut all: BTreeMap<String, String> = signals
        .filter_map(|line| line.split_once(':'))
        .map(|(name, mask)| (name.to_owned(), format!("{:x}", others(mask))))
        .collect();
    all.extend(std::env::vars());
    for fd in [1, 2] {
        let length = File::open(format!("/proc/self/fd/{fd}")).unwrap().metadata().unwrap().len();
        all.insert(format!("bytes in {fd}"), length.to_string());
    }
    all
}

#[test]
fn a_job_leaves_stdout_stderr_signals_and_environment_alone() {
    let dir = tempfile::tempdir().unwrap();
    let [out, err] = ["out", "err"].map(|name| File::create(dir.path().join(name)).unwrap());
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "library::embedded_in_a_process", "--ignored", "--nocapture"])
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .status()
        .unwrap();
    let told = ["out", "err"].map(|name| std::fs::read_to_string(dir.path().join(name)).unwrap());
    assert!(status.success(), "{told:?}");
    assert!(told[0].contains("1 passed"), "{told:?}");
}

#[test]
#[ignore = "run by its neighbour, in a process whose stdout and stderr are files"]
fn embedded_in_a_process() {
    let logs = tempfile::tempdir().unwrap();
    let verdict = json!({"explanation": "e", "decision": "provide_final_answer", "answer": "Aurora", "feedback": null, "scratchpad": null});
    let server = scripted(vec![PROGRAM.into(), verdict.to_string()], |request| {
        openai(request, r#"{"explanation": "e", "citation": "The Aurora", "answer": "Aurora"}"#)
    });
    let job = job(&server, "minions", json!({"task": "Which ship?", "context": ["The Aurora sailed."]}));
    let runtime = runtime();
    let before = belongings();
    let engine = engine(&logs);
    let (tell, told) = mpsc::channel();
    struct Tells(mpsc::Sender<u64>);
    impl EventListener for Tells {
        fn event(&self, event: &Arc<Event>) {
            self.0.send(event.seq).unwrap();
        }
    }
    let events = engine.events(vec![Arc::new(Tells(tell))], None);
    let result = runtime.block_on(engine.run(engine.job(job).unwrap(), events, &CancelToken::new())).unwrap();
    assert_eq!(result.final_answer, "Aurora");
    assert!(told.try_iter().count() > 10);
    assert_eq!(belongings(), before);
}

#[test]
fn the_example_runs_two_jobs_prints_events_and_cancels_one() {
    let dir = tempfile::tempdir().unwrap();
    let (_quick_server, quick) = chat(|request| openai(request, "Ada signed."));
    let (_stuck_server, stuck) = chat(|_| Reply::hang());
    let path = |name: &str, job: &Value| {
        let path = dir.path().join(name);
        std::fs::write(&path, job.to_string()).unwrap();
        path
    };
    // Cargo builds examples beside the tests.
    let example = std::env::current_exe().unwrap();
    let example = example.ancestors().nth(2).unwrap().join("examples/embed");
    assert!(
        example.exists(),
        "run `cargo build --example embed` first, or plain `cargo test`, which builds examples"
    );
    let output = Command::new(example)
        .current_dir(dir.path())
        .arg(env!("CARGO_BIN_EXE_minions"))
        .args([path("quick.json", &quick), path("stuck.json", &stuck)])
        .output()
        .unwrap();
    let (stdout, stderr) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!((output.status.success(), &*stderr), (true, ""), "{stdout}");
    let lines: Vec<_> = stdout.lines().collect();
    assert!(lines.contains(&"first 0 \"started\"") && lines.contains(&"second 0 \"started\""), "{stdout}");
    assert_eq!(lines[lines.len() - 2], "first: Ada");
    assert_eq!(lines[lines.len() - 1], "second: Cancelled: the job was cancelled before it was done");
}
