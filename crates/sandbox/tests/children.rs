//! Children of the program of its own: `minions-sandbox`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::thread;

use minions_sandbox::{CodeError, Sandbox, SandboxError, SandboxExecutable, Search};
use tokio::runtime::{Builder, Runtime};

fn sandbox() -> Sandbox {
    Sandbox::new(SandboxExecutable::new(env!("CARGO_BIN_EXE_minions-sandbox"), [""; 0]))
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_session_outlives_the_thread_that_started_it() {
    let code = "def prepare_jobs(context, manifests, outputs):\n    return [JobManifest(context[0], 't')]";
    let (sandbox, runtime) = (sandbox(), runtime());
    let start = || runtime.block_on(sandbox.start(code, &["alpha"]));
    let mut session = thread::scope(|scope| scope.spawn(start).join()).unwrap().unwrap();
    drop(sandbox);
    let manifests = runtime.block_on(session.prepare_jobs(&[], &[])).unwrap();
    assert_eq!(&*manifests[0].chunk, "alpha");
}

#[test]
fn a_call_that_the_host_does_not_answer_says_so() {
    let sandbox = Sandbox { search: Search::Embedding, ..sandbox() };
    let code = "embedding_retrieve_top_k_chunks(['a'], context)";
    let error = runtime().block_on(sandbox.start(code, &["alpha"])).unwrap_err();
    let SandboxError::Code(CodeError::Raised { message, .. }) = error else { panic!("{error}") };
    assert!(message.contains("nothing here answers it") && !message.contains("at most"), "{message}");
}

#[test]
fn a_child_that_was_started_before_its_code_is_as_any_other() {
    let code = "def prepare_jobs(context):\n    return [JobManifest(text, 't') for text in context]";
    runtime().block_on(async {
        let warm = sandbox().warm().await.unwrap();
        let mut session = sandbox().start_in(warm, code, &["alpha", "beta"]).await.unwrap();
        assert_eq!(session.prepare_jobs(&[], &[]).await.unwrap().len(), 2);
        // One that has no code in the end costs nothing but its process.
        let id = format!("{:?}", sandbox().warm().await.unwrap());
        assert!(id.starts_with("Warm(Some("), "{id}");
    });
}

#[test]
fn the_same_program_gives_the_same_result_again() {
    let code = "
import random, statistics, uuid, time
from random import sample
def prepare_jobs(context):
    words = {'one', 'two', 'three', 'four', 'five', 'six'}
    seen = [random.random(), sample(range(100), 5), random.Random().random(), list(words), hash('a'), uuid.uuid4()]
    seen += [time.monotonic(), time.perf_counter_ns(), random.SystemRandom().random()]
    return [JobManifest('', repr(seen))]
";
    let run = || {
        runtime().block_on(async {
            let mut session = sandbox().start(code, &["alpha"]).await.unwrap();
            session.prepare_jobs(&[], &[]).await.unwrap().remove(0).task
        })
    };
    assert_eq!(run(), run());
}

#[test]
fn a_program_may_import_each_module_that_is_announced() {
    let announced = runtime().block_on(async {
        let error = sandbox().start("import nosuch", &["alpha"]).await.unwrap_err().to_string();
        error.rsplit_once("modules: ").unwrap().1.to_owned()
    });
    assert!(announced.split(", ").count() > 50, "{announced}");
    let imports: String = announced.split(", ").map(|module| format!("import {module}\n")).collect();
    runtime().block_on(sandbox().start(&imports, &["alpha"])).unwrap();
}
