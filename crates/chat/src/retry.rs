//! Retries of a failed turn at one server, after a wait.
//!
//! In: a turn that can be taken repeatedly. Out: the turn's reply or its last error, with the usage of every try. This
//! file does not know how a turn is taken. Two others repeat turns, too: `http_client` sends a request again at once,
//! without the parameter that the server has refused, and a pool of several servers takes a failed turn to the next
//! one, with the [`Tries`] of this file between its passes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use super::{CallObserver, ChatError, ChatErrorKind, ChatReply, Usage};

/// The longest wait that a server may ask for. A longer one is an error at once: the user should know, not wait.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How soon a server that loads its model is looked at again, and how late at the latest.
const FIRST_LOOK: Duration = Duration::from_millis(500);
const LONGEST_LOOK: Duration = Duration::from_secs(5);

/// The waits between tries where the server asks for none. Each wait is twice as long as the one before, plus up to as
/// much again by chance, so that many workers do not come back together.
fn backoff(retries: u32) -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(300))
        .with_max_delay(Duration::from_secs(15))
        .with_max_times(retries as usize)
        .with_jitter()
        .build()
}

/// The waits between tries at a server that is being restarted: short ones, `outage` in all.
fn outage_waits(outage: Duration) -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(1))
        .without_max_times()
        .with_total_delay(Some(outage))
        .with_jitter()
        .build()
}

/// How failed turns at one server are repeated. Clones share what has been said about the server.
#[derive(Clone, Debug, Default)]
pub struct RetryPolicy {
    /// The number of tries after the first failed one.
    pub retries: u32,
    /// How long refused connections are retried instead, if there are retries; zero: they count as other failures do.
    pub outage: Duration,
    /// How long a server that loads its model is waited for, whatever the retries; zero: it counts as other failures do.
    pub loading: Duration,
    /// The highest number of a failed try that has been logged since the server answered; 0 if none was. A hundred calls
    /// that wait for one server are one outage.
    logged: Arc<AtomicU32>,
    /// The same for a server that loads its model.
    is_loading: Arc<AtomicBool>,
}

impl RetryPolicy {
    /// This many retries, without a longer wait for any failure.
    pub fn of(retries: u32) -> Self {
        Self { retries, ..Self::default() }
    }

    /// This many retries, and how long refused connections and a server that loads are waited for instead.
    pub fn new(retries: u32, outage: Duration, loading: Duration) -> Self {
        Self { retries, outage, loading, ..Self::default() }
    }

    /// Whether nobody else has logged this try of the present outage.
    fn is_news(&self, failed: u32) -> bool {
        self.logged.fetch_max(failed, Ordering::Relaxed) < failed
    }

    /// The server has answered.
    fn answered(&self) {
        self.logged.store(0, Ordering::Relaxed);
        self.is_loading.store(false, Ordering::Relaxed);
    }
}

/// Calls `turn` until it succeeds or `policy` allows no further try. `observer` is told of each failure that another try
/// follows.
///
/// # Errors
/// The last try's error, with the usage of all tries.
pub async fn with_retries<T, R: Costs>(
    policy: &RetryPolicy,
    observer: Option<&dyn CallObserver>,
    mut turn: impl FnMut() -> T,
) -> Result<R, ChatError>
where
    T: Future<Output = Result<R, ChatError>>,
{
    let mut tries = Tries::new(policy);
    loop {
        match turn().await {
            Ok(reply) => return Ok(tries.with_failed_tries(reply)),
            Err(error) => tokio::time::sleep(tries.next_wait(error, observer)?).await,
        }
    }
}

/// The outcome of a turn, which counts what the turn cost.
pub trait Costs {
    /// Adds what the failed tries cost; `refused`: a server refused one of them, as it had too much to do.
    fn add(&mut self, usage: Usage, refused: bool);
}

impl Costs for ChatReply {
    fn add(&mut self, usage: Usage, refused: bool) {
        self.usage += usage;
        self.refused = refused;
    }
}

type Waits = Box<dyn Iterator<Item = Duration> + Send>;

/// The state of retries, for callers that run their own loop.
pub struct Tries {
    policy: RetryPolicy,
    failed: u32,
    usage: Usage,
    refused: bool,
    waits: Waits,
    /// Waits after refused connections, where the server is one that is restarted automatically.
    outage: Option<Waits>,
    /// How long a server that loads its model may still be waited for.
    loading: Duration,
}

impl Tries {
    /// The state before the first try.
    pub fn new(policy: &RetryPolicy) -> Self {
        let RetryPolicy { retries, outage, loading, .. } = *policy;
        let outage = (retries > 0 && !outage.is_zero()).then(|| Box::new(outage_waits(outage)) as Waits);
        let waits = Box::new(backoff(retries));
        let policy = policy.clone();
        Self { policy, failed: 0, usage: Usage::default(), refused: false, waits, outage, loading }
    }

    /// Notes that the server has answered: the next outage is news.
    pub fn succeeded(&self) {
        self.policy.answered();
    }

    /// `reply` with the cost of the failed tries added.
    pub fn with_failed_tries<R: Costs>(&self, mut reply: R) -> R {
        self.succeeded();
        reply.add(self.usage, self.refused);
        reply
    }

    /// Counts a failed try and gives the wait before the next one, of which `observer` is told.
    ///
    /// # Errors
    /// `error`, with the usage of all tries, if there is no next try.
    pub fn next_wait(
        &mut self,
        mut error: ChatError,
        observer: Option<&dyn CallObserver>,
    ) -> Result<Duration, ChatError> {
        self.usage += error.usage;
        self.refused |= error.kind.is_overload();
        error.usage = self.usage;
        let wait = if error.kind == ChatErrorKind::Loading && !self.policy.loading.is_zero() {
            self.wait_for_loading(error)
        } else {
            self.wait_for_try(error)
        };
        wait.map(|(error, wait)| {
            if let Some(observer) = observer {
                observer.failed(&error, Some(wait));
            }
            wait
        })
    }

    /// The next look at a server that loads its model: soon, or when it says that it has done.
    fn wait_for_loading(&mut self, mut error: ChatError) -> Result<(ChatError, Duration), ChatError> {
        let whole = self.policy.loading;
        if self.loading.is_zero() {
            error.message += &format!(" (waited {} s for it)", whole.as_secs());
            return Err(error);
        }
        let soon = ((whole - self.loading) / 4).clamp(FIRST_LOOK, LONGEST_LOOK);
        let wait =
            error.retry_after.map_or(soon, |asked| asked.clamp(FIRST_LOOK, LONGEST_LOOK)).min(self.loading);
        self.loading -= wait;
        if !self.policy.is_loading.swap(true, Ordering::Relaxed) {
            tracing::warn!("{error}; it is waited for, at most {} s", whole.as_secs());
        }
        Ok((error, wait))
    }

    fn wait_for_try(&mut self, mut error: ChatError) -> Result<(ChatError, Duration), ChatError> {
        self.failed += 1;
        if !error.kind.is_transient() {
            return Err(error);
        }
        if let Some(asked) = error.retry_after.filter(|&asked| asked > LONGEST_WAIT) {
            let (asked, longest) = (asked.as_secs(), LONGEST_WAIT.as_secs());
            error.message += &format!(" (it asks to wait {asked} s; the longest wait here is {longest} s)");
            return Err(error);
        }
        let outage = self.outage.as_mut().filter(|_| error.kind == ChatErrorKind::Unreachable);
        let is_outage = outage.is_some();
        let Some(wait) = outage.unwrap_or(&mut self.waits).next() else {
            if self.failed > 1 {
                error.message += &format!(" (tried {} times)", self.failed);
            }
            return Err(error);
        };
        let wait = error.retry_after.unwrap_or(wait);
        let of = if is_outage { String::new() } else { format!(" of {}", self.policy.retries + 1) };
        if self.policy.is_news(self.failed) {
            tracing::warn!(
                "{error}; try {}{of} failed, the next in {:.1} s",
                self.failed,
                wait.as_secs_f64()
            );
        }
        Ok((error, wait))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ChatErrorKind as Kind, Finish};
    use super::*;

    fn error(kind: Kind, retry_after: Option<u64>) -> ChatError {
        ChatError {
            retry_after: retry_after.map(Duration::from_secs),
            usage: Usage::of_call(10, 1, 0),
            ..ChatError::new(kind, "ollama at http://localhost:11434 failed")
        }
    }

    /// The waits between tries that all fail in this way, and the last error.
    fn fail(retries: u32, failure: &ChatError) -> (Vec<Duration>, ChatError) {
        fail_during(retries, Duration::ZERO, failure)
    }

    fn fail_during(retries: u32, outage: Duration, failure: &ChatError) -> (Vec<Duration>, ChatError) {
        let mut tries = Tries::new(&RetryPolicy { outage, ..RetryPolicy::of(retries) });
        let mut waits = Vec::new();
        loop {
            match tries.next_wait(failure.clone(), None) {
                Ok(wait) => waits.push(wait),
                Err(error) => return (waits, error),
            }
        }
    }

    #[test]
    fn transient_failures_are_tried_again_as_often_as_allowed() {
        let (waits, last) = fail(2, &error(Kind::Connection, None));
        assert_eq!(waits.len(), 2);
        assert!(last.message.ends_with("(tried 3 times)"), "{last}");
        let (waits, last) = fail(0, &error(Kind::Connection, None));
        assert_eq!((waits.len(), last.message), (0, error(Kind::Connection, None).message));
        for kind in [Kind::Auth, Kind::NotFound, Kind::ContextTooLong, Kind::Rejected, Kind::Model] {
            assert_eq!(fail(5, &error(kind, None)).0.len(), 0, "{kind:?}");
        }
    }

    #[test]
    fn waits_grow_and_follow_the_server() {
        let (waits, _) = fail(8, &error(Kind::Timeout, None));
        for (number, wait) in waits.iter().enumerate() {
            let least = Duration::from_millis(300 << number).min(Duration::from_secs(15));
            assert!((least..=2 * least).contains(wait), "{waits:?}");
        }
        for asked in [0, 42, 60] {
            let (waits, _) = fail(1, &error(Kind::RateLimited, Some(asked)));
            assert_eq!(waits, [Duration::from_secs(asked)]);
        }
    }

    #[test]
    fn a_server_that_is_brought_back_is_waited_for() {
        let outage = Duration::from_secs(20);
        let (waits, last) = fail_during(1, outage, &error(Kind::Unreachable, None));
        let all: Duration = waits.iter().sum();
        // The last wait would have been too long.
        assert!(all <= outage && all + Duration::from_secs(2) >= outage, "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(2)), "soon after it is back: {waits:?}");
        assert!(last.message.ends_with(&format!("(tried {} times)", waits.len() + 1)), "{last}");
        // Other failures are counted, and a caller that wants no retries gets none.
        for kind in [Kind::Server, Kind::Connection] {
            assert_eq!(fail_during(1, outage, &error(kind, None)).0.len(), 1);
        }
        assert_eq!(fail_during(0, outage, &error(Kind::Unreachable, None)).0.len(), 0);
    }

    #[test]
    fn a_wait_beyond_the_cap_is_an_error_at_once() {
        let (waits, last) = fail(5, &error(Kind::RateLimited, Some(61)));
        assert_eq!(waits.len(), 0);
        assert!(last.message.ends_with("(it asks to wait 61 s; the longest wait here is 60 s)"), "{last}");
    }

    #[test]
    fn usage_of_failed_tries_is_added_up() {
        let (_, last) = fail(2, &error(Kind::Server, None));
        assert_eq!(last.usage, Usage::of_call(30, 3, 0));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let usage = Usage::of_call(10, 5, 2);
        let reply = ChatReply {
            text: "ok".into(),
            finish: Finish::Stop,
            usage,
            refused: false,
            cut: Vec::new(),
            spared: 0,
        };
        let mut script =
            vec![Ok(reply), Err(error(Kind::Server, Some(0))), Err(error(Kind::Malformed, Some(0)))];
        let policy = RetryPolicy::of(2);
        let taken = with_retries(&policy, None, || std::future::ready(script.pop().unwrap()));
        let mut expected = Usage::of_call(20, 2, 0);
        expected += Usage::of_call(10, 5, 2);
        assert_eq!(runtime.block_on(taken).unwrap().usage, expected);
    }

    #[test]
    fn a_server_that_loads_its_model_is_waited_for_whatever_the_retries() {
        let loading = Duration::from_secs(300);
        let policy = RetryPolicy { loading, ..RetryPolicy::of(0) };
        let waits = |failure: &ChatError| {
            let mut tries = Tries::new(&policy);
            let mut waits = Vec::new();
            loop {
                match tries.next_wait(failure.clone(), None) {
                    Ok(wait) => waits.push(wait),
                    Err(error) => return (waits, error),
                }
            }
        };
        for asked in [None, Some(1), Some(400)] {
            let (waits, last) = waits(&error(Kind::Loading, asked));
            assert_eq!(waits.iter().sum::<Duration>(), loading);
            assert!(waits.iter().all(|wait| *wait <= LONGEST_LOOK), "{waits:?}");
            assert!(last.message.ends_with("(waited 300 s for it)"), "{last}");
        }
        // Where another server is asked instead it is a failure like others, and others are not waited for.
        assert_eq!(fail(1, &error(Kind::Loading, Some(1))).0, [Duration::from_secs(1)]);
        assert_eq!(waits(&error(Kind::Busy, None)).0.len(), 0);
    }

    #[test]
    fn calls_that_wait_for_one_server_log_its_outage_once() {
        let policy = RetryPolicy::of(3);
        assert_eq!(
            [1, 1, 2, 1, 2, 3].map(|failed| policy.clone().is_news(failed)),
            [true, false, true, false, false, true]
        );
        policy.answered();
        assert!(policy.is_news(1));
    }
}
