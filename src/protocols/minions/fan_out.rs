//! Runs the jobs of a round on the worker's slots.
//!
//! Each permit for a server makes the calls of one lane; the [`Scheduler`] decides which those are.

use std::collections::VecDeque;
use std::time::Instant;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::Minions;
use super::call::{Call, WorkerReply};
use super::progress::Progress;
use super::scheduler::{Scheduler, groups};
use super::worker;
use crate::protocols::{Permit, ProtocolError, Transcript};
use crate::sandbox::JobManifest;

impl Minions<'_> {
    /// Asks the worker each job, as often as the job wants samples. Replies are in the order of the manifests.
    pub(super) async fn fan_out(
        &self,
        manifests: &[JobManifest],
        transcript: &Transcript,
    ) -> Result<Vec<WorkerReply>, ProtocolError> {
        let groups = groups(manifests, self.params.num_samples_per_task);
        let calls = groups.iter().map(VecDeque::len).sum();
        let progress = Progress::new(calls, self.assignment.worker.usage().completion_tokens, self.bar);
        let scheduler = Scheduler::new(groups, progress);
        let mut lanes = FuturesUnordered::new();
        let mut requested_permit = FuturesUnordered::new();
        let mut wants_permit = true;
        loop {
            if !wants_permit {
                // Leave the queue, so that other jobs' calls go first.
                requested_permit.clear();
            } else if requested_permit.is_empty() {
                requested_permit.push(self.assignment.worker.seat(None));
            }
            tokio::select! {
                // A free slot is filled before anything else is looked at.
                biased;
                Some(permit) = requested_permit.next() => {
                    let opened = scheduler.open(permit.home(), permit.shares_prefixes());
                    wants_permit = opened.is_some() && scheduler.has_work();
                    if let Some(first) = opened {
                        lanes.push(self.run_lane(first, permit, &scheduler, manifests, transcript));
                    }
                }
                Some(()) = lanes.next() => wants_permit = scheduler.has_work(),
                () = scheduler.changed.notified(), if !lanes.is_empty() => wants_permit = scheduler.has_work(),
                else => break,
            }
        }
        drop(lanes);
        transcript.end_of_fan_out();
        scheduler.into_replies()
    }

    /// Makes the calls of one lane, from its first one on.
    async fn run_lane(
        &self,
        (lane, first): (usize, Call),
        mut permit: Permit,
        scheduler: &Scheduler,
        manifests: &[JobManifest],
        transcript: &Transcript,
    ) {
        let mut next = Some(first);
        while let Some(call) = next {
            let manifest = &manifests[call.job];
            let begun = Instant::now();
            let reply =
                worker::answer(self.assignment.worker, &mut permit, self.assignment.prompts, manifest, call)
                    .await;
            transcript.worker_job((call.job, call.sample), super::question_of(manifest), reply.text.clone());
            scheduler.done(
                lane,
                call,
                reply,
                begun.elapsed(),
                self.assignment.worker.usage().completion_tokens,
            );
            next = scheduler.next(lane);
        }
    }
}
