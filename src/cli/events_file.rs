//! `--events`: what happens in jobs, a line of JSON for each event, in a file or at an open descriptor.

use std::convert::Infallible;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel, sync_channel};
use std::time::Duration;

use minions::error::Failure;
use minions::events::{Event, EventKind, EventListener};

/// Events that may wait for a slow reader before pieces of replies are left out; their messages follow whole.
const WAITING: usize = 4096;
/// How long the program waits at its end for a reader that has stopped reading.
const LAST_EVENTS: Duration = Duration::from_secs(2);

/// Where events go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EventsTarget {
    /// A file, which is replaced.
    File(PathBuf),
    /// A descriptor that is open already.
    Descriptor(u32),
}

impl FromStr for EventsTarget {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.strip_prefix("fd:").and_then(|number| number.parse().ok()) {
            Some(number) => Self::Descriptor(number),
            None => Self::File(text.into()),
        })
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
                let path = format!("/dev/fd/{number}");
                let file = OpenOptions::new().append(true).open(path);
                file.map_err(|error| {
                    Failure::input(format!("--events fd:{number} can't be written to: {error}"))
                        .hint("open it in the shell: `minions --events fd:3 3> events.ndjson < job.json`")
                })
            }
            Self::File(path) => File::create(path).map_err(|error| {
                Failure::input(format!("--events {} can't be written to: {error}", path.display()))
            }),
        }
    }
}

/// Writes events in a thread of its own, so that no job waits for it.
pub(crate) struct EventsFile {
    events: Sender<Arc<Event>>,
    waiting: Arc<AtomicUsize>,
}

/// Waits for the last event to be written.
pub(crate) struct EventsEnd(Receiver<()>);

impl EventsFile {
    /// Opens `target`.
    pub(crate) fn open(target: &EventsTarget) -> Result<(Arc<Self>, EventsEnd), Failure> {
        let file = target.open()?;
        let (events, received) = channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let (end, ended) = sync_channel(1);
        let counter = Arc::clone(&waiting);
        let write = move || {
            if let Err(error) = write_all(&received, &counter, BufWriter::new(file)) {
                tracing::warn!("no more events are written: {error}");
            }
            // Nobody may wait.
            let _ = end.send(());
        };
        std::thread::Builder::new()
            .name("events".to_owned())
            .spawn(write)
            .map_err(|error| Failure::system(format!("no thread for --events: {error}")))?;
        Ok((Arc::new(Self { events, waiting }), EventsEnd(ended)))
    }
}

impl EventListener for EventsFile {
    fn event(&self, event: &Arc<Event>) {
        if matches!(event.kind, EventKind::Delta { .. }) && self.waiting.load(Relaxed) > WAITING {
            return;
        }
        self.waiting.fetch_add(1, Relaxed);
        // The writer has said already that it can write no more.
        let _ = self.events.send(Arc::clone(event));
    }
}

impl EventsEnd {
    /// Waits until all events are written, once nobody holds the [`EventsFile`] any more.
    pub(crate) fn wait(&self) {
        // A reader that has stopped reading must not hold the program.
        let _ = self.0.recv_timeout(LAST_EVENTS);
    }
}

/// Writes what comes; whenever nothing waits, what is written can be read.
fn write_all(events: &Receiver<Arc<Event>>, waiting: &AtomicUsize, mut out: impl Write) -> io::Result<()> {
    loop {
        let event = match events.try_recv() {
            Ok(event) => event,
            Err(TryRecvError::Disconnected) => return out.flush(),
            Err(TryRecvError::Empty) => {
                out.flush()?;
                let Ok(event) = events.recv() else { return Ok(()) };
                event
            }
        };
        waiting.fetch_sub(1, Relaxed);
        serde_json::to_writer(&mut out, &*event)?;
        out.write_all(b"\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_is_told_from_a_file() {
        let target = |text: &str| text.parse::<EventsTarget>().unwrap();
        assert_eq!(target("fd:3"), EventsTarget::Descriptor(3));
        assert_eq!(target("fd:x"), EventsTarget::File("fd:x".into()));
        assert!(target("fd:1").open().unwrap_err().message.contains("stdout"));
    }
}
