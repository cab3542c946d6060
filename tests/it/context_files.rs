//! Files that a job names: read before anything is asked, and cited by page.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::support::pdf::{self, Writer};
use crate::support::program::{Program, job, last, scripted};
use crate::support::server::{Reply, Server};
use crate::support::wire::openai;

const BY_PAGE: &str = "```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=chunk, task='Which ship?', advice='') for doc in context for chunk in chunk_by_page(doc)]
```";
const WHOLE: &str = "```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=doc, task='Which ship?', advice='') for doc in context]
```";

fn verdict() -> String {
    json!({"decision": "provide_final_answer", "answer": "Aurora", "explanation": "e"}).to_string()
}

/// A server whose supervisor runs `program`, and whose worker cites `cited` wherever the chunk has its first word.
fn server(program: &str, cited: &'static str) -> Server {
    scripted(vec![program.to_owned(), verdict()], move |request| {
        let body = request.json();
        if body["messages"].is_null() {
            return Reply::text(404, "not found");
        }
        let first = cited.split(' ').next().unwrap();
        let citation = last(&body).contains(first).then_some(cited);
        openai(request, &json!({"explanation": "e", "citation": citation, "answer": citation}).to_string())
    })
}

/// A PDF with a page for each of these texts, a line each.
fn pdf(pages: &[&[&str]]) -> Vec<u8> {
    let pages: Vec<String> = pages.iter().map(|lines| pdf::lines(50.0, 600.0, lines)).collect();
    Writer::of(&pages).bytes()
}

fn params(more: &Value) -> Value {
    let mut params = json!({"task": "Which ship?", "max_rounds": 1});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    params
}

fn write(dir: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_file_beside_the_job_is_read_and_cited_by_page() {
    let server = server(BY_PAGE, "Aurora lay off Brest");
    let program = Program::new();
    let dir = program.dir.path().to_owned();
    let pages: [&[&str]; 3] =
        [&["The fleet of 1806.", "Only fog."], &["The Aurora lay off Brest."], &["End."]];
    write(&dir, "cases/in/a.pdf", pdf(&pages));
    let context =
        json!(["First of all.", {"file": "in/a.pdf", "name": "Log of 1806"}, {"name": "b", "text": "Fog."}]);
    let job = job(&server, "minions", params(&json!({"context": context, "context_files": "note.txt"})));
    write(&dir, "cases/note.txt", "Nothing of ships.");
    write(&dir, "cases/job.json", job.to_string());
    let ran = program.args(["--events", "events.ndjson", "cases/job.json"]).run("");
    let result = ran.result();
    let evidence = result["evidence"].as_array().unwrap();
    assert_eq!(evidence.len(), 1, "{evidence:?}");
    assert_eq!(
        (&evidence[0]["source"], &evidence[0]["place"], &evidence[0]["document"], &evidence[0]["verified"]),
        (&json!("Log of 1806"), &json!("p. 2"), &json!(1), &json!(true))
    );
    let files = &result["files"];
    assert_eq!((&files[0]["name"], &files[0]["kind"]), (&json!("Log of 1806"), &json!("PDF")));
    assert_eq!((&files[1]["name"], &files[1]["chars"]), (&json!("note.txt"), &json!(17)));
    let events = fs::read_to_string(ran.dir.path().join("events.ndjson")).unwrap();
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let read = events.iter().find(|event| event["type"] == "files" && event["is_done"] == true).unwrap();
    let names: Vec<_> = read["documents"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, [json!(null), json!("Log of 1806"), json!("b"), json!("note.txt")]);
    let cited = events.iter().find(|event| event["state"] == "cited").unwrap();
    assert_eq!((&cited["source"], &cited["place"]), (&json!("Log of 1806"), &json!("p. 2")));
}

#[test]
fn a_quote_is_of_the_page_where_it_begins() {
    // Each quote is planted once: on a page, at its ends, and across two.
    let mut pages: Vec<Vec<String>> = vec![Vec::new(); 40];
    for (number, page) in (1..).zip(&mut pages) {
        page.push(format!("top{number}x of this page"));
        page.push(format!("Some words stand between them, and number {number} is one."));
        page.push(format!("at its end stands last{number}x"));
    }
    let pages: Vec<Vec<&str>> = pages.iter().map(|page| page.iter().map(String::as_str).collect()).collect();
    let pages: Vec<&[&str]> = pages.iter().map(Vec::as_slice).collect();
    let quotes = |n: usize| {
        let mut quotes = vec![
            (format!("top{n}x of this page"), n),
            (format!("and number {n} is one. at its end"), n),
            (format!("end stands last{n}x"), n),
        ];
        if n < 40 {
            quotes.push((format!("stands last{n}x top{}x of", n + 1), n));
            quotes.push((format!("last{n}x\n\ntop{}x of this", n + 1), n));
        }
        quotes
    };
    let planted: Vec<(String, usize)> = (1..=40).flat_map(quotes).collect();
    let mut program = String::from("```python\ndef prepare_jobs(context, a, b):\n    return [");
    for (at, _) in planted.iter().enumerate() {
        write!(program, "JobManifest(chunk=context[0], task='quote {at}.', advice=''), ").unwrap();
    }
    program.push_str("]\n```");
    let script = planted.clone();
    let server = scripted(vec![program, verdict()], move |request| {
        let text = last(&request.json()).to_owned();
        let at =
            text.split("quote ").nth(1).and_then(|rest| rest.split('.').next()).unwrap().parse::<usize>();
        let quote = &script[at.unwrap()].0;
        openai(request, &json!({"explanation": "e", "citation": quote, "answer": "yes"}).to_string())
    });
    let program = Program::new();
    write(program.dir.path(), "a.pdf", pdf(&pages));
    let job = job(&server, "minions", params(&json!({"context_files": ["a.pdf"]})));
    let result = program.run_job(&job).result();
    let evidence = result["evidence"].as_array().unwrap();
    assert_eq!(evidence.len(), planted.len());
    for (cited, (quote, page)) in evidence.iter().zip(&planted) {
        assert_eq!(cited["citation"], json!(quote));
        assert_eq!(
            (&cited["place"], &cited["verified"]),
            (&json!(format!("p. {page}")), &json!(true)),
            "{cited}"
        );
    }
}

#[test]
fn a_file_that_cannot_be_read_costs_no_call() {
    let server = server(WHOLE, "Aurora");
    for (path, complaint, remedy) in [
        ("none.pdf", "none.pdf can't be read: No such file", "the folder in which minions was started"),
        ("cut.pdf", "cut.pdf is damaged", "Fetch it again"),
        ("pipe", "pipe can't be read: it is a pipe", "a regular file"),
        ("blob.bin", "blob.bin can't be read: it is a file that is no text", "PDF"),
        ("https://example.com/a.pdf", "is a URL", "save the page"),
    ] {
        let program = Program::new();
        let dir = program.dir.path();
        write(dir, "cut.pdf", &pdf(&[&["a"]])[..60]);
        write(dir, "blob.bin", [0, 1, 2, 3, 0]);
        nix::unistd::mkfifo(&dir.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let job = job(&server, "minions", params(&json!({"context_files": [path]})));
        let error = program.run_job(&job).error(2);
        let place = "`call_params.context_files[0]`";
        assert!(error.contains(place) && error.contains(complaint) && error.contains(remedy), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_dry_run_lists_files_and_what_leaves() {
    let program = Program::new();
    let dir = program.dir.path();
    write(dir, "in/short.txt", "word ".repeat(20));
    write(dir, "in/deep/long.txt", "word ".repeat(2000));
    let server = server(WHOLE, "Aurora");
    let files = json!(["in/short.txt", "in/deep/long.txt"]);
    let more = json!({"context_files": files, "doc_metadata": "Logs of ships."});
    let jobs = ["minions", "minion"].map(|protocol| job(&server, protocol, params(&more)).to_string());
    let ran = program.args(["batch", "--ordered", "--dry-run"]).run(jobs.join("\n"));
    let lines: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told = |line: &Value| {
        let result = &line["result"];
        let names = |key: &str| -> Vec<_> {
            result[key]
                .as_array()
                .unwrap()
                .iter()
                .map(|one| one["name"].as_str().unwrap().to_owned())
                .collect()
        };
        (names("files"), names("folders"), result["leaves"].clone())
    };
    let (files, folders, leaves) = told(&lines[0]);
    assert_eq!(files, ["in/deep/long.txt", "in/short.txt"]);
    assert_eq!(folders, ["in", "in/deep"]);
    assert!(lines[0]["result"]["files"][0]["tokens"].as_u64().unwrap() > 1000, "{}", lines[0]);
    // The server of these tests is this machine, but of a hosted type: perhaps a proxy.
    let names = json!(["in/short.txt", "in/deep/long.txt"]);
    assert_eq!(leaves, json!({"document_names": names, "doc_metadata": "Logs of ships."}));
    assert_eq!(told(&lines[1]).2, json!({"document_names": [], "doc_metadata": "Logs of ships."}));
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn names_of_files_and_metadata_count_as_what_leaves() {
    let spent = |name: &str, metadata: &str| {
        let server = server(WHOLE, "Aurora");
        let program = Program::new();
        write(program.dir.path(), name, "The Aurora lay off Brest.");
        let more = json!({"context_files": [name], "doc_metadata": metadata});
        let result = program.run_job(&job(&server, "minions", params(&more))).result();
        result["egress"]["other_bytes"].as_u64().unwrap()
    };
    let (name, metadata) = ("n".repeat(60), "m".repeat(500));
    let least = spent("a", "m");
    assert!(spent(&name, "m") >= least + 59);
    // It goes out with the request for the program and with the one for the answer.
    assert!(spent("a", &metadata) >= least + 2 * 499);
}

#[test]
fn scans_that_nobody_reads_make_an_answer_partial() {
    let server = server(BY_PAGE, "Aurora");
    let program = Program::new();
    let mut writer = Writer::of(&[pdf::lines(50.0, 600.0, &["The Aurora lay off Brest."])]);
    let picture = writer.stream(
        "/Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8",
        b"\0",
    );
    for _ in 0..2 {
        writer.page("q 595 0 0 842 0 0 cm /I Do Q\n", "");
    }
    write(program.dir.path(), "a.pdf", writer.bytes_with("", &format!("/XObject<</I {picture} 0 R>>")));
    let ran = program.run_job(&job(&server, "minions", params(&json!({"context_files": "a.pdf"}))));
    let result = ran.result();
    assert_eq!((&result["status"], &result["files"][0]["scans"]), (&json!("partial"), &json!([2, 3])));
    assert!(ran.stderr.contains("pages 2-3 of a.pdf are scans, and nobody has read them"), "{}", ran.stderr);
}

#[test]
fn a_picture_alone_costs_no_call() {
    let server = server(WHOLE, "Aurora");
    let program = Program::new();
    write(program.dir.path(), "a.png", b"\x89PNG\r\n\x1a\n and so on");
    let job = job(&server, "minions", params(&json!({"context_files": "a.png"})));
    let error = program.run_job(&job).error(2);
    assert!(
        error.contains("the files hold no text: a.png is a picture") && error.contains("ocrmypdf"),
        "{error}"
    );
    // Whether it sees may have been asked.
    assert!(server.requests().iter().all(|request| !request.path.contains("completions")));
}

#[test]
fn a_file_that_is_cut_makes_the_answer_partial() {
    let server = server(WHOLE, "Aurora lay off Brest");
    let program = Program::new();
    let mut bytes = pdf(&[&["The Aurora lay off Brest."], &["Fog."]]);
    bytes.truncate(bytes.len() * 3 / 4);
    write(program.dir.path(), "cut.pdf", bytes);
    let ran = program.run_job(&job(&server, "minions", params(&json!({"context_files": "cut.pdf"}))));
    let result = ran.result();
    assert_eq!(
        (&result["status"], &result["files"][0]["lost"]),
        (&json!("partial"), &json!(true)),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("cut.pdf: The end of the file is missing"), "{}", ran.stderr);
}

#[test]
fn files_without_text_are_not_answered_from_what_the_models_know() {
    let empty = [("empty.txt", ""), ("blank.md", " \n\t\n"), ("page.html", "<html><img src=a.png>")];
    for (protocol, names, told) in [
        ("minion", json!("empty.txt"), "empty.txt"),
        ("minions", json!("page.html"), "page.html"),
        ("minions", json!(["empty.txt", "blank.md"]), "empty.txt; blank.md"),
    ] {
        let server = server(WHOLE, "Aurora");
        let program = Program::new();
        empty.iter().for_each(|(name, text)| write(program.dir.path(), name, text));
        let files = params(&json!({"context_files": names}));
        let error = program.run_job(&job(&server, protocol, files)).error(2);
        assert!(error.contains(&format!("the files hold no text: {told}")), "{error}");
        assert!(server.requests().iter().all(|request| !request.path.contains("completions")));
    }
    let server = server(WHOLE, "Aurora");
    let program = Program::new();
    write(program.dir.path(), "empty.txt", "");
    write(program.dir.path(), "a.txt", "The Aurora.");
    let files = json!({"context_files": ["empty.txt", "a.txt"]});
    let ran = program.run_job(&job(&server, "minions", params(&files)));
    assert_eq!(ran.result()["status"], "answered");
    assert!(ran.stderr.contains("empty.txt: It holds no text."), "{}", ran.stderr);
}

#[test]
fn a_replay_needs_no_file_and_refuses_another_one() {
    let server = server(BY_PAGE, "Aurora lay off Brest");
    let recorded = Program::new();
    let dir = recorded.dir.path().to_owned();
    let tape = tempfile::tempdir().unwrap();
    let tape = tape.path().to_str().unwrap();
    let log: [&[&str]; 2] = [&["Fog."], &["The Aurora lay off Brest."]];
    write(&dir, "a.pdf", pdf(&log));
    write(&dir, "src/note.txt", "Nothing.");
    let job = job(&server, "minions", params(&json!({"context_files": ["a.pdf", "src"]})));
    let before = recorded.args(["--record", tape]).run_job(&job).result();
    let again = Program::unplugged().args(["--replay", tape]).run_job(&job).result();
    for key in ["evidence", "files", "final_answer"] {
        assert_eq!(again[key], before[key], "{key}");
    }
    assert_eq!(again["evidence"][0]["place"], "p. 2");
    for (name, text) in [("a.pdf", "Another one."), ("src/note.txt", "Other."), ("src/new.txt", "More.")] {
        let program = Program::unplugged();
        write(program.dir.path(), name, text);
        if name == "src/new.txt" {
            write(program.dir.path(), "src/note.txt", "Nothing.");
        }
        let error = program.args(["--replay", tape]).run_job(&job).error(1);
        assert!(error.contains("has changed since it was recorded"), "{error}");
    }
}

#[test]
fn a_changed_file_is_another_job_for_a_resume() {
    let server = scripted(vec![WHOLE.to_owned(), verdict(), WHOLE.to_owned(), verdict()], |request| {
        openai(request, &json!({"explanation": "e", "citation": null, "answer": null}).to_string())
    });
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.txt");
    let mut job = job(&server, "minions", params(&json!({"context_files": path.to_str().unwrap()})));
    job["custom_id"] = json!("one");
    let mut done = Vec::new();
    for (text, runs) in [("Fog.", 1), ("Fog.", 0), ("Rain.", 1)] {
        fs::write(&path, text).unwrap();
        let earlier = dir.path().join("out.jsonl");
        fs::write(&earlier, done.concat()).unwrap();
        let program = Program::new().args(["batch", "--resume", earlier.to_str().unwrap()]);
        let ran = program.run(job.to_string());
        assert_eq!((ran.code, ran.stdout.lines().count()), (Some(0), runs), "{text}: {}", ran.stderr);
        done.push(ran.stdout);
    }
}

#[test]
fn a_folder_is_walked_and_an_archive_is_looked_into() {
    let server = server(WHOLE, "Aurora lay off Brest");
    let program = Program::new();
    let dir = program.dir.path();
    write(dir, "src/a.rs", "fn main() {}\n// The Aurora\n// again: Aurora lay off Brest.\n");
    write(dir, "src/deep/b.md", "# Fog\n\nNothing.\n");
    write(dir, "src/.git/config", "hidden");
    write(dir, "src/blob.dat", [0, 1, 2, 3, 0]);
    write(
        dir,
        "z.zip",
        zip(&[("in/c.txt", b"Fog in a zip."), ("d.pdf", b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< broken")]),
    );
    let files = json!(["src/", "z.zip"]);
    let ran = program.run_job(&job(&server, "minions", params(&json!({"context_files": files}))));
    let result = ran.result();
    let names: Vec<_> = result["files"].as_array().unwrap().iter().map(|file| file["name"].clone()).collect();
    assert_eq!(names, ["src/a.rs", "src/deep/b.md", "z.zip/in/c.txt", "z.zip/d.pdf"]);
    let evidence = &result["evidence"][0];
    assert_eq!(
        (&evidence["source"], &evidence["place"]),
        (&json!("src/a.rs"), &json!("line 3")),
        "{evidence}"
    );
    assert_eq!(result["folders"][0]["name"], "src/");
    assert!(
        result["files"][3]["left_out"].as_str().unwrap().starts_with("z.zip/d.pdf is damaged"),
        "{result}"
    );
    assert_eq!(result["status"], "partial");
    for told in [
        "left out of src/: ",
        "1 of no kind that is read (blob.dat)",
        "1 file was left out: z.zip/d.pdf is damaged",
    ] {
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
    }
}

/// A zip whose entries are stored as they are.
pub(crate) fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in entries {
        let size = u32::try_from(bytes.len()).unwrap().to_le_bytes();
        let length = u16::try_from(name.len()).unwrap().to_le_bytes();
        let at = u32::try_from(file.len()).unwrap().to_le_bytes();
        let crc = crc32(bytes).to_le_bytes();
        let common = [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &crc, &size, &size, &length, &[0, 0]].concat();
        file.extend([b"PK\x03\x04", &common[..], name.as_bytes(), bytes].concat());
        let rest = [&[0; 10][..], &at, name.as_bytes()].concat();
        directory.extend([b"PK\x01\x02\x14\x00", &common[..], &rest].concat());
    }
    let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
    let size = u32::try_from(directory.len()).unwrap().to_le_bytes();
    let at = u32::try_from(file.len()).unwrap().to_le_bytes();
    file.extend([&directory, &b"PK\x05\x06\0\0\0\0"[..], &count, &count, &size, &at, &[0, 0]].concat());
    file
}

pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

/// A PDF whose second page is a picture alone, held as JPEG.
fn with_a_scan() -> Vec<u8> {
    let mut writer = Writer::of(&[pdf::lines(50.0, 600.0, &["Only fog."])]);
    let entries = "/Type/XObject/Subtype/Image/Width 40/Height 56/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/DCTDecode";
    let picture = writer.stream(entries, include_bytes!("../../crates/ingest/tests/pictures/files/rgb.jpg"));
    writer.page("q 595 0 0 842 0 0 cm /I Do Q\n", "");
    writer.page(&pdf::lines(50.0, 600.0, &["The end."]), "");
    writer.bytes_with("", &format!("/XObject<</I {picture} 0 R>>"))
}

#[test]
fn a_worker_that_sees_reads_scans() {
    // By default the server is asked whether its model sees.
    for (asked, told, reads) in [
        (json!(null), json!({"modalities": {"vision": true}}), true),
        (json!(null), json!({"modalities": {"vision": false}}), false),
        (json!(null), json!(null), false),
        (json!(true), json!(null), true),
        (json!(false), json!({"modalities": {"vision": true}}), false),
    ] {
        let script = Mutex::new(vec![BY_PAGE.to_owned(), verdict()].into_iter());
        let props = told.clone();
        let server = Server::start(move |request| {
            if request.path.ends_with("/props") && !props.is_null() {
                return Reply::json(&props);
            }
            let body = request.json();
            if body["messages"].is_null() {
                return Reply::text(404, "not found");
            }
            if body["model"] == "supervisor" {
                return openai(request, &script.lock().unwrap().next().unwrap());
            }
            if body["messages"].to_string().contains("image_url") {
                assert!(body["messages"].to_string().contains("Write down all text on this page"));
                return openai(request, "The Aurora lay off Brest.");
            }
            let cited = "The Aurora lay off Brest";
            let citation = last(&body).contains(cited).then_some(cited);
            openai(
                request,
                &json!({"explanation": "e", "citation": citation, "answer": citation}).to_string(),
            )
        });
        let program = Program::new();
        write(program.dir.path(), "a.pdf", with_a_scan());
        let more = json!({"context_files": ["a.pdf"], "read_scans": asked});
        let result = program.run_job(&job(&server, "minions", params(&more))).result();
        let file = &result["files"][0];
        let case = format!("{asked} {told}: {result}");
        if reads {
            assert_eq!(
                (&result["status"], &file["ocr"], file.get("scans")),
                (&json!("answered"), &json!(true), None),
                "{case}"
            );
            assert_eq!(
                (&result["evidence"][0]["place"], &result["evidence"][0]["verified"]),
                (&json!("p. 2"), &json!(true))
            );
        } else {
            assert_eq!(
                (&result["status"], file.get("ocr"), &file["scans"]),
                (&json!("partial"), None, &json!([2])),
                "{case}"
            );
        }
    }
}
