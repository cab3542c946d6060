//! OpenAI's dialect, as its clients speak it.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::JSON;
use super::clients::{KEY, PROGRAM, answer, ask, serving};
use crate::support::program::{chats, scripted};
use crate::support::server::{Reply, Server};
use crate::support::wait::until;
use crate::support::wire::openai;

/// A supervisor with this script, and a worker that knows who signed.
fn models(script: &[String]) -> Server {
    scripted(script.to_vec(), |request| {
        openai(request, r#"{"explanation": "it says so", "citation": "Signed by Ada", "answer": "Ada"}"#)
    })
}

fn user(content: Value) -> Value {
    json!([{"role": "user", "content": content}])
}

fn file(text: &str) -> Value {
    use base64::Engine;
    let data = base64::engine::general_purpose::STANDARD.encode(text);
    json!({"type": "file", "file": {"filename": "deed.txt", "file_data": format!("data:text/plain;base64,{data}")}})
}

#[test]
fn pairs_with_protocols_are_the_models() {
    let serving = serving(&models(&[]), &[]);
    let models = serving.get("/v1/models").with(200);
    let names: Vec<&str> =
        models["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(names, ["minion", "minions", "remote_only", "local_only", "auto"]);
    assert_eq!(serving.get("/v1/models/minions").with(200)["object"], "model");
    assert_eq!(serving.get("/v1/models/gpt-4o").with(404)["error"]["code"], "model_not_found");
}

#[test]
fn each_pair_of_the_operator_is_offered_with_each_protocol() {
    let server = models(&[ask("Who signed?"), answer("Ada")]);
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("serve.toml");
    let pairs = "[pairs.cheap]\nlocal = \"vllm/worker\"\nremote = \"openai/mini\"\n\n[pairs.good]\nlocal = \"vllm/worker\"\n\
                 remote = \"openai/large\"\n";
    std::fs::write(&config, pairs).unwrap();
    let serving = serving(&server, &["--config", config.to_str().unwrap()]);
    let body = json!({"model": "good/minion", "messages": user(json!("Who signed?"))});
    assert_eq!(serving.post("/v1/chat/completions", &body).with(200)["model"], "good/minion");
    assert_eq!(chats(&server, "large").len(), 2);
    assert_eq!(serving.get("/v1/models/cheap/auto").with(200)["id"], "cheap/auto");
}

#[test]
fn a_completion_has_answer_sources_usage_and_ledger() {
    let server = models(&[PROGRAM.to_owned(), answer("Ada signed.")]);
    let serving = serving(&server, &[]);
    let content = json!([file("The deed. Signed by Ada in Brest."), {"type": "text", "text": "Who signed?"}]);
    let messages = json!([{"role": "user", "name": "bob", "content": content}]);
    let body = json!({"model": "minions", "messages": messages, "temperature": 0.5, "user": "u1",
                      "metadata": {"chat": "7"}});
    let reply = serving.post("/v1/chat/completions", &body);
    let completion = reply.with(200);
    let message = &completion["choices"][0]["message"];
    let content = message["content"].as_str().unwrap();
    assert!(content.starts_with("Ada signed.\n\n**Sources**\n"), "{content}");
    assert!(content.contains("1. ✓ deed.txt") && content.contains("“Signed by Ada”"), "{content}");
    assert_eq!(completion["choices"][0]["finish_reason"], "stop");
    let own = &completion["minions"];
    let (remote, local) = (&own["usage"]["remote"]["total_tokens"], &own["usage"]["local"]["total_tokens"]);
    let all = remote.as_u64().unwrap() + local.as_u64().unwrap();
    assert_eq!(completion["usage"]["total_tokens"], all);
    assert_eq!((&own["status"], &own["protocol"]), (&json!("answered"), &json!("minions")));
    let without_effect = json!(["user", "messages[].name"]);
    assert_eq!((&own["metadata"], &own["without_effect"]), (&json!({"chat": "7"}), &without_effect));
    assert_eq!(own["evidence"][0]["verified"], true);
    assert!(own["egress"]["bytes"].as_u64().unwrap() > 0);
    // The supervisor never saw the document, and got the parameter.
    let remote = chats(&server, "supervisor");
    assert!(remote.iter().all(|body| !body.to_string().contains("in Brest") && body["temperature"] == 0.5));
    // The run is one like any other, and the file that a message held is gone.
    let run = serving.get(&format!("/v1/runs/{}", own["run"].as_str().unwrap())).with(200);
    assert_eq!((&run["state"], reply.header("x-minions-run")), (&json!("done"), own["run"].as_str()));
    assert_eq!(serving.get("/v1/files").with(200)["data"], json!([]));
}

#[test]
fn a_stream_brings_progress_then_the_answer_then_the_usage() {
    let server = models(&[ask("Who signed?"), answer("Ada signed the deed.")]);
    let serving = serving(&server, &[]);
    let body = json!({"model": "minion", "stream": true, "stream_options": {"include_usage": true},
                      "messages": user(json!([file("Signed by Ada."), {"type": "text", "text": "Who signed?"}]))});
    let frames = serving.frames("/v1/chat/completions", &body);
    let (done, frames) = frames.split_last().unwrap();
    assert_eq!(done, "[DONE]");
    let chunks: Vec<Value> = frames.iter().map(|frame| serde_json::from_str(frame).unwrap()).collect();
    let text = |key: &str| {
        chunks.iter().filter_map(|one| one["choices"][0]["delta"][key].as_str()).collect::<String>()
    };
    assert_eq!(text("content"), "Ada signed the deed.");
    let thought = text("reasoning_content");
    assert!(thought.contains("Round 1") && thought.contains("The worker says"), "{thought}");
    let first = |key: &str| chunks.iter().position(|one| !one["choices"][0]["delta"][key].is_null()).unwrap();
    assert_eq!(first("role"), 0);
    let answered = chunks.iter().position(|one| one["choices"][0]["delta"]["content"] == "Ada");
    assert!(answered.is_some(), "the answer comes word by word, as the supervisor writes it: {frames:#?}");
    let (usage, chunks) = chunks.split_last().unwrap();
    assert_eq!((&usage["choices"], usage["usage"]["total_tokens"].is_u64()), (&json!([]), true));
    let last = chunks.last().unwrap();
    assert_eq!(
        (&last["choices"][0]["finish_reason"], &last["minions"]["status"]),
        (&json!("stop"), &json!("answered"))
    );
    assert!(chunks.iter().all(|one| one["id"] == last["id"] && one["object"] == "chat.completion.chunk"));
}

#[test]
fn what_was_said_before_and_instructions_come_along() {
    let understood = json!({"refers_to": "Ada", "task": "When did Ada sign?"}).to_string();
    let server = models(&[understood, ask("When?"), answer("In 1912")]);
    let serving = serving(&server, &[]);
    let messages = json!([
        {"role": "system", "content": "Answer with a year."},
        {"role": "user", "content": "Who signed?"},
        {"role": "assistant", "content": "Ada\n\n**Sources**\n\n1. ✓ deed.txt: “Signed by Ada”"},
        {"role": "user", "content": "And when?"},
    ]);
    let body =
        json!({"model": "minion", "messages": messages, "minions": {"context": ["Signed by Ada in 1912."]}});
    let completion = serving.post("/v1/chat/completions", &body).with(200);
    assert_eq!(completion["choices"][0]["message"]["content"], "In 1912");
    let told = chats(&server, "supervisor").iter().map(ToString::to_string).collect::<String>();
    assert!(told.contains("Who signed?") && told.contains("Answer with a year."), "{told}");
    assert!(!told.contains("**Sources**"), "{told}");
}

#[test]
fn documents_in_the_text_stay_here() {
    let server = models(&[PROGRAM.to_owned(), answer("Ada")]);
    let serving = serving(&server, &[]);
    let text = "### Task:\nRespond to the query (e.g., <source id=\"1\">).\n\n<context>\n<source id=\"1\" name=\"deed.pdf\">A secret \
                deed. Signed by Ada.</source>\n</context>\n\nWho signed?";
    let body = json!({"model": "minions", "messages": user(json!(text))});
    let own = serving.post("/v1/chat/completions", &body).with(200)["minions"].clone();
    assert_eq!(
        (&own["question"], &own["evidence"][0]["source"]),
        (&json!("Who signed?"), &json!("deed.pdf"))
    );
    let remote = chats(&server, "supervisor");
    assert!(remote.iter().all(|body| !body.to_string().contains("secret")), "{remote:#?}");
}

#[test]
fn a_chat_about_nothing_runs_no_program() {
    let server = models(&[ask("What is it about?"), answer("Deeds and signatures")]);
    let serving = serving(&server, &[]);
    let body = json!({"model": "minions", "messages": user(json!("### Task:\nGive this chat a title.")), "max_tokens": 2});
    let completion = serving.post("/v1/chat/completions", &body).with(200);
    assert_eq!(completion["minions"]["protocol"], "minion");
    let choice = &completion["choices"][0];
    assert_eq!(
        (&choice["message"]["content"], &choice["finish_reason"]),
        (&json!("Deeds an"), &json!("length"))
    );
}

#[test]
fn a_client_that_goes_away_ends_its_run() {
    for stream in [false, true] {
        let server = Server::start(|request| match request.json()["model"].as_str() {
            Some(_) => Reply::hang(),
            None => Reply::text(404, "not found"),
        });
        let serving = serving(&server, &[]);
        let body = json!({"model": "minion", "stream": stream, "messages": user(json!("Who signed?"))});
        let body = body.to_string();
        let address = serving.address;
        let mut connection = std::net::TcpStream::connect(address).unwrap();
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n"
        );
        let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        connection.write_all(request.as_bytes()).unwrap();
        until("the call of the supervisor", || chats(&server, "supervisor").len() == 1);
        drop(connection);
        until("the end of the call", || server.hung_up() == 1);
        let state = || serving.get("/v1/runs").with(200)["data"][0]["state"].clone();
        until("the end of the run", || state() == "cancelled");
        assert_eq!(chats(&server, "supervisor").len(), 1, "nothing is asked after");
    }
}

#[test]
fn what_can_not_be_had_is_refused_by_its_name() {
    let server = models(&[]);
    let serving = serving(&server, &[]);
    let messages = user(json!("Who signed?"));
    for (extra, param) in [
        (json!({"n": 2}), "n"),
        (json!({"tools": [{"type": "function"}]}), "tools"),
        (json!({"logprobs": true}), "logprobs"),
        (json!({"response_format": {"type": "json_object"}}), "response_format"),
        (json!({"temprature": 1}), "temprature"),
        (json!({"minions": {"doc_metadata": 4}}), "minions.doc_metadata"),
        (json!({"minions": {"context_files": ["/etc/passwd"]}}), "minions.context_files[0]"),
        (json!({"minions": {"budget": {"usd": "x"}}}), "minions.budget.usd"),
        (
            json!({"messages": user(json!([{"type": "file", "file": {"file_id": "file-0"}}, {"type": "text", "text": "?"}]))}),
            "messages[0].content[0].file.file_id",
        ),
        (json!({"messages": []}), "messages"),
        (json!({"model": "gpt-4o"}), "model"),
    ] {
        let mut body = json!({"model": "minions", "messages": messages});
        for (key, value) in extra.as_object().unwrap() {
            body[key] = value.clone();
        }
        let refused = serving.post("/v1/chat/completions", &body);
        assert!((400..500).contains(&refused.status), "{body}");
        assert_eq!(refused.json()["error"]["param"], param, "{body} {}", refused.text());
    }
    assert_eq!(chats(&server, "supervisor").len(), 0);
    assert!(
        serving.get("/v1/runs").with(200)["data"].as_array().unwrap().is_empty(),
        "none of them is a run"
    );
}

#[test]
fn a_run_that_fails_is_told_and_not_paid_again() {
    let server = scripted(vec![], |request| openai(request, "?"));
    let serving = serving(&server, &[]);
    let mut body = json!({"model": "remote_only", "messages": user(json!("Who signed?"))});
    let failed = serving.post("/v1/chat/completions", &body);
    assert_eq!((failed.status, failed.header("x-should-retry")), (502, Some("false")));
    assert!(
        failed.json()["error"]["message"].as_str().unwrap().contains("the script is over"),
        "{}",
        failed.text()
    );
    body["stream"] = true.into();
    let frames = serving.frames("/v1/chat/completions", &body);
    let [.., error, done] = &frames[..] else { panic!("{frames:?}") };
    let error: Value = serde_json::from_str(error).unwrap();
    assert_eq!((&error["error"]["type"], done.as_str()), (&json!("server_error"), "[DONE]"));
    assert!(!failed.text().contains(KEY) && !frames.concat().contains(KEY));
}

#[test]
fn the_first_chunk_waits_for_no_model() {
    let held = Arc::new(Mutex::new(()));
    let lock = held.lock().unwrap();
    let gate = Arc::clone(&held);
    let slow = Server::start(move |request| {
        drop(gate.lock());
        if request.json()["model"].is_null() { Reply::text(404, "") } else { openai(request, &answer("Ada")) }
    });
    let serving = serving(&slow, &[]);
    let body = json!({"model": "minion", "stream": true, "messages": user(json!("Who signed?"))});
    let body = body.to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n{JSON}",
        serving.address
    );
    let mut connection = serving.connect();
    let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    connection.write_all(request.as_bytes()).unwrap();
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains("\"role\":\"assistant\"") {
        let mut piece = [0; 1024];
        let length = connection.read(&mut piece).unwrap();
        assert!(length > 0, "{}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&piece[..length]);
    }
    drop(lock);
    connection.read_to_end(&mut read).unwrap();
    assert!(String::from_utf8_lossy(&read).contains("data: [DONE]"));
}

#[test]
fn a_limit_holds_for_the_answer_that_counts() {
    let tries = AtomicUsize::new(0);
    let server = Server::start(move |request| {
        let body = request.json();
        let said = |text: &str| {
            openai(request, &format!("{{\"decision\": \"provide_final_answer\", \"answer\": \"{text}\"}}"))
        };
        match body["model"].as_str() {
            Some("worker") => openai(request, "It rose."),
            Some(_) if !body["messages"].to_string().contains("\"assistant\"") => {
                openai(request, &ask("Did it?"))
            }
            Some(_) if tries.fetch_add(1, SeqCst) == 0 => {
                let whole = said("It fell by two percent in the year before.");
                let keep = whole.chunks() - 5;
                whole.cut_after(keep)
            }
            Some(_) => said("It rose."),
            None => Reply::text(404, "not found"),
        }
    });
    let serving = serving(&server, &[]);
    for (limit, text, end) in [(2, "It rose.", "stop"), (1, "It r", "length")] {
        let body = json!({"model": "minion", "stream": true, "max_tokens": limit, "messages": user(json!("Did it fall?"))});
        let frames = serving.frames("/v1/chat/completions", &body);
        let chunks: Vec<Value> = frames.iter().filter_map(|frame| serde_json::from_str(frame).ok()).collect();
        let content: String =
            chunks.iter().filter_map(|one| one["choices"][0]["delta"]["content"].as_str()).collect();
        let last = chunks.last().unwrap();
        assert_eq!((&*content, &last["choices"][0]["finish_reason"]), (text, &json!(end)), "{frames:#?}");
    }
}
