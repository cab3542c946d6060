//! States in a folder, a file each, which any number of processes share.
//!
//! A file is what llama.cpp writes (its own head, the tokens, the state), and then our tail: what it is, and a hash of all
//! before. It gets its name when it is whole. A file that is not what its name says is removed, and read for again.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use nix::fcntl::OFlag;
use tempfile::NamedTempFile;

use super::identity::Key;
use super::prune;
use super::tail::{self, TAIL, Tail};
use crate::KeptFolder;
use minions_machine::own_file;

/// A folder of states.
pub(super) struct Folder {
    path: PathBuf,
    folder: File,
    settings: Key,
    limit: u64,
    /// Whether nothing more is kept, as that failed.
    is_broken: bool,
    writer: Option<(Sender<Part>, JoinHandle<()>)>,
}

/// A file that llama.cpp has written, whose tail is missing.
struct Part {
    file: NamedTempFile,
    tail: Tail,
    path: PathBuf,
}

/// A file that is whole.
pub(super) struct Whole {
    file: File,
    /// How long reading what it holds took.
    pub(super) took: Duration,
}

impl Whole {
    /// A path to the very file that was looked at, whatever its name leads to by now.
    pub(super) fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.file.as_raw_fd()).into()
    }
}

impl Folder {
    /// The folder at `place`, which is made. `settings`: what its states must have been made with.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn open(place: &KeptFolder, settings: Key) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(&place.path)?;
        let folder = File::open(&place.path)?;
        // Whoever can't write there is told at once, not after the first chunk.
        tempfile::Builder::new().suffix(prune::PART).tempfile_in(&place.path)?;
        let limit = prune::limit(&place.path, place.limit)?;
        tracing::info!("what is read is kept in {}, up to {} MiB", place.path.display(), limit >> 20);
        let (parts, inbox) = mpsc::channel();
        let path = place.path.clone();
        let thread = thread::Builder::new()
            .name("kept states".to_owned())
            .spawn(move || finish_all(&path, limit, &inbox))?;
        let writer = Some((parts, thread));
        Ok(Self { path: place.path.clone(), folder, settings, limit, is_broken: false, writer })
    }

    /// The file of `key`, if it is there and whole.
    pub(super) fn find(&mut self, key: Key) -> Option<Whole> {
        let mut file = own_file::open(&self.folder, &name(key), OFlag::O_RDONLY).ok()?;
        match tail::check(&mut file) {
            Ok(tail) if tail.key == key && tail.settings == self.settings => {
                // What was used last stays. A file that can't be touched is used all the same.
                let _ = file.set_modified(SystemTime::now());
                Some(Whole { file, took: Duration::from_micros(tail.micros) })
            }
            _ => {
                tracing::debug!("{} is damaged and removed", self.path.join(name(key)).display());
                self.remove(key);
                None
            }
        }
    }

    pub(super) fn remove(&self, key: Key) {
        let _ = fs::remove_file(self.path.join(name(key)));
    }

    /// Keeps about `bytes` under `key`, which `write` writes to a path; it gives how many there are. What can't be kept is
    /// read again.
    pub(super) fn keep(
        &mut self,
        key: Key,
        bytes: u64,
        took: Duration,
        write: impl FnOnce(&Path) -> Option<usize>,
    ) {
        let path = self.path.join(name(key));
        if self.is_broken || bytes > self.limit || path.exists() || !prune::comes(&path, bytes, self.limit) {
            return;
        }
        let part = tempfile::Builder::new().suffix(prune::PART).tempfile_in(&self.path).and_then(|file| {
            let written = write(file.path()).ok_or_else(|| io::Error::other("the disk takes no more"))?;
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            let tail = Tail { settings: self.settings, key, bytes: written as u64, micros };
            Ok(Part { file, tail, path })
        });
        match (part, &self.writer) {
            // A thread that has ended has said why.
            (Ok(part), Some((parts, _))) => self.is_broken = parts.send(part).is_err(),
            (Ok(_), None) => {}
            (Err(error), _) => {
                self.is_broken = true;
                complain(&self.path, &error);
            }
        }
    }
}

impl Drop for Folder {
    /// Waits for what is being written.
    fn drop(&mut self) {
        if let Some((parts, thread)) = self.writer.take() {
            drop(parts);
            let _ = thread.join();
        }
    }
}

/// The writer's thread: completes files, and removes what is too much. It ends when one can't be completed.
fn finish_all(folder: &Path, limit: u64, inbox: &Receiver<Part>) {
    let mut taken = prune::prune(folder, limit);
    for part in inbox {
        match finish(part) {
            Ok(bytes) => taken += bytes,
            Err(error) => {
                complain(folder, &error);
                return;
            }
        }
        if taken > limit {
            taken = prune::prune(folder, limit);
        }
    }
}

fn complain(folder: &Path, error: &io::Error) {
    tracing::warn!("nothing more of what is read is kept in {}: {error}", folder.display());
}

/// Gives the file its tail and its name.
fn finish(part: Part) -> io::Result<u64> {
    let Part { file, tail, path } = part;
    let mut content = file.reopen()?;
    // A buffer that could not be written any more was lost when llama.cpp closed the file.
    if content.metadata()?.len() != tail.bytes {
        return Err(io::Error::other("the disk takes no more"));
    }
    let end = tail.with_sum(tail::hash(&mut content, tail.bytes)?);
    content.seek(SeekFrom::End(0))?;
    content.write_all(&end)?;
    file.persist(path)?;
    Ok(tail.bytes + TAIL as u64)
}

fn name(key: Key) -> String {
    format!("{key:032x}{}", prune::STATE)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    fn open(path: &Path, settings: Key) -> Folder {
        Folder::open(&KeptFolder { path: path.to_owned(), limit: Some(1 << 20) }, settings).unwrap()
    }

    fn keep(folder: &mut Folder, key: Key, content: &[u8]) {
        folder.keep(key, content.len() as u64, Duration::from_secs(1), |path| {
            fs::write(path, content).ok().map(|()| content.len())
        });
    }

    fn content(folder: &mut Folder, key: Key) -> Option<Vec<u8>> {
        let mut bytes = fs::read(folder.find(key)?.path()).unwrap();
        bytes.truncate(bytes.len() - TAIL);
        Some(bytes)
    }

    #[test]
    fn what_is_kept_is_there_for_the_next_process() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        keep(&mut open(&path, 1), 5, b"state");
        assert_eq!(content(&mut open(&path, 1), 5).unwrap(), b"state");
        assert_eq!(content(&mut open(&path, 1), 6), None);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let file = fs::metadata(path.join(name(5))).unwrap();
        assert_eq!((file.permissions().mode() & 0o777, file.nlink()), (0o600, 1));
        // That of another model, engine or setting is not used, under whatever name.
        assert_eq!(content(&mut open(&path, 2), 5), None);
        assert!(!path.join(name(5)).exists());
    }

    #[test]
    fn a_flipped_bit_or_a_missing_byte_is_a_miss_and_the_file_goes() {
        let dir = tempfile::tempdir().unwrap();
        keep(&mut open(dir.path(), 1), 5, b"some state");
        let path = dir.path().join(name(5));
        let whole = fs::read(&path).unwrap();
        let mut folder = open(dir.path(), 1);
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, damaged).unwrap();
            assert!(folder.find(5).is_none(), "bit {bit}");
            assert!(!path.exists());
        }
        for bytes in 0..whole.len() {
            fs::write(&path, &whole[..bytes]).unwrap();
            assert!(folder.find(5).is_none() && !path.exists(), "{bytes} bytes");
        }
        // A file under another's name.
        fs::write(dir.path().join(name(6)), &whole).unwrap();
        assert!(folder.find(6).is_none());
        fs::write(&path, &whole).unwrap();
        assert_eq!(content(&mut folder, 5).unwrap(), b"some state");
    }

    #[test]
    fn a_write_that_fails_leaves_nothing_and_ends_the_keeping() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = open(dir.path(), 1);
        folder.keep(5, 100, Duration::ZERO, |path| {
            fs::write(path, b"half").unwrap();
            None
        });
        assert!(folder.is_broken);
        keep(&mut folder, 6, b"state");
        drop(folder);
        // The disk was full when the last buffer was written.
        let mut folder = open(dir.path(), 1);
        folder.keep(7, 100, Duration::ZERO, |path| fs::write(path, b"half").ok().map(|()| 100));
        drop(folder);
        let files: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        assert!(files.iter().all(|name| *name == prune::LOCK), "{files:?}");
    }

    #[test]
    fn two_processes_that_keep_the_same_leave_one_whole_file() {
        let dir = tempfile::tempdir().unwrap();
        let (mut one, mut other) = (open(dir.path(), 1), open(dir.path(), 1));
        for key in 0..20 {
            keep(&mut one, key, b"state");
            keep(&mut other, key, b"state");
        }
        drop((one, other));
        let mut folder = open(dir.path(), 1);
        assert!((0..20).all(|key| content(&mut folder, key).unwrap() == b"state"));
    }
}
