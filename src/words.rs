//! Numbers with their words, and the system's complaints, as people read them.

use std::io;

/// `1 job`, `2 jobs`.
pub fn count(number: impl Into<Number>, word: &str) -> String {
    let Number(number) = number.into();
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

/// The system's words for `error`, without its number and without paths, which the sentence around it has.
pub fn of_io(error: &io::Error) -> String {
    let words = error.to_string();
    words.split(" (os error").next().unwrap_or_default().to_owned()
}

/// A count of things.
pub struct Number(u64);

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl From<usize> for Number {
    fn from(number: usize) -> Self {
        Self(u64::try_from(number).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        assert_eq!(of_io(&io::Error::from_raw_os_error(2)), "No such file or directory");
        assert_eq!([0_u64, 1, 2].map(|n| count(n, "job")), ["0 jobs", "1 job", "2 jobs"]);
    }
}
