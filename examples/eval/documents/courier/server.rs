//! The server that couriers ask for parcels.

use crate::queue::Queue;

/// Where it listens unless `COURIER_PORT` says otherwise.
pub const DEFAULT_PORT: u16 = 7341;
/// Connections at the same time.
const MAX_CONNECTIONS: usize = 48;
/// The longest line that a courier may send, in bytes.
const MAX_LINE: usize = 4 * 1024;

/// What a courier can ask for.
#[derive(Debug, PartialEq)]
pub enum Command {
    /// `TAKE grams`: the next parcel.
    Take { grams: u32 },
    /// `DONE number`: a parcel was delivered.
    Done { number: u64 },
    /// `BACK number`: a parcel could not be delivered.
    Back { number: u64 },
    /// `HOWMANY`: the length of the queue.
    HowMany,
}

/// Reads a command.
pub fn parse(line: &str) -> Option<Command> {
    if line.len() > MAX_LINE {
        return None;
    }
    let mut words = line.split_whitespace();
    match (words.next()?, words.next()) {
        ("TAKE", Some(grams)) => Some(Command::Take { grams: grams.parse().ok()? }),
        ("DONE", Some(number)) => Some(Command::Done { number: number.parse().ok()? }),
        ("BACK", Some(number)) => Some(Command::Back { number: number.parse().ok()? }),
        ("HOWMANY", None) => Some(Command::HowMany),
        _ => None,
    }
}

/// The state that all connections share.
#[derive(Debug, Default)]
pub struct Server {
    pub queue: Queue,
    pub open_connections: usize,
}

impl Server {
    /// Whether one more connection may come in.
    pub fn has_room(&self) -> bool {
        self.open_connections < MAX_CONNECTIONS
    }
}
