//! The time of the code's runs: a thread of its own looks at it, and ends a run that takes too long.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError, mpsc};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use rustpython_vm::VirtualMachine;
use rustpython_vm::signal::UserSignalSender;

use super::ask;
use super::report::{SCRIPT, Script};
use crate::wire::Reply;
use crate::{CodeError, SandboxLimits};

/// How long the interpreter has to come to its next instruction, where it knows the line.
const TO_THE_NEXT_INSTRUCTION: Duration = Duration::from_millis(100);
/// No run is under way.
const NONE: u64 = 0;
/// The run has been ended.
const ENDED: u64 = u64::MAX;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);
/// When the run ends at the latest, in milliseconds since [`START`].
static DEADLINE: AtomicU64 = AtomicU64::new(NONE);
static WATCHER: OnceLock<Thread> = OnceLock::new();
static ALARM: OnceLock<UserSignalSender> = OnceLock::new();
/// What is told of a run that takes too long.
static RUN: Mutex<Option<Run>> = Mutex::new(None);
/// Whether one of the two threads tells it already.
static IS_TOLD: AtomicBool = AtomicBool::new(false);

#[derive(Clone)]
struct Run {
    limit: Duration,
    place: &'static str,
    script: &'static Script,
}

/// Starts the thread, and returns when it runs: it may start no more when the system calls are filtered.
pub(super) fn start() -> io::Result<()> {
    LazyLock::force(&START);
    let (up, is_up) = mpsc::channel();
    let thread = thread::Builder::new().name("watch".to_owned()).spawn(move || {
        let _ = up.send(());
        watch();
    })?;
    let _ = WATCHER.set(thread.thread().clone());
    is_up.recv().map_err(io::Error::other)
}

/// Takes the way to the interpreter's next instruction.
pub(super) fn listen(alarm: UserSignalSender) {
    let _ = ALARM.set(alarm);
}

/// Runs code within its time. `place` is told where no line is known.
pub(super) fn timed<T>(
    place: &'static str,
    script: &'static Script,
    limits: &SandboxLimits,
    run: impl FnOnce() -> T,
) -> T {
    *RUN.lock().unwrap_or_else(PoisonError::into_inner) = Some(Run { limit: limits.time, place, script });
    set(since_start() + limits.time.as_millis() as u64);
    let result = run();
    stop();
    result
}

/// Runs what is not the code's, and gives the code no less time for it.
pub(super) fn suspended<T>(run: impl FnOnce() -> T) -> T {
    let left = stop().saturating_sub(since_start());
    let result = run();
    set(since_start() + left);
    result
}

fn since_start() -> u64 {
    START.elapsed().as_millis() as u64
}

fn set(deadline: u64) {
    DEADLINE.store(deadline.max(1), Ordering::SeqCst);
    if let Some(watcher) = WATCHER.get() {
        watcher.unpark();
    }
}

/// Ends the time of a run, and gives its deadline. A run that was ended already does not come back from here.
fn stop() -> u64 {
    match DEADLINE.swap(NONE, Ordering::SeqCst) {
        ENDED => rest(),
        deadline => deadline,
    }
}

fn watch() {
    loop {
        let deadline = DEADLINE.load(Ordering::SeqCst);
        let left = deadline.saturating_sub(since_start());
        match deadline {
            NONE | ENDED => thread::park(),
            _ if left > 0 => thread::park_timeout(Duration::from_millis(left)),
            // The run may have come to its end, or may have more time, since.
            _ => {
                let end = DEADLINE.compare_exchange(deadline, ENDED, Ordering::SeqCst, Ordering::SeqCst);
                if end.is_ok() {
                    if let Some(alarm) = ALARM.get() {
                        let _ = alarm.send(Box::new(|vm| tell(vm)));
                    }
                    pause(TO_THE_NEXT_INSTRUCTION);
                    say("");
                }
            }
        }
    }
}

/// In the interpreter's thread, between two instructions.
fn tell(vm: &VirtualMachine) -> ! {
    let script = RUN.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|run| run.script);
    say(&script.map(|script| script.places(&places(vm))).unwrap_or_default());
    rest()
}

/// The lines and functions of the code that run now, the outermost first.
pub(super) fn places(vm: &VirtualMachine) -> Vec<(usize, String)> {
    let mut places = Vec::new();
    let mut frame = vm.current_frame();
    while let Some(inner) = frame {
        let code = inner.f_code();
        if code.source_path().as_str() == SCRIPT {
            places.push((inner.current_location().line.get(), code.obj_name.as_str().to_owned()));
        }
        frame = inner.f_back(vm);
    }
    places.reverse();
    places
}

/// Tells the parent, which then ends this process.
fn say(at: &str) {
    if IS_TOLD.swap(true, Ordering::SeqCst) {
        return;
    }
    let run = RUN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let Some(Run { limit, place, .. }) = run else { return };
    let at = if at.is_empty() { place } else { at }.to_owned();
    let _ = ask::reply(&Reply::Failed(CodeError::Timeout { limit, at }), &[""; 0]);
}

/// Waits as long, without the system call of `thread::sleep`, which is denied.
fn pause(time: Duration) {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        thread::park_timeout(left);
    }
}

/// Waits for the parent to end this process.
fn rest() -> ! {
    loop {
        thread::park();
    }
}
