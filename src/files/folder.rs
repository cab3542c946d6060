//! Folders: which of their files are of use, in a fixed order, and what was left out and why.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, DirEntry, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::names::shown;
use super::rules::{Rules, Verdict};
use crate::words;

/// How much of a folder is taken. Those of gitingest, but for documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FolderLimits {
    /// The bytes of a file that is a text.
    pub text: u64,
    /// The bytes of a file of another kind, such as a PDF, whose text is much shorter.
    pub document: u64,
    /// How many folders deep it is looked into.
    pub depth: usize,
    pub files: usize,
    /// The bytes of all files.
    pub total: u64,
    /// How many entries are looked at.
    pub entries: usize,
}

impl Default for FolderLimits {
    fn default() -> Self {
        Self {
            text: 10 << 20,
            document: 100 << 20,
            depth: 20,
            files: 10_000,
            total: 500 << 20,
            entries: 300_000,
        }
    }
}

/// Why a file or a folder was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// A file such as `.gitignore` says so.
    Ignored,
    /// Its name says that nobody wrote it by hand, or that it is no text.
    Default,
    Hidden,
    /// A link that leads to a folder, out of the folder, nowhere, or to a file that is taken anyway.
    Link,
    /// A pipe, a socket or a device.
    Special,
    Unreadable,
    /// Its content is of no kind that is read.
    NoText,
    TooLarge,
    TooDeep,
    TooMany,
    TooMuch,
}

impl Reason {
    /// Whether such a file may well have been wanted.
    pub(crate) fn is_loss(self) -> bool {
        match self {
            Self::Unreadable | Self::TooLarge | Self::TooDeep | Self::TooMany | Self::TooMuch => true,
            Self::Ignored | Self::Default | Self::Hidden | Self::Link | Self::Special | Self::NoText => false,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ignored => "ignored by .gitignore, .ignore or .minionsignore",
            Self::Default => "build output, caches, lock files or media",
            Self::Hidden => "hidden",
            Self::Link => "linked elsewhere",
            Self::Special => "not regular",
            Self::Unreadable => "unreadable",
            Self::NoText => "of no kind that is read",
            Self::TooLarge => "too large",
            Self::TooDeep => "too deep in the folder",
            Self::TooMany => "more than the most files that are taken",
            Self::TooMuch => "beyond the most bytes that are taken",
        })
    }
}

/// What was left out, by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeftOut(BTreeMap<Reason, (usize, String)>);

impl LeftOut {
    pub(crate) fn add(&mut self, reason: Reason, name: &str) {
        self.0.entry(reason).or_insert_with(|| (0, name.to_owned())).0 += 1;
    }

    /// The reasons, each with how many were left out for it, and the name of the first. A folder counts as one.
    pub(crate) fn reasons(&self) -> impl Iterator<Item = (Reason, usize, &str)> {
        self.0.iter().map(|(reason, (count, name))| (*reason, *count, name.as_str()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// As a list: `2 hidden (.git/, …), 1 too large (a.csv)`.
impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (reason, count, name)) in self.reasons().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            let more = if count > 1 { ", …" } else { "" };
            write!(f, "{comma}{count} {reason} ({name}{more})")?;
        }
        Ok(())
    }
}

/// A file in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FoundFile {
    pub path: PathBuf,
    /// Its path from the folder, with `/`, and without what a terminal would not show.
    pub name: String,
    pub size: u64,
}

/// The files of a folder that are taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// The README first, then files by name, then folders by name.
    pub files: Vec<FoundFile>,
    pub left_out: LeftOut,
}

/// Looks for the files of the folder at `path`. Blocks. Opens none of them but those that tell what is ignored.
///
/// # Errors
/// The problem, as words that follow the folder's name.
pub(crate) fn walk(path: &Path, limits: &FolderLimits) -> Result<Found, String> {
    let unreadable = |error| format!("can't be read: {}", words::of_io(&error));
    let root = fs::canonicalize(path).map_err(unreadable)?;
    let entries = entries(&root).map_err(unreadable)?;
    let mut walk = Walk {
        limits,
        rules: Rules::of(&root)?,
        found: Found::default(),
        links: Vec::new(),
        seen: HashSet::new(),
        total: 0,
        looked_at: 0,
    };
    walk.folder(&root, "", entries, 0)?;
    walk.follow_links(&root);
    Ok(walk.found)
}

struct Walk<'l> {
    limits: &'l FolderLimits,
    rules: Rules,
    found: Found,
    /// Links, with their names.
    links: Vec<(PathBuf, String)>,
    /// The files that are taken, by device and number.
    seen: HashSet<(u64, u64)>,
    total: u64,
    looked_at: usize,
}

impl Walk<'_> {
    fn folder(
        &mut self,
        path: &Path,
        name: &str,
        entries: Vec<DirEntry>,
        depth: usize,
    ) -> Result<(), String> {
        self.rules.enter(path)?;
        for entry in entries {
            self.looked_at += 1;
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let mark = if is_folder { "/" } else { "" };
            let entry_name = format!("{name}{}{mark}", shown(&entry.file_name()));
            if let Some(reason) = self.reason_against(&entry, is_folder) {
                self.found.left_out.add(reason, &entry_name);
            } else if is_folder {
                self.subfolder(&entry.path(), &entry_name, depth + 1)?;
            } else {
                self.entry(&entry, entry_name);
            }
        }
        self.rules.leave();
        Ok(())
    }

    fn reason_against(&self, entry: &DirEntry, is_folder: bool) -> Option<Reason> {
        if self.looked_at > self.limits.entries {
            return Some(Reason::TooMany);
        }
        match self.rules.verdict(&entry.path(), is_folder) {
            Verdict::Taken => None,
            Verdict::Ignored => Some(Reason::Ignored),
            Verdict::Hidden => Some(Reason::Hidden),
            Verdict::Default => Some(Reason::Default),
        }
    }

    fn subfolder(&mut self, path: &Path, name: &str, depth: usize) -> Result<(), String> {
        let reason = match entries(path) {
            _ if depth > self.limits.depth => Reason::TooDeep,
            Ok(entries) => return self.folder(path, name, entries, depth),
            Err(_) => Reason::Unreadable,
        };
        self.found.left_out.add(reason, name);
        Ok(())
    }

    fn entry(&mut self, entry: &DirEntry, name: String) {
        // Of the link itself.
        let Ok(metadata) = entry.metadata() else {
            return self.found.left_out.add(Reason::Unreadable, &name);
        };
        if metadata.is_symlink() {
            self.links.push((entry.path(), name));
        } else if metadata.is_file() {
            self.take(entry.path(), name, &metadata);
        } else {
            self.found.left_out.add(Reason::Special, &name);
        }
    }

    fn take(&mut self, path: PathBuf, name: String, metadata: &Metadata) {
        let size = metadata.len();
        let reason = if size > self.limits.document {
            Reason::TooLarge
        } else if self.found.files.len() >= self.limits.files {
            Reason::TooMany
        } else if self.total + size > self.limits.total {
            Reason::TooMuch
        } else {
            self.total += size;
            self.seen.insert((metadata.dev(), metadata.ino()));
            return self.found.files.push(FoundFile { path, name, size });
        };
        self.found.left_out.add(reason, &name);
    }

    /// Takes the files to which links lead, if they are in the folder and neither taken yet nor hidden.
    fn follow_links(&mut self, root: &Path) {
        for (link, name) in std::mem::take(&mut self.links) {
            let target = fs::canonicalize(link).ok();
            let target = target.filter(|path| path.strip_prefix(root).is_ok_and(|inner| !is_hidden(inner)));
            let file = target.and_then(|target| Some((fs::metadata(&target).ok()?, target)));
            match file.filter(|(file, _)| file.is_file() && !self.seen.contains(&(file.dev(), file.ino()))) {
                Some((metadata, target)) => self.take(target, name, &metadata),
                None => self.found.left_out.add(Reason::Link, &name),
            }
        }
        self.found.files.sort_by_cached_key(|file| order(&file.name));
    }
}

/// Whether a part of the path is hidden. A volume of Kubernetes has all its files in a folder such as `..data`, with links
/// to them.
fn is_hidden(path: &Path) -> bool {
    let mut parts = path.iter().map(OsStr::as_bytes);
    parts.any(|part| part.starts_with(b".") && !part.starts_with(b".."))
}

/// The order of files: that in which they are found.
fn order(name: &str) -> Vec<(bool, bool, String)> {
    let (folders, file) = name.rsplit_once('/').map_or((None, name), |(folders, file)| (Some(folders), file));
    let folders = folders.into_iter().flat_map(|folders| folders.split('/'));
    let key = |is_folder, name: &str| (is_folder, !is_readme(OsStr::new(name)), name.to_owned());
    folders.map(|name| key(true, name)).chain([key(false, file)]).collect()
}

/// The entries of a folder, in order.
fn entries(path: &Path) -> std::io::Result<Vec<DirEntry>> {
    let mut entries = fs::read_dir(path)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_cached_key(|entry| {
        let name = entry.file_name();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        (is_folder, !is_readme(&name), name)
    });
    Ok(entries)
}

fn is_readme(name: &OsStr) -> bool {
    name.as_bytes().get(..6).is_some_and(|start| start.eq_ignore_ascii_case(b"readme"))
}
