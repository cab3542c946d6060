//! The vendors' programs, each in a home of its own, and what they leave behind.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::llama_server::model;
use crate::support::program::{Program, Running};
use crate::support::wait::until;

/// The model's names in the two stores.
pub(super) const OLLAMA_MODEL: &str = "smollm2-real";
pub(super) const RUNNER_MODEL: &str = "ai/smollm2-real";

/// A home with logs, a port, and the environment that says so.
pub(super) struct Home {
    dir: TempDir,
    pub port: u16,
}

impl Home {
    fn new() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
        Self { dir: tempfile::tempdir().expect("a folder for the test"), port: free.port() }
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// `http://127.0.0.1:PORT`
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).env("HOME", self.path()).current_dir(self.path());
        command.stdin(Stdio::null());
        command
    }

    /// What the daemons of this home have written.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.path().join("log")).unwrap_or_default()
    }

    /// How often llama.cpp has loaded a model so far.
    pub(super) fn loads(&self) -> usize {
        self.log().matches("model loaded").count()
    }

    /// The prompt tokens that llama.cpp has evaluated so far.
    pub(super) fn evaluated(&self) -> usize {
        let log = self.log();
        let lines = log.lines().filter_map(|line| line.split_once("prompt eval time ="));
        let counts = lines
            .filter_map(|(_, rest)| rest.split_once('/')?.1.split_whitespace().next()?.parse::<usize>().ok());
        counts.sum()
    }

    /// The processes of this home with `word` in their command lines, zombies apart.
    pub(super) fn processes(&self, word: &str) -> Vec<Pid> {
        let home = format!("HOME={}\0", self.path().display());
        let ids = fs::read_dir("/proc").expect("Linux").flatten();
        let ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let is_ours = |id: &i32| {
            let read = |file: &str| fs::read(format!("/proc/{id}/{file}")).unwrap_or_default();
            let has = |bytes: Vec<u8>, part: &str| String::from_utf8_lossy(&bytes).contains(part);
            has(read("environ"), &home) && has(read("cmdline"), word)
        };
        ids.filter(is_ours).map(Pid::from_raw).collect()
    }

    /// Kills the one process of this home with `word` in its command line, once it is there.
    pub(super) fn kill(&self, word: &str) {
        until(word, || !self.processes(word).is_empty());
        for id in self.processes(word) {
            // One that has just ended is as good as killed.
            let _ = kill(id, Signal::SIGKILL);
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        for id in self.processes("") {
            let _ = kill(id, Signal::SIGKILL);
        }
    }
}

/// Where a program's models are kept from one run to the next.
fn store(name: &str) -> PathBuf {
    let store = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&store).expect("cargo's own folder");
    store
}

fn required(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("set {name}; scripts/real-runtimes.sh does"))
}

/// An Ollama whose store has the model.
pub(super) struct Ollama {
    pub home: Home,
    _daemon: Option<Running>,
}

impl Ollama {
    /// None runs; a job finds the program.
    pub(super) fn to_find() -> Self {
        let serving = Self::serving();
        let found = Self { home: Home::new(), _daemon: None };
        drop(serving);
        let script = format!(
            "#!/usr/bin/env bash\nexec {} \"$@\" 2> >(exec tee -a \"$HOME/log\" >&2)\n",
            required("MINIONS_REAL_OLLAMA")
        );
        let program = found.home.path().join("ollama");
        fs::write(&program, script).expect("writable");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("ours");
        found
    }

    /// A daemon that was started by hand.
    pub(super) fn serving() -> Self {
        let home = Home::new();
        let log = fs::File::create(home.path().join("log")).expect("writable");
        let mut command = Self::command(&home);
        command.arg("serve").stdout(Stdio::null()).stderr(log);
        let daemon = Running::spawn(&mut command);
        let answers = |arguments: &[&str]| {
            let done =
                Self::command(&home).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
            done.is_ok_and(|status| status.success())
        };
        until("the daemon", || answers(&["list"]));
        if !answers(&["show", OLLAMA_MODEL]) {
            let file = home.path().join("Modelfile");
            fs::write(&file, format!("FROM {}\n", model())).expect("writable");
            let path = file.display().to_string();
            assert!(answers(&["create", OLLAMA_MODEL, "-f", &path]), "{}", home.log());
        }
        Self { home, _daemon: Some(daemon) }
    }

    fn command(home: &Home) -> Command {
        let mut command = home.command(&required("MINIONS_REAL_OLLAMA"));
        for (name, value) in Self::environment(home) {
            command.env(name, value);
        }
        command.env("OLLAMA_NUM_PARALLEL", "4");
        command
    }

    fn environment(home: &Home) -> [(&'static str, String); 4] {
        [
            ("OLLAMA_HOST", format!("127.0.0.1:{}", home.port)),
            ("OLLAMA_MODELS", store("real-ollama").display().to_string()),
            ("OLLAMA_NO_CLOUD", "1".to_owned()),
            ("OLLAMA_NOPRUNE", "1".to_owned()),
        ]
    }

    /// Our program, for which this Ollama is the one of its machine.
    pub(super) fn program(&self) -> Program {
        let home = self.home.path().display().to_string();
        let path = format!("{home}:{}", std::env::var("PATH").unwrap_or_default());
        let program = Program::new().env("HOME", &home).env("XDG_RUNTIME_DIR", &home).env("PATH", &path);
        Self::environment(&self.home).iter().fold(program, |program, (name, value)| program.env(name, value))
    }
}

/// A Docker Model Runner whose store has the model.
pub(super) struct ModelRunner {
    pub home: Home,
    _runner: Running,
}

impl ModelRunner {
    pub(super) fn serving() -> Self {
        let home = Home::new();
        let socket = home.path().join("s");
        let log = fs::File::create(home.path().join("log")).expect("writable");
        let mut command = home.command(&required("MINIONS_REAL_MODEL_RUNNER"));
        command
            // At a port it would listen on all interfaces.
            .env("MODEL_RUNNER_SOCK", &socket)
            .env("MODELS_PATH", store("real-model-runner"))
            .env("MODEL_RUNNER_LOG_DIR", home.path())
            .env(
                "LLAMA_SERVER_PATH",
                Path::new(&required("MINIONS_REAL_LLAMA_SERVER")).parent().expect("a folder"),
            )
            .env("DISABLE_SERVER_UPDATE", "1")
            .env("DO_NOT_TRACK", "1")
            .stdout(Stdio::null())
            .stderr(log);
        let runner = Running::spawn(&mut command);
        forward(TcpListener::bind(("127.0.0.1", home.port)).expect("it was free"), socket);
        let this = Self { home, _runner: runner };
        until("the runner", || this.get("/models").is_some());
        if this.get(&format!("/models/{RUNNER_MODEL}")).is_none() {
            this.load();
        }
        this
    }

    /// Loads the model as `docker model package` does.
    fn load(&self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/load_model.py");
        let loaded =
            Command::new("python3").arg(script).args([&self.home.url(), &model(), RUNNER_MODEL]).output();
        let loaded = loaded.expect("python3 is here");
        assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));
    }

    /// The answer to a GET that has status 200.
    pub(super) fn get(&self, path: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.home.port)).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        head.split(' ').nth(1).filter(|&status| status == "200")?;
        serde_json::from_str(body).ok()
    }
}

/// Passes each connection on to the Unix socket `socket`.
fn forward(listener: TcpListener, socket: PathBuf) {
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = UnixStream::connect(&socket) else { continue };
            let (Ok(up), Ok(down)) = (client.try_clone(), server.try_clone()) else { continue };
            thread::spawn(move || {
                let _ = io::copy(&mut &up, &mut &down);
                let _ = down.shutdown(Shutdown::Write);
            });
            thread::spawn(move || {
                let _ = io::copy(&mut &server, &mut &client);
                let _ = client.shutdown(Shutdown::Both);
            });
        }
    });
}
