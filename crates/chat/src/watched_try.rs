//! One try of a call, as its observer is told of it.

use std::sync::Arc;

use super::deltas::{Deltas, Rest};
use super::dialect::Partial;
use super::observer::CallObserver;
use super::prompt_wait::PromptWait;

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
    pub(crate) fn ended(&mut self, raw: &str, text: &str) {
        // A reply that is not streamed begins with its end.
        self.wait.end();
        let Some((observer, endpoint)) = &self.observer else { return };
        match self.deltas.rest(raw, text) {
            Rest::Continues(rest) => tell(*observer, rest),
            Rest::Replaces(text) => {
                observer.begin_again(endpoint);
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
