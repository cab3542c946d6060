//! Pages that are pictures, read by a local model that sees: a stand-in that looks at the pixels.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::context_files::zip;
use crate::support::pdf::Writer;
use crate::support::program::{Program, job, last};
use crate::support::server::{Reply, Request, Server};
use crate::support::wire::{TOKENS, openai};

const BY_PAGE: &str = "```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=chunk, task='Which ship?', advice='') for doc in context for chunk in chunk_by_page(doc)]
```";

/// What scanners pack pages as. Each shows a letter F, 40 pixels wide and 56 high.
const PACKED: [(&str, &[u8]); 4] = [
    (
        "/CCITTFaxDecode/DecodeParms<</K -1/Columns 40/Rows 56>>",
        include_bytes!("../../crates/ingest/tests/pictures/files/g4.fax"),
    ),
    ("/JBIG2Decode", include_bytes!("../../crates/ingest/tests/pictures/files/arithmetic.jb2")),
    ("/JPXDecode", include_bytes!("../../crates/ingest/tests/pictures/files/rgb.jp2")),
    (
        "/LZWDecode/ColorSpace/DeviceGray/BitsPerComponent 8",
        include_bytes!("../../crates/ingest/tests/pictures/files/gray.lzw"),
    ),
];
const TIFF: &[u8] = include_bytes!("../../crates/ingest/tests/pictures/files/pages.tif");

/// A PDF with a page for each of these pictures.
fn scans(pictures: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::default();
    let mut names = String::new();
    for (index, (filter, data)) in pictures.iter().enumerate() {
        let size = if filter.contains("/Width") { "" } else { "/Width 40/Height 56" };
        let picture = writer.stream(&format!("/Type/XObject/Subtype/Image{size}/Filter{filter}"), data);
        names.push_str(&format!("/I{index} {picture} 0 R"));
    }
    for index in 0..pictures.len() {
        writer.page(&format!("q 40 0 0 56 0 0 cm /I{index} Do Q\n"), "/MediaBox[0 0 40 56]");
    }
    writer.bytes_with("", &format!("/XObject<<{names}>>"))
}

/// Whether a PNG shows the letter.
fn shows_the_letter(url: &str) -> bool {
    let png = STANDARD.decode(url.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut data = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut data).unwrap();
    let bytes = info.color_type.samples();
    // Blue is dark in dark red as well.
    let dark = |x: usize, y: usize| data[(y * 40 + x) * bytes + bytes - 1] < 50;
    (info.width, info.height) == (40, 56)
        && (5..50).all(|y| dark(6, y))
        && (5..35).all(|x| dark(x, 6))
        && (0..56).all(|y| !dark(38, y))
        && (0..40).all(|x| !dark(x, 53))
}

/// The pictures of a request.
fn pictures(body: &Value) -> Vec<String> {
    let parts = body["messages"][0]["content"].as_array().cloned().unwrap_or_default();
    parts.iter().filter_map(|part| part["image_url"]["url"].as_str()).map(str::to_owned).collect()
}

/// A server of both sides. Its worker sees: `seen` answers each picture.
fn server(seen: impl Fn(&Request, &[String]) -> Reply + Send + Sync + 'static) -> Server {
    let verdict = json!({"decision": "provide_final_answer", "answer": "Aurora", "explanation": "e"});
    let script = Mutex::new(vec![BY_PAGE.to_owned(), verdict.to_string()].into_iter());
    Server::start(move |request| {
        if request.path.ends_with("/props") {
            return Reply::json(&json!({"modalities": {"vision": true}}));
        }
        let body = request.json();
        if body["messages"].is_null() {
            return Reply::text(404, "not found");
        }
        let pictures = pictures(&body);
        if body["model"] == "supervisor" {
            assert!(pictures.is_empty(), "a page left: {body}");
            return openai(request, &script.lock().unwrap().next().unwrap());
        }
        if !pictures.is_empty() {
            return seen(request, &pictures);
        }
        let chunk = last(&body);
        let citation = chunk.find("Ship ").map(|at| &chunk[at..at + "Ship 1 lay off Brest".len()]);
        openai(request, &json!({"explanation": "e", "citation": citation, "answer": citation}).to_string())
    })
}

/// One whose worker writes another ship for each letter that it sees.
fn reads_letters() -> Server {
    let ships = AtomicUsize::new(1);
    server(move |request, pictures| {
        assert_eq!(pictures.len(), 1);
        assert!(shows_the_letter(&pictures[0]));
        openai(request, &format!("Ship {} lay off Brest.", ships.fetch_add(1, Relaxed)))
    })
}

fn run(server: &Server, name: &str, bytes: Vec<u8>, args: &[&str]) -> crate::support::program::Ran {
    let program = Program::new();
    std::fs::write(program.dir.path().join(name), bytes).unwrap();
    let params = json!({"task": "Which ship?", "max_rounds": 1, "context_files": [name]});
    program.args(args.iter().copied()).run_job(&job(server, "minions", params))
}

#[test]
fn pages_are_read_however_they_are_packed() {
    let server = reads_letters();
    let ran = run(&server, "a.pdf", scans(&PACKED), &["--events", "events.ndjson"]);
    let events = std::fs::read_to_string(ran.dir.path().join("events.ndjson")).unwrap();
    let result = ran.result();
    let file = &result["files"][0];
    assert_eq!((&result["status"], &file["ocr"]), (&json!("answered"), &json!(true)), "{result}");
    assert_eq!((file.get("scans"), file.get("notes")), (None, None), "{file}");
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let calls: Vec<&Value> = events.iter().filter(|event| event["purpose"] == "transcription").collect();
    assert_eq!(calls.len(), 4);
    for call in calls {
        let said = |event: &&Value| event["type"] == "message" && event["call"] == call["call"];
        let said = events.iter().find(said).unwrap();
        assert!(
            said["side"] == "worker" && said["text"].as_str().unwrap().ends_with("lay off Brest."),
            "{said}"
        );
    }
    // Each page was one call, and was asked about in another.
    assert_eq!(result["local_usage"]["completion_tokens"], json!(8 * TOKENS.1));
    assert_eq!(places(&result), ["p. 1", "p. 2", "p. 3", "p. 4"]);
}

fn places(result: &Value) -> Vec<&str> {
    result["evidence"].as_array().unwrap().iter().filter_map(|cited| cited["place"].as_str()).collect()
}

#[test]
fn each_page_of_a_tiff_is_read() {
    let server = reads_letters();
    let result = run(&server, "a.tif", TIFF.to_vec(), &[]).result();
    assert_eq!(places(&result), ["p. 1", "p. 2", "p. 3"]);
}

#[test]
fn a_page_that_cannot_be_shown_is_told() {
    let server = server(|request, _| openai(request, "Ship 0 lay off Brest."));
    let huge = ("/CCITTFaxDecode/Width 50000/Height 50000", PACKED[0].1);
    let ran = run(&server, "a.pdf", scans(&[PACKED[0], huge, PACKED[1], huge]), &[]);
    let told = "The local model could not read pages 2, 4: it has 50000 x 50000 pixels, and 120 million are read at most.";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    let result = ran.result();
    assert_eq!((&result["status"], &result["files"][0]["scans"]), (&json!("partial"), &json!([2, 4])));
    assert_eq!(result["files"][0]["notes"], json!([told]));
}

#[test]
fn a_model_that_fails_is_not_asked_for_each_page() {
    let pages: Vec<_> = PACKED.iter().copied().cycle().take(40).collect();
    let server = server(|_, _| Reply::text(400, r#"{"error": {"message": "image input is not supported"}}"#));
    let program = Program::new();
    std::fs::write(program.dir.path().join("a.pdf"), scans(&pages)).unwrap();
    let params = json!({"task": "Which ship?", "max_rounds": 1, "context_files": ["a.pdf"], "context": "Ship 0 lay off Brest."});
    let ran = program.run_job(&job(&server, "minions", params));
    let result = ran.result();
    assert_eq!(
        (&result["status"], &result["files"][0]["scans"]),
        (&json!("partial"), &json!((1..=40).collect::<Vec<_>>()))
    );
    let asked = server.requests().iter().filter(|request| !pictures(&request.json()).is_empty()).count();
    assert!(asked < 40, "{asked}");
    let notes = result["files"][0]["notes"].to_string();
    assert!(
        notes.contains("image input is not supported") && notes.contains("its calls before failed"),
        "{notes}"
    );
}

#[test]
fn a_reply_that_is_cut_makes_the_answer_partial() {
    let message = json!({"role": "assistant", "content": "Ship 0 lay off Brest, and"});
    let cut = json!({"choices": [{"index": 0, "finish_reason": "length", "message": message}]});
    let server = server(move |_, _| Reply::json(&cut));
    let result = run(&server, "a.pdf", scans(&PACKED[..1]), &[]).result();
    assert_eq!(result["status"], "partial");
    let told = "What the local model wrote of page 1 was cut: text may be missing.";
    assert_eq!(result["files"][0]["notes"], json!([told]));
}

#[test]
fn pages_stay_where_the_worker_is() {
    let server = server(|_, _| panic!("a page left"));
    let program = Program::new().env("HTTP_PROXY", &server.url());
    std::fs::write(program.dir.path().join("a.pdf"), scans(&PACKED)).unwrap();
    let params = json!({"task": "Which ship?", "max_rounds": 1, "context_files": ["a.pdf"], "context": "Ship 0 lay off Brest.", "read_scans": true});
    let mut job = job(&server, "minions", params);
    job["local_client"]["kwargs"]["base_url"] = json!("http://worker.example.com/v1");
    let ran = program.run_job(&job);
    let told = "`read_scans`: pages are shown to a worker on this machine or in its private network alone";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    assert_eq!(ran.result()["status"], "partial");
}

#[test]
fn a_dry_run_shows_no_page() {
    let server = server(|_, _| panic!("a dry run makes no call"));
    let program = Program::new();
    std::fs::write(program.dir.path().join("a.pdf"), scans(&PACKED)).unwrap();
    let params = json!({"task": "Which ship?", "max_rounds": 1, "context_files": ["a.pdf"]});
    let line = job(&server, "minions", params).to_string();
    let ran = program.args(["batch", "--dry-run"]).run(&line);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(server.requests().is_empty());
}

#[test]
fn scans_within_an_archive_are_told() {
    let server = server(|_, _| panic!("nothing is shown"));
    let ran =
        run(&server, "a.zip", zip(&[("b.pdf", &scans(&PACKED)), ("c.txt", b"Ship 0 lay off Brest.")]), &[]);
    let result = ran.result();
    assert_eq!(result["status"], "partial");
    let notes = result["files"][0]["notes"].to_string();
    assert!(notes.contains("within another file") && ran.stderr.contains("within another file"), "{notes}");
}
