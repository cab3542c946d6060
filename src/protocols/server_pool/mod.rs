//! The servers that a side's calls go to: how many calls each takes at once, who has room, who is down.
//!
//! In: a client for each server. Out: seats. A seat is one slot of one server; who holds it makes its calls there,
//! so that what the server has cached is used again. Jobs of a batch share their stations, so that no server ever
//! gets more calls than it has slots.

mod adaptive_limit;

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::chat::{ChatClient, ChatError, ChatErrorKind as Kind, ChatReply, ChatRequest, Tries, Usage};
use adaptive_limit::AdaptiveLimit;

/// How long a server that failed gets no calls while others are up; twice as long each time, up to the longest.
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
    all: Vec<PooledServer>,
    /// Times that a turn goes round again after all servers of several lost it.
    retries: u32,
    room: Notify,
}

/// A slot of a server, until it is dropped.
pub(crate) struct Permit {
    stations: Arc<ServerPool>,
    at: usize,
    /// Not while it moves from one server to another.
    is_taken: bool,
}

impl PooledServer {
    /// The server of `client`. `slots`: calls that it takes at once, if it or the user tells.
    pub(crate) fn new(client: Arc<dyn ChatClient>, slots: Option<usize>) -> Self {
        let state =
            State { limit: AdaptiveLimit::new(slots), in_flight: 0, rest: FIRST_REST, down_until: None };
        Self { client, shares_prefixes: false, state: Mutex::new(state) }
    }

    /// What one of its slots has read, the others need not read again.
    pub(crate) fn sharing_prefixes(mut self, shares: bool) -> Self {
        self.shares_prefixes = shares;
        self
    }

    /// It was found down: it gets no calls for a while.
    pub(crate) fn resting(self) -> Self {
        self.state().rest(Duration::ZERO);
        self
    }

    /// No calls for a while, after this error.
    fn rest_for(&self, error: &ChatError) {
        let state = &mut *self.state();
        if !state.is_down(Instant::now()) {
            let rest = state.rest(error.retry_after.unwrap_or_default());
            tracing::warn!("{error}; its calls go elsewhere for {} s", rest.as_secs());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ServerPool {
    /// Any number of servers, at least one. `retries`: times that a turn which all of several have lost is given
    /// to them again; their clients need no retries of their own, as another server is better than a wait.
    pub(crate) fn new(all: Vec<PooledServer>, retries: u32) -> Arc<Self> {
        Arc::new(Self { all, retries, room: Notify::new() })
    }

    /// Waits for a free slot: of the server `home` if it has one, else of the one with the most room. In turn.
    pub(crate) async fn seat(self: &Arc<Self>, home: Option<usize>) -> Permit {
        let at = self.find(home, &[]).await;
        Permit { stations: Arc::clone(self), at, is_taken: true }
    }

    /// Takes a slot of a server that is not among `tried`, once one is free.
    async fn find(&self, home: Option<usize>, tried: &[usize]) -> usize {
        loop {
            let mut room = pin!(self.room.notified());
            // From here on no slot gets free unheard.
            room.as_mut().enable();
            if let Some(at) = self.take(home, tried) {
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
    fn take(&self, home: Option<usize>, tried: &[usize]) -> Option<usize> {
        let now = Instant::now();
        let open = || (0..self.all.len()).filter(|at| !tried.contains(at));
        let all_down = open().all(|at| self.all[at].state().is_down(now));
        let room = |at: usize| {
            let state = self.all[at].state();
            let free = state.limit.limit().saturating_sub(state.in_flight);
            (free > 0 && (all_down || !state.is_down(now))).then(|| free as f64 / state.limit.limit() as f64)
        };
        let roomiest = || {
            let with_room = open().filter_map(|at| Some((at, room(at)?)));
            with_room.reduce(|best, other| if other.1 > best.1 { other } else { best }).map(|(at, _)| at)
        };
        let at = home.filter(|home| room(*home).is_some()).or_else(roomiest)?;
        self.all[at].state().in_flight += 1;
        Some(at)
    }

    /// When the next server that rests may get calls again.
    fn next_return(&self) -> Option<Instant> {
        let now = Instant::now();
        self.all.iter().filter_map(|station| station.state().down_until.filter(|until| now < *until)).min()
    }

    /// Gives a slot back.
    fn leave(&self, at: usize) {
        self.all[at].state().in_flight -= 1;
        self.tell_of_room();
    }

    fn tell_of_room(&self) {
        match self.all.len() {
            1 => self.room.notify_one(),
            // Who waits longest may not want this server.
            _ => self.room.notify_waiters(),
        }
    }
}

impl State {
    fn is_down(&self, now: Instant) -> bool {
        self.down_until.is_some_and(|until| now < until)
    }

    /// No calls for a while, at least for as long as the server `asked`.
    fn rest(&mut self, asked: Duration) -> Duration {
        let rest = self.rest.max(asked);
        self.down_until = Some(Instant::now() + rest);
        self.rest = (self.rest * 2).min(LONGEST_REST);
        rest
    }
}

impl Permit {
    /// Which server it is at: where what it has read is cached.
    pub(crate) fn home(&self) -> usize {
        self.at
    }

    /// Whether it has what the other seats at its server have read.
    pub(crate) fn shares_prefixes(&self) -> bool {
        self.stations.all[self.at].shares_prefixes
    }

    /// One turn. If the server is lost and there are others, the turn is taken at one of those.
    pub(crate) async fn chat(&mut self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        let outcome =
            if self.stations.all.len() == 1 { self.turn(request).await } else { self.rounds(request).await };
        if let (Err(error), Some(observer)) = (&outcome, &request.observer) {
            observer.failed(error, None);
        }
        outcome
    }

    /// A turn at any of several servers, as many rounds over all of them as the pool's retries allow.
    async fn rounds(&mut self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        let mut tries = Tries::new(self.stations.retries, Duration::ZERO);
        loop {
            match self.round(request).await {
                Ok(reply) => return Ok(tries.before(reply)),
                Err(error) => tokio::time::sleep(tries.after(error, request.observer.as_deref())?).await,
            }
        }
    }

    /// A turn at one server after the other, until one of them takes it.
    async fn round(&mut self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
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
                    tried.push(self.at);
                    lost.push(error.clone());
                    if tried.len() == self.stations.all.len() {
                        self.stations.all[self.at].rest_for(&error);
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
        let station = &self.stations.all[self.at];
        let begun = Instant::now();
        {
            let state = &mut *station.state();
            state.limit.begin(begun, state.in_flight);
        }
        let outcome = station.client.chat(request).await;
        let state = &mut *station.state();
        let before = state.limit.limit();
        match &outcome {
            Ok(reply) if reply.refused => state.limit.refused(),
            Ok(_) => {
                let now = Instant::now();
                state.limit.end(now, now - begun, state.in_flight);
                (state.rest, state.down_until) = (FIRST_REST, None);
            }
            Err(error) if error.kind.is_refusal() => state.limit.refused(),
            Err(_) => {}
        }
        // More room than this seat's own.
        (before..state.limit.limit()).for_each(|_| self.stations.tell_of_room());
        outcome
    }

    /// Leaves a server that does not answer for one that is not among `tried`.
    async fn move_on(&mut self, error: &ChatError, tried: &[usize]) {
        self.stations.all[self.at].rest_for(error);
        // Release first: waiting for a slot while holding one can deadlock.
        self.is_taken = false;
        self.stations.leave(self.at);
        self.at = self.stations.find(None, tried).await;
        self.is_taken = true;
    }
}

/// What all servers said; that it may go better later, if one of them said so.
fn all_lost(lost: Vec<ChatError>, usage: Usage) -> ChatError {
    let message = lost.iter().map(|error| error.message.as_str()).collect::<Vec<_>>().join("; ");
    let told = lost.iter().find(|error| error.kind.is_transient()).or(lost.last());
    let (kind, hint) = told.map_or((Kind::Connection, None), |error| (error.kind, error.hint.clone()));
    let retry_after = lost.iter().map(|error| error.retry_after).min().flatten();
    ChatError { kind, message, hint, retry_after, usage }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.is_taken {
            self.stations.leave(self.at);
        }
    }
}
