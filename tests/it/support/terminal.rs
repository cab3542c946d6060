//! A terminal with somebody who looks at it: the program runs in it as in a window of a desktop.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::program::Running;
use super::screen::Screen;
use super::wait;

/// A program in a terminal of its own.
pub(crate) struct Terminal {
    window: OwnedFd,
    child: Running,
    seen: Arc<Mutex<Seen>>,
}

struct Seen {
    bytes: Vec<u8>,
    screen: Screen,
    is_over: bool,
}

impl Terminal {
    /// Starts `command` in a terminal of this size; what it sets of stdin, stdout or stderr stays.
    pub(crate) fn open(command: &Command, columns: u16, rows: u16, given: Given) -> Self {
        let window = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&window).unwrap();
        unlockpt(&window).unwrap();
        let name = ptsname(&window, Vec::new()).unwrap().into_string().unwrap();
        resize(&window, columns, rows);
        let inner = File::options().read(true).write(true).open(name).unwrap();
        let end = || Stdio::from(inner.try_clone().unwrap());
        // The terminal becomes the program's own, so that Ctrl-C in it is a signal.
        let mut inside = Command::new("setsid");
        inside.arg("--ctty").arg("--wait").arg(command.get_program()).args(command.get_args());
        inside.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        inside.current_dir(command.get_current_dir().unwrap());
        // `setsid` takes what is its stdin.
        let mut wrapped = inside;
        wrapped
            .stdin(end())
            .stdout(given.stdout.unwrap_or_else(end))
            .stderr(given.stderr.unwrap_or_else(end));
        let child = Running::spawn(&mut wrapped);
        drop((wrapped, inner));
        let screen = Screen::new(columns.into(), rows.into());
        let seen = Arc::new(Mutex::new(Seen { bytes: Vec::new(), screen, is_over: false }));
        let looking = Arc::clone(&seen);
        let mut reader = File::from(window.try_clone().unwrap());
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The end of a terminal is an error.
            while let Ok(read @ 1..) = reader.read(&mut bytes) {
                let seen = &mut *looking.lock().unwrap();
                seen.bytes.extend(&bytes[..read]);
                seen.screen.take(&bytes[..read]);
            }
            looking.lock().unwrap().is_over = true;
        });
        Self { window, child, seen }
    }

    /// Types `text`.
    pub(crate) fn send(&self, text: &str) {
        File::from(self.window.try_clone().unwrap()).write_all(text.as_bytes()).unwrap();
    }

    /// Gives the window another size.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        self.seen.lock().unwrap().screen.resize(columns.into(), rows.into());
        resize(&self.window, columns, rows);
    }

    /// Waits until the screen shows `text`; white space and line breaks count as nothing.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) {
        self.until(&format!("{text:?}"), |seen| unbroken(&seen.screen.text()).contains(&unbroken(text)));
    }

    /// Asks the program to end, as a shutdown does.
    pub(crate) fn terminate(&self) {
        let process = i32::try_from(self.child.id()).unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(process), nix::sys::signal::SIGTERM).unwrap();
    }

    /// Waits until the program has ended and all is shown; gives its exit code, and what it wrote.
    #[track_caller]
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        self.until("the end", |seen| seen.is_over);
        let code = self.child.wait().unwrap().code();
        (code, String::from_utf8(self.seen.lock().unwrap().bytes.clone()).unwrap())
    }

    /// What the screen shows now, lines that have gone up included.
    pub(crate) fn screen(&self) -> String {
        self.seen.lock().unwrap().screen.text()
    }

    #[track_caller]
    fn until(&self, what: &str, condition: impl Fn(&Seen) -> bool) {
        let shown = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait::until(what, || condition(&self.seen.lock().unwrap()));
        }));
        assert!(shown.is_ok(), "{what} is not shown:\n{}", self.screen());
    }
}

/// What of a program leads elsewhere than to its terminal.
#[derive(Default)]
pub(crate) struct Given {
    pub stdout: Option<Stdio>,
    pub stderr: Option<Stdio>,
}

fn resize(window: &impl AsFd, columns: u16, rows: u16) {
    tcsetwinsize(window, Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
}

/// Text without white space, as a terminal of any width shows the same.
pub(crate) fn unbroken(text: &str) -> String {
    text.split_whitespace().collect()
}
