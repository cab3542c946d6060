//! What is piped into a question.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
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
