//! One side of a job: its servers, and what its calls cost in tokens and time.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::error::ProtocolError;
use super::server_pool::{Permit, ServerPool};
use crate::chat::{ChatError, ChatReply, ChatRequest, Usage};
use crate::job::Prices;
use crate::sync::lock;

/// The servers of a side, and a meter of their calls. A call that fails counts as well. A call that is cancelled counts
/// with its time alone, as its tokens are unknown.
pub(crate) struct Side {
    servers: Arc<ServerPool>,
    limits: SpendingLimits,
    meter: Mutex<Meter>,
}

/// The tokens and dollars that a side may spend; `None` is any number.
#[derive(Clone, Copy, Default)]
pub(crate) struct SpendingLimits {
    /// The most tokens of prompts and replies.
    pub tokens: Option<u64>,
    /// The most dollars, with the prices of tokens.
    pub dollars: Option<(f64, Prices)>,
}

#[derive(Default)]
struct Meter {
    usage: Usage,
    in_flight: usize,
    since: Option<Instant>,
    busy: Duration,
}

impl Side {
    /// A side with these servers, which may spend what `limits` allow.
    pub(crate) fn new(servers: Arc<ServerPool>, limits: SpendingLimits) -> Self {
        Self { servers, limits, meter: Mutex::default() }
    }

    /// Tokens spent so far.
    pub(crate) fn usage(&self) -> Usage {
        self.meter().usage
    }

    /// The time during which at least one call was under way.
    pub(crate) fn busy(&self) -> Duration {
        let meter = self.meter();
        meter.busy + meter.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Checks that `request` stays within the side's budget, by an estimate of its tokens.
    ///
    /// # Errors
    /// [`ProtocolError::Budget`] and [`ProtocolError::Dollars`].
    pub(crate) fn check_budget(&self, request: &ChatRequest) -> Result<(), ProtocolError> {
        if self.limits.tokens.is_none() && self.limits.dollars.is_none() {
            return Ok(());
        }
        let usage = self.usage();
        let next = request.estimated_tokens();
        if let Some(limit) = self.limits.tokens
            && usage.total_tokens.saturating_add(next) > limit
        {
            return Err(ProtocolError::Budget { limit, spent: usage.total_tokens, next });
        }
        if let Some((limit, prices)) = self.limits.dollars {
            let (spent, next) = (prices.cost(usage), prices.cost(Usage::of_call(next, 0, 0)));
            if spent + next > limit {
                return Err(ProtocolError::Dollars { limit, spent, next });
            }
        }
        Ok(())
    }

    /// Waits for a permit to make one call, at `preferred_server` if it has a free slot.
    pub(crate) async fn permit(&self, preferred_server: Option<usize>) -> Permit {
        self.servers.permit(preferred_server).await
    }

    /// Makes one call with `permit` and counts its cost.
    ///
    /// # Errors
    /// Those of [`Permit::chat`].
    pub(crate) async fn chat(
        &self,
        permit: &mut Permit,
        request: &ChatRequest,
    ) -> Result<ChatReply, ChatError> {
        let _in_flight = InFlight::enter(self);
        let outcome = permit.chat(request).await;
        self.meter().usage += match &outcome {
            Ok(reply) => reply.usage,
            Err(error) => error.usage,
        };
        outcome
    }

    fn meter(&self) -> MutexGuard<'_, Meter> {
        lock(&self.meter)
    }
}

/// A call under way. Dropping it notes the end of the call, also when the call is cancelled.
struct InFlight<'a>(&'a Side);

impl<'a> InFlight<'a> {
    fn enter(side: &'a Side) -> Self {
        let mut meter = side.meter();
        meter.in_flight += 1;
        meter.since.get_or_insert_with(Instant::now);
        Self(side)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let mut meter = self.0.meter();
        meter.in_flight -= 1;
        if meter.in_flight == 0
            && let Some(since) = meter.since.take()
        {
            meter.busy += since.elapsed();
        }
    }
}
