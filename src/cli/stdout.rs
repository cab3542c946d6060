//! Whether stdout can take what the program will write: asked before anything is read or spent.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::process::ExitCode;

use minions::error::Failure;
use minions::words;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::statvfs::fstatvfs;
use nix::unistd::write;

use super::screen;

/// Linux's number of `/dev/null`.
const NULL_DEVICE: u64 = nix::sys::stat::makedev(1, 3);

/// Whether `out` can be written to. `is_heard` says that results go elsewhere, too, so that stdout may be closed.
///
/// # Errors
/// [`FailureKind::System`](minions::error::FailureKind::System), which has to be told on stderr.
pub(crate) fn check(out: impl AsFd, is_heard: bool) -> Result<(), Failure> {
    let unusable = |why: &str| {
        Failure::system(format!("stdout can't be written to: {why}"))
            .hint("nothing was sent; let stdout lead to a file with room, or to a program that reads it")
    };
    // Nothing is written, and yet a full device, and a descriptor that is for reading alone, say so.
    match write(&out, b"") {
        Ok(_) | Err(Errno::EAGAIN | Errno::EINTR) => {}
        Err(Errno::EPIPE) => return Err(unusable("nobody reads it")),
        Err(Errno::EBADF) => return Err(unusable("it is open for reading alone")),
        Err(errno) => return Err(unusable(errno.desc())),
    }
    if has_no_reader(&out) {
        return Err(unusable("nobody reads it"));
    }
    match room(&out) {
        Ok(Room::Closed) if !is_heard => {
            Err(unusable("it is closed, or it is a /dev/null that is open for reading, too").hint(
                "nothing was sent; where nobody needs the results, let stdout be a /dev/null that is open for writing alone \
                 (`> /dev/null`; in Python open(os.devnull, \"w\"), not subprocess.DEVNULL), or take --events",
            ))
        }
        Ok(Room::Full) => Err(unusable("no space is left on its disk")),
        Ok(Room::AtLimit) => Err(unusable("its file is as long as this machine lets it be (`ulimit -f`)")),
        Ok(Room::Enough | Room::Closed) => Ok(()),
        Err(error) => {
            tracing::debug!("what stdout can take is not known: {error}");
            Ok(())
        }
    }
}

/// Writes the text of a command that answers no job. What can't be written is told on stderr, unless the reader has gone.
pub(crate) fn print(text: impl AsRef<[u8]>) -> ExitCode {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_ref()).and_then(|()| stdout.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        Err(error) => {
            let failure = Failure::system(format!("stdout can't be written to: {}", words::of_io(&error)));
            ExitCode::from(screen::tell(&failure) as u8)
        }
    }
}

/// Waits until nobody reads stdout any more; for ever where it is no pipe.
pub(crate) async fn reader_has_gone() {
    let (tell, told) = tokio::sync::oneshot::channel();
    let wait = move || {
        let stdout = io::stdout();
        let mut asked = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
        // Only its end wakes this up.
        while poll(&mut asked, PollTimeout::NONE) == Err(Errno::EINTR) {}
        let has_gone = asked[0].revents().is_some_and(|told| told.contains(PollFlags::POLLERR));
        has_gone.then(|| tell.send(()))
    };
    let thread = std::thread::Builder::new().name("stdout".to_owned()).spawn(wait);
    match thread {
        Ok(_) if told.await.is_ok() => {}
        _ => std::future::pending().await,
    }
}

fn has_no_reader(out: &impl AsFd) -> bool {
    let mut asked = [PollFd::new(out.as_fd(), PollFlags::POLLOUT)];
    let is_known = poll(&mut asked, PollTimeout::ZERO).is_ok();
    let told = asked[0].revents().unwrap_or(PollFlags::empty());
    is_known && told.intersects(PollFlags::POLLERR | PollFlags::POLLHUP)
}

enum Room {
    Enough,
    Full,
    AtLimit,
    Closed,
}

fn room(out: &impl AsFd) -> io::Result<Room> {
    let mut file = File::from(out.as_fd().try_clone_to_owned()?);
    let flags = OFlag::from_bits_retain(fcntl(&file, FcntlArg::F_GETFL)?);
    let meta = file.metadata()?;
    if meta.file_type().is_char_device() {
        // Rust's runtime opens /dev/null like this in place of a descriptor that is closed. A shell opens it for writing
        // alone.
        let is_stand_in = meta.rdev() == NULL_DEVICE && flags.contains(OFlag::O_RDWR);
        return Ok(if is_stand_in { Room::Closed } else { Room::Enough });
    }
    if !meta.is_file() {
        return Ok(Room::Enough);
    }
    let end = if flags.contains(OFlag::O_APPEND) { meta.len() } else { file.stream_position()? };
    if end >= getrlimit(Resource::RLIMIT_FSIZE)?.0 {
        return Ok(Room::AtLimit);
    }
    let disk = fstatvfs(&file)?;
    // Some file systems know no number of blocks.
    Ok(if disk.blocks() > 0 && disk.blocks_available() == 0 { Room::Full } else { Room::Enough })
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    fn problem(out: impl AsFd) -> String {
        check(out, false).err().map_or_else(String::new, |failure| failure.message)
    }

    fn opened(path: &str, reads: bool, writes: bool) -> File {
        OpenOptions::new().read(reads).write(writes).open(path).unwrap()
    }

    #[test]
    fn what_takes_nothing_is_seen_beforehand() {
        assert_eq!(problem(tempfile::tempfile().unwrap()), "");
        assert_eq!(problem(opened("/dev/null", false, true)), "");
        assert!(problem(opened("/dev/null", true, true)).contains("closed"));
        assert!(problem(opened("/dev/full", false, true)).contains("No space left"));
        assert!(problem(opened("/proc/self/status", true, false)).contains("reading alone"));
        let (reader, writer) = io::pipe().unwrap();
        assert_eq!(problem(&writer), "");
        drop(reader);
        assert!(problem(writer).contains("nobody reads"));
        let (one, other) = std::os::unix::net::UnixStream::pair().unwrap();
        assert_eq!(problem(&one), "");
        drop(other);
        assert!(problem(one).contains("nobody reads"));
        assert!(check(opened("/dev/null", true, true), true).is_ok());
    }
}
