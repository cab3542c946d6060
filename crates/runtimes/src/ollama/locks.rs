//! Locked files that tell all processes who starts, watches and uses the daemon of one port. Who holds a lock may say
//! something in its file.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::Duration;

use minions_machine::own_file;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::geteuid;
use tokio::sync::oneshot;

use crate::{RuntimeError, RuntimeErrorKind};

/// The lock files of one daemon.
#[derive(Clone, Debug)]
pub struct Locks {
    directory: PathBuf,
    name: String,
}

/// The most bytes that are read of a file.
const LONGEST: u64 = 1 << 16;

/// A lock that is held as long as this lives.
#[derive(Debug)]
pub(super) struct Held(File);

impl Locks {
    /// The lock files of the daemon of `port` in `directory`, which is made if it is missing. It must be this user's
    /// alone: who can open a lock can hold it for ever, and who can make files there can make links.
    pub fn new(directory: impl Into<PathBuf>, port: u16) -> Self {
        Self { directory: directory.into(), name: format!("ollama-{port}") }
    }

    /// Says that a job uses the daemon; waits for a watchdog that is just ending one.
    pub(super) async fn join_users(&self) -> Result<Held, RuntimeError> {
        let held = self.wait("users", File::lock_shared).await?;
        held.show();
        Ok(held)
    }

    /// Whether jobs hold the daemon, and not a watchdog that ends it.
    pub(super) fn are_there_users(&self) -> Result<bool, RuntimeError> {
        if self.no_user()?.is_some() {
            return Ok(false);
        }
        let file = self.open("users")?;
        Ok(file.try_lock_shared().is_ok())
    }

    /// Waits until no job uses the daemon; new ones wait until this is dropped.
    pub(super) async fn last_user_gone(&self) -> Result<Held, RuntimeError> {
        self.wait("users", File::lock).await
    }

    /// The same at once; `None` while a job uses the daemon.
    pub(super) fn no_user(&self) -> Result<Option<Held>, RuntimeError> {
        self.at_once("users")
    }

    /// Waits for the turn to look whether there is a daemon, and to start one.
    pub(super) async fn become_starter(&self) -> Result<Held, RuntimeError> {
        self.wait("starter", File::lock).await
    }

    /// Takes the watchdog's lock; `None` if another watchdog has it.
    pub(super) fn become_watchdog(&self) -> Result<Option<Held>, RuntimeError> {
        self.at_once("watchdog")
    }

    /// What the last watchdog said of itself. It may have died since.
    pub(super) fn watchdog_said(&self) -> Option<String> {
        Some(Held(self.open("watchdog").ok()?).said())
    }

    /// Tells all jobs, until this is dropped, how many calls at once the watchdog's daemon takes.
    pub(super) async fn tell_slots(&self, slots: usize) -> Result<Held, RuntimeError> {
        // This waits. A watchdog's own lock does not, so that a job that only looks never blocks it.
        let held = self.wait("slots", File::lock).await?;
        held.say(&slots.to_string()).map_err(|error| self.failed(&error))?;
        Ok(held)
    }

    /// The slots that a watchdog told, if it still lives: the kernel releases the lock of one that has died.
    pub fn told_slots(&self) -> Option<usize> {
        let file = self.open("slots").ok()?;
        let Err(TryLockError::WouldBlock) = file.try_lock_shared() else { return None };
        Held(file).said().parse().ok()
    }

    fn at_once(&self, role: &str) -> Result<Option<Held>, RuntimeError> {
        let file = self.open(role)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Held(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(self.failed(&error)),
        }
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

    pub(super) fn open(&self, role: &str) -> Result<File, RuntimeError> {
        self.own_directory()
            .and_then(|directory| self.file(&directory, role))
            .map_err(|error| self.failed(&error))
    }

    /// The directory itself, not what a link in its place shows.
    fn own_directory(&self) -> io::Result<File> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
        let opened = OpenOptions::new().read(true).custom_flags(flags.bits()).open(&self.directory);
        let directory = opened.map_err(|error| match self.directory.is_symlink() {
            true => io::Error::other("it is a symbolic link"),
            false => error,
        })?;
        let found = directory.metadata()?;
        if found.uid() != geteuid().as_raw() {
            return Err(io::Error::other(format!("it is user {}'s", found.uid())));
        }
        if found.mode() & 0o077 != 0 {
            fchmod(&directory, Mode::S_IRWXU)?;
        }
        Ok(directory)
    }

    /// Opens a file in the directory, or makes it.
    fn file(&self, directory: &File, role: &str) -> io::Result<File> {
        let name = format!("{}.{role}", self.name);
        // The directory may have been open to others before it was closed to them.
        own_file::open(directory, &name, OFlag::O_RDWR | OFlag::O_CREAT)
    }

    pub(super) fn failed(&self, error: &io::Error) -> RuntimeError {
        let message = format!("no lock for the Ollama daemon in {}: {error}", self.directory.display());
        RuntimeError::new(RuntimeErrorKind::CannotStart, message).hint(
            "the directory must be writable, and this user's own; XDG_RUNTIME_DIR or TMPDIR may name another place for \
             it, where nobody else can write",
        )
    }
}

impl Held {
    /// Writes this into the file, in the place of what it held.
    pub(super) fn say(&self, text: &str) -> io::Result<()> {
        self.0.write_all_at(text.as_bytes(), 0)?;
        self.0.set_len(text.len() as u64)
    }

    /// What the file holds; who reads while somebody writes may get a part of both.
    pub(super) fn said(&self) -> String {
        let mut bytes = vec![0; self.0.metadata().map_or(0, |found| found.len().min(LONGEST)) as usize];
        let read = self.0.read_at(&mut bytes, 0).unwrap_or(0);
        String::from_utf8_lossy(&bytes[..read]).into_owned()
    }

    /// Has other holders know of this one by a second lock, which can be looked at without being taken.
    fn show(&self) {
        let shown = fcntl(&self.0, FcntlArg::F_OFD_SETLK(&whole(libc::F_RDLCK)));
        if let Err(error) = shown {
            tracing::debug!("this user of the daemon is not seen by others: {error}");
        }
    }

    /// Whether nobody else holds what [`Locks::join_users`] gave; not if that can't be told.
    pub(super) fn is_alone(&self) -> bool {
        let mut other = whole(libc::F_WRLCK);
        let asked = fcntl(&self.0, FcntlArg::F_OFD_GETLK(&mut other));
        asked.is_ok() && other.l_type == libc::F_UNLCK as libc::c_short
    }

    /// How long ago something was said, by the clock of the day.
    pub(super) fn age(&self) -> Option<Duration> {
        self.0.metadata().and_then(|found| found.modified()).ok()?.elapsed().ok()
    }
}

/// A lock of this kind on a whole file.
fn whole(kind: libc::c_int) -> libc::flock {
    let [l_type, l_whence] = [kind, libc::SEEK_SET].map(|number| number as libc::c_short);
    libc::flock { l_type, l_whence, l_start: 0, l_len: 0, l_pid: 0 }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    fn mode(path: &std::path::Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    fn refusal(locks: &Locks) -> String {
        let error = locks.become_watchdog().unwrap_err();
        assert!(error.to_string().contains("no lock for the Ollama daemon in"), "{error}");
        assert_eq!(locks.told_slots(), None);
        error.to_string()
    }

    #[tokio::test]
    async fn locks_lie_in_a_directory_of_our_own() {
        let base = tempfile::tempdir().unwrap();
        let directory = base.path().join("new/minions");
        let locks = Locks::new(&directory, 1);
        let held = locks.tell_slots(4).await.unwrap();
        assert_eq!((mode(&directory), mode(&directory.join("ollama-1.slots"))), (0o700, 0o600));
        assert_eq!(locks.told_slots(), Some(4));
        drop(held);
        assert_eq!(locks.told_slots(), None);
        // One that others could look into is closed to them.
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(locks.become_watchdog().unwrap().is_some());
        assert_eq!(mode(&directory), 0o700);
    }

    #[tokio::test]
    async fn users_know_of_each_other_and_of_a_watchdog_that_ends_the_daemon() {
        let base = tempfile::tempdir().unwrap();
        let locks = Locks::new(base.path().join("locks"), 1);
        assert!(!locks.are_there_users().unwrap());
        let first = locks.join_users().await.unwrap();
        assert!(first.is_alone() && locks.are_there_users().unwrap());
        let second = locks.join_users().await.unwrap();
        assert!(!first.is_alone() && !second.is_alone());
        drop(first);
        assert!(second.is_alone() && locks.are_there_users().unwrap());
        drop(second);
        let watchdog = locks.last_user_gone().await.unwrap();
        assert!(!locks.are_there_users().unwrap(), "it is ending the daemon");
        drop(watchdog);
        assert!(!locks.are_there_users().unwrap());
    }

    #[test]
    fn links_are_not_followed() {
        let base = tempfile::tempdir().unwrap();
        let [theirs, victim, link, dangling, own] =
            ["theirs", "victim", "link", "dangling", "own"].map(|name| base.path().join(name));
        [&theirs, &own].iter().for_each(|folder| fs::create_dir(folder).unwrap());
        fs::write(&victim, "precious").unwrap();
        symlink(&theirs, &link).unwrap();
        symlink(base.path().join("none"), &dangling).unwrap();
        for directory in [link, dangling, victim.clone()] {
            refusal(&Locks::new(directory, 1));
        }
        let slots = own.join("ollama-1.slots");
        let place = |make: &dyn Fn()| {
            let _ = fs::remove_file(&slots);
            make();
            Locks::new(&own, 1).open("slots").map(drop).unwrap_err().to_string()
        };
        place(&|| symlink(&victim, &slots).unwrap());
        place(&|| symlink(base.path().join("none"), &slots).unwrap());
        let hard = place(&|| fs::hard_link(&victim, &slots).unwrap());
        assert!(hard.contains("not a file of ours"), "{hard}");
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        assert!(!base.path().join("none").exists() && fs::read_dir(theirs).unwrap().next().is_none());
    }

    #[test]
    fn a_stranger_s_directory_is_refused() {
        if !geteuid().is_root() {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "only root can give files away");
            return eprintln!("skipped: only root can give files away");
        }
        let base = tempfile::tempdir().unwrap();
        let [directory, own] = ["squatted", "own"].map(|name| base.path().join(name));
        [&directory, &own].iter().for_each(|folder| fs::create_dir(folder).unwrap());
        chown(&directory, Some(65534), None).unwrap();
        assert!(refusal(&Locks::new(&directory, 1)).contains("user 65534's"));
        fs::write(own.join("ollama-1.watchdog"), "").unwrap();
        chown(own.join("ollama-1.watchdog"), Some(65534), None).unwrap();
        assert!(refusal(&Locks::new(&own, 1)).contains("not a file of ours"));
    }
}
