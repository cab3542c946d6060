//! `--while-open`: a descriptor whose other end lives as long as whoever wants the result.
//!
//! In: the number of a pipe's reading end. Out: the moment in which its last writing end is closed, by hand or since the
//! process that had it is gone, whatever ended it.

use std::fs::File;
use std::io::{self, Read};
use std::str::FromStr;

use minions::error::Failure;
use minions::words;

/// A pipe that was open when the program began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WhileOpen(i32);

impl FromStr for WhileOpen {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_prefix("fd:").and_then(|number| number.parse().ok());
        number
            .filter(|number| *number > 2)
            .map(Self)
            .ok_or("it is fd: with the number of a pipe that is open, 3 or more, as in --while-open fd:3")
    }
}

impl WhileOpen {
    /// Takes the descriptor over: no program that is started from now on has it.
    ///
    /// # Errors
    /// It can't be read from.
    pub(crate) fn open(self) -> Result<OpenEnd, Failure> {
        let Self(number) = self;
        let file = File::open(format!("/dev/fd/{number}")).map_err(|error| {
            let why = words::of_io(&error);
            Failure::input(format!("--while-open fd:{number} can't be read from: {why}")).hint(
                "hand the reading end of a pipe down, and keep its writing end open; a socket can't be taken",
            )
        })?;
        // Only the end that was just opened counts from here on.
        let _ = nix::unistd::close(number);
        Ok(OpenEnd { file, number })
    }
}

/// The reading end.
pub(crate) struct OpenEnd {
    file: File,
    /// The number that it was given by.
    pub number: i32,
}

impl OpenEnd {
    /// Waits until the other end is closed. What is written there counts for nothing.
    pub(crate) fn wait(mut self) {
        let mut bytes = [0; 512];
        loop {
            match self.file.read(&mut bytes) {
                Ok(0) => return,
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return,
                Ok(_) | Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_a_pipe_is_wanted() {
        assert_eq!("fd:3".parse(), Ok(WhileOpen(3)));
        for text in ["3", "fd:", "fd:x", "fd:1", "fd:-4", "pipe"] {
            assert!(text.parse::<WhileOpen>().is_err(), "{text}");
        }
    }
}
