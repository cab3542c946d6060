//! Clients that are slow, or many, or send what is no request.

use std::io::{Read, Write};

use super::{JSON, Service, file, question};
use crate::support::program::Program;

fn quick() -> (tempfile::TempDir, Service) {
    let (dir, config) = file("serve.toml", "[limits]\nhead_s = 1\nstall_s = 1\nconnections = 8\n");
    (dir, Service::start_with(Program::new(), &["--config", &config]))
}

/// Reads until the other side closes.
fn to_end(mut stream: std::net::TcpStream) -> String {
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    String::from_utf8_lossy(&all).into_owned()
}

#[test]
fn a_slow_head_is_given_up() {
    let (_dir, service) = quick();
    let mut stream = service.connect();
    stream.write_all(b"GET /v1/runs HTTP/1.1\r\nHost: local").unwrap();
    to_end(stream);
    // One that says nothing at all, too.
    to_end(service.connect());
    assert_eq!(service.get("/healthz").status, 200);
}

#[test]
fn a_slow_body_is_given_up() {
    let (_dir, service) = quick();
    let mut stream = service.connect();
    let head = format!("POST /v1/runs HTTP/1.1\r\nHost: localhost\r\n{JSON}Content-Length: 100\r\n\r\n{{");
    stream.write_all(head.as_bytes()).unwrap();
    assert!(to_end(stream).starts_with("HTTP/1.1 408"));
    let mut stream = service.connect();
    let head = "POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n\
                Content-Length: 1000\r\n\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nslow";
    stream.write_all(head.as_bytes()).unwrap();
    assert!(to_end(stream).starts_with("HTTP/1.1 408"));
}

#[test]
fn connections_that_hold_all_are_let_go() {
    let (_dir, service) = quick();
    let held: Vec<_> = (0..8).map(|_| service.connect()).collect();
    let refused = to_end(service.connect());
    assert!(refused.starts_with("HTTP/1.1 503") || refused.is_empty(), "{refused}");
    held.into_iter().for_each(|stream| drop(to_end(stream)));
    assert_eq!(service.get("/healthz").status, 200);
}

#[test]
fn floods_and_garbage_are_refused() {
    let service = Service::start(Program::new());
    let many: String = (0..200).map(|nth| format!("X-{nth}: a\r\n")).collect();
    assert_eq!(service.raw(format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n")).status, 431);
    let long = "a".repeat(200_000);
    assert_eq!(service.raw(format!("GET / HTTP/1.1\r\nHost: localhost\r\nX-A: {long}\r\n\r\n")).status, 431);
    let status = service.raw(format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n")).status;
    assert!([414, 431].contains(&status), "{status}");
    for garbage in [&b"\x16\x03\x01\x00\xa5\x01"[..], b"nothing\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"] {
        let mut stream = service.connect();
        stream.write_all(garbage).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let told = to_end(stream);
        assert!(told.is_empty() || told.starts_with("HTTP/1.1 4"), "{told}");
    }
    let twice = format!(
        "POST /v1/runs HTTP/1.1\r\nHost: localhost\r\n{JSON}Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
        question()
    );
    assert_eq!(service.raw(twice).status, 400);
    assert_eq!(service.get("/healthz").status, 200);
}
