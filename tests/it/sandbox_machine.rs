//! Jobs whose sandbox the machine leaves too little room, or ends: the program is not blamed, and nobody is paid to mend it.

use std::sync::{Mutex, mpsc};

use nix::sys::signal::{Signal, kill};
use serde_json::{Value, json};

use crate::support::program::{Program, Ran, chats, job, scripted};
use crate::support::sandboxes::sandboxes_of;
use crate::support::wait::next;
use crate::support::wire::openai;

const PROGRAM: &str = "```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=doc, task='Which ship?') for doc in context]

def transform_outputs(jobs):
    return 'Mine: ' + '; '.join(job.output.answer for job in jobs)
```";
const FOUND: &str = r#"{"explanation": "e", "citation": "the Aurora", "answer": "Aurora"}"#;

fn verdict() -> String {
    json!({"explanation": "e", "decision": "provide_final_answer", "answer": "Aurora"}).to_string()
}

fn params() -> Value {
    json!({"task": "Which ship?", "context": ["We saw the Aurora."]})
}

#[test]
fn limits_below_the_sandbox_s_own_are_kept() {
    for limit in ["ulimit -v 3000000", "ulimit -t 15"] {
        let server = scripted(vec![PROGRAM.into(), verdict()], |request| openai(request, FOUND));
        let ran = Program::in_shell(limit, "").run_job(&job(&server, "minions", params()));
        assert_eq!(ran.result()["final_answer"], "Aurora", "{limit}");
    }
}

#[test]
fn a_sandbox_that_is_killed_while_the_workers_read_loses_no_answers() {
    let program = Program::new();
    let folder = program.dir.path().canonicalize().unwrap();
    let server = scripted(vec![PROGRAM.into(), verdict()], move |request| {
        let sandboxes = sandboxes_of(&folder);
        assert_eq!(sandboxes.len(), 1);
        sandboxes.into_iter().for_each(|sandbox| kill(sandbox, Signal::SIGKILL).unwrap());
        openai(request, FOUND)
    });
    let result = program.run_job(&job(&server, "minions", params())).result();
    assert_eq!(result["final_answer"], "Aurora");
    let remote = chats(&server, "supervisor");
    assert_eq!(remote.len(), 2, "nobody is asked for another program");
    let answers = remote[1]["messages"].to_string();
    assert!(answers.contains("Aurora") && !answers.contains("Mine: "), "{answers}");
    let error = result["meta"][0].to_string();
    assert!(error.contains("memory is short") && !error.contains("simpler way"), "{error}");
}

#[test]
fn a_machine_without_room_for_a_sandbox_costs_nothing() {
    // Its stack alone has 262,144 kB; the program itself must have room in it.
    for limit in ["ulimit -v 300000", "ulimit -v 320000"] {
        let server = scripted(vec![PROGRAM.into(), verdict()], |request| openai(request, FOUND));
        let ran = Program::in_shell(limit, "").run_job(&job(&server, "minions", params()));
        let error = ran.error(1);
        assert!(error.contains("machine") && error.contains("ulimit -v"), "{error}");
        assert!(!error.contains("simpler way") && !error.contains("1024 MB"), "{error}");
        assert_eq!(chats(&server, "supervisor").len(), 0, "{limit}");
    }
}

#[test]
fn a_sandbox_needs_no_proc() {
    let without_proc = "mount -t tmpfs none /proc";
    let is_possible = std::process::Command::new("unshare")
        .args(["-rm", "sh", "-c", without_proc])
        .status()
        .is_ok_and(|status| status.success());
    if !is_possible {
        eprintln!("skipped: this user can't make a namespace of mounts");
        return;
    }
    let server = scripted(vec![PROGRAM.into(), verdict()], |request| openai(request, FOUND));
    let hidden = format!("exec unshare -rm sh -c '{without_proc}; exec \"$0\"' \"$0\"");
    let ran = Program::in_shell(&hidden, "").run_job(&job(&server, "minions", params()));
    assert_eq!(ran.result()["final_answer"], "Aurora");
}

#[test]
fn the_sandbox_of_a_long_document_outlives_slow_workers() {
    let program = PROGRAM.replace("for doc in context", "for doc in [context[0][:40], context[0][-40:]]");
    let (asked, waits) = mpsc::sync_channel(10);
    let (answer, answers) = mpsc::channel();
    let answers = Mutex::new(answers);
    let server = scripted(vec![program, verdict()], move |request| {
        asked.send(()).unwrap();
        answers.lock().unwrap().recv().unwrap();
        openai(request, FOUND)
    });
    let words: Vec<String> = (0..250_000_u64).map(|n| format!("{:07x}", n * 7919 % (1 << 28))).collect();
    let context = format!("We saw the Aurora. {} The Aurora it was.", words.join(" "));
    let job = job(&server, "minions", json!({"task": "Which ship?", "context": [context]}));
    let (child, dir) = Program::new().start(job.to_string().as_bytes());
    next("the first call of the worker", &waits);
    next("the second call of the worker", &waits);
    // What searched the documents has come to its end, and the sandbox waits.
    assert_eq!(sandboxes_of(&dir.path().canonicalize().unwrap()).len(), 1);
    answer.send(()).unwrap();
    answer.send(()).unwrap();
    assert_eq!(Ran::of(child, dir).result()["final_answer"], "Aurora");
    let told = chats(&server, "supervisor")[1]["messages"].to_string();
    assert!(told.contains("Mine: Aurora; Aurora"), "{told}");
}
