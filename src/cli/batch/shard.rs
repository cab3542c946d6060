//! One of several runs that share an input, each on a machine of its own.

use std::fmt;
use std::str::FromStr;

/// The jobs whose number in the input, from 0, leaves `index` when divided by `count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    index: u64,
    count: u64,
}

impl Shard {
    /// All of the input.
    pub(crate) const WHOLE: Self = Self { index: 0, count: 1 };

    /// The shard with this index, from 0, if there are so many.
    pub(super) fn of(index: u64, count: u64) -> Option<Self> {
        (index < count).then_some(Self { index, count })
    }

    /// Whether the job with this number is one of its own.
    pub(super) fn has(self, number: u64) -> bool {
        number % self.count == self.index
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

/// What the command line says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhichShard {
    This(Shard),
    /// The engine tells that has started the run.
    Auto,
}

impl FromStr for WhichShard {
    type Err = String;

    /// `INDEX/COUNT`, the index from 0, or `auto`.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let shard = text
            .split_once('/')
            .and_then(|(index, count)| Shard::of(index.trim().parse().ok()?, count.trim().parse().ok()?));
        shard.map(Self::This).ok_or_else(|| {
            "it must be INDEX/COUNT, the index from 0 to COUNT - 1, such as 0/4, or auto".to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_is_in_one_shard() {
        let shards = ["0/3", "1/3", " 2 / 3"].map(|text| match text.parse::<WhichShard>() {
            Ok(WhichShard::This(shard)) => shard,
            other => panic!("{text}: {other:?}"),
        });
        for number in 0..20 {
            assert_eq!(shards.iter().filter(|shard| shard.has(number)).count(), 1, "{number}");
            assert!(Shard::WHOLE.has(number));
        }
        for text in ["", "1", "3/3", "0/0", "-1/2", "a/b", "1/2/3", "Auto"] {
            assert!(text.parse::<WhichShard>().is_err(), "{text}");
        }
    }
}
