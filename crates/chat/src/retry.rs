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
use tokio::time::Instant;

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
    /// How long all tries together may take before a time-out is not repeated any more; `None`: as long as they take.
    pub silence: Option<Duration>,
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

    /// The same, with a limit for all tries together where time-outs are repeated.
    pub fn silent_for(self, silence: Option<Duration>) -> Self {
        Self { silence, ..self }
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
    /// When the try under way began.
    begun: Instant,
    /// How long the tries before it took.
    took: Duration,
}

impl Tries {
    /// The state before the first try.
    pub fn new(policy: &RetryPolicy) -> Self {
        let RetryPolicy { retries, outage, loading, .. } = *policy;
        let outage = (retries > 0 && !outage.is_zero()).then(|| Box::new(outage_waits(outage)) as Waits);
        let waits = Box::new(backoff(retries));
        let policy = policy.clone();
        let (usage, begun, took) = (Usage::default(), Instant::now(), Duration::ZERO);
        Self { policy, failed: 0, usage, refused: false, waits, outage, loading, begun, took }
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
        self.took += self.begun.elapsed();
        let wait = if error.kind == ChatErrorKind::Loading && !self.policy.loading.is_zero() {
            self.wait_for_loading(error)
        } else {
            self.wait_for_try(error)
        };
        wait.map(|(error, wait)| {
            self.begun = Instant::now() + wait;
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
        // Limits of silence that have grown with a prompt are long: a server that is silent for ever has had its time.
        let is_silent = error.kind == ChatErrorKind::Timeout
            && self.policy.silence.is_some_and(|silence| self.took >= silence);
        let waits = outage.unwrap_or(&mut self.waits);
        let Some(wait) = waits.next().filter(|_| !is_silent) else {
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
mod tests;
