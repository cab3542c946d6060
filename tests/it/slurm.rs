//! A real Slurm of three nodes on this machine, which scripts/test-scale.sh starts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::support::minion::minion_server as server;
use crate::support::program::{Program, job};
use crate::support::server::{Reply, Server};
use crate::support::wait::{Door, until, until_within};
use crate::support::wire::openai;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/slurm/minions.sbatch");
/// A lost node is noticed after some seconds, and its task waits for its credential to expire.
const RECOVERED: Duration = Duration::from_secs(75);

/// A folder that all nodes see, with the jobs of a batch in it.
struct Site {
    dir: tempfile::TempDir,
    cluster: PathBuf,
}

impl Site {
    fn new(server: &Server, jobs: usize) -> Self {
        let cluster = std::env::var_os("MINIONS_TEST_SLURM").expect("scripts/test-scale.sh sets it");
        let site = Self { dir: tempfile::tempdir().unwrap(), cluster: PathBuf::from(cluster) };
        let lines = (0..jobs).map(|number| {
            let mut job =
                job(server, "minion", json!({"task": format!("Who signed {number}?"), "context": ["Ada."]}));
            job["custom_id"] = json!(format!("job-{number}"));
            format!("{job}\n")
        });
        fs::write(site.path("jobs.jsonl"), lines.collect::<String>()).unwrap();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// What a command of Slurm, started in the folder, prints.
    fn try_slurm(&self, program: &str, args: &[&str]) -> Result<String, String> {
        let ours = Path::new(env!("CARGO_BIN_EXE_minions")).parent().unwrap().display().to_string();
        let output = Command::new(program)
            .args(args)
            .current_dir(self.dir.path())
            .env("SLURM_CONF", self.cluster.join("slurm.conf"))
            .env("PATH", format!("{ours}:{}", std::env::var("PATH").unwrap()))
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    fn slurm(&self, program: &str, args: &[&str]) -> String {
        self.try_slurm(program, args).unwrap_or_else(|error| panic!("{program} {args:?}: {error}"))
    }

    /// Submits the script that users are given; gives the number of its array.
    fn submit(&self, options: &[&str]) -> String {
        let args = [&["--parsable"], options, &[SCRIPT, "jobs.jsonl"]].concat();
        self.slurm("sbatch", &args).trim().to_owned()
    }

    /// The running tasks of an array: index and node.
    fn running(&self, array: &str) -> BTreeMap<String, String> {
        let listed = self.slurm(
            "squeue",
            &["--noheader", "--states=RUNNING", "--array", "--format=%K %N", "--jobs", array],
        );
        listed
            .lines()
            .filter_map(|line| line.trim().split_once(' '))
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .collect()
    }

    fn is_over(&self, array: &str) -> bool {
        // Slurm forgets jobs after a while, and calls them unknown then.
        self.try_slurm("squeue", &["--noheader", "--jobs", array])
            .is_ok_and(|listed| listed.trim().is_empty())
    }

    /// Kills all that runs on a node, and Slurm's daemon there.
    fn kill_node(&self, node: &str) {
        let named = |pid: &str, name: &str, value: &str| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|pair| pair == format!("{name}={value}").as_bytes())
        };
        let daemon = fs::read_to_string(self.cluster.join(format!("slurmd.{node}.pid"))).unwrap();
        let jobs =
            self.slurm("squeue", &["--noheader", "--states=RUNNING", "--format=%A", "--nodelist", node]);
        let steps: Vec<String> = jobs.split_whitespace().map(|job| format!("slurmstepd: [{job}.")).collect();
        let pids =
            fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let doomed = pids.filter(|pid| pid.bytes().all(|byte| byte.is_ascii_digit())).filter(|pid| {
            let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words).replace('\0', " ");
            let is_step = steps.iter().any(|step| words.starts_with(step));
            is_step || named(pid, "SLURMD_NODENAME", node) && named(pid, "SLURM_CLUSTER_NAME", "minions")
        });
        for pid in [daemon.trim().to_owned()].into_iter().chain(doomed) {
            let _ = kill(Pid::from_raw(pid.parse().unwrap()), Signal::SIGKILL);
        }
    }

    fn start_node(&self, node: &str) {
        let conf = self.cluster.join("slurm.conf").display().to_string();
        self.slurm("slurmd", &["-f", &conf, "-N", node]);
    }

    /// The merged output: each job once, in the order of the input.
    fn merged(&self, shards: usize) -> Vec<Value> {
        let script = format!(
            "cd '{}' && '{}' merge out-*.jsonl --input jobs.jsonl",
            self.dir.path().display(),
            env!("CARGO_BIN_EXE_minions")
        );
        let outs = fs::read_dir(self.dir.path()).unwrap();
        let is_out = |name: &str| name.starts_with("out-");
        assert_eq!(
            outs.filter(|entry| is_out(entry.as_ref().unwrap().file_name().to_str().unwrap())).count(),
            shards
        );
        let ran = Program::new().through_shell(&script).run("");
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stderr.contains("; duplicates left out: 0"), "{}", ran.stderr);
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn logs(&self, shards: usize) -> String {
        (0..shards).map(|shard| self.read(&format!("minions-{shard}.log"))).collect()
    }
}

#[test]
#[ignore = "needs Slurm: scripts/test-scale.sh"]
fn an_array_gets_over_a_requeue_and_a_lost_node() {
    const JOBS: usize = 120;
    const SHARDS: usize = 6;
    const SLOTS: usize = 16;
    let server = server(|request| openai(request, "Ada signed.").delay(Duration::from_millis(1500)));
    let site = Site::new(&server, JOBS);
    let array = site.submit(&["--array=0-5"]);
    until("tasks on each node", || site.running(&array).len() == 3 && server.requests().len() > 40);
    let mut running = site.running(&array).into_iter();
    let ((requeued, _), (_, lost)) = (running.next().unwrap(), running.next().unwrap());
    site.slurm("scontrol", &["requeue", &format!("{array}_{requeued}")]);
    site.kill_node(&lost);
    until_within(RECOVERED, "the end of the array", || site.is_over(&array));
    site.start_node(&lost);

    let merged = site.merged(SHARDS);
    assert_eq!(merged.len(), JOBS);
    for (number, line) in merged.iter().enumerate() {
        assert_eq!(
            (&line["custom_id"], &line["success"]),
            (&json!(format!("job-{number}")), &json!(true)),
            "{line}"
        );
    }
    // Each job takes three calls; those of jobs that were under way on the two nodes may be made twice.
    let calls = server.requests().iter().filter(|request| request.json()["model"].is_string()).count();
    assert!((3 * JOBS..=3 * JOBS + 2 * 2 * SLOTS).contains(&calls), "{calls} calls");
    assert!(site.logs(SHARDS).contains("as Slurm's array says"), "{}", site.logs(SHARDS));
}

#[test]
#[ignore = "needs Slurm: scripts/test-scale.sh"]
fn a_shard_that_is_late_is_queued_again() {
    let door = Door::default();
    let opened = door.clone();
    // The worker answers some jobs only in the second run.
    let server = server(move |request| match request.prompt().contains("signed 3?") && !opened.is_open() {
        true => Reply::hang(),
        false => openai(request, "Ada signed."),
    });
    let site = Site::new(&server, 6);
    let array = site.submit(&["--array=0-0", "--time=1", "--signal=B:USR1@55"]);
    // Slurm's signal before the time limit.
    until("the time limit", || site.logs(1).contains("1 job was stopped"));
    door.open();
    until_within(RECOVERED, "the second run", || site.is_over(&array));
    assert_eq!(site.merged(1).len(), 6);
    assert_eq!(site.logs(1).matches("as Slurm's array says").count(), 2, "{}", site.logs(1));
}

#[test]
#[ignore = "needs Slurm: scripts/test-scale.sh"]
fn steps_are_shards_and_the_site_has_its_limit() {
    let server = server(|request| openai(request, "Ada signed."));
    let site = Site::new(&server, 7);
    // A file for each: lines of several tasks on one stdout are torn.
    let steps = ["-n", "3", "--output=out-%t.jsonl", "minions", "batch", "--shard", "auto"];
    site.slurm("srun", &[&steps[..], &["--input", "jobs.jsonl"]].concat());
    assert_eq!(site.merged(3).len(), 7);

    let refused = site.try_slurm("sbatch", &["--array=0-500", SCRIPT, "jobs.jsonl"]).unwrap_err();
    assert!(refused.contains("Invalid job array specification"), "{refused}");
    let limit = site.slurm("scontrol", &["show", "config"]);
    assert!(limit.lines().any(|line| line.starts_with("MaxArraySize")), "{limit}");
}
