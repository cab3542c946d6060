//! `minions work`: a batch whose jobs the queue hands over and whose lines it takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use minions::chat::secrets::Redactor;
use minions::engine::{Engine, RunLimits};
use minions::envelope::Envelope;
use minions::error::{Exit, Failure, FailureKind};
use minions_queue::{self as queue, Address, Delivery, Pulled, Queue, QueueError, Work};
use tokio::sync::mpsc::{Receiver, Sender, channel};

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
    let shared = Arc::new(Shared {
        work: Work::of(&queue).await.map_err(failure)?,
        cache: Cache::open(cache, &program.environment)?,
        // For the jobs' form alone: the batch has an engine of its own.
        engine: program.engine(true, RunLimits::default()),
        redactor: program.redactor.clone(),
        flight: Flight::new(slots),
        stopped: Stopped::default(),
        queue,
    });
    program.interrupt.be_patient(grace + GOODBYE);
    tracing::info!("{address}: working on {slots} jobs at a time");
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
        delivery.hand_back().await;
    }
    shared.queue.forget(&name()).await;
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
    loop {
        let first = tokio::select! {
            () = &mut ended => return Ok(()),
            permit = flight.free.acquire() => permit.map_err(Failure::defect)?,
        };
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
                Pulled::Job(_, delivery) | Pulled::Poison(_, delivery, _) if is_ended => {
                    delivery.hand_back().await
                }
                Pulled::Poison(job, delivery, attempts) => shared.give_up(&job, &delivery, attempts).await?,
                Pulled::Job(job, delivery) => {
                    if flight.take(delivery) {
                        // Its permit is given back when the job leaves.
                        slots.split(1).into_iter().for_each(tokio::sync::SemaphorePermit::forget);
                        tokio::spawn(hand_over(Arc::clone(&shared), job, lines.clone()));
                    }
                }
            }
        }
        if is_ended || idle_exit.is_some_and(|idle| busy.elapsed() >= idle) {
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

/// Keeps the results of jobs in the queue, and hands back those that were stopped.
async fn publish(shared: Arc<Shared>, mut finished: Receiver<Finished>) -> Result<(), Failure> {
    while let Some(Finished { custom_id, line, is_success, spent }) = finished.recv().await {
        if shared.stopped.has(&custom_id) {
            shared.hand_back(&custom_id).await;
            continue;
        }
        let (usd, tokens) = (spent.usd, spent.remote.total_tokens);
        let result = queue::Result { custom_id, line: line.into(), is_success, usd, tokens };
        shared.queue.publish(&result).await.map_err(failure)?;
        if let Some(delivery) = shared.flight.delivery(&result.custom_id) {
            delivery.done().await;
        }
        shared.flight.count(is_success);
        shared.flight.leave(&result.custom_id);
    }
    Ok(())
}

/// Says of each job, and of the worker, that they go on.
async fn beat(shared: Arc<Shared>) {
    let mut beats = tokio::time::interval(shared.work.beat());
    let mut notes = tokio::time::interval(NOTE_EVERY);
    loop {
        tokio::select! {
            _ = beats.tick() => {
                for delivery in shared.flight.deliveries() {
                    delivery.goes_on().await;
                }
            }
            _ = notes.tick() => shared.queue.note(&name(), &shared.flight.note(&name())).await,
        }
    }
}

impl Shared {
    async fn hand_back(&self, custom_id: &str) {
        if let Some(delivery) = self.flight.delivery(custom_id) {
            delivery.hand_back().await;
        }
        self.flight.leave(custom_id);
    }

    /// Keeps the failed line of a job that has ended its worker each time.
    async fn give_up(&self, job: &queue::Job, delivery: &Delivery, attempts: i64) -> Result<(), Failure> {
        let problem = format!("{attempts} workers ended, or were silent, while they ran this job");
        let problem = Failure::new(FailureKind::Defect, problem)
            .hint("look at the workers' logs: it may take more memory than they have; submit it again to have it run again");
        let envelope: Envelope<JobOutcome> = Err(problem).into();
        let line = envelope::line(&envelope, &job.custom_id, &self.redactor).map_err(Failure::defect)?;
        let result = queue::Result {
            custom_id: job.custom_id.clone(),
            line: line.into(),
            is_success: false,
            usd: None,
            tokens: 0,
        };
        self.queue.publish(&result).await.map_err(failure)?;
        delivery.done().await;
        Ok(())
    }
}

/// What the worker is called: its machine and its process.
fn name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.trim().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    format!("{host}-{}", std::process::id())
}
