//! What is said when memory ends in a place that can't give an error back: the allocator ends the process there.

use std::cell::Cell;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};
use std::{mem, thread};

use nix::unistd::write;

use super::sync::lock;

/// The envelope of a job that took all memory. Nothing can be put together any more.
const ENVELOPE: &[u8] = br#"{
  "success": false,
  "result": null,
  "error": "the memory that this process may use is used up. Hint: give it more (`ulimit -v` or the container's limit), or split the documents"
}
"#;
/// What stderr gets.
const TOLD: &[u8] = b"the memory that this process may use is used up; a batch goes on with --resume\n";
/// How long the last words wait for a line that is being written.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(5);

/// Whether an envelope is still to be written.
static IS_DUE: AtomicBool = AtomicBool::new(false);
/// Held while a line is written.
static WRITING: Mutex<()> = Mutex::new(());
/// The jobs of a batch that have no line yet: position, and the line that they get when memory ends.
static DUE_LINES: Mutex<Vec<(u64, Vec<u8>)>> = Mutex::new(Vec::new());

thread_local! {
    static WORDS: LastWords = const { LastWords(Cell::new(false)) };
}

/// Lives on each thread that works. The allocator ends the process by `exit`, which drops what belongs to the thread;
/// a thread that comes to its own end takes it back before.
struct LastWords(Cell<bool>);

impl Drop for LastWords {
    fn drop(&mut self) {
        if self.0.get() {
            say();
        }
    }
}

/// Says what is due. Nothing is allocated here: it would fail, too.
fn say() {
    let _ = write(io::stderr(), TOLD);
    if take_over() {
        // There is nobody left to tell of an error.
        let _ = write(io::stdout(), ENVELOPE);
    }
    if let Some(writing) = patiently(&WRITING)
        && let Some(lines) = patiently(&DUE_LINES)
    {
        for (_, line) in &*lines {
            write_whole(line);
        }
        // No other line comes after these.
        mem::forget(writing);
    }
}

/// The lock, unless it stays taken: by this very thread, or by one that waits for a reader of stdout.
fn patiently<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        if let Ok(guard) = mutex.try_lock() {
            return Some(guard);
        }
        thread::sleep(PAUSE);
    }
    None
}

fn write_whole(mut bytes: &[u8]) {
    while let Ok(written) = write(io::stdout(), bytes)
        && written > 0
    {
        bytes = &bytes[written..];
    }
}

/// From now on an envelope is due: the work is one job.
pub(crate) fn envelope_is_due() {
    IS_DUE.store(true, SeqCst);
}

/// Whether the envelope is still to be written; whoever asks writes it.
pub(crate) fn take_over() -> bool {
    IS_DUE.swap(false, SeqCst)
}

/// From now on the job at `position` of a batch is owed a line: this one, if memory ends.
pub(crate) fn line_is_due(position: u64, line: Vec<u8>) {
    lock(&DUE_LINES).push((position, line));
}

/// Writes the line of the job at `position`, whole.
pub(crate) fn write_line(position: u64, line: &[u8]) -> io::Result<()> {
    let _writing = lock(&WRITING);
    let mut stdout = io::stdout().lock();
    stdout.write_all(line)?;
    stdout.flush()?;
    lock(&DUE_LINES).retain(|(due, _)| *due != position);
    Ok(())
}

/// This thread works.
pub(crate) fn begin() {
    WORDS.with(|words| words.0.set(true));
}

/// This thread comes to its own end.
pub(crate) fn end() {
    WORDS.with(|words| words.0.set(false));
}
