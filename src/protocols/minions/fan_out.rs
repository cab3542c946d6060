//! Runs the jobs of a round on the worker's lanes.
//!
//! A lane is one slot of the model server. It takes a whole group of jobs that share a chunk, so that the chunk
//! is evaluated once and its other jobs ride on the cached prefix. When no group is left, a lane takes half of
//! what the busiest one still has, so that none stands idle.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::Minions;
use super::worker::{self, Lost};
use crate::protocols::{ProtocolError, Transcript};
use crate::sandbox::{JobManifest, JobOutput};

/// Time between two lines of progress.
const PROGRESS_EVERY: Duration = Duration::from_secs(3);

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

/// One call to make.
type Call = (usize, u32);

impl Minions<'_> {
    /// Asks the worker each job, as often as the job wants samples. Replies are in the order of the manifests.
    pub(super) async fn fan_out(
        &self,
        manifests: &[JobManifest],
        transcript: &Transcript,
    ) -> Result<Vec<Reply>, ProtocolError> {
        let samples = self.params.num_samples_per_task;
        let board = Board::new(groups(manifests, samples), self.lanes);
        let lanes = (0..board.lanes()).map(|lane| self.run_lane(lane, &board, manifests, transcript));
        join_all(lanes).await;
        let mut done = board.into_done();
        let all_lost = done.iter().all(|(_, reply)| matches!(reply.lost, Some(Lost::Call(_))));
        let worst = done.iter().find_map(|(_, reply)| match &reply.lost {
            Some(Lost::Call(error)) if all_lost => Some(error.clone()),
            _ => None,
        });
        if let Some(error) = worst {
            return Err(ProtocolError::Worker(error));
        }
        done.sort_by_key(|(call, _)| *call);
        Ok(done.into_iter().map(|(_, reply)| reply).collect())
    }

    async fn run_lane(&self, lane: usize, board: &Board, manifests: &[JobManifest], transcript: &Transcript) {
        while let Some((job, sample)) = board.next(lane) {
            let reply = worker::answer(self.worker, &manifests[job], job, sample).await;
            transcript.worker_job(super::question_of(&manifests[job]), reply.text.clone());
            board.done((job, sample), reply);
        }
    }
}

/// Calls that share a chunk, largest groups first, so that no large one is left for the end.
fn groups(manifests: &[JobManifest], samples: u32) -> VecDeque<VecDeque<Call>> {
    let mut groups: Vec<VecDeque<Call>> = Vec::new();
    let mut of_chunk = std::collections::HashMap::new();
    for (job, manifest) in manifests.iter().enumerate() {
        let group = *of_chunk.entry(manifest.chunk.as_str()).or_insert_with(|| {
            groups.push(VecDeque::new());
            groups.len() - 1
        });
        groups[group].extend((0..samples).map(|sample| (job, sample)));
    }
    groups.sort_by_key(|group| Reverse(group.len()));
    groups.into()
}

/// Who does what, and what is done.
struct Board(Mutex<State>);

struct State {
    waiting: VecDeque<VecDeque<Call>>,
    lanes: Vec<VecDeque<Call>>,
    done: Vec<(Call, Reply)>,
    total: usize,
    hopeless: bool,
    told: Instant,
}

impl Board {
    fn new(waiting: VecDeque<VecDeque<Call>>, lanes: usize) -> Self {
        let total: usize = waiting.iter().map(VecDeque::len).sum();
        let lanes = vec![VecDeque::new(); lanes.clamp(1, total.max(1))];
        Self(Mutex::new(State {
            waiting,
            lanes,
            done: Vec::new(),
            total,
            hopeless: false,
            told: Instant::now(),
        }))
    }

    fn lanes(&self) -> usize {
        self.state().lanes.len()
    }

    /// The next call of `lane`.
    fn next(&self, lane: usize) -> Option<Call> {
        let state = &mut *self.state();
        if state.hopeless {
            return None;
        }
        if state.lanes[lane].is_empty() {
            state.lanes[lane] = state.waiting.pop_front().or_else(|| state.half_of_the_busiest())?;
        }
        state.lanes[lane].pop_front()
    }

    fn done(&self, call: Call, reply: Reply) {
        let state = &mut *self.state();
        let is_hopeless = reply.lost.as_ref().is_some_and(Lost::is_hopeless);
        state.done.push((call, reply));
        // Nothing has come through, on any lane: the rest would only wait for the same end.
        let none_came = state.done.iter().all(|(_, reply)| matches!(reply.lost, Some(Lost::Call(_))));
        state.hopeless |= none_came && (is_hopeless || state.done.len() > state.lanes.len());
        if state.told.elapsed() >= PROGRESS_EVERY || state.done.len() == state.total {
            state.told = Instant::now();
            tracing::info!("worker jobs: {} of {} done", state.done.len(), state.total);
        }
    }

    fn into_done(self) -> Vec<(Call, Reply)> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner).done
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn half_of_the_busiest(&mut self) -> Option<VecDeque<Call>> {
        let busiest =
            self.lanes.iter_mut().max_by_key(|calls| calls.len()).filter(|calls| !calls.is_empty())?;
        Some(busiest.split_off(busiest.len() / 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(chunk: &str, task: &str) -> JobManifest {
        JobManifest { chunk: chunk.into(), task: task.into(), ..JobManifest::default() }
    }

    fn drain(board: &Board, lane: usize, calls: usize) -> Vec<Call> {
        std::iter::from_fn(|| board.next(lane)).take(calls).collect()
    }

    #[test]
    fn a_lane_takes_the_whole_group_of_a_chunk() {
        let manifests = [
            manifest("a", "1"),
            manifest("b", "1"),
            manifest("a", "2"),
            manifest("b", "2"),
            manifest("b", "3"),
        ];
        let board = Board::new(groups(&manifests, 1), 2);
        assert_eq!(drain(&board, 0, 3), [(1, 0), (3, 0), (4, 0)]);
        assert_eq!(drain(&board, 1, 3), [(0, 0), (2, 0)]);
    }

    #[test]
    fn an_idle_lane_takes_half_of_the_busiest() {
        let manifests: Vec<_> = (0..9).map(|task| manifest("a", &task.to_string())).collect();
        let board = Board::new(groups(&manifests, 1), 3);
        assert_eq!(board.next(0), Some((0, 0)));
        assert_eq!(drain(&board, 1, 2), [(5, 0), (6, 0)]);
        assert_eq!(board.next(2), Some((3, 0)));
    }

    #[test]
    fn samples_of_a_job_stay_together_and_lanes_never_outnumber_calls() {
        let board = Board::new(groups(&[manifest("a", "1")], 3), 16);
        assert_eq!(board.lanes(), 3);
        assert_eq!(drain(&board, 0, 9), [(0, 0), (0, 1), (0, 2)]);
    }
}
