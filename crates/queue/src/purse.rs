//! A worker's hand in the budget of its queue, and how the budget is set and seen.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::jetstream::kv::{CreateErrorKind, Operation, UpdateErrorKind};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::budget::{Answer, Budget, Call, Cost, Ended, Limits};
use crate::queue::{patient, stubborn};
use crate::workers::Worker;
use crate::{Queue, QueueError};

/// The key of the budget.
const KEY: &str = "budget";
/// Between two looks for room.
const LOOK: Duration = Duration::from_millis(250);

/// A worker's hand in the budget. It ends with [`Purse::close`].
pub struct Purse {
    hand: Arc<Hand>,
    settling: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

struct Hand {
    queue: Queue,
    worker: String,
    /// The budget as it was seen last; `None` if there is none.
    seen: Mutex<Option<Budget>>,
    clock: Mutex<Clock>,
    /// Calls that the budget does not know to have ended.
    ended: Mutex<Ended>,
    has_ended: Notify,
    /// One change at a time, each with a number.
    turn: tokio::sync::Mutex<u64>,
    is_closing: AtomicBool,
}

/// The broker's time, in microseconds, at a moment of this machine.
#[derive(Clone, Copy)]
struct Clock {
    here: Instant,
    there: i64,
}

impl Clock {
    fn now(self) -> i64 {
        self.there.saturating_add(i64::try_from(self.here.elapsed().as_micros()).unwrap_or(i64::MAX))
    }

    fn here(self, there: i64) -> Instant {
        self.here + Duration::from_micros(u64::try_from(there - self.there).unwrap_or(0))
    }
}

impl Queue {
    /// The budget, if it was ever set.
    ///
    /// # Errors
    /// The broker does not tell.
    pub async fn budget(&self) -> Result<Option<Budget>, QueueError> {
        patient(|| async { Ok(self.kept_budget().await?.map(|(budget, _)| budget)) }).await
    }

    /// Sets the limits that are given, and has workers go on that had used up what there was. What was spent stays.
    ///
    /// # Errors
    /// The broker does not take it.
    pub async fn set_limits(&self, limits: Limits) -> Result<(), QueueError> {
        let tally = self.tally().await?;
        let so_far = Cost { tokens: tally.tokens, usd: tally.usd.unwrap_or_default() };
        patient(|| async {
            loop {
                let kept = self.kept_budget().await?;
                let revision = kept.as_ref().map(|(_, revision)| *revision);
                let mut budget = kept.map_or_else(|| Budget::of(so_far), |(budget, _)| budget);
                budget.limits = limits.or(budget.limits);
                budget.is_used_up = false;
                if self.keep_budget(&budget, revision).await? {
                    return Ok(());
                }
            }
        })
        .await
    }

    async fn kept_budget(&self) -> Result<Option<(Budget, u64)>, QueueError> {
        let entry = self.keys.entry(KEY).await.map_err(|error| QueueError::of(&error, true))?;
        let Some(entry) = entry.filter(|entry| entry.operation == Operation::Put) else { return Ok(None) };
        let budget = serde_json::from_slice(&entry.value)
            .map_err(|error| QueueError::Unusable(format!("the queue's budget is damaged: {error}")))?;
        Ok(Some((budget, entry.revision)))
    }

    /// Keeps `budget`, unless another one was kept since `revision`; whether none was.
    async fn keep_budget(&self, budget: &Budget, revision: Option<u64>) -> Result<bool, QueueError> {
        let bytes = serde_json::to_vec(budget).map_err(|error| QueueError::Unusable(error.to_string()))?;
        match revision {
            Some(revision) => match self.keys.update(KEY, bytes.into(), revision).await {
                Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => Ok(false),
                kept => kept.map(|_| true).map_err(|error| QueueError::of(&error, true)),
            },
            None => match self.keys.create(KEY, bytes.into()).await {
                Err(error) if error.kind() == CreateErrorKind::AlreadyExists => Ok(false),
                kept => kept.map(|_| true).map_err(|error| QueueError::of(&error, true)),
            },
        }
    }
}

impl Purse {
    /// The hand of the worker with the name `worker`, whose first note is `note`.
    ///
    /// # Errors
    /// The broker does not tell, or does not take the note, by which others know that the worker lives, for good.
    pub async fn open(queue: &Queue, worker: &str, note: &Worker) -> Result<Self, QueueError> {
        let seen = queue.budget().await?;
        let clock = match seen {
            Some(_) => stubborn(|| clock(queue, worker, note)).await?,
            // Nobody needs the time, and the note may wait where the broker has no room.
            None => clock(queue, worker, note).await.unwrap_or(Clock { here: Instant::now(), there: 0 }),
        };
        let hand = Arc::new(Hand {
            queue: queue.clone(),
            worker: worker.to_owned(),
            seen: Mutex::new(seen),
            clock: Mutex::new(clock),
            ended: Mutex::default(),
            has_ended: Notify::new(),
            turn: tokio::sync::Mutex::new(0),
            is_closing: AtomicBool::new(false),
        });
        if lock(&hand.seen).is_some() {
            hand.bury().await?;
        }
        let settler = Arc::clone(&hand);
        let settling = tokio::spawn(async move {
            while !settler.is_closing.load(SeqCst) {
                settler.has_ended.notified().await;
                if let Err(error) = settler.change(None).await {
                    tracing::warn!("{error}");
                }
            }
        });
        Ok(Self { hand, settling: tokio::sync::Mutex::new(Some(settling)) })
    }

    /// Renews the worker's note, and looks at the budget.
    pub async fn renew(&self, note: &Worker) {
        match clock(&self.hand.queue, &self.hand.worker, note).await {
            Ok(clock) => {
                *lock(&self.hand.clock) = clock;
                self.look().await;
            }
            Err(error) => tracing::debug!("queue: {error}"),
        }
    }

    /// Looks at the budget.
    pub async fn look(&self) {
        match self.hand.queue.kept_budget().await {
            Ok(kept) => *lock(&self.hand.seen) = kept.map(|(budget, _)| budget),
            Err(error) => tracing::debug!("queue: {error}"),
        }
    }

    /// The budget as it was seen last.
    pub fn seen(&self) -> Option<Budget> {
        lock(&self.hand.seen).clone()
    }

    /// Leave for a call, once there is room for it: when it may begin. `None` if there is no budget.
    ///
    /// # Errors
    /// Why it may not be made.
    pub async fn lease(&self, call: &Call) -> Result<Option<Instant>, String> {
        if lock(&self.hand.seen).as_ref().is_none_or(|budget| budget.limits.is_none()) {
            return Ok(None);
        }
        let (hand, call) = (Arc::clone(&self.hand), call.clone());
        let (answer, answered) = tokio::sync::oneshot::channel();
        // Whoever asks may go away, and the lease must not stay.
        tokio::spawn(async move {
            let given = hand.lease(&call, || answer.is_closed()).await;
            let is_given = matches!(given, Ok(Some(_)));
            if answer.send(given).is_err() && is_given {
                hand.end(&call, Cost::default());
            }
        });
        answered.await.unwrap_or_else(|_| Err("the look at the queue's budget ended".to_owned()))
    }

    /// A call that had leave has ended, and has cost `spent`.
    pub fn end(&self, call: &Call, spent: Cost) {
        self.hand.end(call, spent);
    }

    /// Gives back what is left of the worker's leases.
    pub async fn close(&self) {
        let Hand { queue, worker, is_closing, has_ended, .. } = &*self.hand;
        is_closing.store(true, SeqCst);
        has_ended.notify_one();
        // It is not cut off, as what it has under way would be lost.
        if let Some(settling) = self.settling.lock().await.take() {
            let _ = settling.await;
        }
        let left = patient(|| async {
            while let Some((mut budget, revision)) = queue.kept_budget().await? {
                let is_kept = !budget.leave(worker) || queue.keep_budget(&budget, Some(revision)).await?;
                if is_kept {
                    return Ok(Some(budget));
                }
            }
            Ok(None)
        });
        match left.await {
            Ok(budget) => *lock(&self.hand.seen) = budget,
            Err(error) => tracing::warn!("{error}"),
        }
    }
}

impl Hand {
    fn end(&self, call: &Call, spent: Cost) {
        let mut ended = lock(&self.ended);
        *ended = ended.plus(Ended { prompt: call.prompt, reply: call.reply, spent });
        drop(ended);
        self.has_ended.notify_one();
    }

    async fn lease(&self, call: &Call, is_given_up: impl Fn() -> bool) -> Result<Option<Instant>, String> {
        loop {
            match self.change(Some(call)).await.map_err(|error| error.to_string())? {
                None => return Ok(None),
                Some(Answer::Begins(begins)) => return Ok(Some(lock(&self.clock).here(begins))),
                Some(Answer::Refused(why)) => return Err(why),
                Some(Answer::Wait) if is_given_up() => return Ok(None),
                Some(Answer::Wait) => {
                    self.bury().await.map_err(|error| error.to_string())?;
                    tokio::time::sleep(LOOK).await;
                }
            }
        }
    }

    /// Tells the budget which calls have ended, and asks for leave for `call`. `None` if there is no budget, or no call.
    async fn change(&self, call: Option<&Call>) -> Result<Option<Answer>, QueueError> {
        let mut turn = self.turn.lock().await;
        *turn += 1;
        let (turn, ended) = (*turn, std::mem::take(&mut *lock(&self.ended)));
        if call.is_none() && ended == Ended::default() {
            return Ok(None);
        }
        stubborn(|| async {
            loop {
                let Some((mut budget, revision)) = self.queue.kept_budget().await? else { return Ok(None) };
                let made = budget.made(&self.worker, turn);
                if let Some(Some(begins)) = made {
                    return Ok(Some(Answer::Begins(begins)));
                }
                let was_used_up = budget.is_used_up;
                let has_ended = made.is_none() && ended != Ended::default();
                if has_ended {
                    budget.settle(&self.worker, turn, ended);
                }
                let now = lock(&self.clock).now();
                let answer = call.map(|call| budget.ask(&self.worker, turn, call, now));
                let is_given = matches!(answer, Some(Answer::Begins(_)));
                if !(has_ended || is_given || budget.is_used_up != was_used_up)
                    || self.queue.keep_budget(&budget, Some(revision)).await?
                {
                    *lock(&self.seen) = Some(budget);
                    return Ok(answer);
                }
            }
        })
        .await
    }

    /// Takes away the leases of workers that have told nothing of themselves for some time.
    async fn bury(&self) -> Result<(), QueueError> {
        stubborn(|| async {
            let alive: HashSet<String> = self.queue.names_of_workers().await?.into_iter().collect();
            while let Some((mut budget, revision)) = self.queue.kept_budget().await? {
                let is_alive = |worker: &str| worker == self.worker || alive.contains(worker);
                if !budget.bury(is_alive) || self.queue.keep_budget(&budget, Some(revision)).await? {
                    break;
                }
            }
            Ok(())
        })
        .await
    }
}

/// Renews the note of a worker, whose time tells the broker's.
async fn clock(queue: &Queue, worker: &str, note: &Worker) -> Result<Clock, QueueError> {
    let begun = Instant::now();
    queue.note(worker, note).await?;
    let here = begun + begun.elapsed() / 2;
    let entry = queue.workers.entry(worker).await.map_err(|error| QueueError::of(&error, true))?;
    let there = entry.ok_or_else(|| QueueError::Unreachable("the worker's note is gone".to_owned()))?.created;
    Ok(Clock { here, there: i64::try_from(there.unix_timestamp_nanos() / 1000).unwrap_or(i64::MAX) })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
