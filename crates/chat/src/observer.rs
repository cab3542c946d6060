//! Observers, which watch a call while its reply comes.

use std::sync::Arc;
use std::time::Duration;

use super::ChatError;
use super::deltas::{Deltas, Rest};
use super::dialect::Partial;
use super::prompt_wait::{PromptWait, Reading};

/// Watches one turn: each of its tries, and the text of the reply as it comes.
///
/// Its methods are called in order, from the task that makes the call. They must return at once.
pub trait CallObserver: Send + Sync {
    /// A try begins at `endpoint`, named as in [`ChatClient::endpoint`](super::ChatClient::endpoint). What earlier
    /// tries of this turn have streamed counts for nothing from here on.
    fn begin(&self, endpoint: &str);

    /// A piece of the reply's text, never empty. If the try succeeds, the pieces since its `begin` are
    /// [`ChatReply::text`](super::ChatReply::text) byte for byte.
    fn delta(&self, text: &str);

    /// The server is so far with the prompt. Told about every second, of servers that are the user's own, until the
    /// reply begins; the last one `is_done`. A prompt that is read at once is not told of.
    fn reading(&self, _reading: &Reading) {}

    /// The try failed. The next one begins after `next_try_in`; `None`: the turn has failed. Whoever makes the next try
    /// reports the failure, so a client that makes one try only leaves the report to its caller.
    fn failed(&self, error: &ChatError, next_try_in: Option<Duration>);
}

/// Hands the text of one try to the request's observer, if there is one.
pub(crate) struct WatchedTry<'a> {
    observer: Option<(&'a dyn CallObserver, String)>,
    deltas: Deltas,
    /// The wait for the text to begin.
    pub wait: PromptWait<'a>,
}

impl<'a> WatchedTry<'a> {
    /// A try begins. `wait` makes the wait for its text once the observer knows of the try.
    pub(crate) fn begin(
        observer: Option<&'a Arc<dyn CallObserver>>,
        endpoint: impl FnOnce() -> String,
        wait: impl FnOnce() -> PromptWait<'a>,
    ) -> Self {
        let observer = observer.map(|observer| (&**observer, endpoint()));
        if let Some((observer, endpoint)) = &observer {
            observer.begin(endpoint);
        }
        Self { observer, deltas: Deltas::default(), wait: wait() }
    }

    /// More of `reply` has come.
    pub(crate) fn grown(&mut self, reply: &Partial) {
        if let Some(progress) = reply.progress {
            self.wait.tell(progress);
        }
        if reply.has_begun() {
            self.wait.end();
        }
        if let Some((observer, _)) = &self.observer {
            tell(*observer, self.deltas.next(&reply.text));
        }
    }

    /// The try has succeeded with this final text.
    pub(crate) fn ended(&self, raw: &str, text: &str) {
        let Some((observer, endpoint)) = &self.observer else { return };
        match self.deltas.rest(raw, text) {
            Rest::Continues(rest) => tell(*observer, rest),
            Rest::Replaces(text) => {
                observer.begin(endpoint);
                tell(*observer, text);
            }
        }
    }
}

fn tell(observer: &dyn CallObserver, text: &str) {
    if !text.is_empty() {
        observer.delta(text);
    }
}
