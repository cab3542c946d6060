//! The supervisor is asked before the last job of a round has ended, where the job says `anytime`: once the chunks are
//! read that share most words with the tasks, and a citation of theirs stands in the documents.
//!
//! In: the replies to the calls on these chunks. Out: a verdict with what it rests on, or nothing: the round goes on then
//! as without it. Which other calls have ended by then makes no difference, so that the same replies give the same prompt.

use std::collections::HashSet;

use super::aggregate::{Aggregate, listed};
use super::call::WorkerReply;
use super::scheduler::Scheduler;
use super::synthesise::Verdict;
use super::{Memory, Minions, agreement, citations, distinct_chunks, material, overview, paired};
use crate::documents::Held;
use crate::documents::evidence::Sources;
use crate::events::Events;
use crate::protocols::{ProtocolError, Transcript};
use crate::sandbox::JobManifest;

/// A round with fewer jobs is sooner done than the supervisor is asked.
const FEWEST_JOBS: usize = 8;

/// The early question of a round.
pub(super) struct EarlyQuestion<'a> {
    pub round: u32,
    pub sources: &'a Sources<'a>,
    /// What the program showed.
    pub shown: &'a str,
    pub memory: &'a Memory,
    pub transcript: &'a Transcript,
}

/// An answer that does not wait for the rest of its round.
pub(super) struct Conclusion {
    /// What the supervisor read.
    pub answers: String,
    /// The same without the lines before the answers.
    pub aggregate: Aggregate,
    pub verdict: Verdict,
}

/// Whether there is an early question of a round, and when: it is asked once at most.
pub(super) struct Due<'a> {
    /// The jobs whose replies it is asked with.
    pub leading: &'a HashSet<usize>,
    /// The calls of the round, and those of them that are on leading jobs.
    all: usize,
    of_leading: usize,
    is_open: bool,
}

impl<'a> Due<'a> {
    pub(super) fn new(is_wanted: bool, leading: &'a HashSet<usize>, jobs: usize, samples: u32) -> Self {
        let samples = samples as usize;
        Self {
            leading,
            all: jobs * samples,
            of_leading: leading.len() * samples,
            is_open: is_wanted && jobs >= FEWEST_JOBS && !leading.is_empty(),
        }
    }

    /// The replies to ask with, once all leading calls have ended. With less than half of the round's calls to come it is
    /// not worth a call of the supervisor any more.
    pub(super) fn replies(&mut self, scheduler: &Scheduler) -> Option<Vec<WorkerReply>> {
        if !self.is_open {
            return None;
        }
        let (ended, of_leading) = scheduler.ended(self.leading);
        self.is_open = of_leading < self.of_leading && 2 * ended <= self.all;
        (of_leading == self.of_leading && 2 * ended <= self.all).then(|| scheduler.replies_to(self.leading))
    }
}

impl Minions<'_> {
    /// Asks whether these replies settle the task; nobody is asked if none has a citation that stands in the documents.
    pub(super) async fn conclude_early(
        &self,
        question: &EarlyQuestion<'_>,
        manifests: &[JobManifest],
        replies: Vec<WorkerReply>,
    ) -> Result<Option<Conclusion>, ProtocolError> {
        let &EarlyQuestion { round, sources, shown, memory, transcript } = question;
        let context = self.assignment.context;
        let mut jobs = paired(manifests, agreement::of_samples(replies));
        citations::checked(round, &mut jobs, sources, context, &Events::off());
        if !jobs.iter().any(|job| job.confirmed && job.output.answer.is_some()) {
            return Ok(None);
        }
        let overview = overview::of(&jobs, Held::default().add(context, distinct_chunks(&jobs)));
        let aggregate = listed(shown, &jobs);
        let answers = material(&overview, &aggregate.text);
        let (read, of) = (jobs.len(), manifests.len());
        tracing::info!(
            "round {round}: the supervisor is asked whether {read} of {of} worker jobs are enough"
        );
        let verdict = self.synthesise_early(&answers, [read, of], memory, transcript).await?;
        Ok(verdict.answer.is_some().then_some(Conclusion { answers, aggregate, verdict }))
    }
}
