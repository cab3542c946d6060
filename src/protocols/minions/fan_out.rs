//! Runs the jobs of a round on the worker's slots.
//!
//! Each permit for a server makes the calls of one lane; the [`Scheduler`] decides which those are.

use std::collections::HashSet;
use std::time::Instant;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::Minions;
use super::call::{Call, WorkerReply};
use super::early::{Conclusion, Due, EarlyQuestion};
use super::job_events::JobEvents;
use super::order::{Order, order};
use super::scheduler::Scheduler;
use super::worker::Worker;
use crate::job::JobRole;
use crate::protocols::{Permit, ProtocolError, Side, Transcript};
use crate::sandbox::JobManifest;
use crate::sync::beside_runtime;

impl Minions<'_> {
    /// Asks the worker each job, as often as the job wants samples.
    pub(super) async fn fan_out(
        &self,
        manifests: &[JobManifest],
        question: &EarlyQuestion<'_>,
    ) -> Result<Gathered, ProtocolError> {
        let &EarlyQuestion { round, transcript, .. } = question;
        let (side, samples) = (self.assignment.worker, self.params.num_samples_per_task);
        let Order { mut groups, leading } = {
            let manifests = manifests.to_vec();
            // Comparing long documents with the tasks takes a moment.
            beside_runtime(move || order(&manifests, samples)).await
        };
        let jobs = JobEvents { events: &transcript.events, round, manifests };
        groups.iter().flatten().for_each(|call| jobs.waiting(*call));
        let worker = Worker::new(&self.assignment, self.memo.clone());
        let recalled = worker.recall(&groups, manifests).await;
        if !recalled.is_empty() {
            for (call, reply) in &recalled {
                let task = task_for_logs(&manifests[call.job]);
                transcript.worker_job((call.job, call.sample), task, reply.text.clone());
                jobs.recalled(*call, reply, side.usage().completion_tokens);
            }
            let is_recalled: HashSet<_> = recalled.iter().map(|(call, _)| *call).collect();
            groups.iter_mut().for_each(|group| group.retain(|call| !is_recalled.contains(call)));
            groups.retain(|group| !group.is_empty());
        }
        let scheduler = Scheduler::new(groups, recalled);
        let fan_out = FanOut { side, worker, manifests, transcript, jobs, scheduler };
        let mut early = None;
        if fan_out.scheduler.has_work() {
            let due = Due::new(self.params.anytime, &leading, manifests.len(), samples);
            let ask = |replies| self.conclude_early(question, manifests, replies);
            early = fan_out.run(due, ask).await?;
        }
        fan_out.worker.complaints().into_iter().for_each(|complaint| transcript.warn(complaint));
        transcript.end_of_fan_out();
        if let Some(note) = fan_out.worker.repetitions() {
            transcript.warn(note);
        }
        if early.is_some() {
            let all =
                (0..manifests.len()).flat_map(|job| (0..samples).map(move |sample| Call { job, sample }));
            fan_out.scheduler.not_ended(all).into_iter().for_each(|call| fan_out.jobs.cancelled(call));
            return Ok(Gathered { replies: fan_out.scheduler.replies_to(&leading), early });
        }
        fan_out.scheduler.not_made().into_iter().for_each(|call| fan_out.jobs.lost(call));
        Ok(Gathered { replies: fan_out.scheduler.into_replies()?, early })
    }
}

/// What the jobs of a round gave.
pub(super) struct Gathered {
    /// The replies that the supervisor reads, in the order of the manifests.
    pub replies: Vec<WorkerReply>,
    /// What it has concluded from them, if it did not wait for the others.
    pub early: Option<Conclusion>,
}

/// The calls of one round.
struct FanOut<'a> {
    side: &'a Side,
    worker: Worker<'a>,
    manifests: &'a [JobManifest],
    transcript: &'a Transcript,
    jobs: JobEvents<'a>,
    scheduler: Scheduler,
}

impl FanOut<'_> {
    /// Opens a lane for each permit that it gets, as long as there is work for a further one. Once it is `due`, the
    /// supervisor is asked beside them; its answer ends the calls that are under way.
    async fn run<F>(
        &self,
        mut due: Due<'_>,
        ask: impl Fn(Vec<WorkerReply>) -> F,
    ) -> Result<Option<Conclusion>, ProtocolError>
    where
        F: Future<Output = Result<Option<Conclusion>, ProtocolError>>,
    {
        let scheduler = &self.scheduler;
        let mut question = FuturesUnordered::new();
        let mut lanes = FuturesUnordered::new();
        let mut requested_permit = FuturesUnordered::new();
        let mut wants_permit = true;
        loop {
            if !wants_permit {
                // Leave the queue, so that other jobs' calls go first.
                requested_permit.clear();
            } else if requested_permit.is_empty() {
                requested_permit.push(self.side.permit(None));
            }
            question.extend(due.replies(scheduler).map(&ask));
            tokio::select! {
                // A free slot is filled before anything else is looked at.
                biased;
                Some(permit) = requested_permit.next() => {
                    let opened = scheduler.open(permit.server(), permit.shares_prefixes());
                    wants_permit = opened.is_some() && scheduler.has_work();
                    if let Some(first) = opened {
                        lanes.push(self.run_lane(first, permit));
                    }
                }
                Some(concluded) = question.next() => {
                    if let Some(conclusion) = concluded? {
                        return Ok(Some(conclusion));
                    }
                }
                Some(()) = lanes.next() => wants_permit = scheduler.has_work(),
                () = scheduler.changed.notified(), if !lanes.is_empty() => wants_permit = scheduler.has_work(),
                else => return Ok(None),
            }
        }
    }

    /// Makes the calls of one lane, from its first one on.
    async fn run_lane(&self, (lane, first): (usize, Call), mut permit: Permit) {
        let mut next = Some(first);
        while let Some(call) = next {
            let manifest = &self.manifests[call.job];
            let begun = Instant::now();
            self.jobs.running(call);
            let task = task_for_logs(manifest);
            self.transcript.told(JobRole::Worker, &task);
            let reply = self.worker.answer(&mut permit, manifest, call, self.transcript).await;
            self.transcript.worker_job((call.job, call.sample), task, reply.text.clone());
            self.jobs.ended(call, &reply, begun.elapsed(), self.side.usage().completion_tokens);
            self.scheduler.done(lane, call, reply, begun.elapsed());
            next = self.scheduler.next(lane);
        }
    }
}

/// A manifest's task for the conversation log, with the chunk's number in place of its text.
fn task_for_logs(manifest: &JobManifest) -> String {
    format!("[chunk {}] {}", manifest.chunk_id.unwrap_or_default(), manifest.task)
}
