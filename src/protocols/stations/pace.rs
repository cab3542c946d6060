//! How many calls a server takes at once, found by measuring where it does not tell. Pure: time comes in.
//!
//! More calls than slots wait in the server and push each other's documents out of its cache; fewer leave slots
//! empty. So the number is doubled as long as that makes the server faster, and halved when it refuses calls.

use std::time::{Duration, Instant};

/// What most servers have, and the first guess.
const FIRST: usize = 4;
/// Twice the calls must be done this much faster to be worth it.
const FASTER: f64 = 1.2;
/// One of the first calls waited behind others if it took this much longer: the server has fewer slots.
const QUEUED: f64 = 1.75;
/// The most that is ever tried.
const MOST: usize = 256;

/// The calls that one server gets at once.
#[derive(Clone, Debug)]
pub(super) enum Pace {
    /// As many as it, or the user, says.
    Told(usize),
    /// As many as turn out well.
    Found(Search),
}

/// A search that is under way or has settled.
#[derive(Clone, Debug)]
pub(super) struct Search {
    limit: usize,
    settled: bool,
    /// Calls a second with half as many.
    before: f64,
    window: Option<Window>,
}

/// Calls that ended while the server had as many as it may.
#[derive(Clone, Debug)]
struct Window {
    since: Instant,
    ended: usize,
    shortest: Duration,
    longest: Duration,
}

impl Pace {
    pub(super) fn new(told: Option<usize>) -> Self {
        match told {
            Some(slots) => Self::Told(slots.max(1)),
            None => Self::Found(Search { limit: FIRST, settled: false, before: 0.0, window: None }),
        }
    }

    /// Calls that may be under way.
    pub(super) fn limit(&self) -> usize {
        match self {
            Self::Told(slots) => *slots,
            Self::Found(search) => search.limit,
        }
    }

    /// A call begins, after which `in_flight` are under way.
    pub(super) fn begin(&mut self, now: Instant, in_flight: usize) {
        if let Self::Found(search) = self
            && !search.settled
            && search.window.is_none()
            && in_flight == search.limit
        {
            let (shortest, longest) = (Duration::MAX, Duration::ZERO);
            search.window = Some(Window { since: now, ended: 0, shortest, longest });
        }
    }

    /// A call that took `length` ends, before which `in_flight` were under way.
    pub(super) fn end(&mut self, now: Instant, length: Duration, in_flight: usize) {
        let Self::Found(search) = self else { return };
        match &mut search.window {
            // Not as many as may be: this says nothing about the limit.
            Some(_) if in_flight < search.limit => search.window = None,
            Some(window) => {
                window.ended += 1;
                window.shortest = window.shortest.min(length);
                window.longest = window.longest.max(length);
                if window.ended >= search.limit {
                    search.judge(now);
                }
            }
            None => {}
        }
    }

    /// The server had too much to do and refused a call.
    pub(super) fn refused(&mut self) {
        if let Self::Found(search) = self {
            *search = Search { limit: (search.limit / 2).max(1), settled: true, ..search.clone() };
        }
    }
}

impl Search {
    fn judge(&mut self, now: Instant) {
        let Some(Window { since, ended, shortest, longest }) = self.window.take() else { return };
        let rate = ended as f64 / (now - since).as_secs_f64().max(1e-6);
        if self.before == 0.0 && self.limit == FIRST && longest > shortest.mul_f64(QUEUED) {
            self.limit = 1;
        } else if rate > self.before * FASTER && self.limit < MOST {
            self.before = rate;
            self.limit *= 2;
        } else {
            self.limit = (self.limit / 2).max(1);
            self.settled = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the search settles at a server of `slots` that takes 100 ms for a call and lets others wait.
    fn settles_at(slots: usize) -> usize {
        let mut pace = Pace::new(None);
        let start = Instant::now();
        let mut now = Duration::ZERO;
        // When the call began, and when each of the slots is free again.
        let mut calls: Vec<(Duration, Duration)> = Vec::new();
        let mut free = vec![Duration::ZERO; slots];
        for _ in 0..500 {
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
        pace.limit()
    }

    #[test]
    fn every_server_is_filled_and_not_more() {
        for slots in [1, 2, 4, 8, 16, 64] {
            assert_eq!(settles_at(slots), slots, "{slots} slots");
        }
    }

    #[test]
    fn what_is_told_stays() {
        let mut pace = Pace::new(Some(7));
        pace.refused();
        assert_eq!(pace.limit(), 7);
    }

    #[test]
    fn a_refusal_halves() {
        let mut pace = Pace::new(None);
        for limit in [2, 1, 1] {
            pace.refused();
            assert_eq!(pace.limit(), limit);
        }
    }
}
