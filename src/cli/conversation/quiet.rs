//! A terminal that shows nothing of what is typed, as long as an answer is written to it.

use std::io;

use rustix::termios::{LocalModes, OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcsetattr};

/// Holds the terminal's state until it is dropped; what was typed meanwhile is dropped with it, as nobody saw it.
pub(super) struct Quiet(Option<Termios>);

impl Quiet {
    /// Begins it, where the terminal lets us.
    pub(super) fn begin() -> Self {
        let before = tcgetattr(io::stdin()).ok();
        if let Some(before) = &before {
            let mut quiet = before.clone();
            // Ctrl-C is still a signal.
            quiet.local_modes.remove(LocalModes::ECHO);
            set(&quiet);
        }
        Self(before)
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            if let Err(error) = tcflush(io::stdin(), QueueSelector::IFlush) {
                tracing::debug!("what was typed stays: {error}");
            }
            set(before);
        }
    }
}

/// Sets the terminal's state.
pub(super) fn set(state: &Termios) {
    if let Err(error) = tcsetattr(io::stdin(), OptionalActions::Now, state) {
        tracing::debug!("the terminal stays as it is: {error}");
    }
}
