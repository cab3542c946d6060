//! What the machine does to a child: less room than it wants, or an end from outside. None of it is the code's fault. And
//! the room that code may take of its parent.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use minions_sandbox::{CodeError, Sandbox, SandboxError, SandboxExecutable, Session};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::runtime::{Builder, Runtime};

const CHILD: &str = env!("CARGO_BIN_EXE_minions-sandbox");
const CODE: &str = "def prepare_jobs(context):\n    return [JobManifest(context[0], 't')]\n";

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A sandbox whose children a shell starts, after these commands.
fn after(commands: &str) -> Sandbox {
    let script = format!("{commands}; exec {CHILD}");
    Sandbox::new(SandboxExecutable::new("/bin/sh", ["-c".to_owned(), script]))
}

async fn prepared(sandbox: &Sandbox, code: &str, document: &str) -> Result<usize, SandboxError> {
    let mut session = sandbox.start(code, &[document]).await?;
    Ok(session.prepare_jobs(&[], &[]).await?.len())
}

#[test]
fn lower_limits_of_the_machine_are_kept() {
    for commands in [
        "ulimit -v 3000000",
        "ulimit -t 10",
        "ulimit -S -t 10",
        "ulimit -n 20; ulimit -f 0; ulimit -c 0",
        "true",
    ] {
        let jobs = runtime().block_on(prepared(&after(commands), CODE, "alpha"));
        assert_eq!(jobs.unwrap(), 1, "{commands}");
    }
}

#[test]
fn a_child_without_room_is_the_machine_s_fault() {
    for (commands, part) in [
        ("ulimit -v 200000", "stack"),
        ("exit 3", "before it began (exit status: 3)"),
        ("kill -9 $$", "before it began (signal: 9"),
        ("exec /bin/cat /dev/null", "before it began"),
    ] {
        match runtime().block_on(prepared(&after(commands), CODE, "alpha")) {
            Err(SandboxError::Machine(told)) => assert!(told.contains(part), "{commands}: {told}"),
            // A shell or a program that can't be loaded at all.
            other => panic!("{commands}: {other:?}"),
        }
    }
}

#[test]
fn a_child_that_is_killed_is_not_the_code_s_fault() {
    let ended = |session: &Session, signal| {
        let id = session.process_id().unwrap();
        kill(Pid::from_raw(id.try_into().unwrap()), signal).unwrap();
    };
    for (signal, part) in [(Signal::SIGKILL, "memory is short"), (Signal::SIGTERM, "from outside")] {
        let error = runtime().block_on(async {
            let mut session = after("true").start(CODE, &["alpha"]).await.unwrap();
            ended(&session, signal);
            session.prepare_jobs(&[], &[]).await.unwrap_err()
        });
        let SandboxError::Machine(told) = error else { panic!("{signal}: {error}") };
        assert!(told.contains(part), "{told}");
    }
    // One that the interpreter's own deeds raise is.
    let error = runtime().block_on(async {
        let mut session = after("true").start(CODE, &["alpha"]).await.unwrap();
        ended(&session, Signal::SIGILL);
        // One thread of the child may answer while another one dies of the signal.
        loop {
            if let Err(error) = session.prepare_jobs(&[], &[]).await {
                break error;
            }
        }
    });
    assert!(matches!(error, SandboxError::Code(CodeError::Crashed { .. })), "{error}");
}

#[test]
fn chunks_take_no_more_room_than_the_documents_give() {
    let document = "A line of a document, of no great length.\n".repeat(20_000);
    let jobs = |jobs: &str| format!("def prepare_jobs(context):\n    return [{jobs}]\n");
    let mut sandbox = after("true");
    // Time is not what is tried here, and a busy machine takes much of it.
    sandbox.limits.time = Duration::from_secs(60);
    let run = |code: &str| runtime().block_on(prepared(&sandbox, code, &document));
    for (fits, count) in [
        // Three ways to cut, several tasks, heads.
        (
            "JobManifest(f'[{n}] ' + c, t) for n in (900, 1700, 3300) for c in chunk_by_section(context[0], n, n // 10) for t in 'a'",
            None,
        ),
        ("JobManifest(context[0], str(n)) for n in range(200)", Some(200)),
        ("JobManifest('c' * 16000000, 't')", Some(1)),
        ("JobManifest('', 't' * 1000000) for n in range(8)", Some(8)),
    ] {
        let made = run(&jobs(fits)).map_err(|error| format!("{fits}: {error}")).unwrap();
        assert!(count.is_none_or(|count| count == made), "{fits}: {made}");
    }
    for (too_much, part) in [
        ("JobManifest(str(n) + 'c' * 13000000, 't') for n in range(2)", "all distinct chunks together"),
        ("JobManifest(chunk='c' * 250000000, task='t')", "which are to be cut from the documents"),
        ("JobManifest('', 't' * 1000000) for n in range(9)", "all tasks and advice together"),
        ("JobManifest('', 't', 'a' * 9000000)", "all tasks and advice together"),
    ] {
        match run(&jobs(too_much)) {
            Err(SandboxError::Code(CodeError::TooLarge { what, .. })) => {
                assert!(what.contains(part), "{what}")
            }
            other => panic!("{too_much}: {other:?}"),
        }
    }
}
