//! What is piped into a question, on stdin or by the name of a pipe.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::Duration;

use minions::error::Failure;
use minions::words;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::cli::screen::start_line;

/// How long a pipe that says nothing is waited for in silence.
const PATIENCE: Duration = Duration::from_secs(2);

/// The bytes on stdin; none where it is a terminal, closed, or a device such as `/dev/null`.
///
/// # Errors
/// It can't be read.
pub(super) fn read() -> Result<Vec<u8>, Failure> {
    let stdin = io::stdin();
    if stdin.is_terminal() || !holds_text(&stdin) {
        return Ok(Vec::new());
    }
    if !comes_soon(&stdin) {
        // Nobody may read it.
        let _ = start_line(
            "reading stdin as a document; let it be /dev/null (`< /dev/null`) where it holds none\n",
        );
    }
    let mut bytes = Vec::new();
    stdin.lock().read_to_end(&mut bytes).map_err(|error| {
        Failure::input(format!("stdin can't be read: {}", words::of_io(&error)))
            .hint("name the file, or let stdin be /dev/null: `< /dev/null`")
    })?;
    Ok(bytes)
}

/// Whether `file` is a pipe, as `<(command)` makes them in a shell.
pub(super) fn is_pipe(file: &Path) -> bool {
    file.metadata().is_ok_and(|about| about.file_type().is_fifo())
}

/// All that comes from the pipe at `path`, until nobody writes any more.
///
/// # Errors
/// It can't be read, or nothing came.
pub(super) fn read_pipe(path: &Path) -> Result<Vec<u8>, Failure> {
    let shown = path.display();
    let bytes = std::fs::read(path).map_err(|error| {
        Failure::input(format!("the pipe {shown} can't be read: {}", words::of_io(&error)))
    })?;
    match bytes.trim_ascii().is_empty() {
        true => Err(Failure::input(format!("nothing came from the pipe {shown}"))
            .hint("look what its command writes: minions would answer without its text")),
        false => Ok(bytes),
    }
}

/// Whether it is a pipe, a file or a socket.
fn holds_text(stdin: &impl AsFd) -> bool {
    let file = stdin.as_fd().try_clone_to_owned().map(File::from);
    let kind = file.and_then(|file| file.metadata()).map(|meta| meta.file_type());
    kind.is_ok_and(|kind| kind.is_fifo() || kind.is_file() || kind.is_socket())
}

/// Whether there is something to read, or the end, before patience ends.
fn comes_soon(stdin: &impl AsFd) -> bool {
    let mut asked = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    let patience = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::ZERO);
    !matches!(poll(&mut asked, patience), Ok(0))
}
