//! Which call is made next.
//!
//! A lane takes a whole group of jobs that share a chunk, so that the chunk is evaluated once and its other jobs ride on
//! the cached prefix. When no group is left, a new lane takes half of what the busiest one still has, so that no slot
//! stands idle: unless it would have to read the chunk again, and that costs more than it saves.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::fan_out::{Call, Reply};
use super::give_up::{GONE, GiveUpPolicy};
use super::worker;
use crate::protocols::ProtocolError;
use crate::sandbox::JobManifest;

/// A reply costs about as much as reading this many characters.
const REPLY: usize = 1000;
/// Where slots share what they have read: so many calls are shared out at once, though each seat has to read the chunk
/// then; of more the first is done alone, after which it is there for all seats.
const FEW: usize = 3;
/// Where they do not: a chunk is read again if that takes less than this part of the time that its other calls still
/// need. Few, as reading takes the machine from the calls of all other slots.
const WORTH: u32 = 8;

/// Calls that share a chunk; what takes longest comes first, so that none of it is left for the end.
pub(super) fn groups(manifests: &[JobManifest], samples: u32) -> VecDeque<VecDeque<Call>> {
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
pub(super) struct Scheduler {
    state: Mutex<State>,
    /// A call has ended: a lane may be split that could not before.
    pub changed: Notify,
}

struct State {
    waiting: VecDeque<VecDeque<Call>>,
    lanes: Vec<Lane>,
    done: Vec<(Call, Reply)>,
    times: Times,
    fails: GiveUpPolicy,
}

/// The calls of one seat.
struct Lane {
    /// Which of the worker's servers it is at.
    server: usize,
    left: VecDeque<Call>,
    /// None of its own calls has ended.
    is_new: bool,
    /// A call of any lane has ended since it was opened.
    warm: bool,
}

/// How long calls have taken.
#[derive(Default)]
struct Times {
    /// The first ones of their lanes, which read a chunk.
    first: Mean,
    others: Mean,
}

#[derive(Default)]
struct Mean {
    sum: Duration,
    count: u32,
}

impl Lane {
    fn new(server: usize, left: VecDeque<Call>) -> Self {
        Self { server, left, is_new: true, warm: false }
    }

    /// Whether a slot of `server` may take calls of it. At another server there is nobody to be slowed down.
    fn can_be_split(&self, server: usize, shares_prefixes: bool, times: &Times) -> bool {
        let left = self.left.len();
        let is_worth_it = if shares_prefixes || server != self.server {
            self.warm || left <= FEW
        } else {
            times.are_worth_reading_again(left)
        };
        left > 0 && is_worth_it
    }
}

impl Times {
    /// Whether a chunk is read in a small part of the time that so many calls take after it.
    fn are_worth_reading_again(&self, calls: usize) -> bool {
        let (Some(first), Some(each)) = (self.first.value(), self.others.value()) else { return false };
        let calls = u32::try_from(calls).unwrap_or(u32::MAX);
        first.saturating_sub(each) * WORTH <= each.saturating_mul(calls)
    }
}

impl Mean {
    fn add(&mut self, took: Duration) {
        self.sum += took;
        self.count += 1;
    }

    fn value(&self) -> Option<Duration> {
        self.sum.checked_div(self.count)
    }
}

impl Scheduler {
    pub(super) fn new(waiting: VecDeque<VecDeque<Call>>) -> Self {
        let (lanes, done, times, fails) = (Vec::new(), Vec::new(), Times::default(), GiveUpPolicy::default());
        let state = Mutex::new(State { waiting, lanes, done, times, fails });
        Self { state, changed: Notify::new() }
    }

    /// Whether a further lane might find something to do.
    pub(super) fn has_work(&self) -> bool {
        let state = self.state();
        !state.fails.are_hopeless()
            && (!state.waiting.is_empty() || state.lanes.iter().any(|lane| !lane.left.is_empty()))
    }

    /// A new lane on a slot of `server`, with a group of its own or with half of the busiest lane's. It has its first
    /// call in hand, which no other can take. `shares_prefixes`: that slot has what the others of its server have read.
    pub(super) fn open(&self, server: usize, shares_prefixes: bool) -> Option<(usize, Call)> {
        let state = &mut *self.state();
        if state.fails.are_hopeless() {
            return None;
        }
        let State { waiting, lanes, times, .. } = state;
        let mut left = waiting.pop_front().or_else(|| {
            let splittable =
                lanes.iter_mut().filter(|lane| lane.can_be_split(server, shares_prefixes, times));
            let busiest = &mut splittable.max_by_key(|lane| lane.left.len())?.left;
            Some(busiest.split_off(busiest.len() / 2))
        })?;
        let first = left.pop_front()?;
        state.lanes.push(Lane::new(server, left));
        Some((state.lanes.len() - 1, first))
    }

    /// The next call of `lane`.
    pub(super) fn next(&self, lane: usize) -> Option<Call> {
        let state = &mut *self.state();
        if state.fails.are_hopeless() {
            // For another lane, should there be hope again.
            let left = std::mem::take(&mut state.lanes[lane].left);
            state.waiting.extend(Some(left).filter(|left| !left.is_empty()));
            return None;
        }
        state.lanes[lane].left.pop_front()
    }

    pub(super) fn done(&self, lane: usize, call: Call, reply: Reply, took: Duration) {
        let state = &mut *self.state();
        if reply.lost.is_none() {
            let is_first = std::mem::take(&mut state.lanes[lane].is_new);
            let times = if is_first { &mut state.times.first } else { &mut state.times.others };
            times.add(took);
        }
        // Its server has read the chunk; and one that another lane has overtaken is not worth waiting for.
        state.lanes.iter_mut().for_each(|lane| lane.warm = true);
        self.changed.notify_one();
        state.fails.add(reply.lost.as_ref());
        state.done.push((call, reply));
    }

    /// All replies in the order of their calls, lost ones for those that were not made; an error if no call could be
    /// answered, or the job may send no more.
    pub(super) fn into_replies(self) -> Result<Vec<Reply>, ProtocolError> {
        let State { mut done, waiting, lanes, fails, .. } =
            self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let is_fatal = fails.are_fatal();
        if let Some(reason) = fails.reason {
            if is_fatal {
                return Err(ProtocolError::Worker(reason));
            }
            let left = lanes.into_iter().map(|lane| lane.left).chain(waiting).flatten();
            let calls = done.len();
            done.extend(left.map(|call| (call, worker::lost(call.0, reason.clone()))));
            if calls < done.len() {
                tracing::warn!(
                    "{} worker calls were not made: the last {GONE} all failed",
                    done.len() - calls
                );
            }
        }
        done.sort_by_key(|(call, _)| *call);
        Ok(done.into_iter().map(|(_, reply)| reply).collect())
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::give_up::{HOPELESS, REFUSED};
    use super::super::worker::Lost;
    use super::*;
    use crate::chat::{ChatError, ChatErrorKind, Usage};
    use crate::sandbox::JobOutput;

    fn manifest(chunk: &str, task: &str) -> JobManifest {
        JobManifest { chunk: chunk.into(), task: task.into(), ..JobManifest::default() }
    }

    fn board(manifests: &[JobManifest], samples: u32) -> Scheduler {
        Scheduler::new(groups(manifests, samples))
    }

    /// A lane at a server whose slots share what they have read.
    fn open(board: &Scheduler) -> Option<(usize, Call)> {
        board.open(0, true)
    }

    /// Its call ends after so many ms.
    fn end(board: &Scheduler, lane: usize, call: Call, took: u64) {
        let reply = Reply { job: call.0, output: JobOutput::default(), text: String::new(), lost: None };
        board.done(lane, call, reply, Duration::from_millis(took));
    }

    /// Its call is lost.
    fn lose(board: &Scheduler, lane: usize, call: Call, kind: ChatErrorKind) {
        let error = ChatError {
            kind,
            message: format!("{kind:?}"),
            hint: None,
            retry_after: None,
            usage: Usage::default(),
        };
        let lost = Some(Lost::Call(error));
        let reply = Reply { job: call.0, output: JobOutput::default(), text: String::new(), lost };
        board.done(lane, call, reply, Duration::ZERO);
    }

    /// A board of so many chunks, with a lane for each.
    fn lanes(chunks: usize) -> Scheduler {
        let board =
            board(&(0..2 * chunks).map(|n| manifest(&(n / 2).to_string(), "1")).collect::<Vec<_>>(), 1);
        (0..chunks).for_each(|lane| assert_eq!(open(&board), Some((lane, (2 * lane, 0)))));
        board
    }

    /// All calls of a new lane.
    fn drain(board: &Scheduler) -> Vec<Call> {
        let Some((lane, first)) = open(board) else { return Vec::new() };
        std::iter::once(first).chain(std::iter::from_fn(|| board.next(lane))).collect()
    }

    #[test]
    fn a_lane_takes_the_whole_group_of_a_chunk() {
        let chunks = [("a", "1"), ("b", "1"), ("a", "2"), ("b", "2"), ("b", "3")];
        let board = board(&chunks.map(|(chunk, task)| manifest(chunk, task)), 1);
        assert_eq!(drain(&board), [(1, 0), (3, 0), (4, 0)]);
        assert_eq!(drain(&board), [(0, 0), (2, 0)]);
        assert_eq!(open(&board), None);
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
        assert_eq!(open(&board), Some((0, (0, 0))));
        // The chunk is read by one first.
        assert_eq!(open(&board), None);
        end(&board, 0, (0, 0), 1);
        assert_eq!(board.next(0), Some((1, 0)));
        assert_eq!(drain(&board), [(5, 0), (6, 0), (7, 0), (8, 0)]);
        assert_eq!(drain(&board), [(3, 0), (4, 0)]);
        assert_eq!(drain(&board), [(2, 0)]);
    }

    #[test]
    fn a_chunk_is_read_again_only_where_that_costs_little() {
        let manifests: Vec<_> = (0..10).map(|task| manifest("a", &task.to_string())).collect();
        // After two calls seven are left: they take 70 ms, of which reading may cost an eighth.
        for (first, is_split) in [(10, true), (18, true), (19, false), (500, false)] {
            let board = board(&manifests, 1);
            let open = || board.open(0, false);
            open();
            for (job, took) in [(0, first), (1, 10)] {
                assert_eq!(open(), None, "nothing is known of the times before call {job} has ended");
                end(&board, 0, (job, 0), took);
                assert_eq!(board.next(0), Some((job + 1, 0)));
            }
            assert_eq!(open(), is_split.then_some((1, (6, 0))), "{first}");
            // What one lane has learnt all know.
            assert_eq!(open(), (first == 10).then_some((2, (8, 0))), "{first}");
            // At another server it takes nobody's time.
            assert!(board.open(1, false).is_some(), "{first}");
        }
    }

    #[test]
    fn what_reading_costs_is_learnt_from_all_chunks() {
        let board = board(&[("a", "1"), ("a", "2"), ("b", "1"), ("b", "2")].map(|(c, t)| manifest(c, t)), 1);
        let open = || board.open(0, false);
        assert_eq!(open(), Some((0, (0, 0))));
        end(&board, 0, (0, 0), 10);
        assert_eq!(board.next(0), Some((1, 0)));
        end(&board, 0, (1, 0), 10);
        assert_eq!((open(), open()), (Some((1, (2, 0))), Some((2, (3, 0)))));
    }

    #[test]
    fn a_call_in_hand_is_not_taken_away() {
        let board = board(&[manifest("a", "1"), manifest("a", "2")], 1);
        assert_eq!(open(&board), Some((0, (0, 0))));
        assert_eq!(open(&board), Some((1, (1, 0))));
        assert_eq!(open(&board), None);
    }

    #[test]
    fn samples_of_a_job_stay_together() {
        assert_eq!(drain(&board(&[manifest("a", "1")], 3)), [(0, 0), (0, 1), (0, 2)]);
    }

    #[test]
    fn a_server_that_answers_nothing_is_given_up() {
        for (kind, limit) in [(ChatErrorKind::Server, HOPELESS), (ChatErrorKind::Auth, REFUSED)] {
            let board = lanes(10);
            (0..limit).for_each(|lane| {
                assert!(board.has_work());
                lose(&board, lane, (2 * lane, 0), kind);
            });
            assert!(!board.has_work() && board.next(0).is_none(), "{kind:?}");
            assert!(matches!(board.into_replies(), Err(ProtocolError::Worker(error)) if error.kind == kind));
        }
    }

    #[test]
    fn an_answer_that_comes_late_brings_hope_back() {
        let board = lanes(4);
        for lane in 0..3 {
            lose(&board, lane, (2 * lane, 0), ChatErrorKind::Auth);
            // Its second call is left.
            assert_eq!(board.next(lane), (lane < 2).then_some((2 * lane + 1, 0)));
        }
        assert!(!board.has_work());
        end(&board, 3, (6, 0), 1);
        assert_eq!(board.next(3), Some((7, 0)));
        // Also where slots do not share what they have read.
        assert_eq!(board.open(0, false), Some((4, (5, 0))));
        assert!(!board.has_work() && board.into_replies().is_ok());
    }

    #[test]
    fn calls_that_a_server_leaves_behind_are_lost_and_not_forgotten() {
        let manifests: Vec<_> = (0..50).map(|n| manifest(&format!("{n:02}"), "1")).collect();
        let board = board(&manifests, 1);
        let mut calls = 0;
        while let Some((lane, call)) = open(&board) {
            match call.0 {
                0 | 10 => end(&board, lane, call, 1),
                _ => lose(&board, lane, call, ChatErrorKind::Server),
            }
            calls += 1;
        }
        assert_eq!(calls, 11 + GONE);
        let replies = board.into_replies().unwrap();
        assert_eq!(replies.iter().map(|reply| reply.job).collect::<Vec<_>>(), (0..50).collect::<Vec<_>>());
        assert_eq!(replies.iter().filter(|reply| reply.lost.is_none()).count(), 2);
        assert!(replies[49].output.explanation.contains("Server"));
    }

    #[test]
    fn what_is_a_calls_own_fault_says_nothing_of_the_others() {
        let board = lanes(10);
        (0..10).for_each(|lane| lose(&board, lane, (2 * lane, 0), ChatErrorKind::ContextTooLong));
        assert!(board.has_work());
        // The supervisor may cut smaller chunks.
        assert!(board.into_replies().is_ok());
        let board = lanes(10);
        (0..10).for_each(|lane| lose(&board, lane, (2 * lane, 0), ChatErrorKind::Rejected));
        assert!(board.has_work() && board.into_replies().is_err());
    }

    #[test]
    fn nothing_more_is_sent_once_a_call_was_withheld() {
        let board = lanes(2);
        end(&board, 0, (0, 0), 1);
        lose(&board, 1, (2, 0), ChatErrorKind::Withheld);
        assert!(!board.has_work() && board.next(0).is_none());
        assert!(matches!(board.into_replies(), Err(ProtocolError::Worker(_))));
    }
}
