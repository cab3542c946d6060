//! How fast the model of a server reads prompts, as far as its calls have shown. All clients of the model share it.
//!
//! In: the times of prompts, as replies tell them, and the prompts that wait to be read. Out: the slow pace that limits
//! of silence are reckoned with, and the likely one that is shown to people. Pure: no clock, no network.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Tokens a second of a server that has shown nothing yet: a model of seven billion parameters on an old laptop.
const ASSUMED: f64 = 20.0;
/// Later prompts may be read at so much of the pace that was shown: longer ones slow down, and slots share a processor.
const SLACK: f64 = 0.5;
/// Shorter readings show no pace: what every call takes beside them weighs too much.
const FEWEST_TOKENS: u64 = 256;

/// How long the prompt of one call took to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromptTime {
    /// Tokens of the prompt.
    pub tokens: u64,
    /// The time for them.
    pub took: Duration,
    /// Whether `tokens` may count some that the server's cache had, which took no time.
    pub may_count_cached: bool,
}

/// How long a call took, as its server told, or the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallTimes {
    /// Tokens of the prompt that were read, and the time for them.
    pub read: (u64, Duration),
    /// Whether the tokens that were read may count some that a cache had, which took no time.
    pub may_count_cached: bool,
    /// Tokens that were written, and the time for them.
    pub written: (u64, Duration),
    /// How long the tokens that a cache had would have taken, where that is known.
    pub saved: Duration,
}

/// How far a server is with a prompt, in its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromptProgress {
    /// Tokens of the prompt.
    pub total: u64,
    /// Tokens of them that the server's cache had.
    pub cached: u64,
    /// Tokens of them that are read, the cached ones among them.
    pub read: u64,
    /// The time for those that were not cached.
    pub took: Duration,
}

impl PromptProgress {
    /// The time for what was read so far.
    pub(crate) fn time(&self) -> PromptTime {
        let tokens = self.read.saturating_sub(self.cached);
        PromptTime { tokens, took: self.took, may_count_cached: false }
    }
}

impl PromptTime {
    /// Tokens a second, if so many were read that it says something.
    pub(crate) fn pace(&self) -> Option<f64> {
        let is_known = self.tokens >= FEWEST_TOKENS && !self.took.is_zero();
        is_known.then(|| self.tokens as f64 / self.took.as_secs_f64())
    }
}

/// What the model of a server has shown. Clones share it. It is no setting, so that any two are equal.
#[derive(Clone, Debug, Default)]
pub struct PromptPace(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    shown: Mutex<Option<Shown>>,
    /// Tokens a second that earlier runs have shown, for people alone: a server may be slower today.
    expected: Mutex<Option<f64>>,
    /// Tokens of the prompts under way that are not read yet.
    unread: AtomicU64,
    /// Calls under way.
    calls: AtomicU64,
    /// Tokens of a prompt that was given up unread; 0 if there is none.
    abandoned: AtomicU64,
    /// Held by the call that waits until the server is done with it.
    freeing: tokio::sync::Mutex<()>,
    tells_progress: AtomicBool,
}

#[derive(Clone, Copy, Debug)]
struct Shown {
    pace: f64,
    may_count_cached: bool,
}

impl PartialEq for PromptPace {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl PromptPace {
    /// Notes how long a prompt took. A slower pace counts at once. A faster one counts by half, so that one slow reading
    /// does not stretch the limits of all calls after it.
    pub(crate) fn note(&self, time: PromptTime) {
        let Some(pace) = time.pace() else { return };
        let may_count_cached = time.may_count_cached;
        let mut shown = self.shown();
        *shown = Some(match *shown {
            // What the cache had tells nothing of how fast the rest is read.
            Some(known) if known.pace <= pace && may_count_cached && !known.may_count_cached => known,
            Some(known) => Shown { pace: pace.min(known.pace.midpoint(pace)), may_count_cached },
            None => Shown { pace, may_count_cached },
        });
    }

    /// The time that `tokens` may take to be read.
    pub(crate) fn patience(&self, tokens: u64) -> Duration {
        let slow = match *self.shown() {
            None => ASSUMED,
            // A count with cached tokens in it tells of a server that is slow, and not of one that is fast.
            Some(Shown { pace, may_count_cached: true }) => (pace * SLACK).min(ASSUMED),
            Some(Shown { pace, may_count_cached: false }) => pace * SLACK,
        };
        Duration::try_from_secs_f64(tokens as f64 / slow).unwrap_or(Duration::MAX)
    }

    /// Tokens a second at which prompts are likely to be read, once that is known.
    pub(crate) fn likely(&self) -> Option<f64> {
        self.shown().map(|shown| shown.pace).or_else(|| *self.expected())
    }

    /// Tells what earlier runs have shown. No limit follows from it.
    pub fn expect(&self, pace: f64) {
        *self.expected() = Some(pace).filter(|pace| pace.is_finite() && *pace > 0.0);
    }

    fn expected(&self) -> MutexGuard<'_, Option<f64>> {
        self.0.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call begins whose prompt has `tokens`.
    pub(crate) fn begin(&self, tokens: u64) -> Unread {
        self.0.calls.fetch_add(1, Relaxed);
        self.0.unread.fetch_add(tokens, Relaxed);
        Unread { pace: self.clone(), tokens }
    }

    /// Tokens of all prompts under way that are not read yet. Slots read side by side, and what has no slot waits.
    pub(crate) fn unread(&self) -> u64 {
        self.0.unread.load(Relaxed)
    }

    /// Calls under way.
    pub(crate) fn calls(&self) -> u64 {
        self.0.calls.load(Relaxed)
    }

    /// A call is given up; the server may read its prompt, of `tokens`, all the same.
    pub(crate) fn abandon(&self, tokens: u64) {
        self.0.abandoned.fetch_max(tokens.max(1), Relaxed);
    }

    /// The longest prompt that was given up and that no call has waited for, once no other call waits for one.
    pub(crate) async fn abandoned(&self) -> Option<Abandoned<'_>> {
        let turn = self.0.freeing.lock().await;
        let tokens = self.0.abandoned.swap(0, Relaxed);
        (tokens > 0).then(|| Abandoned { pace: self, tokens, _turn: turn })
    }

    /// The server is one of those that tell how far they are with a prompt if they are asked to.
    pub(crate) fn note_that_it_tells(&self) {
        self.0.tells_progress.store(true, Relaxed);
    }

    /// Whether the server is known to tell how far it is with a prompt if it is asked to.
    pub(crate) fn tells_progress(&self) -> bool {
        self.0.tells_progress.load(Relaxed)
    }

    fn shown(&self) -> MutexGuard<'_, Option<Shown>> {
        self.0.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A prompt that was given up, which one call waits for and others wait with it. If the call is cancelled, the next one
/// waits in its place.
pub(crate) struct Abandoned<'a> {
    pace: &'a PromptPace,
    pub tokens: u64,
    _turn: tokio::sync::MutexGuard<'a, ()>,
}

impl Abandoned<'_> {
    /// It was waited for.
    pub(crate) fn settle(mut self) {
        self.tokens = 0;
    }
}

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        self.pace.0.abandoned.fetch_max(self.tokens, Relaxed);
    }
}

/// The prompt of a call under way. Dropped at the call's end.
pub(crate) struct Unread {
    pace: PromptPace,
    tokens: u64,
}

impl Unread {
    /// So many tokens of it are left to be read.
    pub(crate) fn left(&mut self, tokens: u64) {
        let less = self.tokens.saturating_sub(tokens);
        self.tokens -= less;
        self.pace.0.unread.fetch_sub(less, Relaxed);
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        self.left(0);
        self.pace.0.calls.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(tokens: u64, seconds: u64, may_count_cached: bool) -> PromptTime {
        PromptTime { tokens, took: Duration::from_secs(seconds), may_count_cached }
    }

    #[test]
    fn a_prompt_may_take_twice_as_long_as_those_before() {
        for (shown, seconds, likely) in [
            (&[][..], 1000.0, None),
            (&[time(20_000, 200, false)], 400.0, Some(100.0)),
            (&[time(20_000, 200, false), time(1000, 20, false)], 800.0, Some(50.0)),
            // A slow one counts less with each faster one.
            (&[time(1000, 100, false), time(9000, 100, false)], 800.0, Some(50.0)),
            (&[time(1000, 100, false), time(9000, 100, false), time(15_000, 100, false)], 400.0, Some(100.0)),
            (&[time(9000, 100, false), time(1000, 100, false)], 4000.0, Some(10.0)),
            // Too short to tell, or without a time.
            (&[time(255, 100, false), time(5000, 0, false)], 1000.0, None),
            // What the cache had makes a server look fast.
            (&[time(20_000, 1, true)], 1000.0, Some(20_000.0)),
            (&[time(1000, 100, true)], 4000.0, Some(10.0)),
            (&[time(20_000, 200, false), time(20_000, 1, true)], 400.0, Some(100.0)),
            (&[time(1000, 100, true), time(9000, 100, true)], 1000.0, Some(50.0)),
            (&[time(1000, 100, true), time(9000, 100, false)], 800.0, Some(50.0)),
        ] {
            let pace = PromptPace::default();
            shown.iter().for_each(|time| pace.note(*time));
            assert_eq!((pace.patience(20_000).as_secs_f64(), pace.likely()), (seconds, likely), "{shown:?}");
        }
    }

    #[test]
    fn what_all_calls_have_to_read_is_added_up() {
        let pace = PromptPace::default();
        let mut first = pace.begin(1000);
        let second = pace.clone().begin(500);
        first.left(400);
        first.left(700);
        assert_eq!((pace.unread(), pace.calls()), (900, 2));
        drop(first);
        assert_eq!((pace.unread(), pace.calls()), (500, 1));
        drop(second);
        assert_eq!((pace.unread(), pace.calls()), (0, 0));
    }

    #[tokio::test]
    async fn a_prompt_that_was_given_up_is_waited_for_once_and_by_all() {
        let pace = PromptPace::default();
        assert!(pace.abandoned().await.is_none());
        pace.abandon(7);
        pace.abandon(3);
        let first = pace.abandoned().await.unwrap();
        assert_eq!(first.tokens, 7);
        // Another call waits as long as the first one does; then there is nothing left to wait for.
        let other = pace.clone();
        let other = tokio::spawn(async move { other.abandoned().await.map(|one| one.tokens) });
        tokio::task::yield_now().await;
        assert!(!other.is_finished());
        // A call that is given up meanwhile is not forgotten.
        pace.abandon(5);
        first.settle();
        assert_eq!(other.await.unwrap(), Some(5));
        // A call that is cancelled while it waits leaves the wait to the next one.
        drop(pace.abandoned().await.unwrap());
        pace.abandoned().await.unwrap().settle();
        assert!(pace.abandoned().await.is_none());
    }
}
