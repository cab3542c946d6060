//! Whether more of a pasted text is there, at a terminal that does not say where a paste ends.

use std::io;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::io::ioctl_fionread;
use rustix::termios::{LocalModes, tcgetattr};

use super::quiet;

/// In less time nobody types a line.
const PAUSE: Duration = Duration::from_millis(30);

/// Whether another line, or the beginning of one, stands behind the one that was read.
pub(super) fn goes_on() -> bool {
    let stdin = io::stdin();
    let mut asked = [PollFd::new(std::os::fd::AsFd::as_fd(&stdin), PollFlags::POLLIN)];
    let pause = PollTimeout::try_from(PAUSE).unwrap_or(PollTimeout::ZERO);
    matches!(poll(&mut asked, pause), Ok(1..)) || has_begun()
}

/// Whether a line has begun that has no end yet: the terminal shows it to us while it does not wait for that end.
fn has_begun() -> bool {
    let Ok(before) = tcgetattr(io::stdin()) else { return false };
    let mut open = before.clone();
    open.local_modes.remove(LocalModes::ICANON);
    quiet::set(&open);
    let waiting = ioctl_fionread(io::stdin()).unwrap_or_default();
    quiet::set(&before);
    waiting > 0
}
