//! The command line: files, subcommands, how much is told, and what is said of words that mean nothing.

use serde_json::{Value, json};

use crate::support::program::{Program, Ran, job, scripted};
use crate::support::server::{Reply, Server};
use crate::support::wire::openai;

/// A server that a supervisor's question, a worker's reply and an answer come from, for a few jobs.
fn server() -> Server {
    let ask = json!({"reasoning": "r", "message": "Who?"}).to_string();
    let answer =
        json!({"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": "Ada"});
    let script = [ask, answer.to_string()];
    scripted(script.iter().cycle().take(20).cloned().collect(), |request| openai(request, "Ada."))
}

fn task(server: &Server) -> Value {
    job(server, "minion", json!({"task": "Who signed?", "context": ["Signed: Ada."]}))
}

/// What `args` give where `job.json` holds one job and `jobs.jsonl` two.
fn run(server: &Server, args: &[&str], stdin: &str) -> Ran {
    let program = Program::new();
    let write = |name: &str, text: String| std::fs::write(program.dir.path().join(name), text).unwrap();
    write("job.json", task(server).to_string());
    write("jobs.jsonl", format!("{0}\n{0}\n", task(server)));
    program.args(args.iter().copied()).run(stdin)
}

#[test]
fn jobs_are_read_from_a_file_that_is_named() {
    let server = server();
    let stdin = task(&server).to_string();
    for (args, stdin, lines) in [
        (&["job.json"][..], "", 1),
        (&["run", "job.json"], "", 1),
        (&["-"], &stdin, 1),
        (&["run", "-"], &stdin, 1),
        (&["batch", "jobs.jsonl", "--max-jobs", "1"], "", 2),
        (&["batch", "--max-jobs", "1", "-"], &stdin, 1),
    ] {
        let ran = run(&server, args, stdin);
        assert_eq!(ran.code, Some(0), "{args:?} {} {}", ran.stdout, ran.stderr);
        assert_eq!(ran.stdout.matches("\"final_answer\"").count(), lines, "{args:?}");
    }
}

#[test]
fn several_jobs_in_a_file_are_a_batch_as_on_stdin() {
    let server = server();
    let ran = run(&server, &["jobs.jsonl", "--slim"], "");
    assert_eq!(ran.stdout.lines().count(), 2, "{}", ran.stdout);
}

#[test]
fn words_that_mean_nothing_are_told_of_once() {
    let server = server();
    for (args, complaint, hint) in [
        (&["walk"][..], "unrecognized subcommand 'walk'", "`minions --help`"),
        (&["bacth"], "unrecognized subcommand 'bacth'", "did you mean `minions batch`?"),
        (&["provider"], "there is no such file", "did you mean `minions providers`?"),
        (&["--slim", "batch"], "unrecognized subcommand 'batch'", "options stand behind the subcommand"),
        (&["lost.json"], "the job file lost.json can't be read", "counts from the folder"),
        (&["./lost"], "the job file ./lost can't be read", ""),
        (&["run", "lost"], "the job file lost can't be read", ""),
        (&["batch", "lost.jsonl"], "the job file lost.jsonl can't be read", ""),
        (&["{\"call_params\": {}}"], "not from the command line", "printf"),
        (&["--jo", "job.json"], "unexpected argument '--jo' found", "a similar argument exists: '--job'"),
        (&["askk", "Who?"], "unrecognized subcommand 'askk'", "did you mean `minions ask`?"),
        (&["--protocol", "minions", "job.json"], "no question is asked", "minions ask"),
        (
            &["--resume", "out.jsonl", "job.json"],
            "unexpected argument '--resume'",
            "an option of `minions batch`",
        ),
        (&["--events", "fd:x", "job.json"], "fd: is followed by the number", ""),
        (&["--replay", "lost", "job.json"], "there is no folder lost to replay", "--record"),
        (&["--max-egress-bytes", "lots", "job.json"], "it must be a whole number", ""),
        (&["batch", "--max-jobs", "0"], "it must be from 1 to 65535", ""),
        (&["batch", "--fail-on", "some"], "invalid value 'some'", "one of any, all, never"),
        (&["job.json", "jobs.jsonl"], "'jobs.jsonl' is one word too many", "cat a.json b.json"),
        (&["job.json", "batch"], "'batch' is one word too many", "before its options"),
        (&["job.json", "--job", "job.json"], "cannot be used with", ""),
        (&["-v", "-q", "job.json"], "cannot be used with", "take one of the two"),
        (&["batch", "jobs.jsonl", "--input", "jobs.jsonl"], "cannot be used with", ""),
    ] {
        let ran = run(&server, args, "");
        // Only lines of jobs go to the stdout of a batch.
        let (told, other) = match args[0] {
            "batch" => (ran.stderr.clone(), &ran.stdout),
            _ => (ran.error(2), &ran.stderr),
        };
        assert!(told.contains(complaint) && told.contains(hint), "{args:?}: {told}");
        assert_eq!((ran.code, &**other), (Some(2), ""), "{args:?}");
    }
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn each_step_is_told_on_demand() {
    let server = server();
    let steps = [
        "protocol minion, 1 document with 12 characters",
        "call 1: the supervisor (",
        "answered after",
        "tokens: ",
    ];
    for args in [
        &["-v", "job.json"][..],
        &["--verbose", "job.json"],
        &["batch", "-v", "--max-jobs", "1", "jobs.jsonl"],
    ] {
        let ran = run(&server, args, "");
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        for step in steps {
            assert!(ran.stderr.contains(step), "{args:?} {step}: {}", ran.stderr);
        }
        assert_eq!(ran.stderr.contains("job line-1: call 1:"), args[0] == "batch", "{}", ran.stderr);
    }
    assert!(!run(&server, &["job.json"], "").stderr.contains("call 1:"));
}

#[test]
fn errors_alone_are_told_on_demand() {
    let server = server();
    assert_eq!(run(&server, &["-q", "job.json"], "").stderr, "");
    assert_eq!(run(&server, &["batch", "--quiet", "jobs.jsonl"], "").stderr, "");
    let server = Server::start(|_| crate::support::server::Reply::text(500, "down"));
    let ran = run(&server, &["-q", "job.json"], "");
    assert_eq!(ran.stderr, "");
    assert!(ran.error(1).contains("500"));
}

#[test]
fn rust_log_wins() {
    let server = server();
    let with = |args: &[&str], filter: &str| {
        let program = Program::new().env("RUST_LOG", filter);
        program.args(args.iter().copied()).run_job(&task(&server)).stderr
    };
    assert_eq!(with(&["-v"], "error"), "");
    assert!(with(&["-q"], "minions=info").contains("the supervisor replied with"));
    assert!(with(&[], "minions=debug").contains("call 1:"));
}

#[test]
fn help_and_version_are_subcommands_too() {
    let server = server();
    assert_eq!(run(&server, &["version"], "").stdout, concat!("minions ", env!("CARGO_PKG_VERSION"), "\n"));
    let help = run(&server, &["help"], "");
    assert_eq!((help.code, &help.stdout), (Some(0), &run(&server, &["--help"], "").stdout));
    for args in [&["run", "--help"][..], &["batch", "--help"], &["help", "run"]] {
        assert!(run(&server, args, "").stdout.contains("Examples:\n"), "{args:?}");
    }
}

#[test]
fn the_health_check_asks_the_daemon_that_jobs_ask() {
    let daemon = Server::start(|request| match request.header("authorization") {
        Some("Bearer ol-1") if request.path == "/ollama/api/version" => {
            Reply::json(&json!({"version": "0.32.15"}))
        }
        _ => Reply::text(404, ""),
    });
    let address = daemon.url() + "/ollama/v1";
    for (variables, code) in [
        (vec![("OLLAMA_HOST", &*address)], 0),
        (vec![("OLLAMA_BASE_URL", &*address)], 0),
        (vec![("OLLAMA_API_BASE", &*address)], 0),
        (vec![("OLLAMA_HOST", &*address), ("OLLAMA_BASE_URL", "http://127.0.0.1:9")], 0),
        (vec![("OLLAMA_HOST", "http://127.0.0.1:9"), ("OLLAMA_BASE_URL", &*address)], 1),
        (vec![("OLLAMA_BASE_URL", "11434")], 1),
    ] {
        let program = Program::new().args(["health"]).env("OLLAMA_API_KEY", "ol-1");
        let program = variables.iter().fold(program, |program, (name, value)| program.env(name, value));
        let ran = program.run("");
        assert_eq!(ran.code, Some(code), "{variables:?}: {}", ran.stderr);
        if variables[0].1 == "11434" {
            let said = "OLLAMA_BASE_URL in the environment is a port alone: write :11434";
            assert!(ran.stderr.contains(said), "{}", ran.stderr);
        }
    }
    assert!(daemon.requests().iter().all(|request| request.path == "/ollama/api/version"));
}
