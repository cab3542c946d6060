//! The container that stays: many jobs, deaths of what it keeps, and its end.

use std::time::Duration;

use super::*;
use crate::support::wait::until_within;

/// How a job shows among the container's processes.
const A_JOB: &str = "exe run";

/// Where the stand-in notes what it does.
const NOTED: [&str; 2] = ["-e", "STANDIN_NOTES=/tmp/notes"];

/// The stand-in's answers wait for the end of a [`Held`].
const HELD: [&str; 4] = ["-e", "STANDIN_MODELS=m", "-e", "STANDIN_GATE=/tmp/gate"];

/// The answers of a container, which come when this is dropped: also where a test fails.
struct Held<'a>(&'a Container);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // A container that has stopped gives none.
        let _ = std::fs::write(self.0.path("/tmp/gate"), "");
    }
}

/// How often something was noted.
fn noted(container: &Container, what: &str) -> usize {
    let notes = std::fs::read_to_string(container.path("/tmp/notes")).unwrap_or_default();
    notes.lines().filter(|line| line.starts_with(what)).count()
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn twenty_jobs_at_once_share_one_daemon() {
    let container =
        Container::start("minions-test-many", &[&["-e", "STANDIN_MODELS=m"], &NOTED[..]].concat());
    container.jobs(20, "minion", || ()).iter().for_each(|output| assert_eq!(answer(output), SAID));
    // There never was a second one, and its model was loaded once for all calls.
    assert_eq!((noted(&container, "daemon-"), noted(&container, "load-")), (1, 1));
    assert_eq!(container.processes("ollama serve").len(), 1);
    assert!(container.processes("root ").is_empty(), "{}", told(&["top", &container.0]));
    // Nothing but envelopes is for stdout, and here are none; what it does instead it says.
    let logs = docker(&["logs", &container.0], None);
    assert_eq!(text(&logs.stdout), "");
    assert!(text(&logs.stderr).contains("no job on stdin: staying up"), "{}", text(&logs.stderr));
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn a_job_takes_all_slots_of_the_daemon_and_no_more() {
    let options = [&HELD[..], &NOTED, &["-e", "OLLAMA_NUM_PARALLEL=12"]].concat();
    let container = Container::start("minions-test-slots", &options);
    let mut job: Value = serde_json::from_str(&job("minions")).unwrap();
    job["call_params"]["context"] = (0..30).map(|n| format!("Ann signed letter {n}.")).collect();
    let job = job.to_string();
    let output = thread::scope(|scope| {
        let held = Held(&container);
        let start = ["exec", "-i", &container.0, "/app/start_minion.sh"];
        let running = scope.spawn(move || docker(&start, Some(&job)));
        until("all calls", || running.is_finished() || noted(&container, "at-once-12 ") == 1);
        drop(held);
        running.join().expect("no panic")
    });
    assert_eq!(answer(&output), SAID);
    assert_eq!((noted(&container, "at-once-12 "), noted(&container, "at-once-13 ")), (1, 0));
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn jobs_survive_the_deaths_of_daemon_and_runner() {
    let container = Container::start("minions-test-deaths", &HELD);
    let outputs = container.jobs(10, "minions", || {
        let _held = Held(&container);
        for victim in ["ollama serve", "ollama runner"] {
            let all_run =
                || container.processes(A_JOB).len() == 10 && !container.processes("ollama runner").is_empty();
            until("ten jobs in flight", all_run);
            let (daemon, runner) =
                (container.processes("ollama serve"), container.processes("ollama runner"));
            container.kill(victim);
            // The limit is what we promise.
            let is_back = || {
                let now = container.processes("ollama serve");
                now.len() == 1 && (victim != "ollama serve" || now != daemon) && container.is_healthy()
            };
            until_within(Duration::from_secs(5), "the daemon", is_back);
            until_within(Duration::from_secs(5), "the old runner's end", || {
                container.processes("ollama runner").iter().all(|id| !runner.contains(id))
            });
        }
    });
    outputs.iter().for_each(|output| assert_eq!(answer(output), SAID));
    // Process 1, the page, the watchdog, the daemon and its runner: nothing of the jobs is left, not even as a zombie.
    until_within(Duration::from_secs(5), "the end of what jobs have started", || {
        container.processes("").len() == 5
    });
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn a_page_that_ends_is_started_again() {
    let container = Container::start("minions-test-page", &[]);
    let page = || container.processes("serve --host");
    until("the page", || page().len() == 1);
    let first = page();
    container.kill("serve --host");
    until_within(Duration::from_secs(5), "another page", || page().len() == 1 && page() != first);
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn a_page_that_can_t_be_had_as_told_ends_the_container() {
    for (variable, option) in [("MINIONS_TOKEN_FILE", "tokens"), ("MINIONS_SERVE_CONFIG", "serve.toml")] {
        let output = docker(&["run", "--rm", "-e", &format!("{variable}=/none/{option}"), IMAGE], None);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(&format!("/none/{option}")), "{said}");
    }
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn a_word_that_is_no_program_is_named_with_a_remedy() {
    let output = docker(&["run", "--rm", IMAGE, "bsah"], None);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(127), "{said}");
    assert!(said.contains("bsah") && said.contains("minions --help"), "{said}");
    let output = docker(&["run", "--rm", IMAGE, "estimate", "--help"], None);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn what_others_leave_behind_is_reaped() {
    let container = Container::start("minions-test-orphans", &[]);
    told(&["exec", &container.0, "sh", "-c", "(sleep 3600 & sleep 3600 &) > /dev/null 2>&1"]);
    assert_eq!(container.processes("sleep 3600").len(), 2, "{}", told(&["top", &container.0]));
    container.kill("sleep 3600");
    // A zombie has no words left but its name.
    until_within(Duration::from_secs(10), "their end", || container.processes("sleep").is_empty());
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn docker_stop_ends_it_in_time_and_running_jobs_print_their_envelopes() {
    let container = Container::start("minions-test-stop", &HELD);
    // One that has come so far that its model is loaded: before, it may not be there to be told.
    let outputs = container.jobs(1, "minion", || {
        let _held = Held(&container);
        until("a job", || !container.processes("ollama runner").is_empty());
        assert!(docker(&["stop", &container.0], None).status.success());
    });
    for output in outputs {
        let envelope = envelope(&output);
        assert_eq!((&envelope["success"], output.status.code()), (&json!(false), Some(143)), "{envelope}");
    }
    // It ended by itself: one that docker has to kill after ten seconds has 137.
    assert_eq!(told(&["inspect", "-f", "{{.State.ExitCode}}", &container.0]), "0");
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn a_job_that_is_alone_prints_its_envelope_when_it_is_stopped() {
    let container = Container("minions-test-stop-alone".to_owned());
    let (stop, interrupt) = (&["stop"][..], &["kill", "-s", "INT"][..]);
    let working = ["STANDIN_MODELS=m", "STANDIN_GATE=/tmp/gate"];
    for (options, sign, way, code) in [
        (working, "chat ", stop, 143),
        (working, "chat ", interrupt, 130),
        // Its model is on its way, and does not come.
        (["STANDIN_PULL=stall:40", "STANDIN_WORK_MS=0"], "pull ", stop, 143),
        // Its daemon does not answer yet.
        (["STANDIN_DISCOVERY_MS=60000", "STANDIN_WORK_MS=0"], "daemon-", stop, 143),
    ] {
        let options = options.iter().flat_map(|option| ["-e", option]).chain(NOTED);
        let options: Vec<_> = ["--name", &container.0].into_iter().chain(options).collect();
        let (stopped, output) = thread::scope(|scope| {
            let _held = Held(&container);
            let job = scope.spawn(|| run(&options, &job("minion")));
            until(sign, || job.is_finished() || noted(&container, sign) > 0);
            let stopped = docker(&[way, &[&*container.0]].concat(), None);
            (stopped, job.join().expect("no panic"))
        });
        assert_eq!(
            (output.status.code(), &envelope(&output)["success"]),
            (Some(code), &json!(false)),
            "{sign}: {}",
            text(&output.stderr)
        );
        assert!(stopped.status.success(), "{sign}: {}", text(&stopped.stderr));
    }
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn it_becomes_healthy_and_unhealthy_with_its_daemon() {
    let often = ["--health-interval", "200ms", "--health-retries", "1", "--health-start-period", "0s"];
    let container = Container::start("minions-test-health", &often);
    let health = || told(&["inspect", "-f", "{{.State.Health.Status}}", &container.0]);
    until("health", || health() == "healthy");
    let daemon = container.processes("ollama serve");
    for id in daemon {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), nix::sys::signal::Signal::SIGSTOP);
    }
    until("the loss of health", || health() == "unhealthy");
}
