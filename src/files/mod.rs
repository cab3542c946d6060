//! Files that a job names: regular ones, and no more of them than is of use.

pub(crate) mod folder;
pub(crate) mod tree;

#[cfg(test)]
mod folder_tests;
mod names;
mod rules;

pub(crate) use names::shown;

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;

use crate::words;

/// All of the regular file at `path`, which may have `most` bytes. Blocks while it reads.
///
/// # Errors
/// The problem, as words that follow the file's name.
pub(crate) fn read(path: &Path, most: usize) -> Result<Vec<u8>, String> {
    let unreadable = |error| format!("can't be read: {}", words::of_io(&error));
    // Opening a FIFO would wait for its writer.
    let file = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path);
    let file = file.map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    let kind = metadata.file_type();
    let what = match kind {
        kind if kind.is_file() => None,
        kind if kind.is_dir() => Some("a folder"),
        kind if kind.is_fifo() => Some("a pipe"),
        kind if kind.is_char_device() || kind.is_block_device() => Some("a device"),
        _ => Some("a socket"),
    };
    if let Some(what) = what {
        return Err(format!("can't be read: it is {what}, not a regular file"));
    }
    let too_long = || format!("has more than {most} bytes, the most that are read");
    // Before it is read, as far as the file system knows.
    if metadata.len() > most as u64 {
        return Err(too_long());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default());
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > most {
        return Err(too_long());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_regular_file_or_too_long_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        assert!(read(&path, 4).unwrap_err().contains("more than 4 bytes"));
        let sparse = std::fs::File::create(dir.path().join("sparse")).unwrap();
        sparse.set_len(1 << 40).unwrap();
        assert!(read(&dir.path().join("sparse"), 100).unwrap_err().contains("more than 100 bytes"));
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&fifo, &link).unwrap();
        for (path, what) in [
            (dir.path(), "a folder"),
            (&fifo, "a pipe"),
            (&link, "a pipe"),
            (Path::new("/dev/zero"), "a device"),
            (Path::new("/dev/stdin/none"), "can't be read"),
        ] {
            assert!(read(path, 100).unwrap_err().contains(what), "{}", path.display());
        }
    }
}
