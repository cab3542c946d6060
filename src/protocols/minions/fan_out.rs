//! Runs the jobs of a round on the worker's slots.
//!
//! Whoever gets a seat at a server takes a whole group of jobs that share a chunk, so that the chunk is evaluated
//! once and its other jobs ride on the cached prefix. When no group is left, a seat takes half of what the busiest one
//! still has, so that no slot stands idle.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;

use super::Minions;
use super::progress::Progress;
use super::worker::{self, Lost};
use crate::protocols::{ProtocolError, Seat, Transcript};
use crate::sandbox::{JobManifest, JobOutput};

/// Failed calls, and no other ones, after which the rest would only wait for the same end.
const HOPELESS: usize = 8;
/// A reply costs about as much as reading this many characters.
const REPLY: usize = 1000;
/// So many calls are shared out at once, though each seat has to read the chunk then; of more the first is done alone,
/// after which servers that share what they have read have the chunk for all seats.
const FEW: usize = 3;

/// What a worker said to one job.
#[derive(Clone, Debug)]
pub struct Reply {
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
        let calls = groups.iter().map(VecDeque::len).sum();
        let progress = Progress::new(calls, self.worker.usage().completion_tokens, self.bar);
        let board = Board::new(groups, progress);
        let mut lanes = FuturesUnordered::new();
        let mut seat = Box::pin(self.worker.seat(None));
        loop {
            if !board.has_work() {
                // It must not take the turn of another job's.
                seat.set(self.worker.seat(None));
            }
            tokio::select! {
                // A slot that is free is filled before anything else is looked at.
                biased;
                free = &mut seat, if board.has_work() => {
                    if let Some(first) = board.open() {
                        lanes.push(self.run_lane(first, free, &board, manifests, transcript));
                    }
                    seat.set(self.worker.seat(None));
                }
                Some(()) = lanes.next() => {}
                () = board.warmed.notified(), if !lanes.is_empty() => {}
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
        mut seat: Seat,
        board: &Board,
        manifests: &[JobManifest],
        transcript: &Transcript,
    ) {
        let mut next = Some(first);
        while let Some(call) = next {
            let manifest = &manifests[call.0];
            let reply = worker::answer(self.worker, &mut seat, self.prompts, manifest, call).await;
            transcript.worker_job(call, super::question_of(manifest), reply.text.clone());
            board.done(call, reply, self.worker.usage().completion_tokens);
            next = board.next(lane);
        }
    }
}

/// Calls that share a chunk; what takes longest comes first, so that none of it is left for the end.
fn groups(manifests: &[JobManifest], samples: u32) -> VecDeque<VecDeque<Call>> {
    let mut groups: Vec<(usize, VecDeque<Call>)> = Vec::new();
    let mut of_chunk = HashMap::new();
    for (job, manifest) in manifests.iter().enumerate() {
        let group = *of_chunk.entry(manifest.chunk.as_str()).or_insert_with(|| {
            groups.push((manifest.chunk.len(), VecDeque::new()));
            groups.len() - 1
        });
        let (work, calls) = &mut groups[group];
        *work += samples as usize * REPLY + manifest.task.len() + manifest.advice.len();
        calls.extend((0..samples).map(|sample| (job, sample)));
    }
    groups.sort_by_key(|(work, _)| Reverse(*work));
    groups.into_iter().map(|(_, calls)| calls).collect()
}

/// Who does what, and what is done.
struct Board {
    state: Mutex<State>,
    /// Lanes may be split that could not before.
    warmed: Notify,
}

struct State {
    waiting: VecDeque<VecDeque<Call>>,
    lanes: Vec<Lane>,
    done: Vec<(Call, Reply)>,
    hopeless: bool,
    progress: Progress,
}

/// The calls of one seat.
struct Lane {
    left: VecDeque<Call>,
    /// A call has ended since it was opened, most likely its first.
    warm: bool,
}

impl Lane {
    fn can_be_split(&self) -> bool {
        !self.left.is_empty() && (self.warm || self.left.len() <= FEW)
    }
}

impl Board {
    fn new(waiting: VecDeque<VecDeque<Call>>, progress: Progress) -> Self {
        let (lanes, done) = (Vec::new(), Vec::new());
        let state = Mutex::new(State { waiting, lanes, done, hopeless: false, progress });
        Self { state, warmed: Notify::new() }
    }

    /// Whether a further lane would find something to do.
    fn has_work(&self) -> bool {
        let state = self.state();
        !state.hopeless && (!state.waiting.is_empty() || state.lanes.iter().any(Lane::can_be_split))
    }

    /// A new lane with a group of its own, or with half of the busiest lane's. It has its first call in hand, which no
    /// other can take.
    fn open(&self) -> Option<(usize, Call)> {
        let state = &mut *self.state();
        let mut left = state.waiting.pop_front().or_else(|| state.half_of_the_busiest())?;
        let first = left.pop_front()?;
        state.lanes.push(Lane { left, warm: false });
        Some((state.lanes.len() - 1, first))
    }

    /// The next call of `lane`.
    fn next(&self, lane: usize) -> Option<Call> {
        let state = &mut *self.state();
        if state.hopeless { None } else { state.lanes[lane].left.pop_front() }
    }

    fn done(&self, call: Call, reply: Reply, tokens: u64) {
        let state = &mut *self.state();
        // Its server has read the chunk; and one that another lane has overtaken is not worth waiting for.
        if state.lanes.iter().any(|lane| !lane.warm) {
            state.lanes.iter_mut().for_each(|lane| lane.warm = true);
            self.warmed.notify_one();
        }
        let is_hopeless = reply.lost.as_ref().is_some_and(Lost::is_hopeless);
        state.done.push((call, reply));
        // Nothing has come through, on any lane: the rest would only wait for the same end.
        let none_came = state.done.iter().all(|(_, reply)| matches!(reply.lost, Some(Lost::Call(_))));
        state.hopeless |= none_came && (is_hopeless || state.done.len() >= HOPELESS);
        state.progress.tell(state.done.len(), tokens);
    }

    /// All replies in the order of their calls; an error if no call has come through.
    fn into_replies(self) -> Result<Vec<Reply>, ProtocolError> {
        let mut done = self.state.into_inner().unwrap_or_else(PoisonError::into_inner).done;
        done.sort_by_key(|(call, _)| *call);
        let all_lost = done.iter().all(|(_, reply)| matches!(reply.lost, Some(Lost::Call(_))));
        match done.first() {
            Some((_, Reply { lost: Some(Lost::Call(error)), .. })) if all_lost => {
                Err(ProtocolError::Worker(error.clone()))
            }
            _ => Ok(done.into_iter().map(|(_, reply)| reply).collect()),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn half_of_the_busiest(&mut self) -> Option<VecDeque<Call>> {
        let splittable = self.lanes.iter_mut().filter(|lane| lane.can_be_split());
        let busiest = &mut splittable.max_by_key(|lane| lane.left.len())?.left;
        Some(busiest.split_off(busiest.len() / 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(chunk: &str, task: &str) -> JobManifest {
        JobManifest { chunk: chunk.into(), task: task.into(), ..JobManifest::default() }
    }

    fn board(manifests: &[JobManifest], samples: u32) -> Board {
        Board::new(groups(manifests, samples), Progress::new(manifests.len(), 0, false))
    }

    /// All calls of a new lane.
    fn drain(board: &Board) -> Vec<Call> {
        let Some((lane, first)) = board.open() else { return Vec::new() };
        std::iter::once(first).chain(std::iter::from_fn(|| board.next(lane))).collect()
    }

    #[test]
    fn a_lane_takes_the_whole_group_of_a_chunk() {
        let chunks = [("a", "1"), ("b", "1"), ("a", "2"), ("b", "2"), ("b", "3")];
        let board = board(&chunks.map(|(chunk, task)| manifest(chunk, task)), 1);
        assert_eq!(drain(&board), [(1, 0), (3, 0), (4, 0)]);
        assert_eq!(drain(&board), [(0, 0), (2, 0)]);
        assert_eq!((board.has_work(), board.open()), (false, None));
    }

    #[test]
    fn long_chunks_come_first() {
        let long = "b".repeat(3000);
        let board = board(&[manifest("a", "1"), manifest("a", "2"), manifest(&long, "1")], 1);
        assert_eq!(drain(&board), [(2, 0)]);
    }

    #[test]
    fn an_idle_seat_takes_half_of_the_busiest() {
        let manifests: Vec<_> = (0..9).map(|task| manifest("a", &task.to_string())).collect();
        let board = board(&manifests, 1);
        assert_eq!(board.open(), Some((0, (0, 0))));
        // The chunk is read by one first.
        assert_eq!((board.has_work(), board.open()), (false, None));
        let reply = Reply { job: 0, output: JobOutput::default(), text: String::new(), lost: None };
        board.done((0, 0), reply, 0);
        assert_eq!(board.next(0), Some((1, 0)));
        assert_eq!(drain(&board), [(5, 0), (6, 0), (7, 0), (8, 0)]);
        assert_eq!(drain(&board), [(3, 0), (4, 0)]);
        assert_eq!(drain(&board), [(2, 0)]);
    }

    #[test]
    fn a_call_in_hand_is_not_taken_away() {
        let board = board(&[manifest("a", "1"), manifest("a", "2")], 1);
        assert_eq!(board.open(), Some((0, (0, 0))));
        assert_eq!(board.open(), Some((1, (1, 0))));
        assert_eq!((board.has_work(), board.open()), (false, None));
    }

    #[test]
    fn samples_of_a_job_stay_together() {
        assert_eq!(drain(&board(&[manifest("a", "1")], 3)), [(0, 0), (0, 1), (0, 2)]);
    }
}
