//! The servers that a side's calls go to: how many calls each takes at once, who has room, who is down.
//!
//! In: a client for each server. Out: seats. A seat is one slot of one server; who holds it makes its calls there,
//! so that what the server has cached is used again. Jobs of a batch share their stations, so that no server ever
//! gets more calls than it has slots.

mod pace;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::chat::{ChatClient, ChatError, ChatErrorKind as Kind, ChatReply, ChatRequest, Usage};
use pace::Pace;

/// How long a server that failed gets no calls while others are up; twice as long each time, up to the longest.
const FIRST_REST: Duration = Duration::from_secs(2);
const LONGEST_REST: Duration = Duration::from_secs(60);

/// One server of a side.
pub struct Station {
    client: Arc<dyn ChatClient>,
    state: Mutex<State>,
}

struct State {
    pace: Pace,
    in_flight: usize,
    rest: Duration,
    down_until: Option<Instant>,
}

/// All servers of a side, for all jobs that use them.
pub struct Stations {
    all: Vec<Station>,
    room: Notify,
}

/// A slot of a server, until it is dropped.
pub struct Seat {
    stations: Arc<Stations>,
    at: usize,
}

impl Station {
    /// The server of `client`. `slots`: calls that it takes at once, if it or the user tells.
    pub fn new(client: Arc<dyn ChatClient>, slots: Option<usize>) -> Self {
        let state = State { pace: Pace::new(slots), in_flight: 0, rest: FIRST_REST, down_until: None };
        Self { client, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stations {
    /// Any number of servers, at least one.
    pub fn new(all: Vec<Station>) -> Arc<Self> {
        Arc::new(Self { all, room: Notify::new() })
    }

    /// Waits for a free slot: of the server `home` if it has one, else of the one with the most room. In turn.
    pub async fn seat(self: &Arc<Self>, home: Option<usize>) -> Seat {
        loop {
            let room = self.room.notified();
            if let Some(at) = self.take(home) {
                return Seat { stations: Arc::clone(self), at };
            }
            room.await;
        }
    }

    /// Takes a slot, if one is free.
    fn take(&self, home: Option<usize>) -> Option<usize> {
        let now = Instant::now();
        let all_down = self.all.iter().all(|station| station.state().is_down(now));
        let room = |at: usize| {
            let state = self.all[at].state();
            let free = state.pace.limit().saturating_sub(state.in_flight);
            (free > 0 && (all_down || !state.is_down(now))).then(|| free as f64 / state.pace.limit() as f64)
        };
        let roomiest = || {
            let with_room = (0..self.all.len()).filter_map(|at| Some((at, room(at)?)));
            with_room.reduce(|best, other| if other.1 > best.1 { other } else { best }).map(|(at, _)| at)
        };
        let at = home.filter(|home| room(*home).is_some()).or_else(roomiest)?;
        self.all[at].state().in_flight += 1;
        Some(at)
    }

    /// Gives a slot back.
    fn leave(&self, at: usize) {
        self.all[at].state().in_flight -= 1;
        self.room.notify_one();
    }
}

impl State {
    fn is_down(&self, now: Instant) -> bool {
        self.down_until.is_some_and(|until| now < until)
    }
}

impl Seat {
    /// Which server it is at: where what it has read is cached.
    pub fn home(&self) -> usize {
        self.at
    }

    /// One turn. If the server is lost and there are others, the turn is taken at one of those.
    pub async fn chat(&mut self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        let mut lost = Usage::default();
        let mut others = self.stations.all.len() - 1;
        loop {
            match self.turn(request).await {
                Ok(mut reply) => {
                    reply.usage += lost;
                    return Ok(reply);
                }
                Err(mut error) => {
                    lost += error.usage;
                    error.usage = lost;
                    if others == 0 || !is_of_the_server(error.kind) {
                        return Err(error);
                    }
                    others -= 1;
                    self.move_on(&error).await;
                }
            }
        }
    }

    async fn turn(&self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        let station = &self.stations.all[self.at];
        let begun = Instant::now();
        {
            let state = &mut *station.state();
            state.pace.begin(begun, state.in_flight);
        }
        let outcome = station.client.chat(request).await;
        let state = &mut *station.state();
        let before = state.pace.limit();
        match &outcome {
            Ok(reply) if reply.refused => state.pace.refused(),
            Ok(_) => {
                let now = Instant::now();
                state.pace.end(now, now - begun, state.in_flight);
                (state.rest, state.down_until) = (FIRST_REST, None);
            }
            Err(error) if error.kind.is_refusal() => state.pace.refused(),
            Err(_) => {}
        }
        // More room than this seat's own.
        (before..state.pace.limit()).for_each(|_| self.stations.room.notify_one());
        outcome
    }

    /// Leaves a server that does not answer for another one.
    async fn move_on(&mut self, error: &ChatError) {
        {
            let state = &mut *self.stations.all[self.at].state();
            if !state.is_down(Instant::now()) {
                tracing::warn!("{error}; its calls go elsewhere for {} s", state.rest.as_secs());
                state.down_until = Some(Instant::now() + state.rest);
                state.rest = (state.rest * 2).min(LONGEST_REST);
            }
        }
        // Its own slot is given back only now that another one is there.
        let seat = self.stations.seat(None).await;
        *self = seat;
    }
}

/// Whether another server may do better with the same request.
fn is_of_the_server(kind: Kind) -> bool {
    use Kind::{Auth, Busy, Connection, NotFound, RateLimited, Server, Timeout};
    matches!(kind, Auth | Busy | Connection | NotFound | RateLimited | Server | Timeout)
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.stations.leave(self.at);
    }
}
