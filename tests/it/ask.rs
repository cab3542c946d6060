//! `minions ask` and the original's form of it, where no terminal is: what goes in by pipes, and what comes out.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::program::{Program, Ran, chats, last, scripted};
use crate::support::server::{Reply, Server};
use crate::support::wait::{Door, until};
use crate::support::wire::openai;

const PROGRAM: &str = "```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=doc, task='Who signed?') for doc in context]
```";
const ANSWER: &str = "**Ada** signed.\n\n- in \u{1b}[31mLondon\u{1b}[0m 😀";

/// What a supervisor says in either protocol, and then its answer.
pub(crate) fn script(answer: &str) -> Vec<String> {
    let verdict = json!({
        "reasoning": "r", "explanation": "e", "decision": "provide_final_answer", "message": null, "answer": answer,
    });
    vec![PROGRAM.to_owned(), verdict.to_string()]
}

fn worker(request: &crate::support::server::Request) -> Reply {
    openai(request, &json!({"explanation": "e", "citation": "Signed: Ada", "answer": "Ada"}).to_string())
}

fn server() -> Server {
    scripted(script(ANSWER), worker)
}

/// The program with both sides at `server`, as the environment names them.
pub(crate) fn asking(server: &Server) -> Program {
    Program::new()
        .env("OPENAI_BASE_URL", &format!("{}/v1", server.url()))
        .env("OPENAI_API_KEY", "sk-test-0123456789")
        .env("MINIONS_LOCAL", "openai/worker")
        .env("MINIONS_REMOTE", "openai/supervisor")
}

fn ask(server: &Server, args: &[&str], stdin: &str) -> Ran {
    let program = asking(server);
    std::fs::write(program.dir.path().join("lease.txt"), "Signed: Ada.").unwrap();
    program.args(args.iter().copied()).run(stdin)
}

#[test]
fn a_pipe_gets_the_answer_alone() {
    for args in [&["ask", "Who signed?"][..], &["ask", "Who signed?", "-", "--cite", "full"]] {
        let server = server();
        let ran = ask(&server, args, "Signed: Ada.");
        assert_eq!((ran.code, &*ran.stdout), (Some(0), &*format!("{ANSWER}\n")), "{args:?} {}", ran.stderr);
        assert!(ran.stderr.contains("[1] ✓ stdin") && ran.stderr.contains("remote tokens"), "{}", ran.stderr);
        assert!(!ran.stderr.contains('\u{1b}'), "{}", ran.stderr);
        let told = last(&chats(&server, "supervisor")[0]).to_owned();
        assert!(told.contains("Who signed?") && !told.contains("Signed: Ada."), "{told}");
    }
}

#[test]
fn programs_get_the_envelope() {
    let server = server();
    let ran = ask(&server, &["ask", "--json", "Who signed?", "--slim"], "Signed: Ada.");
    let result = ran.result();
    assert_eq!(
        (&result["final_answer"], &result["evidence"][0]["source"]),
        (&json!(ANSWER), &json!("stdin"))
    );
    assert_eq!(
        (&result["remote_client"]["model_name"], &result["local_client"]["type"]),
        (&json!("supervisor"), &json!("openai"))
    );
    let failed = ask(&server, &["ask", "--json", "--protocol", "minions", "lost.pdf"], "");
    assert!(failed.error(2).contains("there is no file lost.pdf"), "{}", failed.stdout);
    let both = ask(&server, &["ask", "--json", "--cite", "full", "Who signed?"], "Signed: Ada.");
    assert!(both.error(2).contains("'--json' cannot be used with '--cite <HOW>'"), "{}", both.stdout);
}

#[test]
fn quiet_means_the_answer_and_nothing_else() {
    let ran = ask(&server(), &["ask", "-q", "Who signed?"], "Signed: Ada.");
    assert_eq!((&*ran.stdout, &*ran.stderr), (&*format!("{ANSWER}\n"), ""));
}

#[test]
fn the_command_line_wins_over_the_environment() {
    let server = server();
    let program = asking(&server).env("MINIONS_LOCAL", "ollama/none").env("MINIONS_REMOTE", "anthropic");
    let args = [
        "ask",
        "--local",
        "openai/worker",
        "--remote",
        "openai/other",
        "--protocol",
        "minions",
        "--doc-metadata",
    ];
    let ran = program.args(args.into_iter().chain(["A lease.", "Who signed?"])).run("Signed: Ada.");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(last(&chats(&server, "other")[0]).contains("A lease."));
}

#[test]
fn a_question_without_documents_is_a_chat() {
    let ask_first = json!({"reasoning": "r", "message": "Who?"}).to_string();
    let server = scripted(vec![ask_first, script("Ada.").remove(1)], |request| openai(request, "Ada."));
    let ran = ask(&server, &["ask", "Who wrote the first program?"], "");
    assert_eq!((ran.code, &*ran.stdout), (Some(0), "Ada.\n"), "{}", ran.stderr);
    // A program would have nothing to cut.
    let ask_first = json!({"reasoning": "r", "message": "Who?"}).to_string();
    let server = scripted(vec![ask_first, script("Ada.").remove(1)], |request| openai(request, "Ada."));
    let ran = ask(&server, &["ask", "--protocol", "minions", "Who wrote the first program?"], "");
    assert_eq!((ran.code, &*ran.stdout), (Some(0), "Ada.\n"), "{}", ran.stderr);
}

#[test]
fn a_worker_elsewhere_is_told_before_it_reads() {
    let server = server();
    for (args, told) in [
        (&["--local", "openai/gpt-4o"][..], Some("http://models.example/v1")),
        (&["--local", "ollama/gpt-oss:120b-cloud"], Some("http://localhost:11434")),
        (&["--local", "ollama/llama3.2"], None),
    ] {
        let dry = [&["ask", "--dry-run", "Who signed?", "lease.txt"][..], args].concat();
        let program = |more: &[&str]| {
            let program = asking(&server).env("OPENAI_BASE_URL", "http://models.example/v1");
            std::fs::write(program.dir.path().join("lease.txt"), "Signed: Ada.").unwrap();
            program.args(dry.iter().chain(more).copied()).run("")
        };
        let ran = program(&[]);
        assert_eq!(ran.stdout.contains("The documents leave whole"), told.is_some(), "{}", ran.stdout);
        assert!(ran.stdout.contains(told.unwrap_or_default()), "{}", ran.stdout);
        let leaves = program(&["--json"]).result()["leaves"].clone();
        assert_eq!(leaves["documents_go_to"].as_str(), told, "{leaves}");
    }
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_folder_is_called_by_its_name_alone() {
    let server = server();
    let program = asking(&server);
    let here = program.dir.path().canonicalize().unwrap();
    std::fs::create_dir_all(here.join("case/sub")).unwrap();
    std::fs::write(here.join("case/lease.txt"), "Signed: Ada.").unwrap();
    let given = here.join("case/sub/..").display().to_string();
    let ran = program.args(["ask", "Who signed?", &given]).run("");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let told = last(&chats(&server, "supervisor")[0]).to_owned();
    assert!(
        told.contains("Multiple documents from folder: case") && told.contains("case/lease.txt"),
        "{told}"
    );
    assert!(
        server
            .requests()
            .iter()
            .all(|request| !request.json().to_string().contains(&*here.to_string_lossy()))
    );
}

#[test]
fn what_is_piped_in_is_read_by_its_content() {
    for (piped, kept) in [
        ("<html><script>var tracker = 1;</script><p>Signed: Ada", "Signed: Ada"),
        ("{\\rtf1\\ansi Signed: {\\b Ada}}", "Signed: Ada"),
        (
            "Received: from x\nFrom: a@example.org\nTo: b@example.org\nDate: Mon, 2 Nov 2026 10:00:00 +0000\n\nSigned: Ada",
            "Signed: Ada",
        ),
        ("Signed: Ada <b>", "Signed: Ada <b>"),
    ] {
        let server = server();
        let ran = ask(&server, &["ask", "Who signed?"], piped);
        assert_eq!(ran.code, Some(0), "{piped} {}", ran.stderr);
        let read = chats(&server, "worker")[0].to_string();
        assert!(
            read.contains(kept)
                && !read.contains("tracker")
                && !read.contains("rtf1")
                && !read.contains("Received"),
            "{read}"
        );
    }
}

#[test]
fn a_pipe_that_is_named_is_a_document_like_stdin() {
    for (text, args) in [
        ("Signed: Ada.", &["ask", "Who signed?", "report"][..]),
        ("Signed: Ada.", &["--context", "report", "Who signed?"]),
        (" \n", &["ask", "Who signed?", "report"]),
    ] {
        let server = server();
        let program = asking(&server);
        let pipe = program.dir.path().join("report");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::thread::spawn(move || std::fs::write(pipe, text));
        let ran = program.args(args.iter().copied()).run("");
        if text.trim().is_empty() {
            assert_eq!((ran.code, &*ran.stdout), (Some(2), ""), "{}", ran.stderr);
            assert!(ran.stderr.contains("error: nothing came from the pipe report\n"), "{}", ran.stderr);
        } else {
            assert_eq!(ran.code, Some(0), "{args:?} {}", ran.stderr);
            assert!(ran.stderr.contains("[1] ✓ pipe"), "{args:?} {}", ran.stderr);
        }
    }
}

#[test]
fn logs_of_earlier_questions_are_no_documents() {
    let server = server();
    let program = asking(&server);
    let here = program.dir.path().canonicalize().unwrap();
    std::fs::write(here.join("lease.txt"), "Signed: Ada.").unwrap();
    std::fs::create_dir_all(here.join("minion_logs")).unwrap();
    std::fs::write(here.join("minion_logs/secret-merger.json"), "{}").unwrap();
    let ran = program.args(["ask", "--dry-run", "Who signed?", "."]).run("");
    assert!(ran.stdout.contains("lease.txt") && !ran.stdout.contains("merger"), "{}", ran.stdout);
}

#[test]
fn what_can_not_be_answered_is_told_in_words() {
    let server = server();
    for (args, stdin, code, told) in [
        (
            &["ask"][..],
            "",
            2,
            "error: there is no question\nhint: ask one: minions ask \"Who signed?\" report.pdf\n",
        ),
        (&["ask"], "Signed: Ada.", 2, "hint: ask one: minions ask \"Who signed?\" < FILE\n"),
        (&["ask", "lease.txt"], "", 2, "hint: ask one: minions ask \"Who signed?\" lease.txt\n"),
        (&["--context", "lease.txt"], "", 2, "hint: ask one: minions ask \"Who signed?\" lease.txt\n"),
        (&["ask", "What", "is", "new"], "", 2, "quotes: minions ask \"What is new\""),
        (&["ask", "Sum up", "everything"], "", 2, "quotes: minions ask \"Sum up everything\""),
        (&["ask", "-5 or 5?"], "", 2, "minions ask -- \"-5 or 5?\""),
        (&["ask", "--budget", "5", "Who?"], "", 2, "`minions ask --help` lists its options"),
        (&["ask", "Who?", "-"], "", 2, "error: `-` names stdin, and nothing came on it"),
        (&["ask", "Who?", "-", "lease.txt"], " \n", 2, "error: `-` names stdin, and nothing came on it"),
        (&["ask", "  "], "", 2, "error: the question is empty\n"),
        (&["ask", "lost.pdf"], "", 2, "error: there is no file lost.pdf"),
        (&["--context", "nosuch/", "q"], "", 2, "error: there is no file nosuch/, none q, and no question\n"),
        (
            &["--context", "lease.txt", "gist"],
            "",
            2,
            "if gist is the question: minions ask \"gist\" lease.txt\n",
        ),
        (&["ask", "--protocol", "minios", "Who?"], "", 2, "invalid value 'minios'"),
        (&["ask", "--remote", "opnai/gpt-4o", "Who?"], "", 2, "did you mean openai?"),
        (&["ask", "--rounds", "0", "Who?"], "", 2, "it must be from 1 to 1000"),
        (&["ask", "--contxt", "lease.txt", "Who?"], "", 2, "--context"),
        (&["--context", "lease.txt", "--job", "job.json"], "", 2, "take one of the two"),
        (&["ask", "--remote", "anthropic", "Who?"], "x y", 2, "ANTHROPIC_API_KEY"),
        // Who wrote no job is told of none.
        (&["ask", "--remote", "anthropic", "Who?"], "x y", 2, "error: the supervisor: anthropic"),
        (&["ask", "Who signed?", "lost.pdf"], "", 2, "error: lost.pdf can't be read"),
        (&["ask", "--session", "../x", "Who?"], "", 2, "error: --session must be a name"),
        // Nothing is taken and ignored.
        (&["ask", "--slim", "Who?"], "x y", 2, "only --json prints"),
        (&["ask", "--dry-run", "--record", "tape", "Who?"], "x y", 2, "cannot be used with"),
        (&["ask", "--dry-run", "--replay", "tape", "Who?"], "x y", 2, "cannot be used with"),
        (&["ask", "--dry-run", "--events", "events", "Who?"], "x y", 2, "cannot be used with"),
    ] {
        let ran = ask(&server, args, stdin);
        assert_eq!((ran.code, &*ran.stdout), (Some(code), ""), "{args:?} {}", ran.stderr);
        assert!(ran.stderr.contains(told), "{args:?} {}", ran.stderr);
        assert!(!ran.stderr.contains("call_params") && !ran.stderr.contains("in the job"), "{}", ran.stderr);
        let is_made = |name: &&str| ran.dir.path().join(name).exists();
        assert_eq!(["tape", "events"].iter().find(|name| is_made(name)), None, "{args:?}");
    }
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn what_a_dry_run_does_not_heed_is_told() {
    let server = server();
    let ran = ask(&server, &["ask", "--dry-run", "--max-egress-bytes", "1", "--memo", "memo", "Who?"], "x y");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("--memo has no effect with --dry-run"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("--max-egress"), "{}", ran.stderr);
    let ran = ask(&server, &["ask", "--protocol", "minion", "--memo", "memo", "Who?"], "x y");
    assert!(ran.stderr.contains("the memo has no effect"), "{}", ran.stderr);
}

#[test]
fn a_dry_run_needs_no_key() {
    let named = "remote = 'openai/gpt-4o'\n[keys]\nopenai = 'WORK_KEY'\n";
    for (remote, settings, told) in [
        (
            "openai/gpt-4o",
            "",
            "the supervisor: openai at https://api.openai.com/v1: there is no API key. Set OPENAI_API_KEY in the environment to a valid key.",
        ),
        ("anthropic", "", ": there is no API key. Set ANTHROPIC_API_KEY in the environment to a valid key."),
        (
            "openai/gpt-4o",
            named,
            "minions.toml:3 names for the key of openai, is not set. export WORK_KEY=..., or correct",
        ),
    ] {
        let program = |args: &[&str]| {
            let program =
                Program::new().env("MINIONS_LOCAL", "ollama/llama3.2").env("MINIONS_REMOTE", remote);
            std::fs::write(program.dir.path().join("lease.txt"), "Signed: Ada.").unwrap();
            let home = program.dir.path().join("home");
            std::fs::create_dir_all(home.join("minions")).unwrap();
            std::fs::write(home.join("minions/minions.toml"), settings).unwrap();
            let program = program.env("XDG_CONFIG_HOME", &home.display().to_string());
            program.args(["ask", "--dry-run", "Who signed?", "lease.txt"].iter().chain(args).copied()).run("")
        };
        let ran = program(&[]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let line = ran.stdout.trim_end().lines().last().unwrap();
        assert!(line.starts_with("Without --dry-run it would fail: ") && line.contains(told), "{line}");
        assert!(ran.stdout.contains("lease.txt") && !ran.stdout.contains("in the job"), "{}", ran.stdout);
        assert_eq!(program(&["--json"]).result()["missing_keys"].as_array().unwrap().len(), 1);
    }
    // What is there and is no key is a mistake.
    let unusable = Program::new().env("OPENAI_API_KEY", "sk 1").env("MINIONS_LOCAL", "ollama/llama3.2");
    let ran = unusable.args(["ask", "--dry-run", "--remote", "openai/gpt-4o", "Who?"]).run("x y");
    assert_eq!(ran.code, Some(2), "{}", ran.stdout);
    assert!(ran.stderr.contains("OPENAI_API_KEY in the environment has white space in it"), "{}", ran.stderr);
}

#[test]
fn what_failed_was_paid_all_the_same() {
    let server = scripted(vec![script("").remove(0)], worker);
    let ran = ask(&server, &["ask", "Who signed?"], "Signed: Ada.");
    assert_eq!((ran.code, &*ran.stdout), (Some(1), ""));
    assert!(ran.stderr.lines().last().unwrap().contains(" remote tokens · "), "{}", ran.stderr);
    assert!(
        !ran.stderr.contains("0 remote tokens ·") && !ran.stderr.contains("nothing left"),
        "{}",
        ran.stderr
    );
    let ran = ask(&server, &["ask", "-q", "Who signed?"], "Signed: Ada.");
    assert!(!ran.stderr.contains("remote tokens"), "{}", ran.stderr);
}

#[test]
fn a_failure_leaves_stdout_empty() {
    let server = Server::start(|_| Reply::error(401, &json!({"error": {"message": "bad \u{1b}[2Jkey"}})));
    let ran = ask(&server, &["ask", "Who signed?"], "Signed: Ada.");
    assert_eq!((ran.code, &*ran.stdout), (Some(1), ""));
    assert!(ran.stderr.contains("error: ") && !ran.stderr.contains('\u{1b}'), "{}", ran.stderr);
}

#[test]
fn a_reader_that_goes_away_ends_the_job_in_silence() {
    let door = Door::default();
    let held = door.clone();
    let server = scripted(script(ANSWER), move |request| {
        held.wait("the end of the reader");
        worker(request)
    });
    let (program, given) = (asking(&server).args(["ask", "-q", "Who signed?"]), "Signed: Ada.");
    let (reader, writer) = std::io::pipe().unwrap();
    let (child, dir) = program.start_into(given.as_bytes(), Stdio::from(writer));
    until("the worker's call", || !chats(&server, "worker").is_empty());
    drop(reader);
    let ran = Ran::of(child, dir);
    door.open();
    assert_eq!((ran.code, &*ran.stderr), (Some(1), ""));
}

#[test]
fn the_help_has_the_question_in_both_forms() {
    for args in [&["ask", "--help"][..], &["--help"]] {
        let help = Program::new().args(args.iter().copied()).run("").stdout;
        assert!(help.contains("--doc-metadata <TEXT>") && help.contains("--use-gitingest"), "{help}");
    }
    let help = Program::new().args(["ask", "--help"]).run("").stdout;
    let (_, examples) = help.split_once("Examples:\n").unwrap();
    assert!(examples.lines().all(|line| line.chars().count() <= 100), "{examples}");
}

#[test]
fn the_job_is_one_that_anybody_can_send() {
    let server = server();
    let record =
        asking(&server).args(["ask", "--json", "--record", "tape", "Who signed?"]).run("Signed: Ada.");
    assert_eq!(record.code, Some(0), "{}", record.stderr);
    let replay = asking(&server).args([
        "ask",
        "--json",
        "--replay",
        &record.dir.path().join("tape").display().to_string(),
        "Who signed?",
    ]);
    let replayed: Value = replay.run("Signed: Ada.").result();
    assert_eq!(replayed["final_answer"], ANSWER);
}
