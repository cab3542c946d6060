//! What a conversation keeps, and what it does with documents: dropped, changed, gone; two conversations at a time.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::ask::script;
use crate::conversation::{program, say, server};
use crate::support::program::{Program, chats, read_json, scripted};
use crate::support::server::Server;
use crate::support::terminal::{Given, Terminal};
use crate::support::wire::openai;

fn begin(server: &Server, state: &Path, args: &[&str]) -> (Terminal, tempfile::TempDir) {
    let program = program(server, state).env("TERM", "xterm").args(args.iter().copied());
    let (terminal, dir) = program.in_terminal(100, Given::default());
    terminal.shows("/help");
    terminal.shows(">");
    (terminal, dir)
}

#[track_caller]
fn leave(terminal: Terminal) -> String {
    terminal.send("\u{4}");
    let (code, written) = terminal.end();
    assert_eq!(code, Some(0), "{written}");
    written
}

/// The turns of all sessions, by the sessions' names.
fn sessions(state: &Path) -> Vec<(String, u64)> {
    let dir = state.join("minions/sessions").display().to_string();
    let listed = Program::new().args(["sessions", "--json", "--session-dir", &dir]).run("").stdout;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let one = |info: &Value| (info["name"].as_str().unwrap().to_owned(), info["turns"].as_u64().unwrap());
    listed.as_array().unwrap().iter().map(one).collect()
}

#[test]
fn a_document_that_is_dropped_is_read_no_more() {
    let second = [
        json!({"refers_to": null, "task": "What is the second thing?"}).to_string(),
        json!({"reasoning": "r", "message": "Which thing?"}).to_string(),
        script("Answer second.").remove(1),
    ];
    let server = scripted([script("Answer first."), second.to_vec()].concat(), |request| {
        openai(request, &json!({"explanation": "e", "citation": "forty ships", "answer": "40"}).to_string())
    });
    let state = tempfile::tempdir().unwrap();
    let (terminal, dir) = begin(&server, state.path(), &["ask", "report.txt"]);
    say(&terminal, "What is the first thing?", "Answer first.");
    say(&terminal, "/drop 1", "no files");
    say(&terminal, "What is the second thing?", "Answer second.");
    let read = chats(&server, "worker").last().unwrap().to_string();
    assert!(!read.contains("The fleet had"), "{read}");
    say(&terminal, "/export second.json", "minions second.json");
    leave(terminal);
    let job = read_json(&dir.path().join("second.json"));
    assert_eq!(job["call_params"].get("context_files"), Some(&json!([])));
    let mode = std::fs::metadata(dir.path().join("second.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // The session knows it on another day.
    let (terminal, _dir) = begin(&server, state.path(), &["ask", "--continue"]);
    say(&terminal, "/files", "no files");
    leave(terminal);
}

#[test]
fn a_page_that_has_changed_is_not_shown_as_the_source() {
    let (server, state) = (server(&Arc::default()), tempfile::tempdir().unwrap());
    let (terminal, dir) = begin(&server, state.path(), &["ask", "report.txt", "two words.txt"]);
    say(&terminal, "What is the first thing?", "Answer first of");
    say(&terminal, "/open 1", "The fleet had forty ships.");
    say(&terminal, "/egress", "report.txt line 2: \"a margin of 12.3 percent\", 24 characters");
    std::fs::write(dir.path().join("report.txt"), "Nobody knows of ships. What margin is there at all?")
        .unwrap();
    say(&terminal, "/open 1", "report.txt has changed since the answer");
    std::fs::remove_file(dir.path().join("report.txt")).unwrap();
    say(&terminal, "/open 1", "report.txt");
    assert!(!terminal.screen().contains("Nobody knows"), "{}", terminal.screen());
    leave(terminal);
}

#[test]
fn two_conversations_do_not_take_each_others_turns() {
    let (server, state) = (server(&Arc::default()), tempfile::tempdir().unwrap());
    // Begun in the same second, most likely.
    let (one, _one) = begin(&server, state.path(), &["ask", "report.txt"]);
    let (other, _other) = begin(&server, state.path(), &["ask", "report.txt"]);
    say(&one, "What is the first thing?", "Answer first of");
    say(&other, "What is the second thing?", "Answer second of");
    leave(one);
    leave(other);
    assert_eq!(sessions(state.path()).iter().map(|(_, turns)| *turns).collect::<Vec<_>>(), [1, 1]);

    let (one, _one) = begin(&server, state.path(), &["ask", "--session", "acme", "report.txt"]);
    say(&one, "What is the third thing?", "Answer third of");
    let (other, _other) = begin(&server, state.path(), &["ask", "--session", "acme"]);
    say(&other, "What is the fourth thing?", "Answer fourth of");
    say(&one, "/undo", "turn 1 is not the last one of the session acme any more");
    say(&one, "/export third.json", "minions third.json");
    say(&other, "/undo", "forgotten: What is the fourth thing?");
    say(&one, "/undo", "forgotten: What is the third thing?");
    let job = read_json(&_one.path().join("third.json"));
    assert!(job["call_params"].get("history").is_none(), "{job}");
    leave(one);
    leave(other);
}

#[test]
fn the_last_conversation_is_that_one_and_no_other() {
    let (server, state) = (server(&Arc::default()), tempfile::tempdir().unwrap());
    let (terminal, _dir) = begin(&server, state.path(), &["ask", "report.txt"]);
    say(&terminal, "What is the first thing?", "Answer first of");
    leave(terminal);
    std::fs::write(state.path().join("minions/sessions/newest.jsonl"), "{}\n").unwrap();
    for args in [&["ask", "--continue"][..], &["ask", "--continue", "What is the second thing?"]] {
        let program = program(&server, state.path()).env("TERM", "xterm").args(args.iter().copied());
        let (terminal, _dir) = program.in_terminal(80, Given::default());
        let (code, written) = terminal.end();
        assert_eq!(code, Some(2), "{written}");
        assert!(written.contains("the session newest is no session of minions"), "{written}");
    }
}

#[test]
fn a_dry_run_pays_nothing_and_quiet_is_quiet() {
    let (server, state) = (server(&Arc::default()), tempfile::tempdir().unwrap());
    let (terminal, _dir) = begin(&server, state.path(), &["ask", "--dry-run", "report.txt"]);
    terminal.shows("a dry run");
    say(&terminal, "What is the first thing?", "The supervisor is told: the question");
    say(&terminal, "/retry", "nothing was asked yet");
    leave(terminal);
    assert_eq!(server.requests().len(), 0);
    assert_eq!(sessions(state.path()), []);
    let (terminal, _dir) = begin(&server, state.path(), &["ask", "-q", "report.txt"]);
    say(&terminal, "What is the first thing?", "Answer first of");
    let written = leave(terminal);
    assert!(!written.contains("remote tokens") && !written.contains("[1]"), "{written}");
    let (terminal, _dir) = program(&server, state.path())
        .env("TERM", "xterm")
        .args(["ask", "--slim"])
        .in_terminal(80, Given::default());
    let (code, written) = terminal.end();
    assert!(code == Some(2) && written.contains("only --json prints"), "{written}");
}

#[test]
fn what_was_stopped_or_forgotten_was_paid_all_the_same() {
    let door = Arc::<Mutex<()>>::default();
    let closed = door.lock().unwrap();
    let (server, state) = (server(&door), tempfile::tempdir().unwrap());
    let (terminal, _dir) = begin(&server, state.path(), &["ask", "report.txt"]);
    terminal.send("What is the slow thing?\r");
    terminal.shows("Answer slow of");
    terminal.send("\u{3}");
    terminal.shows("stopped; /retry asks again>");
    say(&terminal, "/egress", "besides your own words");
    say(&terminal, "/cost", "in this conversation:");
    assert!(!terminal.screen().contains("nothing left"), "{}", terminal.screen());
    assert!(!terminal.screen().contains("\n0 bytes left"), "{}", terminal.screen());
    drop(closed);
    say(&terminal, "What is the first thing?", "Answer first of");
    say(&terminal, "/undo", "forgotten:");
    leave(terminal);
    let (terminal, _dir) = begin(&server, state.path(), &["ask", "--continue"]);
    say(&terminal, "/cost", "in this conversation:");
    assert!(!terminal.screen().contains(": 0 remote tokens"), "{}", terminal.screen());
    leave(terminal);
}

#[test]
fn the_worker_is_asked_again_by_retry_and_save_keeps_what_it_said() {
    let (server, state) = (server(&Arc::default()), tempfile::tempdir().unwrap());
    let (terminal, _dir) = begin(&server, state.path(), &["ask", "report.txt"]);
    say(&terminal, "What is the first thing?", "Answer first of");
    let asked = || chats(&server, "worker").len();
    let first = asked();
    say(&terminal, "/retry", "Answer first of");
    assert!(asked() > first, "a bad reading can be read again");
    say(&terminal, "/save acme", "goes on with it");
    let before = asked();
    say(&terminal, "What is the first thing?", "Answer first of");
    assert_eq!(asked(), before, "the memo came along");
    leave(terminal);
    assert_eq!(sessions(state.path()), [("acme".to_owned(), 2)]);
}

#[test]
fn no_place_for_sessions_is_no_reason_not_to_talk() {
    let (server, state) = (server(&Arc::default()), tempfile::tempdir().unwrap());
    let file = state.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (terminal, _dir) = begin(&server, &file, &["ask", "report.txt"]);
    terminal.shows("warning: this conversation is not kept: ");
    say(&terminal, "What is the first thing?", "Answer first of");
    say(&terminal, "What is the second thing?", "Answer second of");
    say(&terminal, "/undo", "forgotten: What is the second thing?");
    say(&terminal, "/save acme", "--session-dir");
    leave(terminal);
    // A folder that was named has it.
    let named = state.path().join("named").display().to_string();
    let (terminal, _dir) = begin(&server, &file, &["ask", "--session-dir", &named, "report.txt"]);
    say(&terminal, "What is the first thing?", "Answer first of");
    leave(terminal);
    let ran = program(&server, &file)
        .args(["ask", "--session-dir", &named, "--continue", "What is the second thing?"])
        .run("");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("[1] ✓ report.txt"), "{}", ran.stderr);
}

#[test]
fn what_can_not_be_read_is_told_before_the_first_question() {
    let (server, state) = (server(&Arc::default()), tempfile::tempdir().unwrap());
    for args in
        [&["--context", "nix.pdf"][..], &["ask", "report.txt", "-"], &["ask", "report.txt", "nix.pdf"]]
    {
        let program = program(&server, state.path()).env("TERM", "xterm").args(args.iter().copied());
        let (terminal, _dir) = program.in_terminal(80, Given::default());
        let (code, written) = terminal.end();
        assert_eq!(code, Some(2), "{args:?} {written}");
        assert!(
            written.contains("no file nix.pdf") || written.contains("stdin is this terminal"),
            "{written}"
        );
    }
    let session = ["ask", "--session", "piped", "What is the first thing?"];
    let ran = program(&server, state.path()).args(session).run("It had a margin of 12.3 percent.");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let again =
        program(&server, state.path()).args(["ask", "--continue", "What is the second thing?"]).run("");
    assert_eq!(again.code, Some(2));
    assert!(
        again.stderr.contains("the session piped is about a text that was piped in")
            && again.stderr.contains("pipe it in again")
            && !again.stderr.contains("call_params"),
        "{}",
        again.stderr
    );
    let (terminal, _dir) = begin(&server, state.path(), &["ask", "--session", "piped"]);
    terminal.shows("warning: the session piped is about a text");
    say(&terminal, "/add report.txt ./report.txt nosuch", "1 report.txt");
    terminal.shows("there is no file nosuch");
    say(&terminal, "What is the second thing?", "Answer second of");
    leave(terminal);
}
