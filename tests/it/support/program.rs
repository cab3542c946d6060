//! The real executable, fed through a pipe as a user would.

use std::io::{self, Write};
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;

use serde_json::{Value, json};

use super::server::{Reply, Request, Server};
use super::terminal::{Given, Terminal};
use super::wire::openai;

/// A run of the program that is to be started. It has no environment but what the test gives it, and a folder of
/// its own to work in.
#[must_use = "it is not run yet"]
pub(crate) struct Program {
    command: Command,
    /// Its working directory, where its logs go.
    pub dir: tempfile::TempDir,
}

/// A run that goes on. It is killed if the test ends before it does.
pub(crate) struct Running(Option<Child>);

/// What a run left behind.
pub(crate) struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    /// Its working directory.
    pub dir: tempfile::TempDir,
}

/// The command without this process's environment. A daemon that it starts ends with its last job.
fn bare(command: &mut Command) -> &mut Command {
    command.env_clear().env("RUST_BACKTRACE", "0").env("MINIONS_LINGER", "0")
}

impl Program {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_minions"));
        bare(&mut command).current_dir(dir.path());
        Self { command, dir }
    }

    /// Started by a shell: `before` is what it does first, `after` stands behind the program, such as `>&-`.
    pub(crate) fn in_shell(before: &str, after: &str) -> Self {
        let mut program = Self::new();
        let script = format!("{before}\nexec \"$0\" \"$@\" {after}");
        let mut command = Command::new("bash");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_minions")]);
        bare(&mut command).current_dir(program.dir.path());
        program.command = command;
        program
    }

    /// Without a network, not even its own machine's, where the system lets us; elsewhere its proxies lead nowhere.
    pub(crate) fn unplugged() -> Self {
        let mut program = Self::new();
        if Command::new("unshare").args(["-rn", "true"]).status().is_ok_and(|status| status.success()) {
            let mut command = Command::new("unshare");
            command.args(["-rn", env!("CARGO_BIN_EXE_minions")]);
            bare(&mut command).current_dir(program.dir.path());
            program.command = command;
        }
        program.env("HTTP_PROXY", "http://127.0.0.1:9").env("HTTPS_PROXY", "http://127.0.0.1:9")
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.command.args(args);
        self
    }

    /// Starts it with `input` on stdin, then the end of stdin.
    pub(crate) fn start(self, input: &[u8]) -> (Running, tempfile::TempDir) {
        self.start_into(input, Stdio::piped())
    }

    /// Starts it with stdin and stdout open.
    pub(crate) fn open(mut self) -> (Running, tempfile::TempDir) {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        (Running::spawn(&mut self.command), self.dir)
    }

    /// [`Self::start`] with another stdout.
    pub(crate) fn start_into(mut self, input: &[u8], stdout: Stdio) -> (Running, tempfile::TempDir) {
        self.command.stdin(Stdio::piped()).stdout(stdout).stderr(Stdio::piped());
        let mut child = Running::spawn(&mut self.command);
        // The command holds a copy of the child's stdout.
        drop(self.command);
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        std::thread::spawn(move || {
            // A program that has seen enough may close its end first.
            let _ = stdin.write_all(&input);
        });
        (child, self.dir)
    }

    /// The same environment and folder for a `script` of the shell.
    pub(crate) fn through_shell(mut self, script: &str) -> Self {
        let mut command = Command::new("bash");
        command.args(["-c", script]).env_clear().current_dir(self.dir.path());
        command.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        self.command = command;
        self
    }

    /// Starts it in a terminal of so many columns.
    pub(crate) fn in_terminal(self, columns: u16, given: Given) -> (Terminal, tempfile::TempDir) {
        (Terminal::open(&self.command, columns, 40, given), self.dir)
    }

    #[track_caller]
    pub(crate) fn run(self, input: impl AsRef<[u8]>) -> Ran {
        let (child, dir) = self.start(input.as_ref());
        Ran::of(child, dir)
    }

    #[track_caller]
    pub(crate) fn run_job(self, job: &Value) -> Ran {
        self.run(job.to_string())
    }
}

impl Running {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self(Some(command.spawn().unwrap()))
    }

    pub(crate) fn wait_with_output(mut self) -> io::Result<Output> {
        self.0.take().expect("it is taken here alone").wait_with_output()
    }
}

impl Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        self.0.as_ref().expect("it is taken at the end alone")
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        self.0.as_mut().expect("it is taken at the end alone")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Ran {
    /// Waits for the end.
    pub(crate) fn of(child: Running, dir: tempfile::TempDir) -> Self {
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: status.code(), stdout: text(stdout), stderr: text(stderr), dir }
    }

    /// The one envelope: three keys, nothing before it, a newline behind it.
    #[track_caller]
    pub(crate) fn envelope(&self) -> Value {
        let envelope: Value = serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("stdout is no JSON value: {error}\n{}\n{}", self.stdout, self.stderr)
        });
        let keys: Vec<_> = envelope.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["success", "result", "error"]);
        assert!(self.stdout.starts_with('{') && self.stdout.ends_with("}\n"), "{:?}", self.stdout);
        assert_eq!(envelope["success"] == true, envelope["error"].is_null());
        assert_eq!(envelope["success"] == true, !envelope["result"].is_null());
        envelope
    }

    /// The result of a run that succeeded.
    #[track_caller]
    pub(crate) fn result(&self) -> Value {
        let mut envelope = self.envelope();
        assert_eq!((self.code, &envelope["error"]), (Some(0), &Value::Null), "{}", self.stderr);
        envelope["result"].take()
    }

    /// The message of a run that failed with `code`.
    #[track_caller]
    pub(crate) fn error(&self, code: i32) -> String {
        let envelope = self.envelope();
        assert_eq!(self.code, Some(code), "{envelope}\n{}", self.stderr);
        envelope["error"].as_str().unwrap().to_owned()
    }

    /// The conversation log.
    #[track_caller]
    pub(crate) fn log(&self) -> Value {
        let logs: Vec<_> = std::fs::read_dir(self.dir.path().join("minion_logs")).unwrap().collect();
        assert_eq!(logs.len(), 1, "{logs:?}");
        read_json(&logs[0].as_ref().unwrap().path())
    }
}

pub(crate) fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A client at `server` that speaks OpenAI's dialect; the server knows the sides apart by the model's name.
pub(crate) fn client(server: &Server, model: &str) -> Value {
    json!({
        "type": "openai",
        "model_name": model,
        "kwargs": {"base_url": format!("{}/v1", server.url()), "api_key": "sk-test-0123456789", "retries": 1},
    })
}

/// A job for `server` on both sides.
pub(crate) fn job(server: &Server, protocol: &str, call_params: Value) -> Value {
    json!({
        "local_client": client(server, "worker"),
        "remote_client": client(server, "supervisor"),
        "protocol": {"type": protocol},
        "call_params": call_params,
    })
}

/// A server that answers the supervisor with `script` in turn and the worker with `worker`.
pub(crate) fn scripted(
    script: Vec<String>,
    worker: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> Server {
    let script = Mutex::new(script.into_iter());
    Server::start(move |request| match request.json()["model"].as_str() {
        Some("worker") => worker(request),
        Some(_) => match script.lock().unwrap().next() {
            Some(text) => openai(request, &text),
            None => Reply::error(400, &json!({"error": {"message": "the script is over"}})),
        },
        None => Reply::text(404, "not found"),
    })
}

/// The bodies of the chat requests to `model`.
pub(crate) fn chats(server: &Server, model: &str) -> Vec<Value> {
    server.requests().iter().map(Request::json).filter(|body| body["model"] == model).collect()
}

/// The newest message of a chat.
pub(crate) fn last(body: &Value) -> &str {
    body["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap()
}
