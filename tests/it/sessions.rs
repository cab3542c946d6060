//! Sessions through the real executable: jobs that go on where the last one ended, and `minions sessions`.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::program::{Program, Ran, chats, job, last, scripted};
use crate::support::server::{Reply, Request, Server};
use crate::support::wire::openai;

fn answer(text: &str) -> String {
    json!({"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": text}).to_string()
}

fn ask() -> String {
    json!({"reasoning": "r", "message": "Which?"}).to_string()
}

fn understood(task: &str) -> String {
    json!({"refers_to": "it", "task": task}).to_string()
}

fn worker(request: &Request) -> Reply {
    openai(request, "It says so.")
}

/// A turn of the session "acme".
fn turn(server: &Server, state: &Path, task: &str, context: Value) -> Value {
    let mut job = job(server, "minion", json!({"task": task, "max_rounds": 1, "context": context}));
    job["session"] = json!("acme");
    job["protocol"]["session_dir"] = json!(state);
    job
}

fn sessions(state: &Path, args: &[&str]) -> Ran {
    Program::new()
        .args(["sessions", "--session-dir", state.to_str().unwrap()])
        .args(args.iter().copied())
        .run("")
}

#[test]
fn a_session_goes_on_where_it_ended() {
    let home = tempfile::tempdir().unwrap();
    let server =
        scripted(vec![ask(), answer("12"), understood("Net sales in 2021?"), ask(), answer("10")], worker);
    let run = |task: &str| {
        let mut job = turn(&server, Path::new(""), task, json!([{"name": "a.txt", "text": "Sales."}]));
        job["protocol"].as_object_mut().unwrap().remove("session_dir");
        Program::new().env("HOME", home.path().to_str().unwrap()).run_job(&job).result()
    };
    let first = run("Net sales in 2022?");
    assert_eq!(first["session"], json!({"name": "acme", "turn": 1, "stored": true}));
    let second = run("And before?");
    assert_eq!(second["session"]["turn"], 2);
    assert_eq!(
        (&second["standalone_task"], &second["history"]["verbatim"]),
        (&json!("Net sales in 2021?"), &json!(1))
    );
    let state = home.path().join(".local/state/minions/sessions");
    let shown = sessions(&state, &["show", "acme"]).stdout;
    assert!(
        shown.contains("[1] Net sales in 2022?\n12\n")
            && shown.contains("understood as: Net sales in 2021?\n10\n"),
        "{shown}"
    );
    let listed = sessions(&state, &[]).stdout;
    assert!(listed.starts_with("acme    2 turns  20") && listed.ends_with("  And before?\n"), "{listed}");
    let shown: Value = serde_json::from_str(&sessions(&state, &["show", "acme", "--json"]).stdout).unwrap();
    assert_eq!(
        (&shown["turns"][1]["remote_output"], &shown["documents"][0]["name"]),
        (&json!("10"), &json!("a.txt"))
    );
    let forked = sessions(&state, &["fork", "acme@1", "other"]).stdout;
    assert_eq!(forked, "other: 1 turn of acme\n");
    assert_eq!(sessions(&state, &["rm", "acme"]).stdout, "removed: acme\n");
    let gone = sessions(&state, &["show", "acme"]);
    assert_eq!((gone.code, gone.stdout.as_str()), (Some(2), ""));
    assert!(
        gone.stderr.starts_with("error: there is no session acme\nhint: ")
            && gone.stderr.lines().count() == 2,
        "{}",
        gone.stderr
    );
    let bad = sessions(&state, &["show", "../../x"]);
    assert!(bad.stdout.is_empty() && bad.stderr.contains("must be a name of letters"), "{}", bad.stderr);
}

#[test]
fn files_of_a_session_are_read_again_and_texts_must_be_given_again() {
    let state = tempfile::tempdir().unwrap();
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("log.txt");
    std::fs::write(&path, "The Aurora lay off Brest.").unwrap();
    let second = || vec![understood("T"), ask(), answer("B")];
    let server = scripted([vec![ask(), answer("A")], second(), second()].concat(), worker);
    let mut first = turn(&server, state.path(), "Which ship?", Value::Null);
    first["call_params"]["context_files"] = json!([path]);
    Program::new().run_job(&first).result();
    let next = turn(&server, state.path(), "And the port?", Value::Null);
    let ran = Program::new().run_job(&next);
    assert!(!ran.stderr.contains("has changed"), "{}", ran.stderr);
    ran.result();
    assert!(
        last(&chats(&server, "worker")[1]).contains("Which?")
            && chats(&server, "worker")[1].to_string().contains("off Brest")
    );
    // It has another content now.
    std::fs::write(&path, "The Hermine lay off Lorient.").unwrap();
    let ran = Program::new().run_job(&next);
    assert!(ran.stderr.contains("log.txt has changed since the last turn"), "{}", ran.stderr);
    ran.result();
    let prompt = last(&chats(&server, "supervisor")[6]).to_owned();
    assert!(prompt.contains("Task: T") && !prompt.contains("Answer: A"), "{prompt}");
    // It is gone.
    std::fs::remove_file(&path).unwrap();
    let error = Program::new().run_job(&next).error(2);
    assert!(error.contains("log.txt"), "{error}");
    let shown: Value =
        serde_json::from_str(&sessions(state.path(), &["show", "acme", "--json"]).stdout).unwrap();
    assert_eq!(shown["turns"].as_array().unwrap().len(), 3, "what was refused is no turn");
    // A text can't be read again.
    let server = scripted(vec![understood("T"), ask(), answer("C")], worker);
    Program::new()
        .run_job(&turn(&server, state.path(), "And?", json!([{"name": "b.txt", "text": "Other."}])))
        .result();
    let error = Program::new().run_job(&next).error(2);
    assert!(error.contains("the session acme is about 1 document (b.txt), and this job has none"), "{error}");
}

#[test]
fn a_turn_that_fails_is_kept_with_its_error() {
    let state = tempfile::tempdir().unwrap();
    let server = scripted(vec![ask()], worker);
    let job = turn(&server, state.path(), "Which ship?", json!(["The Aurora."]));
    let error = Program::new().run_job(&job).error(1);
    let shown: Value =
        serde_json::from_str(&sessions(state.path(), &["show", "acme", "--json"]).stdout).unwrap();
    let turn = &shown["turns"][0];
    assert_eq!((&turn["status"], &turn["error"]), (&json!("failed"), &json!(error)));
    assert!(turn["usage"]["remote"]["prompt_tokens"].as_u64().unwrap() > 0, "{turn}");
    assert!(sessions(state.path(), &["show", "acme"]).stdout.contains("failed: "));
}

#[test]
fn lines_of_one_session_run_in_their_order() {
    let state = tempfile::tempdir().unwrap();
    // Each answer says which question it is for, however the calls of other jobs come between.
    let server = Server::start(|request| {
        let prompt = request.prompt();
        if request.json()["model"] == "worker" {
            return openai(request, "ok");
        }
        if prompt.contains("<message>") {
            let message = prompt.split("<message>\n").nth(1).unwrap().split('\n').next().unwrap().to_owned();
            return openai(request, &understood(&format!("{message} in full")));
        }
        let reply = if prompt.contains("No messages are left") { answer("done") } else { ask() };
        openai(request, &reply)
    });
    let jobs: String = (1..=6)
        .map(|n| format!("{}\n", turn(&server, state.path(), &format!("question {n}"), json!(["x"]))))
        .collect();
    let ran = Program::new().args(["batch", "--max-jobs", "6"]).run(jobs);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let shown: Value =
        serde_json::from_str(&sessions(state.path(), &["show", "acme", "--json"]).stdout).unwrap();
    let asked: Vec<_> = shown["turns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|turn| turn["query"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(asked, (1..=6).map(|n| format!("question {n}")).collect::<Vec<_>>());
}

#[test]
fn a_newer_session_and_a_folder_that_cannot_be_made_cost_nothing() {
    let state = tempfile::tempdir().unwrap();
    let server = scripted(vec![], worker);
    let job = turn(&server, state.path(), "Which ship?", json!(["The Aurora."]));
    std::fs::write(
        state.path().join("acme.jsonl"),
        r#"{"type":"header","version":9,"name":"acme","created":"2030"}"#,
    )
    .unwrap();
    let error = Program::new().run_job(&job).error(2);
    assert!(error.contains("the session acme was written by a newer minions"), "{error}");
    let file = state.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Program::new().run_job(&turn(&server, &file, "Which ship?", json!(["The Aurora."]))).error(1);
    assert!(error.contains("the session acme in ") && error.contains("can't be used"), "{error}");
    assert_eq!(server.requests().len(), 0);
}
