//! A client that keeps to limits: the budgets of its job and of the run (`spending`), and the requests and tokens that an endpoint
//! gets in a minute. Every try counts, so this client makes the retries itself.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::common::Common;
use super::spending::{Expected, SpendingBudget};
use crate::chat::{
    ChatClient, ChatError, ChatErrorKind, ChatReply, ChatRequest, EgressGate, RetryPolicy, Seen, Usage,
    with_retries,
};
use crate::sync::lock;

/// A client whose calls count for the limits of its job and of a run.
#[derive(Clone)]
pub(super) struct Metered {
    /// The client inside, which makes one try for each turn.
    pub client: Arc<dyn ChatClient>,
    /// How failed calls are repeated.
    pub policy: RetryPolicy,
    /// The most tokens that a reply is taken to have.
    pub longest_reply: u64,
    /// The budget of the job, and then that of the run.
    pub budgets: [Arc<SpendingBudget>; 2],
    /// The budget that is held together with other engines.
    pub common: Option<Common>,
    pub pace: Arc<Pace>,
}

#[async_trait]
impl ChatClient for Metered {
    fn endpoint(&self) -> String {
        self.client.endpoint()
    }

    async fn chat(&self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        with_retries(&self.policy, request.observer.as_deref(), || self.turn(request)).await
    }

    async fn look(&self) -> Result<Seen, ChatError> {
        self.client.look().await
    }

    fn gated(&self, gate: Arc<dyn EgressGate>) -> Arc<dyn ChatClient> {
        Arc::new(Self { client: self.client.gated(gate), ..self.clone() })
    }
}

impl Metered {
    async fn turn(&self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        let estimate = request.estimated_tokens();
        let [of_job, of_run] = &self.budgets;
        let expected = Expected { prompt: estimate, reply: self.longest_reply };
        let mut reserved = [of_job.admitted(expected).await?, of_run.admitted(expected).await?];
        let mut lease = match &self.common {
            Some(common) => common.lease(expected).await?,
            None => None,
        };
        let now = Instant::now();
        let leave = lease.as_ref().map_or(now, |lease| lease.begins.max(now));
        let start = self.pace.reserve(now, estimate).max(leave);
        // A sleep until now takes a tick of the timer: one to two milliseconds.
        if start > now {
            tokio::time::sleep_until(start.into()).await;
        }
        // From here on the call counts as sent. If it is cut off, no server reports its cost, so the estimate stays.
        let prompt = Usage::of_call(estimate, 0, 0);
        reserved.iter_mut().for_each(|reserved| reserved.spent = prompt);
        lease.iter_mut().for_each(|lease| lease.spent = prompt);
        let outcome = self.client.chat(request).await;
        let spent = match &outcome {
            Ok(reply) => reply.usage,
            Err(error) if error.kind == ChatErrorKind::Timeout && error.usage.total_tokens < estimate => {
                prompt
            }
            Err(error) => error.usage,
        };
        reserved.iter_mut().for_each(|reserved| reserved.spent = spent);
        lease.iter_mut().for_each(|lease| lease.spent = spent);
        self.pace.correct(estimate, spent.total_tokens);
        outcome
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
    fn counts_that_cannot_be_do_not_stop_the_run_for_years() {
        let pace = Pace::new(Pacing { requests: None, tokens: Some(1) });
        let now = Instant::now();
        for spent in [1_000_000_000_000_000, u64::MAX] {
            pace.reserve(now, 1);
            pace.correct(1, spent);
        }
        assert!(pace.reserve(now, 1) - now <= 3 * RateLimiter::LONGEST);
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
        let token_budget = Arc::new(SpendingBudget::default());
        let (client, pace) = (Arc::new(Silent { is_told }), Arc::new(Pace::new(pacing)));
        pace.reserve(Instant::now(), 0);
        let metered = Metered {
            client,
            policy: RetryPolicy::of(0),
            longest_reply: 0,
            budgets: [Arc::default(), Arc::clone(&token_budget)],
            common: None,
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
