//! How an answer was scored.

use serde::{Deserialize, Serialize};

/// What an answer is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It does not say what is known.
    Wrong,
    /// It says some of it, or says it among other things: a person should look.
    Partly,
    /// It says what is known.
    Right,
}

/// A verdict and its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Score {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in words for people; empty where it is right.
    pub why: String,
}

impl Verdict {
    /// The word that tables have for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::Partly => "partly",
            Self::Right => "right",
        }
    }

    /// Its worth between 0 and 1, for comparisons.
    pub fn worth(self) -> f64 {
        match self {
            Self::Wrong => 0.0,
            Self::Partly => 0.5,
            Self::Right => 1.0,
        }
    }
}

impl Score {
    pub(crate) fn right() -> Self {
        Self { verdict: Verdict::Right, why: String::new() }
    }

    pub(crate) fn partly(why: impl Into<String>) -> Self {
        Self { verdict: Verdict::Partly, why: why.into() }
    }

    pub(crate) fn wrong(why: impl Into<String>) -> Self {
        Self { verdict: Verdict::Wrong, why: why.into() }
    }

    /// One score for several parts: right where all are, wrong where all are, else partly.
    pub(crate) fn of_all(parts: &[Self]) -> Self {
        let whys: Vec<&str> = parts.iter().map(|part| &*part.why).filter(|why| !why.is_empty()).collect();
        let why = whys.join("; ");
        let all = |verdict| parts.iter().all(|part| part.verdict == verdict);
        match (all(Verdict::Right), all(Verdict::Wrong)) {
            (true, _) => Self::right(),
            (_, true) => Self::wrong(why),
            _ => Self::partly(why),
        }
    }
}
