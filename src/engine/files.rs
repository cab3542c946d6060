//! The files of a job: opened here, read in a confined child, before anything is asked or paid.
//!
//! In: the files that a job names. Out: the job's documents in order, and what there is to say of each file. Files are
//! opened beside the runtime, as they may be on a network mount; whoever drops the future ends the child.

use std::path::Path;
use std::sync::Arc;

use super::file_report::{self, FileReport, FolderReport};
use super::listing::{self, Listed, Listing};
use super::overview::overview;
use crate::documents::Document;
use crate::error::Failure;
use crate::events::{DocumentInfo, EventKind, Events};
use crate::files;
use crate::files::folder::{FolderLimits, Reason};
use crate::job::{Job, NamedFile};
use crate::memory;
use crate::reader::{
    ChildExecutable, FileReading, InputFile, ReadText, ReaderError, ReaderLimits, ReaderSession,
};
use crate::sync::beside_runtime;

/// Small files are read together, as long as they have no more bytes than this.
const TOGETHER: usize = 1 << 20;
/// The most files that are read together.
const FILES_TOGETHER: usize = 256;
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
}

/// What one thing that the job names has given so far.
struct Gathered {
    readings: Vec<FileReading>,
    listing: Listing,
}

/// Reads the files of `job`.
///
/// # Errors
/// [`FailureKind::Input`](crate::error::FailureKind::Input) for a file that can't be read, naming its place in the job,
/// the problem and the remedy.
pub(super) async fn read(job: &Job, reader: &ChildExecutable, events: &Events) -> Result<JobFiles, Failure> {
    if job.files.is_empty() {
        return Ok(JobFiles::none(job));
    }
    let mut gathered = Vec::new();
    for file in &job.files {
        let named = file.clone();
        let listing = beside_runtime(move || listing::of(&named)).await;
        let listing = listing.map_err(|problem| unopened(file, &problem))?;
        gathered.push(Gathered { readings: Vec::new(), listing });
    }
    let files = || gathered.iter().flat_map(|one| &one.listing.files);
    memory::check(files().map(|file| file.size).sum(), OF_FILES)?;
    let mut count = Count { read: 0, of: files().count(), events };
    let mut session = ReaderSession::new(reader.clone(), ReaderLimits::default());
    for (file, one) in job.files.iter().zip(&mut gathered) {
        one.read(file, &mut session, &mut count).await?;
    }
    if job.use_gitingest && !gathered.iter().any(|one| one.listing.is_folder) {
        tracing::warn!("call_params.use_gitingest has no effect: the job names no folder");
    }
    let files = in_order(job, gathered)?;
    memory::check(files.documents.iter().map(|document| document.text.len()).sum(), memory::OF_A_JOB)?;
    for text in file_report::warnings(&files.reports, &files.folders) {
        tracing::warn!("{text}");
        events.emit(|| EventKind::Warning { text });
    }
    count.tell(Some(&files.documents));
    Ok(files)
}

impl JobFiles {
    /// The documents that the job holds itself.
    pub(super) fn none(job: &Job) -> Self {
        Self { documents: Arc::clone(&job.context), reports: Vec::new(), folders: Vec::new() }
    }
}

/// How many files are read.
struct Count<'a> {
    read: usize,
    of: usize,
    events: &'a Events,
}

impl Count<'_> {
    fn tell(&self, documents: Option<&[Document]>) {
        self.events.emit(|| EventKind::Files {
            read: self.read,
            of: self.of,
            documents: documents.map(|documents| documents.iter().map(DocumentInfo::from).collect()),
            is_done: documents.is_some(),
        });
    }
}

impl Gathered {
    /// Reads what is listed of `file`.
    async fn read(
        &mut self,
        file: &NamedFile,
        session: &mut ReaderSession,
        count: &mut Count<'_>,
    ) -> Result<(), Failure> {
        let listed: Arc<[Listed]> = std::mem::take(&mut self.listing.files).into();
        let mut next = 0;
        while next < listed.len() {
            count.tell(None);
            let (files, from) = (Arc::clone(&listed), next);
            let opened = beside_runtime(move || open(&files[from..])).await;
            next += opened.len();
            let mut inputs = Vec::new();
            for (one, opened) in listed[from..next].iter().zip(opened) {
                match opened {
                    Ok(bytes) => inputs.push(InputFile { name: one.name.clone(), bytes }),
                    Err(_) if self.listing.is_folder => {
                        self.listing.left_out.add(Reason::Unreadable, &one.name);
                    }
                    Err(problem) => return Err(unopened(file, &problem)),
                }
            }
            let readings = session.read(inputs).await.map_err(|error| no_reader(&error))?;
            let readings = readings.into_iter().flatten();
            match self.listing.is_folder {
                true => readings.for_each(|reading| self.take(reading)),
                false => self.readings.extend(readings),
            }
            count.read += next - from;
        }
        Ok(())
    }

    /// Takes a file of a folder, unless it is of no use there.
    fn take(&mut self, reading: FileReading) {
        let too_long = FolderLimits::default().text;
        let reason = match &reading.outcome {
            Err(unread) if unread.is_of_no_kind => Reason::NoText,
            Ok(read) if read.is_plain_text && read.text.len() as u64 > too_long => Reason::TooLarge,
            _ => return self.readings.push(reading),
        };
        self.listing.left_out.add(reason, &reading.name);
    }
}

/// The content of the first of these files: as many as are read together.
fn open(listed: &[Listed]) -> Vec<Result<Vec<u8>, String>> {
    let (mut opened, mut size) = (Vec::new(), 0);
    for file in listed.iter().take(FILES_TOGETHER) {
        let content = files::read(&file.path, listing::LARGEST);
        size += content.as_ref().map_or(0, Vec::len);
        opened.push(content);
        if size >= TOGETHER {
            break;
        }
    }
    opened
}

/// The job's own documents and those of its files, in the job's order.
fn in_order(job: &Job, gathered: Vec<Gathered>) -> Result<JobFiles, Failure> {
    let (mut documents, mut reports, mut folders) = (Vec::new(), Vec::new(), Vec::new());
    let mut own = job.context.iter();
    for (file, Gathered { readings, listing }) in job.files.iter().zip(gathered) {
        let taken = job.context.len() - own.len();
        documents.extend(own.by_ref().take(file.after.saturating_sub(taken)).cloned());
        let folder = FolderReport::new(file.document_name(), &listing.left_out);
        if readings.iter().all(|reading| reading.outcome.is_err()) {
            return Err(nothing_of(file, readings, &folder));
        }
        folders.extend(folder);
        let begin = documents.len();
        for FileReading { name, outcome } in readings {
            match outcome {
                Ok(text) => {
                    let (report, document) = read_document(name, text);
                    reports.push(report);
                    documents.push(document);
                }
                // It is one of several in a folder or an archive.
                Err(unread) => reports.push(FileReport::left_out(name, unread.problem)),
            }
        }
        if listing.is_folder {
            let name = listing::one_line(file.document_name());
            let overview = overview(&name, &listing.title, &documents[begin..], job.use_gitingest);
            documents.insert(begin, overview);
        }
    }
    documents.extend(own.cloned());
    Ok(JobFiles { documents: documents.into(), reports, folders })
}

fn read_document(name: String, read: ReadText) -> (FileReport, Document) {
    let ReadText { kind, text, places, notes, scans, .. } = read;
    let document = Document { name: Some(name.clone()), text, places };
    let chars = document.chars();
    (FileReport { name, kind: Some(kind), chars, notes, scans, left_out: None }, document)
}

fn unopened(file: &NamedFile, problem: &str) -> Failure {
    let failure = Failure::input(format!("`{}`: {} {problem}", file.place, listing::one_line(&file.given)));
    failure.hint(match &file.folder {
        _ if file.path().exists() => "name a regular file, or a folder, that this user may read".to_owned(),
        Some(folder) if Path::new(&file.given).is_relative() => {
            format!("a path counts from the folder of the job, {}", folder.display())
        }
        _ => "a path counts from the folder in which minions was started".to_owned(),
    })
}

/// A file of which nothing can be read, nor of the files in it.
fn nothing_of(file: &NamedFile, readings: Vec<FileReading>, folder: &Option<FolderReport>) -> Failure {
    let others = readings.len().saturating_sub(1);
    let Some(Err(unread)) = readings.into_iter().next().map(|reading| reading.outcome) else {
        let left_out =
            folder.as_ref().map_or(String::new(), |folder| format!(": left out were {}", folder.words));
        let problem =
            format!("`{}`: {} holds no file to read{left_out}", file.place, listing::one_line(&file.given));
        return Failure::input(problem)
            .hint("name the files that are wanted one by one: nothing that is named is left out");
    };
    let more = if others == 0 { String::new() } else { format!(" (and so for {others} more)") };
    Failure::input(format!("`{}`: {}{more}", file.place, unread.problem)).hint(unread.hint)
}

fn no_reader(error: &ReaderError) -> Failure {
    Failure::system(error.to_string())
        .hint("raise the limits of processes and of memory (`ulimit -u`, `ulimit -v`, or the container's)")
}
