//! Docker Model Runner on the real engine: our program on this machine and in a container, the runner a stand-in.

use std::io::Read;
use std::net::{Shutdown, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Mutex, MutexGuard};

use super::*;
use crate::support::program::{Program, Ran};

const NAME: &str = "docker-model-runner";
const STANDIN: &str = "docker/model-runner";

static ONE_RUNNER: Mutex<()> = Mutex::new(());

/// A machine without a runner; what a test leaves is removed.
pub(super) struct Machine(#[expect(dead_code, reason = "held, not used")] MutexGuard<'static, ()>);

impl Machine {
    pub(super) fn clean() -> Self {
        let held = ONE_RUNNER.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        remove();
        Self(held)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        remove();
    }
}

fn remove() {
    let _ = docker(&["rm", "-f", NAME], None);
    let _ = docker(&["volume", "rm", "docker-model-runner-models"], None);
}

pub(super) fn client(port: Option<u16>) -> Value {
    let mut client = json!({"type": "docker_model_runner", "model_name": "ai/m"});
    if let Some(port) = port {
        client["port"] = port.into();
    }
    client
}

/// A job of our program on this machine.
pub(super) fn on_host(port: Option<u16>, version: &str) -> Ran {
    let job = job_with(&client(port), &client(port), "minion");
    Program::new().env("MODEL_RUNNER_CONTROLLER_VERSION", version).run(job)
}

pub(super) fn succeeds(ran: &Ran) {
    assert_eq!(ran.result()["final_answer"], SAID);
}

fn inspect(format: &str) -> String {
    told(&["inspect", "-f", format, NAME])
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn from_nothing_from_stopped_and_from_running() {
    let _machine = Machine::clean();
    let ran = on_host(None, "latest");
    succeeds(&ran);
    assert!(ran.stderr.contains("fetches ai/m"), "{}", ran.stderr);
    assert_eq!(inspect("{{.HostConfig.RestartPolicy.Name}}"), "always");
    assert_eq!(inspect("{{index .Config.Labels \"com.docker.model-runner.role\"}}"), "controller");
    let volume = told(&[
        "volume",
        "inspect",
        "-f",
        "{{index .Labels \"com.docker.model-runner.role\"}}",
        "docker-model-runner-models",
    ]);
    assert_eq!(volume, "model-storage");
    let bindings = inspect("{{json (index .HostConfig.PortBindings \"12434/tcp\")}}");
    assert!(
        bindings.contains("127.0.0.1") && bindings.contains("172.") && !bindings.contains("0.0.0.0"),
        "{bindings}"
    );
    let made = inspect("{{.Created}}");

    // Running: nothing is made or fetched.
    let ran = on_host(None, "latest");
    succeeds(&ran);
    assert!(!ran.stderr.contains("fetches"), "{}", ran.stderr);

    // Stopped: started, with its models.
    told(&["stop", NAME]);
    let ran = on_host(None, "latest");
    succeeds(&ran);
    assert!(!ran.stderr.contains("fetches"), "{}", ran.stderr);
    assert_eq!(inspect("{{.Created}}"), made);

    // Running, and found by its labels although it listens elsewhere than we were told.
    succeeds(&on_host(Some(12599), "latest"));
    assert_eq!(inspect("{{.Created}}"), made);
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn from_inside_a_container_by_the_mounted_socket() {
    let machine = Machine::clean();
    let job = job_with(&client(None), &client(None), "minions");
    // As the image's own user, which joins the socket's group.
    let folder = tempfile::tempdir().unwrap();
    let line = r#"printf '%s' "$JOB" | docker run -i -v /var/run/docker.sock:/var/run/docker.sock minions"#;
    for protocol in ["minion", "minions"] {
        let job = job_with(&client(None), &client(None), protocol);
        assert_eq!(answer(&documented(folder.path(), line, &job)), SAID);
    }
    // Without the socket: it is beside us.
    assert_eq!(answer(&run(&[], &job)), SAID);
    drop(machine);

    let _machine = Machine::clean();
    let said = error(&run(&["-v", "/var/run/docker.sock:/var/run/docker.sock", "--user", "4711:4711"], &job));
    assert!(said.contains("docker.sock can't be used: Permission denied"), "{said}");
    assert!(said.contains("--group-add"), "{said}");
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn ten_jobs_at_once_make_one_runner() {
    let _machine = Machine::clean();
    thread::scope(|scope| {
        let jobs: Vec<_> = (0..10).map(|_| scope.spawn(|| on_host(None, "latest"))).collect();
        jobs.into_iter().for_each(|job| succeeds(&job.join().expect("no panic")));
    });
    assert_eq!(inspect("{{.RestartCount}}"), "0");
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn a_name_that_is_taken() {
    let _machine = Machine::clean();
    // By another installer's runner, without our labels.
    told(&["create", "--name", NAME, "-p", "127.0.0.1:12434:12434", STANDIN]);
    succeeds(&on_host(None, "latest"));
    remove();
    // By a stranger, which stays as it is.
    told(&["create", "--name", NAME, IMAGE, "sleep", "1000"]);
    let said = on_host(None, "latest").error(1);
    assert!(said.contains("a container of minions has the name docker-model-runner"), "{said}");
    assert!(said.contains("docker rename"), "{said}");
    assert_eq!(inspect("{{.State.Status}}"), "created");
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn a_port_that_is_taken() {
    let _machine = Machine::clean();
    // By somebody who hangs up on everybody, to the end of the tests.
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    thread::spawn(move || other.incoming().for_each(drop));
    let said = on_host(Some(port), "latest").error(1);
    assert!(said.contains(&format!("another program has port {port}")), "{said}");
    // Nothing that could never run is left behind.
    assert!(!docker(&["inspect", NAME], None).status.success());
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn an_image_that_is_not_there_and_one_that_does_not_run() {
    let _machine = Machine::clean();
    let said = on_host(None, "absent").error(1);
    assert!(said.contains("docker/model-runner:absent is not there and can't be pulled"), "{said}");
    assert!(said.contains("docker load"), "{said}");

    let said = on_host(None, "broken").error(1);
    assert!(said.contains("ended: Error: no llama.cpp for this processor"), "{said}");

    remove();
    let job = job_with(&client(None), &client(None), "minion");
    let said = Program::new().env("DOCKER_HOST", "unix:///nowhere/docker.sock").run(&job).error(1);
    assert!(said.contains("no socket at /nowhere/docker.sock"), "{said}");
}

/// The real engine behind another socket, at which `ask` changes what it is asked and `say` what it says, to something of
/// the same length.
fn disguised_engine(socket: &Path, ask: fn(&str) -> String, say: fn(&str) -> String) {
    let listener = UnixListener::bind(socket).unwrap();
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o666)).unwrap();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let engine = UnixStream::connect("/var/run/docker.sock").unwrap();
            let (from_client, to_engine) = (client.try_clone().unwrap(), engine.try_clone().unwrap());
            thread::spawn(move || pass_on(from_client, to_engine, ask));
            thread::spawn(move || pass_on(engine, client, say));
        }
    });
}

fn pass_on(mut from: UnixStream, mut to: UnixStream, change: fn(&str) -> String) {
    let mut piece = [0; 1 << 16];
    while let Some(read) = from.read(&mut piece).ok().filter(|&read| read > 0) {
        if to.write_all(change(&text(&piece[..read])).as_bytes()).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// A job at a disguised engine.
fn at_disguised(ask: fn(&str) -> String, say: fn(&str) -> String) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    disguised_engine(&socket, ask, say);
    let job = job_with(&client(None), &client(None), "minion");
    Program::new().env("DOCKER_HOST", &format!("unix://{}", socket.display())).run(job)
}

/// An engine that says to have NVIDIA's runtime.
fn claims_nvidia(said: &str) -> String {
    said.replace("\"io.containerd.runc.v2\"", "\"nvidia\"               ")
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn a_gpu_that_is_not_there() {
    let runs_without = |ran: &Ran, because: &str| {
        succeeds(ran);
        assert!(
            ran.stderr.contains("no GPU for Docker Model Runner, the processor has to do"),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains(because), "{because}: {}", ran.stderr);
        assert_eq!(inspect("{{.Config.Image}}"), "docker/model-runner:latest");
        assert_eq!(inspect("{{.HostConfig.DeviceRequests}}"), "[]");
    };
    // The engine does not know the runtime that it has named.
    let machine = Machine::clean();
    runs_without(&at_disguised(str::to_owned, claims_nvidia), "nvidia");
    drop(machine);

    // It knows it, and has no driver for the GPU that the container is to have: the real engine's own words.
    let machine = Machine::clean();
    let knows = |asked: &str| asked.replace("\"Runtime\":\"nvidia\"", "\"Runtime\":\"runc\"  ");
    runs_without(&at_disguised(knows, claims_nvidia), "could not select device driver");
    drop(machine);

    // It has one, and NVIDIA's own tool finds no card.
    let _machine = Machine::clean();
    let words = |said: &str| {
        let own = "could not select device driver \\\"\\\" with capabilities: [[gpu]]";
        let nvidias = format!("{:width$}", "nvidia-container-cli: no NVML driver", width = own.len());
        claims_nvidia(said).replace(own, &nvidias)
    };
    runs_without(&at_disguised(knows, words), "nvidia-container-cli: no NVML driver");
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn a_gpu_that_has_gone_since_is_told() {
    let _machine = Machine::clean();
    let folder = tempfile::tempdir().unwrap();
    let driver = folder.path().join("libnvidia-ml.so.1");
    std::fs::write(&driver, "").unwrap();
    let mount = format!("type=bind,source={},target=/usr/lib/libnvidia-ml.so.1", driver.display());
    let role = "com.docker.model-runner.role=controller";
    let labels = ["--label", "com.docker.desktop.service=model-runner", "--label", role];
    told(&[&["run", "-d", "--name", NAME, "--mount", &mount], &labels[..], &[STANDIN]].concat());
    told(&["stop", NAME]);
    std::fs::remove_file(&driver).unwrap();
    let said = on_host(None, "latest").error(1);
    assert!(said.contains("does not start docker-model-runner: ") && said.contains("libnvidia-ml"), "{said}");
    assert!(said.contains("docker rm docker-model-runner"), "{said}");
    // It is somebody's, and stays.
    assert_eq!(inspect("{{.State.Status}}"), "exited");
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn docker_desktop_without_its_port() {
    let _machine = Machine::clean();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    disguised_engine(&socket, str::to_owned, |said| {
        let Some((before, rest)) = said.split_once("\"OperatingSystem\":\"") else { return said.to_owned() };
        let (name, after) = rest.split_once('"').unwrap();
        let system = format!("{:width$}", "Docker Desktop\"", width = name.len() + 1);
        format!("{before}\"OperatingSystem\":\"{system}{after}")
    });
    let volume = format!("{}:/var/run/docker.sock", socket.display());
    let said = error(&run(&["-v", &volume], &job_with(&client(None), &client(None), "minion")));
    assert!(said.contains("docker desktop enable model-runner --tcp 12434"), "{said}");
    assert!(said.contains("Docker Desktop does not offer"), "{said}");
    assert!(!docker(&["inspect", NAME], None).status.success(), "a runner was made beside Desktop's own");
}
