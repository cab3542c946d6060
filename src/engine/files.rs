//! The files of a job: opened here, read in a confined child, before anything is asked or paid.
//!
//! In: the files that a job names. Out: the job's documents in order, and what there is to say of each file. Files are
//! opened beside the runtime, as they may be on a network mount; whoever drops the future ends the child.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::file_report::{self, FileReport, FolderReport};
use super::gathered::{Count, Gathered, unopened};
use super::given::Given;
use super::listing;
use super::overview::overview;
use super::same_files;
use super::scans;
use super::shared::SharedResources;
use super::tape::{RECORD_AGAIN, Tape};
use crate::chat::Usage;
use crate::documents::Document;
use crate::error::{Failure, FailureKind};
use crate::events::Events;
use crate::job::{Job, NamedFile};
use crate::memory;
use crate::reader::{ChildExecutable, FileReading, ReadText, ReaderLimits, ReaderSession};
use crate::sync::beside_runtime;

/// Bytes of memory for each byte of the files: their content, and their texts.
const OF_FILES: u64 = 2;

/// The documents of a job whose files are read.
pub(super) struct JobFiles {
    /// All documents of the job, in its order.
    pub documents: Arc<[Document]>,
    /// What each file gave.
    pub reports: Vec<FileReport>,
    /// What was left out of the folders.
    pub folders: Vec<FolderReport>,
    /// Tokens of the calls that read pictures.
    pub usage: Usage,
}

/// The same as a recording keeps it.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// The [`fingerprint`](listing::fingerprint) of what was read.
    content: Option<String>,
    given: Given,
}

/// What the files of a job are read for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// The job: a worker that sees reads the pages that are pictures.
    Run,
    /// An estimate, without any call.
    Estimate,
}

/// Reads the files of `job`, or takes them from the recording that is replayed.
///
/// # Errors
/// [`FailureKind::Input`] for a file that can't be read, naming its place in the job, the problem and the remedy;
/// [`FailureKind::Replay`] for one that was not recorded, or is another one now.
pub(super) async fn read(
    job: &Job,
    shared: &SharedResources,
    events: &Events,
    reason: For,
) -> Result<JobFiles, Failure> {
    if job.files.is_empty() {
        return Ok(JobFiles::none(job));
    }
    let tape = shared.tape.of_job(job.line.as_deref());
    tape.recording().await?;
    let mut usage = Usage::default();
    let mut given = Vec::new();
    for file in &job.files {
        given.extend(replayed(file, &tape).await?);
    }
    let count = if given.len() == job.files.len() {
        Count { read: given.len(), of: given.len(), bytes: 0, events }
    } else {
        let (read, count) = gathered(job, &shared.config.reader, events).await?;
        given = read;
        if reason == For::Run {
            usage = scans::transcribe(job, shared, &mut given, events).await?;
        }
        count
    };
    for (file, given) in job.files.iter().zip(&given).filter(|_| tape.is_recording()) {
        let path = file.path();
        let content = beside_runtime(move || listing::fingerprint(&path)).await;
        tape.keep_file(file.document_name(), &json!({"content": content, "given": given})).await;
    }
    let files = JobFiles { usage, ..in_order(job, given, reason)? };
    memory::check(files.documents.iter().map(|document| document.text.len()).sum(), memory::OF_A_JOB)?;
    file_report::warnings(&files.reports, &files.folders)
        .into_iter()
        .for_each(|text| file_report::warn(text, events));
    count.tell(Some(&files.documents));
    Ok(files)
}

/// What the recording has of `file`, if one is replayed. The file itself may be gone, but not be another one.
async fn replayed(file: &NamedFile, tape: &Tape) -> Result<Option<Given>, Failure> {
    let name = file.document_name();
    let Some(Kept { content, given }) = tape.recorded_file(name).await? else { return Ok(None) };
    let path = file.path();
    let now = beside_runtime(move || listing::fingerprint(&path)).await;
    if now.is_some() && now != content {
        let what = format!("`{}`: {} has changed since it was recorded", file.place, listing::one_line(name));
        return Err(Failure::new(FailureKind::Replay, what).hint(RECORD_AGAIN));
    }
    Ok(Some(given))
}

/// Opens and reads the files of `job`.
async fn gathered<'e>(
    job: &Job,
    reader: &ChildExecutable,
    events: &'e Events,
) -> Result<(Vec<Given>, Count<'e>), Failure> {
    let mut listings = Vec::new();
    for file in &job.files {
        let (name, path) = (file.document_name().to_owned(), file.path());
        let listing = beside_runtime(move || listing::of(&name, &path)).await;
        listings.push(listing.map_err(|problem| unopened(file, &problem))?);
    }
    let listings = same_files::in_no_other(listings, events).await;
    let files = || listings.iter().flat_map(|listing| &listing.files);
    memory::check(files().map(|file| file.size).sum(), OF_FILES)?;
    let mut count = Count { read: 0, of: files().count(), bytes: 0, events };
    let mut session = ReaderSession::new(reader.clone(), ReaderLimits::default());
    let mut given = Vec::new();
    for (file, listing) in job.files.iter().zip(listings) {
        let mut gathered = Gathered { readings: Vec::new(), listing, bytes: 0 };
        let files = gathered.listing.files.iter();
        let gathered_paths = files.map(|file| (file.name.clone(), file.path.clone())).collect();
        gathered.read(file, &mut session, &mut count).await?;
        let folder = FolderReport::new(file.document_name(), &gathered.listing.left_out);
        let Gathered { readings, listing, .. } = gathered;
        let is_read_elsewhere = listing.has_others_files;
        let title = listing.is_folder.then_some(listing.title);
        given.push(Given {
            readings,
            folder,
            title,
            seen: BTreeSet::new(),
            paths: gathered_paths,
            is_read_elsewhere,
        });
    }
    Ok((given, count))
}

impl JobFiles {
    /// The documents that the job holds itself.
    pub(super) fn none(job: &Job) -> Self {
        Self {
            documents: Arc::clone(&job.context),
            reports: Vec::new(),
            folders: Vec::new(),
            usage: Usage::default(),
        }
    }
}

/// The job's own documents and those of its files, in the job's order.
fn in_order(job: &Job, given: Vec<Given>, reason: For) -> Result<JobFiles, Failure> {
    let (mut documents, mut reports, mut folders) = (Vec::new(), Vec::new(), Vec::new());
    let mut own = job.context.iter();
    for (file, Given { readings, folder, title, seen, is_read_elsewhere, .. }) in job.files.iter().zip(given)
    {
        let taken = job.context.len() - own.len();
        documents.extend(own.by_ref().take(file.after.saturating_sub(taken)).cloned());
        if readings.is_empty() && is_read_elsewhere {
            folders.extend(folder);
            continue;
        }
        if readings.iter().all(|reading| reading.outcome.is_err()) {
            return Err(nothing_of(file, readings, &folder));
        }
        folders.extend(folder);
        let begin = documents.len();
        for FileReading { name, told_as, outcome } in readings {
            match outcome {
                Ok(text) => {
                    let ocr = seen.contains(&name);
                    let (mut report, document) = read_document((name, told_as), text, ocr);
                    // In a folder, files without text are nothing special.
                    if title.is_none() && is_blank(&document.text) && report.scans.is_empty() {
                        report.notes.push(NO_TEXT.to_owned());
                    }
                    reports.push(report);
                    documents.push(document);
                }
                // It is one of several in a folder or an archive.
                Err(unread) => reports.push(FileReport::left_out(name, unread)),
            }
        }
        if let Some(title) = title {
            let name = listing::one_line(file.document_name());
            let overview = overview(&name, &title, &documents[begin..], job.use_gitingest);
            documents.insert(begin, overview);
        }
    }
    documents.extend(own.cloned());
    // In a run a worker that sees may read what has no text.
    let may_have_text = reason == For::Estimate && reports.iter().any(|report| !report.scans.is_empty());
    let is_blank = documents.iter().all(|document| is_blank(&document.text));
    if job.images.is_empty() && is_blank && !may_have_text {
        return Err(no_text(&reports));
    }
    Ok(JobFiles { documents: documents.into(), reports, folders, usage: Usage::default() })
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// What is said of a file that was read and gave nothing.
const NO_TEXT: &str = "It holds no text.";

/// Without any text the models would answer from what they know.
fn no_text(reports: &[FileReport]) -> Failure {
    if let Some(scans) = file_report::unread(reports) {
        return Failure::input(format!("the files hold no text: {scans}")).hint(file_report::READ_SCANS);
    }
    let names: Vec<&str> = reports.iter().map(|file| &*file.name).collect();
    Failure::input(format!("the files hold no text: {}", file_report::some(&names)))
        .hint("give files that hold text; pictures in a document are not read, but a picture that is named by itself is")
}

fn read_document(
    (name, told_as): (String, Option<String>),
    read: ReadText,
    ocr: bool,
) -> (FileReport, Document) {
    let ReadText { kind, text, places, notes, scans, lacks_text, .. } = read;
    let told_as = told_as.map(|told| format!("{told} ({kind})"));
    let document = Document { name: Some(name.clone()), told_as: told_as.clone(), text, places };
    let chars = document.chars();
    (
        FileReport {
            name,
            told_as,
            kind: Some(kind),
            chars,
            notes,
            scans,
            ocr,
            left_out: None,
            lost: lacks_text,
        },
        document,
    )
}

/// A file of which nothing can be read, nor of the files in it.
fn nothing_of(file: &NamedFile, readings: Vec<FileReading>, folder: &Option<FolderReport>) -> Failure {
    let others = readings.len().saturating_sub(1);
    let Some(Err(unread)) = readings.into_iter().next().map(|reading| reading.outcome) else {
        let left_out =
            folder.as_ref().map_or(String::new(), |folder| format!(": left out were {}", folder.words()));
        let problem =
            format!("`{}`: {} holds no file to read{left_out}", file.place, listing::one_line(&file.given));
        return Failure::input(problem)
            .hint("name the files that are wanted one by one: nothing that is named is left out");
    };
    let more = if others == 0 { String::new() } else { format!(" (and so for {others} more)") };
    Failure::input(format!("`{}`: {}{more}", file.place, unread.problem)).hint(unread.hint)
}
