//! One side of a job: its servers, and what its calls cost in tokens and time.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::server_pool::{Permit, ServerPool};
use crate::chat::{ChatError, ChatReply, ChatRequest, Usage};
use crate::sync::lock;

/// The servers of a side, and a meter of their calls. A call that fails counts as well. A call that is cancelled counts
/// with its time alone, as its tokens are unknown.
pub(crate) struct Side {
    servers: Arc<ServerPool>,
    meter: Mutex<Meter>,
}

#[derive(Default)]
struct Meter {
    usage: Usage,
    saved: Duration,
    in_flight: usize,
    since: Option<Instant>,
    busy: Duration,
}

impl Side {
    /// A side with these servers.
    pub(crate) fn new(servers: Arc<ServerPool>) -> Self {
        Self { servers, meter: Mutex::default() }
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

    /// How much longer the calls would have taken without what caches had, as far as that is known.
    pub(crate) fn saved(&self) -> Duration {
        self.meter().saved
    }

    /// Waits for a permit to make one call, at `preferred_server` if it has a free slot.
    pub(crate) async fn permit(&self, preferred_server: Option<usize>) -> Permit {
        self.servers.permit(preferred_server).await
    }

    /// A permit for the server `server`, if that has a free slot now.
    pub(crate) fn free_permit(&self, server: usize) -> Option<Permit> {
        self.servers.free_permit(server)
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
        let (usage, times) = match &outcome {
            Ok(reply) => (reply.usage, reply.times),
            Err(error) => (error.usage, None),
        };
        let mut meter = self.meter();
        meter.usage += usage;
        meter.saved += times.map_or(Duration::ZERO, |times| times.saved);
        drop(meter);
        outcome
    }

    /// Counts tokens that were spent before the protocol began.
    pub(crate) fn count(&self, usage: Usage) {
        self.meter().usage += usage;
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
