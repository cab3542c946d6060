//! The folder of sessions.

use std::fs::{DirBuilder, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use minions_machine::own_file;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::{UnlinkatFlags, unlinkat};
use tokio::sync::oneshot;

use super::contents::{Contents, TurnMark};
use super::line::Line;
use super::name::Name;
use super::open::{OpenSession, bad, header};
use crate::config::Environment;
use crate::error::Failure;
use crate::sync::beside_runtime;
use crate::words;

/// How another folder is named.
const OTHER_PLACE: &str =
    "XDG_STATE_HOME names another one, and so do --session-dir and, in a job, protocol.session_dir";

/// The folder of sessions. Every call blocks, but for [`Sessions::open`].
#[derive(Clone, Debug)]
pub struct Sessions {
    dir: PathBuf,
}

/// What came of an attempt to lock a session.
enum Attempt {
    Locked(File),
    /// Somebody else has it.
    Taken(File),
}

impl Sessions {
    /// The sessions of this user.
    ///
    /// # Errors
    /// The environment names no place for them.
    pub fn of(environment: &Environment) -> Result<Self, Failure> {
        let state = environment.state().ok_or_else(|| {
            Failure::input("there is no place for sessions: neither XDG_STATE_HOME nor HOME is set")
                .hint(format!("set HOME, or: {OTHER_PLACE}"))
        })?;
        Ok(Self::in_folder(state.join("minions/sessions")))
    }

    /// The sessions in `dir`, which is made when it is needed.
    pub fn in_folder(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Where they are.
    pub fn folder(&self) -> &Path {
        &self.dir
    }

    /// Where the answers of the worker in the session `name` are kept.
    pub fn memo(&self, name: &Name) -> PathBuf {
        self.dir.join(format!("{name}.memo"))
    }

    /// Opens the session `name`, or begins it, and waits as long as somebody else has it; `waits` is called before.
    ///
    /// # Errors
    /// It can't be opened, or is no session of this version.
    pub async fn open(&self, name: &Name, waits: impl FnOnce()) -> Result<OpenSession, Failure> {
        let mut waits = Some(waits);
        loop {
            let (sessions, asked) = (self.clone(), name.clone());
            let file = match beside_runtime(move || sessions.attempt(&asked)).await? {
                Attempt::Locked(file) => file,
                Attempt::Taken(file) => {
                    if let Some(waits) = waits.take() {
                        waits();
                    }
                    locked(file).await.map_err(|error| self.unusable(name, &error))?
                }
            };
            let (sessions, asked) = (self.clone(), name.clone());
            let opened = beside_runtime(move || sessions.opened(&asked, file)).await?;
            if let Some(session) = opened {
                return Ok(session);
            }
        }
    }

    /// The same at once; `None` if somebody else has it.
    ///
    /// # Errors
    /// Those of [`Sessions::open`].
    pub fn try_open(&self, name: &Name) -> Result<Option<OpenSession>, Failure> {
        loop {
            let Attempt::Locked(file) = self.attempt(name)? else { return Ok(None) };
            if let Some(session) = self.opened(name, file)? {
                return Ok(Some(session));
            }
        }
    }

    fn attempt(&self, name: &Name) -> Result<Attempt, Failure> {
        let failed = |error: io::Error| self.unusable(name, &error);
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_APPEND;
        let folder = self.made().map_err(failed)?;
        let file = own_file::open(&folder, &name.file(), flags).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Attempt::Locked(file)),
            Err(TryLockError::WouldBlock) => Ok(Attempt::Taken(file)),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// The folder, which is made if it is missing.
    fn made(&self) -> io::Result<File> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
        File::open(&self.dir)
    }

    /// The session in the locked `file`; `None` if that was removed while it was waited for.
    fn opened(&self, name: &Name, file: File) -> Result<Option<OpenSession>, Failure> {
        let is_there = file
            .metadata()
            .and_then(|locked| Ok(std::fs::symlink_metadata(self.path(name))?.ino() == locked.ino()))
            .unwrap_or(false);
        if is_there { OpenSession::read(name, file).map(Some) } else { Ok(None) }
    }

    /// What the session `name` says. Nobody is waited for.
    ///
    /// # Errors
    /// There is no such session, or it can't be used.
    pub fn read(&self, name: &Name) -> Result<Contents, Failure> {
        let none = || {
            Failure::input(format!("there is no session {name}"))
                .hint(format!("`minions sessions` lists those in {}", self.dir.display()))
        };
        self.find(name)?.ok_or_else(none)
    }

    /// The same; `None` if there is no such session.
    ///
    /// # Errors
    /// It can't be used.
    pub fn find(&self, name: &Name) -> Result<Option<Contents>, Failure> {
        let read = || -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            own_file::open(&File::open(&self.dir)?, &name.file(), OFlag::O_RDONLY)?
                .read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        match read() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.unusable(name, &error)),
            Ok(bytes) => Contents::read(bytes).map(Some).map_err(|problem| bad(name, &problem)),
        }
    }

    /// Begins a session under a name that no other one has: `name`, or `name-2` and so on. Nothing is in it yet.
    ///
    /// # Errors
    /// The folder can't be written.
    pub fn begin(&self, name: &Name) -> Result<Name, Failure> {
        let failed = |error: io::Error| self.unusable(name, &error);
        let folder = self.made().map_err(failed)?;
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
        for name in std::iter::once(name.clone()).chain(numbered(name)) {
            match own_file::open(&folder, &name.file(), flags) {
                Ok(_) => return Ok(name),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Err(failed(io::ErrorKind::AlreadyExists.into()))
    }

    /// Removes the session `name` if nothing is in it.
    ///
    /// # Errors
    /// It can't be removed.
    pub fn remove_empty(&self, name: &Name) -> Result<(), Failure> {
        match self.find(name)? {
            Some(contents) if contents.is_new() => self.remove(name),
            _ => Ok(()),
        }
    }

    /// Makes the session `to` of the first `turns` turns of `from`, or of all.
    ///
    /// # Errors
    /// `from` has no such turn, or `to` is there already.
    pub fn fork(&self, from: &Name, turns: Option<usize>, to: &Name) -> Result<usize, Failure> {
        let contents = self.read(from)?;
        let has = contents.len();
        let turns = turns.unwrap_or(has);
        if turns > has {
            return Err(Failure::input(format!(
                "the session {from} has {}, not {turns}",
                words::count(has, "turn")
            )));
        }
        let mut bytes = Vec::new();
        let failed = |error: io::Error| self.unusable(to, &error);
        header(to).write(&mut bytes).map_err(|error| failed(error.into()))?;
        bytes.extend(contents.up_to(turns));
        let mut file = tempfile::Builder::new().suffix(".part").tempfile_in(&self.dir).map_err(failed)?;
        file.write_all(&bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        file.persist_noclobber(self.path(to)).map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => Failure::input(format!("there is a session {to} already"))
                .hint("take another name, or remove that one: `minions sessions rm`"),
            _ => failed(error.error),
        })?;
        if let Err(error) = self.copy_memo(from, to) {
            tracing::debug!("the worker's answers in {from} are asked again in {to}: {error}");
        }
        Ok(turns)
    }

    /// Keeps the worker's answers of the session `from` for `to`, too.
    fn copy_memo(&self, from: &Name, to: &Name) -> io::Result<()> {
        let (from, to) = (self.memo(from), self.memo(to));
        if !from.exists() {
            return Ok(());
        }
        for folder in std::fs::read_dir(from)? {
            let folder = folder?;
            let copy = to.join(folder.file_name());
            DirBuilder::new().recursive(true).mode(0o700).create(&copy)?;
            for answer in std::fs::read_dir(folder.path())? {
                let (answer, copy) = (answer?.path(), copy.clone());
                let copy = copy.join(answer.file_name().unwrap_or_default());
                // An answer that is replaced gets another file, so both names may lead to one.
                std::fs::hard_link(&answer, &copy).or_else(|_| std::fs::copy(&answer, &copy).map(drop))?;
            }
        }
        Ok(())
    }

    /// A name for a fork of `name` that no session has.
    pub fn free_name(&self, name: &Name) -> Name {
        let free = |name: &Name| !self.path(name).exists();
        numbered(name).find(free).unwrap_or_else(|| name.clone())
    }

    /// Removes the session `name` and what is kept for it.
    ///
    /// # Errors
    /// There is none, or it is in use.
    pub fn remove(&self, name: &Name) -> Result<(), Failure> {
        let path = self.path(name);
        if path.symlink_metadata().is_err() {
            self.read(name)?;
        }
        let failed = |error: io::Error| self.unusable(name, &error);
        // One that can't be read can be removed all the same; a link is not followed, and holds no turn.
        let is_link = path.symlink_metadata().is_ok_and(|found| found.is_symlink());
        let _file = match is_link {
            true => None,
            false => match self.attempt(name)? {
                Attempt::Locked(file) => Some(file),
                Attempt::Taken(_) => return Err(in_use(name)),
            },
        };
        let folder = File::open(&self.dir).map_err(failed)?;
        unlinkat(&folder, name.file().as_str(), UnlinkatFlags::NoRemoveDir)
            .map_err(|error| failed(error.into()))?;
        match std::fs::remove_dir_all(self.memo(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        }
    }

    /// Takes `turn`, the last one of the session `name`, back. Its line stays, and counts no more.
    ///
    /// # Errors
    /// It is not the last one any more, or is in the summary already; the session is in use.
    pub fn undo(&self, name: &Name, turn: &TurnMark) -> Result<(), Failure> {
        self.read(name)?;
        let Some(mut session) = self.try_open(name)? else { return Err(in_use(name)) };
        let contents = session.contents();
        if contents.mark(contents.len()).as_ref() != Some(turn) {
            return Err(Failure::input(format!(
                "turn {} is not the last one of the session {name} any more: another minions went on with it",
                turn.number
            ))
            .hint(format!("`minions sessions show {name}` shows what was said")));
        }
        match contents.len() - contents.summarised() {
            0 => Err(Failure::input(format!("the session {name} has no turn that can be taken back"))),
            _ => session.append(&[Line::Undo {}]),
        }
    }

    fn path(&self, name: &Name) -> PathBuf {
        self.dir.join(name.file())
    }

    fn unusable(&self, name: &Name, error: &io::Error) -> Failure {
        let dir = self.dir.display();
        if error.raw_os_error() == Some(Errno::ELOOP as i32) {
            return Failure::system(format!(
                "the session {name} in {dir} can't be used: its file is a symbolic link, which minions does not follow there"
            ))
            .hint(format!("put the file itself there, or remove the link: `minions sessions rm {name}`"));
        }
        let words = words::of_io(error);
        Failure::system(format!("the session {name} in {dir} can't be used: {words}"))
            .hint(format!("the folder must be this user's and writable; {OTHER_PLACE}"))
    }
}

/// `name-2`, `name-3` and so on, as long as they can be names.
fn numbered(name: &Name) -> impl Iterator<Item = Name> {
    (2_u32..).map_while(move |number| Name::new(&format!("{name}-{number}")).ok())
}

fn in_use(name: &Name) -> Failure {
    Failure::input(format!("the session {name} is in use by another minions"))
        .hint("try again when that has ended")
}

/// Waits for the lock in a thread of its own, as it may never come, and the program's end must not wait for it.
async fn locked(file: File) -> io::Result<File> {
    let (sender, receiver) = oneshot::channel();
    std::thread::Builder::new().name("session".to_owned()).spawn(move || {
        let locked = file.lock().map(|()| file);
        // Nobody waits any more: the lock is released with its file.
        let _ = sender.send(locked);
    })?;
    receiver.await.map_err(|_| io::Error::other("interrupted"))?
}
