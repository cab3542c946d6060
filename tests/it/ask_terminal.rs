//! `minions ask` on a terminal: what somebody sees who looks at it.

use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::ask::{asking, script};
use crate::support::server::{Reply, Request, Server};
use crate::support::terminal::{Given, unbroken};
use crate::support::wire::{openai, openai_sse};

const ANSWER: &str = "The **margin** fell by two points to 12.3 percent, \u{1b}[2Jas the report 中文 says on its page 40 \u{1f600}.";
/// Stands between the words that come at once and those behind the door.
const HALF: &str = "two";

/// A server whose supervisor stops in the middle of its answer as long as `door` is locked.
fn server(door: &Arc<Mutex<()>>) -> Server {
    let (door, script) = (Arc::clone(door), Mutex::new(script(ANSWER).into_iter()));
    Server::start(move |request: &Request| match request.json()["model"].as_str() {
        Some("worker") => {
            let reply = json!({"explanation": "e", "citation": "margin of 12.3 percent", "answer": "12.3"});
            openai(request, &reply.to_string())
        }
        Some(_) => {
            let text = script.lock().unwrap().next().unwrap();
            let words: Vec<&str> = text.split(' ').collect();
            let reply = openai_sse(&text);
            match words.iter().position(|word| *word == HALF) {
                // The first chunk has the role alone.
                Some(at) => reply.held(at + 2, &door),
                None => reply,
            }
        }
        None => Reply::text(404, "not found"),
    })
}

/// Shows the answer while half of it is still to come; gives all that was written, and what is on the screen.
fn watched(columns: u16, variables: &[(&str, &str)]) -> (String, String) {
    let door = Arc::default();
    let closed = Mutex::lock(&door).unwrap();
    let server = server(&door);
    let program = variables.iter().fold(asking(&server), |program, (name, value)| program.env(name, value));
    std::fs::write(program.dir.path().join("report.txt"), "It had a margin of 12.3 percent.").unwrap();
    let script = format!("exec {} ask 'By how much?' < report.txt", env!("CARGO_BIN_EXE_minions"));
    let (terminal, _dir) = program.through_shell(&script).in_terminal(columns, Given::default());
    terminal.shows("fell by two");
    assert!(!terminal.screen().contains("percent"), "{}", terminal.screen());
    drop(closed);
    terminal.shows("of the text left");
    let screen = terminal.screen();
    let (code, written) = terminal.end();
    assert_eq!(code, Some(0), "{written}");
    (written, screen)
}

#[test]
fn the_answer_comes_while_it_is_written() {
    let (written, screen) = watched(100, &[("TERM", "xterm")]);
    let answer = ANSWER.replace('\u{1b}', "␛");
    assert!(unbroken(&screen).contains(&unbroken(&answer)), "{screen}");
    assert!(unbroken(&screen).contains(&unbroken("[1] ✓ stdin \"margin of 12.3 percent\"")), "{screen}");
    assert!(screen.starts_with("The **margin** fell"), "no progress is left behind: {screen}");
    assert!(written.contains("\u{1b}[1mmargin"), "{written:?}");
    assert!(written.contains("getting ready"), "progress was shown: {written:?}");
    assert!(!written.contains("\u{1b}[2J") && !written.contains("INFO"), "{written:?}");
}

#[test]
fn a_narrow_terminal_shows_all_of_it() {
    let (_, screen) = watched(20, &[("TERM", "xterm")]);
    let answer = ANSWER.replace('\u{1b}', "␛");
    assert!(unbroken(&screen).contains(&unbroken(&answer)), "{screen}");
    assert!(screen.starts_with("The **margin** fell"), "{screen}");
}

#[test]
fn no_colour_means_none() {
    let (written, _) = watched(80, &[("TERM", "xterm"), ("NO_COLOR", "1")]);
    assert!(!written.replace("\r\u{1b}[K", "").contains('\u{1b}'), "{written:?}");
}

#[test]
fn a_dumb_terminal_gets_text() {
    for variables in [&[("TERM", "dumb")][..], &[]] {
        let (written, screen) = watched(80, variables);
        assert!(!written.contains('\u{1b}'), "{written:?}");
        assert!(unbroken(&screen).contains(&unbroken("12.3 percent")), "{screen}");
    }
}

#[test]
fn ctrl_c_stops_the_answer() {
    let door = Arc::default();
    let closed = Mutex::lock(&door).unwrap();
    let server = server(&door);
    let program = asking(&server).env("TERM", "xterm");
    std::fs::write(program.dir.path().join("report.txt"), "It had a margin of 12.3 percent.").unwrap();
    let script = format!("exec {} ask 'By how much?' < report.txt", env!("CARGO_BIN_EXE_minions"));
    let (terminal, _dir) = program.through_shell(&script).in_terminal(80, Given::default());
    terminal.shows("fell by two");
    terminal.send("\u{3}");
    terminal.shows("[stopped]");
    let (code, written) = terminal.end();
    drop(closed);
    assert_eq!(code, Some(130), "{written}");
    assert!(written.contains("was stopped by SIGINT"), "{written}");
}
