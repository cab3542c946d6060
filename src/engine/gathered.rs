//! What one thing that a job names gives: its files are opened here, and read in a confined child.

use std::path::Path;
use std::sync::Arc;

use super::listing::{self, Listed, Listing};
use crate::documents::Document;
use crate::error::Failure;
use crate::events::{DocumentInfo, EventKind, Events};
use crate::files;
use crate::files::folder::{FolderLimits, Reason};
use crate::job::NamedFile;
use crate::memory;
use crate::reader::{Beyond, FileReading, InputFile, ReaderError, ReaderSession, TextLimits, Unread};
use crate::sync::beside_runtime;

/// Small files are read together, as long as they have no more bytes than this.
const TOGETHER: usize = 1 << 20;
/// The most files that are read together.
const FILES_TOGETHER: usize = 256;
/// What the reader calls a picture.
const PICTURE: &str = "picture";

/// How many files are read.
pub(super) struct Count<'a> {
    pub read: usize,
    pub of: usize,
    /// The bytes of all their texts.
    pub bytes: usize,
    pub events: &'a Events,
}

impl Count<'_> {
    /// Tells it, and the documents when all are read.
    pub(super) fn tell(&self, documents: Option<&[Document]>) {
        self.events.emit(|| EventKind::Files {
            read: self.read,
            of: self.of,
            documents: documents.map(|documents| documents.iter().map(DocumentInfo::from).collect()),
            is_done: documents.is_some(),
        });
    }
}

/// What one thing that the job names has given so far.
pub(super) struct Gathered {
    pub readings: Vec<FileReading>,
    pub listing: Listing,
    /// The bytes of the texts of the readings.
    pub bytes: usize,
}

impl Gathered {
    /// Reads what is listed of `file`.
    ///
    /// # Errors
    /// A file that can't be opened, or a machine on which none can be read.
    pub(super) async fn read(
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
                        self.listing.leave_out(Reason::Unreadable, &one.name);
                    }
                    Err(problem) => return Err(unopened(file, &problem)),
                }
            }
            let (before, limits) = (self.bytes, FolderLimits::default());
            let within = self.text_limits(&limits);
            let readings = session.read(inputs, within).await.map_err(|error| no_reader(&error))?;
            readings.into_iter().flatten().for_each(|reading| self.take(reading, &limits));
            count.read += next - from;
            count.bytes += self.bytes - before;
            // What is packed well is larger than its file.
            memory::check(count.bytes, memory::OF_A_JOB)?;
        }
        Ok(())
    }

    /// What the texts of the next files may have. A file that is named by itself is read whole.
    fn text_limits(&self, limits: &FolderLimits) -> TextLimits {
        let bytes = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
        match self.listing.is_folder {
            true => {
                TextLimits { plain: bytes(limits.text), all: bytes(limits.total).saturating_sub(self.bytes) }
            }
            false => TextLimits::NONE,
        }
    }

    /// Takes a file, unless it is in a folder and of no use there.
    fn take(&mut self, reading: FileReading, limits: &FolderLimits) {
        let bytes = reading.outcome.as_ref().map_or(0, |read| read.text.len());
        let reason = match &reading.outcome {
            _ if !self.listing.is_folder => None,
            Err(unread) if unread.is_of_no_kind => Some(Reason::NoText),
            Err(Unread { beyond: Some(Beyond::File), .. }) => Some(Reason::TooLarge),
            Err(Unread { beyond: Some(Beyond::All), .. }) => Some(Reason::TooMuch),
            // A picture that nobody named is not worth a warning of its own.
            Ok(read) if read.kind == PICTURE => Some(Reason::NoText),
            Ok(read) if read.is_plain_text && bytes as u64 > limits.text => Some(Reason::TooLarge),
            _ if (self.bytes + bytes) as u64 > limits.total => Some(Reason::TooMuch),
            _ => None,
        };
        match reason {
            Some(reason) => self.listing.leave_out(reason, &reading.name),
            None => {
                self.bytes += bytes;
                self.readings.push(reading);
            }
        }
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

/// The failure of `file`, which can't be opened.
pub(super) fn unopened(file: &NamedFile, problem: &str) -> Failure {
    let failure = Failure::input(format!("`{}`: {} {problem}", file.place, listing::one_line(&file.given)));
    failure.hint(match &file.folder {
        _ if file.path().exists() => {
            "name a regular file of at most 1 GiB, or a folder, that this user may read".to_owned()
        }
        Some(folder) if Path::new(&file.given).is_relative() => {
            format!("a path counts from the folder of the job, {}", folder.display())
        }
        _ => "a path counts from the folder in which minions was started".to_owned(),
    })
}

fn no_reader(error: &ReaderError) -> Failure {
    Failure::system(error.to_string())
        .hint("raise the limits of processes and of memory (`ulimit -u`, `ulimit -v`, or the container's)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::Places;
    use crate::reader::ReadText;

    #[test]
    fn a_folder_has_a_limit_for_its_texts_too() {
        let limits = FolderLimits { total: 10, text: 8, ..FolderLimits::default() };
        let reading = |name: &str, text: &str| {
            let read = ReadText {
                kind: "text".to_owned(),
                text: text.to_owned(),
                places: Places::default(),
                notes: Vec::new(),
                scans: Vec::new(),
                is_plain_text: true,
                lacks_text: false,
            };
            FileReading { name: name.to_owned(), told_as: None, outcome: Ok(read) }
        };
        for (is_folder, taken, left_out) in [
            (true, "p/a p/d p/e", "1 too large (b), 1 beyond the most bytes that are taken (c)"),
            (false, "p/a p/b p/c p/d p/e", ""),
        ] {
            let listing = Listing { is_folder, before: "p/".to_owned(), ..Listing::default() };
            let mut gathered = Gathered { readings: Vec::new(), listing, bytes: 0 };
            for (name, text) in
                [("p/a", "12345"), ("p/b", "123456789"), ("p/c", "123456"), ("p/d", "12345"), ("p/e", "")]
            {
                gathered.take(reading(name, text), &limits);
            }
            let names: Vec<_> = gathered.readings.iter().map(|reading| &*reading.name).collect();
            assert_eq!(
                (names.join(" ").as_str(), &*gathered.listing.left_out.to_string()),
                (taken, left_out)
            );
        }
    }
}
