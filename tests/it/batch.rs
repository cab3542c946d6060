//! Batch mode: one line out for each job, whatever becomes of the others; nothing lost, nothing twice.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex, mpsc};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::support::program::{Program, Ran, chats, job};
use crate::support::server::{Reply, Request, Server};
use crate::support::wire::{ollama_ndjson, openai};

const ASK: &str = r#"{"reasoning": "r", "message": "Who?"}"#;
const ANSWER: &str =
    r#"{"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": "Ada"}"#;

/// A server whose supervisor asks once and then answers, and whose worker is `worker`.
fn server(worker: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |request| match request.json()["model"].as_str() {
        Some("worker") => worker(request),
        Some(_) if request.json()["messages"].as_array().unwrap().len() > 1 => openai(request, ANSWER),
        Some(_) => openai(request, ASK),
        None => Reply::text(404, "not found"),
    })
}

/// A server whose worker answers at once.
fn prompt_server() -> Server {
    server(|request| openai(request, "Ada signed."))
}

/// A server whose worker never answers a job with "stuck" in its task; says when it is asked.
fn stuck_server() -> (Server, mpsc::Receiver<()>) {
    let (asked, waits) = mpsc::sync_channel(100);
    let server = server(move |request| {
        if !request.prompt().contains("stuck") {
            return openai(request, "Ada signed.");
        }
        let _ = asked.try_send(());
        Reply::hang()
    });
    (server, waits)
}

fn task(server: &Server, custom_id: &str) -> Value {
    let mut job =
        job(server, "minion", json!({"task": format!("Who signed {custom_id}?"), "context": ["Ada."]}));
    job["custom_id"] = json!(custom_id);
    job
}

fn json_lines(jobs: impl IntoIterator<Item = Value>) -> String {
    jobs.into_iter().map(|job| format!("{job}\n")).collect()
}

/// The output lines: four keys each, whole, in order.
fn lines(stdout: &str) -> Vec<Value> {
    assert!(stdout.is_empty() || stdout.ends_with("}\n"), "{stdout:?}");
    let lines: Vec<Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}")))
        .collect();
    for line in &lines {
        let keys: Vec<_> = line.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["custom_id", "success", "result", "error"]);
        assert_eq!(line["success"] == true, line["error"].is_null(), "{line}");
        assert_eq!(line["success"] == true, !line["result"].is_null(), "{line}");
    }
    lines
}

/// The lines by their custom_id, each of which is there once.
fn by_id(lines: Vec<Value>) -> BTreeMap<String, Value> {
    let mut map = BTreeMap::new();
    for line in lines {
        let id = line["custom_id"].as_str().unwrap().to_owned();
        assert!(map.insert(id.clone(), line).is_none(), "{id} is there twice");
    }
    map
}

fn succeeded(stdout: &str) -> Vec<String> {
    let all = by_id(lines(stdout));
    all.into_iter().filter(|(_, line)| line["success"] == true).map(|(id, _)| id).collect()
}

fn batch<'a>(options: impl IntoIterator<Item = &'a str>) -> Program {
    Program::new().args(["batch"]).args(options)
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().try_into().unwrap()), signal).unwrap();
}

#[test]
fn every_line_has_its_line_and_a_bad_one_costs_itself() {
    let server = prompt_server();
    let bare = job(&server, "minion", json!({"task": "Who?", "context": ["Ada."]}));
    let mut twin = task(&server, "a");
    twin["metadata"] = json!({"page": [1]});
    let mut contradicts = bare.clone();
    contradicts["protocol"]["type"] = json!("minions");
    let mut without_protocol = bare.clone();
    without_protocol.as_object_mut().unwrap().remove("protocol");
    let request = |id: &str, body: &Value| {
        json!({"custom_id": id, "method": "POST", "url": "/v1/minion", "body": body}).to_string()
    };
    let input = [
        format!("\u{feff}{twin}"),
        String::new(),
        "not JSON".to_owned(),
        bare.to_string(),
        request("wrapped", &without_protocol),
        request("contradicts", &contradicts),
        task(&server, "a").to_string(),
        r#"{"custom_id": "misspelt", "call_parms": {}}"#.to_owned(),
        serde_json::to_string_pretty(&task(&server, "pretty")).unwrap(),
    ];
    for program in [batch([]), Program::new()] {
        let ran = program.run(input.join("\n"));
        assert_eq!(ran.code, Some(3), "{}", ran.stderr);
        let mut all = lines(&ran.stdout);
        let at = all.iter().position(|line| line["custom_id"] == "a" && line["success"] == false).unwrap();
        let twice = all.remove(at);
        assert!(twice["error"].as_str().unwrap().contains("line 7: the custom_id \"a\""), "{twice}");
        let all = by_id(all);
        let ids: Vec<_> = all.keys().map(String::as_str).collect();
        assert_eq!(ids, ["a", "contradicts", "line-3", "line-4", "misspelt", "pretty", "wrapped"]);
        for id in ["a", "line-4", "pretty", "wrapped"] {
            assert_eq!(all[id]["result"]["final_answer"], "Ada", "{}", all[id]);
            assert_eq!(all[id]["result"]["job_hash"].as_str().unwrap().len(), 32);
        }
        assert_eq!(all["a"]["result"]["metadata"], json!({"page": [1]}));
        assert!(all["pretty"]["result"].get("metadata").is_none());
        for (id, complaint) in [
            ("line-3", "line 3: the job is not valid JSON: expected ident at line 3 column 2"),
            ("contradicts", "line 6: `url` means the protocol minion, but body.protocol.type is minions"),
            ("misspelt", "line 8: unknown key `call_parms`. Hint: did you mean `call_params`?"),
        ] {
            assert!(all[id]["error"].as_str().unwrap().starts_with(complaint), "{}", all[id]);
        }
        assert!(ran.stderr.contains("jobs: 4 done, 4 failed, 0 skipped"), "{}", ran.stderr);
    }
}

#[test]
fn one_job_is_a_batch_only_with_a_custom_id() {
    let server = prompt_server();
    let mut one = task(&server, "a");
    let ran = Program::new().run(serde_json::to_string_pretty(&one).unwrap());
    assert_eq!((ran.code, succeeded(&ran.stdout)), (Some(0), vec!["a".to_owned()]), "{}", ran.stderr);
    let program = Program::new();
    let file = program.dir.path().join("job.json");
    std::fs::write(&file, one.to_string()).unwrap();
    let file = file.to_str().unwrap().to_owned();
    assert_eq!(program.args(["run", "--job", &file]).run("").result()["final_answer"], "Ada");
    one.as_object_mut().unwrap().remove("custom_id");
    one["metadata"] = json!({"k": "v"});
    let result = Program::new().run(serde_json::to_string_pretty(&one).unwrap()).result();
    assert_eq!(result["metadata"], json!({"k": "v"}));
    assert!(result.get("job_hash").is_none());
}

#[test]
fn what_counts_as_a_failed_run_can_be_chosen() {
    let server = prompt_server();
    let (good, bad) = (task(&server, "a").to_string(), r#"{"custom_id": "b"}"#);
    let mixed = format!("{good}\n{bad}\n");
    for (options, input, code) in [
        (&[][..], good.as_str(), 0),
        (&[], "", 0),
        (&[], &mixed, 3),
        (&["--fail-on", "any"], &mixed, 3),
        (&["--fail-on", "all"], &mixed, 0),
        (&["--fail-on", "all"], bad, 3),
        (&["--fail-on", "never"], bad, 0),
    ] {
        let ran = batch(options.iter().copied()).run(input);
        assert_eq!(ran.code, Some(code), "{options:?} {input}\n{}", ran.stderr);
    }
}

#[test]
fn an_unusable_command_line_has_one_envelope() {
    for (options, complaint) in [
        (&["--max-jobs", "0"][..], "invalid value '0' for '--max-jobs <N>'"),
        (&["--deadline=-1"], "it must be a number of seconds above 0"),
        (&["--input", "no/such.jsonl"], "the job file no/such.jsonl can't be read"),
        (&["--resume", "no/such.jsonl"], "the earlier output no/such.jsonl can't be read"),
    ] {
        let error = batch(options.iter().copied()).run("").error(2);
        assert!(error.contains(complaint), "{error}");
    }
}

/// A server whose worker answers the job "first" only when it is told to.
fn held_server() -> (Server, mpsc::Sender<()>) {
    let (release, held) = mpsc::channel();
    let held = Mutex::new(held);
    let server = server(move |request| {
        if request.prompt().contains("signed first") {
            held.lock().unwrap().recv().unwrap();
        }
        openai(request, "Ada.")
    });
    (server, release)
}

#[test]
fn a_line_comes_when_its_job_is_done() {
    let (server, release) = held_server();
    let (mut child, dir) =
        batch([]).start(json_lines(["first", "second"].map(|id| task(&server, id))).as_bytes());
    let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || succeeded(&format!("{}\n", stdout.next().unwrap().unwrap()));
    assert_eq!(next(), ["second"]);
    release.send(()).unwrap();
    assert_eq!(next(), ["first"]);
    assert_eq!(Ran::of(child, dir).code, Some(0));
}

#[test]
fn lines_can_keep_the_order_of_the_input() {
    let (server, release) = held_server();
    let (child, dir) = batch(["--ordered"])
        .start(json_lines(["first", "second", "third"].map(|id| task(&server, id))).as_bytes());
    // Each job asks the supervisor twice; the first one's second time is still to come.
    while chats(&server, "supervisor").len() < 5 {
        std::thread::yield_now();
    }
    release.send(()).unwrap();
    let ran = Ran::of(child, dir);
    let ids: Vec<_> = lines(&ran.stdout).iter().map(|line| line["custom_id"].clone()).collect();
    assert_eq!(ids, ["first", "second", "third"]);
}

#[test]
fn as_many_jobs_run_at_once_as_allowed() {
    const JOBS: usize = 3;
    let (barrier, now, most) = (Barrier::new(JOBS), AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let server = server(move |request| {
        seen.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
        // Passes only if as many are here.
        barrier.wait();
        now.fetch_sub(1, SeqCst);
        openai(request, "Ada.")
    });
    let jobs = (0..4 * JOBS).map(|n| task(&server, &n.to_string()));
    let ran = batch(["--max-jobs", "3"]).run(json_lines(jobs));
    assert_eq!((ran.code, succeeded(&ran.stdout).len()), (Some(0), 4 * JOBS), "{}", ran.stderr);
    assert_eq!(most.load(SeqCst), JOBS);
}

#[test]
fn all_jobs_together_keep_to_the_workers_slots() {
    let (now, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let (seen, barrier) = (Arc::clone(&most), Barrier::new(2));
    let server = server(move |request| {
        seen.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
        barrier.wait();
        now.fetch_sub(1, SeqCst);
        openai(request, "Ada.")
    });
    let jobs = (0..10).map(|n| {
        let mut job = task(&server, &n.to_string());
        job["local_client"]["kwargs"]["max_concurrency"] = json!(2);
        // Other settings, the same server.
        job["local_client"]["kwargs"]["seed"] = json!(n % 3);
        job
    });
    let ran = batch(["--max-jobs", "10"]).run(json_lines(jobs));
    assert_eq!((ran.code, succeeded(&ran.stdout).len()), (Some(0), 10), "{}", ran.stderr);
    assert_eq!(most.load(SeqCst), 2);
}

#[test]
fn a_server_is_asked_once_for_all_jobs_and_connections_are_shared() {
    let server = prompt_server();
    let jobs = (0..40).map(|n| task(&server, &n.to_string()));
    let ran = batch(["--max-jobs", "4"]).run(json_lines(jobs));
    assert_eq!((ran.code, succeeded(&ran.stdout).len()), (Some(0), 40), "{}", ran.stderr);
    let requests = server.requests();
    assert_eq!(requests.iter().filter(|request| request.path == "/props").count(), 2, "once a side");
    let connections = requests.iter().map(|request| request.connection).max().unwrap() + 1;
    assert!(connections <= 2 * 4 + 2, "{connections} connections");
}

#[test]
fn shards_are_the_whole_input_once() {
    let server = prompt_server();
    let mut ids: Vec<String> = (0..20).map(|n| format!("job {n}")).collect();
    let mut input = json_lines(ids.iter().map(|id| task(&server, id)));
    // Blank, bad and pretty-printed ones belong to one shard each as well.
    input.push_str(&format!("\n\nno json\n{:#}\n", task(&server, "pretty")));
    ids.extend(["line-23".to_owned(), "pretty".to_owned()]);
    let mut found = Vec::new();
    for index in 0..3 {
        let ran = batch(["--fail-on", "never", "--shard", &format!("{index}/3")]).run(&input);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let lines = lines(&ran.stdout);
        assert!((6..=8).contains(&lines.len()), "{}", ran.stdout);
        found.extend(lines.iter().map(|line| line["custom_id"].as_str().unwrap().to_owned()));
    }
    ids.sort();
    found.sort();
    assert_eq!(found, ids);
}

#[test]
fn a_failure_is_not_remembered() {
    let server = Server::start(|request| match request.path.as_str() {
        "/api/version" if request.index == 0 => Reply::error(500, &json!({"error": "not yet"})),
        "/api/version" => Reply::json(&json!({"version": "0.30.0"})),
        "/api/show" => Reply::json(&json!({"capabilities": ["completion"], "model_info": {}})),
        _ => Reply::error(400, &json!({"error": "no chat here"})),
    });
    let jobs = ["a", "b"].map(|id| {
        json!({
            "custom_id": id,
            "local_client": {"type": "ollama", "kwargs": {"base_url": server.url(), "retries": 0}},
            "remote_client": {"type": "ollama", "kwargs": {"base_url": server.url(), "retries": 0}},
            "call_params": {"task": "Who?"},
        })
    });
    let ran = batch(["--max-jobs", "1"]).run(json_lines(jobs));
    let all = by_id(lines(&ran.stdout));
    assert!(all["a"]["error"].as_str().unwrap().contains("not yet"), "{}", all["a"]);
    assert!(all["b"]["error"].as_str().unwrap().contains("no chat here"), "{}", all["b"]);
}

#[test]
fn an_ollama_model_is_found_once_and_its_window_only_grows() {
    let server = Server::start(|request| match request.path.as_str() {
        "/api/version" => Reply::json(&json!({"version": "0.30.0"})),
        "/api/show" => Reply::json(&json!({
            "capabilities": ["completion"],
            "model_info": {"general.architecture": "llama", "llama.context_length": 131_072},
        })),
        "/api/ps" => Reply::json(&json!({"models": []})),
        "/api/chat" => ollama_ndjson("Ada."),
        _ if request.json()["messages"].as_array().is_some_and(|all| all.len() > 1) => {
            openai(request, ANSWER)
        }
        _ => openai(request, ASK),
    });
    let jobs = [("a", 1), ("b", 1), ("long", 30_000), ("c", 1)].map(|(id, length)| {
        let mut job = task(&server, id);
        job["local_client"] = json!({"type": "ollama", "kwargs": {"base_url": server.url()}});
        job["call_params"]["context"] = json!(["x".repeat(length)]);
        job
    });
    let ran = batch(["--max-jobs", "1"]).run(json_lines(jobs));
    assert_eq!((ran.code, succeeded(&ran.stdout).len()), (Some(0), 4), "{}", ran.stderr);
    let requests = server.requests();
    assert_eq!(requests.iter().filter(|request| request.path == "/api/show").count(), 2, "once a window");
    let windows: Vec<_> = requests
        .iter()
        .map(Request::json)
        // Loading ahead has no message.
        .filter(|body| body["options"].is_object() && !body["messages"].as_array().unwrap().is_empty())
        .map(|body| body["options"]["num_ctx"].as_u64().unwrap())
        .collect();
    assert_eq!((windows.len(), windows[0], windows[1]), (4, windows[1], windows[0]));
    assert!(windows[2] > windows[1] && windows[3] == windows[2], "{windows:?}");
}

#[test]
fn a_signal_ends_running_jobs_with_their_line_and_leaves_the_rest() {
    for (name, number, code) in [("SIGTERM", Signal::SIGTERM, 143), ("SIGINT", Signal::SIGINT, 130)] {
        let (server, asked) = stuck_server();
        let input = json_lines(["a", "stuck", "b", "c"].map(|id| task(&server, id)));
        let (child, dir) = batch(["--max-jobs", "1"]).start(input.as_bytes());
        asked.recv().unwrap();
        signal(&child, number);
        let ran = Ran::of(child, dir);
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        let all = lines(&ran.stdout);
        assert_eq!(all.len(), 2, "{}", ran.stdout);
        assert_eq!((&all[0]["custom_id"], &all[1]["custom_id"]), (&json!("a"), &json!("stuck")));
        assert!(all[1]["error"].as_str().unwrap().contains(&format!("stopped by {name}")));
        assert!(ran.stderr.contains("--resume goes on with it"), "{}", ran.stderr);
        assert!(chats(&server, "supervisor").iter().all(|chat| !chat.to_string().contains("signed b?")));
    }
}

#[test]
fn a_second_signal_ends_the_run_at_once() {
    let (server, asked) = stuck_server();
    let mut long = task(&server, "long");
    // More than a pipe holds, and nobody reads it.
    long["call_params"]["context"] = json!(["x".repeat(1 << 20)]);
    let (mut child, _dir) =
        batch(["--max-jobs", "1"]).start(json_lines([long, task(&server, "stuck")]).as_bytes());
    asked.recv().unwrap();
    signal(&child, Signal::SIGTERM);
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(told.any(|line| line.unwrap().contains("a second signal ends the run at once")));
    signal(&child, Signal::SIGTERM);
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

/// Starts a batch that appends to `out`.
fn appending(options: &[&str], input: &str, out: &Path) -> (Child, tempfile::TempDir) {
    let file = OpenOptions::new().append(true).create(true).open(out).unwrap();
    batch(options.iter().copied()).start_into(input.as_bytes(), Stdio::from(file))
}

#[test]
fn after_a_kill_a_resume_completes_the_same_file() {
    let stuck = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let (asked, waits) = mpsc::sync_channel(100);
    let is_stuck = Arc::clone(&stuck);
    let server = server(move |request| {
        if !request.prompt().contains("stuck") || !is_stuck.load(SeqCst) {
            return openai(request, "Ada.");
        }
        let _ = asked.try_send(());
        Reply::hang()
    });
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.jsonl");
    let input = json_lines(["a", "b", "stuck", "c"].map(|id| task(&server, id)));
    let (mut child, _logs) = appending(&["--max-jobs", "1"], &input, &out);
    waits.recv().unwrap();
    signal(&child, Signal::SIGKILL);
    child.wait().unwrap();
    let before = std::fs::read_to_string(&out).unwrap();
    assert_eq!(succeeded(&before), ["a", "b"]);
    stuck.store(false, SeqCst);
    let path = out.to_str().unwrap();
    for torn in ["", "{\"custom_id\":\"stuck\",\"success\":true,\"result\":{\"final_an"] {
        std::fs::write(&out, format!("{before}{torn}")).unwrap();
        let (child, logs) = appending(&["--resume", path], &input, &out);
        let ran = Ran::of(child, logs);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_eq!(ran.stderr.contains("line 3 was cut off"), !torn.is_empty(), "{}", ran.stderr);
        let after = std::fs::read_to_string(&out).unwrap();
        assert!(after.starts_with(&before));
        assert_eq!(succeeded(&after), ["a", "b", "c", "stuck"]);
        let asked = chats(&server, "worker").len();
        let (child, logs) = appending(&["--resume", path], &input, &out);
        assert_eq!(Ran::of(child, logs).code, Some(0));
        assert_eq!(std::fs::read_to_string(&out).unwrap(), after, "all is done");
        assert_eq!(chats(&server, "worker").len(), asked);
    }
}

#[test]
fn output_never_joins_a_line_that_lacks_its_end() {
    let server = prompt_server();
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.jsonl");
    std::fs::write(&out, "{\"by\": \"another program\"}").unwrap();
    let (child, logs) = appending(&[], &json_lines([task(&server, "a")]), &out);
    assert_eq!(Ran::of(child, logs).code, Some(0));
    let text = std::fs::read_to_string(&out).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    assert_eq!((first, succeeded(rest)), ("{\"by\": \"another program\"}", vec!["a".to_owned()]));
}

#[test]
fn a_changed_job_is_not_done() {
    let server = prompt_server();
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.jsonl");
    let first = batch([]).run(json_lines(["a", "b"].map(|id| task(&server, id))));
    std::fs::write(&out, &first.stdout).unwrap();
    let mut changed = task(&server, "b");
    changed["call_params"]["task"] = json!("Who else?");
    let mut with_new_key = task(&server, "a");
    with_new_key["remote_client"]["kwargs"]["api_key"] = json!("sk-another-0123456789");
    let ran = batch(["--resume", out.to_str().unwrap()]).run(json_lines([with_new_key, changed]));
    assert_eq!(succeeded(&ran.stdout), ["b"]);
    assert!(ran.stderr.contains("1 done, 0 failed, 1 skipped"), "{}", ran.stderr);
}

#[test]
fn a_closed_stdout_ends_the_run() {
    let (server, _asked) = stuck_server();
    let mut jobs = ["a", "b", "stuck", "c"].map(|id| task(&server, id));
    for job in &mut jobs[..2] {
        // More than a pipe holds.
        job["call_params"]["context"] = json!(["x".repeat(1 << 20)]);
    }
    let (reader, writer) = std::io::pipe().unwrap();
    let (child, dir) =
        batch(["--max-jobs", "1"]).start_into(json_lines(jobs.clone()).as_bytes(), Stdio::from(writer));
    let mut first = String::new();
    // The reader goes after one line.
    BufReader::new(reader).read_line(&mut first).unwrap();
    assert_eq!(succeeded(&first), ["a"]);
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (other, other_dir) =
        batch(["--max-jobs", "1"]).start_into(json_lines(jobs).as_bytes(), Stdio::from(full));
    for ran in [Ran::of(child, dir), Ran::of(other, other_dir)] {
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        assert!(ran.stderr.contains("stdout can't be written to"), "{}", ran.stderr);
    }
    let asked = chats(&server, "supervisor");
    assert!(asked.iter().all(|chat| !chat.to_string().contains("signed c?")), "a job was taken after that");
}

#[test]
fn the_runs_deadline_ends_it() {
    let (server, _asked) = stuck_server();
    let input = json_lines(["a", "stuck", "b"].map(|id| task(&server, id)));
    let ran = batch(["--max-jobs", "1", "--deadline", "1"]).run(&input);
    assert_eq!(ran.code, Some(124), "{}", ran.stderr);
    let all = by_id(lines(&ran.stdout));
    assert_eq!(all.keys().collect::<Vec<_>>(), ["a", "stuck"]);
    let error = all["stuck"]["error"].as_str().unwrap();
    assert!(error.contains("the run's deadline of 1 s") && error.contains("--resume"), "{error}");
}

#[test]
fn a_jobs_own_deadline_and_budget_are_its_own() {
    let (server, _asked) = stuck_server();
    let mut late = task(&server, "stuck");
    late["budget"] = json!({"deadline_s": 0.2});
    let mut poor = task(&server, "poor");
    poor["budget"] = json!({"remote_tokens": 16});
    let ran = batch([]).run(json_lines([late, poor, task(&server, "a")]));
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let all = by_id(lines(&ran.stdout));
    assert!(all["stuck"]["error"].as_str().unwrap().contains("deadline of 0.2 s"));
    assert!(all["poor"]["error"].as_str().unwrap().contains("budget of 16 remote tokens"));
    assert_eq!(all["a"]["success"], true);
}

#[test]
fn the_runs_remote_tokens_are_not_overspent() {
    // 30 for each job.
    let server = prompt_server();
    let input = json_lines((0..60).map(|n| task(&server, &n.to_string())));
    let ran = batch(["--max-jobs", "1", "--remote-tokens", "1000"]).run(&input);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let all = lines(&ran.stdout);
    assert!(all.len() < 60, "the rest is left");
    let (last, before) = all.split_last().unwrap();
    assert!(before.iter().all(|line| line["success"] == true), "{}", ran.stdout);
    let error = last["error"].as_str().unwrap();
    assert!(error.contains("budget of 1000 remote tokens") && error.contains("--remote-tokens"), "{error}");
    let spent: u64 =
        before.iter().map(|line| line["result"]["remote_usage"]["total_tokens"].as_u64().unwrap()).sum();
    assert!(spent <= 1000, "{spent}");
}

#[test]
fn a_minute_has_no_more_than_is_allowed() {
    for option in ["--requests-per-minute=1", "--tokens-per-minute=1"] {
        let server = prompt_server();
        let ran = batch([option, "--deadline=3"]).run(json_lines(["a", "b"].map(|id| task(&server, id))));
        assert_eq!(ran.code, Some(124), "{}", ran.stderr);
        assert_eq!(chats(&server, "supervisor").len(), 1, "the next one would have to wait for a minute");
        assert_eq!(by_id(lines(&ran.stdout)).len(), 2);
    }
}

#[test]
fn a_dry_run_checks_and_estimates_without_a_call() {
    let server = prompt_server();
    let mut minions = job(&server, "minions", json!({"task": "t", "context": ["x".repeat(4000)]}));
    minions["custom_id"] = json!("many");
    let mut no_key = task(&server, "no key");
    no_key["remote_client"] = json!({"type": "openai"});
    let input = json_lines([task(&server, "a"), minions, no_key, json!({"custom_id": "bad"})]);
    let ran = batch(["--dry-run"]).run(&input);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert_eq!(server.requests().len(), 0);
    let all = by_id(lines(&ran.stdout));
    assert_eq!(all["a"]["result"]["dry_run"], true);
    assert_eq!(all["a"]["result"]["remote_calls"], 4);
    assert_eq!(all["many"]["result"]["local_tokens"], 1000 * 3 * 3);
    assert!(all["many"]["result"]["method"].as_str().unwrap().contains("4 characters"));
    assert!(all["no key"]["error"].as_str().unwrap().contains("there is no API key"));
    assert!(all["bad"]["error"].as_str().unwrap().contains("call_params.task"));
    // It is no earlier output: nothing is done.
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("dry.jsonl");
    std::fs::write(&out, &ran.stdout).unwrap();
    let ran = batch(["--resume", out.to_str().unwrap()]).run(json_lines([task(&server, "a")]));
    assert_eq!(succeeded(&ran.stdout), ["a"]);
}

#[test]
fn input_is_read_as_jobs_are_taken() {
    let server = prompt_server();
    let (program, dir) = batch(["--max-jobs", "1"]).open();
    let mut child = program;
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    // Each line is answered while the input stays open.
    for id in ["a", "b", "c"] {
        writeln!(stdin, "{}", task(&server, id)).unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(succeeded(&line), [id]);
    }
    drop(stdin);
    assert_eq!(Ran::of(child, dir).code, Some(0));
}

#[test]
fn no_key_of_any_line_shows() {
    let server = server(|request| openai(request, "the key is sk-line-0123456789"));
    let mut job = task(&server, "sk-line-0123456789");
    job["remote_client"]["kwargs"]["api_key"] = json!("sk-line-0123456789");
    let ran = batch([]).env("RUST_LOG", "minions=debug").run(json_lines([job, json!({"custom_id": "b"})]));
    assert_eq!(lines(&ran.stdout).len(), 2);
    assert!(
        !ran.stdout.contains("sk-line") && !ran.stderr.contains("sk-line"),
        "{}\n{}",
        ran.stdout,
        ran.stderr
    );
}

#[test]
fn jobs_can_come_from_a_file() {
    let server = prompt_server();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jobs.jsonl");
    let mut file = File::create(&path).unwrap();
    file.write_all(json_lines([task(&server, "a")]).as_bytes()).unwrap();
    let ran = batch(["--input", path.to_str().unwrap()]).run("");
    assert_eq!(succeeded(&ran.stdout), ["a"]);
}
