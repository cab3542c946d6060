//! Who wants to bring it down: bodies without an end, bombs, floods of connections, readers that take nothing.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;

use serde_json::json;

use super::clients::form;
use super::{JSON, Service, answer, file, instant, models, question};
use crate::context_files::crc32;
use crate::support::program::Program;
use crate::support::wait::until;
use crate::support::wire::openai;

const TEN_GIGABYTES: u64 = 10 << 30;
const FORM: &str = "Content-Type: multipart/form-data; boundary=limit\r\n";
/// The beginning of a form with a file that does not end.
const ENDLESS: &str = "--limit\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n";

/// Bytes of all files below a folder.
fn stored(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.filter_map(|entry| {
        let meta = entry.metadata().ok()?;
        Some(if meta.is_dir() { stored(&entry.path()) } else { meta.len() })
    });
    sizes.sum()
}

#[test]
fn ten_gigabytes_that_say_so_are_refused_before_a_byte_of_them() {
    let service = Service::start(Program::new());
    for (path, kind) in [
        ("/v1/files", FORM),
        ("/upload-pdf", FORM),
        ("/v1/runs", JSON),
        ("/v1/minions", JSON),
        ("/v1/chat/completions", JSON),
        ("/minions", JSON),
    ] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\n{kind}Content-Length: {TEN_GIGABYTES}\r\n\
             Expect: 100-continue\r\n\r\n"
        );
        let refused = service.raw(head);
        // The original knows 400 alone for what a request has wrong.
        assert!([400, 413].contains(&refused.status), "{path}: {}", refused.head);
    }
}

#[test]
fn ten_gigabytes_that_do_not_say_so_are_refused_at_the_limit() {
    let dir = tempfile::tempdir().unwrap();
    let (_dir, config) = file("serve.toml", "[limits]\nupload_bytes = 1000000\nbody_bytes = 1000000\n");
    let program = Program::new().env("TMPDIR", dir.path().to_str().unwrap());
    let service = Service::start_with(program, &["--config", &config]);
    for (path, kind, begin) in
        [("/v1/files", FORM, ENDLESS), ("/v1/runs", JSON, "{\"call_params\": {\"task\": \"")]
    {
        let mut stream = service.connect();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\n{kind}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{begin}\r\n",
            begin.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let chunk = [b"100000\r\n", &vec![b'a'; 1 << 20][..], b"\r\n"].concat();
        let mut sent = 0;
        while sent < TEN_GIGABYTES && stream.write_all(&chunk).is_ok() {
            sent += 1 << 20;
        }
        // What lies between the two ends of a connection is the system's.
        assert!(sent < 64 << 20, "{path}: {sent} bytes were taken");
        let mut told = Vec::new();
        let _ = stream.read_to_end(&mut told);
        assert!(told.is_empty() || answer(&told).status == 413, "{}", String::from_utf8_lossy(&told));
    }
    until("the removal of what had come", || stored(dir.path()) == 0);
    assert_eq!(service.get("/v1/files").json()["data"], json!([]));
}

/// Bits of a deflated stream, the lowest first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u8,
}

impl Bits {
    fn put(&mut self, bit: u8) {
        if self.used == 0 {
            self.bytes.push(0);
        }
        *self.bytes.last_mut().unwrap() |= bit << self.used;
        self.used = (self.used + 1) % 8;
    }

    /// A word of the fixed code, the highest bit first.
    fn word(&mut self, word: u16, length: u8) {
        (0..length).rev().for_each(|at| self.put((word >> at & 1) as u8));
    }
}

/// A zip with so many megabytes of one letter, which says that it has `told` bytes with this checksum.
fn bomb(megabytes: u32, told: u32, crc: u32) -> Vec<u8> {
    let mut bits = Bits::default();
    // The last block, of the fixed code: the letter, then itself again 258 times as often as wanted.
    [1, 1, 0].into_iter().for_each(|bit| bits.put(bit));
    bits.word(0x30 + u16::from(b'a'), 8);
    for _ in 0..megabytes * 4064 {
        bits.word(0b1100_0101, 8);
        bits.word(0, 5);
    }
    bits.word(0, 7);
    let name = b"bomb.txt";
    let packed = u32::try_from(bits.bytes.len()).unwrap().to_le_bytes();
    let sizes = [&crc.to_le_bytes()[..], &packed, &told.to_le_bytes(), &[name.len() as u8, 0, 0, 0]].concat();
    let common = [&[20, 0, 0, 0, 8, 0, 0, 0, 0, 0][..], &sizes].concat();
    let mut zip = [b"PK\x03\x04", &common[..], name, &bits.bytes].concat();
    let at = u32::try_from(zip.len()).unwrap().to_le_bytes();
    let directory = [b"PK\x01\x02\x14\x00", &common[..], &[0; 14], name].concat();
    let length = u32::try_from(directory.len()).unwrap().to_le_bytes();
    zip.extend([&directory, &b"PK\x05\x06\0\0\0\0\x01\0\x01\0"[..], &length, &at, &[0, 0]].concat());
    zip
}

#[test]
fn a_zip_that_bursts_is_refused() {
    let service = Service::start(Program::new());
    // That the zip is one: a small one is read.
    let bytes = 1 + 4064 * 258;
    let crc = crc32(&vec![b'a'; bytes as usize]);
    let small = service.form("/v1/files", "file", "small.zip", &bomb(1, bytes, crc));
    assert_eq!(small.status, 200, "{}", small.text());
    let large = 2_000_u32;
    for told in [1 + large * 4064 * 258, 10] {
        let answer = service.form("/v1/files", "file", "bomb.zip", &bomb(large, told, 0));
        let error = answer.error(422);
        assert!(error["message"].as_str().unwrap().contains("bomb"), "{error}");
    }
    assert_eq!(service.get("/v1/files").json()["data"].as_array().unwrap().len(), 1);
}

#[test]
fn ten_thousand_connections_leave_it_up() {
    let (_dir, config) = file("serve.toml", "[limits]\nconnections = 300\nhead_s = 60\n");
    let service = Service::start_with(Program::new(), &["--config", &config]);
    let mut before = service.connect();
    let mut ask = || {
        before.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut some = [0; 1024];
        let read = before.read(&mut some).unwrap();
        assert!(some[..read].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&some[..read]));
    };
    ask();
    let mut held = Vec::new();
    let mut refused = 0;
    for _ in 0..10_000 {
        let stream = service.connect();
        if held.len() < 299 {
            held.push(stream);
        } else {
            refused += usize::from(is_refused(stream));
        }
    }
    assert_eq!(refused, 10_000 - held.len());
    // Whoever was there is served on, and so is who comes after.
    ask();
    drop(held);
    until("an end of the flood", || service.get("/healthz").status == 200);
}

fn is_refused(mut stream: TcpStream) -> bool {
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    all.is_empty() || all.starts_with(b"HTTP/1.1 503")
}

#[test]
fn a_reader_that_takes_nothing_is_let_go() {
    let (_dir, config) = file("serve.toml", "[limits]\nstall_s = 1\nconnections = 1\n");
    let service = Service::start_with(Program::new(), &["--config", &config]);
    let id = service.form("/v1/files", "file", "a.txt", &vec![b'a'; 32 << 20]).with(200)["id"].take();
    let path = format!("/v1/files/{}/content", id.as_str().unwrap());
    let mut stream = service.connect();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).unwrap();
    // There is one place, which it holds until it is let go.
    until("its end", || service.get("/healthz").status == 200);
    let _ = stream.shutdown(Shutdown::Both);
}

#[test]
fn names_tell_nothing_of_files() {
    let models = instant();
    let service = Service::of(&models);
    // It is there: the service works in this folder.
    std::fs::create_dir_all(service.folder().join("sub")).unwrap();
    for name in ["there", "sub/there"] {
        std::fs::write(service.folder().join(name), "x").unwrap();
    }
    for key in ["context", "task"] {
        let told = |name: &str| {
            let mut job = question();
            job["call_params"][key] = if key == "task" { json!(name) } else { json!([name]) };
            let answer = service.post("/v1/estimate", &job);
            (answer.status, answer.json()["error"].clone())
        };
        for (there, missing) in
            [("there", "where"), ("sub/there", "sub/where"), ("./there", "./where"), ("sub/", "sab/")]
        {
            let (of_there, of_missing) = (told(there), told(missing));
            let without = |(status, error): (u16, serde_json::Value), name: &str| {
                (status, error.to_string().replace(name, ""))
            };
            assert_eq!(without(of_there, there), without(of_missing, missing), "{key}: {there}");
        }
    }
    let mut job = question();
    for name in ["~/there", "~/where"] {
        job["call_params"]["context_files"] = json!([name]);
        assert_eq!(service.post("/v1/runs", &job).error(400)["param"], "call_params.context_files[0]");
    }
}

#[test]
fn what_one_calls_a_key_stays_in_the_answers_of_others() {
    let models = models(|request| {
        openai(request, &json!({"explanation": "e", "answer": "Ada-Lovelace", "citations": []}).to_string())
    });
    let service = Service::of(&models);
    let mut job = question();
    job["remote_client"]["kwargs"] = json!({"api_key": "Ada-Lovelace"});
    service.post("/v1/minions", &job).error(403);
    let envelope = service.post("/v1/minions", &question()).json();
    assert_eq!(envelope["result"]["final_answer"], "Ada-Lovelace", "{envelope}");
}

#[test]
fn a_form_may_come_in_pieces_of_one_byte() {
    let service = Service::start(Program::new());
    let body = form("file", "a.txt", b"Words.");
    let head = format!(
        "POST /v1/files HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{FORM}Transfer-Encoding: chunked\r\n\r\n"
    );
    let pieces: Vec<u8> = body.iter().flat_map(|byte| [b"1\r\n", &[*byte][..], b"\r\n"].concat()).collect();
    let answer = service.raw([head.as_bytes(), &pieces, b"0\r\n\r\n"].concat());
    assert_eq!(answer.with(200)["bytes"], 6);
}
