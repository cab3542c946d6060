//! Users, file systems, limits and downloads that are not as one would wish.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn it_works_as_any_user_and_with_little() {
    let cases: [&[&str]; 8] = [
        &["--user", "4711"],
        &["--user", "4711:4711", "--read-only", "--tmpfs", "/tmp"],
        &["--user", "0:0"],
        &["--user", "10001:10001"],
        &["--user", "nobody"],
        &["--read-only", "--tmpfs", "/tmp"],
        &["--memory", "512m"],
        &["--cap-drop", "ALL"],
    ];
    for options in cases {
        assert_eq!(answer(&run(options, &job("minion"))), SAID, "{options:?}");
    }
    // Code in the sandbox, too.
    assert_eq!(
        answer(&run(&["--user", "4711", "--read-only", "--tmpfs", "/tmp", "-m", "512m"], &job("minions"))),
        SAID
    );

    let nowhere = run(&["--read-only"], &job("minion"));
    let said = error(&nowhere);
    assert!(said.contains("must be writable"), "{said}");
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn a_read_only_container_has_its_volumes() {
    let logs = tempfile::tempdir().unwrap();
    let volume = format!("{}:/app/minion_logs", logs.path().display());
    let models = "minions-test-read-only:/root/.ollama";
    let options = ["--read-only", "--tmpfs", "/tmp", "-v", &volume, "-v", models];
    let first = run(&options, &job("minion"));
    let second = run(&options, &job("minions"));
    let _ = docker(&["volume", "rm", "minions-test-read-only"], None);
    for output in [&first, &second] {
        assert_eq!(answer(output), SAID);
    }
    assert_eq!(logs.path().read_dir().unwrap().count(), 2);
    // The second has the first one's model.
    let fetches = |output: &Output| text(&output.stderr).contains("fetches m");
    assert_eq!([&first, &second].map(fetches), [true, false], "{}", text(&first.stderr));
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn the_persistent_container_works_as_any_user_and_read_only() {
    let options = ["--user", "4711", "--read-only", "--tmpfs", "/tmp", "-e", "STANDIN_MODELS=m"];
    let container = Container::start("minions-test-frugal", &options);
    container.jobs(3, "minions", || ()).iter().for_each(|output| assert_eq!(answer(output), SAID));
    assert_eq!(container.processes("ollama serve").len(), 1);
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn volumes_of_others_are_used_and_logs_are_the_owners_of_their_directory() {
    // Filled by an Ollama that ran as root.
    let models = "minions-test-roots:/root/.ollama";
    let ollama = Container("minions-test-roots".to_owned());
    told(&[
        "run",
        "-d",
        "--name",
        &ollama.0,
        "-v",
        models,
        "-e",
        "STANDIN_MODELS=m",
        "ollama/ollama:0.32.15",
    ]);
    let manifest = "/root/.ollama/models/manifests/registry.ollama.ai/library/m/latest";
    until("a model", || ollama.path(manifest).is_file());
    drop(ollama);
    let logs = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(logs.path(), Some(4711), Some(4712)).unwrap();
    let volume = format!("{}:/app/minion_logs", logs.path().display());
    let output = run(&["-v", &volume, "-v", models], &job("minion"));
    let _ = docker(&["volume", "rm", "minions-test-roots"], None);
    assert_eq!(answer(&output), SAID);
    assert!(!text(&output.stderr).contains("fetches"), "{}", text(&output.stderr));
    let log = logs.path().read_dir().unwrap().next().expect("a log").unwrap().metadata().unwrap();
    assert_eq!((log.uid(), log.gid()), (4711, 4712));
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn models_are_fetched_into_one_volume_whoever_owns_the_logs() {
    let models = "minions-test-heirs:/root/.ollama";
    let folder = tempfile::tempdir().unwrap();
    let fetch = |model: &str, owner: Option<u32>| {
        let logs = folder.path().join(model);
        std::fs::create_dir(&logs).unwrap();
        std::os::unix::fs::chown(&logs, owner, owner).unwrap();
        let volume = format!("{}:/app/minion_logs", logs.display());
        let ollama = json!({"type": "ollama", "model_name": model});
        run(&["-v", &volume, "-v", models], &job_with(&ollama, &ollama, "minion"))
    };
    // Docker made the folder; somebody made it; Docker again.
    for (model, owner) in [("one", None), ("two", Some(4711)), ("three", None)] {
        let output = fetch(model, owner);
        assert_eq!(answer(&output), SAID, "{model}");
        assert!(!text(&output.stderr).contains("can't write"), "{}", text(&output.stderr));
    }
    // They are another user's now, who is not to lose them.
    let output = fetch("four", Some(4712));
    let said = text(&output.stderr);
    error(&output);
    assert!(said.contains("user 4712 can't write /root/.ollama/models, which is user 4711's"), "{said}");
    let output = fetch("five", Some(4711));
    let _ = docker(&["volume", "rm", "minions-test-heirs"], None);
    assert_eq!(answer(&output), SAID);
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn a_log_volume_that_cant_be_written_is_told_and_costs_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let read_only = format!("{}:/app/minion_logs:ro", folder.path().display());
    let output = run(&["-v", &read_only], &job("minion"));
    assert_eq!(answer(&output), SAID);
    let said = text(&output.stderr);
    assert!(said.contains("minion_logs"), "{said}");
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn a_volume_that_another_user_can_not_have_is_told() {
    let volume = ["--user", "4711", "-v", "minions-test-models:/root/.ollama"];
    let output = run(&volume, &job("minion"));
    let _ = docker(&["volume", "rm", "minions-test-models"], None);
    assert_eq!(answer(&output), SAID);
    let said = text(&output.stderr);
    assert!(said.contains("/root/.ollama") && said.contains("OLLAMA_MODELS"), "{said}");
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn without_network_what_is_there_works_and_what_is_not_is_told() {
    let alone = ["--network", "none", "-e", "STANDIN_MODELS=m"];
    assert_eq!(answer(&run(&alone, &job("minion"))), SAID);

    let pull = "STANDIN_PULL=error:pull model manifest: Get \"https://registry.ollama.ai/v2\": dial tcp: lookup \
                registry.ollama.ai: no such host";
    let said = error(&run(&["--network", "none", "-e", pull], &job("minion")));
    assert!(said.contains("no such host") && said.contains("give it network"), "{said}");

    let runner = json!({"type": "docker_model_runner", "model_name": "ai/m"});
    let said = error(&run(&["--network", "none"], &job_with(&runner, &runner, "minion")));
    assert!(said.contains("no socket at /var/run/docker.sock"), "{said}");
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn a_pull_that_goes_wrong_goes_on_or_says_why() {
    // The first stands still for a minute before it is taken up again.
    thread::scope(|scope| {
        for pull in ["stall:40;ok", "cut:60;ok"] {
            scope.spawn(move || {
                let output = run(&["-e", &format!("STANDIN_PULL={pull}")], &job("minion"));
                assert_eq!(answer(&output), SAID, "{pull}");
                let said = text(&output.stderr);
                assert!(said.contains("taking it up again"), "{pull}: {said}");
            });
        }
        let failing = ["-e", "STANDIN_PULL=error:pull model manifest: file does not exist"];
        let said = error(&run(&failing, &job("minion")));
        assert!(said.contains("file does not exist") && said.contains("check the spelling"), "{said}");

        let full = ["--tmpfs", "/home/minions:size=512k,mode=1777"];
        let said = error(&run(&full, &job("minion")));
        assert!(
            said.contains("no space left") && said.contains("disk of the Ollama server is full"),
            "{said}"
        );
    });
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn a_pull_has_a_bar_on_a_terminal_and_lines_elsewhere() {
    let lines = text(&run(&["-e", "STANDIN_PULL_MS=300"], &job("minion")).stderr);
    assert!(lines.contains("fetching m: 100 % of 1.0 MB") && !lines.contains('\r'), "{lines}");
    // A terminal for stdin is none of a job's: it comes in a file.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("job.json"), job("minion")).unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let volume = format!("{}:/job:ro", folder.path().display());
    let line = format!("docker run --rm -t -v {volume} -e STANDIN_PULL_MS=300 minions --job /job/job.json");
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]);
    let said = text(&fed(command, None).stdout);
    assert!(said.contains("% of 1.0 MB m\r") && said.contains("#...") && said.contains(SAID), "{said}");
}
