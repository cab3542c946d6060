//! Observers, which watch a call while its reply comes.

use std::time::Duration;

use super::ChatError;

/// Watches one turn: each of its tries, and the text of the reply as it comes.
///
/// Its methods are called in order, from the task that makes the call. They must return at once.
pub trait CallObserver: Send + Sync {
    /// A try begins at `endpoint`, named as in [`ChatClient::endpoint`](super::ChatClient::endpoint). What earlier
    /// tries of this turn have streamed counts for nothing from here on.
    fn begin(&self, endpoint: &str);

    /// The text of the try under way begins anew: what its pieces were so far is no part of the reply.
    fn begin_again(&self, endpoint: &str) {
        self.begin(endpoint);
    }

    /// A piece of the reply's text, never empty. If the try succeeds, the pieces since its last beginning are
    /// [`ChatReply::text`](super::ChatReply::text) byte for byte.
    fn delta(&self, text: &str);

    /// The server is so far with the prompt. Told about every second, of servers that are the user's own, until the
    /// reply begins; the last one `is_done`. A prompt that is read at once is not told of.
    fn reading(&self, _reading: &Reading) {}

    /// The try failed. The next one begins after `next_try_in`; `None`: the turn has failed. Whoever makes the next try
    /// reports the failure, so a client that makes one try only leaves the report to its caller.
    fn failed(&self, error: &ChatError, next_try_in: Option<Duration>);
}

/// How far a server is with the prompt of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Tokens that are read, if that is known.
    pub read: Option<u64>,
    /// Tokens of the prompt.
    pub total: u64,
    /// Whether the server tells of neither number, so that both are estimates.
    pub is_estimate: bool,
    /// The time since the call began.
    pub passed: Duration,
    /// The time until it is read, if its pace is known.
    pub left: Option<Duration>,
    /// Whether the reading has ended, in whichever way.
    pub is_done: bool,
}
