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
