//! The watchdog of a daemon: how long it stays, and what becomes of everything when it or its daemon is killed.

use std::fs;
use std::time::Duration;

use minions::runtimes::{Ollama, Runtime};
use nix::sys::signal::Signal;
use serde_json::json;

use crate::ollama_daemon::{Loaded, Machine, children, is_running, kill, need, parent};
use crate::support::program::Program;
use crate::support::wait::{until, until_async};

const HOUR: Duration = Duration::from_secs(3600);

async fn slots(job: &Ollama) -> Option<usize> {
    job.ensure_ready().await.unwrap();
    job.ensure_model(&need()).await.unwrap().slots
}

/// Has a lingering daemon end.
async fn end(machine: &mut Machine) {
    machine.linger = Duration::ZERO;
    machine.job().ensure_ready().await.unwrap();
    until_async("the end of the daemon", || !machine.listens()).await;
}

/// Processes of the machine, zombies apart.
fn processes(machine: &Machine) -> Vec<String> {
    let home = format!("HOME={}", machine.home.path().display());
    let all = fs::read_dir("/proc").expect("Linux").flatten();
    let ours = all.filter(|process| {
        let environment = fs::read(process.path().join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == home.as_bytes())
    });
    ours.map(|process| process.file_name().to_string_lossy().into_owned()).collect()
}

#[tokio::test]
async fn a_daemon_waits_for_the_next_job_with_its_model_loaded() {
    let mut machine = Machine { linger: HOUR, ..Machine::new(&[("STANDIN_MODELS", "m")]) };
    let Loaded { job, daemon, runner, .. } = machine.loaded().await;
    drop(job);
    let again = machine.loaded().await;
    assert_eq!((&again.daemon, &again.runner, machine.starts().len()), (&daemon, &runner, 1));
    drop(again.job);
    assert!(is_running(&daemon) && is_running(&runner));
    // The wish of the last job counts.
    end(&mut machine).await;
    until_async("the end of both", || !is_running(&daemon) && !is_running(&runner)).await;
    assert_eq!(machine.starts().len(), 1);
}

#[tokio::test]
async fn a_daemon_that_nobody_comes_to_ends_by_itself() {
    let machine = Machine { linger: Duration::from_millis(300), ..Machine::new(&[("STANDIN_MODELS", "m")]) };
    let Loaded { job, daemon, .. } = machine.loaded().await;
    let watchdog = parent(&daemon);
    drop(job);
    until_async("the end of all", || processes(&machine).is_empty() && !is_running(&watchdog)).await;
}

#[tokio::test]
async fn a_daemon_ends_with_a_watchdog_that_is_killed_and_the_next_job_starts_another() {
    let machine = Machine::new(&[("STANDIN_MODELS", "m")]);
    let Loaded { job, daemon, runner, .. } = machine.loaded().await;
    kill(Signal::SIGKILL, &parent(&daemon));
    until_async("the end of both", || !is_running(&daemon) && !is_running(&runner)).await;
    // Whoever comes first, with a lock that is still held or without.
    machine.job().ensure_ready().await.unwrap();
    job.ensure_ready().await.unwrap();
    assert_eq!(machine.starts().len(), 2);
    drop(job);
    until_async("the end of all", || processes(&machine).is_empty()).await;
}

#[tokio::test]
async fn an_orphaned_runner_is_ended_and_a_stranger_s_is_not() {
    let machine = Machine::new(&[("STANDIN_MODELS", "m")]);
    let neighbour = Machine::new(&[("STANDIN_MODELS", "m")]);
    let theirs = neighbour.loaded().await;
    let Loaded { job, daemon, runner, .. } = machine.loaded().await;
    // A watchdog that is stopped ends nothing.
    let watchdog = parent(&daemon);
    kill(Signal::SIGSTOP, &watchdog);
    kill(Signal::SIGKILL, &daemon);
    until_async("the end of the daemon", || !is_running(&daemon)).await;
    kill(Signal::SIGKILL, &watchdog);
    until_async("the end of the watchdog", || !is_running(&watchdog)).await;
    assert!(is_running(&runner), "nobody has ended it yet");
    machine.job().ensure_ready().await.unwrap();
    assert!(!is_running(&runner));
    assert!(is_running(&theirs.daemon) && is_running(&theirs.runner));
    drop(job);
    until_async("the end of all", || processes(&machine).is_empty()).await;
}

#[tokio::test]
async fn a_daemon_that_waits_is_replaced_where_the_next_job_has_other_settings() {
    let mut machine =
        Machine { linger: HOUR, ..Machine::new(&[("STANDIN_MODELS", "m"), ("OLLAMA_NUM_PARALLEL", "7")]) };
    let first = machine.job();
    assert_eq!(slots(&first).await, Some(7));
    machine.environment.last_mut().unwrap().1 = "3".to_owned();
    // In use it keeps them.
    assert_eq!(slots(&machine.job()).await, Some(7));
    drop(first);
    let last = machine.job();
    assert_eq!(slots(&last).await, Some(3));
    assert_eq!(machine.starts().len(), 2);
    drop(last);
    // Variables that do not count replace nothing.
    machine.environment.push(("TERM".to_owned(), "dumb".to_owned()));
    assert_eq!(slots(&machine.job()).await, Some(3));
    assert_eq!(machine.starts().len(), 2);
    end(&mut machine).await;
}

/// The program's fan-outs while one of the three processes is killed: no call is lost, and nothing is left.
#[test]
fn a_fan_out_survives_the_death_of_each_process() {
    for victim in ["watchdog", "daemon", "runner"] {
        let machine = Machine::new(&[]);
        let home = machine.home.path().display().to_string();
        let client = json!({"type": "ollama", "model_name": "m"});
        let documents: Vec<_> = (0..12).map(|n| format!("Ann signed letter {n}.")).collect();
        let (notes, gate) = (format!("{home}/notes"), format!("{home}/gate"));
        let (child, _dir) = Program::new()
            .env("HOME", &home)
            .env("XDG_RUNTIME_DIR", &home)
            .env("PATH", &format!("{home}:/usr/bin:/bin"))
            .env("OLLAMA_HOST", &machine.host().to_string())
            .env("STANDIN_MODELS", "m")
            .env("STANDIN_GATE", &gate)
            .env("STANDIN_NOTES", &notes)
            .start(
                json!({
                    "local_client": client, "remote_client": client, "protocol": {"type": "minions"},
                    "call_params": {"task": "Who signed?", "context": documents},
                })
                .to_string()
                .as_bytes(),
            );
        // The fan-out is under way.
        until("calls at once", || fs::read_to_string(&notes).is_ok_and(|notes| notes.contains("at-once-3 ")));
        let daemon = machine.starts().remove(0);
        let watchdog = parent(&daemon);
        let runner = children(&daemon).remove(0);
        let id = [("watchdog", &watchdog), ("daemon", &daemon), ("runner", &runner)];
        let killed = id.into_iter().find(|(name, _)| *name == victim).unwrap().1;
        kill(Signal::SIGKILL, killed);
        // The daemon ends with its watchdog, and has answered nothing.
        let dead = if victim == "watchdog" { &daemon } else { killed };
        until("its end", || !is_running(dead));
        fs::write(&gate, "").unwrap();
        let ran = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success(), "{victim}: {said}\n{}", String::from_utf8_lossy(&ran.stderr));
        let envelope: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(envelope["result"]["final_answer"], "The stand-in has answered.", "{victim}");
        let told = String::from_utf8_lossy(&ran.stderr);
        assert!(told.contains("worker jobs: 12 of 12 done") && !told.contains("gave up"), "{victim}: {told}");
        assert_eq!(machine.starts().len(), if victim == "runner" { 1 } else { 2 }, "{victim}");
        until("the end of all", || processes(&machine).is_empty());
    }
}

#[test]
fn an_unusable_wish_is_told_before_anything_starts() {
    let machine = Machine::new(&[]);
    let home = machine.home.path().display().to_string();
    let client = json!({"type": "ollama", "model_name": "m"});
    let ran = Program::new()
        .env("HOME", &home)
        .env("XDG_RUNTIME_DIR", &home)
        .env("PATH", &format!("{home}:/usr/bin:/bin"))
        .env("OLLAMA_HOST", &machine.host().to_string())
        .env("MINIONS_LINGER", "soon")
        .run_job(&json!({
            "local_client": client, "remote_client": client,
            "call_params": {"task": "Who signed?", "context": ["Ann signed."]},
        }));
    let error = ran.error(1);
    assert!(error.contains("MINIONS_LINGER in the environment is no duration: \"soon\""), "{error}");
    assert!(error.contains("0 ends the daemon with its last job"), "{error}");
    assert!(machine.starts().is_empty());
}
