//! Contents by their SHA-256: documents, and what is too long for a message.

use std::path::Path;

use async_nats::jetstream::object_store::InfoErrorKind;
use bytes::Bytes;
use ring::digest::{Context, SHA256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::queue::patient;
use crate::subject::{hex, sha256};
use crate::{Queue, QueueError};

/// Bytes read at once.
const PIECE: usize = 128 << 10;

impl Queue {
    /// Keeps the file at `path` under `sha256`; whether it was not there yet.
    ///
    /// # Errors
    /// The file can't be read, or the broker does not take it.
    pub async fn keep_file(&self, sha256: &str, path: &Path) -> Result<bool, QueueError> {
        let unreadable =
            |error: std::io::Error| QueueError::File(format!("{} can't be read: {error}", path.display()));
        if patient(|| self.has(sha256)).await? {
            return Ok(false);
        }
        patient(|| async {
            let mut file = tokio::fs::File::open(path).await.map_err(unreadable)?;
            self.objects.put(sha256, &mut file).await.map(drop).map_err(|error| QueueError::of(&error, true))
        })
        .await?;
        Ok(true)
    }

    /// Keeps `bytes`; gives the name under which they are kept.
    pub(crate) async fn keep(&self, bytes: &[u8]) -> Result<String, QueueError> {
        let name = sha256(bytes);
        if !self.has(&name).await? {
            let put = self.objects.put(&*name, &mut &*bytes).await;
            put.map_err(|error| QueueError::of(&error, true))?;
        }
        Ok(name)
    }

    async fn has(&self, name: &str) -> Result<bool, QueueError> {
        match self.objects.info(name).await {
            Ok(info) => Ok(!info.deleted),
            Err(error) if error.kind() == InfoErrorKind::NotFound => Ok(false),
            Err(error) => Err(QueueError::of(&error, true)),
        }
    }

    /// The bytes that are kept under `name`.
    pub(crate) async fn kept(&self, name: &str) -> Result<Bytes, QueueError> {
        let mut bytes = Vec::new();
        let mut object = self.objects.get(name).await.map_err(|error| QueueError::of(&error, true))?;
        object.read_to_end(&mut bytes).await.map_err(|error| QueueError::Unreachable(error.to_string()))?;
        match sha256(&bytes) == name {
            true => Ok(bytes.into()),
            false => Err(damaged(name)),
        }
    }

    /// Writes what is kept under `name` into a new file at `path`.
    ///
    /// # Errors
    /// The broker does not give it, it is damaged, or the file can't be written.
    pub async fn fetch_file(&self, name: &str, path: &Path) -> Result<(), QueueError> {
        let unwritable =
            |error: std::io::Error| QueueError::File(format!("{} can't be written: {error}", path.display()));
        patient(|| async {
            let mut object = self.objects.get(name).await.map_err(|error| QueueError::of(&error, true))?;
            let mut file = tokio::fs::File::create(path).await.map_err(unwritable)?;
            let (mut hash, mut piece) = (Context::new(&SHA256), vec![0; PIECE]);
            loop {
                let read = object.read(&mut piece).await;
                match read.map_err(|error| QueueError::Unreachable(error.to_string()))? {
                    0 => break,
                    read => {
                        hash.update(&piece[..read]);
                        file.write_all(&piece[..read]).await.map_err(unwritable)?;
                    }
                }
            }
            file.flush().await.map_err(unwritable)?;
            if hex(hash.finish().as_ref()) == name { Ok(()) } else { Err(damaged(name)) }
        })
        .await
    }
}

fn damaged(name: &str) -> QueueError {
    QueueError::Unusable(format!(
        "the file {name} of the queue is damaged; submit the jobs that need it to another queue"
    ))
}
