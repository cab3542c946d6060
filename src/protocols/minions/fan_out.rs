//! Runs the jobs of a round on the worker's slots.
//!
//! Whoever gets a seat at a server makes the calls of one lane; which those are is the [`Scheduler`]'s business.

use std::time::Instant;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::Minions;
use super::scheduler::{Scheduler, groups};
use super::worker::{self, Lost};
use crate::protocols::{Permit, ProtocolError, Transcript};
use crate::sandbox::{JobManifest, JobOutput};

/// What a worker said to one job.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// The job's position among the manifests.
    pub job: usize,
    /// The reply as the supervisor's code sees it.
    pub output: JobOutput,
    /// The reply as it was.
    pub text: String,
    /// Why there is none.
    pub lost: Option<Lost>,
}

/// One call to make: the job's position and the sample.
pub(super) type Call = (usize, u32);

impl Minions<'_> {
    /// Asks the worker each job, as often as the job wants samples. Replies are in the order of the manifests.
    pub(super) async fn fan_out(
        &self,
        manifests: &[JobManifest],
        transcript: &Transcript,
    ) -> Result<Vec<Reply>, ProtocolError> {
        let groups = groups(manifests, self.params.num_samples_per_task);
        let board = Scheduler::new(groups);
        let mut lanes = FuturesUnordered::new();
        let mut seat = Box::pin(self.worker.seat(None));
        let mut wants_seat = true;
        loop {
            if !wants_seat {
                // It must not take the turn of another job's.
                seat.set(self.worker.seat(None));
            }
            tokio::select! {
                // A slot that is free is filled before anything else is looked at.
                biased;
                free = &mut seat, if wants_seat => {
                    let opened = board.open(free.home(), free.shares_prefixes());
                    wants_seat = opened.is_some() && board.has_work();
                    if let Some(first) = opened {
                        lanes.push(self.run_lane(first, free, &board, manifests, transcript));
                    }
                    seat.set(self.worker.seat(None));
                }
                Some(()) = lanes.next() => wants_seat = board.has_work(),
                () = board.changed.notified(), if !lanes.is_empty() => wants_seat = board.has_work(),
                else => break,
            }
        }
        drop(lanes);
        transcript.end_of_fan_out();
        board.into_replies()
    }

    /// Works through one group from its first call on.
    async fn run_lane(
        &self,
        (lane, first): (usize, Call),
        mut seat: Permit,
        board: &Scheduler,
        manifests: &[JobManifest],
        transcript: &Transcript,
    ) {
        let mut next = Some(first);
        while let Some(call) = next {
            let manifest = &manifests[call.0];
            let begun = Instant::now();
            let reply = worker::answer(self.worker, &mut seat, self.prompts, manifest, call).await;
            transcript.worker_job(call, super::question_of(manifest), reply.text.clone());
            board.done(lane, call, reply, begun.elapsed());
            next = board.next(lane);
        }
    }
}
