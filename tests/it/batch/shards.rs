//! Shards of one input: their place in an array, and what is made of their outputs.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::{batch, by_id, json_lines, lines, prompt_server, succeeded, task};
use crate::support::program::{Program, Ran};

fn merge(dir: &Path, args: &[&str]) -> Ran {
    let ran = Program::new().through_shell(&format!(
        "cd '{}' && '{}' merge {}",
        dir.display(),
        env!("CARGO_BIN_EXE_minions"),
        args.join(" ")
    ));
    ran.run("")
}

#[test]
fn the_engine_tells_the_shard() {
    let server = prompt_server();
    let input = json_lines(["a", "b", "c", "d", "e"].map(|id| task(&server, id)));
    let ran = batch(["--shard", "auto"])
        .env("SLURM_ARRAY_TASK_ID", "2")
        .env("SLURM_ARRAY_TASK_MIN", "1")
        .env("SLURM_ARRAY_TASK_MAX", "2")
        .env("SLURM_ARRAY_TASK_STEP", "1")
        .env("SLURM_ARRAY_TASK_COUNT", "2")
        .run(&input);
    assert_eq!((ran.code, succeeded(&ran.stdout)), (Some(0), vec!["b".to_owned(), "d".to_owned()]));
    assert!(ran.stderr.contains("shard 1/2, as Slurm's array says (SLURM_ARRAY_TASK_ID)"), "{}", ran.stderr);

    let asked = server.requests().len();
    let nobody = batch(["--shard", "auto"]).run(&input);
    let two = batch(["--shard", "auto"])
        .env("JOB_COMPLETION_INDEX", "1")
        .env("SHARDS", "2")
        .env("PMI_RANK", "0")
        .env("PMI_SIZE", "2")
        .run(&input);
    for (ran, problem) in [(nobody, "no engine"), (two, "says 1/2 (JOB_COMPLETION_INDEX), and MPI says 0/2")]
    {
        assert_eq!((ran.code, &*ran.stdout), (Some(2), ""), "{}", ran.stderr);
        assert!(ran.stderr.contains(problem), "{}", ran.stderr);
    }
    assert_eq!(server.requests().len(), asked);
}

#[test]
fn outputs_of_shards_become_one() {
    let server = prompt_server();
    let dir = tempfile::tempdir().unwrap();
    let ids = ["a", "b", "c", "d", "e"];
    let mut jobs: Vec<_> = ids.map(|id| task(&server, id)).into();
    jobs.push(json!({"custom_id": "bad", "call_parms": {}}));
    fs::write(dir.path().join("jobs.jsonl"), json_lines(jobs.clone())).unwrap();
    for shard in ["0/2", "1/2"] {
        let ran = batch(["--shard", shard]).run(json_lines(jobs.clone()));
        fs::write(dir.path().join(format!("out-{}.jsonl", &shard[..1])), ran.stdout).unwrap();
    }
    let all = ["out-0.jsonl", "out-1.jsonl", "--input", "jobs.jsonl"];
    let ran = merge(dir.path(), &all);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let merged: Vec<_> =
        lines(&ran.stdout).iter().map(|line| line["custom_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(merged, ["a", "b", "c", "d", "e", "bad"], "in the order of the input");
    assert!(ran.stderr.contains("5 done, 1 failed, 0 missing; duplicates left out: 0"), "{}", ran.stderr);

    // A line that is cut off, one that is there twice, and one of another input.
    let shard = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    let first = shard("out-0.jsonl");
    let foreign = shard("out-1.jsonl").replace("\"custom_id\":\"b\"", "\"custom_id\":\"other\"");
    let (whole, last) = first.trim_end().rsplit_once('\n').unwrap();
    fs::write(dir.path().join("cut.jsonl"), format!("{whole}\n{}", &last[..last.len() / 2])).unwrap();
    fs::write(dir.path().join("foreign.jsonl"), foreign).unwrap();
    let lost = by_id(vec![serde_json::from_str(last).unwrap()]).into_keys().next().unwrap();
    let ran = merge(dir.path(), &["cut.jsonl", "foreign.jsonl", "out-1.jsonl", "--input", "jobs.jsonl"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(!succeeded(&ran.stdout).contains(&lost));
    assert_eq!(lines(&ran.stdout).len(), 5);
    for told in [
        &*format!("input has: {lost}"),
        "was cut off",
        "no such job: 1 line",
        "4 done, 1 failed, 1 missing; duplicates left out: 1",
    ] {
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
    }

    // Another content is another job.
    let mut changed = jobs.clone();
    changed.pop();
    changed[0]["call_params"]["task"] = json!("What else?");
    fs::write(dir.path().join("changed.jsonl"), json_lines(changed.clone())).unwrap();
    let ran = merge(dir.path(), &["out-0.jsonl", "out-1.jsonl", "--input", "changed.jsonl"]);
    assert_eq!((ran.code, succeeded(&ran.stdout).len()), (Some(3), 4), "{}", ran.stderr);
    assert!(ran.stderr.contains("input has: a\n"), "{}", ran.stderr);
    fs::write(dir.path().join("good.jsonl"), json_lines(jobs[..5].to_vec())).unwrap();
    let ran = merge(dir.path(), &["out-0.jsonl", "out-1.jsonl", "--input", "good.jsonl"]);
    assert_eq!((ran.code, succeeded(&ran.stdout).len()), (Some(0), 5), "{}", ran.stderr);
}

#[test]
fn what_cannot_be_merged_is_said() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("jobs.jsonl"), "{\"call_params\": {\"task\": \"t\"}}\n").unwrap();
    fs::write(dir.path().join("notes.txt"), "notes\n").unwrap();
    for (args, problem) in [
        (&["none.jsonl", "--input", "jobs.jsonl"][..], "none.jsonl can't be read"),
        (&["notes.txt", "--input", "jobs.jsonl"], "no line of it is one that a batch has written"),
        (&[".", "--input", "jobs.jsonl"], "no regular file"),
        (&["/dev/null", "--input", "none.jsonl"], "no regular file"),
        (&["notes.txt"], "--input <FILE>"),
    ] {
        let ran = merge(dir.path(), args);
        assert_eq!((ran.code, &*ran.stdout), (Some(2), ""), "{}", ran.stderr);
        assert!(ran.stderr.contains(problem), "{problem}: {}", ran.stderr);
    }
}

#[test]
#[ignore = "needs GNU parallel: scripts/test-scale.sh"]
fn the_recipe_for_gnu_parallel_works() {
    let page = include_str!("../../../docs/scale-out.md");
    let recipe = page.split("```sh\n").find(|block| block.starts_with("parallel --pipe")).unwrap();
    let recipe = recipe.split("```").next().unwrap().replace("-N 100", "-N 10");
    let server = prompt_server();
    let dir = tempfile::tempdir().unwrap();
    let jobs = (0..35).map(|number| task(&server, &format!("job-{number}")));
    fs::write(dir.path().join("jobs.jsonl"), json_lines(jobs)).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_minions")).parent().unwrap();
    let script =
        format!("cd '{}' && export PATH='{}':$PATH && {recipe}", dir.path().display(), program.display());
    let path = std::env::var("PATH").unwrap();
    let ran = Program::new().env("PATH", &path).env("HOME", "/tmp").through_shell(&script).run("");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let all = fs::read_to_string(dir.path().join("all.jsonl")).unwrap();
    assert_eq!(succeeded(&all).len(), 35, "{}", ran.stderr);
}
