//! The calls that one permit makes one after the other, and when another permit may take some of them.

use std::collections::VecDeque;
use std::time::Duration;

use super::call::Call;

/// Where a server's slots share the prompts they have read, a lane with at most this many calls left is split at once,
/// though each slot reads the chunk then. A longer lane is split after one call has ended, as the chunk is cached then.
const MAX_CALLS_TO_SPLIT_UNREAD: usize = 3;
/// Where they do not, a lane is split if reading its chunk again takes less than this part of the time that its other
/// calls still need. The part is small, because reading slows down the calls of all other slots.
const MAX_READING_PART: u32 = 8;

/// The calls of one permit.
pub(super) struct Lane {
    /// The worker's server that the permit belongs to.
    server: usize,
    /// The calls not yet made.
    pub left: VecDeque<Call>,
    /// No call of this lane has ended yet.
    pub is_new: bool,
    /// A call of any lane has ended since this one was opened.
    pub is_warm: bool,
}

impl Lane {
    pub(super) fn new(server: usize, left: VecDeque<Call>) -> Self {
        Self { server, left, is_new: true, is_warm: false }
    }

    /// Whether a slot of `server` may take calls of this lane. A slot of another server slows nobody down.
    pub(super) fn can_be_split(&self, server: usize, shares_prefixes: bool, times: &CallTimes) -> bool {
        let left = self.left.len();
        let is_worth_it = if shares_prefixes || server != self.server {
            self.is_warm || left <= MAX_CALLS_TO_SPLIT_UNREAD
        } else {
            times.are_worth_reading_again(left)
        };
        left > 0 && is_worth_it
    }
}

/// How long calls took on average.
#[derive(Default)]
pub(super) struct CallTimes {
    /// The first calls of their lanes, which include the reading of a chunk.
    pub first: Mean,
    /// All other calls.
    pub others: Mean,
}

impl CallTimes {
    /// Whether reading a chunk takes a small part of the time that `calls` calls need after it. Without times of both
    /// kinds the answer is no.
    fn are_worth_reading_again(&self, calls: usize) -> bool {
        let (Some(first), Some(each)) = (self.first.value(), self.others.value()) else { return false };
        let calls = u32::try_from(calls).unwrap_or(u32::MAX);
        first.saturating_sub(each) * MAX_READING_PART <= each.saturating_mul(calls)
    }
}

/// The mean of durations.
#[derive(Default)]
pub(super) struct Mean {
    sum: Duration,
    count: u32,
}

impl Mean {
    pub(super) fn add(&mut self, took: Duration) {
        self.sum += took;
        self.count += 1;
    }

    fn value(&self) -> Option<Duration> {
        self.sum.checked_div(self.count)
    }
}
