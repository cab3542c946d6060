//! A server's words, as messages quote them.

/// The most characters of a server's words in a message.
pub(super) const SHORT: usize = 400;

/// A server's words on one line, shortened to what tells most.
pub(super) fn short(text: &str) -> String {
    minions_chat::telling(text, SHORT)
}
