//! `--events`: what happens in jobs, a line of JSON for each event, in a file or at an open descriptor.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::iter;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::time::{Duration, Instant};

use minions::error::Failure;
use minions::events::{Event, EventKind, EventListener};
use minions::words;

/// The most bytes that are written at once.
const PIECE: usize = 1 << 14;
/// Bytes of events that may wait for a slow reader.
const MOST_WAITING: usize = 256 << 20;
/// Events that come within this time of the last ones are written together.
const TOGETHER: Duration = Duration::from_millis(10);
/// How long the program waits at its end for a reader that reads nothing.
const STANDSTILL: Duration = Duration::from_secs(2);

/// Where events go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EventsTarget {
    /// A file, which is replaced.
    File(PathBuf),
    /// A descriptor that is open already.
    Descriptor(i32),
}

impl FromStr for EventsTarget {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("fd:") {
            Some(number) => number
                .parse()
                .map(Self::Descriptor)
                .map_err(|_| "fd: is followed by the number of a descriptor, as in fd:3; a file is named with its folder, ./fd:x"),
            None => Ok(Self::File(text.into())),
        }
    }
}

impl EventsTarget {
    fn open(&self) -> Result<File, Failure> {
        match self {
            Self::Descriptor(1) => {
                Err(Failure::input("--events fd:1 is stdout, which holds envelopes alone")
                    .hint("name another descriptor, `--events fd:3 3> events.ndjson`, or a file"))
            }
            Self::Descriptor(number) => {
                let file = OpenOptions::new().append(true).open(format!("/dev/fd/{number}")).map_err(|error| {
                    Failure::input(format!("--events fd:{number} can't be written to: {}", words::of_io(&error))).hint(
                        "open a file or a pipe there, as with `minions --events fd:3 3> events.ndjson < job.json`; a \
                         socket can't be taken",
                    )
                })?;
                if *number > 2 {
                    // The programs that we start must not keep it open, or its reader would wait for them.
                    let _ = nix::unistd::close(*number);
                }
                Ok(file)
            }
            Self::File(path) => {
                // Events hold documents and answers, so that a new file is the user's alone.
                let mut file = OpenOptions::new();
                let opened = file.write(true).create(true).truncate(true).mode(0o600).open(path);
                opened.map_err(|error| {
                    let words = words::of_io(&error);
                    Failure::input(format!("--events {} can't be written to: {words}", path.display()))
                        .hint("name a file in a folder that is there, and that this user may write to")
                })
            }
        }
    }
}

/// Writes events in a thread of its own, so that no job waits for it.
pub(crate) struct EventsFile {
    events: Sender<Arc<Event>>,
    leaves_texts_out: AtomicBool,
    state: Arc<State>,
}

/// How far the writing is.
#[derive(Default)]
struct State {
    /// About how many bytes wait to be written.
    waiting: AtomicUsize,
    /// Bytes that were written.
    written: AtomicUsize,
    /// Whether nothing is written any more.
    has_ended: AtomicBool,
}

/// A file that is written in pieces and counts them, so that a slow reader is told from one that reads nothing.
struct Counted {
    file: File,
    state: Arc<State>,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(&bytes[..bytes.len().min(PIECE)])?;
        self.state.written.fetch_add(count, Relaxed);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Waits for the last event to be written.
pub(crate) struct EventsEnd {
    ended: Receiver<()>,
    state: Arc<State>,
}

impl EventsFile {
    /// Opens `target`.
    pub(crate) fn open(target: &EventsTarget) -> Result<(Arc<Self>, EventsEnd), Failure> {
        let file = target.open()?;
        let (events, received) = channel();
        let (end, ended) = sync_channel(1);
        let state = Arc::new(State::default());
        let of_writer = Arc::clone(&state);
        let out = BufWriter::with_capacity(PIECE, Counted { file, state: Arc::clone(&state) });
        let write = move || {
            if let Err(error) = write_all(&received, &of_writer, out) {
                of_writer.give_up(&words::of_io(&error));
            }
            // Nobody may wait.
            let _ = end.send(());
        };
        std::thread::Builder::new()
            .name("events".to_owned())
            .spawn(write)
            .map_err(|error| Failure::system(format!("no thread for --events: {error}")))?;
        Ok((
            Arc::new(Self { events, leaves_texts_out: AtomicBool::new(false), state: Arc::clone(&state) }),
            EventsEnd { ended, state },
        ))
    }
}

impl EventsFile {
    /// From the next job on, what models are told and say is left out, and so are results.
    pub(crate) fn leave_texts_out(&self) {
        self.leaves_texts_out.store(true, Relaxed);
    }
}

impl EventListener for EventsFile {
    fn event(&self, event: &Arc<Event>) {
        if self.state.has_ended.load(Relaxed) {
            return;
        }
        if self.state.waiting.fetch_add(size(event), Relaxed) > MOST_WAITING {
            self.state.give_up("their reader is too slow");
        }
        // The writer has said already that it can write no more.
        let _ = self.events.send(Arc::clone(event));
    }

    fn wants_details(&self) -> bool {
        !self.leaves_texts_out.load(Relaxed) && !self.state.has_ended.load(Relaxed)
    }
}

impl State {
    fn give_up(&self, reason: &str) {
        if !self.has_ended.swap(true, Relaxed) {
            tracing::warn!("no more events are written: {reason}");
        }
    }
}

impl EventsEnd {
    /// Waits until all events are written, once nobody holds the [`EventsFile`] any more, and as long as they are read.
    pub(crate) fn wait(&self) {
        loop {
            let before = self.state.written.load(Relaxed);
            match self.ended.recv_timeout(STANDSTILL) {
                Err(RecvTimeoutError::Timeout) if self.state.written.load(Relaxed) == before => {
                    return self.state.give_up("nobody reads them");
                }
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

/// About how many bytes the line of an event has.
fn size(event: &Event) -> usize {
    let text = match &event.kind {
        EventKind::Delta { text, .. } | EventKind::Message { text, .. } => text.len(),
        EventKind::Program { code, .. } => code.len(),
        EventKind::Finished { envelope: Some(envelope), .. } => envelope.get().len(),
        _ => 0,
    };
    text + 200
}

/// Writes what comes. It can be read at once, or in a busy batch [`TOGETHER`] later.
fn write_all(events: &Receiver<Arc<Event>>, state: &State, mut out: impl Write) -> io::Result<()> {
    let mut written = None;
    // A wait for each event would cost more than the events.
    while let Ok(first) = events.recv() {
        if let Some(rest) = written.and_then(|at: Instant| TOGETHER.checked_sub(at.elapsed())) {
            std::thread::sleep(rest);
        }
        for event in iter::once(first).chain(events.try_iter()) {
            serde_json::to_writer(&mut out, &*event)?;
            out.write_all(b"\n")?;
            state.waiting.fetch_sub(size(&event), Relaxed);
        }
        out.flush()?;
        written = Some(Instant::now());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_is_told_from_a_file() {
        let target = |text: &str| text.parse::<EventsTarget>().unwrap();
        assert_eq!(target("fd:3"), EventsTarget::Descriptor(3));
        assert!("fd:x".parse::<EventsTarget>().is_err());
        assert_eq!(target("./fd:x"), EventsTarget::File("./fd:x".into()));
        assert!(target("fd:1").open().unwrap_err().message.contains("stdout"));
    }
}
