//! The first step of our image: who we run as, what we run, and the duties of process 1.
//!
//! In: the command line that follows `entry`, the environment and what stdin is. Out: an exit code, or this process
//! has become another program. It knows no job and no model server: it starts our own binary for both.

mod init;
mod privileges;

use std::ffi::OsString;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

pub(super) use privileges::Places;

/// The name of the hidden subcommand.
pub(super) const COMMAND: &str = "entry";

/// What the container is to do.
#[derive(Debug, PartialEq, Eq)]
enum Task {
    /// Run our own program with these arguments: a job is on stdin, or named.
    Minions(Vec<OsString>),
    /// Stay up as the host of the Ollama daemon and of the page.
    Host,
    /// Become another program.
    Other(Vec<OsString>),
}

/// Gives the command line of a watchdog.
pub(super) type Watchdog = Box<dyn Fn() -> Vec<OsString>>;

/// What the entry step is told.
pub(super) struct Entry {
    /// What follows `entry` on the command line.
    pub arguments: Vec<OsString>,
    /// The names of our commands.
    pub commands: Vec<String>,
    /// Our own executable.
    pub minions: PathBuf,
    /// How our executable is started to keep a daemon up for ever, asked once we are the user that we become; `None`
    /// where there is none to keep.
    pub watchdog: Option<Watchdog>,
    /// What our programs must be able to write.
    pub places: Places,
}

impl Entry {
    /// Does it all: the exit code for the container. A program that is not ours takes this process's place, and so
    /// does a job if this is not process 1 (`docker exec`).
    pub(super) fn run(self) -> io::Result<i32> {
        let is_init = std::process::id() == 1;
        let environment = privileges::give_up(&self.places);
        let task = task(self.arguments, &self.commands, stdin_is_null());
        let mut service = None;
        let mut command = match &task {
            Task::Minions(arguments) => ours(&self.minions, arguments),
            Task::Host => {
                tracing::info!(
                    "no job on stdin: staying up as the host of Ollama and of the page. Run jobs with `docker exec -i \
                     CONTAINER /app/start_minion.sh`; to run one job alone use `docker run -i`"
                );
                let of_page = |name: &str| std::env::var_os(name).filter(|file| !file.is_empty());
                let mut page = ours(&self.minions, &page(of_page(TOKEN_FILE), of_page(CONFIG)));
                page.envs(environment.iter().map(|(name, value)| (name, value)));
                service = Some(page);
                match &self.watchdog {
                    Some(watchdog) => ours(&self.minions, &watchdog()),
                    // Somebody has to be there, and to end when told to.
                    None => ours(Path::new("sleep"), &["infinity".into()]),
                }
            }
            Task::Other(words) => ours(Path::new(&words[0]), &words[1..]),
        };
        command.envs(environment);
        match task {
            Task::Minions(_) if is_init => supervise(command, None, init::Others::Leave),
            Task::Host => supervise(command, service, init::Others::End),
            Task::Minions(_) => Err(command.exec()),
            Task::Other(words) => {
                let (error, word) = (command.exec(), words[0].display());
                Err(io::Error::other(format!(
                    "{word} can't be run: {error}. Hint: `minions --help` lists the commands of this image"
                )))
            }
        }
    }
}

fn supervise(command: Command, service: Option<Command>, others: init::Others) -> io::Result<i32> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(init::supervise(command, service, others))
}

fn ours(program: &Path, arguments: &[OsString]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// The variables that name the page's files: its tokens, and what it allows.
const TOKEN_FILE: &str = "MINIONS_TOKEN_FILE";
const CONFIG: &str = "MINIONS_SERVE_CONFIG";

/// How the page is started. Everybody who reaches the container reaches it, so that it asks for a token: one of the user's
/// own, or one that is made anew at each start and told in the container's log.
fn page(tokens: Option<OsString>, config: Option<OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["serve", "--host", "0.0.0.0"].map(OsString::from).into();
    match tokens {
        Some(file) => words.extend(["--token-file".into(), file]),
        None => words.push("--make-token".into()),
    }
    words.extend(config.into_iter().flat_map(|file| ["--config".into(), file]));
    words
}

/// Our commands, options and files with jobs are ours; no words mean a job on stdin, or none at all where stdin is `/dev/null`.
fn task(words: Vec<OsString>, commands: &[String], stdin_is_null: bool) -> Task {
    match words.first().map(|word| word.to_string_lossy().into_owned()) {
        None if stdin_is_null => Task::Host,
        None => Task::Minions(Vec::new()),
        Some(first) if first.starts_with('-') || commands.contains(&first) => Task::Minions(words),
        Some(first) if first.ends_with(".json") || first.ends_with(".jsonl") => Task::Minions(words),
        Some(_) => Task::Other(words),
    }
}

/// Docker gives `/dev/null` where it was not told `-i`. A stdin that is closed is as good.
fn stdin_is_null() -> bool {
    let Ok(stdin) = io::stdin().as_fd().try_clone_to_owned() else { return true };
    let Ok(stdin) = fs::File::from(stdin).metadata() else { return true };
    let null = fs::metadata("/dev/null").map(|null| null.rdev());
    stdin.file_type().is_char_device() && null.is_ok_and(|null| null == stdin.rdev())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_always_asks_for_a_token() {
        let words = |tokens: Option<&str>, config: Option<&str>| {
            page(tokens.map(OsString::from), config.map(OsString::from)).join(std::ffi::OsStr::new(" "))
        };
        assert_eq!(words(None, None), "serve --host 0.0.0.0 --make-token");
        assert_eq!(
            words(Some("/run/secrets/t"), Some("/etc/serve.toml")),
            "serve --host 0.0.0.0 --token-file /run/secrets/t --config /etc/serve.toml"
        );
    }

    #[test]
    fn the_words_and_stdin_say_what_to_do() {
        let words = |line: &str| line.split_whitespace().map(OsString::from).collect::<Vec<_>>();
        let commands = ["run", "batch", "serve", "doctor", "estimate"].map(str::to_owned);
        for (line, null, expected) in [
            ("", true, Task::Host),
            ("", false, Task::Minions(words(""))),
            ("run", true, Task::Minions(words("run"))),
            ("batch --ordered", false, Task::Minions(words("batch --ordered"))),
            ("--job x.json", true, Task::Minions(words("--job x.json"))),
            ("/jobs/job.json", true, Task::Minions(words("/jobs/job.json"))),
            ("jobs.jsonl --slim", true, Task::Minions(words("jobs.jsonl --slim"))),
            ("serve --port 80", true, Task::Minions(words("serve --port 80"))),
            ("doctor --json", true, Task::Minions(words("doctor --json"))),
            ("estimate --json", true, Task::Minions(words("estimate --json"))),
            ("bash", false, Task::Other(words("bash"))),
            ("sh -c true", true, Task::Other(words("sh -c true"))),
        ] {
            assert_eq!(task(words(line), &commands, null), expected, "{line:?} {null}");
        }
    }
}
