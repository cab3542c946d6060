//! What is said when memory ends in a place that can't give an error back: the allocator ends the process there.

use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use nix::unistd::write;

/// The envelope of a job that took all memory. Nothing can be put together any more.
const ENVELOPE: &[u8] = br#"{
  "success": false,
  "result": null,
  "error": "the memory that this process may use is used up. Hint: give it more (`ulimit -v` or the container's limit), or split the documents"
}
"#;

/// Whether an envelope is still to be written.
static IS_DUE: AtomicBool = AtomicBool::new(false);

thread_local! {
    static WORDS: LastWords = const { LastWords(Cell::new(false)) };
}

/// Lives on each thread that works. The allocator ends the process by `exit`, which drops what belongs to the thread;
/// a thread that comes to its own end takes it back before.
struct LastWords(Cell<bool>);

impl Drop for LastWords {
    fn drop(&mut self) {
        // No allocation here: it would fail, too.
        if self.0.get() && take_over() {
            // There is nobody left to tell of an error.
            let _ = write(io::stdout(), ENVELOPE);
        }
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

/// This thread works.
pub(crate) fn begin() {
    WORDS.with(|words| words.0.set(true));
}

/// This thread comes to its own end.
pub(crate) fn end() {
    WORDS.with(|words| words.0.set(false));
}
