//! What all workers may spend together, and how fast they may ask.
//!
//! In: what a call is expected to cost, what others have cost. Out: leave, and when. It is one key that each worker changes by
//! compare-and-set. A worker takes a lease before a call and gives it back with what the call has cost; the lease of a worker
//! that is gone counts as its prompts' cost. No clock counts but the broker's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Microseconds of requests that may begin at once after a pause.
const BURST: i64 = 1_000_000;
const MINUTE: i64 = 60_000_000;

/// What something costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Cost {
    /// Remote tokens.
    pub tokens: u64,
    /// Dollars.
    pub usd: f64,
}

/// What all workers are held to; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Limits {
    /// Remote tokens.
    pub tokens: Option<u64>,
    /// Dollars.
    pub usd: Option<f64>,
    /// Requests to each endpoint in a minute, spread evenly.
    pub requests_per_minute: Option<u32>,
}

/// A call that a worker would make.
#[derive(Clone, Debug)]
pub struct Call {
    /// Where it goes.
    pub endpoint: String,
    /// What its prompt costs.
    pub prompt: Cost,
    /// What its reply costs at most.
    pub reply: Cost,
    /// Whether its dollars are known.
    pub is_priced: bool,
}

/// The budget of a queue.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Budget {
    /// What may be spent.
    pub limits: Limits,
    /// What was spent.
    pub spent: Cost,
    /// Whether a call was refused since the limits were set.
    pub is_used_up: bool,
    /// By worker.
    leases: BTreeMap<String, Lease>,
    /// When the next request to an endpoint may begin.
    next: BTreeMap<String, i64>,
}

/// What a worker's calls in flight may cost.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Lease {
    /// The worker's last change: where its answer was lost, it is not made again.
    turn: u64,
    /// When the call may begin that this change has given leave to.
    begins: Option<i64>,
    prompt: Cost,
    reply: Cost,
}

/// Calls of a worker that have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Ended {
    pub prompt: Cost,
    pub reply: Cost,
    pub spent: Cost,
}

/// What the budget says to a call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// It may begin at this time.
    Begins(i64),
    /// The calls in flight may leave room for it.
    Wait,
    /// It may not be made.
    Refused(String),
}

impl Cost {
    fn plus(self, other: Self) -> Self {
        Self { tokens: self.tokens.saturating_add(other.tokens), usd: self.usd + other.usd }
    }

    fn minus(self, other: Self) -> Self {
        Self { tokens: self.tokens.saturating_sub(other.tokens), usd: (self.usd - other.usd).max(0.0) }
    }
}

impl Ended {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            prompt: self.prompt.plus(other.prompt),
            reply: self.reply.plus(other.reply),
            spent: self.spent.plus(other.spent),
        }
    }
}

impl Limits {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// These, and those of `other` where there are none.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.or(other.tokens),
            usd: self.usd.or(other.usd),
            requests_per_minute: self.requests_per_minute.or(other.requests_per_minute),
        }
    }
}

impl Budget {
    /// One without limits, of which this was spent.
    pub(crate) fn of(spent: Cost) -> Self {
        Self { spent, ..Self::default() }
    }

    /// Remote tokens and dollars that are left, of those that are limited.
    pub fn left(&self) -> (Option<u64>, Option<f64>) {
        let Self { limits, spent, .. } = self;
        (
            limits.tokens.map(|limit| limit.saturating_sub(spent.tokens)),
            limits.usd.map(|limit| (limit - spent.usd).max(0.0)),
        )
    }

    /// Whether the worker's change `turn` is made; and when the call may begin that it gave leave to.
    pub(crate) fn made(&self, worker: &str, turn: u64) -> Option<Option<i64>> {
        self.leases.get(worker).filter(|lease| lease.turn == turn).map(|lease| lease.begins)
    }

    /// Counts calls of a worker that have ended.
    pub(crate) fn settle(&mut self, worker: &str, turn: u64, ended: Ended) {
        let lease = self.leases.entry(worker.to_owned()).or_default();
        (lease.turn, lease.begins) = (turn, None);
        (lease.prompt, lease.reply) = (lease.prompt.minus(ended.prompt), lease.reply.minus(ended.reply));
        self.spent = self.spent.plus(ended.spent);
    }

    /// Gives a worker leave to make `call`, if there is room for it.
    pub(crate) fn ask(&mut self, worker: &str, turn: u64, call: &Call, now: i64) -> Answer {
        if let Some(refusal) = self.refusal(Cost::default(), call) {
            self.is_used_up |= call.is_priced || self.limits.usd.is_none();
            return Answer::Refused(refusal);
        }
        let held = self
            .leases
            .values()
            .fold(Cost::default(), |held, lease| held.plus(lease.prompt).plus(lease.reply));
        if self.refusal(held, call).is_some() {
            return Answer::Wait;
        }
        let begins = self.begins(&call.endpoint, now);
        let lease = self.leases.entry(worker.to_owned()).or_default();
        (lease.turn, lease.begins) = (turn, Some(begins));
        (lease.prompt, lease.reply) = (lease.prompt.plus(call.prompt), lease.reply.plus(call.reply));
        Answer::Begins(begins)
    }

    /// Why `call` may not be made beside calls that may cost `held`.
    fn refusal(&self, held: Cost, call: &Call) -> Option<String> {
        let all = self.spent.plus(held).plus(call.prompt);
        if let Some(limit) = self.limits.tokens.filter(|limit| all.tokens > *limit) {
            return Some(format!(
                "the queue's budget of {limit} remote tokens does not cover the next call: {} spent, and it needs about {}",
                self.spent.tokens, call.prompt.tokens
            ));
        }
        let limit = self.limits.usd?;
        if !call.is_priced {
            return Some("the queue has a budget in dollars, and the job has no prices".to_owned());
        }
        (all.usd > limit).then(|| {
            format!(
                "the queue's budget of ${limit} does not cover the next call: ${:.6} spent, and its prompt costs about ${:.6}",
                self.spent.usd, call.prompt.usd
            )
        })
    }

    fn begins(&mut self, endpoint: &str, now: i64) -> i64 {
        let Some(requests) = self.limits.requests_per_minute else { return now };
        let next = self.next.entry(endpoint.to_owned()).or_insert(now);
        let begins = (*next).max(now - BURST);
        *next = begins + MINUTE / i64::from(requests.max(1)) + 1;
        begins.max(now)
    }

    /// Takes a worker's lease away; whether it had one.
    pub(crate) fn leave(&mut self, worker: &str) -> bool {
        let lease = self.leases.remove(worker);
        lease.is_some_and(|lease| {
            self.spent = self.spent.plus(lease.prompt);
            true
        })
    }

    /// Takes away the leases of workers that are gone; whether there were any.
    pub(crate) fn bury(&mut self, is_alive: impl Fn(&str) -> bool) -> bool {
        let gone: Vec<String> = self.leases.keys().filter(|worker| !is_alive(worker)).cloned().collect();
        gone.iter().filter(|worker| self.leave(worker)).count() > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(tokens: u64, reply: u64) -> Call {
        let cost = |tokens: u64| Cost { tokens, usd: tokens as f64 / 1000.0 };
        Call { endpoint: "e".to_owned(), prompt: cost(tokens), reply: cost(reply), is_priced: true }
    }

    fn budget(limits: Limits) -> Budget {
        Budget { limits, ..Budget::default() }
    }

    fn ended(call: &Call, tokens: u64) -> Ended {
        Ended { prompt: call.prompt, reply: call.reply, spent: Cost { tokens, usd: tokens as f64 / 1000.0 } }
    }

    #[test]
    fn only_one_reply_of_all_workers_goes_beyond_a_limit() {
        let tokens = Limits { tokens: Some(100), ..Limits::default() };
        let usd = Limits { usd: Some(0.1), ..Limits::default() };
        for limits in [tokens, usd] {
            let mut budget = budget(limits);
            let first = call(60, 500);
            assert_eq!(budget.ask("a", 1, &first, 0), Answer::Begins(0));
            assert_eq!(budget.ask("b", 1, &call(30, 500), 0), Answer::Wait);
            budget.settle("a", 2, ended(&first, 65));
            assert_eq!(budget.ask("b", 2, &call(30, 500), 0), Answer::Begins(0));
            assert!(matches!(budget.ask("a", 3, &call(40, 0), 0), Answer::Refused(_)));
            assert!(budget.is_used_up);
            budget.settle("b", 3, ended(&call(30, 500), 530));
            assert_eq!(budget.spent.tokens, 595);
            assert!(matches!(budget.ask("a", 4, &call(1, 0), 0), Answer::Refused(_)));
        }
    }

    #[test]
    fn a_job_without_prices_is_refused_where_dollars_count() {
        let mut budget = budget(Limits { usd: Some(1.0), ..Limits::default() });
        let unpriced = Call { is_priced: false, ..call(1, 1) };
        assert!(
            matches!(budget.ask("a", 1, &unpriced, 0), Answer::Refused(why) if why.contains("no prices"))
        );
        assert!(!budget.is_used_up);
    }

    #[test]
    fn the_lease_of_a_worker_that_is_gone_counts_as_its_prompts() {
        let mut budget = budget(Limits { tokens: Some(100), ..Limits::default() });
        budget.ask("gone", 1, &call(30, 500), 0);
        assert_eq!(budget.ask("here", 1, &call(30, 0), 0), Answer::Wait);
        assert!(budget.bury(|worker| worker == "here") && !budget.bury(|worker| worker == "here"));
        assert_eq!(budget.spent.tokens, 30);
        assert_eq!(budget.ask("here", 2, &call(30, 0), 0), Answer::Begins(0));
    }

    #[test]
    fn a_change_whose_answer_was_lost_is_known() {
        let mut budget = budget(Limits { tokens: Some(100), ..Limits::default() });
        assert_eq!(budget.made("a", 1), None);
        budget.ask("a", 1, &call(30, 0), 7);
        assert_eq!(budget.made("a", 1), Some(Some(7)));
        budget.settle("a", 2, ended(&call(30, 0), 30));
        assert_eq!(budget.made("a", 2), Some(None));
    }

    #[test]
    fn requests_of_all_workers_are_spread() {
        let mut budget = budget(Limits { requests_per_minute: Some(120), ..Limits::default() });
        let mut begins = |worker: &str, now| match budget.ask(worker, 1, &call(1, 1), now) {
            Answer::Begins(begins) => begins,
            other => panic!("{other:?}"),
        };
        let starts = [begins("a", 0), begins("b", 0), begins("a", 10), begins("b", 10)];
        assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= 500_000), "{starts:?}");
        // After a pause a second's worth begins at once.
        let later = [(); 4].map(|()| begins("a", 100 * MINUTE));
        assert_eq!((later[0], later[1]), (100 * MINUTE, 100 * MINUTE));
        assert!(later[3] > 100 * MINUTE);
    }
}
