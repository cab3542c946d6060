//! From the work that the command line names to its envelope, or its lines.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use minions::engine::{BareReply, CancelToken, Engine, JobEstimate, JobResult, RunLimits};
use minions::error::{Exit, Failure};
use minions::events::EventListener;
use minions::job::{self, Job};
use minions::memory;

use super::ask::AskArgs;
use super::batch::{self, BatchOptions, Feed, Origin, Sink, Stopped, Total};
use super::eval::EvalArgs;
use super::events_file::{EventsEnd, EventsFile};
use super::index::IndexOptions;
use super::input::{Found, Source};
use super::interrupt::{self, RunDeadline};
use super::last_words;
use super::outcome::JobOutcome;
use super::program::Program;
use super::progress::JobProgress;
use super::queue::QueueWork;

/// What there is to do.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    /// What stdin or a file holds: one job, or a batch.
    Look(Source),
    /// The one job in a file.
    One(Source),
    /// A batch.
    Batch(Source, Box<BatchOptions>),
    /// The messages of `minions chat`.
    Chat(Source),
    /// A question of a person.
    Ask(Box<AskArgs>),
    /// Questions with known answers.
    Eval(Box<EvalArgs>),
    /// Jobs into a queue, through it, out of it.
    Queue(QueueWork),
    /// Documents to read beforehand.
    Index(IndexOptions),
}

impl Work {
    /// Whether stdout is owed an envelope, whatever happens. The lines of a batch have their own, and a person who asks is
    /// told in words.
    pub(crate) fn owes_envelope(&self) -> bool {
        match self {
            Self::Look(_) | Self::One(_) | Self::Chat(_) => true,
            Self::Batch(..) | Self::Eval(_) | Self::Index(_) | Self::Queue(_) => false,
            Self::Ask(args) => args.options.json,
        }
    }

    /// Whether nothing goes to stdout.
    pub(crate) fn is_silent(&self) -> bool {
        matches!(self, Self::Queue(QueueWork::Submit(_) | QueueWork::Work(_)))
    }
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum RunOutcome {
    /// One job's result.
    Result(JobOutcome),
    /// The reply of `minions chat`.
    Reply(Box<BareReply>),
    /// What there is to say is said: the lines of a batch, an answer, or on stderr why there are none.
    Told(Exit),
}

impl Program {
    /// Does `work` to its end, a signal or a deadline.
    pub(crate) async fn run(self, work: Work) -> Result<RunOutcome, Failure> {
        let deadline = RunDeadline::of(match &work {
            Work::Batch(_, options) => options.deadline,
            Work::Look(_)
            | Work::One(_)
            | Work::Chat(_)
            | Work::Ask(_)
            | Work::Eval(_)
            | Work::Index(_)
            | Work::Queue(_) => None,
        });
        if let Work::Batch(_, options) = &work {
            options.deadline.into_iter().for_each(interrupt::end_after_deadline);
        }
        for option in self.options.unused() {
            tracing::warn!("{option} has no effect with --dry-run, which makes no call");
        }
        let target = self.options.events.clone();
        let events = self.beside(deadline, move || target.as_ref().map(EventsFile::open).transpose()).await?;
        let (events, end): (Option<Arc<EventsFile>>, Option<EventsEnd>) = events.unzip();
        let outcome = self.run_with(work, deadline, events).await;
        if let Some(end) = end {
            end.wait();
        }
        outcome
    }

    /// What `work` gives, which may take its time: a FIFO may have no writer yet, 100 MB take a while to read.
    pub(super) async fn beside<T: Send + 'static>(
        &self,
        deadline: RunDeadline,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let mut interrupt = self.interrupt.clone();
        tokio::select! {
            done = tokio::task::spawn_blocking(work) => done.unwrap_or_else(|error| Err(error.into())),
            stopped = interrupt.heard() => Err(stopped),
            late = deadline.passed() => Err(late),
        }
    }

    /// # Errors
    /// `--energy`, where nothing is told of jobs together.
    fn measures_no_evaluation(&self) -> Result<(), Failure> {
        if !self.options.energy || self.options.dry_run {
            return Ok(());
        }
        let problem =
            "--energy measures a job or a batch, and the jobs of an evaluation run at the same time";
        Err(Failure::input(problem).hint("leave it out, or run the job alone: minions --energy < job.json"))
    }

    async fn run_with(
        self,
        work: Work,
        deadline: RunDeadline,
        events: Option<Arc<EventsFile>>,
    ) -> Result<RunOutcome, Failure> {
        type Find = Box<dyn FnOnce() -> Result<Found, Failure> + Send>;
        let (source, find): (Source, Find) = match work {
            Work::Ask(args) if args.is_conversation() => return self.converse(*args, events).await,
            Work::Ask(args) => return self.ask(*args, events).await,
            Work::Index(options) => return self.index(options).await,
            Work::Chat(source) => return self.chat(source).await.map(RunOutcome::Reply),
            Work::Eval(args) => {
                self.measures_no_evaluation()?;
                return self.evaluate(*args, events).await;
            }
            Work::Queue(work) => return self.queue(work, events).await.map(RunOutcome::Told),
            Work::Look(source) => (source.clone(), Box::new(move || source.look())),
            Work::One(source) => (source.clone(), Box::new(move || source.one())),
            Work::Batch(source, options) => {
                (source.clone(), Box::new(move || Ok(Found::Many(source.pieces()?, options))))
            }
        };
        let found = self.beside(deadline, find).await?;
        match found {
            Found::One(bytes, first_line) => {
                self.one(bytes, first_line, source.folder(), events).await.map(RunOutcome::Result)
            }
            Found::Many(pieces, options) => {
                last_words::take_over();
                let feed = Feed {
                    origin: Origin::Input { pieces, folder: source.folder() },
                    total: source.regular_file().map_or(Total::Unknown, Total::In),
                    sink: Sink::Stdout(io::stdout()),
                    stopped: Stopped::default(),
                };
                let exit = batch::run(self, feed, *options, deadline, events).await;
                Ok(RunOutcome::Told(exit.unwrap_or_else(|failure| {
                    tracing::error!("{failure}");
                    failure.kind.exit()
                })))
            }
        }
    }

    /// One job of `bytes`, whose paths begin at `folder`.
    async fn one(
        self,
        bytes: Vec<u8>,
        first_line: usize,
        folder: Option<PathBuf>,
        events: Option<Arc<EventsFile>>,
    ) -> Result<JobOutcome, Failure> {
        let engine = self.engine(false, RunLimits::default());
        let reader = engine.clone();
        let is_slim = self.options.slim;
        let parse = move || {
            memory::check(bytes.len(), memory::OF_A_JOB)?;
            let mut job = reader.job(job::bare(job::value(&bytes, first_line)?)?)?;
            job.is_slim |= is_slim;
            if let Some(folder) = folder {
                job.files_from(&folder);
            }
            Ok(job)
        };
        let job = self.beside(RunDeadline::of(None), parse).await?;
        if self.options.dry_run {
            return self.estimate(&engine, &job).await.map(JobOutcome::Estimate);
        }
        let mut listeners = self.listeners(events, true);
        listeners.extend(self.progress());
        let result = self.solve(&engine, job, listeners, &CancelToken::new()).await?;
        Ok(JobOutcome::Answer(Box::new(result)))
    }

    /// What `job` would cost.
    pub(super) async fn estimate(&self, engine: &Engine, job: &Job) -> Result<Box<JobEstimate>, Failure> {
        let mut interrupt = self.interrupt.clone();
        tokio::select! {
            estimate = engine.estimate(job) => estimate.map(Box::new),
            stopped = interrupt.heard() => Err(stopped),
        }
    }

    /// Who tells how far one job is, unless nobody wants to know.
    pub(super) fn progress(&self) -> Option<Arc<dyn EventListener>> {
        if self.options.quiet {
            return None;
        }
        let progress = JobProgress::new();
        tokio::spawn(Arc::clone(&progress).beat());
        Some(progress)
    }

    /// Runs `job` to its end, a signal, or until `cancel` ends it.
    pub(super) async fn solve(
        &self,
        engine: &Engine,
        job: Job,
        listeners: Vec<Arc<dyn EventListener>>,
        cancel: &CancelToken,
    ) -> Result<JobResult, Failure> {
        let mut interrupt = self.interrupt.clone();
        if let Some(deadline) = job.budget.deadline {
            interrupt::end_after_deadline(deadline);
        }
        let mut running = std::pin::pin!(engine.run(job, engine.events(listeners, None), cancel));
        tokio::select! {
            result = &mut running => result,
            stopped = interrupt.heard() => {
                cancel.cancel_because(stopped);
                running.await
            }
        }
    }
}
