//! What there is to open of a file or a folder that a job names.

use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};

use crate::files::folder::{self, FolderLimits, LeftOut, Reason};
use crate::files::{self, shown};

/// Bytes of one file at most.
pub(super) const LARGEST: usize = 1 << 30;

/// A file to open.
pub(super) struct Listed {
    pub name: String,
    pub path: PathBuf,
    pub size: usize,
}

/// What there is of one file or folder.
#[derive(Default)]
pub(super) struct Listing {
    pub files: Vec<Listed>,
    pub is_folder: bool,
    /// What the folder itself is called, without those that it is in.
    pub title: String,
    /// What the names of its files begin with.
    pub before: String,
    pub left_out: LeftOut,
    /// Whether files of it are read elsewhere.
    pub has_others_files: bool,
}

impl Listing {
    /// Leaves out a file of the folder that is listed.
    pub(super) fn leave_out(&mut self, reason: Reason, name: &str) {
        self.left_out.add(reason, name.strip_prefix(&*self.before).unwrap_or(name));
    }
}

/// Lists the file or folder at `path`, called `name`. Blocks.
///
/// # Errors
/// The problem, as words that follow its name.
pub(super) fn of(name: &str, path: &Path) -> Result<Listing, String> {
    let name = one_line(name);
    if !path.is_dir() {
        let size = path.metadata().map_or(0, |file| file.len());
        let file = Listed { name, path: path.to_owned(), size: usize::try_from(size).unwrap_or(usize::MAX) };
        return Ok(Listing { files: vec![file], ..Listing::default() });
    }
    let found = folder::walk(path, &FolderLimits::default())?;
    let before = match name.trim_end_matches('/') {
        "" | "." => String::new(),
        name => format!("{name}/"),
    };
    let listed = |file: folder::FoundFile| Listed {
        name: format!("{before}{}", file.name),
        path: file.path,
        size: usize::try_from(file.size).unwrap_or(usize::MAX),
    };
    let files = found.files.into_iter().map(listed).collect();
    let title = path.canonicalize().ok().and_then(|path| Some(shown(path.file_name()?)));
    Ok(Listing {
        files,
        is_folder: true,
        title: title.unwrap_or_else(|| name.clone()),
        before,
        left_out: found.left_out,
        has_others_files: false,
    })
}

/// The files that a job reads of the file or folder at `path`: their names below it, and their own paths. Blocks.
///
/// # Errors
/// The problem, as words that follow its name.
pub fn files_at(path: &Path) -> Result<Vec<(String, PathBuf)>, String> {
    Ok(of("", path)?.files.into_iter().map(|file| (file.name, file.path)).collect())
}

/// 128 bits of SHA-256, in hexadecimal, over the content of the file at `path`, or over the names and contents of the files
/// of that folder that a job reads. Blocks. `None` if nothing can be read there.
pub fn fingerprint(path: &Path) -> Option<String> {
    let mut hash = Context::new(&SHA256);
    for file in of("", path).ok()?.files {
        let content = files::read(&file.path, LARGEST);
        if content.is_err() && file.path == path {
            return None;
        }
        let content = content.unwrap_or_else(String::into_bytes);
        for part in [file.name.as_bytes(), &content] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    Some(hash.finish().as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A name stands in the one line of a heading.
pub(super) fn one_line(name: &str) -> String {
    shown(std::ffi::OsStr::new(name))
}
