//! Ends before the end of the input, and going on with the rest.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use super::*;
use crate::support::program::Running;

#[test]
fn a_signal_ends_running_jobs_with_their_line_and_leaves_the_rest() {
    for (name, number, code) in [("SIGTERM", Signal::SIGTERM, 143), ("SIGINT", Signal::SIGINT, 130)] {
        let (server, asked) = stuck_server();
        let input = json_lines(["a", "stuck", "b", "c"].map(|id| task(&server, id)));
        let (child, dir) = batch(["--max-jobs", "1"]).start(input.as_bytes());
        next("the call of the job that is stuck", &asked);
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
    next("the call of the job that is stuck", &asked);
    signal(&child, Signal::SIGTERM);
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(told.any(|line| line.unwrap().contains("a second signal ends the run at once")));
    signal(&child, Signal::SIGTERM);
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

/// Starts a batch that appends to `out`.
fn appending(options: &[&str], input: &str, out: &Path) -> (Running, tempfile::TempDir) {
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
    next("the call of the job that is stuck", &waits);
    // A line is written while the next job begins.
    let lines = || std::fs::read_to_string(&out).unwrap();
    while lines().matches('\n').count() < 2 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    signal(&child, Signal::SIGKILL);
    child.wait().unwrap();
    let before = lines();
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
fn nothing_but_lines_goes_to_stdout() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("in"), "{}\n").unwrap();
    for (options, code, why) in [
        (vec!["--resume".to_owned(), path("none")], 2, "can't be read"),
        (vec!["--input".to_owned(), path("none")], 2, "can't be read"),
        (vec!["--shard".to_owned(), "9/3".to_owned()], 2, "9/3"),
        (vec!["--bogus".to_owned()], 2, "--bogus"),
        (vec!["--events".to_owned(), "fd:1".to_owned()], 2, "is stdout"),
    ] {
        let ran = batch(options.iter().map(String::as_str)).run("");
        assert_eq!((ran.code, &*ran.stdout), (Some(code), ""), "{options:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(why), "{options:?}: {}", ran.stderr);
    }
}

#[test]
fn an_end_while_files_are_opened_says_nothing_on_stdout() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let fifo = fifo.to_str().unwrap();
    // Nobody ever writes to it, or reads from it.
    for option in ["--resume", "--input", "--events"] {
        let ran = batch([option, fifo, "--deadline", "0.3"]).run("");
        assert_eq!((ran.code, &*ran.stdout), (Some(124), ""), "{option}: {}", ran.stderr);
        let mut program = batch([option, fifo]).env("RUST_LOG", "debug");
        program = program.env("PATH", "/bin");
        let (child, logs) = program.start(b"");
        let status = format!("/proc/{}/status", child.id());
        until("threads", || {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let threads = text.lines().find_map(|line| line.strip_prefix("Threads:")).unwrap_or("0");
            threads.trim().parse::<u32>().unwrap_or(0) > 3
        });
        signal(&child, Signal::SIGTERM);
        let ran = Ran::of(child, logs);
        assert_eq!((ran.code, &*ran.stdout), (Some(143), ""), "{option}: {}", ran.stderr);
        assert!(ran.stderr.contains("SIGTERM"), "{option}: {}", ran.stderr);
    }
}

#[test]
fn an_output_after_a_power_failure_is_resumed_whole() {
    let server = prompt_server();
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.jsonl");
    let input = json_lines(["a", "b"].map(|id| task(&server, id)));
    let first = batch([]).run(json_lines([task(&server, "a")])).stdout;
    let asked = chats(&server, "worker").len();
    for (number, left) in [
        // A byte order mark, zeros behind a line that was cut off, zeros behind a whole line.
        format!("\u{feff}{first}"),
        format!("{first}{{\"custom_id\":\"b\",\"succ{}", "\0".repeat(4096)),
        format!("{}{}", first.trim_end(), "\0".repeat(4096)),
    ]
    .into_iter()
    .enumerate()
    {
        std::fs::write(&out, left).unwrap();
        let (child, logs) = appending(&["--resume", out.to_str().unwrap()], &input, &out);
        let ran = Ran::of(child, logs);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let text = std::fs::read_to_string(&out).unwrap();
        assert_eq!(succeeded(text.trim_start_matches('\u{feff}')), ["a", "b"]);
        assert_eq!(chats(&server, "worker").len(), asked + number + 1, "only b was asked again");
    }
}
