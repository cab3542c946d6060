//! docker/compose.yaml and its overlays, by the commands of docs/container.md.

use super::commands::names;
use super::model_runner::{Machine, client, on_host, succeeds};
use super::*;

/// The first line of the page's section on Compose.
const PROJECT: &str = "export COMPOSE_PROJECT_NAME=minions COMPOSE_FILE=docker/compose.yaml";

/// A folder with the Compose files as a clone has them. What was started there is ended with it.
struct Checkout {
    folder: tempfile::TempDir,
    /// [`PROJECT`] with the overlay.
    project: String,
}

impl Checkout {
    fn with(overlay: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = format!("cp -r {}/docker .", env!("CARGO_MANIFEST_DIR"));
        assert!(shell(folder.path(), &files, "").status.success());
        assert!(PAGE.contains(PROJECT));
        Self { folder, project: format!("{PROJECT}{overlay}") }
    }

    /// A line of the page, after the one that names the files.
    fn run(&self, line: &str, job: &str) -> Output {
        assert!(PAGE.contains(line), "docs/container.md does not show: {line}");
        self.run_undocumented(line, job)
    }

    fn run_undocumented(&self, line: &str, job: &str) -> Output {
        // Debian has the older program alone.
        let has_plugin = docker(&["compose", "version"], None).status.success();
        let line =
            if has_plugin { line.to_owned() } else { line.replace("docker compose", "docker-compose") };
        shell(self.folder.path(), &format!("{}\n{line}", self.project), job)
    }

    fn up(&self) {
        let output = self.run("docker compose up -d", "");
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    fn job(&self, job: &str) -> Output {
        let line = r#"printf '%s' "$JOB" | docker compose exec -T minions /app/start_minion.sh"#;
        self.run(line, job)
    }

    fn down(&self) -> Output {
        self.run("docker compose down", "")
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        let _ = self.down();
    }
}

fn containers() -> String {
    told(&["ps", "-aq", "--filter", "label=com.docker.compose.project=minions"])
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn the_service_takes_jobs_and_keeps_logs_and_models() {
    let _names = names();
    let checkout = Checkout::with("");
    checkout.up();
    for protocol in ["minion", "minions"] {
        assert_eq!(answer(&checkout.job(&job(protocol))), SAID);
    }
    // It has the shell's key, and is started again with the engine.
    let key = checkout.run_undocumented("docker compose exec -T minions printenv OPENAI_API_KEY", "");
    assert_eq!(text(&key.stdout).trim(), "sk-not-to-be-seen-1");
    assert_eq!(
        told(&["inspect", "-f", "{{.HostConfig.RestartPolicy.Name}}", &containers()]),
        "unless-stopped"
    );
    assert!(checkout.down().status.success());
    assert_eq!(containers(), "");
    assert_eq!(checkout.folder.path().join("minion_logs").read_dir().unwrap().count(), 2);

    checkout.up();
    let output = checkout.job(&job("minion"));
    assert_eq!(answer(&output), SAID);
    assert!(!text(&output.stderr).contains("fetches"), "{}", text(&output.stderr));
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn workers_on_docker_model_runner() {
    let _names = names();
    let _machine = Machine::clean();
    succeeds(&on_host(None, "latest"));
    let checkout = Checkout::with(":docker/compose.model-runner.yaml");
    checkout.up();
    let job = job_with(&client(None), &client(None), "minions");
    assert_eq!(answer(&checkout.job(&job)), SAID);
    told(&["stop", "docker-model-runner"]);
    let said = error(&checkout.job(&job));
    assert!(said.contains("http://model-runner.docker.internal:12434"), "{said}");
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn a_gpu_is_asked_for() {
    let _names = names();
    let checkout = Checkout::with(":docker/compose.gpu.yaml");
    let config = checkout.run_undocumented("docker compose config", "");
    let (config, said) = (text(&config.stdout), text(&config.stderr));
    assert!(config.contains("driver: nvidia") && config.contains("- gpu"), "{config}{said}");
    // That it reaches the engine shows in what an engine without a GPU says.
    let output = checkout.run("docker compose up -d", "");
    let said = text(&output.stderr);
    let has_gpus = told(&["info", "-f", "{{json .Runtimes}}"]).contains("nvidia");
    assert_eq!(output.status.success(), has_gpus, "{said}");
    assert!(has_gpus || said.contains("could not select device driver \"nvidia\""), "{said}");
}
