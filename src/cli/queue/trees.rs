//! The files and folders that jobs name, on their way into the queue.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use minions::engine::files_at;
use minions::words;
use minions_queue as queue;
use ring::digest::{Context, SHA256};

/// Bytes read at once.
const PIECE: usize = 128 << 10;
/// What a folder's own rules stand in, which travel with it.
const RULES: &str = ".minionsignore";

/// A file or a folder, and where its files are on this machine.
pub(super) type Found = (queue::Tree, Vec<PathBuf>);

/// Looks at each path once, as many jobs may be about it.
pub(super) struct Trees {
    /// Where paths begin.
    folder: PathBuf,
    known: HashMap<String, Found>,
}

impl Trees {
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder: folder.unwrap_or_default(), known: HashMap::new() }
    }

    /// What is at `path`. Blocks.
    ///
    /// # Errors
    /// It can't be read.
    pub(super) fn at(&mut self, path: &str) -> Result<Found, String> {
        if let Some(found) = self.known.get(path) {
            return Ok(found.clone());
        }
        let found = find(path, &self.folder.join(path)).map_err(|problem| format!("{path} {problem}"))?;
        self.known.insert(path.to_owned(), found.clone());
        Ok(found)
    }
}

fn find(given: &str, path: &Path) -> Result<Found, String> {
    let unreadable = |error| format!("can't be read: {}", words::of_io(&error));
    let whole = path.canonicalize().map_err(unreadable)?;
    // The name that the job knows: a link may lead to a file with another one.
    let name = path.file_name().or(whole.file_name()).ok_or("can't be sent: it has no name")?;
    let name = name.to_str().ok_or("can't be sent: its name is not UTF-8")?.to_owned();
    let mut files = files_at(path)?;
    if path.is_dir() {
        let rules = path.join(RULES);
        files.extend(rules.is_file().then(|| (RULES.to_owned(), rules)));
    } else {
        files = vec![(String::new(), path.to_owned())];
    }
    let mut tree = queue::Tree { path: given.to_owned(), name, files: Vec::new() };
    for (path, file) in &files {
        let sha256 = sha256(file).map_err(unreadable)?;
        tree.files.push(queue::File { path: path.clone(), sha256 });
    }
    Ok((tree, files.into_iter().map(|(_, path)| path).collect()))
}

fn sha256(path: &Path) -> std::io::Result<String> {
    let (mut file, mut hash, mut piece) = (File::open(path)?, Context::new(&SHA256), vec![0; PIECE]);
    loop {
        match file.read(&mut piece)? {
            0 => break,
            read => hash.update(&piece[..read]),
        }
    }
    Ok(hash.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}
