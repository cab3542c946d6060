//! The wait for the first word of a reply: how long a server may be silent over a prompt, and how far it is with it.
//!
//! In: the prompt's tokens, the pace that the server's model has shown, what the server tells meanwhile. Out: the limit of
//! each silence, and a [`Reading`] for the observer about every second.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::observer::{CallObserver, Reading};
use super::pace::{PromptPace, PromptProgress, Unread};

/// How soon a reading is told of, and how often.
const EVERY: Duration = Duration::from_secs(1);

/// A prompt as it is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prompt {
    /// Its tokens, by estimate.
    pub likely: u64,
    /// The tokens that limits are reckoned with: an estimate may be a little too low.
    pub most: u64,
}

/// The wait of one try.
pub(crate) struct PromptWait<'a> {
    pace: &'a PromptPace,
    prompt: Prompt,
    /// Whether limits grow with the prompt.
    grows: bool,
    /// Who is told of the reading.
    observer: Option<&'a dyn CallObserver>,
    pub(super) began: Instant,
    /// How far the server is by its own words, and when these came.
    told: Option<(PromptProgress, Instant)>,
    unread: Unread,
    is_reading: bool,
    /// When the observer was told last, and of how many tokens.
    reported: Option<(Instant, Option<u64>)>,
}

impl<'a> PromptWait<'a> {
    /// A try begins. `grows`: whether its limits of silence grow with the prompt. `observer`: who is told of the reading.
    pub(crate) fn begin(
        pace: &'a PromptPace,
        prompt: Prompt,
        grows: bool,
        observer: Option<&'a dyn CallObserver>,
    ) -> Self {
        let (began, unread) = (Instant::now(), pace.begin(prompt.most));
        Self { pace, prompt, grows, observer, began, told: None, unread, is_reading: true, reported: None }
    }

    /// What `next` gives, within `silence` and, as long as the prompt is not read, the time that it may take.
    ///
    /// # Errors
    /// The limit that has passed.
    pub(crate) async fn within<T>(
        &mut self,
        silence: Duration,
        next: impl Future<Output = T>,
    ) -> Result<T, Duration> {
        let since = Instant::now();
        let mut next = pin!(next);
        let mut unread = 0;
        loop {
            // Calls that have begun meanwhile share the server with this one.
            unread = unread.max(self.pace.unread());
            let may_grow = self.grows && self.is_reading;
            let limit = if may_grow { silence.saturating_add(self.pace.patience(unread)) } else { silence };
            let left = limit.saturating_sub(since.elapsed());
            let pause = if self.is_reading { left.min(EVERY) } else { left };
            match timeout(pause, &mut next).await {
                Ok(there) => return Ok(there),
                Err(_) if pause == left => return Err(limit),
                Err(_) => self.report(),
            }
        }
    }

    /// The server tells how far it is.
    pub(crate) fn tell(&mut self, progress: PromptProgress) {
        let is_news = self.told.is_none_or(|(known, _)| known != progress);
        if !self.is_reading || !is_news {
            return;
        }
        self.pace.note(progress.time());
        let share = progress.total.saturating_sub(progress.read) as f64 / progress.total.max(1) as f64;
        self.unread.left((self.prompt.most as f64 * share).ceil() as u64);
        self.told = Some((progress, Instant::now()));
        self.report();
    }

    /// The prompt is read: the reply has begun.
    pub(crate) fn end(&mut self) {
        self.end_with(|reading| Reading { read: Some(reading.total), left: Some(Duration::ZERO), ..reading });
    }

    fn end_with(&mut self, last: impl FnOnce(Reading) -> Reading) {
        self.unread.left(0);
        let was_reading = std::mem::replace(&mut self.is_reading, false);
        if let Some(observer) = self.observer.filter(|_| was_reading && self.reported.is_some()) {
            observer.reading(&Reading { is_done: true, ..last(self.reading(Instant::now())) });
        }
    }

    fn report(&mut self) {
        let now = Instant::now();
        if let Some(observer) = self.observer
            && now.duration_since(self.reported.map_or(self.began, |(at, _)| at)) >= EVERY
        {
            let reading = self.reading(now);
            self.reported = Some((now, reading.read));
            observer.reading(&reading);
        }
    }

    /// How far the server is: by its own words and what it has read since at the same pace, else by the pace of earlier
    /// calls. Of a prompt that should be read by then no more is said than was before.
    pub(super) fn reading(&self, now: Instant) -> Reading {
        let passed = now.duration_since(self.began);
        let (total, begin, pace, since) = match self.told {
            Some((told, at)) => {
                let pace = told.time().pace().or_else(|| self.pace.likely());
                (told.total, Some(told.read), pace, now.duration_since(at))
            }
            None => (self.prompt.likely, None, self.pace.likely(), passed),
        };
        let guess = pace.map(|pace| {
            let read = begin.unwrap_or_default() as f64 + pace * since.as_secs_f64();
            (read as u64, Duration::try_from_secs_f64((total as f64 - read) / pace))
        });
        let (read, left) = match guess {
            Some((read, Ok(left))) if read < total => (Some(read), Some(left)),
            _ => (begin.max(self.reported.and_then(|(_, read)| read)), None),
        };
        Reading { read, total, is_estimate: self.told.is_none(), passed, left, is_done: false }
    }
}

impl Drop for PromptWait<'_> {
    fn drop(&mut self) {
        self.end_with(|reading| reading);
    }
}
