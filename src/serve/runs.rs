//! All runs: who waits, who runs, what is kept.
//!
//! In: admitted jobs. Out: runs under way, each in a task of its own. The owners that wait take turns, so that a hundred runs
//! of one hold nobody else back; those of an owner's batches wait behind its others.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::config::Limits;
use super::error::ApiError;
use super::owner::Owner;
use super::run::{Run, RunState};
use crate::error::{Failure, FailureKind};
use crate::sync::lock;

/// Seconds after which a full queue may be tried again.
const RETRY_AFTER: u64 = 5;

/// How many runs of an owner may be under way; `None` is any number.
type AtOnce = Box<dyn Fn(&Owner) -> Option<usize> + Send + Sync>;

/// All runs.
pub(crate) struct Runs {
    limits: Limits,
    /// What an owner may have under way.
    at_once: AtOnce,
    table: Mutex<Table>,
    changed: tokio::sync::Notify,
}

#[derive(Default)]
struct Table {
    /// All that are known, in the order in which they came.
    known: Vec<Arc<Run>>,
    /// Those that wait, by owner, in the order of the owners' turns.
    waiting: VecDeque<(Owner, VecDeque<Arc<Run>>)>,
    running: HashMap<Owner, usize>,
    keys: HashMap<(Owner, String), Keyed>,
    is_draining: bool,
}

/// A request that may come again.
struct Keyed {
    id: String,
    body: [u8; 32],
}

impl Table {
    fn running(&self) -> usize {
        self.running.values().sum()
    }

    fn waiting(&self) -> usize {
        self.waiting.iter().map(|(_, runs)| runs.len()).sum()
    }

    /// Those that count for the limit of the queue: a batch has few of its own there.
    fn queued(&self) -> usize {
        let own = |run: &&Arc<Run>| !run.admitted.is_of_batch;
        self.waiting.iter().map(|(_, runs)| runs.iter().filter(own).count()).sum()
    }
}

/// What came of a request with an `Idempotency-Key`.
pub(crate) enum Again {
    /// It is the first.
    New,
    /// It came before, and gave this run.
    Known(Arc<Run>),
}

impl Runs {
    /// No runs yet.
    pub(crate) fn new(
        limits: Limits,
        at_once: impl Fn(&Owner) -> Option<usize> + Send + Sync + 'static,
    ) -> Self {
        Self {
            limits,
            at_once: Box::new(at_once),
            table: Mutex::default(),
            changed: tokio::sync::Notify::new(),
        }
    }

    /// Whether a request with this key and body came before.
    ///
    /// # Errors
    /// 422 where the key came with another body.
    pub(crate) fn again(&self, owner: &Owner, key: &str, body: &[u8; 32]) -> Result<Again, ApiError> {
        let table = lock(&self.table);
        let Some(keyed) = table.keys.get(&(owner.clone(), key.to_owned())) else { return Ok(Again::New) };
        if keyed.body != *body {
            return Err(ApiError::new(
                axum::http::StatusCode::UNPROCESSABLE_ENTITY,
                "this Idempotency-Key came with another body or query before",
            )
            .param("Idempotency-Key")
            .hint("a new job needs a new key"));
        }
        let known = table.known.iter().find(|run| run.id == keyed.id);
        Ok(known.map_or(Again::New, |run| Again::Known(Arc::clone(run))))
    }

    /// Takes a run into the queue. Of two with one key the first is taken, and given to both.
    ///
    /// # Errors
    /// 429 where the queue is full, 503 where the service ends.
    pub(crate) fn add(&self, run: Arc<Run>, key: Option<(String, [u8; 32])>) -> Result<Arc<Run>, ApiError> {
        let mut table = lock(&self.table);
        if table.is_draining {
            return Err(ApiError::draining());
        }
        if let Some((key, _)) = &key
            && let Some(keyed) = table.keys.get(&(run.owner.clone(), key.clone()))
            && let Some(known) = table.known.iter().find(|known| known.id == keyed.id)
        {
            return Ok(Arc::clone(known));
        }
        let queued = table.queued();
        let is_full = queued > self.limits.queue
            || queued == self.limits.queue && table.running() >= self.limits.runs_at_once;
        if is_full && !run.admitted.is_of_batch {
            return Err(ApiError::too_many("the queue of runs is full", RETRY_AFTER).code("queue_full"));
        }
        if let Some((key, body)) = key {
            table.keys.insert((run.owner.clone(), key), Keyed { id: run.id.clone(), body });
        }
        self.forget(&mut table);
        table.known.push(Arc::clone(&run));
        let owner = run.owner.clone();
        match table.waiting.iter_mut().find(|(known, _)| *known == owner) {
            Some((_, runs)) => {
                let behind =
                    runs.iter().position(|other| !run.admitted.is_of_batch && other.admitted.is_of_batch);
                runs.insert(behind.unwrap_or(runs.len()), Arc::clone(&run));
            }
            None => table.waiting.push_back((owner, VecDeque::from([Arc::clone(&run)]))),
        }
        Ok(run)
    }

    /// The next run that may begin, if one may. It counts as running from now on.
    pub(crate) fn next(&self) -> Option<Arc<Run>> {
        let mut table = lock(&self.table);
        if table.is_draining || table.running() >= self.limits.runs_at_once {
            return None;
        }
        for _ in 0..table.waiting.len() {
            let (owner, mut runs) = table.waiting.pop_front()?;
            let under_way = table.running.get(&owner).copied().unwrap_or_default();
            let may = (self.at_once)(&owner).is_none_or(|most| under_way < most);
            let next = if may { runs.pop_front() } else { None };
            if !runs.is_empty() {
                table.waiting.push_back((owner.clone(), runs));
            }
            if let Some(run) = next {
                *table.running.entry(owner).or_default() += 1;
                return Some(run);
            }
        }
        None
    }

    /// A run that [`Runs::next`] gave has ended.
    pub(crate) fn ended(&self, run: &Run) {
        let mut table = lock(&self.table);
        if let Some(count) = table.running.get_mut(&run.owner) {
            *count -= 1;
            if *count == 0 {
                table.running.remove(&run.owner);
            }
        }
        self.forget(&mut table);
        self.changed.notify_waiters();
    }

    /// Takes a run out of the queue that still waits there; whether it did.
    pub(crate) fn withdraw(&self, run: &Run) -> bool {
        let mut table = lock(&self.table);
        let before = table.waiting();
        for (_, runs) in &mut table.waiting {
            runs.retain(|waiting| waiting.id != run.id);
        }
        table.waiting.retain(|(_, runs)| !runs.is_empty());
        table.waiting() < before
    }

    /// The run of `id`, if it is `owner`'s.
    ///
    /// # Errors
    /// 404 for one that is not there, or somebody else's.
    pub(crate) fn find(&self, owner: &Owner, id: &str) -> Result<Arc<Run>, ApiError> {
        let mut table = lock(&self.table);
        self.forget(&mut table);
        let found = table.known.iter().find(|run| run.id == id && run.owner == *owner);
        found.map(Arc::clone).ok_or_else(|| ApiError::not_found("run", id))
    }

    /// The runs of `owner`, the newest first.
    pub(crate) fn of(&self, owner: &Owner) -> Vec<Arc<Run>> {
        let mut table = lock(&self.table);
        self.forget(&mut table);
        table.known.iter().rev().filter(|run| run.owner == *owner).map(Arc::clone).collect()
    }

    /// How many runs begin before it, if it waits.
    pub(crate) fn position(&self, run: &Run) -> Option<usize> {
        if run.state() != RunState::Queued {
            return None;
        }
        let table = lock(&self.table);
        let own = table.waiting.iter().position(|(owner, _)| *owner == run.owner)?;
        let nth = table.waiting[own].1.iter().position(|waiting| waiting.id == run.id)?;
        let before = table.waiting.iter().enumerate().map(|(at, (_, runs))| match at {
            at if at == own => nth,
            at if at < own => runs.len().min(nth + 1),
            _ => runs.len().min(nth),
        });
        Some(before.sum())
    }

    /// How many run and how many wait.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let table = lock(&self.table);
        (table.running(), table.waiting())
    }

    /// Takes no more, and gives those that wait: they will not begin.
    pub(crate) fn drain(&self) -> Vec<Arc<Run>> {
        let mut table = lock(&self.table);
        table.is_draining = true;
        table.waiting.drain(..).flat_map(|(_, runs)| runs).collect()
    }

    /// Whether no more runs are taken.
    pub(crate) fn is_draining(&self) -> bool {
        lock(&self.table).is_draining
    }

    /// Waits until none runs.
    pub(crate) async fn all_ended(&self) {
        loop {
            let changed = self.changed.notified();
            if self.counts().0 == 0 {
                return;
            }
            changed.await;
        }
    }

    /// Ends all that run.
    pub(crate) fn stop_all(&self) {
        let running: Vec<_> = lock(&self.table).known.iter().map(Arc::clone).collect();
        let reason = || Failure::new(FailureKind::Terminated, "the service ended before the job was done");
        running.iter().filter(|run| !run.state().is_ended()).for_each(|run| run.stop(reason()));
    }

    /// Forgets ended runs, the oldest first, that are too many, too large or too old.
    fn forget(&self, table: &mut Table) {
        let keep = Duration::from_secs(self.limits.keep_s);
        let now = Instant::now();
        let mut bytes = 0;
        let mut counts: HashMap<Owner, usize> = HashMap::new();
        let before = table.known.len();
        // The newest are counted first, those of each owner by themselves.
        let mut kept: Vec<Arc<Run>> = Vec::with_capacity(before);
        for run in table.known.drain(..).rev() {
            let stays = run.ended().is_none_or(|(at, size)| {
                let count = counts.entry(run.owner.clone()).or_default();
                *count += 1;
                bytes += size;
                let is_few =
                    *count <= self.limits.kept_runs && (bytes <= self.limits.kept_bytes || *count == 1);
                is_few && now.duration_since(at) <= keep
            });
            if stays {
                kept.push(run);
            }
        }
        kept.reverse();
        table.known = kept;
        if table.known.len() < before {
            let known: std::collections::HashSet<&str> =
                table.known.iter().map(|run| run.id.as_str()).collect();
            table.keys.retain(|_, keyed| known.contains(keyed.id.as_str()));
        }
    }
}
