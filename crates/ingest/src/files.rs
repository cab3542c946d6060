//! From a file to its reading, or to those of the files in it.

use std::collections::{BTreeMap, HashMap};

use crate::Kind;
use crate::archive::{Archive, Budget, Entry, problem_of, shown};
use crate::left_out;
use crate::mail::{self, Mail};
use crate::office::{compound, zipped};
use crate::readers::{Reader, reader};
use crate::reading::{FileReading, Limits, Problem, ReadError, Reading};

/// Folders and files that programs leave in archives, and nobody means.
const LITTER: &[&str] = &["__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini"];

/// Reads a file by its content. `name` is what messages call it.
///
/// # Errors
/// If its kind has no reader, as an archive of files has none, or nothing of it can be read.
pub fn read(name: &str, bytes: Vec<u8>, limits: &Limits) -> Result<Reading, ReadError> {
    let budget = Budget::new(limits);
    match outcome(name, bytes, limits, &budget) {
        Ok(Found::Reading(reading)) => Ok(reading),
        Ok(Found::Archive(_)) => Err(error(name, Kind::Archive, Problem::Unsupported(Kind::Archive.name()))),
        Err((kind, problem)) => Err(error(name, kind, problem)),
    }
}

/// Reads a file, or each file in an archive: `a.zip/folder/b.txt`. An archive in it is looked into, too, one in that is
/// not. What is left out of folders is left out of an archive, too, and told. The list is never empty.
pub fn read_all(name: &str, bytes: Vec<u8>, limits: &Limits) -> Vec<FileReading> {
    let budget = Budget::new(limits);
    let mut all =
        All { limits: *limits, is_full: false, budget: &budget, readings: Vec::new(), names: HashMap::new() };
    all.file(Called { name: name.to_owned(), told_as: None }, bytes, ARCHIVES);
    all.readings
}

/// How many archives deep files are looked for.
const ARCHIVES: usize = 2;

/// What a file is.
enum Found {
    Reading(Reading),
    Archive(Vec<u8>),
}

fn error(name: &str, kind: Kind, problem: Problem) -> ReadError {
    ReadError { name: name.to_owned(), kind, problem }
}

/// Reads one file.
fn outcome(name: &str, bytes: Vec<u8>, limits: &Limits, budget: &Budget) -> Result<Found, (Kind, Problem)> {
    let kind = Kind::of(&bytes).named(name);
    let failed = |problem| (kind, problem);
    if bytes.len() > limits.bytes {
        return Err(failed(Problem::TooLarge { bytes: bytes.len(), limit: limits.bytes }));
    }
    match kind {
        Kind::Zip => {
            let archive = Archive::open(&bytes, limits, budget).map_err(failed)?;
            let kind = zipped::kind(&archive).map_err(failed)?;
            if let Some(Reader::Parts(read)) = reader(kind) {
                return read(&archive, limits).map(Found::Reading).map_err(|problem| (kind, problem));
            }
            drop(archive);
            if kind == Kind::Archive { Ok(Found::Archive(bytes)) } else { Err((kind, unsupported(kind))) }
        }
        Kind::Compound => Err(failed(compound::problem(&bytes))),
        _ => match reader(kind) {
            Some(Reader::Bytes(read)) => read(bytes, limits).map(Found::Reading).map_err(failed),
            _ => Err(failed(unsupported(kind))),
        },
    }
}

fn unsupported(kind: Kind) -> Problem {
    Problem::Unsupported(kind.name())
}

/// What a file is called.
#[derive(Clone)]
struct Called {
    name: String,
    /// The same without what is written within a file.
    told_as: Option<String>,
}

impl Called {
    /// The file `name` in this one, which is its `number`-th of that `what`.
    fn within(&self, name: String, what: &str, number: usize) -> Self {
        let outer = self.told_as.as_ref().unwrap_or(&self.name);
        Self { name, told_as: Some(format!("{what} {number} of {outer}")) }
    }
}

/// The readings of a file and of the files in it.
struct All<'b> {
    limits: Limits,
    /// Whether a text had no room, so that no more files are read.
    is_full: bool,
    budget: &'b Budget,
    readings: Vec<FileReading>,
    /// How many files have a name.
    names: HashMap<String, usize>,
}

impl All<'_> {
    fn file(&mut self, called: Called, bytes: Vec<u8>, archives: usize) {
        if self.is_full {
            return self.fail(called, Kind::of(&bytes), Problem::NoRoom);
        }
        if Kind::of(&bytes).named(&called.name) == Kind::Mail && bytes.len() <= self.limits.bytes {
            return self.mails(&called, &bytes, archives);
        }
        match outcome(&called.name, bytes, &self.limits, self.budget) {
            Ok(Found::Reading(reading)) => self.read(called, reading),
            Ok(Found::Archive(_)) if archives == 0 => self.fail(called, Kind::Archive, Problem::Nested),
            Ok(Found::Archive(bytes)) => self.archive(&called, &bytes, archives - 1),
            Err((kind, problem)) => self.fail(called, kind, problem),
        }
    }

    /// Reads a mail or those of a mailbox, and the files that came with them.
    fn mails(&mut self, called: &Called, bytes: &[u8], archives: usize) {
        let mails = mail::split(bytes);
        let is_one = mails.len() < 2;
        let too_many = mails.len() > self.limits.entries;
        for (number, bytes) in (1..).zip(mails).take(self.limits.entries) {
            let numbered = |name: &String| format!("{name}/{number}");
            let called = match is_one {
                true => called.clone(),
                false => {
                    Called { name: numbered(&called.name), told_as: called.told_as.as_ref().map(numbered) }
                }
            };
            if self.is_full {
                self.fail(called, Kind::Mail, Problem::NoRoom);
                continue;
            }
            match mail::open(bytes, &self.limits) {
                Ok(mail) => self.mail(called, mail, archives),
                Err(problem) => self.fail(called, Kind::Mail, problem),
            }
        }
        if too_many {
            let limit = self.limits.entries;
            self.fail(called.clone(), Kind::Mail, Problem::TooManyEntries { limit });
        }
    }

    fn mail(&mut self, called: Called, mail: Mail, archives: usize) {
        let Mail { mut reading, attachments } = mail;
        if archives == 0 && !attachments.is_empty() {
            reading.notes.push(
                "The files that came with it are not looked into: it is too deep in others.".to_owned(),
            );
        }
        self.read(called.clone(), reading);
        for (number, (file, bytes)) in (1..).zip(attachments).filter(|_| archives > 0) {
            let name = self.unique(format!("{}/{}", called.name, shown(&file)));
            self.file(called.within(name, "attachment", number), bytes, archives - 1);
        }
    }

    fn archive(&mut self, called: &Called, bytes: &[u8], archives: usize) {
        let before = self.readings.len();
        match Archive::open(bytes, &self.limits, self.budget) {
            Ok(archive) => {
                self.entries(called, &archive, archives);
                if archive.cut {
                    const PROBLEM: &str = "its list of files is missing or damaged, so files may be missing";
                    self.fail(called.clone(), Kind::Archive, Problem::Damaged(PROBLEM));
                }
            }
            Err(problem) => self.fail(called.clone(), Kind::Archive, problem),
        }
        if self.readings.len() == before {
            self.fail(called.clone(), Kind::Archive, Problem::Damaged("no file is in it"));
        }
    }

    /// Reads the files of an archive, but for those that nobody means.
    fn entries(&mut self, called: &Called, archive: &Archive<'_>, archives: usize) {
        let files = || archive.entries().iter().filter(|entry| !entry.is_folder() && !is_litter(entry));
        let packed = left_out::packed_folder(files().map(|entry| entry.name.as_str()));
        let mut left_out: BTreeMap<&'static str, (usize, String)> = BTreeMap::new();
        let mut number = 0;
        for entry in files() {
            if let Some(why) = left_out::why(&entry.name, packed) {
                left_out.entry(why).or_insert_with(|| (0, shown(&entry.name))).0 += 1;
                continue;
            }
            number += 1;
            let name = self.unique(format!("{}/{}", called.name, shown(&entry.name)));
            self.entry(called.within(name, "file", number), archive, entry, archives);
        }
        for (what, (count, first)) in left_out {
            self.fail(called.clone(), Kind::Archive, Problem::LeftOut { what, count, first });
        }
    }

    fn entry(&mut self, called: Called, archive: &Archive<'_>, entry: &Entry, archives: usize) {
        if entry.link {
            return self.fail(called, Kind::Unknown, Problem::Link);
        }
        if self.is_full {
            return self.fail(called, Kind::Unknown, Problem::NoRoom);
        }
        let content = archive.inflate(entry).and_then(|inflating| {
            let bytes = inflating.whole(self.limits.inflated);
            bytes.map_err(|error| {
                problem_of(&error).unwrap_or(Problem::Damaged("its compressed bytes are wrong"))
            })
        });
        match content {
            Ok(bytes) => self.file(called, bytes, archives),
            Err(problem) => self.fail(called, Kind::Archive, problem),
        }
    }

    /// The name, with a number behind it if another file in the archive has it.
    fn unique(&mut self, name: String) -> String {
        let count = self.names.entry(name.clone()).or_default();
        *count += 1;
        if *count == 1 { name } else { format!("{name} ({count})") }
    }

    /// Takes what a file gave, if there is room.
    fn read(&mut self, called: Called, reading: Reading) {
        let (bytes, limit) = (reading.text.len(), self.limits.plain_text);
        if matches!(reading.kind, Kind::Text | Kind::Markdown) && bytes > limit {
            return self.fail(called, reading.kind, Problem::TooLarge { bytes, limit });
        }
        let Some(room) = self.limits.room.checked_sub(bytes) else {
            self.is_full = true;
            return self.fail(called, reading.kind, Problem::NoRoom);
        };
        self.limits.room = room;
        // All texts together stay within the limit of one.
        self.limits.text -= bytes.min(self.limits.text);
        self.add(called, Ok(reading));
    }

    fn fail(&mut self, called: Called, kind: Kind, problem: Problem) {
        let outcome = Err(error(&called.name, kind, problem));
        self.add(called, outcome);
    }

    fn add(&mut self, Called { name, told_as }: Called, outcome: Result<Reading, ReadError>) {
        self.readings.push(FileReading { name, told_as, outcome });
    }
}

fn is_litter(entry: &Entry) -> bool {
    LITTER.iter().any(|litter| match litter.strip_suffix('/') {
        Some(_) => entry.name.starts_with(litter),
        None => entry.name.rsplit('/').next() == Some(litter),
    })
}
