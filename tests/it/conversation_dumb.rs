//! Conversations on a terminal that can't be drawn on: what is pasted, and Ctrl-C.

use std::sync::Arc;

use crate::conversation::{program, say, server};
use crate::support::program::chats;
use crate::support::terminal::{Given, Terminal};

fn dumb(state: &std::path::Path, server: &crate::support::server::Server) -> (Terminal, tempfile::TempDir) {
    // A line of progress may stand in the midst of an answer there.
    let program = program(server, state).env("TERM", "dumb").args(["ask", "-q", "report.txt"]);
    let (terminal, dir) = program.in_terminal(80, Given::default());
    terminal.shows("/help>");
    (terminal, dir)
}

#[test]
fn a_pasted_text_is_one_question() {
    // With an end of its last line, and without one, which somebody types then.
    for (pasted, typed) in [
        ("What is\nthe first thing?\nShips, I mean.\n", ""),
        ("What is\nthe first thing?\nShips, I mean.", "\r"),
    ] {
        let (server, state) = (server(&Arc::default()), tempfile::tempdir().unwrap());
        let (terminal, _dir) = dumb(state.path(), &server);
        terminal.send(pasted);
        if !typed.is_empty() {
            terminal.shows("Ships, I mean.");
            terminal.send(typed);
        }
        terminal.shows("Answer first of **many** words.>");
        let asked = chats(&server, "supervisor")[0].to_string();
        assert!(asked.contains("What is\\nthe first thing?\\nShips, I mean."), "{asked}");
        say(&terminal, "What is the second thing?", "Answer second of");
        terminal.send("\u{4}");
        assert_eq!(terminal.end().0, Some(0));
    }
}

#[test]
fn ctrl_c_at_the_prompt_leaves_the_second_time() {
    let (server, state) = (server(&Arc::default()), tempfile::tempdir().unwrap());
    let (terminal, _dir) = dumb(state.path(), &server);
    terminal.send("half a question\u{3}");
    terminal.shows("Ctrl-C again leaves, and so does Ctrl-D>");
    say(&terminal, "What is the first thing?", "Answer first of");
    terminal.send("\u{3}");
    terminal.shows("words.>^CCtrl-C again leaves, and so does Ctrl-D>");
    terminal.send("\u{3}");
    assert_eq!(terminal.end().0, Some(0));
}
