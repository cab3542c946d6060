//! The page of a container that stays: `minions serve`, started again whenever it ends.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::unistd::Pid;

/// The variable that names the file of tokens for the page.
pub(super) const TOKEN_FILE: &str = "MINIONS_TOKEN_FILE";

/// Until it is started again; twice as long each time that it has not stayed for [`STAYED`].
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const STAYED: Duration = Duration::from_secs(60);

/// The page's process.
pub(super) struct Page {
    command: Command,
    pause: Duration,
    state: State,
}

enum State {
    Runs { id: Pid, since: Instant },
    Waits { until: Instant },
}

impl Page {
    /// The page as `minions` serves it, to be started at once. Everybody who reaches the container reaches it, so that it
    /// asks for a token: one of the user's own, or one that is made anew at each start and told in the container's log.
    pub(super) fn new(
        minions: &Path,
        tokens: Option<OsString>,
        environment: &[(OsString, OsString)],
    ) -> Self {
        let mut command = Command::new(minions);
        command.args(words(tokens)).envs(environment.iter().map(|(name, value)| (name, value)));
        Self { command, pause: PAUSE, state: State::Waits { until: Instant::now() } }
    }

    /// When it is to be started; `None` while it runs.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.state {
            State::Waits { until } => Some(until),
            State::Runs { .. } => None,
        }
    }

    /// Starts it. Jobs run without it, so that a failure is told, and tried again.
    pub(super) fn start(&mut self, now: Instant) {
        match self.spawn() {
            Ok(id) => self.state = State::Runs { id, since: now },
            Err(error) => {
                tracing::error!("the page can't be started: {error}");
                self.wait(now);
            }
        }
    }

    fn spawn(&mut self) -> io::Result<Pid> {
        let id = self.command.spawn()?.id();
        i32::try_from(id).map(Pid::from_raw).map_err(io::Error::other)
    }

    /// Notes that a process has ended, which may be the page's.
    pub(super) fn ended(&mut self, process: Pid, code: i32, now: Instant) {
        match self.state {
            State::Runs { id, since } if id == process => {
                if now.duration_since(since) >= STAYED {
                    self.pause = PAUSE;
                }
                tracing::warn!(
                    "the page has ended with exit code {code}, and is started again in {} s",
                    self.pause.as_secs()
                );
                self.wait(now);
            }
            _ => {}
        }
    }

    fn wait(&mut self, now: Instant) {
        self.state = State::Waits { until: now + self.pause };
        self.pause = (2 * self.pause).min(LONGEST_PAUSE);
    }
}

fn words(tokens: Option<OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = ["serve", "--host", "0.0.0.0"].map(OsString::from).into();
    match tokens.filter(|file| !file.is_empty()) {
        Some(file) => words.extend(["--token-file".into(), file]),
        None => words.push("--make-token".into()),
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_always_asks_for_a_token() {
        let words = |tokens: Option<&str>| words(tokens.map(OsString::from)).join(std::ffi::OsStr::new(" "));
        for none in [None, Some("")] {
            assert_eq!(words(none), "serve --host 0.0.0.0 --make-token");
        }
        assert_eq!(words(Some("/run/secrets/t")), "serve --host 0.0.0.0 --token-file /run/secrets/t");
    }

    /// Starts it, and waits for its end.
    fn died(page: &mut Page, now: Instant) -> Pid {
        page.start(now);
        assert_eq!(page.due(), None);
        let State::Runs { id, .. } = page.state else { panic!("it does not run") };
        nix::sys::wait::waitpid(id, None).unwrap();
        id
    }

    #[test]
    fn a_page_that_ends_is_started_again_later_and_later() {
        let mut page = Page::new(Path::new("true"), None, &[]);
        let now = Instant::now();
        assert!(page.due().unwrap() <= now);
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            let id = died(&mut page, now);
            page.ended(Pid::from_raw(1), 0, now);
            assert_eq!(page.due(), None, "somebody else has ended");
            page.ended(id, 0, now);
            assert_eq!(page.due(), Some(now + Duration::from_secs(pause)));
        }
        // One that has stayed for a while is back soon.
        let id = died(&mut page, now);
        page.ended(id, 0, now + STAYED);
        assert_eq!(page.due(), Some(now + STAYED + PAUSE));
    }

    #[test]
    fn a_page_that_is_not_there_is_tried_again() {
        let mut page = Page::new(Path::new("/nowhere/minions"), None, &[]);
        let now = Instant::now();
        page.start(now);
        assert_eq!(page.due(), Some(now + PAUSE));
    }
}
