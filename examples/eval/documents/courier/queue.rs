//! The queue of parcels that wait for a courier.

use std::collections::VecDeque;
use std::time::Duration;

/// Parcels that wait at most; further ones are refused.
pub const CAPACITY: usize = 256;
/// How long a parcel may wait before it is offered to the next courier.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A parcel.
#[derive(Debug)]
pub struct Parcel {
    pub number: u64,
    pub grams: u32,
}

/// Parcels in the order in which they came.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: VecDeque<Parcel>,
}

impl Queue {
    /// Adds a parcel; gives it back if the queue is full.
    pub fn push(&mut self, parcel: Parcel) -> Result<(), Parcel> {
        if self.waiting.len() >= CAPACITY {
            return Err(parcel);
        }
        self.waiting.push_back(parcel);
        Ok(())
    }

    /// The next parcel that a courier with room for `grams` can take.
    pub fn take(&mut self, grams: u32) -> Option<Parcel> {
        let at = self.waiting.iter().position(|parcel| parcel.grams <= grams)?;
        self.waiting.remove(at)
    }
}
