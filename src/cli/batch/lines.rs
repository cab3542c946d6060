//! From pieces of the input to jobs, in a thread of its own that reads no further than the jobs are taken.

use std::collections::HashSet;
use std::io::{self, BufRead};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

use super::Shard;
use super::feed::Origin;
use super::json_splitter::{JsonPiece, JsonSplitter};
use super::line::Line;
use super::named::{Named, Names};
use super::written::{Fingerprint, fingerprint};
use minions::engine::Engine;
use minions::error::Failure;
use minions::job::Job;
use minions::memory;

/// Lines that wait to be taken, besides the one in the reader's hand.
const AHEAD: usize = 1;

/// The lines of the input, as they are taken.
pub(super) struct Lines {
    lines: Receiver<Line>,
    /// Reads them, unless they are handed over.
    reader: Option<JoinHandle<Result<(), Failure>>>,
    /// The input could not be read to its end.
    is_broken: bool,
    skipped: Arc<AtomicU64>,
}

impl Lines {
    /// Those of `origin`. Of an input those of `shard`, without jobs that are in `done`.
    pub(super) fn of(engine: Engine, origin: Origin, shard: Shard, done: HashSet<Fingerprint>) -> Self {
        let skipped = Arc::new(AtomicU64::new(0));
        let (mut pieces, folder) = match origin {
            Origin::Input { pieces, folder } => (pieces, folder),
            Origin::Handed(lines) => return Self { lines, reader: None, is_broken: false, skipped },
        };
        let (sender, lines) = channel(AHEAD);
        let mut reader = Reader {
            engine,
            shard,
            done,
            names: Names::new(folder.clone()),
            folder,
            skipped: Arc::clone(&skipped),
        };
        let reader = tokio::task::spawn_blocking(move || reader.run(&mut pieces, &sender));
        Self { lines, reader: Some(reader), is_broken: false, skipped }
    }

    /// The next one; `None` at the end of the input.
    pub(super) async fn next(&mut self) -> Option<Line> {
        self.lines.recv().await
    }

    /// After the last line: whether it was the last of the input.
    pub(super) async fn end(&mut self) -> Result<(), Failure> {
        let Some(reader) = &mut self.reader else { return Ok(()) };
        let outcome = reader.await.unwrap_or_else(|error| Err(error.into()));
        self.is_broken = outcome.is_err();
        outcome
    }

    /// Whether there may be lines that nobody took.
    pub(super) fn has_more(&self) -> bool {
        let is_read = self.reader.as_ref().is_none_or(JoinHandle::is_finished);
        self.is_broken || !is_read || !self.lines.is_empty()
    }

    /// Jobs that were left out so far.
    pub(super) fn skipped(&self) -> u64 {
        self.skipped.load(Relaxed)
    }
}

struct Reader {
    engine: Engine,
    shard: Shard,
    done: HashSet<Fingerprint>,
    /// Where paths in jobs begin.
    folder: Option<PathBuf>,
    names: Names,
    skipped: Arc<AtomicU64>,
}

impl Reader {
    fn run<R: BufRead>(&mut self, pieces: &mut JsonSplitter<R>, lines: &Sender<Line>) -> Result<(), Failure> {
        for number in 0.. {
            let piece = match pieces.next() {
                Ok(Some(piece)) => Ok(piece),
                Ok(None) => break,
                Err(error) if error.kind() == io::ErrorKind::OutOfMemory => Err((pieces.unread(), error)),
                Err(error) => {
                    return Err(Failure::system(format!("the rest of the input can't be read: {error}")));
                }
            };
            if !self.shard.has(number) {
                continue;
            }
            let line = match piece {
                Ok(piece) => self.line(&piece),
                Err((piece, error)) => Some(Line {
                    custom_id: self.names.of_line(&piece),
                    hash: String::new(),
                    job: Err(Failure::system(format!("line {}: {error}", piece.line))),
                }),
            };
            match line {
                None => drop(self.skipped.fetch_add(1, Relaxed)),
                Some(line) => {
                    // Nobody takes them any more.
                    let Ok(()) = lines.blocking_send(line) else { break };
                }
            }
        }
        Ok(())
    }

    /// The job of `piece`, or what is wrong with it; `None` if it is done already.
    fn line(&mut self, piece: &JsonPiece) -> Option<Line> {
        let _span = tracing::warn_span!("line", number = piece.line).entered();
        let Named { custom_id, hash, bare, is_new } = self.names.named(piece);
        if is_new && self.done.contains(&fingerprint(&custom_id, &hash)) {
            return None;
        }
        let job = bare.and_then(|job| {
            memory::check(piece.bytes.len(), memory::OF_A_JOB).and_then(|()| self.engine.job(job))
        });
        let number = piece.line;
        let from_here = |mut job: Job| {
            self.folder.iter().for_each(|folder| job.files_from(folder));
            Box::new(job)
        };
        let job = job
            .map(from_here)
            .map_err(|failure| Failure { message: format!("line {number}: {}", failure.message), ..failure });
        Some(Line { custom_id, hash, job })
    }
}
