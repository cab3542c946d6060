//! Folders that a job names: what is read of them, what is left out, and what is said of both.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::program::{Program, Ran, job, last, scripted};
use crate::support::server::Server;
use crate::support::wire::openai;

const WHOLE: &str = "```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=doc, task='Which ship?', advice='') for doc in context]
```";

/// A server whose worker cites `cited` wherever the chunk has it.
fn server(cited: &'static str) -> Server {
    let verdict =
        json!({"decision": "provide_final_answer", "answer": "Aurora", "explanation": "e"}).to_string();
    scripted(vec![WHOLE.to_owned(), verdict], move |request| {
        let citation = last(&request.json()).contains(cited).then_some(cited);
        openai(request, &json!({"explanation": "e", "citation": citation, "answer": citation}).to_string())
    })
}

fn write(dir: &Path, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// The run of a job that names `files` in the program's folder.
fn run(program: Program, server: &Server, more: &Value) -> Ran {
    let mut params = json!({"task": "Which ship?", "max_rounds": 1});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    program.run_job(&job(server, "minions", params))
}

fn names(result: &Value) -> Vec<&str> {
    let files = result["files"].as_array().unwrap();
    files
        .iter()
        .filter(|file| file["left_out"].is_null())
        .map(|file| file["name"].as_str().unwrap())
        .collect()
}

#[test]
fn what_is_of_use_is_read_and_the_rest_is_counted() {
    let server = server("Aurora");
    let program = Program::new();
    let dir = program.dir.path();
    let outside = tempfile::tempdir().unwrap();
    write(outside.path(), "secret.txt", "Aurora, secretly");
    for (name, text) in [
        ("p/README.md", "# Fleet\n\nOf ships."),
        ("p/a.txt", "Fog.\r\nThe Aurora."),
        ("p/.gitignore", "*.gen\n"),
        ("p/b.gen", "Aurora, made"),
        ("p/.env", "KEY=Aurora"),
        ("p/node_modules/x.js", "Aurora()"),
        ("p/docs/page.html", "<html><nav>Aurora</nav><h2>Logs</h2><p>Fog."),
        ("p/mail.eml", "From: a@example.org\nDate: x\nTo: b@example.org\nSubject: Fog\n\nNothing."),
    ] {
        write(dir, name, text);
    }
    let japanese = b"\x83\x65\x83\x58\x83\x67\x82\xcc\x93\xfa\x96\x7b\x8c\xea\x82\xcc\x95\xb6\x8f\x91\x82\xc5\x82\xb7\x81\x42";
    write(dir, "p/old.txt", japanese);
    write(dir, "p/wide.txt", "Fog\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    write(dir, Path::new("p").join(std::ffi::OsStr::from_bytes(b"caf\xe9\n.txt")), "Fog.");
    write(dir, "p/raw.dat", [1, 2, 3, 0, 255]);
    symlink(outside.path().join("secret.txt"), dir.join("p/link.txt")).unwrap();
    symlink("..", dir.join("p/loop")).unwrap();
    let ran = run(program, &server, &json!({"context_files": "p"}));
    let result = ran.result();
    let read = ["README.md", "a.txt", "caf\\xe9\\n.txt", "mail.eml", "old.txt", "wide.txt", "docs/page.html"];
    assert_eq!(names(&result), read.map(|name| format!("p/{name}")));
    let evidence = result["evidence"].as_array().unwrap();
    assert_eq!(evidence.len(), 1, "{evidence:?}");
    assert_eq!((&evidence[0]["source"], &evidence[0]["place"]), (&json!("p/a.txt"), &json!("line 2")));
    let left_out = result["folders"][0]["left_out"].as_array().unwrap();
    let left_out: Vec<_> =
        left_out.iter().map(|one| (one["count"].as_u64().unwrap(), one["first"].as_str().unwrap())).collect();
    let expected = [(1, "b.gen"), (1, "node_modules/"), (2, ".env"), (2, "link.txt"), (1, "raw.dat")];
    assert_eq!(left_out, expected);
    assert_eq!(result["status"], "answered", "nothing that was wanted is missing");
    for told in [
        "left out of p: 1 ignored by .gitignore",
        "2 linked elsewhere (link.txt, …)",
        "it was read as Shift_JIS",
    ] {
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
    }
    assert!(server.requests().iter().all(|request| !request.json().to_string().contains("secretly")));
}

#[test]
fn the_tree_comes_first_and_with_a_header_if_that_is_wanted() {
    for (params, with_header) in [(json!({}), false), (json!({"use_gitingest": true}), true)] {
        let server = server("└── deep/");
        let program = Program::new();
        write(program.dir.path(), "p/a.rs", "fn main() {}\n");
        write(program.dir.path(), "p/deep/b.rs", "fn other() {}\n");
        let mut params = params;
        params["context_files"] = json!(["p/"]);
        let result = run(program, &server, &params).result();
        assert_eq!(names(&result), ["p/a.rs", "p/deep/b.rs"]);
        let evidence = &result["evidence"][0];
        assert_eq!((&evidence["source"], &evidence["verified"]), (&json!("p/"), &json!(true)), "{evidence}");
        let place = if with_header { "line 9" } else { "line 4" };
        assert_eq!(evidence["place"], place);
    }
}

#[test]
fn a_folder_of_nothing_says_what_was_left_out() {
    let server = server("Aurora");
    let program = Program::new();
    write(program.dir.path(), "p/logo.png", "Aurora");
    write(program.dir.path(), "p/.hidden", "Aurora");
    let ran = run(program, &server, &json!({"context_files": ["p"]}));
    let error = ran.error(2);
    assert!(error.contains("p holds no file to read") && error.contains("1 hidden (.hidden)"), "{error}");
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn what_may_have_been_wanted_makes_the_answer_partial() {
    let server = server("Aurora");
    let program = Program::new();
    write(program.dir.path(), "p/a.txt", "The Aurora.");
    write(program.dir.path(), "p/b.txt", "fog\n".repeat(3 << 20));
    let ran = run(program, &server, &json!({"context_files": "p"}));
    let result = ran.result();
    assert_eq!(result["status"], "partial");
    let left_out = json!([{"reason": "too large", "count": 1, "first": "b.txt", "lost": true}]);
    assert_eq!(result["folders"][0]["left_out"], left_out);
}

#[test]
fn a_file_of_rules_that_cannot_be_used_costs_no_call() {
    let server = server("Aurora");
    let program = Program::new();
    write(program.dir.path(), "p/a.txt", "The Aurora.");
    write(program.dir.path(), "p/deep/.minionsignore", "secret*\n{a,b\n");
    let error = run(program, &server, &json!({"context_files": "p"})).error(2);
    assert!(
        error.contains("p is not read") && error.contains("deep/.minionsignore") && error.contains("line 2"),
        "{error}"
    );
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_file_that_is_named_twice_is_read_once() {
    let server = server("Aurora");
    let program = Program::new();
    let dir = program.dir.path();
    for name in ["a.txt", "p/b.txt", "p/c.txt", "p/sub/d.txt"] {
        write(dir, name, "The Aurora.");
    }
    symlink(dir.join("a.txt"), dir.join("link.txt")).unwrap();
    let files = json!(["a.txt", "./a.txt", "link.txt", "p", "p/b.txt", "p/sub/"]);
    let ran = run(program, &server, &json!({"context_files": files}));
    assert!(ran.stderr.contains("a.txt is named twice, the second time as ./a.txt"), "{}", ran.stderr);
    assert!(ran.stderr.contains("a.txt is named twice, the second time as link.txt"), "{}", ran.stderr);
    assert!(ran.stderr.contains("the folder p holds 1 file that the job names besides"), "{}", ran.stderr);
    assert!(ran.stderr.contains("the folder sub holds 1 file that the job names besides"), "{}", ran.stderr);
    let result = ran.result();
    assert_eq!(names(&result), ["a.txt", "p/c.txt", "p/sub/d.txt", "p/b.txt"]);
    // The command line names no file twice either, and a dry run says the same.
    let asking =
        Program::new().env("OPENAI_API_KEY", "sk-test-0123456789").env("MINIONS_LOCAL", "openai/worker");
    write(asking.dir.path(), "a.txt", "The Aurora.");
    let ran = asking.args(["ask", "--dry-run", "Which ship?", "a.txt", "./a.txt"]).run("");
    assert_eq!(
        (ran.code, ran.stdout.matches("a.txt\n").count()),
        (Some(0), 1),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    assert!(ran.stderr.contains("it is read once"), "{}", ran.stderr);
}
