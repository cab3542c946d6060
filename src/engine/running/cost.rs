//! What a job has cost so far, in tokens, dollars and time.

use super::{JobRun, Side, Sides};
use crate::chat::Usage;
use crate::engine::result::Timing;
use crate::error::{Left, Spent};
use crate::job::JobRole;
use crate::sync::lock;

impl JobRun {
    /// The cost of the calls so far.
    pub(super) fn spent(&self) -> Spent {
        let remote = self.usage(|sides| &sides.supervisor, JobRole::Supervisor);
        let mut local = self.usage(|sides| &sides.worker, JobRole::Worker);
        local += self.of_files;
        local += self.embeddings.get().map_or(Usage::default(), |embeddings| embeddings.cost().0);
        let usd = self.job.prices.map(|prices| prices.cost(remote));
        Spent { remote, local, usd, left: Left::from(&self.ledger.report()) }
    }

    /// Tokens of a side's calls. The side counts a turn when the turn ends. The tries of a turn that was cut off are
    /// only in the ledger, if they left.
    fn usage(&self, side: impl Fn(&Sides) -> &Side, role: JobRole) -> Usage {
        let mut ended = Usage::default();
        lock(&self.sides).iter().for_each(|sides| ended += side(sides).usage());
        let left = self.ledger.usage(role);
        if left.total_tokens > ended.total_tokens { left } else { ended }
    }

    /// How long each side's calls took, the whole job, and the time without calls.
    pub(super) fn timing(&self) -> Timing {
        let busy = |side: fn(&Sides) -> &Side| -> f64 {
            lock(&self.sides).iter().map(|sides| side(sides).busy().as_secs_f64()).sum()
        };
        let embedding = self.embeddings.get().map_or(0.0, |embeddings| embeddings.cost().1.as_secs_f64());
        let (remote, local) = (busy(|sides| &sides.supervisor), busy(|sides| &sides.worker) + embedding);
        let total = self.started.elapsed().as_secs_f64();
        Timing {
            local_call_time: local,
            remote_call_time: remote,
            total_time: total,
            overhead_time: (total - local - remote).max(0.0),
            saved_reading_time: lock(&self.sides)
                .iter()
                .map(|sides| sides.worker.saved().as_secs_f64())
                .sum(),
        }
    }
}
