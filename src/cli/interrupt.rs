//! What may end the program from outside: signals, the machine's limit of CPU time, the deadline of a batch, the end of
//! whoever started it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use nix::sys::resource::{RLIM_INFINITY, Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;
use signal_hook::low_level;
use tokio::sync::watch;

use minions::error::{Exit, Failure, FailureKind};

use super::while_open::OpenEnd;

/// From the end of the work until the process ends all the same: somebody may have stopped reading its stdout.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// Between two looks for a second signal.
const PAUSE: Duration = Duration::from_millis(10);
/// CPU time that is kept for the end of the work, at most.
const LAST_CPU_TIME: Duration = Duration::from_millis(500);

/// Hears what asks the program to end. The signals among it no longer kill.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt {
    heard: watch::Receiver<Heard>,
    tell: watch::Sender<Heard>,
    /// Whether SIGINT stops what is under way, and not the program.
    stays: Arc<AtomicBool>,
    /// How many of these SIGINTs were waited for. One that comes between two waits is for the second.
    taken: u64,
    /// Milliseconds that the end of the work may take besides [`LAST_WORDS`].
    patience: Arc<AtomicU64>,
}

/// What came so far.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    first: Option<Cause>,
    /// A second signal.
    again: bool,
    /// How often SIGINT came while the program stays.
    stops: u64,
}

#[derive(Clone, Copy, Debug)]
enum Cause {
    Signal(i32),
    /// The limit of CPU time, in seconds, is nearly reached.
    CpuTime(u64),
    /// The other end of `--while-open` is closed.
    Closed(i32),
}

impl Interrupt {
    /// Takes the signals over, on a thread of its own: it hears them before there is a runtime and while the
    /// envelope is written.
    pub(crate) fn listen() -> io::Result<Self> {
        // A file that may grow no more is an error of its writer, as on a full disk; without a handler it kills.
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGXFSZ])?;
        if !is_ignored(SIGHUP) {
            signals.add_signal(SIGHUP)?;
        }
        let (tell, heard) = watch::channel(Heard::default());
        let (of_cpu_time, of_others) = (tell.clone(), tell.clone());
        let stays = Arc::new(AtomicBool::new(false));
        let staying = Arc::clone(&stays);
        let patience = Arc::new(AtomicU64::new(0));
        let more = Arc::clone(&patience);
        let listen = move || {
            let mut ended: Option<(Cause, i32, Instant)> = None;
            loop {
                // The last words have no thread of their own: there may be none left.
                let came: Vec<i32> = match ended {
                    None => signals.wait().collect(),
                    Some((_, signal, at))
                        if at.elapsed() >= LAST_WORDS + Duration::from_millis(more.load(Relaxed)) =>
                    {
                        low_level::exit(128 + signal)
                    }
                    Some(_) => {
                        thread::sleep(PAUSE);
                        signals.pending().collect()
                    }
                };
                for signal in came.into_iter().filter(|signal| *signal != SIGXFSZ) {
                    if signal == SIGINT && staying.load(Relaxed) && ended.is_none() {
                        tell.send_modify(|heard| heard.stops += 1);
                        continue;
                    }
                    // A terminal that goes away is told by the kernel and by the shell.
                    let again = ended.is_some() && signal != SIGHUP;
                    let (first, ..) = *ended.get_or_insert((Cause::Signal(signal), signal, Instant::now()));
                    tell.send_modify(|heard| {
                        heard.first = heard.first.or(Some(first));
                        heard.again |= again;
                    });
                }
            }
        };
        thread::Builder::new().name("signals".to_owned()).spawn(listen)?;
        watch_cpu_time(of_cpu_time)?;
        Ok(Self { heard, tell: of_others, stays, taken: 0, patience })
    }

    /// From now on the end of whoever holds the other end asks the program to end, too.
    pub(crate) fn listen_to(&self, end: OpenEnd) -> io::Result<()> {
        let tell = self.tell.clone();
        let watch = move || {
            let number = end.number;
            end.wait();
            tell.send_modify(|heard| heard.first = heard.first.or(Some(Cause::Closed(number))));
            // Nobody is left who could send a second signal.
            thread::sleep(LAST_WORDS);
            low_level::exit(Exit::HungUp as i32);
        };
        thread::Builder::new().name("while-open".to_owned()).spawn(watch).map(drop)
    }

    /// From now on SIGINT stops what is under way, and not the program.
    pub(crate) fn stay(&self) {
        self.stays.store(true, Relaxed);
    }

    /// From now on the end of the work may take so much longer.
    pub(crate) fn be_patient(&self, more: Duration) {
        self.patience.store(u64::try_from(more.as_millis()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Waits for the next SIGINT that stops what is under way.
    pub(crate) async fn stopped(&mut self) {
        let taken = self.taken;
        if self.heard.wait_for(|heard| heard.stops > taken).await.is_err() {
            std::future::pending().await
        }
        self.taken += 1;
    }

    /// Waits for the first of it.
    pub(crate) async fn heard(&mut self) -> Failure {
        let first =
            self.heard.wait_for(|heard| heard.first.is_some()).await.ok().and_then(|heard| heard.first);
        let (name, kind) = match first {
            Some(Cause::Signal(SIGINT)) => ("SIGINT", FailureKind::Cancelled),
            Some(Cause::Signal(SIGHUP)) => ("SIGHUP", FailureKind::HungUp),
            Some(Cause::Signal(_)) => ("SIGTERM", FailureKind::Terminated),
            Some(Cause::CpuTime(seconds)) => {
                let message = format!("the {seconds} s of CPU time that this process may use are used up");
                return Failure::system(message).hint("raise the limit: `ulimit -t` shows it");
            }
            Some(Cause::Closed(number)) => {
                let message =
                    format!("the job was stopped before it was done, as --while-open fd:{number} was closed");
                return Failure::new(FailureKind::HungUp, message);
            }
            // Its thread is gone, which only the end of the process does.
            None => std::future::pending().await,
        };
        Failure::new(kind, format!("the job was stopped by {name} before it was done"))
    }

    /// Waits for a second signal: whoever sent it wants no last words.
    pub(crate) async fn heard_again(&mut self) {
        if self.heard.wait_for(|heard| heard.again).await.is_err() {
            std::future::pending().await
        }
    }
}

/// Whether `signal` was ignored when the program began, as `nohup` does it for SIGHUP.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
}

/// Tells shortly before the machine's limit of CPU time is reached, if there is one: it kills.
fn watch_cpu_time(tell: watch::Sender<Heard>) -> io::Result<()> {
    let (limit, _) = getrlimit(Resource::RLIMIT_CPU)?;
    if limit == RLIM_INFINITY {
        return Ok(());
    }
    let whole = Duration::from_secs(limit);
    let allowed = whole - LAST_CPU_TIME.min(whole / 4);
    let threads = thread::available_parallelism().map_or(1, |count| count.get() as u32);
    let watch = move || {
        while let Some(rest) = allowed.checked_sub(cpu_time()) {
            thread::sleep((rest / threads).max(Duration::from_millis(10)));
        }
        tell.send_modify(|heard| heard.first = heard.first.or(Some(Cause::CpuTime(limit))));
    };
    thread::Builder::new().name("cpu-time".to_owned()).spawn(watch).map(drop)
}

/// The CPU time that this process has used.
fn cpu_time() -> Duration {
    let spent = |time: TimeVal| Duration::from_micros(time.num_microseconds().unsigned_abs());
    getrusage(UsageWho::RUSAGE_SELF)
        .map_or(Duration::ZERO, |usage| spent(usage.user_time()) + spent(usage.system_time()))
}

/// Ends the process with `code` once `wait` has passed, whatever it does then.
fn end_within(wait: Duration, code: i32) -> io::Result<()> {
    let end = move || {
        thread::sleep(wait);
        low_level::exit(code);
    };
    thread::Builder::new().name("last-words".to_owned()).spawn(end).map(drop)
}

/// Ends the process, `limit` from now and the time for its last words later, if it has not ended by then.
pub(crate) fn end_after_deadline(limit: Duration) {
    if let Err(error) = end_within(limit.saturating_add(LAST_WORDS), Exit::Deadline as i32) {
        tracing::debug!("the end of the program may wait for the reader of stdout: {error}");
    }
}

/// The deadline of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunDeadline(Option<(Instant, Duration)>);

impl RunDeadline {
    /// `limit` after now; never without a limit.
    pub(crate) fn of(limit: Option<Duration>) -> Self {
        Self(limit.and_then(|limit| Some((Instant::now().checked_add(limit)?, limit))))
    }

    /// Waits until it has passed.
    pub(crate) async fn passed(self) -> Failure {
        let Some((at, limit)) = self.0 else { return std::future::pending().await };
        tokio::time::sleep_until(at.into()).await;
        let message =
            format!("the run's deadline of {} s passed before the job was done", limit.as_secs_f64());
        Failure::new(FailureKind::Deadline, message).hint("raise --deadline and go on with --resume")
    }
}
