//! A server's words, as messages quote them.

/// The most characters of a server's words in a message.
pub(super) const SHORT: usize = 400;

/// A server's words on one line, shortened.
pub(super) fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHORT) {
        Some((cut, _)) => format!("{} ...", &line[..cut]),
        None => line,
    }
}
