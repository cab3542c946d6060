//! Words for a shell: what a person pastes must be one word, whatever a server calls its models.

/// `text` as one word of a POSIX shell.
pub(crate) fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/:@%+=,~".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_one_and_does_nothing() {
        for (text, word) in [
            ("ollama/llama3.2:3b-q4_K_M", "ollama/llama3.2:3b-q4_K_M"),
            ("a b", "'a b'"),
            ("$(touch x)", "'$(touch x)'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
            ("a;b&c|d>e", "'a;b&c|d>e'"),
        ] {
            assert_eq!(shell_word(text), word);
        }
    }
}
