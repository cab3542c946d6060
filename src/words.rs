//! Numbers with their words, as people read them.

/// `1 job`, `2 jobs`.
pub fn count(number: impl Into<Number>, word: &str) -> String {
    let Number(number) = number.into();
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
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
        assert_eq!([0_u64, 1, 2].map(|n| count(n, "job")), ["0 jobs", "1 job", "2 jobs"]);
    }
}
