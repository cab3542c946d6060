//! How many calls a server gets at once: the number that it tells, or else one found by measuring. Pure: the caller
//! passes the time in.
//!
//! More calls than slots wait in the server and push each other's documents out of its cache; fewer calls leave slots
//! empty. So the number is doubled as long as that makes the server faster, and halved when the server refuses calls.

use std::time::{Duration, Instant};

/// The first guess: most servers have as many slots.
const FIRST: usize = 4;
/// Twice as many calls are worth it if the server then answers this many times as many calls in a second.
const FASTER: f64 = 1.2;
/// If the longest of the first calls took this many times as long as the shortest one, it waited behind others: the
/// server has fewer slots.
const QUEUED: f64 = 1.75;
/// The highest limit that is ever tried.
const MOST: usize = 256;
/// The number of windows after which more calls are tried again: the last try may have met a busy moment.
const PATIENCE: u32 = 8;

/// How many calls one server gets at once.
#[derive(Clone, Debug)]
pub(super) enum AdaptiveLimit {
    /// The number that the server or the user tells.
    Told(usize),
    /// The number that a search finds.
    Found(Search),
}

/// A search for the best number.
#[derive(Clone, Debug)]
pub(super) struct Search {
    limit: usize,
    phase: Phase,
    window: Option<Window>,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// The limit was doubled. Before that the server answered this many calls a second; 0 at the first limit.
    Climbing(f64),
    /// The limit stays for this many more windows.
    Settled(u32),
}

/// The calls that ended while the server had as many calls as the limit allows.
#[derive(Clone, Debug)]
struct Window {
    since: Instant,
    ended: usize,
    shortest: Duration,
    longest: Duration,
}

impl AdaptiveLimit {
    pub(super) fn new(told: Option<usize>) -> Self {
        match told {
            Some(slots) => Self::Told(slots.max(1)),
            None => Self::Found(Search { limit: FIRST, phase: Phase::Climbing(0.0), window: None }),
        }
    }

    /// How many calls may be under way, at least 1.
    pub(super) fn limit(&self) -> usize {
        match self {
            Self::Told(slots) => *slots,
            Self::Found(search) => search.limit,
        }
    }

    /// Notes that a call begins, after which `in_flight` calls are under way.
    pub(super) fn begin(&mut self, now: Instant, in_flight: usize) {
        if let Self::Found(search) = self
            && search.window.is_none()
            && in_flight >= search.limit
        {
            let (shortest, longest) = (Duration::MAX, Duration::ZERO);
            search.window = Some(Window { since: now, ended: 0, shortest, longest });
        }
    }

    /// Notes that a call which took `length` ends, before which `in_flight` calls were under way.
    pub(super) fn end(&mut self, now: Instant, length: Duration, in_flight: usize) {
        let Self::Found(search) = self else { return };
        match &mut search.window {
            // Far fewer calls than the limit allows say nothing about the limit.
            Some(_) if in_flight * 4 < search.limit * 3 => search.window = None,
            Some(window) => {
                window.ended += 1;
                window.shortest = window.shortest.min(length);
                window.longest = window.longest.max(length);
                // Two calls for each slot: the first one may still have to connect.
                if window.ended >= 2 * search.limit {
                    search.judge(now);
                }
            }
            None => {}
        }
    }

    /// Notes that the server had too much to do and refused a call.
    pub(super) fn refused(&mut self) {
        if let Self::Found(search) = self {
            search.settle();
        }
    }
}

impl Search {
    fn judge(&mut self, now: Instant) {
        let Some(Window { since, ended, shortest, longest }) = self.window.take() else { return };
        let rate = ended as f64 / (now - since).as_secs_f64().max(1e-6);
        tracing::debug!(limit = self.limit, phase = ?self.phase, rate, ?shortest, ?longest, "the pace of a server");
        match self.phase {
            Phase::Climbing(0.0) if self.limit == FIRST && longest > shortest.mul_f64(QUEUED) => {
                self.limit = 1;
            }
            Phase::Climbing(before) if rate <= before * FASTER => self.settle(),
            Phase::Settled(left) if left > 0 => self.phase = Phase::Settled(left - 1),
            _ if self.limit < MOST => {
                self.limit *= 2;
                self.phase = Phase::Climbing(rate);
            }
            _ => self.phase = Phase::Settled(PATIENCE),
        }
    }

    /// Halves the limit and keeps it for a while.
    fn settle(&mut self) {
        self.limit = (self.limit / 2).max(1);
        self.phase = Phase::Settled(PATIENCE);
        self.window = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The limit of most calls at a server of `slots` that takes 100 ms for a call and lets others wait.
    fn settles_at(slots: usize) -> usize {
        let mut limits = std::collections::BTreeMap::<usize, u32>::new();
        let mut pace = AdaptiveLimit::new(None);
        let start = Instant::now();
        let mut now = Duration::ZERO;
        // When the call began, and when each of the slots is free again.
        let mut calls: Vec<(Duration, Duration)> = Vec::new();
        let mut free = vec![Duration::ZERO; slots];
        for _ in 0..4000 {
            *limits.entry(pace.limit()).or_default() += 1;
            while calls.len() < pace.limit() {
                let slot = free.iter_mut().min().unwrap();
                *slot = now.max(*slot) + Duration::from_millis(100);
                calls.push((now, *slot));
                pace.begin(start + now, calls.len());
            }
            let at = (0..calls.len()).min_by_key(|at| calls[*at].1).unwrap();
            let in_flight = calls.len();
            let (begun, ended) = calls.remove(at);
            now = ended;
            pace.end(start + now, ended - begun, in_flight);
        }
        limits.into_iter().max_by_key(|(_, calls)| *calls).unwrap().0
    }

    #[test]
    fn every_server_is_filled_and_not_more() {
        for slots in [1, 2, 4, 8, 16, 64] {
            assert_eq!(settles_at(slots), slots, "{slots} slots");
        }
    }

    #[test]
    fn what_is_told_stays() {
        let mut pace = AdaptiveLimit::new(Some(7));
        pace.refused();
        assert_eq!(pace.limit(), 7);
    }

    #[test]
    fn a_refusal_halves() {
        let mut pace = AdaptiveLimit::new(None);
        for limit in [2, 1, 1] {
            pace.refused();
            assert_eq!(pace.limit(), limit);
        }
    }
}
