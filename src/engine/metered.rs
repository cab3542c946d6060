//! A client that keeps to the limits of a run: the remote tokens of the run, and the requests and tokens that an
//! endpoint gets in a minute. Every try counts, so this client makes the retries itself.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::chat::{ChatClient, ChatError, ChatErrorKind, ChatReply, ChatRequest, EgressGate, with_retries};
use crate::sync::lock;

/// A client whose calls count for the limits of a run.
#[derive(Clone)]
pub(super) struct Metered {
    /// The client inside, which makes one try for each turn.
    pub client: Arc<dyn ChatClient>,
    /// Tries after the first failed one.
    pub retries: u32,
    /// How long refused connections are retried instead, as in the client's settings.
    pub outage: Duration,
    pub token_budget: Arc<TokenBudget>,
    pub pace: Arc<Pace>,
}

#[async_trait]
impl ChatClient for Metered {
    fn endpoint(&self) -> String {
        self.client.endpoint()
    }

    async fn chat(&self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        with_retries(self.retries, self.outage, request.observer.as_deref(), || self.turn(request)).await
    }

    fn gated(&self, gate: Arc<dyn EgressGate>) -> Arc<dyn ChatClient> {
        Arc::new(Self { client: self.client.gated(gate), ..self.clone() })
    }
}

impl Metered {
    async fn turn(&self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        let estimate = request.estimated_tokens();
        let mut reserved = self.token_budget.reserve(estimate)?;
        tokio::time::sleep_until(self.pace.reserve(Instant::now(), estimate).into()).await;
        // From here on the call counts as sent. If it is cut off, no server reports its cost, so the estimate stays.
        reserved.spent = estimate;
        let outcome = self.client.chat(request).await;
        reserved.spent = match &outcome {
            Ok(reply) => reply.usage.total_tokens,
            Err(error) if error.kind == ChatErrorKind::Timeout => error.usage.total_tokens.max(estimate),
            Err(error) => error.usage.total_tokens,
        };
        self.pace.correct(estimate, reserved.spent);
        outcome
    }
}

/// The remote tokens of a run.
#[derive(Default)]
pub(super) struct TokenBudget {
    limit: Option<u64>,
    spent: Mutex<Spent>,
    empty: Notify,
}

#[derive(Default)]
struct Spent {
    tokens: u64,
    /// The estimated tokens of the calls in flight.
    reserved: u64,
}

impl TokenBudget {
    pub(super) fn new(limit: Option<u64>) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Waits until a call was refused for lack of tokens.
    pub(super) async fn emptied(&self) {
        self.empty.notified().await;
    }

    /// Tokens that were spent so far. A call that was cut off or is in flight counts with the estimate of its prompt.
    pub(super) fn spent(&self) -> u64 {
        let spent = lock(&self.spent);
        spent.tokens.saturating_add(spent.reserved)
    }

    fn reserve(&self, tokens: u64) -> Result<Reserved<'_>, ChatError> {
        let mut spent = lock(&self.spent);
        if let Some(limit) = self.limit
            && spent.tokens.saturating_add(spent.reserved).saturating_add(tokens) > limit
        {
            self.empty.notify_one();
            let message = format!(
                "the run's budget of {limit} remote tokens is used up: {} spent, {} in flight, and the next call needs \
                 about {tokens}",
                spent.tokens, spent.reserved
            );
            let error = ChatError::new(ChatErrorKind::Withheld, message);
            return Err(error.hint("raise --remote-tokens and go on with --resume"));
        }
        spent.reserved += tokens;
        Ok(Reserved { token_budget: self, tokens, spent: 0 })
    }
}

/// The tokens that are reserved for a call in flight. Dropping this frees them, except those that the call has spent.
struct Reserved<'a> {
    token_budget: &'a TokenBudget,
    tokens: u64,
    spent: u64,
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        let mut spent = lock(&self.token_budget.spent);
        spent.reserved -= self.tokens;
        spent.tokens = spent.tokens.saturating_add(self.spent);
    }
}

/// How many requests and tokens an endpoint gets in a minute; `None` is any number.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pacing {
    pub requests: Option<u32>,
    pub tokens: Option<u32>,
}

/// Tells when the next call to an endpoint may start.
#[derive(Default)]
pub(super) struct Pace {
    requests: Option<Mutex<RateLimiter>>,
    tokens: Option<Mutex<RateLimiter>>,
}

impl Pace {
    pub(super) fn new(pacing: Pacing) -> Self {
        let flow = |per_minute: Option<u32>| per_minute.map(|n| Mutex::new(RateLimiter::new(n)));
        Self { requests: flow(pacing.requests), tokens: flow(pacing.tokens) }
    }

    /// The time at which a call of about `tokens` that is ready `now` may start.
    fn reserve(&self, now: Instant, tokens: u64) -> Instant {
        let request = self.requests.as_ref().map_or(now, |flow| lock(flow).reserve(now, 1));
        self.tokens.as_ref().map_or(request, |flow| lock(flow).reserve(request, tokens))
    }

    /// Counts the tokens that a call has `spent` instead of the `expected` ones.
    fn correct(&self, expected: u64, spent: u64) {
        if let Some(flow) = &self.tokens {
            lock(flow).correct(expected, spent);
        }
    }
}

/// Spreads units evenly over each minute, with no more than a second's worth of them at once.
struct RateLimiter {
    per_minute: u32,
    /// The time at which all units so far have had their time; `None` before the first one.
    next: Option<Instant>,
}

impl RateLimiter {
    const BURST: Duration = Duration::from_secs(1);
    /// The longest time that one call takes from those behind it. No vendor's limit counts over a longer one, so a
    /// count that asks for more is wrong.
    const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

    fn new(per_minute: u32) -> Self {
        Self { per_minute, next: None }
    }

    fn time_of(&self, units: u64) -> Duration {
        let seconds = units as f64 * 60.0 / f64::from(self.per_minute);
        Duration::try_from_secs_f64(seconds).map_or(Self::LONGEST, |time| time.min(Self::LONGEST))
    }

    /// The time at which `units` that are ready `now` may start, however many they are.
    fn reserve(&mut self, now: Instant, units: u64) -> Instant {
        let idle_since = now.checked_sub(Self::BURST).unwrap_or(now);
        let start = self.next.map_or(now, |next| next.max(idle_since));
        self.next = Some(start + self.time_of(units));
        start.max(now)
    }

    fn correct(&mut self, expected: u64, spent: u64) {
        let Some(next) = self.next else { return };
        self.next = match spent >= expected {
            true => Some(next + self.time_of(spent - expected)),
            false => next.checked_sub(self.time_of(expected - spent)),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_minute_has_more_requests_than_allowed() {
        for per_minute in [1, 30, 60, 600, 6000] {
            let mut flow = RateLimiter::new(per_minute);
            let now = Instant::now();
            let starts: Vec<Instant> = (0..3 * per_minute).map(|_| flow.reserve(now, 1)).collect();
            for (i, first) in starts.iter().enumerate() {
                let minute =
                    starts[i..].iter().take_while(|at| **at < *first + Duration::from_secs(60)).count();
                // A fraction of a nanosecond may be lost in each.
                assert!(minute <= per_minute as usize + 1, "{per_minute}: {minute}");
            }
        }
    }

    #[test]
    fn after_a_pause_a_second_s_worth_goes_at_once() {
        let mut flow = RateLimiter::new(120);
        let start = Instant::now();
        assert_eq!(flow.reserve(start, 1), start);
        let later = start + Duration::from_secs(100);
        let waits: Vec<_> = (0..4).map(|_| flow.reserve(later, 1) - later).collect();
        let half = Duration::from_millis(500);
        assert_eq!(waits, [Duration::ZERO, Duration::ZERO, Duration::ZERO, half]);
    }

    #[test]
    fn tokens_count_as_they_were_spent() {
        let pace = Pace::new(Pacing { requests: None, tokens: Some(60) });
        let now = Instant::now();
        assert_eq!(pace.reserve(now, 10), now);
        assert_eq!(pace.reserve(now, 10) - now, Duration::from_secs(10));
        pace.correct(10, 30);
        assert_eq!(pace.reserve(now, 0) - now, Duration::from_secs(40));
        pace.correct(30, 10);
        assert_eq!(pace.reserve(now, 1) - now, Duration::from_secs(20));
    }

    #[test]
    fn counts_that_cannot_be_neither_overflow_nor_stop_the_run_for_years() {
        let pace = Pace::new(Pacing { requests: None, tokens: Some(1) });
        let now = Instant::now();
        for spent in [1_000_000_000_000_000, u64::MAX] {
            pace.reserve(now, 1);
            pace.correct(1, spent);
        }
        assert!(pace.reserve(now, 1) - now <= 3 * RateLimiter::LONGEST);
        let token_budget = TokenBudget::new(Some(100));
        for _ in 0..2 {
            if let Ok(mut call) = token_budget.reserve(1) {
                call.spent = u64::MAX;
            }
        }
        assert_eq!(token_budget.spent(), u64::MAX);
        assert!(token_budget.reserve(u64::MAX).is_err());
    }

    #[test]
    fn a_token_budget_counts_calls_in_flight() {
        let token_budget = TokenBudget::new(Some(100));
        let mut first = token_budget.reserve(60).unwrap();
        let refused = token_budget.reserve(50).err().unwrap();
        assert!(refused.message.contains("0 spent, 60 in flight") && refused.message.contains("about 50"));
        first.spent = 30;
        drop(first);
        drop(token_budget.reserve(50).unwrap());
        assert!(token_budget.reserve(71).is_err());
        assert_eq!(token_budget.spent(), 30);
    }

    /// Never answers, or says that it was silent.
    #[derive(Clone)]
    struct Silent {
        is_told: bool,
    }

    #[async_trait]
    impl ChatClient for Silent {
        fn endpoint(&self) -> String {
            "silence".into()
        }

        async fn chat(&self, _: &ChatRequest) -> Result<ChatReply, ChatError> {
            if !self.is_told {
                std::future::pending::<()>().await;
            }
            Err(ChatError::new(ChatErrorKind::Timeout, "silent"))
        }

        fn gated(&self, _: Arc<dyn EgressGate>) -> Arc<dyn ChatClient> {
            Arc::new(self.clone())
        }
    }

    /// The tokens that the budget has spent after a call of [`Silent`], which is dropped after a while.
    async fn spent_on(is_told: bool, pacing: Pacing) -> u64 {
        let token_budget = Arc::new(TokenBudget::new(None));
        let (client, pace) = (Arc::new(Silent { is_told }), Arc::new(Pace::new(pacing)));
        pace.reserve(Instant::now(), 0);
        let metered = Metered {
            client,
            retries: 0,
            outage: Duration::ZERO,
            token_budget: Arc::clone(&token_budget),
            pace,
        };
        let request =
            ChatRequest { messages: vec![crate::chat::Message::user("x".repeat(400))], ..Default::default() };
        let _ = tokio::time::timeout(Duration::from_millis(1), metered.chat(&request)).await;
        token_budget.spent()
    }

    #[tokio::test]
    async fn a_call_that_is_cut_off_is_spent_if_it_was_sent() {
        assert_eq!(spent_on(false, Pacing::default()).await, 100);
        assert_eq!(spent_on(true, Pacing::default()).await, 100);
        // The call still waited for its time.
        assert_eq!(spent_on(false, Pacing { requests: Some(1), tokens: None }).await, 0);
    }
}
