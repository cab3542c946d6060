//! Decides which call is made next.
//!
//! A lane takes the whole group of jobs that share a chunk, so that the server reads the chunk once and answers the
//! other jobs from its cache. When no group is left, a new lane takes half of the calls of the lane with the most left,
//! so that no slot is idle; it does not where reading the chunk again would cost more time than it saves.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::call::{Call, WorkerReply};
use super::give_up::{GiveUpPolicy, MAX_FAILURES_IN_A_ROW};
use super::lane::{CallTimes, Lane};
use crate::documents::bm25;
use crate::protocols::ProtocolError;
use crate::sandbox::JobManifest;
use crate::sync::lock;

/// Writing a reply costs about as much time as reading this many characters.
const REPLY_COST: usize = 1000;

/// Groups the calls that share a chunk. A group that takes far longer than others comes first, so that it does not end
/// last; then those that probably hold what is asked for, so that their answers are there early.
pub(super) fn groups(manifests: &[JobManifest], samples: u32) -> VecDeque<VecDeque<Call>> {
    let mut groups: Vec<(usize, VecDeque<Call>)> = Vec::new();
    let mut group_of_chunk = HashMap::new();
    for (job, manifest) in manifests.iter().enumerate() {
        let group = *group_of_chunk.entry(&*manifest.chunk).or_insert_with(|| {
            groups.push((manifest.chunk.len(), VecDeque::new()));
            groups.len() - 1
        });
        let (cost, calls) = &mut groups[group];
        *cost += samples as usize * REPLY_COST + manifest.task.len() + manifest.advice.len();
        calls.extend((0..samples).map(|sample| Call { job, sample }));
    }
    let much = 2 * groups.iter().map(|(cost, _)| cost).sum::<usize>() / groups.len().max(1);
    let mut groups: Vec<_> = relevance(manifests, &groups).into_iter().zip(groups).collect();
    groups.sort_by(|(one_score, (one, _)), (other_score, (other, _))| {
        let is_long = (*other > much).cmp(&(*one > much));
        is_long.then(other_score.total_cmp(one_score)).then(other.cmp(one))
    });
    groups.into_iter().map(|(_, (_, calls))| calls).collect()
}

/// How much the chunk of each group has in common with what is asked, by its words.
fn relevance(manifests: &[JobManifest], groups: &[(usize, VecDeque<Call>)]) -> Vec<f32> {
    let tasks: BTreeSet<&str> = manifests.iter().map(|manifest| &*manifest.task).collect();
    let queries: Vec<_> = tasks.into_iter().map(|task| (task.to_owned(), 1.0)).collect();
    let chunks: Vec<&str> = groups.iter().map(|(_, calls)| &*manifests[calls[0].job].chunk).collect();
    bm25(&queries, &chunks)
}

/// Which calls wait, which lane makes which, and what the ended ones gave.
pub(super) struct Scheduler {
    state: Mutex<State>,
    /// Notified when a call ends: a lane may be split now that could not be before.
    pub changed: Notify,
}

struct State {
    waiting: VecDeque<VecDeque<Call>>,
    lanes: Vec<Lane>,
    done: Vec<(Call, WorkerReply)>,
    times: CallTimes,
    give_up: GiveUpPolicy,
}

impl Scheduler {
    /// Schedules the calls of `groups`, beside those that are `done` already.
    pub(super) fn new(groups: VecDeque<VecDeque<Call>>, done: Vec<(Call, WorkerReply)>) -> Self {
        let mut give_up = GiveUpPolicy::default();
        done.iter().for_each(|(_, reply)| give_up.add(reply.lost.as_ref()));
        let state = State { waiting: groups, lanes: Vec::new(), done, times: CallTimes::default(), give_up };
        Self { state: Mutex::new(state), changed: Notify::new() }
    }

    /// Whether a further lane might find a call to make.
    pub(super) fn has_work(&self) -> bool {
        let state = self.state();
        !state.give_up.should_stop()
            && (!state.waiting.is_empty() || state.lanes.iter().any(|lane| !lane.left.is_empty()))
    }

    /// Opens a lane on a slot of `server`, with a group of its own or with half of the calls of the lane with the most
    /// left. Gives the lane and its first call, which no other lane can take. `shares_prefixes`: the slot has the
    /// prompts cached that other slots of its server have read.
    pub(super) fn open(&self, server: usize, shares_prefixes: bool) -> Option<(usize, Call)> {
        let state = &mut *self.state();
        if state.give_up.should_stop() {
            return None;
        }
        let State { waiting, lanes, times, .. } = state;
        let mut left = waiting.pop_front().or_else(|| {
            let splittable =
                lanes.iter_mut().filter(|lane| lane.can_be_split(server, shares_prefixes, times));
            let longest = &mut splittable.max_by_key(|lane| lane.left.len())?.left;
            Some(longest.split_off(longest.len() / 2))
        })?;
        let first = left.pop_front()?;
        state.lanes.push(Lane::new(server, left));
        Some((state.lanes.len() - 1, first))
    }

    /// The next call of `lane`.
    pub(super) fn next(&self, lane: usize) -> Option<Call> {
        let state = &mut *self.state();
        if state.give_up.should_stop() {
            // Another lane makes these calls, should an answer still come.
            let left = std::mem::take(&mut state.lanes[lane].left);
            state.waiting.extend(Some(left).filter(|left| !left.is_empty()));
            return None;
        }
        state.lanes[lane].left.pop_front()
    }

    /// Notes that a call of `lane` ended after `took`.
    pub(super) fn done(&self, lane: usize, call: Call, reply: WorkerReply, took: Duration) {
        let state = &mut *self.state();
        if reply.lost.is_none() {
            let is_first = std::mem::take(&mut state.lanes[lane].is_new);
            let times = if is_first { &mut state.times.first } else { &mut state.times.others };
            times.add(took);
        }
        // This lane's server has read its chunk; and a lane whose first call takes longer than this one should not be
        // waited for.
        state.lanes.iter_mut().for_each(|lane| lane.is_warm = true);
        self.changed.notify_one();
        state.give_up.add(reply.lost.as_ref());
        state.done.push((call, reply));
    }

    /// The calls that no lane has made.
    pub(super) fn not_made(&self) -> Vec<Call> {
        let state = self.state();
        let lanes = state.lanes.iter().map(|lane| &lane.left);
        lanes.chain(&state.waiting).flatten().copied().collect()
    }

    /// All replies in the order of their calls, with a lost one for each call that was not made. An error if no call
    /// was answered, or if the job may send nothing more.
    pub(super) fn into_replies(self) -> Result<Vec<WorkerReply>, ProtocolError> {
        let State { mut done, waiting, lanes, give_up, .. } =
            self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let is_fatal = give_up.is_fatal();
        if let Some(reason) = give_up.reason {
            if is_fatal {
                return Err(ProtocolError::Worker(reason));
            }
            let left = lanes.into_iter().map(|lane| lane.left).chain(waiting).flatten();
            let calls = done.len();
            done.extend(left.map(|call| (call, WorkerReply::failed(call.job, reason.clone()))));
            if calls < done.len() {
                tracing::warn!(
                    "{} worker calls were not made: the last {MAX_FAILURES_IN_A_ROW} all failed",
                    done.len() - calls
                );
            }
        }
        done.sort_by_key(|(call, _)| *call);
        Ok(done.into_iter().map(|(_, reply)| reply).collect())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

#[cfg(test)]
mod tests {
    use super::super::give_up::{MAX_FAILURES_WITHOUT_ANSWER, MAX_SETUP_FAILURES};
    use super::*;
    use crate::chat::{ChatError, ChatErrorKind};
    use crate::sandbox::JobOutput;

    fn manifest(chunk: &str, task: &str) -> JobManifest {
        JobManifest { chunk: chunk.into(), task: task.into(), ..JobManifest::default() }
    }

    fn scheduler_of(manifests: &[JobManifest], samples: u32) -> Scheduler {
        Scheduler::new(groups(manifests, samples), Vec::new())
    }

    /// The first sample of `job`.
    fn call(job: usize) -> Call {
        Call { job, sample: 0 }
    }

    /// Opens a lane at a server whose slots share what they have read.
    fn open(scheduler: &Scheduler) -> Option<(usize, Call)> {
        scheduler.open(0, true)
    }

    /// The call ends after `took` ms.
    fn end(scheduler: &Scheduler, lane: usize, call: Call, took: u64) {
        let reply = WorkerReply {
            job: call.job,
            output: JobOutput::default(),
            text: String::new(),
            asked_again: false,
            lost: None,
        };
        scheduler.done(lane, call, reply, Duration::from_millis(took));
    }

    /// The call fails.
    fn lose(scheduler: &Scheduler, lane: usize, call: Call, kind: ChatErrorKind) {
        let error = ChatError::new(kind, format!("{kind:?}"));
        let reply = WorkerReply::failed(call.job, error);
        scheduler.done(lane, call, reply, Duration::ZERO);
    }

    /// A scheduler of `chunks` chunks with two jobs each, and a lane for each chunk.
    fn lanes(chunks: usize) -> Scheduler {
        let scheduler = scheduler_of(
            &(0..2 * chunks).map(|n| manifest(&(n / 2).to_string(), "Who?")).collect::<Vec<_>>(),
            1,
        );
        (0..chunks).for_each(|lane| assert_eq!(open(&scheduler), Some((lane, call(2 * lane)))));
        scheduler
    }

    /// All calls of a new lane.
    fn drain(scheduler: &Scheduler) -> Vec<Call> {
        let Some((lane, first)) = open(scheduler) else { return Vec::new() };
        std::iter::once(first).chain(std::iter::from_fn(|| scheduler.next(lane))).collect()
    }

    #[test]
    fn a_lane_takes_the_whole_group_of_a_chunk() {
        let chunks = [("a", "1"), ("b", "1"), ("a", "2"), ("b", "2"), ("b", "3")];
        let scheduler = scheduler_of(&chunks.map(|(chunk, task)| manifest(chunk, task)), 1);
        assert_eq!(drain(&scheduler), [call(1), call(3), call(4)]);
        assert_eq!(drain(&scheduler), [call(0), call(2)]);
        assert_eq!(open(&scheduler), None);
    }

    #[test]
    fn long_chunks_come_first() {
        let long = "b".repeat(3000);
        let scheduler = scheduler_of(&[manifest("a", "1"), manifest("a", "2"), manifest(&long, "1")], 1);
        assert_eq!(drain(&scheduler), [call(2)]);
    }

    #[test]
    fn what_probably_holds_the_answer_comes_first_after_what_takes_long() {
        let long = "gulls and terns ".repeat(500);
        let chunks = ["of ships and sails", "the captain of the ship", long.as_str(), "of sails", "of ropes"];
        let scheduler = scheduler_of(&chunks.map(|chunk| manifest(chunk, "Name the ship's captain.")), 1);
        let order: Vec<usize> = std::iter::from_fn(|| open(&scheduler)).map(|(_, call)| call.job).collect();
        assert_eq!(order, [2, 1, 0, 3, 4]);
    }

    #[test]
    fn an_idle_slot_takes_half_of_the_busiest() {
        let manifests: Vec<_> = (0..9).map(|task| manifest("a", &task.to_string())).collect();
        let scheduler = scheduler_of(&manifests, 1);
        assert_eq!(open(&scheduler), Some((0, call(0))));
        // The chunk is read by one first.
        assert_eq!(open(&scheduler), None);
        end(&scheduler, 0, call(0), 1);
        assert_eq!(scheduler.next(0), Some(call(1)));
        assert_eq!(drain(&scheduler), [call(5), call(6), call(7), call(8)]);
        assert_eq!(drain(&scheduler), [call(3), call(4)]);
        assert_eq!(drain(&scheduler), [call(2)]);
    }

    #[test]
    fn a_chunk_is_read_again_only_where_that_costs_little() {
        let manifests: Vec<_> = (0..10).map(|task| manifest("a", &task.to_string())).collect();
        // After two calls seven are left: they take 70 ms, of which reading may cost an eighth.
        for (first, is_split) in [(10, true), (18, true), (19, false), (500, false)] {
            let scheduler = scheduler_of(&manifests, 1);
            let open = || scheduler.open(0, false);
            open();
            for (job, took) in [(0, first), (1, 10)] {
                assert_eq!(open(), None, "nothing is known of the times before call {job} has ended");
                end(&scheduler, 0, call(job), took);
                assert_eq!(scheduler.next(0), Some(call(job + 1)));
            }
            assert_eq!(open(), is_split.then_some((1, call(6))), "{first}");
            // What one lane has learnt all know.
            assert_eq!(open(), (first == 10).then_some((2, call(8))), "{first}");
            // At another server it takes nobody's time.
            assert!(scheduler.open(1, false).is_some(), "{first}");
        }
    }

    #[test]
    fn what_reading_costs_is_learnt_from_all_chunks() {
        let scheduler =
            scheduler_of(&[("a", "1"), ("a", "2"), ("b", "1"), ("b", "2")].map(|(c, t)| manifest(c, t)), 1);
        let open = || scheduler.open(0, false);
        assert_eq!(open(), Some((0, call(0))));
        end(&scheduler, 0, call(0), 10);
        assert_eq!(scheduler.next(0), Some(call(1)));
        end(&scheduler, 0, call(1), 10);
        assert_eq!((open(), open()), (Some((1, call(2))), Some((2, call(3)))));
    }

    #[test]
    fn a_call_in_hand_is_not_taken_away() {
        let scheduler = scheduler_of(&[manifest("a", "1"), manifest("a", "2")], 1);
        assert_eq!(open(&scheduler), Some((0, call(0))));
        assert_eq!(open(&scheduler), Some((1, call(1))));
        assert_eq!(open(&scheduler), None);
    }

    #[test]
    fn samples_of_a_job_stay_together() {
        assert_eq!(
            drain(&scheduler_of(&[manifest("a", "1")], 3)),
            [0, 1, 2].map(|sample| Call { job: 0, sample })
        );
    }

    #[test]
    fn a_server_that_answers_nothing_is_given_up() {
        for (kind, limit) in
            [(ChatErrorKind::Server, MAX_FAILURES_WITHOUT_ANSWER), (ChatErrorKind::Auth, MAX_SETUP_FAILURES)]
        {
            let scheduler = lanes(10);
            (0..limit).for_each(|lane| {
                assert!(scheduler.has_work());
                lose(&scheduler, lane, call(2 * lane), kind);
            });
            assert!(!scheduler.has_work() && scheduler.next(0).is_none(), "{kind:?}");
            assert!(
                matches!(scheduler.into_replies(), Err(ProtocolError::Worker(error)) if error.kind == kind)
            );
        }
    }

    #[test]
    fn an_answer_that_comes_late_brings_hope_back() {
        let scheduler = lanes(4);
        for lane in 0..3 {
            lose(&scheduler, lane, call(2 * lane), ChatErrorKind::Auth);
            // Its second call is left for another lane, should an answer still come.
            assert_eq!(scheduler.next(lane), None);
        }
        assert!(!scheduler.has_work());
        end(&scheduler, 3, call(6), 1);
        assert_eq!(scheduler.next(3), Some(call(7)));
        // Also where slots do not share what they have read.
        for lane in 0..3 {
            assert_eq!(scheduler.open(0, false), Some((4 + lane, call(2 * lane + 1))));
        }
        assert!(!scheduler.has_work() && scheduler.into_replies().is_ok());
    }

    #[test]
    fn calls_that_a_server_leaves_behind_are_lost_and_not_forgotten() {
        let manifests: Vec<_> = (0..50).map(|n| manifest(&format!("{n:02}"), "1")).collect();
        let scheduler = scheduler_of(&manifests, 1);
        let mut calls = 0;
        while let Some((lane, call)) = open(&scheduler) {
            match call.job {
                0 | 10 => end(&scheduler, lane, call, 1),
                _ => lose(&scheduler, lane, call, ChatErrorKind::Server),
            }
            calls += 1;
        }
        assert_eq!(calls, 11 + MAX_FAILURES_IN_A_ROW);
        let replies = scheduler.into_replies().unwrap();
        assert_eq!(replies.iter().map(|reply| reply.job).collect::<Vec<_>>(), (0..50).collect::<Vec<_>>());
        assert_eq!(replies.iter().filter(|reply| reply.lost.is_none()).count(), 2);
        assert!(replies[49].output.explanation.contains("Server"));
    }

    #[test]
    fn what_is_a_calls_own_fault_says_nothing_of_the_others() {
        let scheduler = lanes(10);
        (0..10).for_each(|lane| lose(&scheduler, lane, call(2 * lane), ChatErrorKind::ContextTooLong));
        assert!(scheduler.has_work());
        // The supervisor may cut smaller chunks.
        assert!(scheduler.into_replies().is_ok());
        let scheduler = lanes(10);
        (0..10).for_each(|lane| lose(&scheduler, lane, call(2 * lane), ChatErrorKind::Rejected));
        assert!(scheduler.has_work() && scheduler.into_replies().is_err());
    }

    #[test]
    fn nothing_more_is_sent_once_a_call_was_withheld() {
        let scheduler = lanes(2);
        end(&scheduler, 0, call(0), 1);
        lose(&scheduler, 1, call(2), ChatErrorKind::Withheld);
        assert!(!scheduler.has_work() && scheduler.next(0).is_none());
        assert!(matches!(scheduler.into_replies(), Err(ProtocolError::Worker(_))));
    }
}
