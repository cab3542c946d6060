//! What the supervisor's calls may cost: the budget of a job, or that of a run.
//!
//! In: the expected tokens of a call before it is sent, and what it has cost at its end. Out: leave, or the refusal.
//! Only the reply of one call may go beyond a limit.

use std::sync::Mutex;

use tokio::sync::Notify;

use crate::chat::{ChatError, ChatErrorKind, Usage};
use crate::job::Prices;
use crate::sync::lock;

/// What the supervisor's calls of one job, or of all jobs of a run, may cost. Each try counts.
#[derive(Default)]
pub(super) struct SpendingBudget {
    limits: SpendingLimits,
    spent: Mutex<Spent>,
    /// Told when a call was refused.
    empty: Notify,
    /// Told when a call has ended.
    freed: Notify,
}

/// The tokens that a call is expected to have.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Expected {
    pub prompt: u64,
    /// The most that its reply is taken to have.
    pub reply: u64,
}

/// The tokens and dollars that may be spent; `None` is any number.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SpendingLimits {
    /// The most tokens of prompts and replies.
    pub tokens: Option<u64>,
    /// The most dollars, which hold where there are prices.
    pub dollars: Option<f64>,
    /// The prices of tokens.
    pub prices: Option<Prices>,
    /// Whether the limits are those of all jobs of a run.
    pub is_of_run: bool,
}

#[derive(Default)]
struct Spent {
    usage: Usage,
    /// The expected tokens of the calls in flight.
    reserved: Expected,
}

impl SpendingBudget {
    pub(super) fn new(limits: SpendingLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// The prices of tokens, if they are known.
    pub(super) fn prices(&self) -> Option<Prices> {
        self.limits.prices
    }

    /// Waits until a call was refused for lack of tokens.
    pub(super) async fn emptied(&self) {
        self.empty.notified().await;
    }

    /// Tokens that were spent so far. A call that was cut off or is in flight counts with the estimate of its prompt.
    pub(super) fn spent(&self) -> u64 {
        let spent = lock(&self.spent);
        spent.usage.total_tokens.saturating_add(spent.reserved.prompt)
    }

    /// Reserves what a try is `expected` to have, once the calls in flight leave room for it.
    pub(super) async fn admitted(&self, expected: Expected) -> Result<Reserved<'_>, ChatError> {
        loop {
            // Registered before the look at what is spent, so that no end of a call is missed.
            let mut freed = std::pin::pin!(self.freed.notified());
            freed.as_mut().enable();
            match self.reserve(expected) {
                Err(_) if self.may_get_room(expected) => freed.await,
                Err(refusal) => {
                    self.empty.notify_one();
                    return Err(refusal);
                }
                reserved => return reserved,
            }
        }
    }

    /// Whether the calls in flight may leave room for the prompt of another one, or have just left it.
    fn may_get_room(&self, expected: Expected) -> bool {
        let Spent { usage, .. } = *lock(&self.spent);
        let ended = Spent { usage, reserved: Expected::default() };
        self.limits.refusal(&ended, expected.prompt).is_none()
    }

    /// Reserves what a try is `expected` to have. Its own reply may go beyond the limit, those of others may not.
    fn reserve(&self, expected: Expected) -> Result<Reserved<'_>, ChatError> {
        let mut spent = lock(&self.spent);
        if let Some(refusal) = self.limits.refusal(&spent, expected.prompt) {
            return Err(refusal);
        }
        spent.reserved.prompt += expected.prompt;
        spent.reserved.reply += expected.reply;
        Ok(Reserved { budget: self, expected, spent: Usage::default() })
    }
}

impl SpendingLimits {
    /// The error of a try whose prompt has `tokens`, if that is more than is left.
    fn refusal(&self, spent: &Spent, tokens: u64) -> Option<ChatError> {
        let Spent { usage, reserved } = *spent;
        let in_flight = reserved.prompt.saturating_add(reserved.reply);
        if let Some(limit) = self.tokens
            && usage.total_tokens.saturating_add(in_flight).saturating_add(tokens) > limit
        {
            let (total, spent) = (usage.total_tokens, "spent");
            let (whose, spent, remedy) = if self.is_of_run {
                let spent = format!("{total} {spent}, {in_flight} in flight");
                ("the run's", spent, "raise --remote-tokens and go on with --resume")
            } else {
                ("the", format!("{total} {spent}"), "raise budget.remote_tokens or lower max_rounds")
            };
            let message = format!(
                "{whose} budget of {limit} remote tokens does not cover the next call: {spent}, and it needs about {tokens}"
            );
            return Some(ChatError::new(ChatErrorKind::Withheld, message).hint(remedy));
        }
        let (limit, prices) = self.dollars.zip(self.prices)?;
        let cost = |Expected { prompt, reply }| prices.cost(Usage::of_call(prompt, reply, 0));
        let (spent, next) = (prices.cost(usage), cost(Expected { prompt: tokens, reply: 0 }));
        (spent + cost(reserved) + next > limit).then(|| {
            let message = format!(
                "the budget of ${limit} does not cover the next call: ${spent:.6} spent, and its prompt costs about \
                 ${next:.6}"
            );
            ChatError::new(ChatErrorKind::Withheld, message).hint("raise budget.usd or lower max_rounds")
        })
    }
}

/// The tokens that are reserved for a call in flight. Dropping this frees them, except those that the call has spent.
pub(super) struct Reserved<'a> {
    budget: &'a SpendingBudget,
    expected: Expected,
    /// What the call has cost so far.
    pub spent: Usage,
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        let mut spent = lock(&self.budget.spent);
        spent.reserved.prompt -= self.expected.prompt;
        spent.reserved.reply -= self.expected.reply;
        spent.usage += self.spent;
        drop(spent);
        self.budget.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(tokens: u64) -> Expected {
        Expected { prompt: tokens, reply: 0 }
    }

    #[test]
    fn counts_that_cannot_be_do_not_overflow() {
        let limits = SpendingLimits { tokens: Some(100), is_of_run: true, ..SpendingLimits::default() };
        let budget = SpendingBudget::new(limits);
        for _ in 0..2 {
            if let Ok(mut call) = budget.reserve(prompt(1)) {
                call.spent = Usage::of_call(u64::MAX, u64::MAX, 0);
            }
        }
        assert_eq!(budget.spent(), u64::MAX);
        assert!(budget.reserve(prompt(u64::MAX)).is_err());
    }

    #[test]
    fn a_token_budget_counts_calls_in_flight() {
        let limits = SpendingLimits { tokens: Some(100), is_of_run: true, ..SpendingLimits::default() };
        let token_budget = SpendingBudget::new(limits);
        let mut first = token_budget.reserve(prompt(60)).unwrap();
        let refused = token_budget.reserve(prompt(50)).err().unwrap();
        assert!(refused.message.contains("0 spent, 60 in flight") && refused.message.contains("about 50"));
        first.spent = Usage::of_call(20, 10, 0);
        drop(first);
        drop(token_budget.reserve(prompt(50)).unwrap());
        assert!(token_budget.reserve(prompt(71)).is_err());
        assert_eq!(token_budget.spent(), 30);
    }

    #[test]
    fn a_dollar_budget_counts_calls_in_flight() {
        let prices = Prices { input: 10.0, cached_input: 10.0, output: 100.0 };
        let limits =
            SpendingLimits { dollars: Some(0.001), prices: Some(prices), ..SpendingLimits::default() };
        let budget = SpendingBudget::new(limits);
        let mut first = budget.reserve(prompt(60)).unwrap();
        assert!(budget.reserve(prompt(50)).is_err());
        first.spent = Usage::of_call(60, 1, 0);
        drop(first);
        let refused = budget.reserve(prompt(31)).err().unwrap();
        assert!(refused.message.contains("$0.000700 spent"), "{refused}");
        drop(budget.reserve(prompt(29)).unwrap());
    }

    #[tokio::test]
    async fn calls_wait_for_what_those_in_flight_may_leave() {
        let limits = SpendingLimits { tokens: Some(100), is_of_run: true, ..SpendingLimits::default() };
        let budget = SpendingBudget::new(limits);
        let mut first = budget.admitted(Expected { prompt: 10, reply: 1000 }).await.unwrap();
        let refused = budget.admitted(prompt(101)).await.err().unwrap();
        assert!(refused.message.contains("0 spent, 1010 in flight"), "{refused}");
        let second = async { budget.admitted(Expected { prompt: 50, reply: 1000 }).await.map(drop) };
        let first = async {
            first.spent = Usage::of_call(10, 20, 0);
            drop(first);
        };
        assert!(tokio::join!(second, first).0.is_ok());
        // The reply of the last call alone goes beyond the limit.
        let mut last = budget.admitted(Expected { prompt: 70, reply: 1000 }).await.unwrap();
        let refused = async { budget.admitted(prompt(1)).await.map(drop) };
        let last = async {
            last.spent = Usage::of_call(70, 1000, 0);
            drop(last);
        };
        assert!(tokio::join!(refused, last).0.is_err());
        assert_eq!(budget.spent(), 1100);
    }
}
