//! `minions work`: a batch whose jobs the queue hands over and whose lines it takes.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use minions::chat::secrets::Redactor;
use minions::engine::{Engine, RunLimits};
use minions::envelope::Envelope;
use minions::error::{Exit, Failure, FailureKind};
use minions_queue::{self as queue, Address, Delivery, Pulled, Purse, Queue, QueueError, Work};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::budget::{self, Asked};
use super::cache::Cache;
use super::failure;
use super::flight::Flight;
use super::options::WorkOptions;
use crate::cli::batch::{self, BatchOptions, FailOn, Feed, Finished, Line, Origin, Sink, Stopped, Total};
use crate::cli::envelope;
use crate::cli::events_file::EventsFile;
use crate::cli::interrupt::RunDeadline;
use crate::cli::outcome::JobOutcome;
use crate::cli::program::Program;

/// Lines that wait for the broker.
const WAITING: usize = 16;
/// Between two notes of what the worker does.
const NOTE_EVERY: Duration = Duration::from_secs(5);
/// Between two looks at what has to wait.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// What it may take to hand jobs back.
const GOODBYE: Duration = Duration::from_secs(5);

/// What the parts of a worker share.
struct Shared {
    queue: Queue,
    work: Work,
    cache: Cache,
    engine: Engine,
    redactor: Redactor,
    flight: Flight,
    purse: Arc<Asked>,
    /// Why this worker can't go on.
    broken: OnceLock<Failure>,
    /// Jobs that the end of the batch has stopped.
    stopped: Stopped,
}

/// `minions work`.
pub(super) async fn work(
    program: Program,
    options: WorkOptions,
    address: Address,
    events: Option<Arc<EventsFile>>,
) -> Result<Exit, Failure> {
    let WorkOptions { max_jobs, idle_exit, grace, cache, each, .. } = options;
    if each.dry_run || each.energy {
        let option = if each.dry_run { "--dry-run" } else { "--energy" };
        return Err(Failure::input(format!("{option} is none of a worker's options"))
            .hint("it is one of `minions batch` and `minions run`"));
    }
    let queue = Queue::make(address.clone()).await.map_err(failure)?;
    let slots = max_jobs.min(program.most_jobs);
    let flight = Flight::new(slots);
    let purse = Purse::open(&queue, &flight.name, &flight.note()).await.map_err(failure)?;
    let purse = Arc::new(Asked(purse));
    let program = Program { common: Some(Arc::clone(&purse) as _), ..program };
    let shared = Arc::new(Shared {
        work: Work::of(&queue, &flight.name).await.map_err(failure)?,
        cache: Cache::open(cache, &program.environment)?,
        // For the jobs' form alone: the batch has an engine of its own.
        engine: program.engine(true, RunLimits::default()),
        redactor: program.redactor.clone(),
        flight,
        purse,
        broken: OnceLock::new(),
        stopped: Stopped::default(),
        queue,
    });
    if shared.queue.counts().await.map_err(failure)?.jobs == 0 {
        tracing::warn!("{address} holds no job: waiting for `minions submit`");
    }
    program.interrupt.be_patient(grace + GOODBYE);
    tracing::info!("{address}: working on {slots} jobs at a time{}", shared.budget());
    let (lines, handed) = channel(1);
    let (taker, finished) = channel(WAITING);
    let fetching = tokio::spawn(fetch(Arc::clone(&shared), program.clone(), lines, idle_exit));
    let publishing = tokio::spawn(publish(Arc::clone(&shared), finished));
    let beating = tokio::spawn(beat(Arc::clone(&shared)));
    let feed = Feed {
        origin: Origin::Handed(handed),
        total: Total::Unknown,
        sink: Sink::Taken(taker),
        stopped: shared.stopped.clone(),
    };
    let options =
        BatchOptions { max_jobs: slots, fail_on: FailOn::Never, grace, each, ..BatchOptions::default() };
    let exit = batch::run(program, feed, options, RunDeadline::of(None), events).await;
    let published = publishing.await.unwrap_or_else(|error| Err(error.into()));
    let fetched = fetching.await.unwrap_or_else(|error| Err(error.into()));
    beating.abort();
    for delivery in shared.flight.deliveries() {
        delivery.hand_back(None).await;
    }
    shared.purse.0.close().await;
    shared.queue.forget(&shared.flight.name).await;
    tracing::info!("{address}: the worker ends{}", shared.budget());
    published.and(fetched).and(exit)
}

/// Takes jobs from the queue as slots get free, until a signal, or until there is nothing to do.
async fn fetch(
    shared: Arc<Shared>,
    program: Program,
    lines: Sender<Line>,
    idle_exit: Option<Duration>,
) -> Result<(), Failure> {
    let mut interrupt = program.interrupt.clone();
    let mut busy = Instant::now();
    let flight = &shared.flight;
    let ended = async {
        tokio::select! {
            _ = interrupt.heard() => {}
            () = lines.closed() => {}
        }
    };
    let mut ended = std::pin::pin!(ended);
    let mut is_ended = false;
    let is_idle = |busy: Instant| idle_exit.is_some_and(|idle| busy.elapsed() >= idle);
    let mut was_used_up = false;
    loop {
        if shared.purse.0.seen().is_some_and(|budget| budget.is_used_up) {
            if !std::mem::replace(&mut was_used_up, true) {
                tracing::warn!("no more jobs are taken{}", shared.budget());
            }
            if !flight.deliveries().is_empty() {
                busy = Instant::now();
            }
            if is_idle(busy) {
                return Ok(());
            }
            tokio::select! {
                () = &mut ended => return Ok(()),
                () = tokio::time::sleep(LOOK_AGAIN) => shared.purse.0.look().await,
            }
            continue;
        }
        was_used_up = false;
        let first = tokio::select! {
            () = &mut ended => return Ok(()),
            // They are taken away where the worker can't go on.
            permit = flight.free.acquire() => match permit {
                Ok(permit) => permit,
                Err(_) => return shared.broken.get().cloned().map_or(Ok(()), Err),
            },
        };
        // A refusal may be what has made the slot free.
        if shared.purse.0.seen().is_some_and(|budget| budget.is_used_up) {
            continue;
        }
        let more = u32::try_from(flight.free.available_permits()).unwrap_or(u32::MAX);
        let mut slots = match flight.free.try_acquire_many(more) {
            Ok(mut more) => {
                more.merge(first);
                more
            }
            Err(_) => first,
        };
        // It is not cut off, as what is on its way would be nobody's.
        let mut pulling = std::pin::pin!(shared.work.pull(slots.num_permits()));
        let pulled = tokio::select! {
            pulled = &mut pulling => pulled,
            () = &mut ended, if !is_ended => {
                is_ended = true;
                pulling.await
            }
        };
        let pulled = pulled.map_err(failure)?;
        if !pulled.is_empty() || !flight.deliveries().is_empty() {
            busy = Instant::now();
        }
        for pulled in pulled {
            match pulled {
                Pulled::Job(_, delivery) | Pulled::Poison(delivery, _) | Pulled::Damaged(delivery, _)
                    if is_ended =>
                {
                    delivery.hand_back(None).await;
                }
                Pulled::Poison(delivery, attempts) => {
                    let problem =
                        format!("{attempts} workers ended, or were silent, while they ran this job");
                    let remedy = "look at the workers' logs: it may take more memory than they have; submit it again to have \
                                  it run again";
                    shared
                        .give_up(&delivery, Failure::new(FailureKind::Defect, problem).hint(remedy))
                        .await?;
                }
                Pulled::Damaged(delivery, problem) => {
                    shared.give_up(&delivery, Failure::system(problem)).await?;
                }
                // Side by side, the one that ends workers would take the others with it.
                Pulled::Job(_, delivery) if delivery.is_suspect() && flight.has_suspect() => {
                    delivery.hand_back(Some(LOOK_AGAIN)).await;
                }
                Pulled::Job(job, delivery) => {
                    if flight.take(delivery) {
                        // Its permit is given back when the job leaves.
                        slots.split(1).into_iter().for_each(tokio::sync::SemaphorePermit::forget);
                        tokio::spawn(hand_over(Arc::clone(&shared), job, lines.clone()));
                    }
                }
            }
        }
        if is_ended || is_idle(busy) {
            return Ok(());
        }
    }
}

/// Makes a line of the batch of a job, with its documents on this machine's disk.
async fn hand_over(shared: Arc<Shared>, job: queue::Job, lines: Sender<Line>) {
    let queue::Job { custom_id, hash, job, trees } = job;
    let mut places = Vec::new();
    for tree in &trees {
        match shared.cache.place(&shared.queue, tree).await {
            Ok(place) => places.push((tree.path.clone(), place)),
            Err(error @ QueueError::Unreachable(_)) => {
                tracing::warn!("{custom_id}: {error}");
                return shared.hand_back(&custom_id).await;
            }
            // This machine's disk is no fault of the job.
            Err(error @ QueueError::File(_)) => {
                shared.hand_back(&custom_id).await;
                let _ = shared.broken.set(failure(error));
                return shared.flight.free.close();
            }
            Err(error) => {
                let line = Line { custom_id, hash, job: Err(failure(error)) };
                return drop(lines.send(line).await);
            }
        }
    }
    let place = |path: &str| places.iter().find(|(given, _)| given == path).map(|(_, place)| place.clone());
    let job = shared.engine.job(job).and_then(|mut job| {
        job.files_at(place)
            .map_err(|path| Failure::input(format!("the file {path} did not come with the job")))?;
        Ok(Box::new(job))
    });
    // What nobody takes any more is handed back at the end.
    let _ = lines.send(Line { custom_id, hash, job }).await;
}

/// Keeps the results of jobs in the queue, and hands back those that were stopped: all that there are at a time, since jobs that
/// end together would else wait with empty slots for the broker's answers to each other.
async fn publish(shared: Arc<Shared>, mut finished: Receiver<Finished>) -> Result<(), Failure> {
    stream::poll_fn(|context| finished.poll_recv(context))
        .map(Ok)
        .try_for_each_concurrent(None, |finished| shared.publish(finished))
        .await
}

/// Says of each job, and of the worker, that they go on.
async fn beat(shared: Arc<Shared>) {
    let jobs = async {
        let mut beats = tokio::time::interval(shared.work.beat());
        loop {
            beats.tick().await;
            for delivery in shared.flight.deliveries() {
                delivery.goes_on().await;
            }
        }
    };
    let worker = async {
        let mut notes = tokio::time::interval(NOTE_EVERY);
        loop {
            notes.tick().await;
            shared.purse.0.renew(&shared.flight.note()).await;
        }
    };
    tokio::join!(jobs, worker);
}

impl Shared {
    async fn publish(&self, finished: Finished) -> Result<(), Failure> {
        let Finished { custom_id, line, is_success, spent } = finished;
        if self.stopped.has(&custom_id) {
            self.hand_back(&custom_id).await;
            return Ok(());
        }
        let (usd, tokens) = (spent.usd, spent.remote.total_tokens);
        let result = queue::Result { custom_id, line: line.into(), is_success, usd, tokens };
        let delivery = self.flight.delivery(&result.custom_id);
        let delivery =
            delivery.ok_or_else(|| Failure::defect("a result of a job that this worker does not have"))?;
        delivery.keep(&result).await.map_err(failure)?;
        self.flight.count(is_success);
        self.flight.leave(&result.custom_id);
        Ok(())
    }

    async fn hand_back(&self, custom_id: &str) {
        if let Some(delivery) = self.flight.delivery(custom_id) {
            delivery.hand_back(None).await;
        }
        self.flight.leave(custom_id);
    }

    /// Keeps the failed line of a job that no worker can do.
    async fn give_up(&self, delivery: &Delivery, problem: Failure) -> Result<(), Failure> {
        let envelope: Envelope<JobOutcome> = Err(problem).into();
        let custom_id = delivery.custom_id.clone();
        let line = envelope::line(&envelope, &custom_id, &self.redactor).map_err(Failure::defect)?;
        let result = queue::Result { custom_id, line: line.into(), is_success: false, usd: None, tokens: 0 };
        delivery.keep(&result).await.map_err(failure)
    }

    /// What is left of the budget, to go on with in words.
    fn budget(&self) -> String {
        budget::told(self.purse.0.seen().as_ref()).map_or_else(String::new, |told| format!("; {told}"))
    }
}
