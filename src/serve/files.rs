//! Uploads: where they lie, whose they are, what they gave.
//!
//! In: the bytes of a file, as they come. Out: a file in a folder that is this user's alone, under a name of ours: what the
//! sender called it is a label, and never part of a path.

use std::collections::HashMap;
use std::fs::Permissions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use axum::http::StatusCode;
use bytes::Bytes;
use serde_json::json;
use tempfile::{NamedTempFile, TempDir, TempPath};
use tokio::sync::Semaphore;

use super::config::Limits;
use super::error::ApiError;
use super::owner::{Owner, random_hex};
use super::reading::{ReadDocument, documents};
use super::stored::StoredFile;
use crate::error::Failure;
use crate::reader::{ChildExecutable, InputFile, ReaderLimits, ReaderSession, TextLimits};
use crate::sync::{beside_runtime, lock};

/// Files that are read at the same time.
const READERS: usize = 2;
/// Files that one request or one job may have.
pub(crate) const MOST_FILES: usize = 1000;
/// The most characters of a file's name.
const LONGEST_NAME: usize = 255;

/// All uploads.
pub(crate) struct Files {
    folder: TempDir,
    limits: Limits,
    reader: ChildExecutable,
    readers: Semaphore,
    all: Mutex<HashMap<String, Arc<StoredFile>>>,
    /// Bytes and files of each owner, with those that come.
    used: Mutex<HashMap<Owner, (u64, usize)>>,
}

/// Removes a folder at its end.
pub(crate) struct Removal(PathBuf);

impl Drop for Removal {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// An upload that comes.
pub(crate) struct Incoming<'a> {
    files: &'a Files,
    owner: Owner,
    file: Option<NamedTempFile>,
    bytes: u64,
    /// Bytes that are counted as its owner's.
    taken: u64,
}

/// An upload that has come, and is closed.
pub(crate) struct Whole<'a> {
    incoming: Incoming<'a>,
    name: String,
    path: TempPath,
}

impl Files {
    /// No uploads yet; they are read by children of `reader`.
    ///
    /// # Errors
    /// No folder can be made.
    pub(crate) fn new(limits: Limits, reader: ChildExecutable) -> Result<Self, Failure> {
        let mut builder = tempfile::Builder::new();
        let private = builder.prefix("minions-serve-").permissions(Permissions::from_mode(0o700));
        let folder = private.tempdir().map_err(|error| {
            Failure::system(format!("no folder for uploads can be made: {error}")).hint("set TMPDIR")
        })?;
        let readers = Semaphore::new(READERS);
        Ok(Self { folder, limits, reader, readers, all: Mutex::default(), used: Mutex::default() })
    }

    /// Begins an upload of `owner`.
    ///
    /// # Errors
    /// 413 where the owner has as many files as it may have; 507 where none can be written.
    pub(crate) async fn begin(&self, owner: &Owner) -> Result<Incoming<'_>, ApiError> {
        self.forget();
        {
            let mut used = lock(&self.used);
            let (_, count) = used.entry(owner.clone()).or_default();
            if *count >= self.limits.owner_files {
                return Err(full("you have as many files as you may have"));
            }
            *count += 1;
        }
        let mut incoming = Incoming { files: self, owner: owner.clone(), file: None, bytes: 0, taken: 0 };
        let folder = self.folder.path().to_owned();
        incoming.file = Some(beside_runtime(move || NamedTempFile::new_in(folder)).await.map_err(no_room)?);
        Ok(incoming)
    }

    /// A new folder beside the uploads, which goes with them.
    ///
    /// # Errors
    /// None can be made.
    pub(crate) fn private_folder(&self) -> std::io::Result<TempDir> {
        let permissions = Permissions::from_mode(0o700);
        tempfile::Builder::new().permissions(permissions).tempdir_in(self.folder.path())
    }

    /// What removes all that lies here, though requests may still hold some of it.
    pub(crate) fn removal(&self) -> Removal {
        Removal(self.folder.path().to_owned())
    }

    /// The upload of `id`, if it is `owner`'s.
    ///
    /// # Errors
    /// 404 for one that is not there, or somebody else's.
    pub(crate) fn find(&self, owner: &Owner, id: &str) -> Result<Arc<StoredFile>, ApiError> {
        self.forget();
        let all = lock(&self.all);
        let found = all.get(id).filter(|file| file.owner == *owner);
        found.map(Arc::clone).ok_or_else(|| ApiError::not_found("file", id))
    }

    /// The uploads of `owner`, the newest first.
    pub(crate) fn of(&self, owner: &Owner) -> Vec<Arc<StoredFile>> {
        self.forget();
        let mut files: Vec<_> =
            lock(&self.all).values().filter(|file| file.owner == *owner).map(Arc::clone).collect();
        files.sort_by_key(|file| std::cmp::Reverse(file.came));
        files
    }

    /// Removes the upload of `id`; runs that read it keep it until they are forgotten.
    ///
    /// # Errors
    /// As [`Files::find`].
    pub(crate) fn remove(&self, owner: &Owner, id: &str) -> Result<(), ApiError> {
        self.find(owner, id)?;
        if let Some(file) = lock(&self.all).remove(id) {
            self.removed(&file);
        }
        Ok(())
    }

    fn removed(&self, file: &StoredFile) {
        file.is_removed.store(true, SeqCst);
        self.release(&file.owner, file.taken);
    }

    fn release(&self, owner: &Owner, bytes: u64) {
        let mut used = lock(&self.used);
        if let Some((all, count)) = used.get_mut(owner) {
            *all = all.saturating_sub(bytes);
            *count = count.saturating_sub(1);
            if *count == 0 {
                used.remove(owner);
            }
        }
    }

    /// Removes uploads that are too old.
    fn forget(&self) {
        let keep = Duration::from_secs(self.limits.keep_s);
        let old: Vec<_> = {
            let mut all = lock(&self.all);
            let ids: Vec<String> =
                all.values().filter(|file| file.came.elapsed() > keep).map(|file| file.id.clone()).collect();
            ids.iter().filter_map(|id| all.remove(id)).collect()
        };
        old.iter().for_each(|file| self.removed(file));
    }

    /// Reads a file in a confined child.
    async fn read(&self, name: &str, path: PathBuf) -> Result<(Vec<ReadDocument>, TempPath), ApiError> {
        let Ok(_permit) = self.readers.acquire().await else { return Err(ApiError::draining()) };
        let bytes = beside_runtime(move || std::fs::read(path)).await.map_err(no_room)?;
        crate::memory::check(bytes.len(), crate::memory::OF_A_JOB)
            .map_err(|failure| ApiError { status: StatusCode::SERVICE_UNAVAILABLE, ..failure.into() })?;
        let mut session = ReaderSession::new(self.reader.clone(), ReaderLimits::default());
        let files = vec![InputFile { name: name.to_owned(), bytes }];
        let readings = session.read(files, TextLimits::NONE).await.map_err(|error| {
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, format!("no file can be read here: {error}"))
        })?;
        let readings = readings.into_iter().flatten().collect();
        let folder = self.folder.path().to_owned();
        beside_runtime(move || {
            let (documents, texts) = documents(readings)?;
            let file = NamedTempFile::new_in(folder).map_err(no_room)?;
            let written = serde_json::to_writer(BufWriter::new(&file), &json!({"documents": texts}));
            written.map_err(|error| no_room(error.into()))?;
            Ok((documents, file.into_temp_path()))
        })
        .await
    }
}

impl<'a> Incoming<'a> {
    /// Whether nothing has come.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// 413 for a file or an owner with too many, 507 where they can't be written.
    pub(crate) async fn write(&mut self, bytes: Bytes) -> Result<(), ApiError> {
        let length = bytes.len() as u64;
        let limits = &self.files.limits;
        if self.bytes + length > limits.upload_bytes {
            return Err(super::body::too_large(limits.upload_bytes).hint("give smaller files"));
        }
        self.take(length)?;
        self.bytes += length;
        let Some(mut file) = self.file.take() else { return Err(ApiError::bad("the upload has ended")) };
        let (file, written) = beside_runtime(move || {
            let written = file.write_all(&bytes);
            (file, written)
        })
        .await;
        self.file = Some(file);
        written.map_err(no_room)
    }

    /// Counts so many bytes more as its owner's.
    fn take(&mut self, bytes: u64) -> Result<(), ApiError> {
        let mut used = lock(&self.files.used);
        let (all, _) = used.entry(self.owner.clone()).or_default();
        if *all + bytes > self.files.limits.owner_bytes {
            return Err(full(
                "your files, with the texts that were read of them, have as many bytes as they may have",
            ));
        }
        *all += bytes;
        self.taken += bytes;
        Ok(())
    }

    /// All of it has come; the sender calls it `name`.
    ///
    /// # Errors
    /// It has ended before.
    pub(crate) fn end(mut self, name: &str) -> Result<Whole<'a>, ApiError> {
        let file = self.file.take().ok_or_else(|| ApiError::bad("the upload has ended"))?;
        Ok(Whole { incoming: self, name: label(name), path: file.into_temp_path() })
    }
}

impl Whole<'_> {
    /// Reads it, and keeps it.
    ///
    /// # Errors
    /// 422 for a file that can't be read, with its name; 413 where the owner has no room for its texts.
    pub(crate) async fn read(mut self) -> Result<Arc<StoredFile>, ApiError> {
        let (documents, texts) = self.incoming.files.read(&self.name, self.path.to_path_buf()).await?;
        self.incoming.take(texts.metadata().map_err(no_room)?.len())?;
        self.stored(documents, texts)
    }

    /// Keeps it as it is: lines of a batch, which are no document.
    ///
    /// # Errors
    /// 507 where it can't be written.
    pub(crate) async fn keep(self) -> Result<Arc<StoredFile>, ApiError> {
        let folder = self.incoming.files.folder.path().to_owned();
        let texts = beside_runtime(move || {
            let mut file = NamedTempFile::new_in(folder)?;
            file.write_all(b"{\"documents\": []}")?;
            std::io::Result::Ok(file.into_temp_path())
        });
        let texts = texts.await.map_err(no_room)?;
        self.stored(Vec::new(), texts)
    }

    fn stored(self, documents: Vec<ReadDocument>, texts: TempPath) -> Result<Arc<StoredFile>, ApiError> {
        let Self { mut incoming, name, path } = self;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let stored = Arc::new(StoredFile {
            id: format!("file-{}", random_hex(16)?),
            name,
            purpose: OnceLock::new(),
            bytes: incoming.bytes,
            created_at: now.as_secs(),
            owner: incoming.owner.clone(),
            came: Instant::now(),
            path,
            texts,
            // What it holds is the owner's from now on.
            taken: std::mem::take(&mut incoming.taken),
            is_removed: AtomicBool::new(false),
            documents,
        });
        let files = incoming.files;
        lock(&files.all).insert(stored.id.clone(), Arc::clone(&stored));
        lock(&files.used).entry(incoming.owner.clone()).or_default().1 += 1;
        Ok(stored)
    }
}

impl Drop for Incoming<'_> {
    fn drop(&mut self) {
        self.files.release(&self.owner, self.taken);
    }
}

/// The name as a label of one line, without folders that lead out: `../../etc/passwd` is `etc/passwd`.
fn label(name: &str) -> String {
    let parts = name.split(['/', '\\']).filter(|part| !matches!(*part, "" | "." | ".."));
    let clean: Vec<String> =
        parts.map(|part| part.chars().filter(|c| !c.is_control()).collect::<String>()).collect();
    let name = clean.join("/");
    let cut = name.chars().count().saturating_sub(LONGEST_NAME);
    let name: String = name.chars().skip(cut).collect();
    if name.trim().is_empty() { "document".to_owned() } else { name }
}

fn full(message: &str) -> ApiError {
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message)
        .code("quota")
        .hint("DELETE /v1/files/ID removes one")
}

fn no_room(error: std::io::Error) -> ApiError {
    ApiError::new(StatusCode::INSUFFICIENT_STORAGE, format!("the upload can't be kept: {error}"))
}
