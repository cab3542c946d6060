//! The documents of jobs on a worker's disk, each kept once by its SHA-256.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use minions::config::Environment;
use minions::error::Failure;
use minions::words;
use minions_queue::{File, Queue, QueueError, Tree};
use ring::digest::{SHA256, digest};
use tokio::sync::Mutex;

/// A folder of contents and of trees that are made of them.
pub(super) struct Cache {
    folder: PathBuf,
    /// Two jobs may want the same file.
    turn: Mutex<()>,
}

impl Cache {
    /// The cache in `given`, or in this user's folder of caches.
    ///
    /// # Errors
    /// There is none, or it can't be written.
    pub(super) fn open(given: Option<PathBuf>, environment: &Environment) -> Result<Self, Failure> {
        let folder = given.or_else(|| Some(environment.cache()?.join("minions/queue")));
        let folder = folder.ok_or_else(|| {
            Failure::input("there is no place for the documents of jobs, as HOME is not set")
                .hint("--cache DIR")
        })?;
        let made = ["files", "trees"].iter().try_for_each(|name| fs::create_dir_all(folder.join(name)));
        made.and_then(|()| folder.canonicalize())
            .map(|folder| Self { folder, turn: Mutex::default() })
            .map_err(|error| {
                let problem = format!("{} can't be written: {}", folder.display(), words::of_io(&error));
                Failure::system(problem).hint("--cache DIR names another folder")
            })
    }

    /// Where `tree` is, which is fetched if it is not here.
    pub(super) async fn place(&self, queue: &Queue, tree: &Tree) -> Result<PathBuf, QueueError> {
        let unusable =
            || QueueError::Unusable(format!("a file of {} has a name that leads elsewhere", tree.path));
        let is_inside =
            |path: &str| Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        if !is_inside(&tree.name) || !tree.files.iter().all(|file| is_inside(&file.path)) {
            return Err(unusable());
        }
        let id = id(tree);
        let folder = self.folder.join("trees").join(&id);
        let place = folder.join(&tree.name);
        let _turn = self.turn.lock().await;
        if folder.is_dir() {
            return Ok(place);
        }
        let unwritable =
            |error: io::Error| QueueError::File(format!("{} can't be written: {error}", folder.display()));
        let new = self.folder.join("trees").join(format!(".{id}.{}", std::process::id()));
        let _ = fs::remove_dir_all(&new);
        let root = new.join(&tree.name);
        for file in &tree.files {
            let kept = self.kept(queue, file).await?;
            let path = if file.path.is_empty() { root.clone() } else { root.join(&file.path) };
            let parent = path.parent().unwrap_or(&new);
            let linked = fs::create_dir_all(parent).and_then(|()| fs::hard_link(&kept, &path));
            linked.or_else(|_| fs::copy(&kept, &path).map(drop)).map_err(unwritable)?;
        }
        // A folder without files is one all the same.
        fs::create_dir_all(if tree.files.is_empty() { &root } else { &new }).map_err(unwritable)?;
        match fs::rename(&new, &folder) {
            Err(error) if !folder.is_dir() => Err(unwritable(error)),
            // Another worker on this machine may have been faster.
            _ => Ok(place),
        }
    }

    /// The path of a file's content.
    async fn kept(&self, queue: &Queue, file: &File) -> Result<PathBuf, QueueError> {
        if file.sha256.len() != 64 || !file.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(QueueError::Unusable("a job of the queue names a file by no SHA-256".to_owned()));
        }
        let path = self.folder.join("files").join(&file.sha256);
        if !path.is_file() {
            let new = path.with_extension(format!("{}.new", std::process::id()));
            queue.fetch_file(&file.sha256, &new).await?;
            fs::rename(&new, &path)
                .map_err(|error| QueueError::File(format!("{} can't be written: {error}", path.display())))?;
        }
        Ok(path)
    }
}

/// What tells trees apart.
fn id(tree: &Tree) -> String {
    let mut text = tree.name.clone();
    for file in &tree.files {
        text += &format!("\0{}\0{}", file.path, file.sha256);
    }
    digest(&SHA256, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
