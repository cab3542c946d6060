//! A conversation on a terminal, as somebody has it: questions, commands, Ctrl-C, other sizes, terminals that can less.

use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::ask::{asking, script};
use crate::support::program::{Program, read_json};
use crate::support::server::{Reply, Request, Server};
use crate::support::terminal::{Given, Terminal, unbroken};
use crate::support::wait::until;
use crate::support::wire::{openai, openai_sse};

const REPORT: &str = "The fleet had forty ships.\nIt had a margin of 12.3 percent.\n";

/// The keys of the reply that the supervisor is asked for.
fn keys(request: &Request) -> String {
    request.json()["response_format"].to_string()
}

/// The question in a prompt.
fn question(request: &Request) -> String {
    let prompt = request.prompt();
    let asked = [
        "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "slow",
    ];
    asked
        .into_iter()
        .filter_map(|word| Some((prompt.rfind(&format!("the {word} thing"))?, word)))
        .max()
        .unwrap()
        .1
        .to_owned()
}

/// A server that answers question X with "Answer X."; the slow one stops in the middle of it as long as `door` is locked.
pub(crate) fn server(door: &Arc<Mutex<()>>) -> Server {
    let door = Arc::clone(door);
    Server::start(move |request: &Request| {
        if request.json()["model"] == "worker" {
            let reply = json!({"explanation": "e", "citation": "a margin of 12.3 percent", "answer": "12.3"});
            return openai(request, &reply.to_string());
        }
        if request.json()["messages"].is_null() {
            return Reply::text(404, "not found");
        }
        let asked = question(request);
        match keys(request) {
            keys if keys == "null" => openai(request, &script("")[0]),
            keys if keys.contains("refers_to") => {
                let task = format!("What is the {asked} thing?");
                openai(request, &json!({"refers_to": null, "task": task}).to_string())
            }
            _ => {
                let text = script(&format!("Answer {asked} of **many** words.")).remove(1);
                let at = text.split(' ').position(|word| word == "**many**").unwrap();
                let reply = openai_sse(&text);
                if asked == "slow" { reply.held(at + 1, &door) } else { reply }
            }
        }
    })
}

pub(crate) fn program(server: &Server, state: &Path) -> Program {
    let program = asking(server).env("XDG_STATE_HOME", state.to_str().unwrap());
    std::fs::write(program.dir.path().join("report.txt"), REPORT).unwrap();
    std::fs::write(program.dir.path().join("two words.txt"), "Nothing is here.").unwrap();
    program
}

/// Types a line at the prompt and waits until `text` is shown and the prompt is back.
#[track_caller]
pub(crate) fn say(terminal: &Terminal, line: &str, text: &str) {
    let prompts = || terminal.screen().lines().filter(|line| line.starts_with('>')).count();
    let before = prompts();
    terminal.send(&format!("{line}\r"));
    terminal.shows(text);
    until("the next prompt", || prompts() > before);
}

#[test]
fn ten_turns_on_a_terminal() {
    let door = Arc::default();
    let closed = Mutex::lock(&door).unwrap();
    let (server, state) = (server(&door), tempfile::tempdir().unwrap());
    let program = program(&server, state.path()).env("TERM", "xterm").args(["ask", "report.txt"]);
    let (terminal, dir) = program.in_terminal(100, Given::default());
    terminal.shows("report.txt · openai/worker and openai/supervisor · /help>");
    say(&terminal, "What is the first thing?", "Answer first of **many** words.[1] ✓ report.txt");
    say(&terminal, "/add 'two words.txt'", "2 two words.txt");
    say(&terminal, "/open 1", "It had a margin of 12.3 percent.");
    assert!(terminal.screen().contains("The fleet had forty ships."), "{}", terminal.screen());
    say(&terminal, "What is the second thing?", "Answer second of");
    say(&terminal, "/sources", "\"a margin of 12.3 percent\"");
    say(&terminal, "/fils", "there is no /fils: did you mean /files?");
    say(&terminal, "/drop 2", "1 report.txt");
    terminal.send("What is the slow thing?\r");
    terminal.shows("Answer slow of");
    terminal.send("\u{3}");
    terminal.shows("[stopped]stopped; /retry asks again>");
    drop(closed);
    say(&terminal, "/retry", "Answer slow of **many** words.");
    say(&terminal, "What is the third\\\rthing? No, the fourth thing?", "Answer fourth of");
    terminal.resize(20, 30);
    say(&terminal, "What is the fifth thing?", "Answer fifth of **many** words.");
    say(&terminal, "/help", "/add FILE...");
    terminal.resize(100, 40);
    say(&terminal, "/rounds 2", "2 rounds");
    say(&terminal, "/model remote openai/other", "openai/worker reads, openai/other answers");
    say(&terminal, "What is the sixth thing?", "Answer sixth of");
    say(&terminal, "/protocol minions", "minions");
    say(&terminal, "What is the seventh thing?", "Answer seventh of");
    say(&terminal, "/undo", "forgotten: What is the seventh thing?");
    say(&terminal, "/cost", "in this conversation:");
    say(&terminal, "What is the eighth thing?", "Answer eighth of");
    say(&terminal, "/egress", "bytes to openai");
    say(&terminal, "/export job.json", "minions job.json");
    say(&terminal, "/export job.json", "can't be written");
    say(&terminal, "/save acme", "minions ask --session acme goes on with it");
    say(&terminal, "What is the ninth thing?", "Answer ninth of");
    terminal.send("\u{4}");
    let (code, written) = terminal.end();
    assert_eq!(code, Some(0), "{written}");

    let job = read_json(&dir.path().join("job.json"));
    assert_eq!(job["call_params"]["task"], "What is the eighth thing?");
    let said: Vec<&str> = turns(&job).collect();
    assert_eq!(said.len(), 6, "{said:?}");
    assert!(!said.contains(&"What is the seventh thing?"), "{said:?}");
    let sessions: Vec<_> = std::fs::read_dir(state.path().join("minions/sessions")).unwrap().collect();
    assert!(sessions.iter().any(|file| file.as_ref().unwrap().file_name() == "acme.jsonl"), "{sessions:?}");
    let history = std::fs::read_to_string(state.path().join("minions/history")).unwrap();
    assert!(history.contains("What is the first thing?"), "{history}");
}

fn turns(job: &Value) -> impl Iterator<Item = &str> {
    job["call_params"]["history"]["turns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|turn| turn["query"].as_str().unwrap())
}

#[test]
fn a_conversation_goes_on_another_day() {
    let (server, state) = (server(&Arc::default()), tempfile::tempdir().unwrap());
    let start =
        |args: &[&str]| program(&server, state.path()).env("TERM", "xterm").args(args.iter().copied());
    let (terminal, dir) = start(&["ask", "report.txt"]).in_terminal(80, Given::default());
    terminal.shows("/help>");
    say(&terminal, "What is the first thing?", "Answer first of");
    terminal.send("exit\r");
    assert_eq!(terminal.end().0, Some(0));
    let (terminal, _dir) = start(&["ask", "--continue"]).in_terminal(80, Given::default());
    terminal.shows("1 question so far");
    terminal.shows("/help>");
    say(&terminal, "/files", "report.txt");
    say(&terminal, "What is the second thing?", "Answer second of");
    terminal.send("\u{3}");
    terminal.shows("Ctrl-C again leaves");
    terminal.send("\u{3}");
    assert_eq!(terminal.end().0, Some(0));
    let ran = start(&["ask", "--continue", "What is the third thing?"]).run("");
    assert_eq!((ran.code, &*ran.stdout), (Some(0), "Answer third of **many** words.\n"), "{}", ran.stderr);
    drop(dir);
}

#[test]
fn terminals_that_can_less() {
    for variables in [&[("TERM", "dumb")][..], &[("TERM", "xterm"), ("NO_COLOR", "1")]] {
        let (server, state) = (server(&Arc::default()), tempfile::tempdir().unwrap());
        // Without a file, or in the original's form.
        let args: &[&str] = if variables.len() == 1 { &["ask"] } else { &["--context", "report.txt"] };
        let program = program(&server, state.path()).args(args.iter().copied());
        let program = variables.iter().fold(program, |program, (name, value)| program.env(name, value));
        let (terminal, _dir) = program.in_terminal(40, Given::default());
        terminal.shows("/help>");
        terminal.send("/add report.txt\r");
        terminal.shows("1 report.txt");
        terminal.send("What is the first thing?\r");
        terminal.shows("Answer first of **many** words.");
        terminal.shows("of the text left>");
        terminal.send("/open 1\r");
        terminal.shows(">>>a margin of 12.3 percent<<<.>");
        terminal.send("\u{4}");
        let screen = terminal.screen();
        let (code, written) = terminal.end();
        assert_eq!(code, Some(0), "{screen}");
        assert!(!written.contains("\u{1b}[1m") && !written.contains("\u{1b}[2m"), "{written:?}");
        if variables[0].1 == "dumb" {
            assert!(!written.contains('\u{1b}'), "{written:?}");
        }
        assert!(unbroken(&screen).contains("[1]✓report.txt"), "{screen}");
    }
}

#[test]
fn the_terminal_going_away_ends_it() {
    let (server, state) = (server(&Arc::default()), tempfile::tempdir().unwrap());
    let program = program(&server, state.path()).env("TERM", "xterm").args(["ask", "report.txt"]);
    let (terminal, _dir) = program.in_terminal(80, Given::default());
    terminal.shows("/help>");
    terminal.terminate();
    let (code, written) = terminal.end();
    assert_eq!(code, Some(143), "{written}");
}

#[test]
fn a_pipe_begins_no_conversation() {
    let (server, state) = (server(&Arc::default()), tempfile::tempdir().unwrap());
    let program = program(&server, state.path()).env("TERM", "xterm").args(["ask", "report.txt"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let given = Given { stdout: Some(writer.into()), ..Given::default() };
    let (terminal, _dir) = program.in_terminal(80, given);
    let (code, written) = terminal.end();
    assert_ne!(code, Some(0), "{written}");
    assert!(!written.contains("panicked"), "{written}");
}
