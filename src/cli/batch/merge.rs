//! `minions merge`: the outputs of several runs over one input become one, in the order of the input.
//!
//! In: output files, the input. Out: one line for each job on stdout; on stderr what is missing.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use minions::chat::secrets::Redactor;
use minions::config::Environment;
use minions::error::{Exit, Failure};
use minions::words::{self, count};

use super::named::Names;
use super::written::{Fingerprint, Kind, each_line, fingerprint};
use crate::cli::input::Source;
use crate::cli::logging::{self, Volume};
use crate::cli::screen;

/// Jobs that are named where many are missing.
const NAMED: usize = 20;

/// Options of `merge`.
#[derive(Args, Debug)]
pub(crate) struct MergeOptions {
    /// The outputs.
    #[arg(required = true, value_name = "SHARD")]
    shards: Vec<PathBuf>,
    /// The file with the jobs that they are of.
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
}

/// Where a line stands.
#[derive(Clone, Copy)]
struct Place {
    /// Which of the files.
    file: usize,
    start: u64,
    length: usize,
}

/// The lines of all outputs.
#[derive(Default)]
struct Shards {
    files: Vec<File>,
    /// The first of each job that succeeded, by its custom_id and content.
    done: HashMap<Fingerprint, Place>,
    /// The last of each that failed, by its custom_id.
    failed: HashMap<Fingerprint, Place>,
    /// Lines of jobs that had succeeded before.
    twice: usize,
}

/// What has become of the jobs of the input.
#[derive(Default)]
struct Merged {
    done: usize,
    failed: usize,
    missing: Vec<String>,
    /// Those whose custom_id an earlier one has.
    unclear: Vec<String>,
}

/// `minions merge`.
pub(crate) fn merge(options: &MergeOptions) -> ExitCode {
    logging::start(&Environment::of_process(), &Redactor::default(), Volume::Normal);
    match merged(options) {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(failure) => ExitCode::from(screen::tell(&failure) as u8),
    }
}

fn merged(options: &MergeOptions) -> Result<Exit, Failure> {
    let shards = Shards::read(&options.shards)?;
    let source = Source::File(options.input.clone());
    let mut pieces = source.pieces()?;
    let mut names = Names::new(source.folder());
    let mut merged = Merged::default();
    let mut out = BufWriter::new(io::stdout().lock());
    let unwritable =
        |error: io::Error| Failure::system(format!("stdout can't be written to: {}", words::of_io(&error)));
    loop {
        let piece = pieces.next().map_err(|error| {
            Failure::system(format!("the rest of {} can't be read: {error}", options.input.display()))
        })?;
        let Some(piece) = piece else { break };
        let named = names.named(&piece);
        let done = shards.done.get(&fingerprint(&named.custom_id, &named.hash));
        let failed = shards.failed.get(&fingerprint(&named.custom_id, ""));
        let (place, tally) = match (done, failed) {
            _ if !named.is_new => {
                merged.unclear.push(format!("{} (line {})", named.custom_id, piece.line));
                continue;
            }
            (Some(place), _) => (place, &mut merged.done),
            (None, Some(place)) => (place, &mut merged.failed),
            (None, None) => {
                merged.missing.push(named.custom_id);
                continue;
            }
        };
        out.write_all(&shards.line(*place)?).map_err(unwritable)?;
        *tally += 1;
    }
    out.flush().map_err(unwritable)?;
    Ok(merged.tell(&shards, options))
}

impl Shards {
    fn read(paths: &[PathBuf]) -> Result<Self, Failure> {
        let mut shards = Self::default();
        for path in paths {
            let unreadable = |error: io::Error| {
                Failure::input(format!(
                    "the output {} can't be read: {}",
                    path.display(),
                    words::of_io(&error)
                ))
                .hint("name the files that `minions batch` has written")
            };
            let file = File::open(path).map_err(unreadable)?;
            if !file.metadata().map_err(unreadable)?.is_file() {
                return Err(unreadable(io::Error::other("it is no regular file")));
            }
            shards.files.push(file.try_clone().map_err(unreadable)?);
            each_line(path, file, |line| {
                let Kind::Job(job) = line.kind else { return };
                let (begins, length) = line.text;
                let place = Place {
                    file: shards.files.len() - 1,
                    start: line.start + begins,
                    length: usize::try_from(length).unwrap_or(usize::MAX),
                };
                if let Some(hash) = job.hash() {
                    let before = shards.done.len();
                    shards.done.entry(fingerprint(&job.custom_id, hash)).or_insert(place);
                    shards.twice += usize::from(shards.done.len() == before);
                } else if job.is_failure() {
                    shards.failed.insert(fingerprint(&job.custom_id, ""), place);
                }
            })
            .map_err(unreadable)?;
        }
        Ok(shards)
    }

    /// The line at `place`, with its newline.
    fn line(&self, place: Place) -> Result<Vec<u8>, Failure> {
        let mut bytes = vec![0; place.length];
        self.files[place.file]
            .read_exact_at(&mut bytes, place.start)
            .map_err(|error| Failure::system(format!("an output changed while it was read: {error}")))?;
        if !bytes.ends_with(b"\n") {
            bytes.push(b'\n');
        }
        Ok(bytes)
    }
}

impl Merged {
    /// Says what there is, and what is missing.
    fn tell(&self, shards: &Shards, options: &MergeOptions) -> Exit {
        let Self { done, failed, missing, unclear } = self;
        let foreign = shards.done.len().saturating_sub(*done);
        for (jobs, problem) in [
            (missing, "missing, as no shard has them with the content that the input has"),
            (unclear, "left out, as an earlier line has the same custom_id"),
        ] {
            if !jobs.is_empty() {
                tracing::warn!("{problem}: {}", listed(jobs));
            }
        }
        if foreign > 0 {
            tracing::warn!(
                "left out, as {} has no such job: {}",
                options.input.display(),
                count(foreign, "line")
            );
        }
        tracing::info!(
            "jobs: {done} done, {failed} failed, {} missing; duplicates left out: {}",
            missing.len() + unclear.len(),
            shards.twice
        );
        if missing.len() + unclear.len() + failed == 0 {
            return Exit::Success;
        }
        tracing::info!(
            "with what was printed in all.jsonl the rest is done by: minions batch --input {} --resume all.jsonl >> all.jsonl",
            options.input.display()
        );
        Exit::SomeFailed
    }
}

/// The first of `names`, and how many more there are.
fn listed(names: &[String]) -> String {
    let first = names[..names.len().min(NAMED)].join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
