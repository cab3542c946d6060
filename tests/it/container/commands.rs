//! The commands of docs/container.md, word for word, and what they promise.

use std::net::{TcpListener, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::*;
use crate::support::server::{Request, Server};
use crate::support::wire::openai;

const DOCKERFILE: &str = include_str!("../../../Dockerfile");

/// The container's and the volume's names are those of docs/container.md.
static NAMES: Mutex<()> = Mutex::new(());

pub(super) fn names() -> MutexGuard<'static, ()> {
    NAMES.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn one_job_alone_pulls_its_model_and_ends_with_the_job() {
    let folder = tempfile::tempdir().unwrap();
    for protocol in ["minion", "minions"] {
        let output =
            documented(folder.path(), r#"printf '%s' "$JOB" | docker run -i minions"#, &job(protocol));
        assert_eq!(answer(&output), SAID);
    }
    let empty = run(&[], "");
    assert_eq!((empty.status.code(), &envelope(&empty)["success"]), (Some(2), &json!(false)));
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn a_key_of_the_shell_goes_to_its_provider_and_nowhere_else() {
    // Right as the first reply and as the last.
    let decided =
        json!({"reasoning": "r", "message": "Who?", "decision": "provide_final_answer", "answer": "Ann"});
    let listener = TcpListener::bind(format!("{}:0", bridge())).unwrap();
    let provider = Server::on(listener, move |request: &Request| openai(request, &decided.to_string()));
    let url = format!("http://{}:{}/v1", bridge(), provider.port());
    let remote = json!({"type": "openai", "model_name": "gpt-4o", "kwargs": {"base_url": url}});
    let folder = tempfile::tempdir().unwrap();
    let line = r#"printf '%s' "$JOB" | docker run -i -e OPENAI_API_KEY minions"#;
    let output = documented(folder.path(), line, &job_with(&ollama(), &remote, "minion"));
    assert_eq!(answer(&output), "Ann");
    let requests = provider.requests();
    let request = requests.iter().find(|request| request.method == "POST").expect("a conversation turn");
    assert_eq!(request.header("authorization"), Some("Bearer sk-not-to-be-seen-1"));
    let all = text(&output.stdout) + &text(&output.stderr);
    assert!(!all.contains("sk-not-to-be-seen"), "{all}");
    assert_eq!(answer(&documented(folder.path(), line, &job("minions"))), SAID);
}

/// This machine's address in the containers' network.
fn bridge() -> String {
    let route = told(&["run", "--rm", "--entrypoint", "cat", IMAGE, "/proc/net/route"]);
    let default =
        route.lines().find(|line| line.split_whitespace().nth(1) == Some("00000000")).expect("a route");
    let gateway = default.split_whitespace().nth(2).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    std::net::Ipv4Addr::from(gateway.expect("hexadecimal").to_ne_bytes()).to_string()
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn ollama_may_listen_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let line = r#"printf '%s' "$JOB" | docker run -i -e OLLAMA_HOST=0.0.0.0:11434 minions"#;
    for protocol in ["minion", "minions"] {
        assert_eq!(answer(&documented(folder.path(), line, &job(protocol))), SAID);
    }
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn only_an_open_ollama_is_reached_from_outside() {
    for (name, options, expected) in [
        ("minions-test-closed", &[][..], false),
        ("minions-test-open", &["-e", "OLLAMA_HOST=0.0.0.0:11434"][..], true),
    ] {
        let container = Container::start(name, options);
        until("the daemon", || container.is_healthy());
        let address = told(&["inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", name]);
        assert_eq!(TcpStream::connect(format!("{address}:11434")).is_ok(), expected, "{name}");
    }
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn logs_and_models_stay_in_their_volumes() {
    let _names = names();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("logs")).unwrap();
    let line = r#"printf '%s' "$JOB" | docker run -i -v "$PWD/logs:/app/minion_logs" -v minions-models:/root/.ollama minions"#;
    for protocol in ["minion", "minions"] {
        assert_eq!(answer(&documented(folder.path(), line, &job(protocol))), SAID);
    }
    assert_eq!(folder.path().join("logs").read_dir().unwrap().count(), 2);
    let models = told(&[
        "run",
        "--rm",
        "--user",
        "0",
        "--entrypoint",
        "find",
        "-v",
        "minions-models:/m",
        IMAGE,
        "/m",
        "-name",
        "latest",
    ]);
    assert!(models.contains("manifests/registry.ollama.ai/library/m/latest"), "{models}");
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn a_persistent_container_takes_jobs_and_is_stopped_and_removed() {
    let _names = names();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let _ = docker(&["rm", "-f", "minions-container"], None);
    let run = "docker run -d --name minions-container -e OPENAI_API_KEY minions";
    assert!(documented(path, run, "").status.success());
    for protocol in ["minion", "minions", "minion"] {
        let exec = r#"printf '%s' "$JOB" | docker exec -i minions-container /app/start_minion.sh"#;
        assert_eq!(answer(&documented(path, exec, &job(protocol))), SAID);
    }
    let stop = "docker stop minions-container && docker rm minions-container";
    assert!(documented(path, stop, "").status.success());
    assert!(!docker(&["inspect", "minions-container"], None).status.success());
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn any_other_command_is_executed_and_not_as_root() {
    let folder = tempfile::tempdir().unwrap();
    assert!(PAGE.contains("docker run -it minions bash"));
    // `script` gives it a terminal; bash on a terminal is interactive.
    let line = r#"(sleep 1; echo 'echo user-$(id -u) on $(tty); exit 5') | script -qec "docker run -it minions bash" /dev/null"#;
    let output = shell(folder.path(), line, "");
    let said = text(&output.stdout);
    assert!(said.contains("user-10001 on /dev/pts/0"), "{said}");
    assert_eq!(output.status.code(), Some(5), "{said}");

    let output = docker(&["run", "--rm", IMAGE, "bash", "-c", "id -u; echo $HOME; exit 5"], None);
    assert_eq!((output.status.code(), &*text(&output.stdout)), (Some(5), "10001\n/home/minions\n"));
    let absent = docker(&["run", "--rm", IMAGE, "no-such-program"], None);
    assert_eq!(absent.status.code(), Some(127));
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn the_image_adds_at_most_42_megabytes() {
    let size =
        |image: &str| -> u64 { told(&["image", "inspect", "-f", "{{.Size}}", image]).parse().unwrap() };
    let base = DOCKERFILE.lines().find_map(|line| line.strip_prefix("ARG OLLAMA_IMAGE=")).expect("a base");
    assert!(size(IMAGE) - size(base) <= 42_000_000, "{} on {}", size(IMAGE), size(base));
}

#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn the_image_has_the_licences_of_what_is_inside() {
    let line = "docker run --rm minions zcat /usr/share/doc/minions/THIRD-PARTY-LICENSES.txt.gz";
    let folder = tempfile::tempdir().unwrap();
    let output = documented(folder.path(), line, "");
    let said = text(&output.stdout);
    for there in ["\nrustpython-vm ", "PYTHON SOFTWARE FOUNDATION LICENSE", "\nrust-std "] {
        assert!(said.contains(there), "{there} {said} {}", text(&output.stderr));
    }
    let files = told(&["run", "--rm", IMAGE, "ls", "/usr/share/doc/minions"]);
    assert_eq!(
        files.lines().collect::<Vec<_>>(),
        ["LICENSE", "THIRD-PARTY-LICENSES.txt.gz", "minions.cdx.json.gz"]
    );
}

/// With a compiler that copies what is built already: this is about the builders, and about the names of the bases.
#[test]
#[ignore = "needs a Docker Engine and our image: scripts/test-container.sh"]
fn both_builders_build_it_and_no_dependency_again_where_a_source_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let succeeds = |line: &str| {
        let output = shell(folder.path(), line, "");
        assert!(output.status.success(), "{line}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    succeeds(&format!(
        r#"cp -r {}/{{Cargo.toml,Cargo.lock,LICENSE,Dockerfile,.dockerignore,start_minion.sh,src,crates,examples,third-party,scripts}} . && mkdir compiler && cd compiler
        echo 'mkdir -p target/release && cp /usr/local/bin/minions target/release' > cargo
        echo 'touch $3/licences' > python3 && echo 'echo here' > rustc && chmod +x cargo python3 rustc
        printf '%s\n' 'FROM {IMAGE}' 'COPY cargo python3 rustc /usr/local/bin/' > Dockerfile
        DOCKER_BUILDKIT=0 docker build -t minions-test-rust ."#,
        env!("CARGO_MANIFEST_DIR")
    ));
    let build = "build -t minions-test-built --build-arg RUST_IMAGE=minions-test-rust .";
    let older = format!("DOCKER_BUILDKIT=0 docker {build}");
    succeeds(&older);
    let said = succeeds(&format!("echo // $PWD >> src/lib.rs && {older}"));
    let cached = |step: &str| {
        let (_, after) = said.split_once(step).unwrap_or_else(|| panic!("no {step} in {said}"));
        after.lines().nth(1) == Some(" ---> Using cache")
    };
    assert_eq!((cached(" : RUN mkdir -p src"), cached(" : COPY src")), (true, false), "{said}");

    // A newer client needs a plugin for it, which the one of Debian's engine has inside.
    succeeds(&format!("DOCKER_BUILDKIT=1 docker {build} || DOCKER_BUILDKIT=1 /usr/bin/docker {build}"));
    let output =
        docker(&["run", "--rm", "-i", "-e", "STANDIN_MODELS=m", "minions-test-built"], Some(&job("minion")));
    assert_eq!(answer(&output), SAID);
    told(&["rmi", "minions-test-built", "minions-test-rust"]);
}
