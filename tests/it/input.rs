//! What people pipe and type besides a plain job: stray lines around it, lists, other formats.

use serde_json::{Value, json};

use crate::support::program::{Program, job, scripted};
use crate::support::server::Server;
use crate::support::wire::openai;

/// A server that any number of jobs have their answer from, as the supervisor answers at once.
fn server() -> Server {
    let answer =
        json!({"reasoning": "r", "message": "Who?", "decision": "provide_final_answer", "answer": "Ada"});
    scripted(vec![answer.to_string(); 60], |request| openai(request, "Ada."))
}

fn task(server: &Server) -> Value {
    job(server, "minion", json!({"task": "Who signed?", "context": ["Ada."]}))
}

fn lines(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn one_job_with_text_around_it_is_one_unusable_input() {
    let server = server();
    let one = task(&server).to_string();
    let pretty = format!("{:#}", task(&server));
    for job in [one, pretty] {
        for (before, behind, quoted) in [
            ("[dotenv@17.2.3] injecting env (2) from .env\n", "\n", "[dotenv@17.2.3]"),
            ("Loaded env from .env\n\n", "", "Loaded env from .env"),
            ("{\"level\": 30, \"msg\": \"server starting\"}\n", "\n", ""),
            ("", "\n{\"level\": 30, \"msg\": \"bye\"}\n", ""),
            ("", "\nEOF\n", "`EOF`"),
            ("// the job\n", "\n", "// the job"),
            ("# the job\n", "\n", "# the job"),
            ("```json\n", "\n```\n", "```json"),
            ("$ cat job.json\n", "\n$ \n", "$ cat job.json"),
            ("", "\nNote: run this at night.\nIt takes long.\n", "Note: run this at night."),
            ("[1/2] Fetching\n[2/2] Done\n", "", "[1/2] Fetching"),
        ] {
            let error = Program::new().run(format!("{before}{job}{behind}")).error(2);
            assert!(error.contains(quoted) && error.contains("Hint: "), "{error}");
        }
    }
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_batch_with_stray_lines_stays_a_batch() {
    let server = server();
    let one = task(&server);
    let ran = Program::new().run(format!("Loaded env from .env\n{one}\n{one}\n"));
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let succeeded: Vec<_> = lines(&ran.stdout).iter().map(|line| line["success"] == true).collect();
    assert_eq!(succeeded.iter().filter(|success| **success).count(), 2);
    assert_eq!(succeeded.len(), 3);
}

#[test]
fn a_list_of_jobs_is_a_batch() {
    let server = server();
    let named = |id: &str| {
        let mut job = task(&server);
        job["custom_id"] = json!(id);
        job
    };
    let plain = task(&server);
    for (list, ids) in [
        (json!([named("a"), named("b")]).to_string(), vec!["a", "b"]),
        (format!("{:#}", json!([named("a"), named("b")])), vec!["a", "b"]),
        (format!("[\n{plain},\n{plain}\n]\n"), vec!["line-2", "line-3"]),
        (json!([plain, plain]).to_string(), vec!["line-1", "line-1.2"]),
        (json!([plain]).to_string(), vec!["line-1"]),
    ] {
        for args in [&["batch"][..], &[]] {
            let ran = Program::new().args(args.iter().copied()).run(&list);
            assert_eq!(ran.code, Some(0), "{list}\n{}", ran.stdout);
            let mut found: Vec<_> = lines(&ran.stdout).iter().map(|line| line["custom_id"].clone()).collect();
            found.sort_by_key(Value::to_string);
            assert_eq!(found, ids, "{list}");
        }
    }
}

#[test]
fn a_bad_item_of_a_list_costs_itself() {
    let server = server();
    let ran = Program::new().run(json!([task(&server), {"custom_id": "bad"}, task(&server)]).to_string());
    let good = lines(&ran.stdout).iter().filter(|line| line["success"] == true).count();
    assert_eq!((ran.code, good), (Some(3), 2), "{}", ran.stdout);
}

#[test]
fn half_a_character_is_read_with_a_warning() {
    let server = server();
    let text = task(&server).to_string().replace("Ada.", "Ada \\ud83d.");
    let ran = Program::new().run(text);
    assert_eq!(ran.result()["final_answer"], "Ada");
    assert!(ran.stderr.contains("half a character"), "{}", ran.stderr);
}

#[test]
fn a_line_break_of_echo_is_told_of() {
    let server = server();
    let mut job = task(&server);
    job["call_params"]["context"] = json!(["one\ntwo"]);
    let error = Program::new().run(job.to_string().replace("\\n", "\n")).error(2);
    assert!(error.contains("a line break within a string") && error.contains("printf"), "{error}");
}

#[test]
fn a_name_instead_of_a_text_costs_no_call() {
    let server = server();
    let with = |key: &str, value: Value| {
        let mut job = task(&server);
        job["call_params"][key] = value;
        job
    };
    for (job, complaint, remedy) in [
        (
            with("context", json!(["a", "report.txt"])),
            "`call_params.context[1]` is the path of a file",
            "name it in call_params.context_files",
        ),
        (
            with("context", json!("report.txt")),
            "`call_params.context` is the path of a file",
            "[\"report.txt\"]",
        ),
        (
            with("context", json!([{"name": "r", "text": "folder/"}])),
            "`call_params.context[0].text`",
            "call_params.context_files, [\"folder/\"]",
        ),
        (with("context", json!(["lost.pdf"])), "looks like the path of a file", "Note:"),
        (with("context", json!(["https://example.com/a?key=s3cret"])), "is a URL", "save the page"),
        (with("context", json!(["%PDF-1.7\n1 0 obj"])), "holds the bytes of a PDF file", "name the file"),
        (with("task", json!("report.txt")), "not a question", "the question itself"),
        (with("images", json!(["~/scan.png"])), "`call_params.images[0]`", "the whole path"),
        (with("images", json!(["file:///scan.png"])), "`call_params.images[0]`", "without file://"),
        (with("images", json!(["scan.pdf"])), "`call_params.images[0]`", "pdftoppm"),
        (with("images", json!(["folder"])), "is a folder", "each picture"),
    ] {
        let program = Program::new();
        std::fs::write(program.dir.path().join("report.txt"), "Signed: Ada.").unwrap();
        std::fs::create_dir(program.dir.path().join("folder")).unwrap();
        let error = program.run_job(&job).error(2);
        assert!(error.contains(complaint) && error.contains(remedy), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
    assert_eq!(server.requests().len(), 0);
    let program = Program::new();
    std::fs::write(program.dir.path().join("report.txt"), "").unwrap();
    assert_eq!(
        program.run_job(&with("context", json!(["Ada", "Note: report.txt"]))).result()["final_answer"],
        "Ada"
    );
}

#[test]
fn the_log_says_what_answered() {
    let server = server();
    let ran = Program::new().run_job(&task(&server));
    let log = ran.log();
    assert_eq!(log["protocol"], "minion");
    assert_eq!(log["local_client"], json!({"type": "openai", "model_name": "worker"}));
    assert_eq!(log["remote_client"], json!({"type": "openai", "model_name": "supervisor"}));
    assert_eq!(log["minions_version"], env!("CARGO_PKG_VERSION"));
}
