//! `minions chat`: messages in, one reply out; and `--while-open`, which ends what nobody waits for any more.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::program::{Program, Running, chats, client};
use crate::support::server::{Reply, Server};
use crate::support::wait::next;
use crate::support::wire::openai;

fn answering(text: &'static str) -> Server {
    Server::start(move |request| match request.json()["model"].as_str() {
        Some(_) => openai(request, text),
        None => Reply::text(404, "not found"),
    })
}

fn request(side: &str, client: Value) -> Value {
    let messages =
        json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who signed?"}]);
    json!({side: client, "messages": messages})
}

#[test]
fn either_side_replies_and_the_supervisors_call_is_in_the_ledger() {
    let server = answering("Ada.");
    for (side, model, calls) in [("local_client", "worker", 0), ("remote_client", "supervisor", 1)] {
        let mut asked = request(side, client(&server, model));
        asked["schema"] = json!({"type": "object", "properties": {"name": {"type": "string"}}});
        let ran = Program::new().args(["chat"]).run(asked.to_string());
        let result = ran.result();
        assert_eq!((&result["text"], &result["finish"]), (&json!("Ada."), &json!("stop")), "{result}");
        assert_eq!(result["usage"]["total_tokens"], 15);
        assert_eq!(result["client"]["model_name"], model);
        assert_eq!(result["egress"]["calls"].as_array().unwrap().len(), calls);
        let sent = chats(&server, model);
        let body = sent.last().unwrap();
        assert_eq!(body["messages"], asked["messages"]);
        assert_eq!(
            body["response_format"]["json_schema"]["schema"]["properties"],
            asked["schema"]["properties"]
        );
    }
}

#[test]
fn a_reply_is_recorded_and_replayed_and_limits_hold() {
    let server = answering("Ada.");
    let asked = request("remote_client", client(&server, "supervisor")).to_string();
    let tape = tempfile::tempdir().unwrap();
    let folder = tape.path().to_str().unwrap();
    Program::new().args(["chat", "--record", folder]).run(&asked).result();
    let before = chats(&server, "supervisor").len();
    let replayed = Program::new().args(["chat", "--replay", folder]).run(&asked);
    assert_eq!(replayed.result()["text"], "Ada.");
    assert_eq!(chats(&server, "supervisor").len(), before);
    let refused = Program::new().args(["chat", "--max-egress-bytes", "5"]).run(&asked).error(1);
    assert!(refused.contains("the budget is 5"), "{refused}");
}

#[test]
fn what_can_not_be_asked_is_told() {
    let side = json!({"type": "ollama"});
    let user = json!([{"role": "user", "content": "Who?"}]);
    for (asked, words) in [
        (json!({"messages": user}), "must have one client"),
        (json!({"local_client": side, "remote_client": side, "messages": user}), "must have one client"),
        (json!({"local_client": side, "messages": []}), "must end with one that is to be answered"),
        (
            json!({"local_client": side, "messages": [{"role": "robot", "content": "x"}]}),
            "unknown variant `robot`",
        ),
        (json!({"local_client": side, "messages": user, "mesages": 1}), "unknown field `mesages`"),
        (
            json!({"local_client": side, "messages": [user[0], {"role": "user", "content": [{"type": "text"}]}]}),
            "messages[1].content must be a text",
        ),
        (
            json!({"local_client": side, "messages": [user[0], {"role": "robot", "content": "x"}]}),
            "messages[1] can't be used: unknown variant `robot`",
        ),
        (json!({"local_client": side, "messages": [5]}), "messages[0] can't be used"),
        (json!({"local_client": side, "messages": 5}), "messages must be a list"),
        (json!([]), "expected an object with a client and messages"),
        (
            json!({"local_client": side, "messages": user, "schema": {"type": "string"}}),
            "whose type is object",
        ),
        (json!({"local_client": {"type": "olama"}, "messages": user}), "local_client.type"),
    ] {
        let error = Program::new().args(["chat"]).run(asked.to_string()).error(2);
        assert!(error.contains(words) && error.contains("Hint:"), "{error}");
    }
    let error = Program::new().args(["chat"]).run("{").error(2);
    assert!(error.contains("the request"), "{error}");
}

#[test]
fn a_job_ends_when_nobody_holds_the_pipe_any_more() {
    let (asked, waits) = std::sync::mpsc::sync_channel(100);
    let server = Server::start(move |request| match request.json()["model"].as_str() {
        Some(_) => {
            let _ = asked.try_send(());
            Reply::hang()
        }
        None => Reply::text(404, "not found"),
    });
    // The shell's `cat` holds the writing end as long as its stdin is open.
    let program = env!("CARGO_BIN_EXE_minions");
    let script = "exec 4<&0; cat <&4 | \"$0\" chat --while-open fd:3 \"$1\" 3<&0";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), request("local_client", client(&server, "worker")).to_string()).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", script, program]).arg(file.path());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Running::spawn(&mut command);
    next("the call", &waits);
    let mut held = child.stdin.take().unwrap();
    held.write_all(b"what is written counts for nothing\n").unwrap();
    drop(held);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(129));
    let envelope: Value = serde_json::from_slice(&output.stdout).unwrap();
    let error = envelope["error"].as_str().unwrap();
    assert!(error.contains("as --while-open fd:3 was closed"), "{error}");
    for (fd, words) in [("fd:1", "3 or more"), ("fd:77", "can't be read from")] {
        let error = Program::new().args(["chat", "--while-open", fd]).run("{}").error(2);
        assert!(error.contains(words), "{error}");
    }
}
