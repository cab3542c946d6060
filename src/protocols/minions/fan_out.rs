//! Runs the jobs of a round on the worker's slots.
//!
//! Each permit for a server makes the calls of one lane; the [`Scheduler`] decides which those are.

use std::collections::HashSet;
use std::time::Instant;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::Minions;
use super::call::{Call, WorkerReply};
use super::job_events::JobEvents;
use super::scheduler::{Scheduler, groups};
use super::worker::Worker;
use crate::job::JobRole;
use crate::protocols::{Permit, ProtocolError, Side, Transcript};
use crate::sandbox::JobManifest;
use crate::sync::beside_runtime;

impl Minions<'_> {
    /// Asks the worker each job, as often as the job wants samples. Replies are in the order of the manifests.
    pub(super) async fn fan_out(
        &self,
        round: u32,
        manifests: &[JobManifest],
        transcript: &Transcript,
    ) -> Result<Vec<WorkerReply>, ProtocolError> {
        let side = self.assignment.worker;
        let mut groups = {
            let (manifests, samples) = (manifests.to_vec(), self.params.num_samples_per_task);
            // Comparing long documents with the tasks takes a moment.
            beside_runtime(move || groups(&manifests, samples)).await
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
        if fan_out.scheduler.has_work() {
            fan_out.run().await;
        }
        fan_out.worker.complaints().into_iter().for_each(|complaint| transcript.warn(complaint));
        transcript.end_of_fan_out();
        if let Some(note) = fan_out.worker.repetitions() {
            transcript.warn(note);
        }
        fan_out.scheduler.not_made().into_iter().for_each(|call| fan_out.jobs.lost(call));
        fan_out.scheduler.into_replies()
    }
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
    /// Opens a lane for each permit that it gets, as long as there is work for a further one.
    async fn run(&self) {
        let scheduler = &self.scheduler;
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
                Some(()) = lanes.next() => wants_permit = scheduler.has_work(),
                () = scheduler.changed.notified(), if !lanes.is_empty() => wants_permit = scheduler.has_work(),
                else => break,
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
