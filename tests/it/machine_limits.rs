//! What the machine does not give: a stdout, files, CPU time, memory. Nothing is spent, lost or said wrongly for it.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::program::{Program, chats, job};
use crate::support::server::{Reply, Server};
use crate::support::wire::openai;

const ASK: &str = r#"{"reasoning": "r", "message": "Who?"}"#;
const ANSWER: &str =
    r#"{"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": "Ada"}"#;

/// A server whose supervisor asks once and then answers, and whose worker answers at once.
fn server() -> Server {
    Server::start(|request| match request.json()["model"].as_str() {
        Some("worker") => openai(request, "Ada signed."),
        Some(_) if request.json()["messages"].as_array().unwrap().len() > 1 => openai(request, ANSWER),
        Some(_) => openai(request, ASK),
        None => Reply::text(404, "not found"),
    })
}

fn one(server: &Server) -> Value {
    job(server, "minion", json!({"task": "Who signed?", "context": ["Ada."]}))
}

/// `count` jobs, a line each.
fn many(server: &Server, count: usize) -> String {
    (0..count)
        .map(|number| {
            let mut job = one(server);
            job["custom_id"] = json!(format!("job-{number}"));
            format!("{job}\n")
        })
        .collect()
}

#[test]
fn a_stdout_that_takes_nothing_is_seen_before_anything_is_sent() {
    let server = server();
    for (before, after, why) in [
        ("", ">&-", "it is closed"),
        ("", "1<> /dev/null", "subprocess.DEVNULL"),
        ("", "> /dev/full", "No space left"),
        ("", "1< /dev/null", "open for reading alone"),
        ("ulimit -f 0", "> out", "as long as this machine lets it be"),
        ("exec 3> >(exec true); wait $!", ">&3", "nobody reads it"),
    ] {
        for input in [one(&server).to_string(), many(&server, 2)] {
            let ran = Program::in_shell(before, after).run(&input);
            assert_eq!((ran.code, &*ran.stdout), (Some(1), ""), "{after}: {}", ran.stderr);
            assert!(ran.stderr.contains("stdout can't be written to"), "{after}: {}", ran.stderr);
            assert!(ran.stderr.contains(why), "{after}: {}", ran.stderr);
        }
    }
    assert_eq!(chats(&server, "supervisor").len(), 0);
    // Asked for, or with another place for the results.
    assert_eq!(Program::in_shell("", "> /dev/null").run(one(&server).to_string()).code, Some(0));
    let ran = Program::in_shell("", "--events events.ndjson >&-").run(one(&server).to_string());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn a_file_that_may_not_grow_costs_its_log_alone() {
    let server = server();
    let ran = Program::in_shell("ulimit -f 1", "").run(one(&server).to_string());
    assert_eq!(ran.result()["final_answer"], "Ada");
    assert!(
        ran.stderr.contains("no conversation log") && ran.stderr.contains("File too large"),
        "{}",
        ran.stderr
    );
    let ran = Program::in_shell("ulimit -f 1", "batch").run(many(&server, 3));
    assert_eq!((ran.code, ran.stdout.lines().count()), (Some(0), 3), "{}", ran.stderr);
    // An answer that does not fit is no success.
    let ran = Program::in_shell("ulimit -f 1", "> out").run(one(&server).to_string());
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("can't be written to stdout"), "{}", ran.stderr);
}

#[test]
fn files_that_never_end_or_never_begin_are_not_read() {
    let server = server();
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let sparse = dir.path().join("sparse.png");
    std::fs::write(&sparse, b"\x89PNG").unwrap();
    File::options().write(true).open(&sparse).unwrap().set_len(3 << 30).unwrap();
    for (path, why) in [
        (fifo.to_str().unwrap(), "it is a pipe"),
        ("/dev/zero", "it is a device"),
        (sparse.to_str().unwrap(), "has more than"),
    ] {
        let mut with_prompt = one(&server);
        with_prompt["protocol"]["kwargs"] = json!({"prompts": {"minion_worker": path}});
        let mut with_image = one(&server);
        with_image["call_params"]["images"] = json!([path]);
        for (job, place) in [(with_prompt, "prompts.minion_worker"), (with_image, "images[0]")] {
            // Less memory than the file has.
            let error = Program::in_shell("ulimit -v 2000000", "").run(job.to_string()).error(2);
            assert!(error.contains(place) && error.contains(why), "{error}");
        }
    }
    assert_eq!(chats(&server, "supervisor").len(), 0);
}

#[test]
fn a_disk_without_room_costs_its_log_alone() {
    let server = server();
    let program = Program::new();
    let folder = program.dir.path().join("minion_logs");
    std::fs::create_dir(&folder).unwrap();
    // No one may write there; root may, so that it proves nothing then.
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o500)).unwrap();
    assert_eq!(program.run_job(&one(&server)).result()["final_answer"], "Ada");
}

#[test]
fn few_open_files_mean_fewer_jobs_at_once() {
    let server = server();
    let ran = Program::in_shell("ulimit -n 100", "batch --max-jobs 300").run(many(&server, 60));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stdout.lines().count(), 60);
    assert!(ran.stderr.contains("allows 8 jobs at the same time, not 300"), "{}", ran.stderr);
    // A soft limit is raised.
    let ran = Program::in_shell("ulimit -S -n 50", "batch").run(many(&server, 20));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(!ran.stderr.contains("open files"), "{}", ran.stderr);
    let error = Program::in_shell("ulimit -n 20", "").run(one(&server).to_string()).error(1);
    assert!(error.contains("open 20 files at once") && error.contains("ulimit -n 40"), "{error}");
}

#[test]
fn cpu_time_that_runs_out_is_told() {
    let server = server();
    // The supervisor's reply is long, and asked again and again.
    let mut job = one(&server);
    job["call_params"]["context"] = json!(["Ada. ".repeat(1 << 10)]);
    let lines: String = (0..30_000)
        .map(|number| {
            job["custom_id"] = json!(number.to_string());
            format!("{job}\n")
        })
        .collect();
    let ran = Program::in_shell("ulimit -t 1", "batch").run(lines);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("--resume goes on with it"), "{}", ran.stderr);
    let ended: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told = |line: &&Value| line["error"].as_str().is_some_and(|error| error.contains("1 s of CPU time"));
    assert!(ended.iter().filter(told).count() > 0, "{} lines", ended.len());
}

/// Megabytes of address space with which the program starts at all: they depend on its size.
fn least_memory() -> u64 {
    let starts = |megabytes: &u64| {
        let ran = Program::in_shell(&format!("ulimit -v {}", megabytes << 10), "--version").run("");
        ran.code == Some(0)
    };
    (8..1024).step_by(4).find(starts).expect("the program starts within a gigabyte")
}

#[test]
fn memory_that_runs_out_has_its_envelope() {
    let server = server();
    let mut job = one(&server);
    job["call_params"]["context"] = json!(["a b c d e f g h ".repeat(200_000)]);
    let least = least_memory();
    for more in [0, 4, 16, 32, 52, 72, 132] {
        let megabytes = least + more;
        let limit = format!("ulimit -v {}", megabytes << 10);
        let ran = Program::in_shell(&limit, "").run(job.to_string());
        let envelope = ran.envelope();
        match ran.code {
            Some(0) => assert_eq!(envelope["result"]["final_answer"], "Ada"),
            Some(65) => assert!(envelope["error"].as_str().unwrap().contains("memory"), "{envelope}"),
            // Before a thread has started, or in a call.
            code => assert_eq!(code, Some(1), "{megabytes}: {envelope}"),
        }
    }
}

#[test]
fn a_line_that_memory_does_not_hold_fails_alone() {
    let server = server();
    let mut large = one(&server);
    large["custom_id"] = json!("large");
    large["call_params"]["context"] = json!(["a b c d e f g h ".repeat(5_000_000)]);
    let input = format!("{}{large}\n{}", many(&server, 1), many(&server, 2).lines().nth(1).unwrap());
    let ran = Program::in_shell("ulimit -v 450000", "batch").run(input);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let lines: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let failed: Vec<_> = lines.iter().filter(|line| line["success"] == false).collect();
    assert_eq!((lines.len(), failed.len()), (3, 1), "{}", ran.stderr);
    assert!(failed[0]["error"].as_str().unwrap().contains("MB are left"), "{}", failed[0]);
}

#[test]
fn random_hardship_leaves_one_envelope() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bench/hardship.py");
    let ran = std::process::Command::new("python3")
        .args([script, env!("CARGO_BIN_EXE_minions"), "40", "7"])
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
}

#[test]
fn a_batch_that_memory_ends_tells_each_job_and_is_resumed() {
    let server = server();
    let dir = tempfile::tempdir().unwrap();
    let mut ended = 0;
    let least = least_memory();
    for more in [0, 12, 24, 36, 52] {
        let megabytes = least + more;
        let jobs = (0..8).map(|number| {
            let mut job = one(&server);
            job["custom_id"] = json!(format!("job-{number}"));
            // Each by itself has room enough.
            job["call_params"]["context"] = json!(["lorem ipsum dolor sit amet ".repeat(27_000)]);
            format!("{job}\n")
        });
        let input: String = jobs.collect();
        let out = dir.path().join(format!("{megabytes}.jsonl"));
        std::fs::write(&out, "").unwrap();
        let run = |limit: &str| {
            let out = out.to_str().unwrap();
            let ran = Program::in_shell(limit, &format!("batch --slim --resume {out} >> {out}")).run(&input);
            let text = std::fs::read_to_string(out).unwrap();
            assert!(text.is_empty() || text.ends_with("}\n"), "{text}");
            let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            (ran, lines)
        };
        let (ran, lines) = run(&format!("ulimit -v {}", megabytes << 10));
        if ran.code == Some(65) {
            ended += 1;
            assert!(ran.stderr.contains("goes on with --resume"), "{}", ran.stderr);
        }
        for line in lines.iter().filter(|line| line["success"] == false) {
            let error = line["error"].as_str().unwrap();
            assert!(error.contains("memory") || error.contains("thread"), "{error}");
        }
        let (ran, lines) = run("true");
        assert_eq!(ran.code, Some(0), "{:?} {}", lines.last(), ran.stderr);
        let mut done: Vec<_> = lines.iter().filter(|line| line["success"] == true).collect();
        done.sort_by_key(|line| line["custom_id"].to_string());
        done.dedup_by_key(|line| line["custom_id"].to_string());
        let count = lines.iter().filter(|line| line["success"] == true).count();
        assert_eq!((done.len(), count), (8, 8), "{megabytes} MB");
    }
    assert!(ended > 0, "none of the limits ended a batch");
}

/// Started by a user who is not root, whom limits of processes do not hold.
fn as_plain_user(before: &str) -> Program {
    let drop_rights = "exec setpriv --reuid 65534 --regid 65534 --clear-groups bash -c";
    match nix::unistd::geteuid().is_root() {
        true => Program::in_shell(&format!("{drop_rights} '{before}; exec \"$0\"' \"$0\""), ""),
        false => Program::in_shell(before, ""),
    }
}

#[test]
fn too_few_threads_are_told_before_anything_is_sent() {
    let server = server();
    for count in [1, 3, 6] {
        let ran = as_plain_user(&format!("ulimit -u {count}")).run_job(&one(&server));
        let error = ran.error(1);
        assert!(error.contains("thread") && !error.contains("defect"), "{error}");
    }
    assert_eq!(chats(&server, "supervisor").len(), 0);
}
