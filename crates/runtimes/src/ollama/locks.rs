//! Locked files that tell all processes who starts, watches and uses the daemon of one port. One file also holds a
//! number.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::PathBuf;

use tokio::sync::oneshot;

use crate::{RuntimeError, RuntimeErrorKind};

/// The lock files of one daemon.
#[derive(Clone, Debug)]
pub struct Locks {
    directory: PathBuf,
    name: String,
}

/// A lock that is held as long as this lives.
#[derive(Debug)]
pub struct Held(File);

impl Locks {
    /// The lock files of the daemon of `port` in `directory`, which is made if it is missing.
    pub fn new(directory: impl Into<PathBuf>, port: u16) -> Self {
        Self { directory: directory.into(), name: format!("ollama-{port}") }
    }

    /// Says that a job uses the daemon; waits for a watchdog that is just ending one.
    pub(super) async fn join_users(&self) -> Result<Held, RuntimeError> {
        self.wait("users", File::lock_shared).await
    }

    /// Waits until no job uses the daemon; new ones wait until this is dropped.
    pub async fn last_user_gone(&self) -> Result<Held, RuntimeError> {
        self.wait("users", File::lock).await
    }

    /// Waits for the turn to look whether there is a daemon, and to start one.
    pub(super) async fn become_starter(&self) -> Result<Held, RuntimeError> {
        self.wait("starter", File::lock).await
    }

    /// Takes the watchdog's lock; `None` if another watchdog has it.
    pub(super) fn become_watchdog(&self) -> Result<Option<Held>, RuntimeError> {
        let file = self.open("watchdog")?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Held(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(self.failed(&error)),
        }
    }

    /// Tells all jobs, until this is dropped, how many calls at once the watchdog's daemon takes.
    pub(super) async fn tell_slots(&self, slots: usize) -> Result<Held, RuntimeError> {
        // This waits. A watchdog's own lock does not, so that a job that only looks never blocks it.
        let Held(mut file) = self.wait("slots", File::lock).await?;
        let told = file.set_len(0).and_then(|()| write!(file, "{slots}"));
        told.map(|()| Held(file)).map_err(|error| self.failed(&error))
    }

    /// The slots that a watchdog told, if it still lives: the kernel releases the lock of one that has died.
    pub(super) fn told_slots(&self) -> Option<usize> {
        let mut file = File::open(self.path("slots")).ok()?;
        let Err(TryLockError::WouldBlock) = file.try_lock_shared() else { return None };
        let mut told = String::new();
        file.read_to_string(&mut told).ok()?;
        told.parse().ok()
    }

    /// Waits in a thread of its own, as the lock may never come, and the program's end must not wait for it.
    async fn wait(&self, role: &str, lock: fn(&File) -> io::Result<()>) -> Result<Held, RuntimeError> {
        let file = self.open(role)?;
        let (sender, receiver) = oneshot::channel();
        std::thread::spawn(move || {
            let locked = lock(&file).map(|()| Held(file));
            // Nobody waits for the lock any more: it is released with its file.
            let _ = sender.send(locked);
        });
        let locked = receiver.await.map_err(|_| self.failed(&io::Error::other("interrupted")))?;
        locked.map_err(|error| self.failed(&error))
    }

    fn open(&self, role: &str) -> Result<File, RuntimeError> {
        let opened = fs::create_dir_all(&self.directory)
            .and_then(|()| OpenOptions::new().create(true).truncate(false).write(true).open(self.path(role)));
        opened.map_err(|error| self.failed(&error))
    }

    fn path(&self, role: &str) -> PathBuf {
        self.directory.join(format!("{}.{role}", self.name))
    }

    fn failed(&self, error: &io::Error) -> RuntimeError {
        let message = format!("no lock for the Ollama daemon in {}: {error}", self.directory.display());
        RuntimeError::new(RuntimeErrorKind::Unreachable, message)
            .hint("the directory must be writable; XDG_RUNTIME_DIR or TMPDIR may name another one")
    }
}
