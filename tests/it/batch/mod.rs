//! Batch mode: one line out for each job, whatever becomes of the others; nothing lost, nothing twice.

mod ending;
mod limits;
mod shards;
mod sharing;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::Child;
use std::sync::{Mutex, mpsc};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::support::minion::{ANSWER, ASK, minion_server as server};
use crate::support::program::{Program, Ran, chats, job};
use crate::support::server::{Reply, Request, Server};
use crate::support::wait::{next, until};
use crate::support::wire::openai;

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
            ("line-3", "line 3: the job is not valid JSON but text; it begins `not JSON`"),
            ("contradicts", "line 6: `url` means the protocol minion, but body.protocol.type is minions"),
            ("misspelt", "line 8: unknown key `call_parms`. Hint: did you mean `call_params`?"),
        ] {
            assert!(all[id]["error"].as_str().unwrap().starts_with(complaint), "{}", all[id]);
        }
        assert!(ran.stderr.contains("jobs: 4 done, 4 failed, 0 skipped"), "{}", ran.stderr);
        let named = ran
            .stderr
            .lines()
            .find_map(|line| line.split_once("failed: ")?.1.strip_suffix("; their lines say why"));
        let mut named: Vec<&str> = named.unwrap_or_default().split(", ").collect();
        named.sort_unstable();
        assert_eq!(named, ["a", "contradicts", "line-3", "misspelt"], "{}", ran.stderr);
    }
}

#[test]
fn jobs_on_one_line_have_ids_of_their_own() {
    let server = prompt_server();
    let bare = |name: &str| {
        let mut job = task(&server, name);
        job.as_object_mut().unwrap().remove("custom_id");
        job
    };
    // `cat` of files without a last newline.
    let input = ["a", "b", "c"].map(|name| bare(name).to_string()).concat();
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.jsonl");
    let ran = batch([]).run(&input);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(succeeded(&ran.stdout), ["line-1", "line-1.2", "line-1.3"]);
    // They are the same in a resumed run, and other jobs are told.
    std::fs::write(&out, ran.stdout).unwrap();
    let ran = batch(["--resume", out.to_str().unwrap()]).run(bare("e").to_string());
    assert!(ran.stderr.contains("no job of the earlier output is one of this input"), "{}", ran.stderr);
    let ran = batch(["--resume", out.to_str().unwrap()]).run(format!("{input}{}", bare("d")));
    assert!(ran.stderr.contains("1 done, 0 failed, 3 skipped"), "{}", ran.stderr);
    assert_eq!(succeeded(&ran.stdout), ["line-1.4"]);

    // Someone has named a job so.
    let input = format!(
        "{}\n{}{}\n{}\n{}",
        task(&server, "line-2"),
        bare("a"),
        bare("b"),
        bare("c"),
        task(&server, "line-3")
    );
    let ran = batch([]).run(input);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let (good, bad): (Vec<_>, Vec<_>) =
        lines(&ran.stdout).into_iter().partition(|line| line["success"] == true);
    assert_eq!(by_id(good).into_keys().collect::<Vec<_>>(), ["line-2", "line-2.2", "line-2.3", "line-3"]);
    let [bad] = &bad[..] else { panic!("{bad:?}") };
    let error = bad["error"].as_str().unwrap();
    assert!(
        error.starts_with("line 4: the custom_id \"line-3\"") && error.contains("gets line-N"),
        "{error}"
    );
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
fn an_unusable_command_line_is_told_on_stderr_alone() {
    for (options, complaint) in [
        (&["--max-jobs", "0"][..], "invalid value '0' for '--max-jobs <N>'"),
        (&["--deadline=-1"], "it must be a number of seconds above 0"),
        (&["--input", "no/such.jsonl"], "the job file no/such.jsonl can't be read"),
        (&["--resume", "no/such.jsonl"], "the earlier output no/such.jsonl can't be read"),
    ] {
        let ran = batch(options.iter().copied()).run("");
        // stdout may be the file that a resume appends to.
        assert_eq!((ran.code, &*ran.stdout), (Some(2), ""), "{}", ran.stderr);
        assert!(ran.stderr.contains(complaint), "{}", ran.stderr);
    }
}

/// A server whose worker answers the job "first" only when it is told to.
fn held_server() -> (Server, mpsc::Sender<()>) {
    let (release, held) = mpsc::channel();
    let held = Mutex::new(held);
    let server = server(move |request| {
        if request.prompt().contains("signed first") {
            next("leave to answer the first job", &held.lock().unwrap());
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
    until("the last call but one", || chats(&server, "supervisor").len() >= 5);
    release.send(()).unwrap();
    let ran = Ran::of(child, dir);
    let ids: Vec<_> = lines(&ran.stdout).iter().map(|line| line["custom_id"].clone()).collect();
    assert_eq!(ids, ["first", "second", "third"]);
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
