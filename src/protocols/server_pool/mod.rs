//! The servers that a side's calls go to: how many calls each takes at once, who has room, who is down.
//!
//! In: a client for each server. Out: permits. A permit is one slot of one server; its holder makes all its calls
//! there, so that the prefixes which the server has cached are used again. Jobs of a batch share their pools, so that
//! no server ever gets more calls than it has slots.

mod adaptive_limit;

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::chat::{
    ChatClient, ChatError, ChatErrorKind as Kind, ChatReply, ChatRequest, LOADING_TIMEOUT, RetryPolicy,
    Tries, Usage,
};
use crate::sync::lock;
use adaptive_limit::AdaptiveLimit;

/// How long a server that failed gets no calls while others are up. The rest doubles with each failure, up to
/// [`LONGEST_REST`].
const FIRST_REST: Duration = Duration::from_secs(2);
const LONGEST_REST: Duration = Duration::from_secs(60);

/// One server of a side.
pub(crate) struct PooledServer {
    client: Arc<dyn ChatClient>,
    shares_prefixes: bool,
    state: Mutex<State>,
}

struct State {
    limit: AdaptiveLimit,
    in_flight: usize,
    rest: Duration,
    down_until: Option<Instant>,
}

/// All servers of a side, for all jobs that use them.
pub(crate) struct ServerPool {
    servers: Vec<PooledServer>,
    /// How often all servers are passed over again after each of them has failed.
    policy: RetryPolicy,
    /// Wakes the waiting callers when a slot may be free.
    room: Notify,
}

/// One slot of one server. Dropping the permit releases the slot.
pub(crate) struct Permit {
    pool: Arc<ServerPool>,
    /// The server's position in the pool.
    server: usize,
    /// Whether the permit holds a slot: not while it moves from one server to another.
    holds_slot: bool,
}

impl PooledServer {
    /// A server whose calls `client` makes. `slots`: how many calls it takes at once, if the server or the user tells.
    pub(crate) fn new(client: Arc<dyn ChatClient>, slots: Option<usize>) -> Self {
        let state =
            State { limit: AdaptiveLimit::new(slots), in_flight: 0, rest: FIRST_REST, down_until: None };
        Self { client, shares_prefixes: false, state: Mutex::new(state) }
    }

    /// Sets whether all slots of the server share one cache of prompt prefixes.
    pub(crate) fn sharing_prefixes(mut self, shares: bool) -> Self {
        self.shares_prefixes = shares;
        self
    }

    /// This server, found down: it gets no calls for a while.
    pub(crate) fn resting(self) -> Self {
        self.state().rest(Duration::ZERO);
        self
    }

    /// Gives the server no calls for a while, because of `error`.
    fn rest_for(&self, error: &ChatError) {
        let state = &mut *self.state();
        if !state.is_down(Instant::now()) {
            let rest = state.rest(error.retry_after.unwrap_or_default());
            tracing::warn!("{error}; its calls go elsewhere for {} s", rest.as_secs());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl ServerPool {
    /// A pool of one or more servers. `retries`: how many more passes over several servers a turn may take after each
    /// of them has failed. The clients of several servers need no retries of their own, as another server is better
    /// than a wait.
    pub(crate) fn new(servers: Vec<PooledServer>, retries: u32) -> Arc<Self> {
        let policy = RetryPolicy::new(retries, Duration::ZERO, LOADING_TIMEOUT);
        Arc::new(Self { servers, policy, room: Notify::new() })
    }

    /// Waits for a free slot: of `preferred_server` if that has one, else of the server with the most room. Callers
    /// are served in the order in which they came.
    pub(crate) async fn permit(self: &Arc<Self>, preferred_server: Option<usize>) -> Permit {
        let server = self.find(preferred_server, &[]).await;
        Permit { pool: Arc::clone(self), server, holds_slot: true }
    }

    /// A slot of `server`, if one is free now.
    pub(crate) fn free_permit(self: &Arc<Self>, server: usize) -> Option<Permit> {
        let others: Vec<_> = (0..self.servers.len()).filter(|at| *at != server).collect();
        let server = self.take(None, &others)?;
        Some(Permit { pool: Arc::clone(self), server, holds_slot: true })
    }

    /// Takes a slot of a server that is not among `tried`, once one is free.
    async fn find(&self, preferred_server: Option<usize>, tried: &[usize]) -> usize {
        loop {
            let mut room = pin!(self.room.notified());
            // From here on this future is told of every slot that gets free.
            room.as_mut().enable();
            if let Some(at) = self.take(preferred_server, tried) {
                return at;
            }
            match self.next_return() {
                Some(back) => {
                    // Room or the end of a cooldown: either is a reason to look again.
                    let _ = tokio::time::timeout_at(back.into(), room).await;
                }
                None => room.await,
            }
        }
    }

    /// Takes a slot, if one is free.
    fn take(&self, preferred_server: Option<usize>, tried: &[usize]) -> Option<usize> {
        let now = Instant::now();
        let open = || (0..self.servers.len()).filter(|at| !tried.contains(at));
        let all_down = open().all(|at| self.servers[at].state().is_down(now));
        let room = |at: usize| {
            let state = self.servers[at].state();
            let free = state.limit.limit().saturating_sub(state.in_flight);
            (free > 0 && (all_down || !state.is_down(now))).then(|| free as f64 / state.limit.limit() as f64)
        };
        let roomiest = || {
            let with_room = open().filter_map(|at| Some((at, room(at)?)));
            with_room.reduce(|best, other| if other.1 > best.1 { other } else { best }).map(|(at, _)| at)
        };
        let at = preferred_server.filter(|server| room(*server).is_some()).or_else(roomiest)?;
        self.servers[at].state().in_flight += 1;
        Some(at)
    }

    /// The time at which the next resting server may get calls again.
    fn next_return(&self) -> Option<Instant> {
        let now = Instant::now();
        self.servers.iter().filter_map(|server| server.state().down_until.filter(|until| now < *until)).min()
    }

    /// Gives a slot of the server `at` back.
    fn release(&self, at: usize) {
        self.servers[at].state().in_flight -= 1;
        self.tell_of_room();
    }

    fn tell_of_room(&self) {
        match self.servers.len() {
            1 => self.room.notify_one(),
            // The caller that waits longest may not want this server.
            _ => self.room.notify_waiters(),
        }
    }
}

impl State {
    fn is_down(&self, now: Instant) -> bool {
        self.down_until.is_some_and(|until| now < until)
    }

    /// Begins a rest without calls, at least as long as the server `asked` for, and gives its length.
    fn rest(&mut self, asked: Duration) -> Duration {
        let rest = self.rest.max(asked);
        self.down_until = Some(Instant::now() + rest);
        self.rest = (self.rest * 2).min(LONGEST_REST);
        rest
    }
}

impl Permit {
    /// The position of the permit's server in the pool. That server has the prefixes of its calls in its cache.
    pub(crate) fn server(&self) -> usize {
        self.server
    }

    /// Whether the slot has the prefixes that the other slots of its server have read.
    pub(crate) fn shares_prefixes(&self) -> bool {
        self.pool.servers[self.server].shares_prefixes
    }

    /// Takes one turn. If the server fails and the pool has others, the turn is taken at one of those.
    ///
    /// # Errors
    /// The client's error of a single server; the errors of all servers in one where each of several has failed.
    pub(crate) async fn chat(&mut self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        let outcome =
            if self.pool.servers.len() == 1 { self.turn(request).await } else { self.passes(request).await };
        if let (Err(error), Some(observer)) = (&outcome, &request.observer) {
            observer.failed(error, None);
        }
        outcome
    }

    /// Takes a turn at any of several servers, in as many passes over all of them as the pool's retries allow.
    async fn passes(&mut self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        let mut tries = Tries::new(&self.pool.policy);
        loop {
            match self.pass(request).await {
                Ok(reply) => return Ok(tries.with_failed_tries(reply)),
                Err(error) => tokio::time::sleep(tries.next_wait(error, request.observer.as_deref())?).await,
            }
        }
    }

    /// Takes a turn at one server after the other, until one of them answers.
    async fn pass(&mut self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        let mut cost = Usage::default();
        let mut tried = Vec::new();
        let mut lost: Vec<ChatError> = Vec::new();
        loop {
            match self.turn(request).await {
                Ok(mut reply) => {
                    reply.usage += cost;
                    return Ok(reply);
                }
                Err(mut error) => {
                    cost += error.usage;
                    error.usage = cost;
                    if !error.kind.is_of_the_server() {
                        return Err(error);
                    }
                    tried.push(self.server);
                    lost.push(error.clone());
                    if tried.len() == self.pool.servers.len() {
                        self.pool.servers[self.server].rest_for(&error);
                        return Err(all_lost(lost, cost));
                    }
                    if let Some(observer) = &request.observer {
                        observer.failed(&error, Some(Duration::ZERO));
                    }
                    self.move_on(&error, &tried).await;
                }
            }
        }
    }

    async fn turn(&self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        let server = &self.pool.servers[self.server];
        let begun = Instant::now();
        {
            let state = &mut *server.state();
            state.limit.begin(begun, state.in_flight);
        }
        let outcome = server.client.chat(request).await;
        let state = &mut *server.state();
        let before = state.limit.limit();
        match &outcome {
            Ok(reply) if reply.refused => state.limit.refused(),
            Ok(_) => {
                let now = Instant::now();
                state.limit.end(now, now - begun, state.in_flight);
                (state.rest, state.down_until) = (FIRST_REST, None);
            }
            Err(error) if error.kind.is_overload() => state.limit.refused(),
            Err(_) => {}
        }
        // The limit may have grown: wake a caller for each new slot.
        (before..state.limit.limit()).for_each(|_| self.pool.tell_of_room());
        outcome
    }

    /// Moves the permit from a server that does not answer to one that is not among `tried`.
    async fn move_on(&mut self, error: &ChatError, tried: &[usize]) {
        self.pool.servers[self.server].rest_for(error);
        // Release first: waiting for a slot while holding one can deadlock.
        self.holds_slot = false;
        self.pool.release(self.server);
        self.server = self.pool.find(None, tried).await;
        self.holds_slot = true;
    }
}

/// One error for the errors of all servers. Its kind and hint are those of the first transient one, as a later try may
/// succeed then; else those of the last one.
fn all_lost(lost: Vec<ChatError>, usage: Usage) -> ChatError {
    let message = lost.iter().map(|error| error.message.as_str()).collect::<Vec<_>>().join("; ");
    let told = lost.iter().find(|error| error.kind.is_transient()).or(lost.last());
    let (kind, hint) = told.map_or((Kind::Connection, None), |error| (error.kind, error.hint.clone()));
    let retry_after = lost.iter().map(|error| error.retry_after).min().flatten();
    ChatError { hint, retry_after, usage, ..ChatError::new(kind, message) }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.holds_slot {
            self.pool.release(self.server);
        }
    }
}
