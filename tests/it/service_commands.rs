//! Commands around jobs: logs, completions, pages for `man`, the schema of jobs.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::support::program::{Program, job, read_json, scripted};
use crate::support::wire::openai;

/// A folder with logs of two jobs, one of which failed, and a file of somebody else's.
fn logs() -> tempfile::TempDir {
    let answer =
        json!({"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": "Ada"});
    let ask = json!({"reasoning": "r", "message": "Who signed?"}).to_string();
    let server = scripted(vec![ask, answer.to_string()], |request| openai(request, "Signed: \u{1b}[31mAda"));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().display().to_string();
    for (name, code) in [("ships-1", 0), ("ships-2", 1)] {
        let params = json!({"task": "Who signed?", "context": ["Signed: Ada."], "logging_id": name});
        let ran = Program::new().env("MINIONS_LOG_DIR", &path).run_job(&job(&server, "minion", params));
        assert_eq!(ran.code, Some(code), "{}", ran.stdout);
    }
    fs::write(dir.path().join("other.json"), r#"{"task": "mine"}"#).unwrap();
    fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    dir
}

fn run(dir: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let ran = Program::new().env("MINIONS_LOG_DIR", dir.to_str().unwrap()).args(args.iter().copied()).run("");
    (ran.code, ran.stdout, ran.stderr)
}

#[test]
fn logs_are_listed_and_shown_as_text() {
    let dir = logs();
    let (code, list, _) = run(dir.path(), &["logs"]);
    assert_eq!(code, Some(0));
    assert!(
        list.contains("ships-1_minion") && list.contains("answered") && list.contains("failed"),
        "{list}"
    );
    assert!(!list.contains("mine"), "{list}");
    assert!(list.lines().take(3).all(|line| line.chars().count() <= 100), "{list}");
    let (_, json, _) = run(dir.path(), &["logs", "list", "--json", "-n", "1"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((json.as_array().unwrap().len(), &json[0]["status"]), (1, &json!("failed")));
    let (code, shown, _) = run(dir.path(), &["logs", "show", "ships-1"]);
    assert_eq!(code, Some(0));
    for words in [
        "== Question\nWho signed?",
        "== Worker\n> Who signed?",
        "Signed: ",
        "== Answer\nAda",
        "supervisor  openai/supervisor",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(!shown.contains('\u{1b}') && !shown.contains("{\"reasoning"), "{shown}");
    let (_, last, _) = run(dir.path(), &["logs", "show"]);
    assert!(last.contains("== Failed\n"), "{last}");
    for (id, problem) in [("nobody", "has `nobody` in its name"), ("ships", "2 logs have `ships`")] {
        let (code, _, error) = run(dir.path(), &["logs", "show", id]);
        assert!(code == Some(2) && error.contains(problem), "{error}");
    }
    let (code, none, _) = run(&dir.path().join("none"), &["logs"]);
    assert!(code == Some(0) && none.contains("no log in"), "{none}");
}

#[test]
fn old_logs_of_ours_alone_are_removed_and_only_when_that_is_said() {
    let dir = logs();
    let path = |name: &str| dir.path().join(name);
    let old = SystemTime::now() - Duration::from_secs(40 * 24 * 3600);
    for name in ["ships-1_minion.json", "other.json", "notes.txt"] {
        fs::File::options().append(true).open(path(name)).unwrap().set_modified(old).unwrap();
    }
    let elsewhere = tempfile::tempdir().unwrap();
    fs::copy(path("ships-1_minion.json"), elsewhere.path().join("far.json")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), path("link")).unwrap();
    let (code, _, error) = run(dir.path(), &["logs", "prune", "--older-than", "30d"]);
    assert!(code == Some(1) && error.contains("1 log") && error.contains("--yes"), "{error}");
    let (_, none, _) = run(dir.path(), &["logs", "prune", "--older-than", "50d", "--yes"]);
    assert!(none.contains("is older"), "{none}");
    let (code, removed, _) = run(dir.path(), &["logs", "prune", "--older-than", "30d", "--yes"]);
    assert!(code == Some(0) && removed.starts_with("Removed 1 log"), "{removed}");
    let there = ["ships-1_minion.json", "ships-2_minion.json", "other.json", "notes.txt"]
        .map(|name| path(name).exists());
    assert_eq!(there, [false, true, true, true]);
    assert!(elsewhere.path().join("far.json").exists());
    let (code, ..) = run(dir.path(), &["logs", "prune", "--yes"]);
    assert_eq!(code, Some(2));
    let (_, _, bad) = run(dir.path(), &["logs", "prune", "--older-than", "30"]);
    assert!(bad.contains("such as 30d"), "{bad}");
}

#[test]
fn completions_name_the_commands_and_not_those_that_minions_starts_itself() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = Program::new().args(["completions", shell]).run("");
        assert_eq!(ran.code, Some(0), "{shell}");
        for word in ["doctor", "batch", "completions", "max-egress-bytes"] {
            assert!(ran.stdout.contains(word), "{shell} {word}");
        }
        assert!(!ran.stdout.contains("sandbox-child") && !ran.stdout.contains("watchdog"), "{shell}");
    }
    let script = Program::new().args(["completions", "bash"]).run("").stdout;
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), script).unwrap();
    let ask = "COMP_WORDS=(minions doc); COMP_CWORD=1; _minions minions doc minions; echo ${COMPREPLY[@]}";
    let output = Command::new("bash")
        .args(["-c", &format!("source {}; {ask}", file.path().display())])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "doctor", "{output:?}");
}

#[test]
fn there_is_a_page_for_each_command() {
    let program = Program::new();
    let ran = program.args(["man", "--dir", "share/man1"]).run("");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let page = |name: &str| fs::read_to_string(ran.dir.path().join("share/man1").join(name)).unwrap();
    assert!(page("minions.1").contains(r"[\fB\-\-record\fR \fIDIR\fR]"), "{}", page("minions.1"));
    assert!(
        page("minions-ask.1").contains(r"[\fB\-\-context\fR \fIPATH\fR...]"),
        "{}",
        page("minions-ask.1")
    );
    for name in ["minions-batch.1", "minions-doctor.1", "minions-logs-prune.1", "minions-schema.1"] {
        assert!(page(name).contains(".SH"), "{name}");
    }
    let names: Vec<_> = fs::read_dir(ran.dir.path().join("share/man1"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains("sandbox")), "{names:?}");
    let one = Program::new().args(["man"]).run("");
    assert!(one.stdout.contains(".TH MINIONS 1 2"), "{}", one.stdout);
}

#[test]
fn the_schema_is_json_and_a_job_may_name_it() {
    let ran = Program::new().args(["schema"]).run("");
    let schema: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(schema["properties"]["call_params"]["properties"]["max_rounds"]["default"], 3);
    let answer =
        json!({"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": "Ada"});
    let ask = json!({"reasoning": "r", "message": "Who?"}).to_string();
    let server = scripted(vec![ask, answer.to_string()], |request| openai(request, "Ada"));
    let mut job = job(&server, "minion", json!({"task": "Who signed?", "context": ["Signed: Ada."]}));
    job["$schema"] = "./job.schema.json".into();
    let ran = Program::new().run_job(&job);
    assert_eq!(ran.result()["final_answer"], "Ada");
    assert_eq!(
        read_json(Path::new(&ran.dir.path().join(ran.result()["log_file"].as_str().unwrap())))["task"],
        "Who signed?"
    );
}

#[test]
fn the_commands_of_the_page_install_completions_pages_and_schema() {
    let page = include_str!("../../docs/settings.md");
    let (_, rest) = page.split_once("## Completions").unwrap();
    let commands = rest.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let home = tempfile::tempdir().unwrap();
    let bin = home.path().join(".cargo/bin");
    fs::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_minions"), bin.join("minions")).unwrap();
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let shell = |script: &str| {
        let mut command = Command::new("bash");
        command
            .args(["-ec", script])
            .env_clear()
            .env("HOME", home.path())
            .env("PATH", &path)
            .current_dir(home.path());
        command.output().unwrap()
    };
    let output = shell(commands);
    assert!(output.status.success(), "{output:?}");
    for file in [
        ".local/share/bash-completion/completions/minions",
        ".zfunc/_minions",
        ".config/fish/completions/minions.fish",
        ".cargo/share/man/man1/minions-logs-prune.1",
        "job.schema.json",
    ] {
        assert!(home.path().join(file).metadata().is_ok_and(|about| about.len() > 200), "{file}");
    }
    // Where there is a `man`, it finds them.
    if Path::new("/usr/bin/man").exists() {
        let output = shell("man -w minions-doctor");
        assert!(String::from_utf8_lossy(&output.stdout).contains("minions-doctor.1"), "{output:?}");
    }
}

#[test]
fn bad_usage_of_a_command_that_answers_no_job_leaves_stdout_empty() {
    for (args, told) in [
        (&["doctor", "--foo"][..], "`minions doctor --help` lists its options"),
        (&["logs", "prune"], "were not provided: --older-than <AGE>"),
        (&["sessions", "show"], "were not provided: <NAME>"),
        (&["completions", "bsh"], "bash"),
        (&["models", "--jsn"], "--json"),
    ] {
        let ran = Program::new().args(args.iter().copied()).run("");
        assert_eq!((ran.code, &*ran.stdout), (Some(2), ""), "{args:?} {}", ran.stderr);
        assert!(ran.stderr.contains(told), "{args:?} {}", ran.stderr);
    }
    for (args, told) in [
        (&["Who signed?"][..], "minions ask \\\"Who signed?\\\" FILE"),
        (&["Who signed it", "lease.txt"], "minions ask \\\"Who signed it\\\" FILE"),
        (&["Cargo.toml", "Who signed?"], "minions ask \\\"Who signed?\\\" Cargo.toml"),
    ] {
        let ran = Program::new().args(args.iter().copied()).run("");
        assert!(ran.stdout.contains(told), "{args:?} {}", ran.stdout);
    }
}

#[test]
fn a_full_disk_is_told() {
    for command in ["schema", "completions bash", "man", "models", "sessions", "logs", "providers", "version"]
    {
        let ran = Program::in_shell("export HOME=$PWD", &format!("{command} > /dev/full")).run("");
        assert_eq!(ran.code, Some(1), "{command}");
        assert!(
            ran.stderr.contains("stdout can't be written to: No space left"),
            "{command}: {}",
            ran.stderr
        );
    }
}
