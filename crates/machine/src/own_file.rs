//! Files that are this user's alone, in folders where others may have been.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::geteuid;

/// Opens the file `name` in `folder` with `flags`, which may make it. Neither a link nor a pipe is opened, and no file
/// that another user has, or that has a second name.
///
/// # Errors
/// The system's, or in words that `name` is not a file of ours.
pub fn open(folder: &File, name: &str, flags: OFlag) -> io::Result<File> {
    let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = File::from(openat(folder, name, flags, Mode::S_IRUSR | Mode::S_IWUSR)?);
    let found = file.metadata()?;
    if found.is_file() && found.nlink() == 1 && found.uid() == geteuid().as_raw() {
        Ok(file)
    } else {
        Err(io::Error::other(format!("{name} is not a file of ours")))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn only_files_of_this_user_are_opened() {
        let dir = tempfile::tempdir().unwrap();
        let folder = File::open(dir.path()).unwrap();
        let make = OFlag::O_RDWR | OFlag::O_CREAT;
        open(&folder, "new", make).unwrap();
        assert_eq!(fs::metadata(dir.path().join("new")).unwrap().permissions().mode() & 0o777, 0o600);
        symlink(dir.path().join("new"), dir.path().join("link")).unwrap();
        assert!(open(&folder, "link", make).is_err());
        nix::unistd::mkfifo(&dir.path().join("fifo"), Mode::S_IRWXU).unwrap();
        assert!(open(&folder, "fifo", OFlag::O_RDWR).unwrap_err().to_string().contains("not a file of ours"));
        fs::hard_link(dir.path().join("new"), dir.path().join("second")).unwrap();
        assert!(open(&folder, "new", make).unwrap_err().to_string().contains("not a file of ours"));
        assert!(open(&folder, "none", OFlag::O_RDWR).is_err());
    }
}
