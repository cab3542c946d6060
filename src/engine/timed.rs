//! A client that notes how long its calls took, as their server told, for later forecasts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use minions_estimate::calls::ShownCalls;

use crate::chat::{ChatClient, ChatError, ChatReply, ChatRequest, EgressGate, Seen};
use crate::forecast::{self, Called};
use crate::sync::lock;

/// How long what calls have shown may stay in memory alone: a batch has hundreds of jobs a second.
const EVERY: Duration = Duration::from_secs(5);

/// The calls of all jobs that were not kept yet.
pub(super) struct Calls {
    in_flight: Mutex<HashMap<Called, usize>>,
    /// What those that have ended have shown: the last ones of each model, however many there were.
    ended: Mutex<HashMap<Called, ShownCalls>>,
    /// When they were last taken.
    taken: Mutex<Instant>,
}

impl Calls {
    pub(super) fn new() -> Self {
        Self { in_flight: Mutex::default(), ended: Mutex::default(), taken: Mutex::new(Instant::now()) }
    }

    /// Takes what has ended since, if that was not done a moment ago.
    pub(super) fn take_in_time(&self) -> HashMap<Called, ShownCalls> {
        let mut taken = lock(&self.taken);
        if taken.elapsed() < EVERY {
            return HashMap::new();
        }
        *taken = Instant::now();
        self.take()
    }

    /// Takes what has ended since.
    pub(super) fn take(&self) -> HashMap<Called, ShownCalls> {
        std::mem::take(&mut *lock(&self.ended))
    }
}

/// A client of one model at one server.
#[derive(Clone)]
pub(super) struct Timed {
    pub client: Arc<dyn ChatClient>,
    pub calls: Arc<Calls>,
    /// Which they are.
    pub called: Called,
}

#[async_trait]
impl ChatClient for Timed {
    fn endpoint(&self) -> String {
        self.client.endpoint()
    }

    async fn chat(&self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        let begun = InFlight::enter(self);
        let outcome = self.client.chat(request).await;
        // Calls at the same time share the machine: they are told apart by their number.
        let at_once = begun.number.max(begun.leave());
        if let Some(call) = outcome.as_ref().ok().and_then(forecast::call) {
            lock(&self.calls.ended).entry(self.called.clone()).or_default().push(&call, at_once);
        }
        outcome
    }

    async fn look(&self) -> Result<Seen, ChatError> {
        self.client.look().await
    }

    fn gated(&self, gate: Arc<dyn EgressGate>) -> Arc<dyn ChatClient> {
        Arc::new(Self { client: self.client.gated(gate), ..self.clone() })
    }
}

/// A call under way.
struct InFlight<'a> {
    timed: &'a Timed,
    /// How many there were with it, as it began.
    number: usize,
}

impl<'a> InFlight<'a> {
    fn enter(timed: &'a Timed) -> Self {
        let mut all = lock(&timed.calls.in_flight);
        let count = all.entry(timed.called.clone()).or_default();
        *count += 1;
        Self { timed, number: *count }
    }

    /// Ends it. Gives how many there were with it at its end.
    fn leave(self) -> usize {
        let all = lock(&self.timed.calls.in_flight);
        all.get(&self.timed.called).copied().unwrap_or(1)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let mut all = lock(&self.timed.calls.in_flight);
        let key = &self.timed.called;
        if let Some(count) = all.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                all.remove(key);
            }
        }
    }
}
