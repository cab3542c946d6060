//! Gives `evidence` a text with white space and case folded, to tell whether two differ in these alone.

/// `text` in lower case, with one space in place of each run of white space.
pub(super) fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars() {
        if !c.is_whitespace() {
            folded.extend(c.to_lowercase());
        } else if !folded.ends_with(' ') {
            folded.push(' ');
        }
    }
    folded
}
