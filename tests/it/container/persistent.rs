//! The container that stays: many jobs, deaths of what it keeps, and its end.

use super::*;

const LOADED: [&str; 4] = ["-e", "STANDIN_MODELS=m", "-e", "STANDIN_WORK_MS=300"];

/// How a job shows among the container's processes.
const A_JOB: &str = "exe run";

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn twenty_jobs_at_once_share_one_daemon() {
    let container = Container::start("minions-test-many", &["-e", "STANDIN_MODELS=m"]);
    container.jobs(20, "minion", || ()).iter().for_each(|output| assert_eq!(answer(output), SAID));
    assert_eq!(container.processes("ollama serve").len(), 1);
    assert!(container.processes("root ").is_empty(), "{}", told(&["top", &container.0]));
    // Nothing but envelopes is for stdout, and here are none.
    assert_eq!(text(&docker(&["logs", &container.0], None).stdout), "");
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn jobs_survive_the_deaths_of_daemon_and_runner() {
    let container = Container::start("minions-test-deaths", &LOADED);
    let loaded = || !container.processes("ollama runner").is_empty();
    for victim in ["ollama serve", "ollama runner"] {
        let outputs = container.jobs(10, "minions", || {
            let all_run = || container.processes(A_JOB).len() >= 10 && loaded();
            until("ten jobs in flight", Duration::from_secs(60), all_run);
            let runner = container.processes("ollama runner");
            container.kill(victim);
            // The limit is what we promise.
            until("the daemon", Duration::from_secs(5), || {
                docker(&["exec", &container.0, "minions", "health"], None).status.success()
            });
            until("the old runner's end", Duration::from_secs(5), || {
                container.processes("ollama runner").iter().all(|id| !runner.contains(id))
            });
        });
        outputs.iter().for_each(|output| assert_eq!(answer(output), SAID, "{victim}"));
        assert_eq!(container.processes("ollama serve").len(), 1);
        assert_eq!(container.processes("ollama runner").len(), 1);
    }
    // Process 1, the keeper, the daemon and its runner: nothing of the jobs is left, not even as a zombie.
    until("the end of what jobs have started", Duration::from_secs(5), || container.processes("").len() == 4);
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn docker_stop_ends_it_in_time_and_running_jobs_print_their_envelopes() {
    let container =
        Container::start("minions-test-stop", &["-e", "STANDIN_MODELS=m", "-e", "STANDIN_WORK_MS=60000"]);
    // One that has come so far that its model is loaded: before, it may not be there to be told.
    let outputs = container.jobs(1, "minion", || {
        until("a job", Duration::from_secs(60), || !container.processes("ollama runner").is_empty());
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
    let name = "minions-test-stop-alone";
    let options = ["--name", name, "-e", "STANDIN_MODELS=m", "-e", "STANDIN_WORK_MS=60000"];
    let output = thread::scope(|scope| {
        let container = Container(name.to_owned());
        let job = scope.spawn(|| run(&options, &job("minion")));
        until("a job", Duration::from_secs(60), || !container.processes("ollama runner").is_empty());
        assert!(docker(&["stop", name], None).status.success());
        job.join().expect("no panic")
    });
    assert_eq!((output.status.code(), &envelope(&output)["success"]), (Some(143), &json!(false)));
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn it_becomes_healthy_and_unhealthy_with_its_daemon() {
    let often = ["--health-interval", "200ms", "--health-retries", "1", "--health-start-period", "0s"];
    let container = Container::start("minions-test-health", &often);
    let health = || told(&["inspect", "-f", "{{.State.Health.Status}}", &container.0]);
    until("health", Duration::from_secs(60), || health() == "healthy");
    let daemon = container.processes("ollama serve");
    for id in daemon {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), nix::sys::signal::Signal::SIGSTOP);
    }
    until("the loss of health", Duration::from_secs(60), || health() == "unhealthy");
}
