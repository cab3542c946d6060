//! Waits that fail with the name of what did not come.

use std::future::Future;
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for what has to come.
const LIMIT: Duration = Duration::from_secs(60);
/// How long calls wait for each other: less than the deadline of the jobs that make them.
const TOGETHER: Duration = Duration::from_secs(30);
/// Between two looks at a condition.
const PAUSE: Duration = Duration::from_millis(1);

/// Waits until `condition` holds.
#[track_caller]
pub(crate) fn until(what: &str, condition: impl FnMut() -> bool) {
    until_within(LIMIT, what, condition);
}

/// [`until`] with a limit that the program promises.
#[track_caller]
pub(crate) fn until_within(limit: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !condition() {
        assert!(Instant::now() < deadline, "{what} did not come within {limit:?}");
        thread::sleep(PAUSE);
    }
}

/// [`until`] for a test whose own tasks have to go on meanwhile.
pub(crate) async fn until_async(what: &str, mut condition: impl FnMut() -> bool) {
    let polling = async {
        while !condition() {
            tokio::time::sleep(PAUSE).await;
        }
    };
    within(what, polling).await;
}

/// What `future` yields.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LIMIT, future).await {
        Ok(output) => output,
        Err(_) => panic!("{what} did not come within {LIMIT:?}"),
    }
}

/// The next message of a channel.
#[track_caller]
pub(crate) fn next<T>(what: &str, channel: &mpsc::Receiver<T>) -> T {
    channel.recv_timeout(LIMIT).unwrap_or_else(|error| panic!("{what} did not come: {error}"))
}

/// A barrier, as `std` has it, that fails if too few come.
pub(crate) struct Barrier {
    size: usize,
    state: Mutex<Waiting>,
    complete: Condvar,
}

#[derive(Default)]
struct Waiting {
    here: usize,
    rounds: usize,
}

impl Barrier {
    pub(crate) fn new(size: usize) -> Self {
        Self { size, state: Mutex::default(), complete: Condvar::new() }
    }

    #[track_caller]
    pub(crate) fn wait(&self) {
        let mut state = self.state.lock().unwrap();
        let round = state.rounds;
        state.here += 1;
        if state.here == self.size {
            *state = Waiting { here: 0, rounds: round + 1 };
            self.complete.notify_all();
            return;
        }
        let waited = self.complete.wait_timeout_while(state, TOGETHER, |state| state.rounds == round);
        let (here, timeout) = waited.map(|(state, timeout)| (state.here, timeout)).unwrap();
        assert!(!timeout.timed_out(), "{here} of {} calls came together within {TOGETHER:?}", self.size);
    }
}

/// A door that stays open once it was opened.
#[derive(Clone, Default)]
pub(crate) struct Door(Arc<(Mutex<bool>, Condvar)>);

impl Door {
    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub(crate) fn is_open(&self) -> bool {
        *self.0.0.lock().unwrap()
    }

    /// Waits until it is opened for `what`.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str) {
        let waited = self.0.1.wait_timeout_while(self.0.0.lock().unwrap(), TOGETHER, |open| !*open);
        let is_open = *waited.unwrap().0;
        assert!(is_open, "{what} did not come within {TOGETHER:?}");
    }
}
