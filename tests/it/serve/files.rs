//! Uploads: forms, names, sizes, what cannot be read.

use std::io::Write;

use serde_json::{Value, json};

use super::{Answer, Service, ada, file, instant, job, models, with_models};
use crate::support::program::Program;
use crate::support::wait::until;
use crate::support::wire::openai;

const FORM: &str = "Content-Type: multipart/form-data; boundary=xyz\r\n";

fn form(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, content) in files {
        let head =
            format!("--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
        form.extend_from_slice(head.as_bytes());
        form.extend_from_slice(content);
        form.extend_from_slice(b"\r\n");
    }
    form.extend_from_slice(b"--xyz--\r\n");
    form
}

fn upload(service: &Service, files: &[(&str, &[u8])]) -> Answer {
    service.ask("POST", "/v1/files", FORM, form(files))
}

#[test]
fn an_upload_is_read_and_a_job_reads_it() {
    let models = models(|request| {
        assert!(request.prompt().contains("Signed by Ada on 3 May."), "{}", request.prompt());
        openai(request, &ada())
    });
    let service = Service::of(&models);
    let uploaded = upload(&service, &[("log.txt", b"Signed by Ada on 3 May.")]).json();
    assert_eq!(
        (&uploaded["object"], &uploaded["filename"], &uploaded["bytes"]),
        (&json!("file"), &json!("log.txt"), &json!(23))
    );
    assert_eq!(uploaded["minions"]["documents"][0]["chars"], 23);
    let id = uploaded["id"].as_str().unwrap();
    let job = job("local_only", json!({"task": "Who signed?", "file_ids": [id]}));
    let sent = service.send(&job);
    service.until(&sent, "done");
    let envelope = service.get(&format!("/v1/runs/{sent}")).json()["envelope"].take();
    assert_eq!(envelope["result"]["evidence"][0]["source"], "log.txt", "{envelope}");
    // What a run has read stays for as long as the run does.
    assert_eq!(service.ask("DELETE", &format!("/v1/files/{id}"), "", "").json()["deleted"], true);
    service.get(&format!("/v1/files/{id}")).error(404);
    let document = service.get(&format!("/v1/runs/{sent}/documents/0")).json();
    assert_eq!(
        (&document["name"], &document["text"]),
        (&json!("log.txt"), &json!("Signed by Ada on 3 May."))
    );
    service.post("/v1/runs", &job).error(404);
}

#[test]
fn several_files_come_at_once() {
    let service = Service::start(Program::new());
    let both = upload(&service, &[("a.txt", b"One."), ("b.md", b"# Two\n\nWords.")]).json();
    assert_eq!(both["data"].as_array().unwrap().len(), 2);
    let id = both["data"][1]["id"].as_str().unwrap();
    let text = service.get(&format!("/v1/files/{id}/text")).json();
    assert_eq!(text["documents"][0]["name"], "b.md");
    assert_eq!(service.get(&format!("/v1/files/{id}/text?document=b.md")).json(), text);
    service.get(&format!("/v1/files/{id}/text?document=other")).error(404);
    let content = service.get(&format!("/v1/files/{id}/content"));
    assert_eq!(content.body, b"# Two\n\nWords.");
    assert_eq!(content.header("content-disposition"), Some("attachment"));
    assert_eq!(service.get("/v1/files").json()["data"].as_array().unwrap().len(), 2);
}

#[test]
fn a_name_leads_nowhere() {
    let service = Service::start(Program::new());
    for (name, label) in [
        ("../../../../tmp/evil.txt", "tmp/evil.txt"),
        ("/etc/passwd", "etc/passwd"),
        ("..\\\\..\\\\a.txt", "a.txt"),
        ("src/main.rs", "src/main.rs"),
        ("..", "document"),
    ] {
        let uploaded = upload(&service, &[(name, b"Words.")]);
        assert_eq!(uploaded.json()["filename"], label, "{name}");
    }
    assert!(!std::path::Path::new("/tmp/evil.txt").exists());
}

#[test]
fn what_cannot_be_read_is_refused_by_name() {
    let service = Service::start(Program::new());
    for (name, bytes) in [
        ("a.pdf", &b"%PDF-1.4 nothing"[..]),
        ("b.pdf", b"plainly no document"),
        ("c.bin", b"\x00\x01\x02\x03\x04\x05\xff\xfe"),
    ] {
        let error = upload(&service, &[("good.txt", b"Words."), (name, bytes)]).error(422);
        assert!(error["message"].as_str().unwrap().contains(name), "{error}");
        assert!(error["hint"].is_string(), "{error}");
    }
    // Nothing of such a request is kept.
    assert_eq!(service.get("/v1/files").json()["data"], json!([]));
}

#[test]
fn what_is_too_large_is_refused_as_it_comes() {
    let (_dir, config) = file(
        "serve.toml",
        "[limits]\nupload_bytes = 1000\nowner_bytes = 3000\nowner_files = 2\nbody_bytes = 500\n",
    );
    let service = Service::start_with(Program::new(), &["--config", &config]);
    assert_eq!(upload(&service, &[("a.txt", &[b'a'; 1001])]).error(413)["code"], "too_large");
    assert_eq!(upload(&service, &[("a.txt", &[b'a'; 900])]).status, 200);
    // The text that is read of a file lies there as well, and counts.
    let error = upload(&service, &[("b.txt", &[b'b'; 900])]).error(413);
    assert_eq!(error["code"], "quota", "{error}");
    assert_eq!(upload(&service, &[("b.txt", &[b'b'; 100])]).status, 200);
    assert_eq!(upload(&service, &[("c.txt", b"c")]).error(413)["code"], "quota");
    let long = json!({"call_params": {"task": "a".repeat(600)}}).to_string();
    service.ask("POST", "/v1/runs", super::JSON, &long).error(413);
    // Without a length, too.
    let chunked = format!(
        "POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n{}\r\n{:x}\r\n{long}\r\n0\r\n\r\n",
        super::JSON,
        long.len()
    );
    service.raw(chunked).error(413);
}

#[test]
fn lines_of_a_batch_are_no_document() {
    let service = Service::start(Program::new());
    let purpose = "--xyz\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n";
    let whole = String::from_utf8(form(&[("lines.jsonl", b"{}\n")])).unwrap();
    let file = whole.strip_suffix("--xyz--\r\n").unwrap();
    // Clients of OpenAI send both orders.
    for form in [format!("{purpose}{file}--xyz--\r\n"), format!("{file}{purpose}--xyz--\r\n")] {
        let uploaded = service.ask("POST", "/v1/files", FORM, form).json();
        assert_eq!(
            (&uploaded["purpose"], &uploaded["minions"]["documents"]),
            (&json!("batch"), &json!([])),
            "{uploaded}"
        );
        let id = uploaded["id"].as_str().unwrap();
        assert_eq!(service.get(&format!("/v1/files/{id}/content")).body, b"{}\n");
    }
}

#[test]
fn forms_that_are_damaged_are_told_so() {
    let service = Service::start(Program::new());
    let ask = |body: &[u8]| service.ask("POST", "/v1/files", FORM, body);
    ask(b"").error(400);
    ask(b"--xyz--\r\n").error(400);
    ask(b"nothing of a form").error(400);
    ask(b"--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\ncut").error(400);
    ask(b"--xyz\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\nx\r\n--xyz--\r\n").error(400);
    ask(b"--xyz\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--xyz--\r\n").error(400);
    assert_eq!(service.get("/v1/files").json()["data"], json!([]));
}

#[test]
fn folders_of_uploads_are_the_users_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let models = instant();
    let program = with_models(&models).env("TMPDIR", dir.path().to_str().unwrap());
    let service = Service::start(program);
    assert_eq!(upload(&service, &[("a.txt", b"Words.")]).status, 200);
    let all: Vec<_> = std::fs::read_dir(dir.path()).unwrap().flatten().collect();
    assert!(!all.is_empty());
    for entry in all {
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.path());
    }
    service.signal("-TERM");
    assert_eq!(service.end(), Some(0));
    let left: Vec<Value> =
        std::fs::read_dir(dir.path()).unwrap().flatten().map(|entry| json!(entry.path())).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_client_that_goes_away_leaves_no_file() {
    let service = Service::start(Program::new());
    let list = || service.get("/v1/files").json()["data"].as_array().unwrap().len();
    let long = "Words. ".repeat(2 << 20);
    let body = form(&[("secret.txt", b"Words."), ("long.txt", long.as_bytes())]);
    let mut stream = service.connect();
    let head =
        format!("POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n{FORM}\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body.as_slice()].concat()).unwrap();
    until("the first file", || list() == 1);
    drop(stream);
    until("the end of all", || list() == 0);
}
