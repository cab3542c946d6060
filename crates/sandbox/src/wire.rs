//! The messages between the parent and its child, and their encoding.
//!
//! A message is a JSON head followed by the long texts that it refers to by index. Each part is a block: its
//! length as a little-endian u64, then its bytes. So a text is never escaped, and each distinct chunk crosses
//! once however many jobs use it.

use std::{
    collections::HashMap,
    io::{self, Read, Write},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{CodeError, HostCall, JobManifest, JobOutput, SandboxLimits, Search};

/// A message from the parent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Run the module's top level; the texts are the documents.
    Start { code: String, limits: SandboxLimits, search: Search },
    /// Call `prepare_jobs`; the texts are chunks.
    Prepare { manifests: Vec<Manifest>, outputs: Vec<JobOutput> },
    /// Call `transform_outputs`; the texts are chunks.
    Transform { jobs: Vec<JobRow> },
    /// The host's answer to [`Reply::Call`], or why there is none.
    Answered(Result<Value, String>),
}

impl Request {
    /// The part of the code that the request runs, for messages.
    pub(crate) fn place(&self) -> &'static str {
        match self {
            Self::Start { .. } => "at its top level",
            Self::Prepare { .. } => "in prepare_jobs",
            Self::Transform { .. } => "in transform_outputs",
            Self::Answered(_) => "in a call of the host",
        }
    }
}

/// A message from the child: one reply to each request, after any number of [`Reply::Call`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// The child has the documents and is confined: the code begins. What ends the child before is not the code's fault.
    Ready,
    Started,
    /// The texts are chunks.
    Prepared(Vec<Manifest>),
    /// The one text is the result.
    Transformed {
        include: Vec<Option<bool>>,
    },
    /// The code calls a function of the host, with these texts.
    Call(HostCall),
    Failed(CodeError),
    /// The child cannot confine itself, or has no room to run.
    Unsafe(String),
}

/// A [`JobManifest`] whose chunk is the text with that index.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub chunk: usize,
    pub task: String,
    pub advice: String,
    pub ids: [Option<u64>; 3],
}

/// A [`super::JobRecord`] with such a manifest.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct JobRow {
    pub manifest: Manifest,
    pub output: JobOutput,
    pub raw_reply: String,
    pub include: Option<bool>,
    pub agreed: u32,
    pub samples: u32,
}

/// Distinct texts, in order of first use.
#[derive(Default)]
pub(crate) struct Texts<'a> {
    seen: HashMap<&'a str, usize>,
    list: Vec<&'a str>,
}

impl<'a> Texts<'a> {
    fn index(&mut self, text: &'a str) -> usize {
        *self.seen.entry(text).or_insert_with(|| {
            self.list.push(text);
            self.list.len() - 1
        })
    }

    /// The manifest with its chunk replaced by an index.
    pub(crate) fn manifest(&mut self, full: &'a JobManifest) -> Manifest {
        Manifest {
            chunk: self.index(&full.chunk),
            task: full.task.clone(),
            advice: full.advice.clone(),
            ids: [full.chunk_id, full.task_id, full.job_id],
        }
    }

    /// The texts that follow the head.
    pub(crate) fn into_list(self) -> Vec<&'a str> {
        self.list
    }
}

/// Child side: writes a message.
pub(crate) fn write(to: &mut impl Write, head: &impl Serialize, texts: &[impl AsRef<str>]) -> io::Result<()> {
    let head = serde_json::to_vec(&(head, texts.len()))?;
    to.write_all(&(head.len() as u64).to_le_bytes())?;
    to.write_all(&head)?;
    for text in texts {
        let text = text.as_ref().as_bytes();
        to.write_all(&(text.len() as u64).to_le_bytes())?;
        to.write_all(text)?;
    }
    to.flush()
}

/// Child side: reads a message from the parent, which it trusts. `None` at the end of input.
pub(crate) fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<(T, Vec<String>)>> {
    let mut length = [0; 8];
    if from.read(&mut length[..1])? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut length[1..])?;
    let head = read_block(from, u64::from_le_bytes(length))?;
    let (head, count): (T, usize) = serde_json::from_slice(&head)?;
    let mut texts = Vec::with_capacity(count);
    for _ in 0..count {
        from.read_exact(&mut length)?;
        let block = read_block(from, u64::from_le_bytes(length))?;
        texts.push(String::from_utf8(block).map_err(io::Error::other)?);
    }
    Ok(Some((head, texts)))
}

fn read_block(from: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let length = usize::try_from(length).map_err(io::Error::other)?;
    let mut block = vec![0; length];
    from.read_exact(&mut block)?;
    Ok(block)
}

/// Parent side: writes a message.
pub(crate) async fn send(
    to: &mut (impl AsyncWrite + Unpin),
    head: &Request,
    texts: &[impl AsRef<str>],
) -> io::Result<()> {
    let head = serde_json::to_vec(&(head, texts.len()))?;
    to.write_u64_le(head.len() as u64).await?;
    to.write_all(&head).await?;
    drop(head);
    for text in texts {
        let text = text.as_ref().as_bytes();
        to.write_u64_le(text.len() as u64).await?;
        to.write_all(text).await?;
    }
    to.flush().await
}

/// Parent side: reads a reply from the child, which it does not trust: all blocks together stay under `max`
/// bytes.
pub(crate) async fn receive(
    from: &mut (impl AsyncRead + Unpin),
    max: usize,
) -> io::Result<(Reply, Vec<String>)> {
    let mut left = max;
    let head = receive_block(from, &mut left).await?;
    let (head, count): (Reply, usize) = serde_json::from_slice(&head)?;
    let mut texts = Vec::new();
    for _ in 0..count {
        let block = receive_block(from, &mut left).await?;
        texts.push(String::from_utf8(block).map_err(io::Error::other)?);
    }
    Ok((head, texts))
}

async fn receive_block(from: &mut (impl AsyncRead + Unpin), left: &mut usize) -> io::Result<Vec<u8>> {
    let length = from.read_u64_le().await?;
    // The length itself costs eight bytes; otherwise endless empty blocks would cost nothing.
    let cost = usize::try_from(length).ok().and_then(|length| length.checked_add(8));
    let Some(rest) = cost.and_then(|cost| left.checked_sub(cost)) else {
        return Err(io::Error::other(format!("a reply of more than {left} bytes")));
    };
    *left = rest;
    let mut block = vec![0; length as usize];
    from.read_exact(&mut block).await?;
    Ok(block)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_cross_in_both_directions() {
        let mut sent = Vec::new();
        let request =
            Request::Start { code: "x = 'é'".into(), limits: SandboxLimits::default(), search: Search::Off };
        send(&mut sent, &request, &["", "two\r\n\u{1F469}"]).await.unwrap();
        let mut sent = &*sent;
        let (read, texts) = super::read::<Request>(&mut sent).unwrap().unwrap();
        assert!(matches!(read, Request::Start { code, .. } if code == "x = 'é'"));
        assert_eq!(texts, ["", "two\r\n\u{1F469}"]);
        assert!(super::read::<Request>(&mut sent).unwrap().is_none());

        let mut answered = Vec::new();
        write(&mut answered, &Reply::Transformed { include: vec![None] }, &["text"]).unwrap();
        let (reply, texts) = receive(&mut &*answered, answered.len()).await.unwrap();
        assert!(matches!(reply, Reply::Transformed { include } if include == [None]));
        assert_eq!(texts, ["text"]);
    }

    #[tokio::test]
    async fn a_reply_that_lies_is_refused_before_it_is_read() {
        let mut whole = Vec::new();
        write(&mut whole, &Reply::Started, &["x".repeat(1000)]).unwrap();
        let huge = u64::MAX.to_le_bytes();
        let empty_blocks = |count: u64| {
            let head = format!("[\"Started\",{count}]");
            [&(head.len() as u64).to_le_bytes()[..], head.as_bytes(), &[0; 8 * 64]].concat()
        };
        for (bytes, max) in [
            (&whole[..], whole.len() - 1),
            (&whole[..whole.len() - 1], 1 << 20),
            (&huge, usize::MAX),
            (&[], 100),
            (&empty_blocks(u64::MAX), 256),
            (&[4, 0, 0, 0, 0, 0, 0, 0, b'j', b'u', b'n', b'k'], 100),
        ] {
            assert!(receive(&mut &*bytes, max).await.is_err());
        }
    }
}
