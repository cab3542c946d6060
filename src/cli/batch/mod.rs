//! Many jobs: one line out for each, as soon as it is done.
//!
//! In: pieces of the input, read as jobs are taken. Out: lines on stdout, progress on stderr, the exit code.
//! `json_splitter` cuts the stream, `lines` makes jobs of it, `output` writes; the jobs run as single ones do, on one
//! engine.

mod array;
mod contents;
mod feed;
pub(super) mod json_splitter;
mod line;
mod lines;
mod merge;
mod named;
mod options;
mod output;
mod progress;
mod report;
mod resume;
mod shard;
mod turns;
mod written;

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use minions::engine::{CancelToken, EnergyWatch, Engine, RunLimits};
use minions::error::{Exit, Failure};
use minions::events::EventListener;
use minions::job::Job;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tracing::Instrument;

pub(super) use contents::Contents;
pub(super) use feed::{Feed, Origin, Stopped, Total};
pub(super) use line::Line;
pub(super) use merge::MergeOptions;
pub(crate) use merge::merge;
pub(super) use named::{Named, Names};
pub(super) use options::{BatchOptions, FailOn};
pub(super) use output::{Finished, Sink};
pub(super) use resume::Earlier;
use shard::{Shard, WhichShard};

use super::events_file::EventsFile;
use super::interrupt::RunDeadline;
use super::last_words;
use super::outcome::JobOutcome;
use super::program::Program;
use lines::Lines;
use output::{Output, Printed};
use progress::BatchProgress;
use report::{Ended, Report};
use turns::Turns;

/// Time between two looks at the progress.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);
/// Lines that may be taken and not yet printed, for each job that may run: what `--ordered` holds back.
const UNPRINTED: usize = 4;

/// Runs the jobs of `feed`; gives the exit code once every line is written.
pub(super) async fn run(
    program: Program,
    feed: Feed,
    mut options: BatchOptions,
    deadline: RunDeadline,
    events: Option<Arc<EventsFile>>,
) -> Result<Exit, Failure> {
    let Feed { origin, total, sink, stopped } = feed;
    let mut interrupt = program.interrupt.clone();
    program.verbosity.of_a_batch();
    let shard = match options.shard {
        WhichShard::This(shard) => shard,
        WhichShard::Auto => array::shard(&program.environment)?,
    };
    let path = options.resume.clone();
    let reading = tokio::task::spawn_blocking(move || path.as_deref().map(Earlier::read).transpose());
    // To its end before anything is written: it may be the file that stdout appends to.
    let mut earlier = tokio::select! {
        earlier = reading => earlier.unwrap_or_else(|error| Err(error.into()))?.unwrap_or_default(),
        stopped = interrupt.heard() => return Err(stopped),
        late = deadline.passed() => return Err(late),
    };
    if program.most_jobs < options.max_jobs {
        let (wanted, most) = (options.max_jobs, program.most_jobs);
        tracing::warn!(
            "this machine's limit of open files (`ulimit -n`) allows {most} jobs at the same time, not {wanted}"
        );
        options.max_jobs = most;
    }
    let before = sink.file().map_or(Ok(&b""[..]), |file| earlier.prepare(&file)).unwrap_or_else(|error| {
        tracing::debug!("what the output holds already is not known: {error}");
        b""
    });
    let energy = match program.options.energy && !program.options.dry_run {
        true if program.options.quiet => {
            let problem = "--energy tells a batch's energy on stderr, where --quiet tells of errors alone";
            return Err(Failure::input(problem).hint("leave out one of them"));
        }
        true => program.beside(deadline, || EnergyWatch::begin(Path::new("/"), true)).await?,
        false => None,
    };
    let engine = program.engine(
        true,
        RunLimits {
            remote_tokens: options.remote_tokens,
            requests_per_minute: options.requests_per_minute,
            tokens_per_minute: options.tokens_per_minute,
        },
    );
    let done = std::mem::take(&mut earlier.done);
    let is_resumed = !done.is_empty();
    let lines = Lines::of(engine.clone(), origin, shard, done);
    let progress = BatchProgress::new(total, shard, program.options.quiet);
    if let Some(events) = events.as_ref().filter(|_| !options.events_texts) {
        // The output has each job's envelope already.
        events.leave_texts_out();
    }
    let mut listeners = program.listeners(events, true);
    listeners.push(Arc::clone(&progress) as _);
    let batch = Batch {
        engine,
        listeners,
        output: Output::open(sink, program.redactor.clone(), options.ordered, before),
        permits: Arc::new(Semaphore::new(usize::from(options.max_jobs) * UNPRINTED)),
        stop: CancelToken::new(),
        jobs: JoinSet::new(),
        report: Report::new(),
        stopped,
        progress,
        taken: 0,
        turns: Turns::default(),
        is_resumed,
        deadline,
        energy,
        program,
        options,
        lines,
    };
    Ok(batch.run().await)
}

/// A batch under way.
struct Batch {
    program: Program,
    engine: Engine,
    /// Hear the events of every job.
    listeners: Vec<Arc<dyn EventListener>>,
    options: BatchOptions,
    deadline: RunDeadline,
    /// Measures the energy of all jobs together.
    energy: Option<EnergyWatch>,
    lines: Lines,
    output: Output,
    /// One permit for each line that is taken and not yet printed.
    permits: Arc<Semaphore>,
    /// Ends all jobs.
    stop: CancelToken,
    jobs: JoinSet<Ended>,
    report: Report,
    stopped: Stopped,
    progress: Arc<BatchProgress>,
    taken: u64,
    /// Jobs of one session run one after the other, in the order of their lines.
    turns: Turns,
    /// An earlier output has jobs that are done.
    is_resumed: bool,
}

/// Why no more lines are taken.
enum End {
    /// There are none.
    Input,
    /// The rest stays for a resume.
    Left(Exit),
}

impl Batch {
    async fn run(mut self) -> Exit {
        let mut again = self.program.interrupt.clone();
        let mut interrupt = again.clone();
        let mut signal = None;
        let mut is_late = false;
        let mut deadline = pin!(self.deadline.passed());
        // Since when the running jobs have their grace, and why they end then.
        let mut graced: Option<(tokio::time::Instant, Failure)> = None;
        let mut ticks = tokio::time::interval(PROGRESS_EVERY);
        let mut end = None;
        while end.is_none() || !self.jobs.is_empty() {
            let is_stopped = self.stop.is_cancelled();
            let may_take = end.is_none() && self.jobs.len() < usize::from(self.options.max_jobs);
            tokio::select! {
                biased;
                () = again.heard_again() => {
                    // Whatever still runs is given up.
                    drop(self.jobs);
                    self.output.abandon().await;
                    return interrupt.heard().await.kind.exit();
                }
                failure = interrupt.heard(), if signal.is_none() => {
                    let exit = failure.kind.exit();
                    signal = Some(exit);
                    if self.options.grace.is_zero() {
                        tracing::warn!("stopped: running jobs get their line; a second signal ends the run at once");
                        end = Some(self.stop(failure));
                    } else {
                        let seconds = self.options.grace.as_secs();
                        tracing::warn!(
                            "stopped: running jobs have {seconds} s to end; a second signal ends the run at once"
                        );
                        end = Some(End::Left(exit));
                        graced = Some((tokio::time::Instant::now() + self.options.grace, failure));
                    }
                }
                failure = grace_over(&mut graced) => end = Some(self.stop(failure)),
                failure = &mut deadline, if !is_late => {
                    is_late = true;
                    if !is_stopped {
                        end = Some(self.stop(failure));
                    }
                }
                failure = self.output.broken(), if !is_stopped => {
                    tracing::error!("{failure}");
                    end = Some(self.stop(failure));
                }
                () = self.engine.remote_tokens_used_up(), if end.is_none() => {
                    tracing::warn!("the run's remote tokens are used up: no more jobs are taken");
                    end = Some(End::Left(Exit::SomeFailed));
                }
                Some(ended) = self.jobs.join_next() => match ended {
                    Ok(ended) => self.report.count(ended),
                    Err(error) => tracing::error!("{}", Failure::from(error)),
                },
                line = take(&self.permits, &mut self.lines), if may_take => match line {
                    Some((line, permit)) => self.start(line, permit),
                    None => end = Some(self.end_of_input().await),
                },
                _ = ticks.tick() => self.progress.tell(&self.report, self.jobs.len(), self.lines.skipped()),
            }
        }
        let mut closing = pin!(self.close(end.unwrap_or(End::Input)));
        loop {
            tokio::select! {
                biased;
                () = again.heard_again() => {
                    // Nobody may take the last line.
                    let _ = tokio::time::timeout(output::LAST_LINE, closing).await;
                    return interrupt.heard().await.kind.exit();
                }
                failure = interrupt.heard(), if signal.is_none() => signal = Some(failure.kind.exit()),
                exit = &mut closing => return signal.unwrap_or(exit),
            }
        }
    }

    /// Tells the running jobs to end.
    fn stop(&self, failure: Failure) -> End {
        let exit = failure.kind.exit();
        self.stop.cancel_because(failure);
        End::Left(exit)
    }

    async fn end_of_input(&mut self) -> End {
        match self.lines.end().await {
            Ok(()) => End::Input,
            Err(failure) => {
                tracing::error!("{failure}");
                End::Left(failure.kind.exit())
            }
        }
    }

    /// Runs a line's job, or prints what is wrong with it.
    fn start(&mut self, line: Line, permit: tokio::sync::OwnedSemaphorePermit) {
        let position = self.taken;
        self.taken += 1;
        let Line { custom_id, hash, job } = line;
        if self.output.is_stdout {
            last_words::line_is_due(position, output::out_of_memory(&custom_id, &self.program.redactor));
        }
        let output = self.output.lines();
        let span = tracing::warn_span!("job", id = custom_id.as_str());
        let events = self.engine.events(self.listeners.clone(), Some(&custom_id));
        let (engine, stop, stopping) = (self.engine.clone(), self.stop.clone(), self.stop.clone());
        let stopped = self.stopped.clone();
        let (is_dry, is_slim) = (self.options.each.dry_run, self.options.each.slim);
        let id = custom_id.clone();
        let turn = job.as_ref().ok().and_then(|job| job.session()).map(|session| self.turns.queue(session));
        let work = async move {
            let job = job?;
            let _turn = match turn {
                Some(turn) => Some(turn.come().await),
                None => None,
            };
            if is_dry {
                return tokio::select! {
                    estimate = engine.estimate(&job) => estimate.map(Box::new).map(JobOutcome::Estimate),
                    reason = stop.cancelled() => Err(reason),
                };
            }
            let job = Job { line: Some(id), hash: Some(hash), is_slim: is_slim || job.is_slim, ..*job };
            engine.run(job, events, &stop).await.map(|result| JobOutcome::Answer(Box::new(result)))
        };
        let work = async move {
            // A job that panics has its line, too.
            let caught = AssertUnwindSafe(work).catch_unwind().await;
            let outcome = caught.unwrap_or_else(|panic| Err(Failure::of_panic(&*panic)));
            let ended = Ended::of(&custom_id, &outcome, stopping.is_cancelled());
            if ended.is_stopped {
                stopped.add(&custom_id);
            }
            // It fails only where nothing can be written any more.
            let _ = output.send(Printed { position, custom_id, envelope: outcome.into(), permit }).await;
            ended
        };
        self.jobs.spawn(work.instrument(span));
    }

    /// Waits for the last line to be written.
    async fn close(self, end: End) -> Exit {
        let skipped = self.lines.skipped();
        let is_stopped = self.stop.is_cancelled();
        let has_more = self.lines.has_more();
        let broken = self.output.close().await;
        self.progress.end();
        self.report.summary(skipped, self.options.each.dry_run, self.engine.remote_tokens_spent());
        let measured = self.energy.map(EnergyWatch::end).transpose();
        let unmeasured = measured.map(|measured| {
            measured.flatten().iter().for_each(|energy| tracing::info!("{}", report::energy(energy)));
        });
        let unmeasured = unmeasured.inspect_err(|failure| tracing::error!("{failure}")).err();
        match (end, broken) {
            (End::Left(exit), _) => {
                let stopped = match self.report.stopped() {
                    1 => "1 job was stopped".to_owned(),
                    stopped => format!("{stopped} jobs were stopped"),
                };
                match (self.report.stopped(), has_more) {
                    (0, false) => {}
                    (0, true) => tracing::warn!("the rest of the input is left; --resume goes on with it"),
                    (_, false) => tracing::warn!("{stopped}; --resume runs what is not done"),
                    (_, true) => {
                        tracing::warn!(
                            "{stopped}, and the rest of the input is left; --resume goes on with it"
                        );
                    }
                }
                exit
            }
            (End::Input, Some(failure)) if !is_stopped => {
                tracing::error!("{failure}");
                failure.kind.exit()
            }
            (End::Input, _) => {
                if self.taken + skipped == 0 {
                    tracing::warn!("the input held no job");
                } else if self.is_resumed && skipped == 0 {
                    tracing::warn!(
                        "--resume: no job of the earlier output is one of this input, so all were run"
                    );
                }
                let exit = self.report.exit(self.options.fail_on, skipped);
                unmeasured.map_or(exit, |failure| failure.kind.exit())
            }
        }
    }
}

/// Waits for the end of the grace of running jobs; for ever if they have none.
async fn grace_over(graced: &mut Option<(tokio::time::Instant, Failure)>) -> Failure {
    let Some((until, failure)) = graced else { return std::future::pending().await };
    tokio::time::sleep_until(*until).await;
    let failure = failure.clone();
    *graced = None;
    failure
}

/// The next line, and the permit to hold it until it is printed.
async fn take(
    permits: &Arc<Semaphore>,
    lines: &mut Lines,
) -> Option<(Line, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    Some((lines.next().await?, permit))
}
