//! What the protocols have cost, as measured; the only place for these figures. `docs/routing.md` tells how they came
//! about.

/// What a protocol of several rounds has cost.
#[derive(Debug)]
pub(super) struct Measured {
    /// By the number of rounds that jobs took, ascending.
    pub rounds: &'static [OfRounds],
    /// The part of the tokens that the supervisor wrote.
    pub reply_share: f64,
    /// Calls of the supervisor before the first round, and in each.
    pub calls: (u32, u32),
    /// Characters of the documents that left, in the mean.
    pub egress_chars: u64,
}

/// Jobs that took so many rounds.
#[derive(Debug)]
pub(super) struct OfRounds {
    pub rounds: u32,
    pub jobs: u32,
    /// Remote tokens of such a job, in the mean.
    pub tokens: u64,
}

const fn of(rounds: u32, jobs: u32, tokens: u64) -> OfRounds {
    OfRounds { rounds, jobs, tokens }
}

/// 20 questions about documents, sets and code bases of 9 kB to 2.6 MB.
pub(super) const MINIONS: Measured = Measured {
    rounds: &[of(1, 16, 2446), of(2, 4, 4066)],
    reply_share: 401.0 / 2770.0,
    calls: (0, 2),
    egress_chars: 3569,
};

/// 6 questions about documents of 4 kB to 76 kB. None took two rounds.
pub(super) const MINION: Measured = Measured {
    rounds: &[of(1, 3, 1426), of(3, 3, 5176)],
    reply_share: 330.0 / 3301.0,
    calls: (1, 1),
    egress_chars: 1248,
};

/// Tokens of the task and the description of the documents in these jobs; longer ones cost more in each call.
pub(super) const OWN_WORDS: u64 = 60;
/// Tokens of our words in the one call of `remote_only`.
pub(super) const ONE_CALL_WORDS: u64 = 150;
/// Tokens of its reply: an answer of the same jobs has about 120, its quotes some more.
pub(super) const ONE_CALL_REPLY: u64 = 200;

impl Measured {
    /// The remote tokens of a job that takes so many rounds, between two measured numbers in proportion.
    pub(super) fn at(&self, rounds: u32) -> f64 {
        let above = self.rounds.iter().position(|of| of.rounds >= rounds).unwrap_or(self.rounds.len() - 1);
        let high = &self.rounds[above];
        match above.checked_sub(1).map(|below| &self.rounds[below]) {
            Some(low) if rounds < high.rounds => {
                let part = f64::from(rounds - low.rounds) / f64::from(high.rounds - low.rounds);
                low.tokens as f64 + part * (high.tokens as f64 - low.tokens as f64)
            }
            _ => high.tokens as f64,
        }
    }

    /// The rounds and the remote tokens of a job in the mean, if it may take `most` rounds.
    pub(super) fn mean(&self, most: u32) -> (f64, f64) {
        let jobs: f64 = self.rounds.iter().map(|of| f64::from(of.jobs)).sum();
        let (mut rounds, mut tokens) = (0.0, 0.0);
        for of in self.rounds {
            let (share, taken) = (f64::from(of.jobs) / jobs, of.rounds.min(most));
            rounds += share * f64::from(taken);
            tokens += share * self.at(taken);
        }
        (rounds, tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_means_are_those_of_the_measurement() {
        let mean = |measured: &Measured, most| {
            let (rounds, tokens) = measured.mean(most);
            ((rounds * 100.0).round() / 100.0, tokens.round() as u64)
        };
        assert_eq!(mean(&MINIONS, 5), (1.2, 2770));
        assert_eq!(mean(&MINIONS, 1), (1.0, 2446));
        assert_eq!(mean(&MINION, 3), (2.0, 3301));
        assert_eq!(mean(&MINION, 2), (1.5, 2364));
        assert_eq!(MINION.at(2) as u64, 3301);
    }
}
