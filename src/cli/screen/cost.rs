//! What an answer has cost, in one line: `$0.004 · 2.1k remote tokens · 61k local · 0.9% of the text left`.

use minions::engine::JobResult;
use minions::error::Spent;
use minions::sessions::TurnUsage;

/// What a job has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cost {
    /// Dollars for the remote tokens, where prices are known.
    pub usd: Option<f64>,
    pub remote_tokens: u64,
    /// Those of them whose price nobody knows.
    pub unpriced_tokens: u64,
    pub local_tokens: u64,
    /// Bytes that left this machine.
    pub bytes: u64,
    /// Characters of the documents that left, and all of them.
    pub chars: (u64, u64),
}

impl Cost {
    /// Of a job that has its result.
    pub(crate) fn of(result: &JobResult) -> Self {
        Self::from(result.spent)
    }

    /// Whether nothing was spent.
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self { usd: self.usd, chars: self.chars, ..Self::default() }
    }

    /// Adds what another job has cost. Dollars are known where those of either are.
    pub(crate) fn add(&mut self, other: Self) {
        self.usd = match (self.usd, other.usd) {
            (Some(usd), Some(more)) => Some(usd + more),
            (usd, more) => usd.or(more),
        };
        self.remote_tokens += other.remote_tokens;
        self.unpriced_tokens += other.unpriced_tokens;
        self.local_tokens += other.local_tokens;
        self.bytes += other.bytes;
        // Shares of different texts don't add up.
        self.chars = (0, 0);
    }

    /// The line.
    pub(crate) fn line(self) -> String {
        let Self { usd, remote_tokens, unpriced_tokens, local_tokens, bytes, chars: (left, all) } = self;
        let without = || match unpriced_tokens {
            0 => String::new(),
            tokens => format!(" and {} tokens of unknown price", short(tokens)),
        };
        let mut parts: Vec<String> =
            usd.map(|usd| format!("{}{}", dollars(usd), without())).into_iter().collect();
        parts.push(format!("{} remote tokens", short(remote_tokens)));
        parts.push(format!("{} local", short(local_tokens)));
        if bytes == 0 {
            parts.push("nothing left this machine".to_owned());
        } else if all > 0 {
            let percent = 100.0 * left as f64 / all as f64;
            // No share that left is called none.
            let share =
                if left > 0 && percent < 0.1 { "under 0.1".to_owned() } else { format!("{percent:.1}") };
            parts.push(format!("{share}% of the text left"));
        }
        parts.join(" · ")
    }
}

impl From<Spent> for Cost {
    fn from(spent: Spent) -> Self {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let left = spent.left;
        Self {
            chars: (count(left.context_chars), count(left.of_context_chars)),
            ..Self::from(TurnUsage::from(spent))
        }
    }
}

impl From<TurnUsage> for Cost {
    fn from(TurnUsage { remote, local, usd, egress_bytes }: TurnUsage) -> Self {
        Self {
            usd,
            remote_tokens: remote.total_tokens,
            unpriced_tokens: if usd.is_none() { remote.total_tokens } else { 0 },
            local_tokens: local.total_tokens,
            bytes: u64::try_from(egress_bytes).unwrap_or(u64::MAX),
            chars: (0, 0),
        }
    }
}

fn dollars(usd: f64) -> String {
    match usd {
        0.0 => "$0".to_owned(),
        usd if usd < 0.0001 => "under $0.0001".to_owned(),
        usd if usd < 0.01 => format!("${usd:.4}"),
        usd if usd < 1.0 => format!("${usd:.3}"),
        usd => format!("${usd:.2}"),
    }
}

/// `number` in at most four characters or so: `950`, `2.1k`, `61k`, `1.2M`.
fn short(number: u64) -> String {
    let tenths = |unit: u64| (number * 10 + unit / 2) / unit;
    let in_unit = |unit: u64, name: &str| match tenths(unit) {
        tenths @ 0..100 => format!("{}.{}{name}", tenths / 10, tenths % 10),
        _ => format!("{}{name}", (number + unit / 2) / unit),
    };
    match number {
        0..1000 => number.to_string(),
        1000..999_500 => in_unit(1000, "k"),
        _ => in_unit(1_000_000, "M"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_was_paid_and_what_left() {
        let cost = Cost {
            usd: Some(0.0042),
            remote_tokens: 2143,
            unpriced_tokens: 0,
            local_tokens: 61_400,
            bytes: 9,
            chars: (9, 1000),
        };
        assert_eq!(cost.line(), "$0.0042 · 2.1k remote tokens · 61k local · 0.9% of the text left");
        let cost = Cost { usd: None, chars: (1, 1_000_000), ..cost };
        assert_eq!(cost.line(), "2.1k remote tokens · 61k local · under 0.1% of the text left");
        let cost = Cost { bytes: 0, remote_tokens: 0, ..cost };
        assert_eq!(cost.line(), "0 remote tokens · 61k local · nothing left this machine");
        let mut all = Cost { usd: Some(0.5), remote_tokens: 2000, bytes: 1, ..Cost::default() };
        all.add(Cost { remote_tokens: 4100, unpriced_tokens: 4100, bytes: 1, ..Cost::default() });
        assert_eq!(all.line(), "$0.500 and 4.1k tokens of unknown price · 6.1k remote tokens · 0 local");
        assert!(Cost { usd: Some(0.0), chars: (0, 9), ..Cost::default() }.is_nothing() && !all.is_nothing());
        assert_eq!(Cost { bytes: 5, chars: (0, 0), ..cost }.line(), "0 remote tokens · 61k local");
    }

    #[test]
    fn numbers_are_short() {
        let shown = [0, 999, 1000, 2149, 9949, 9951, 61_499, 999_499, 999_500, 12_345_678].map(short);
        assert_eq!(shown, ["0", "999", "1.0k", "2.1k", "9.9k", "10k", "61k", "999k", "1.0M", "12M"]);
        let shown = [0.0, 0.00003, 0.0042, 0.125, 12.345].map(dollars);
        assert_eq!(shown, ["$0", "under $0.0001", "$0.0042", "$0.125", "$12.35"]);
    }
}
