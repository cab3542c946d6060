//! The files of a job: opened here, read in a confined child, before anything is asked or paid.
//!
//! In: the files that a job names. Out: the job's documents in order, and what there is to say of each file. Files are
//! opened beside the runtime, as they may be on a network mount; whoever drops the future ends the child.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file_report::{self, FileReport};
use crate::documents::Document;
use crate::error::Failure;
use crate::events::{DocumentInfo, EventKind, Events};
use crate::files;
use crate::job::{Job, NamedFile};
use crate::reader::{
    ChildExecutable, FileReading, InputFile, ReadText, ReaderError, ReaderLimits, ReaderSession,
};
use crate::sync::beside_runtime;

/// Bytes of one file at most.
const LARGEST: usize = 512 << 20;
/// Small files are read together, as long as they have no more bytes than this.
const TOGETHER: usize = 1 << 20;
/// The most files that are read together.
const FILES_TOGETHER: usize = 256;

/// The documents of a job whose files are read.
pub(super) struct JobFiles {
    /// All documents of the job, in its order.
    pub documents: Arc<[Document]>,
    /// What each file gave.
    pub reports: Vec<FileReport>,
}

/// A file to open.
struct Listed {
    /// The index of what the job named.
    named: usize,
    name: String,
    path: PathBuf,
}

/// Reads the files of `job`.
///
/// # Errors
/// [`FailureKind::Input`](crate::error::FailureKind::Input) for a file that can't be read, naming its place in the job,
/// the problem and the remedy.
pub(super) async fn read(job: &Job, reader: &ChildExecutable, events: &Events) -> Result<JobFiles, Failure> {
    if job.files.is_empty() {
        return Ok(JobFiles { documents: Arc::clone(&job.context), reports: Vec::new() });
    }
    let listed: Arc<[Listed]> = job.files.iter().enumerate().map(|(at, file)| listed(at, file)).collect();
    let mut session = ReaderSession::new(reader.clone(), ReaderLimits::default());
    let mut read: Vec<Vec<FileReading>> = job.files.iter().map(|_| Vec::new()).collect();
    let mut next = 0;
    while next < listed.len() {
        tell(events, next, listed.len(), None);
        let (files, from) = (Arc::clone(&listed), next);
        let opened = beside_runtime(move || open(&files[from..])).await;
        next += opened.len();
        let part = &listed[from..next];
        let mut inputs = Vec::new();
        for (file, opened) in part.iter().zip(opened) {
            let bytes = opened.map_err(|problem| unopened(&job.files[file.named], &problem))?;
            inputs.push(InputFile { name: file.name.clone(), bytes });
        }
        let readings = session.read(inputs).await.map_err(|error| no_reader(&error))?;
        for (file, readings) in part.iter().zip(readings) {
            read[file.named].extend(readings);
        }
    }
    let files = in_order(job, read)?;
    for text in file_report::warnings(&files.reports) {
        tracing::warn!("{text}");
        events.emit(|| EventKind::Warning { text });
    }
    tell(events, listed.len(), listed.len(), Some(&files.documents));
    Ok(files)
}

/// What there is to open of a named file.
fn listed(named: usize, file: &NamedFile) -> Listed {
    Listed { named, name: one_line(file.document_name()), path: file.path() }
}

/// A name stands in the one line of a heading.
fn one_line(name: &str) -> String {
    name.replace(char::is_control, "\u{fffd}")
}

/// The content of the first of these files: as many as are read together.
fn open(listed: &[Listed]) -> Vec<Result<Vec<u8>, String>> {
    let (mut opened, mut size) = (Vec::new(), 0);
    for file in listed.iter().take(FILES_TOGETHER) {
        let content = files::read(&file.path, LARGEST);
        size += content.as_ref().map_or(0, Vec::len);
        opened.push(content);
        if size >= TOGETHER {
            break;
        }
    }
    opened
}

/// The job's own documents and those of its files, in the job's order.
fn in_order(job: &Job, read: Vec<Vec<FileReading>>) -> Result<JobFiles, Failure> {
    let (mut documents, mut reports) = (Vec::new(), Vec::new());
    let mut own = job.context.iter();
    for (file, readings) in job.files.iter().zip(read) {
        let taken = job.context.len() - own.len();
        documents.extend(own.by_ref().take(file.after.saturating_sub(taken)).cloned());
        if readings.iter().all(|reading| reading.outcome.is_err()) {
            return Err(nothing_of(file, readings));
        }
        for FileReading { name, outcome } in readings {
            match outcome {
                Ok(text) => {
                    let (report, document) = read_document(name, text);
                    reports.push(report);
                    documents.push(document);
                }
                // It is one of several in an archive.
                Err(unread) => reports.push(FileReport::left_out(name, unread.problem)),
            }
        }
    }
    documents.extend(own.cloned());
    Ok(JobFiles { documents: documents.into(), reports })
}

fn read_document(name: String, read: ReadText) -> (FileReport, Document) {
    let ReadText { kind, text, places, notes, scans } = read;
    let document = Document { name: Some(name.clone()), text, places };
    let chars = document.chars();
    (FileReport { name, kind: Some(kind), chars, notes, scans, left_out: None }, document)
}

/// Tells how many files are read.
fn tell(events: &Events, read: usize, of: usize, documents: Option<&[Document]>) {
    events.emit(|| EventKind::Files {
        read,
        of,
        documents: documents.map(|documents| documents.iter().map(DocumentInfo::from).collect()),
        is_done: documents.is_some(),
    });
}

fn unopened(file: &NamedFile, problem: &str) -> Failure {
    let path = file.path();
    let failure = Failure::input(format!("`{}`: {} {problem}", file.place, one_line(&file.given)));
    failure.hint(match &file.folder {
        _ if path.exists() => "name a regular file, or a folder, that this user may read".to_owned(),
        Some(folder) if Path::new(&file.given).is_relative() => {
            format!("a path counts from the folder of the job, {}", folder.display())
        }
        _ => "a path counts from the folder in which minions was started".to_owned(),
    })
}

/// A file of which nothing can be read, nor of the files in it.
fn nothing_of(file: &NamedFile, readings: Vec<FileReading>) -> Failure {
    let others = readings.len().saturating_sub(1);
    let Some(Err(unread)) = readings.into_iter().next().map(|reading| reading.outcome) else {
        return Failure::input(format!("`{}`: {} holds no file", file.place, one_line(&file.given)));
    };
    let more = if others == 0 { String::new() } else { format!(" (and so for {others} more)") };
    Failure::input(format!("`{}`: {}{more}", file.place, unread.problem)).hint(unread.hint)
}

fn no_reader(error: &ReaderError) -> Failure {
    Failure::system(error.to_string())
        .hint("raise the limits of processes and of memory (`ulimit -u`, `ulimit -v`, or the container's)")
}
